//! Where received positions go: into blocks of the pool, with a note of the gaps between them.

use crate::storage::present;
use crate::wire::StreamFrame;

use super::receive::Fault;
use crate::stream::flags::State;
use crate::stream::gaps::{Gaps, Kind, NO_GAP, Use};
use crate::stream::row::Row;
use crate::stream::stores::Stores;
use crate::stream::stream_mut::StreamMut;

impl Stores<'_> {
    /// Everything of the stream below has been received.
    pub(in crate::stream) fn contiguous(&self, row: &Row) -> u64 {
        let gap = self.gaps.at(row.gaps).map_or(NO_GAP, |gaps| gaps.contiguous);
        gap.min(row.receiving.highest)
    }

    /// Whether the end is known and everything before it is here.
    pub(in crate::stream) fn is_whole(&self, row: &Row) -> bool {
        row.state.has(State::FINAL_KNOWN) && self.contiguous(row) == row.receiving.highest
    }
}

impl StreamMut<'_, '_> {
    /// Puts the frame's positions where they belong, and tells up to where. That is short of the
    /// frame's end if there was room for its beginning only: read, it makes room for the rest,
    /// which comes again.
    pub(in crate::stream) fn store_received(
        &mut self,
        frame: &StreamFrame<'_>,
        end: u64,
    ) -> Result<u64, Fault> {
        let contiguous = self.stores.contiguous(self.row);
        if end <= contiguous {
            return Ok(end);
        }
        let start = frame.offset.max(contiguous);
        let skip = usize::try_from(start.saturating_sub(frame.offset)).unwrap_or(usize::MAX);
        let data = frame.data.get(skip..).unwrap_or_default();
        // What waits for a gap to close leaves room for what closes it, and what waits for its
        // parent leaves room for that.
        let is_waiting = start > contiguous || self.row.state.has(State::AWAITS_PARENT);
        let kept = if is_waiting { self.stores.kept_for_order(self.party) } else { 0 };
        let gaps = if frame.mark { self.fetch_gaps(Use::Needed) } else { None };
        let has_row = !frame.mark || gaps.is_some();
        if has_row && self.has_blocks(end, gaps, kept) {
            self.store_whole(start, data, gaps)?;
            self.note_received(contiguous, start, end)?;
            return Ok(end);
        }
        if is_waiting {
            return Err(Fault::NoCapacity);
        }
        // A row of gaps that was fetched for the mark is not wanted.
        self.tidy_gaps();
        let end = self.store_prefix(start, data)?;
        self.note_received(contiguous, start, end)?;
        Ok(end)
    }

    /// Whether the session may take blocks for positions up to `end`, of which the last is a mark
    /// if there is a row of gaps to note it in, and `kept` more.
    pub(in crate::stream) fn has_blocks(&self, end: u64, gaps: Option<u32>, kept: u32) -> bool {
        let stores = &*self.stores;
        let mut needed = self.row.receiving_rope.blocks_needed(&stores.pool, end);
        if let Some(gaps) = gaps.and_then(|gaps| stores.gaps.at(gaps)) {
            let last = end.saturating_sub(1) / 8;
            let marks = gaps.received_marks.blocks_needed(&stores.pool, last.saturating_add(1));
            needed = needed.saturating_add(marks);
        }
        needed == 0 || needed.saturating_add(kept) <= stores.free_blocks(self.party)
    }

    /// Writes `data`, and a mark behind it if there is a row of gaps to note it in.
    fn store_whole(&mut self, start: u64, data: &[u8], gaps: Option<u32>) -> Result<(), Fault> {
        let (pool, account) = (&mut self.stores.pool, &mut self.party.incoming);
        let rope = &mut self.row.receiving_rope;
        let Some(gaps) = gaps.and_then(|gaps| self.stores.gaps.at_mut(gaps)) else {
            let written = rope.write_at(pool, account, start, data);
            return written.map_err(|_| Fault::NoCapacity);
        };
        let mark = start.saturating_add(data.len() as u64);
        // Nobody reads the byte at a mark.
        let covered = rope.cover(pool, account, mark.saturating_add(1));
        covered.map_err(|_| Fault::NoCapacity)?;
        rope.write_at(pool, account, start, data).map_err(|_| Fault::NoCapacity)?;
        let marks = &mut gaps.received_marks;
        marks.set_bit(pool, account, mark).map_err(|_| Fault::NoCapacity)
    }

    /// Writes as much of `data` as there are blocks for, and tells where that ends.
    fn store_prefix(&mut self, start: u64, data: &[u8]) -> Result<u64, Fault> {
        let (pool, account) = (&mut self.stores.pool, &mut self.party.incoming);
        let free = u64::from(pool.room(account)).saturating_mul(pool.block_len() as u64);
        let rope = &mut self.row.receiving_rope;
        let room = rope.end(pool).saturating_add(free).saturating_sub(start);
        let len = usize::try_from(room).unwrap_or(usize::MAX).min(data.len());
        let data = data.get(..len).filter(|data| !data.is_empty()).ok_or(Fault::NoCapacity)?;
        rope.write_at(pool, account, start, data).map_err(|_| Fault::NoCapacity)?;
        Ok(start.saturating_add(len as u64))
    }

    /// Notes that `start .. end` is here; `start` is not below `contiguous`. The range is empty
    /// where a FIN came alone, ahead of what it ends.
    fn note_received(&mut self, contiguous: u64, start: u64, end: u64) -> Result<(), Fault> {
        let has_gap = self.stores.gaps.at(self.row.gaps).is_some_and(Gaps::has_gap);
        if start == contiguous {
            if has_gap {
                self.advance_contiguous(end);
            }
            // Without a gap `highest` alone says it all.
            return Ok(());
        }
        let is_noted = if start == end {
            self.fetch_gaps(Use::Needed).is_some()
        } else {
            self.add_range(Kind::Received, start..end)
        };
        if !is_noted {
            return Err(Fault::NoCapacity);
        }
        if !has_gap && let Some(gaps) = self.stores.gaps.at_mut(self.row.gaps) {
            gaps.contiguous = contiguous;
        }
        Ok(())
    }

    /// The first gap closes at least up to `to`: absorb the ranges that it meets.
    fn advance_contiguous(&mut self, mut to: u64) {
        let stores = &mut *self.stores;
        let gaps = stores.gaps.at_mut(self.row.gaps);
        let Some(gaps) = present(gaps, "a gap has its row") else { return };
        let highest = self.row.receiving.highest.max(to);
        let received = gaps.set_mut(Kind::Received);
        while let Some(first) = stores.ranges.first(*received).filter(|first| first.start <= to) {
            to = to.max(first.end);
            stores.ranges.pop_first(&mut self.party.ranges, received);
        }
        gaps.contiguous = if to < highest { to } else { NO_GAP };
    }
}
