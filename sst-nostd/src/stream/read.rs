//! The application's side of the receiving half: read bytes, records, or whatever has arrived.

use core::ops::Range;

use crate::storage::{Account, BlockPool, Rope};
use crate::time::Instant;
use crate::wire::StreamCode;

use super::bound::Bound;
use super::flags::{Pending, State};
use super::gaps::Kind;
use super::row::StreamHandle;
use super::tree::Tree;
use super::{Streams, copy_out};

/// Why nothing was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// Nothing has arrived: wait for [`StreamEvent::Readable`](super::StreamEvent::Readable).
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

/// What [`Streams::read_record`] read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordRead {
    /// Bytes put in the buffer.
    pub len: usize,
    /// The record ends after them.
    pub end: bool,
    /// The stream ended: there is no more record. Bytes may come with it that no mark ended.
    pub finished: bool,
}

impl Streams<'_> {
    /// Reads bytes in order, marks left out. `Ok(0)` for a buffer with room means the end.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<usize, ReadError> {
        self.check_readable(stream)?;
        let mut taken: u64 = 0;
        let mut len = 0;
        while let Some(room) = buf.get_mut(len..).filter(|room| !room.is_empty()) {
            let step = self.step(stream, room);
            len = len.saturating_add(step.len);
            taken = taken.saturating_add(step.positions());
            if step.len == 0 && !step.mark {
                break;
            }
        }
        self.after_read(tree, now, stream, taken);
        if len == 0 && !buf.is_empty() && !self.is_read_out(stream) {
            return Err(ReadError::Blocked);
        }
        Ok(len)
    }

    /// Reads bytes of one record, never past its mark.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_record(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<RecordRead, ReadError> {
        self.check_readable(stream)?;
        let mut taken: u64 = 0;
        let mut read = RecordRead::default();
        loop {
            let room = buf.get_mut(read.len..).unwrap_or_default();
            let step = self.step(stream, room);
            read.len = read.len.saturating_add(step.len);
            read.end = step.mark;
            taken = taken.saturating_add(step.positions());
            if step.mark || step.len == 0 {
                break;
            }
        }
        self.after_read(tree, now, stream, taken);
        read.finished = self.is_read_out(stream);
        if read.len == 0 && !read.end && !read.finished && !buf.is_empty() {
            return Err(ReadError::Blocked);
        }
        Ok(read)
    }

    /// Takes any bytes that have arrived and were not taken, in order or not: their position
    /// and number. `None` when nothing is left and nothing will come. Marks are left out but
    /// have positions.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read_unordered(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        buf: &mut [u8],
    ) -> Result<Option<(u64, usize)>, ReadError> {
        self.check_readable(stream)?;
        if let Some(row) = self.rows.get_mut(stream) {
            row.state.set(State::UNORDERED);
        }
        loop {
            let Some(range) = self.first_untaken(stream) else {
                let is_over = self.is_read_out(stream);
                return if is_over { Ok(None) } else { Err(ReadError::Blocked) };
            };
            let mark = self.next_received_mark(stream, range.start, range.end);
            let data_end = mark.unwrap_or(range.end);
            let available = data_end.saturating_sub(range.start);
            let len = usize::try_from(available).unwrap_or(usize::MAX).min(buf.len());
            let to = buf.get_mut(..len).unwrap_or_default();
            if let Some(row) = self.rows.get_mut(stream) {
                copy_out(&mut row.receiving_rope, &self.pool, range.start, to);
            }
            let len_positions = len as u64;
            let takes_mark = mark.is_some() && len_positions == available;
            let end = range.start.saturating_add(len_positions);
            let end = end.saturating_add(u64::from(takes_mark));
            if end == range.start {
                return Err(ReadError::Blocked);
            }
            self.take_positions(tree, now, stream, range.start..end)?;
            if len > 0 {
                return Ok(Some((range.start, len)));
            }
        }
    }

    /// Asks the peer to send no more; what has arrived and what will is thrown away.
    pub fn stop(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle, code: StreamCode) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let over = State::STOPPED.with(State::PEER_RESET).with(State::RECEIVE_DONE);
        if row.state.has_any(over.with(State::ROOT)) {
            return;
        }
        row.state.set(State::STOPPED);
        let is_final = row.state.has(State::FINAL_KNOWN);
        row.receiving.bound = Bound::code(code);
        row.pending.clear(Pending::STREAM_LIMIT);
        self.throw_away(tree, now, stream);
        if !is_final {
            self.owe(tree, stream, Pending::STOP);
        }
        self.settle(tree, stream);
    }

    fn check_readable(&self, stream: StreamHandle) -> Result<(), ReadError> {
        let row = self.rows.get(stream).ok_or(ReadError::UnknownStream)?;
        if row.state.has(State::ROOT) {
            Err(ReadError::UnknownStream)
        } else if row.state.has(State::PEER_RESET)
            && let Some(code) = row.receiving.bound.as_code()
        {
            Err(ReadError::Reset(code))
        } else if row.state.has(State::STOPPED) {
            Err(ReadError::Stopped)
        } else {
            Ok(())
        }
    }

    /// Everything up to a known end has been taken.
    pub(super) fn is_read_out(&self, stream: StreamHandle) -> bool {
        self.rows.get(stream).is_some_and(|row| {
            row.state.has(State::FINAL_KNOWN) && row.receiving.read == row.receiving.highest
        })
    }

    /// Takes the next run of bytes, or the mark that stands there.
    fn step(&mut self, stream: StreamHandle, room: &mut [u8]) -> Step {
        let Some(row) = self.rows.get(stream) else { return Step::default() };
        let read = row.receiving.read;
        let is_unordered = row.state.has(State::UNORDERED);
        let mut contiguous = self.contiguous(stream);
        if is_unordered && let Some(first) = self.ranges.first(self.set_of(row.gaps, Kind::Taken)) {
            // What was taken out of order is not taken again.
            contiguous = contiguous.min(first.start);
        }
        let mark = self.next_received_mark(stream, read, contiguous);
        let available = mark.unwrap_or(contiguous).saturating_sub(read);
        let len = usize::try_from(available).unwrap_or(usize::MAX).min(room.len());
        let at_mark = mark.is_some() && len as u64 == available;
        let Some(row) = self.rows.get_mut(stream) else { return Step::default() };
        let to = room.get_mut(..len).unwrap_or_default();
        copy_out(&mut row.receiving_rope, &self.pool, read, to);
        row.receiving.read = read.saturating_add(len as u64).saturating_add(u64::from(at_mark));
        if is_unordered {
            self.absorb_taken(stream);
        }
        Step { len, mark: at_mark }
    }

    fn next_received_mark(&mut self, stream: StreamHandle, from: u64, to: u64) -> Option<u64> {
        let gaps = self.gaps.at_mut(self.rows.get(stream)?.gaps)?;
        gaps.received_marks.next_bit(&self.pool, from, to)
    }

    /// Frees what was read and renews credit for that many positions.
    fn after_read(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle, positions: u64) {
        self.free_read(tree, stream);
        if positions > 0 {
            self.on_taken(tree, now, stream, positions);
            self.feed_starved(tree.party);
        }
        self.settle(tree, stream);
    }

    /// Frees the blocks of what was read; at the end, the half is done.
    fn free_read(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let read = row.receiving.read;
        let is_empty = read == row.receiving.highest;
        let Some(party) = self.parties.at_mut(row.party) else { return };
        let memory = (&mut self.pool, &mut party.incoming);
        release(&mut row.receiving_rope, memory, read, is_empty);
        if let Some(gaps) = self.gaps.at_mut(row.gaps) {
            let memory = (&mut self.pool, &mut party.incoming);
            release(&mut gaps.received_marks, memory, read / 8, is_empty);
        }
        if is_empty && row.state.has(State::FINAL_KNOWN) {
            row.state.set(State::RECEIVE_DONE);
            tree.narrow(&mut row.receiving, self.config.stream_window);
        }
    }

    /// The first positions that have arrived and were not taken.
    fn first_untaken(&self, stream: StreamHandle) -> Option<Range<u64>> {
        let row = self.rows.get(stream)?;
        let here = row.receiving.read..self.contiguous(stream);
        let mut taken = self.ranges_of(row.gaps, Kind::Taken).peekable();
        core::iter::once(here).chain(self.ranges_of(row.gaps, Kind::Received)).find_map(|range| {
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
    fn take_positions(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        range: Range<u64>,
    ) -> Result<(), ReadError> {
        let count = range.end.saturating_sub(range.start);
        let Some(row) = self.rows.get_mut(stream) else { return Ok(()) };
        if range.start == row.receiving.read {
            row.receiving.read = range.end;
        } else if !self.add_range(stream, Kind::Taken, range) {
            return Err(ReadError::Blocked);
        }
        self.absorb_taken(stream);
        self.free_read(tree, stream);
        self.on_taken(tree, now, stream, count);
        self.feed_starved(tree.party);
        self.settle(tree, stream);
        Ok(())
    }

    /// Moves `read` over positions that were taken before.
    fn absorb_taken(&mut self, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let Some(party) = self.parties.at_mut(row.party) else { return };
        if let Some(taken) = self.gaps.at_mut(row.gaps).map(|gaps| gaps.set_mut(Kind::Taken)) {
            while let Some(first) =
                self.ranges.first(*taken).filter(|first| first.start <= row.receiving.read)
            {
                row.receiving.read = row.receiving.read.max(first.end);
                self.ranges.pop_first(&mut party.ranges, taken);
            }
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
