//! What the streams of all sessions draw on, each session on its accounts.

use crate::limits::RANGES_PER_ROW;
use crate::storage::{BlockPool, RangeChains, SharedTable, present};

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

/// Blocks that writers may fill with bytes, of so many: the last is for the mark behind them, so
/// that whoever finds room finds room for a whole record of that size.
const fn for_bytes(blocks: u32) -> u32 {
    blocks.saturating_sub(1)
}

impl Stores<'_> {
    /// Bytes of the pool that the party's writers may take.
    pub(super) fn pool_room(&self, party: &Party) -> u64 {
        let free = self.pool.room(&party.outgoing);
        u64::from(for_bytes(free)).saturating_mul(self.pool.block_len() as u64)
    }

    /// Bytes that one party's writers could hold at most, if nobody held anything.
    pub(super) fn most_written(&self) -> u64 {
        u64::from(for_bytes(self.pool.most())).saturating_mul(self.pool.block_len() as u64)
    }

    /// Blocks of the share of what arrives that nothing but data in order may take: else data
    /// behind gaps could hold all of it and keep out what would close the gaps.
    pub(super) fn kept_for_order(&self, party: &Party) -> u32 {
        let share = self.pool.share(&party.incoming);
        (share / 8).max(2).min(share / 2)
    }

    /// Blocks that what arrives for the party may take now.
    pub(super) fn free_blocks(&self, party: &Party) -> u32 {
        self.pool.room(&party.incoming)
    }

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
        let gaps = self.gaps.remove_at(&mut party.gaps, gaps);
        let Some(mut gaps) = present(gaps, "a row of gaps is freed once") else { return };
        gaps.sent_marks.clear_to(&mut self.pool, &mut party.outgoing, 0);
        gaps.received_marks.clear_to(&mut self.pool, &mut party.incoming, 0);
        for set in gaps.sets_mut() {
            self.ranges.clear(&mut party.ranges, set);
        }
    }
}
