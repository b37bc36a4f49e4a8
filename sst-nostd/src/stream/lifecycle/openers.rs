//! Parents whose next child waits for the window of ids to move.

use crate::storage::present;
use crate::stream::flags::{Events, State};
use crate::stream::row::StreamHandle;
use crate::stream::schedule::starved::wake_fed;
use crate::stream::tree_mut::TreeMut;

impl TreeMut<'_, '_> {
    /// The window of ids may have moved: whoever waited for it may try again.
    pub(super) fn wake_openers(&mut self) {
        if self.tree.id_waiters.is_empty() || !self.tree.has_id() {
            return;
        }
        let streams = &mut *self.streams;
        while let Some(index) = self.tree.id_waiters.pop_front(&mut streams.rows) {
            let entry = streams.rows.entry_at_mut(index);
            let Some((parent, row)) = present(entry, "only a living stream waits") else {
                continue;
            };
            row.state.clear(State::WAITS_IDS);
            let wanted = row.state.take(State::WANTS_CHILD_CREDIT);
            wake_fed(&mut streams.rows, &mut streams.events, parent);
            if wanted {
                streams.events.tell(&mut streams.rows, parent, Events::CHILD_CREDIT);
            }
        }
    }

    /// `parent`, which wants another child, waits for ids. It may wait for room already. Ids come
    /// within a round trip, and then it hears of both.
    pub(super) fn await_ids(&mut self, parent: StreamHandle) {
        let streams = &mut *self.streams;
        streams.starved.remove(&mut streams.rows, &mut streams.parties, parent);
        if let Some(row) = streams.rows.get_mut(parent) {
            row.state.set(State::WAITS_IDS);
        }
        self.tree.id_waiters.push_back(&mut streams.rows, parent.index());
    }
}
