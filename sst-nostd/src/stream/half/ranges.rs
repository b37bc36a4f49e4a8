//! A stream's sets of ranges: what arrived behind a gap, was acknowledged there, is to be sent
//! again or was taken out of order.

use core::ops::Range;

use crate::storage::{NONE, present};

use crate::stream::flags::{After, Pending, State};
use crate::stream::gaps::{Gaps, Kind, Use};
use crate::stream::row::Row;
use crate::stream::stores::Stores;
use crate::stream::stream_mut::StreamMut;

impl Stores<'_> {
    /// A stream's set of ranges of one kind.
    pub(in crate::stream) fn set_of(&self, row: &Row, kind: Kind) -> u32 {
        self.gaps.at(row.gaps).map_or(NONE, |gaps| gaps.set(kind))
    }

    /// A stream's ranges of one kind, lowest first.
    pub(in crate::stream) fn ranges_of(
        &self,
        row: &Row,
        kind: Kind,
    ) -> impl Iterator<Item = Range<u64>> {
        self.ranges.iter(self.set_of(row, kind))
    }

    /// Whether positions of the stream are to be sent again.
    pub(in crate::stream) fn has_lost(&self, row: &Row) -> bool {
        self.set_of(row, Kind::Lost) != NONE
    }
}

impl StreamMut<'_, '_> {
    /// The index of the stream's row of gaps, fetched if it has none; `None` if there is no room.
    pub(in crate::stream) fn fetch_gaps(&mut self, for_use: Use) -> Option<u32> {
        let Self { row, party, stores, .. } = self;
        if row.gaps == NONE {
            let share = stores.gaps.shares().share(&party.gaps);
            let kept = if for_use == Use::Needed { 0 } else { (share / 4).max(1) };
            if party.gaps.held().saturating_add(kept) >= share {
                return None;
            }
            let mut gaps = Gaps::new();
            let (acked, read) = (row.sending.acked / 8, row.receiving.read / 8);
            gaps.sent_marks.clear_to(&mut stores.pool, &mut party.outgoing, acked);
            gaps.received_marks.clear_to(&mut stores.pool, &mut party.incoming, read);
            row.gaps = stores.gaps.insert(&mut party.gaps, gaps).ok()?.index();
        }
        Some(row.gaps)
    }

    /// Adds to one of the stream's sets, fetching rows for it as needed. `false`, and nothing
    /// changed, if there is no room.
    pub(in crate::stream) fn add_range(&mut self, kind: Kind, range: Range<u64>) -> bool {
        let for_use = if kind == Kind::Received { Use::Needed } else { Use::Optional };
        let Some(gaps) = self.fetch_gaps(for_use) else { return false };
        let gaps = self.stores.gaps.at_mut(gaps);
        let Some(gaps) = present(gaps, "a row of gaps that was fetched is here") else {
            return false;
        };
        let account = &mut self.party.ranges;
        self.stores.ranges.insert(account, gaps.set_mut(kind), range).is_ok()
    }

    /// Takes from one of the stream's sets. Where that would split a range and there is no room,
    /// the range stays, and the answer is `false`: all that follows from it is waste.
    pub(in crate::stream) fn drop_range(&mut self, kind: Kind, range: Range<u64>) -> bool {
        let Some(gaps) = self.stores.gaps.at_mut(self.row.gaps) else { return true };
        let account = &mut self.party.ranges;
        self.stores.ranges.remove(account, gaps.set_mut(kind), range).is_ok()
    }

    /// Notes positions to send again. Never fails: without room to note them exactly, more is
    /// sent again than was lost. Answers with what is noted.
    pub(in crate::stream) fn owe_positions(&mut self, range: Range<u64>) -> Range<u64> {
        if self.add_range(Kind::Lost, range.clone()) {
            return range;
        }
        let Self { row, party, stores, .. } = self;
        if let Some(lost) = stores.gaps.at_mut(row.gaps).map(|gaps| gaps.set_mut(Kind::Lost))
            && let (Some(first), Some(last)) =
                (stores.ranges.first(*lost), stores.ranges.last(*lost))
        {
            let all = first.start.min(range.start)..last.end.max(range.end);
            stores.ranges.clear(&mut party.ranges, lost);
            // It finds the room that the others left.
            let _ = stores.ranges.insert(&mut party.ranges, lost, all.clone());
            return all;
        }
        // Not even a row: everything from the loss on is sent again.
        row.sending.next = row.sending.next.min(range.start);
        if row.state.has(State::FIN_SENT) && !row.state.has(State::FIN_ACKED) {
            row.pending.set(Pending::FIN);
        }
        range
    }

    /// The first positions to send again.
    pub(in crate::stream) fn first_lost(&self) -> Option<Range<u64>> {
        self.stores.ranges.first(self.stores.set_of(self.row, Kind::Lost))
    }

    /// Positions need not be sent again.
    pub(in crate::stream) fn forget_lost(&mut self, range: Range<u64>) {
        let _ = self.drop_range(Kind::Lost, range);
    }

    /// What is acknowledged of `owed` need not be sent again, even if another copy of it was lost.
    pub(in crate::stream) fn forget_acked_of_lost(&mut self, owed: Range<u64>) {
        let acked = self.stores.set_of(self.row, Kind::Acked);
        let mut from = owed.start;
        while let Some(range) = self.stores.ranges.ending_after(acked, from)
            && range.start < owed.end
        {
            from = range.end;
            if !self.drop_range(Kind::Lost, range) {
                return;
            }
        }
    }

    /// Gives back a row of gaps that this event fetched and has no use for: as nobody could have
    /// had it meanwhile, nobody who waits hears of it.
    pub(in crate::stream) fn return_gaps(&mut self) -> bool {
        let is_unused = self.stores.gaps.at(self.row.gaps).is_some_and(Gaps::is_empty);
        if is_unused {
            let index = core::mem::replace(&mut self.row.gaps, NONE);
            self.stores.free_gaps(self.party, index);
        }
        is_unused
    }

    /// Gives back what the stream no longer needs beside its row.
    pub(in crate::stream) fn tidy_gaps(&mut self) {
        if self.return_gaps() {
            self.after.set(After::FEED);
        }
    }
}
