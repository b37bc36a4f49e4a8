//! What a stream needs only while it has marks or gaps.

use core::ops::Range;

use crate::limits::RANGES_PER_ROW;
use crate::storage::{NONE, RangeRow, Rope};

use super::Streams;
use super::flags::{Pending, State};
use super::row::StreamHandle;

/// What a row of gaps is wanted for. The last quarter of a session's share is for what arrives: two
/// hosts whose writers took all could not hear each other's acknowledgement of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To take in what the peer sent.
    Needed,
    /// To send, or to send less again.
    Optional,
}

/// Ranges of positions: a row of them.
pub type Ranges = RangeRow<RANGES_PER_ROW>;

/// In place of the first gap's position: there is none.
pub(super) const NO_GAP: u64 = u64::MAX;

/// Which of a stream's sets of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Received above the first gap.
    Received,
    /// Acknowledged above the first position that is not.
    Acked,
    /// To send again.
    Lost,
    /// Taken by the application out of order.
    Taken,
}

/// The rarely needed part of a stream. The ropes hold one bit per position.
#[derive(Debug)]
pub struct Gaps {
    /// Which positions not yet acknowledged are marks.
    pub(super) sent_marks: Rope,
    /// Which positions not yet taken are marks.
    pub(super) received_marks: Rope,
    /// Everything below has been received, and not what comes next; or [`NO_GAP`].
    pub(super) contiguous: u64,
    /// Sets of ranges, by [`Kind`].
    sets: [u32; 4],
}

impl Gaps {
    const fn new() -> Self {
        Self {
            sent_marks: Rope::new(),
            received_marks: Rope::new(),
            contiguous: NO_GAP,
            sets: [NONE; 4],
        }
    }

    /// Whether something is missing below the highest position received.
    pub(super) const fn has_gap(&self) -> bool {
        self.contiguous != NO_GAP
    }

    /// The set of this kind.
    pub(super) const fn set(&self, kind: Kind) -> u32 {
        let [received, acked, lost, taken] = self.sets;
        match kind {
            Kind::Received => received,
            Kind::Acked => acked,
            Kind::Lost => lost,
            Kind::Taken => taken,
        }
    }

    pub(super) const fn set_mut(&mut self, kind: Kind) -> &mut u32 {
        let [received, acked, lost, taken] = &mut self.sets;
        match kind {
            Kind::Received => received,
            Kind::Acked => acked,
            Kind::Lost => lost,
            Kind::Taken => taken,
        }
    }
}

