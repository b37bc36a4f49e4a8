//! What the streams of all sessions draw on, each session on its accounts.

use crate::limits::RANGES_PER_ROW;
use crate::storage::{BlockPool, RangeChains, SharedTable};

use super::StreamConfig;
use super::flags::State;
use super::gaps::Gaps;
use super::nursery::Nursery;
use super::outcomes::Outcomes;
use super::party::Party;
use super::row::Row;
use super::tree::Allowance;

/// Everything but the rows of streams themselves, so that it can be worked with beside one row.
pub(super) struct Stores<'s> {
    pub(super) config: StreamConfig,
    pub(super) pool: BlockPool<'s>,
    pub(super) nurseries: SharedTable<'s, Nursery>,
    pub(super) gaps: SharedTable<'s, Gaps>,
    pub(super) ranges: RangeChains<'s, RANGES_PER_ROW>,
    pub(super) outcomes: Outcomes<'s>,
}

impl Stores<'_> {
    /// The ledger of a stream as a parent, made if it has none. `None` if there is no room.
    pub(super) fn fetch_nursery(
        &mut self,
        row: &mut Row,
        party: &mut Party,
        allowance: &Allowance,
    ) -> Option<&mut Nursery> {
        if self.nurseries.at(row.nursery).is_none() {
            let is_root = row.state.has(State::ROOT);
            let (granted, allowed) = if is_root {
                (self.config.root_children, allowance.root_children)
            } else {
                (self.config.children, allowance.children)
            };
            let nursery = Nursery::new(granted, allowed, row.refused_children());
            row.nursery = self.nurseries.insert(&mut party.parents, nursery).ok()?.index();
        }
        self.nurseries.at_mut(row.nursery)
    }

    /// Gives back a row of gaps, which is the party's, and all that hangs on it.
    pub(super) fn free_gaps(&mut self, party: &mut Party, gaps: u32) {
        let Some(mut gaps) = self.gaps.remove_at(&mut party.gaps, gaps) else { return };
        gaps.sent_marks.clear_to(&mut self.pool, &mut party.outgoing, 0);
        gaps.received_marks.clear_to(&mut self.pool, &mut party.incoming, 0);
        for set in gaps.sets_mut() {
            self.ranges.clear(&mut party.ranges, set);
        }
    }
}
