//! Where received positions go: into blocks of the pool, with a note of the gaps between them.

use crate::wire::StreamFrame;

use super::Streams;
use super::flags::State;
use super::gaps::{Gaps, Kind, NO_GAP, Use};
use super::receive::Fault;
use super::row::StreamHandle;

impl Streams<'_> {
    /// Puts the frame's positions where they belong, and tells up to where. That is short of the
    /// frame's end if there was room for its beginning only: read, it makes room for the rest,
    /// which comes again.
    pub(super) fn store_received(
        &mut self,
        stream: StreamHandle,
        frame: &StreamFrame<'_>,
        end: u64,
    ) -> Result<u64, Fault> {
        let contiguous = self.contiguous(stream);
        if end <= contiguous {
            return Ok(end);
        }
        let start = frame.offset.max(contiguous);
        let skip = usize::try_from(start.saturating_sub(frame.offset)).unwrap_or(usize::MAX);
        let data = frame.data.get(skip..).unwrap_or_default();
        // What waits for a gap to close leaves room for what closes it, and what waits for its
        // parent leaves room for that.
        let row = self.rows.get(stream).ok_or(Fault::StreamState)?;
        let is_waiting = start > contiguous || row.state.has(State::AWAITS_PARENT);
        let kept = if is_waiting { self.kept_for_order(row.party) } else { 0 };
        let gaps = if frame.mark { self.fetch_gaps(stream, Use::Needed) } else { None };
        let has_row = !frame.mark || gaps.is_some();
        if has_row && self.has_blocks(stream, end, gaps, kept) {
            self.store_whole(stream, start, data, gaps)?;
            self.note_received(stream, contiguous, start, end)?;
            return Ok(end);
        }
        self.tidy_gaps(stream);
        if is_waiting {
            return Err(Fault::NoCapacity);
        }
        let end = self.store_prefix(stream, start, data)?;
        self.note_received(stream, contiguous, start, end)?;
        Ok(end)
    }

    /// Whether the session may take blocks for positions up to `end`, of which the last is a mark
    /// if there is a row of gaps to note it in, and `kept` more.
    pub(super) fn has_blocks(
        &self,
        stream: StreamHandle,
        end: u64,
        gaps: Option<u32>,
        kept: u32,
    ) -> bool {
        let Some(row) = self.rows.get(stream) else { return false };
        let mut needed = row.receiving_rope.blocks_needed(&self.pool, end);
        if let Some(gaps) = gaps.and_then(|gaps| self.gaps.at(gaps)) {
            let last = end.saturating_sub(1) / 8;
            let marks = gaps.received_marks.blocks_needed(&self.pool, last.saturating_add(1));
            needed = needed.saturating_add(marks);
        }
        needed == 0 || needed.saturating_add(kept) <= self.free_blocks(row.party)
    }

    /// Writes `data`, and a mark behind it if there is a row of gaps to note it in.
    fn store_whole(
        &mut self,
        stream: StreamHandle,
        start: u64,
        data: &[u8],
        gaps: Option<u32>,
    ) -> Result<(), Fault> {
        let row = self.rows.get_mut(stream).ok_or(Fault::StreamState)?;
        let account = &mut self.parties.at_mut(row.party).ok_or(Fault::StreamState)?.incoming;
        let rope = &mut row.receiving_rope;
        let Some(gaps) = gaps.and_then(|gaps| self.gaps.at_mut(gaps)) else {
            let written = rope.write_at(&mut self.pool, account, start, data);
            return written.map_err(|_| Fault::NoCapacity);
        };
        let mark = start.saturating_add(data.len() as u64);
        // Nobody reads the byte at a mark.
        let covered = rope.cover(&mut self.pool, account, mark.saturating_add(1));
        covered.map_err(|_| Fault::NoCapacity)?;
        rope.write_at(&mut self.pool, account, start, data).map_err(|_| Fault::NoCapacity)?;
        let marks = &mut gaps.received_marks;
        marks.set_bit(&mut self.pool, account, mark).map_err(|_| Fault::NoCapacity)
    }

    /// Writes as much of `data` as there are blocks for, and tells where that ends.
    fn store_prefix(
        &mut self,
        stream: StreamHandle,
        start: u64,
        data: &[u8],
    ) -> Result<u64, Fault> {
        let row = self.rows.get_mut(stream).ok_or(Fault::StreamState)?;
        let account = &mut self.parties.at_mut(row.party).ok_or(Fault::StreamState)?.incoming;
        let free = u64::from(self.pool.room(account)).saturating_mul(self.pool.block_len() as u64);
        let rope = &mut row.receiving_rope;
        let room = rope.end(&self.pool).saturating_add(free).saturating_sub(start);
        let len = usize::try_from(room).unwrap_or(usize::MAX).min(data.len());
        let data = data.get(..len).filter(|data| !data.is_empty()).ok_or(Fault::NoCapacity)?;
        rope.write_at(&mut self.pool, account, start, data).map_err(|_| Fault::NoCapacity)?;
        Ok(start.saturating_add(len as u64))
    }

    /// Notes that `start .. end` is here; `start` is not below `contiguous`. The range is empty
    /// where a FIN came alone, ahead of what it ends.
    fn note_received(
        &mut self,
        stream: StreamHandle,
        contiguous: u64,
        start: u64,
        end: u64,
    ) -> Result<(), Fault> {
        let row = self.rows.get(stream).ok_or(Fault::StreamState)?;
        let has_gap = self.gaps.at(row.gaps).is_some_and(Gaps::has_gap);
        if start == contiguous {
            if has_gap {
                self.advance_contiguous(stream, end);
            }
            // Without a gap `highest` alone says it all.
            return Ok(());
        }
        let is_noted = if start == end {
            self.fetch_gaps(stream, Use::Needed).is_some()
        } else {
            self.add_range(stream, Kind::Received, start..end)
        };
        if !is_noted {
            self.tidy_gaps(stream);
            return Err(Fault::NoCapacity);
        }
        if !has_gap {
            self.set_contiguous(stream, contiguous);
        }
        Ok(())
    }

    /// The first gap closes at least up to `to`: absorb the ranges that it meets.
    fn advance_contiguous(&mut self, stream: StreamHandle, mut to: u64) {
        let Some(row) = self.rows.get(stream) else { return };
        let Some(party) = self.parties.at_mut(row.party) else { return };
        let Some(gaps) = self.gaps.at_mut(row.gaps) else { return };
        let highest = row.receiving.highest.max(to);
        let received = gaps.set_mut(Kind::Received);
        while let Some(first) = self.ranges.first(*received).filter(|first| first.start <= to) {
            to = to.max(first.end);
            self.ranges.pop_first(&mut party.ranges, received);
        }
        gaps.contiguous = if to < highest { to } else { NO_GAP };
    }

    fn set_contiguous(&mut self, stream: StreamHandle, to: u64) {
        if let Some(gaps) = self.rows.get(stream).and_then(|row| self.gaps.at_mut(row.gaps)) {
            gaps.contiguous = to;
        }
    }

    /// Everything below has been received.
    pub(super) fn contiguous(&self, stream: StreamHandle) -> u64 {
        let Some(row) = self.rows.get(stream) else { return 0 };
        let gap = self.gaps.at(row.gaps).map_or(NO_GAP, |gaps| gaps.contiguous);
        gap.min(row.receiving.highest)
    }
}