impl Streams<'_> {
    /// A stream's set of ranges of one kind.
    pub(super) fn set_of(&self, gaps: u32, kind: Kind) -> u32 {
        self.gaps.at(gaps).map_or(NONE, |gaps| gaps.set(kind))
    }

    /// A stream's ranges of one kind, lowest first.
    pub(super) fn ranges_of(&self, gaps: u32, kind: Kind) -> impl Iterator<Item = Range<u64>> {
        self.ranges.iter(self.set_of(gaps, kind))
    }

    /// The index of a stream's row of gaps, fetched if it has none; `None` if there is no room.
    pub(super) fn fetch_gaps(&mut self, stream: StreamHandle, for_use: Use) -> Option<u32> {
        let row = self.rows.get_mut(stream)?;
        if row.gaps == NONE {
            let party = self.parties.at_mut(row.party)?;
            let share = self.gaps.shares().share(&party.gaps);
            let kept = if for_use == Use::Needed { 0 } else { (share / 4).max(1) };
            if party.gaps.held().saturating_add(kept) >= share {
                return None;
            }
            let mut gaps = Gaps::new();
            gaps.sent_marks.clear_to(&mut self.pool, &mut party.outgoing, row.sending.acked / 8);
            gaps.received_marks.clear_to(
                &mut self.pool,
                &mut party.incoming,
                row.receiving.read / 8,
            );
            row.gaps = self.gaps.insert(&mut party.gaps, gaps).ok()?.index();
        }
        Some(row.gaps)
    }

    /// Adds to one of a stream's sets, fetching rows for it as needed. `false`, and nothing
    /// changed, if there is no room.
    pub(super) fn add_range(
        &mut self,
        stream: StreamHandle,
        kind: Kind,
        range: Range<u64>,
    ) -> bool {
        let for_use = if kind == Kind::Received { Use::Needed } else { Use::Optional };
        let Some(gaps) = self.fetch_gaps(stream, for_use) else { return false };
        let Some(gaps) = self.gaps.at_mut(gaps) else { return false };
        let Some(party) = self.rows.get(stream).map(|row| row.party) else { return false };
        let Some(party) = self.parties.at_mut(party) else { return false };
        self.ranges.insert(&mut party.ranges, gaps.set_mut(kind), range).is_ok()
    }

    /// Takes from one of a stream's sets. Where that would split a range and there is no room,
    /// the range stays, and the answer is `false`: all that follows from it is waste.
    pub(super) fn drop_range(
        &mut self,
        stream: StreamHandle,
        kind: Kind,
        range: Range<u64>,
    ) -> bool {
        let Some(row) = self.rows.get(stream) else { return true };
        let Some(gaps) = self.gaps.at_mut(row.gaps) else { return true };
        let Some(party) = self.parties.at_mut(row.party) else { return true };
        self.ranges.remove(&mut party.ranges, gaps.set_mut(kind), range).is_ok()
    }

    /// Notes positions to send again. Never fails: without room to note them exactly, more is
    /// sent again than was lost. Answers with what is noted.
    pub(super) fn owe_positions(&mut self, stream: StreamHandle, range: Range<u64>) -> Range<u64> {
        if self.add_range(stream, Kind::Lost, range.clone()) {
            return range;
        }
        let Some(row) = self.rows.get_mut(stream) else { return range };
        if let Some(lost) = self.gaps.at_mut(row.gaps).map(|gaps| gaps.set_mut(Kind::Lost))
            && let Some(party) = self.parties.at_mut(row.party)
            && let (Some(first), Some(last)) = (self.ranges.first(*lost), self.ranges.last(*lost))
        {
            let all = first.start.min(range.start)..last.end.max(range.end);
            self.ranges.clear(&mut party.ranges, lost);
            // It finds the room that the others left.
            let _ = self.ranges.insert(&mut party.ranges, lost, all.clone());
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
    pub(super) fn first_lost(&self, stream: StreamHandle) -> Option<Range<u64>> {
        self.ranges.first(self.set_of(self.rows.get(stream)?.gaps, Kind::Lost))
    }

    /// Positions need not be sent again.
    pub(super) fn forget_lost(&mut self, stream: StreamHandle, range: Range<u64>) {
        let _ = self.drop_range(stream, Kind::Lost, range);
    }

    /// What is acknowledged of `owed` need not be sent again, even if another copy of it was lost.
    pub(super) fn forget_acked_of_lost(&mut self, stream: StreamHandle, owed: Range<u64>) {
        let Some(gaps) = self.rows.get(stream).map(|row| row.gaps) else { return };
        let acked = self.set_of(gaps, Kind::Acked);
        let mut from = owed.start;
        while let Some(range) = self.ranges.ending_after(acked, from)
            && range.start < owed.end
        {
            from = range.end;
            if !self.drop_range(stream, Kind::Lost, range) {
                return;
            }
        }
    }

    /// Gives back what a stream no longer needs beside its row.
    pub(super) fn tidy_gaps(&mut self, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let Some(gaps) = self.gaps.at_mut(row.gaps) else { return };
        let has_marks = gaps.sent_marks.len_blocks() > 0 || gaps.received_marks.len_blocks() > 0;
        if !has_marks && !gaps.has_gap() && gaps.sets == [NONE; 4] {
            let (index, party) = (core::mem::replace(&mut row.gaps, NONE), row.party);
            self.free_gaps(party, index);
            self.feed_starved(party);
        }
    }

    /// Gives back a row of gaps, which is the party's, and all that hangs on it.
    pub(super) fn free_gaps(&mut self, party: u32, gaps: u32) {
        let Some(party) = self.parties.at_mut(party) else { return };
        let Some(mut gaps) = self.gaps.remove_at(&mut party.gaps, gaps) else { return };
        gaps.sent_marks.clear_to(&mut self.pool, &mut party.outgoing, 0);
        gaps.received_marks.clear_to(&mut self.pool, &mut party.incoming, 0);
        for set in &mut gaps.sets {
            self.ranges.clear(&mut party.ranges, set);
        }
    }
}
