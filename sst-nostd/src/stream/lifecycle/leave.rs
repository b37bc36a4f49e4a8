//! A stream leaves: its queues, its siblings, its ledger and its row.

use crate::storage::{HasLink, NONE, present};

use crate::stream::flags::State;
use crate::stream::nursery::Nursery;
use crate::stream::row::{EVENTS, Row, STALE_PRIORITY, StreamHandle, WAITING};
use crate::stream::tree_mut::TreeMut;

impl TreeMut<'_, '_> {
    /// Removes a stream and all it holds. Its children are orphans from now on: the root keeps
    /// them, their priorities stay as they are. Answers the parent at which it still waited for
    /// the application.
    pub(super) fn remove(&mut self, stream: StreamHandle) -> Option<StreamHandle> {
        self.leave_queues(stream);
        self.leave_siblings(stream);
        let index = stream.index();
        let mut one = self.look_up(stream)?;
        let nursery = one.give_back();
        let (id, waits_at) = (one.row.id, one.row.parent().filter(|_| one.row.is_unaccepted()));
        let party = self.tree.party;
        if let Some(party) = self.streams.parties.at_mut(party) {
            self.streams.rows.discard_at(&mut party.streams, index);
        }
        self.streams.ids.remove(party, id, index);
        if let Some(nursery) = nursery {
            self.free_nursery(nursery);
        }
        waits_at
    }

    /// Takes a stream out of all queues but that of its siblings.
    pub(super) fn leave_queues(&mut self, stream: StreamHandle) {
        let index = stream.index();
        let row = self.streams.rows.at(index);
        let Some(row) = present(row, "a stream is freed once") else { return };
        let is_scheduled = row.node.is_member();
        let [has_news, waits, is_stale] = [
            HasLink::<EVENTS>::link(row).is_linked(),
            HasLink::<WAITING>::link(row).is_linked(),
            HasLink::<STALE_PRIORITY>::link(row).is_linked(),
        ];
        if is_scheduled {
            self.tree.unschedule(&mut self.streams.rows, stream);
        }
        if has_news {
            self.streams.events.remove(&mut self.streams.rows, stream);
        }
        if waits {
            self.leave_waiting(stream);
        }
        if is_stale {
            self.tree.stale.remove(&mut self.streams.rows, index);
        }
        let _ = self.streams.lifetimes.set(index, None);
    }

    fn free_nursery(&mut self, mut nursery: Nursery) {
        let Self { streams, tree } = self;
        if let Some(party) = streams.parties.at_mut(tree.party) {
            streams.stores.discard_datagrams(tree, party, &mut nursery);
        }
        let root = streams.rows.get(tree.root).map_or(NONE, |root| root.nursery);
        if let Some(root) = streams.stores.nurseries.at_mut(root) {
            root.children.append(&mut streams.rows, &mut nursery.children);
            // Only in a session that is torn down may some still wait.
            root.unaccepted.append(&mut streams.rows, &mut nursery.unaccepted);
            root.datagram_streams.append(&mut streams.rows, &mut nursery.datagram_streams);
        }
    }

    /// Takes a stream out of the queue it waits in, whichever that is.
    pub(super) fn leave_waiting(&mut self, stream: StreamHandle) {
        let index = stream.index();
        let Self { streams, tree } = self;
        let row = streams.rows.get_mut(stream);
        let Some(row) = present(row, "only a living stream waits") else { return };
        if row.state.take(State::WAITS_IDS) {
            tree.id_waiters.remove(&mut streams.rows, index);
            return;
        }
        if streams.starved.remove(&mut streams.rows, &mut streams.parties, stream) {
            return;
        }
        let nursery = self.keeper(stream);
        let streams = &mut *self.streams;
        if let Some(nursery) = streams.stores.nurseries.at_mut(nursery)
            && !nursery.unaccepted.remove(&mut streams.rows, index)
        {
            nursery.datagram_streams.remove(&mut streams.rows, index);
        }
    }

    /// The index of the nursery that keeps `stream`: its parent's, or the root's if the parent
    /// is gone.
    fn keeper(&self, stream: StreamHandle) -> u32 {
        let rows = &self.streams.rows;
        let parent = rows.get(stream).and_then(Row::parent);
        let parent = parent.and_then(|parent| rows.get(parent));
        parent.or_else(|| rows.get(self.tree.root)).map_or(NONE, |row| row.nursery)
    }

    /// Takes a stream from among its siblings: its parent's children, or the root's if the
    /// parent is gone.
    pub(super) fn leave_siblings(&mut self, stream: StreamHandle) {
        self.tree.walk_on(&mut self.streams.rows, &self.streams.stores, stream);
        let nursery = self.keeper(stream);
        if let Some(nursery) = self.streams.stores.nurseries.at_mut(nursery) {
            nursery.children.remove(&mut self.streams.rows, stream.index());
        }
    }
}
