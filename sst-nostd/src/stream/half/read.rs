//! The application's side of the receiving half: read bytes, records, or whatever has arrived.

use core::ops::Range;

use crate::storage::{Account, BlockPool, Rope};
use crate::time::Instant;
use crate::wire::StreamCode;

use crate::stream::bound::Bound;
use crate::stream::copy_out;
use crate::stream::flags::{After, Pending, State};
use crate::stream::gaps::Kind;
use crate::stream::row::Row;
use crate::stream::stream_mut::StreamMut;

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing has arrived: wait for
    /// [`StreamEvent::Readable`](crate::stream::StreamEvent::Readable).
    Blocked,
    /// The buffer is too small for the datagram, which stays; it needs this many bytes.
    BufferTooSmall(usize),
    /// The peer reset its half, with this code. What was not read is gone.
    Reset(StreamCode),
    /// The session ended before the stream did: there is more that will never arrive.
    SessionClosed,
    /// This host stopped the stream before.
    Stopped,
    /// There is no such stream (any more), or it is a session's root, which carries no bytes.
    UnknownStream,
}

/// What [`TreeMut::read_on`](crate::stream::TreeMut::read_on) read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BytesRead {
    /// Bytes put in the buffer.
    pub len: usize,
    /// The stream ended behind them: there is nothing more to read.
    pub finished: bool,
}

/// What [`TreeMut::read_record`](crate::stream::TreeMut::read_record) read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordRead {
    /// Bytes put in the buffer.
    pub len: usize,
    /// The record ends after them.
    pub end: bool,
    /// The stream ended: there is no more record. Bytes may come with it that no mark ended.
    pub finished: bool,
}

impl Row {
    /// Whether everything up to a known end has been taken.
    const fn is_read_out(&self) -> bool {
        self.state.has(State::FINAL_KNOWN) && self.receiving.read == self.receiving.highest
    }
}

impl StreamMut<'_, '_> {
    /// Reads bytes in order, marks left out. `Ok(0)` for a buffer with room means the end.
    /// Also whether the end follows.
    pub(in crate::stream) fn read(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<BytesRead, ReadError> {
        self.check_readable()?;
        let mut taken: u64 = 0;
        let mut len = 0;
        while let Some(room) = buf.get_mut(len..).filter(|room| !room.is_empty()) {
            let step = self.step(room);
            len = len.saturating_add(step.len);
            taken = taken.saturating_add(step.positions());
            if step.len == 0 && !step.mark {
                break;
            }
        }
        self.after_read(now, taken);
        let finished = self.row.is_read_out();
        if len == 0 && !buf.is_empty() && !finished {
            return Err(ReadError::Blocked);
        }
        Ok(BytesRead { len, finished })
    }

    /// Reads bytes of one record, never past its mark.
    pub(in crate::stream) fn read_record(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<RecordRead, ReadError> {
        self.check_readable()?;
        let mut taken: u64 = 0;
        let mut read = RecordRead::default();
        loop {
            let room = buf.get_mut(read.len..).unwrap_or_default();
            let step = self.step(room);
            read.len = read.len.saturating_add(step.len);
            read.end = step.mark;
            taken = taken.saturating_add(step.positions());
            if step.mark || step.len == 0 {
                break;
            }
        }
        self.after_read(now, taken);
        read.finished = self.row.is_read_out();
        if read.len == 0 && !read.end && !read.finished && !buf.is_empty() {
            return Err(ReadError::Blocked);
        }
        Ok(read)
    }

    /// Takes any bytes that have arrived and were not taken, in order or not.
    pub(in crate::stream) fn read_unordered(
        &mut self,
        now: Instant,
        buf: &mut [u8],
    ) -> Result<Option<(u64, usize)>, ReadError> {
        self.check_readable()?;
        self.row.state.set(State::UNORDERED);
        loop {
            let Some(range) = self.first_untaken() else {
                let is_over = self.row.is_read_out();
                return if is_over { Ok(None) } else { Err(ReadError::Blocked) };
            };
            let mark = self.next_received_mark(range.start, range.end);
            let data_end = mark.unwrap_or(range.end);
            let available = data_end.saturating_sub(range.start);
            let len = usize::try_from(available).unwrap_or(usize::MAX).min(buf.len());
            let to = buf.get_mut(..len).unwrap_or_default();
            copy_out(&mut self.row.receiving_rope, &self.stores.pool, range.start, to);
            let len_positions = len as u64;
            let takes_mark = mark.is_some() && len_positions == available;
            let end = range.start.saturating_add(len_positions);
            let end = end.saturating_add(u64::from(takes_mark));
            if end == range.start {
                return Err(ReadError::Blocked);
            }
            self.take_positions(now, range.start..end)?;
            if len > 0 {
                return Ok(Some((range.start, len)));
            }
        }
    }

    /// Asks the peer to send no more; what has arrived and what will is thrown away.
    pub(in crate::stream) fn stop(&mut self, now: Instant, code: StreamCode) {
        let over = State::STOPPED.with(State::PEER_RESET).with(State::RECEIVE_DONE);
        if self.row.state.has_any(over.with(State::ROOT)) {
            return;
        }
        self.row.state.set(State::STOPPED);
        self.row.receiving.bound = Bound::code(code);
        self.row.pending.clear(Pending::STREAM_LIMIT);
        let is_final = self.row.state.has(State::FINAL_KNOWN);
        self.throw_away(now);
        if !is_final {
            self.owe(Pending::STOP);
        }
    }

    fn check_readable(&self) -> Result<(), ReadError> {
        let state = self.row.state;
        if state.has(State::ROOT) {
            Err(ReadError::UnknownStream)
        } else if state.has(State::PEER_RESET)
            && let Some(code) = self.row.receiving.bound.as_code()
        {
            Err(ReadError::Reset(code))
        } else if state.has(State::STOPPED) {
            Err(ReadError::Stopped)
        } else {
            Ok(())
        }
    }

    /// Takes the next run of bytes, or the mark that stands there.
    fn step(&mut self, room: &mut [u8]) -> Step {
        let read = self.row.receiving.read;
        let is_unordered = self.row.state.has(State::UNORDERED);
        let mut contiguous = self.stores.contiguous(self.row);
        if is_unordered
            && let Some(first) = self.stores.ranges.first(self.stores.set_of(self.row, Kind::Taken))
        {
            // What was taken out of order is not taken again.
            contiguous = contiguous.min(first.start);
        }
        let mark = self.next_received_mark(read, contiguous);
        let available = mark.unwrap_or(contiguous).saturating_sub(read);
        let len = usize::try_from(available).unwrap_or(usize::MAX).min(room.len());
        let at_mark = mark.is_some() && len as u64 == available;
        let to = room.get_mut(..len).unwrap_or_default();
        copy_out(&mut self.row.receiving_rope, &self.stores.pool, read, to);
        let read = read.saturating_add(len as u64).saturating_add(u64::from(at_mark));
        self.row.receiving.read = read;
        if is_unordered {
            self.absorb_taken();
        }
        Step { len, mark: at_mark }
    }

    fn next_received_mark(&mut self, from: u64, to: u64) -> Option<u64> {
        let gaps = self.stores.gaps.at_mut(self.row.gaps)?;
        gaps.received_marks.next_bit(&self.stores.pool, from, to)
    }

    /// Frees what was read and renews credit for that many positions.
    fn after_read(&mut self, now: Instant, positions: u64) {
        self.free_read();
        if positions > 0 {
            self.on_taken(now, positions);
            self.after.set(After::FEED);
        }
    }

    /// Frees the blocks of what was read; at the end, the half is done.
    fn free_read(&mut self) {
        let Self { row, party, tree, stores, .. } = self;
        let read = row.receiving.read;
        let is_empty = read == row.receiving.highest;
        let memory = (&mut stores.pool, &mut party.incoming);
        release(&mut row.receiving_rope, memory, read, is_empty);
        if let Some(gaps) = stores.gaps.at_mut(row.gaps) {
            let memory = (&mut stores.pool, &mut party.incoming);
            release(&mut gaps.received_marks, memory, read / 8, is_empty);
        }
        if is_empty && row.state.has(State::FINAL_KNOWN) {
            row.state.set(State::RECEIVE_DONE);
            tree.narrow(&mut row.receiving, stores.config.stream_window);
        }
    }

    /// The first positions that have arrived and were not taken.
    fn first_untaken(&self) -> Option<Range<u64>> {
        let (row, stores) = (&*self.row, &*self.stores);
        let here = row.receiving.read..stores.contiguous(row);
        let mut taken = stores.ranges_of(row, Kind::Taken).peekable();
        core::iter::once(here).chain(stores.ranges_of(row, Kind::Received)).find_map(|range| {
            let mut start = range.start;
            while let Some(done) = taken.next_if(|done| done.start <= start) {
                start = start.max(done.end);
            }
            let end = taken.peek().map_or(range.end, |next| next.start.min(range.end));
            (start < end).then_some(start..end)
        })
    }

    /// Notes positions taken, in order or not. They count as taken at once; their memory comes
    /// back when everything before them is taken too.
    fn take_positions(&mut self, now: Instant, range: Range<u64>) -> Result<(), ReadError> {
        let count = range.end.saturating_sub(range.start);
        if range.start == self.row.receiving.read {
            self.row.receiving.read = range.end;
        } else if !self.add_range(Kind::Taken, range) {
            return Err(ReadError::Blocked);
        }
        self.absorb_taken();
        self.free_read();
        self.on_taken(now, count);
        self.after.set(After::FEED);
        Ok(())
    }

    /// Moves `read` over positions that were taken before.
    fn absorb_taken(&mut self) {
        let Self { row, party, stores, .. } = self;
        let Some(gaps) = stores.gaps.at_mut(row.gaps) else { return };
        let taken = gaps.set_mut(Kind::Taken);
        while let Some(first) =
            stores.ranges.first(*taken).filter(|first| first.start <= row.receiving.read)
        {
            row.receiving.read = row.receiving.read.max(first.end);
            stores.ranges.pop_first(&mut party.ranges, taken);
        }
    }
}

/// One step of reading.
#[derive(Default)]
struct Step {
    len: usize,
    mark: bool,
}

impl Step {
    /// How many positions it took.
    const fn positions(&self) -> u64 {
        (self.len as u64).saturating_add(self.mark as u64)
    }
}

fn release(
    rope: &mut Rope,
    (pool, account): (&mut BlockPool<'_>, &mut Account),
    below: u64,
    all: bool,
) {
    if all {
        rope.clear_to(pool, account, below);
    } else {
        rope.release_before(pool, account, below);
    }
}
