//! Letting go: of a handle, of a finished stream, of a whole session.

use crate::storage::NONE;
use crate::time::Instant;
use crate::wire::StreamCode;

use super::Streams;
use super::flags::{Events, Pending, State};
use super::nursery::Nursery;
use super::row::{Row, StreamHandle};
use super::tree::Tree;

/// How many streams one call of [`Streams::tear_down`] frees.
const STEP: usize = 64;

impl Row {
    /// Whether something of the sending half is not acknowledged yet.
    fn is_busy(&self) -> bool {
        if self.state.has(State::SEND_DONE) {
            return false;
        }
        self.sending.acked < self.sending.written
            || self.state.has_any(State::FINISHED.with(State::SEND_RESET))
            || self.pending.has(Pending::OPEN)
    }

    /// Whether nobody needs the stream any more.
    fn is_over(&self) -> bool {
        let over = State::SEND_DONE.with(State::RECEIVE_DONE).with(State::RELEASED);
        self.state.has(over) && !self.state.has_any(State::ROOT.with(State::AWAITS_PARENT))
    }
}

impl Streams<'_> {
    /// The application lets go of `stream`. What it has not finished writing is reset, what it
    /// has not read is stopped; a finished stream is delivered all the same.
    pub fn release(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        if row.state.has_any(State::ROOT.with(State::RELEASED)) {
            return;
        }
        row.state.set(State::RELEASED);
        row.events = Events::default();
        self.eventful.remove(&mut self.rows, stream.index());
        self.let_go(tree, now, stream, StreamCode::DROPPED);
        self.refuse_unaccepted(tree, now, stream);
        self.settle(tree, stream);
    }

    /// Ends both halves of a stream nobody holds.
    fn let_go(&mut self, tree: &mut Tree, now: Instant, stream: StreamHandle, code: StreamCode) {
        let Some(row) = self.rows.get(stream) else { return };
        if !row.state.has(State::FINISHED) {
            self.reset(tree, stream, code);
        }
        let Some(row) = self.rows.get_mut(stream) else { return };
        if row.state.has(State::PEER_RESET) {
            row.state.set(State::RECEIVE_DONE);
        }
        self.stop(tree, now, stream, code);
    }

    /// Children that nobody will accept any more are turned away.
    fn refuse_unaccepted(&mut self, tree: &mut Tree, now: Instant, parent: StreamHandle) {
        let Some(nursery) = self.rows.get(parent).map(|row| row.nursery) else { return };
        while let Some(nursery) = self.nurseries.at_mut(nursery) {
            let next = nursery.unaccepted.pop_front(&mut self.rows);
            let next = next.or_else(|| nursery.datagram_streams.pop_front(&mut self.rows));
            let Some(child) = next.and_then(|index| self.rows.handle_at(index)) else { return };
            self.let_go(tree, now, child, StreamCode::REFUSED);
            self.settle(tree, child);
        }
    }

    /// Brings a stream's accounts up to date after any change, and frees it once it is over.
    pub(super) fn settle(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let (was_busy, is_busy) = (row.state.has(State::BUSY), row.is_busy());
        if is_busy && !was_busy {
            row.state.set(State::BUSY);
            tree.busy = tree.busy.saturating_add(1);
        } else if was_busy && !is_busy {
            row.state.clear(State::BUSY);
            tree.busy = tree.busy.saturating_sub(1);
        }
        if row.is_over() {
            self.free(tree, stream);
        }
    }

    /// Frees a stream and all it holds. Its children are orphans from now on: the root keeps
    /// them, their priorities stay as they are.
    fn free(&mut self, tree: &mut Tree, stream: StreamHandle) {
        self.unschedule(tree, stream);
        self.leave_siblings(tree, stream);
        let index = stream.index();
        self.eventful.remove(&mut self.rows, index);
        self.stale.remove(&mut self.rows, index);
        self.leave_waiting(stream);
        let _ = self.lifetimes.set(index, None);
        let Some(mut row) = self.rows.remove(stream) else { return };
        let hash = self.hash.hash_pair(u64::from(row.session), row.id.as_u64());
        self.index.remove(hash, index);
        row.sending.rope.clear_to(&mut self.pool, 0);
        row.receiving.rope.clear_to(&mut self.pool, 0);
        if row.gaps != NONE {
            self.free_gaps(row.gaps);
        }
        if let Some(nursery) = self.nurseries.remove_at(row.nursery) {
            self.free_nursery(tree, nursery);
        }
        tree.live = tree.live.saturating_sub(1);
        self.feed_starved();
    }

    fn free_nursery(&mut self, tree: &mut Tree, mut nursery: Nursery) {
        nursery.incoming.clear(&mut self.pool);
        nursery.outgoing.clear(&mut self.pool);
        let root = self.rows.get(tree.root).map_or(NONE, |root| root.nursery);
        if let Some(root) = self.nurseries.at_mut(root) {
            root.children.append(&mut self.rows, &mut nursery.children);
        }
    }

    /// Takes a stream out of the queue it waits in, whichever that is.
    fn leave_waiting(&mut self, stream: StreamHandle) {
        let index = stream.index();
        if self.starved.remove(&mut self.rows, index) {
            return;
        }
        let nursery = self
            .rows
            .get(stream)
            .and_then(|row| row.parent)
            .and_then(|parent| self.rows.get(parent))
            .map_or(NONE, |parent| parent.nursery);
        if let Some(nursery) = self.nurseries.at_mut(nursery)
            && !nursery.unaccepted.remove(&mut self.rows, index)
        {
            nursery.datagram_streams.remove(&mut self.rows, index);
        }
    }

    /// Puts a stream among the children of `parent`, which has a nursery.
    pub(super) fn join_siblings(
        &mut self,
        tree: &Tree,
        parent: StreamHandle,
        stream: StreamHandle,
    ) {
        if self.fetch_nursery(tree, parent).is_none() {
            return;
        }
        let nursery = self.rows.get(parent).map_or(NONE, |row| row.nursery);
        if let Some(nursery) = self.nurseries.at_mut(nursery) {
            nursery.children.push_back(&mut self.rows, stream.index());
        }
    }

    /// Takes a stream from among its siblings: its parent's children, or the root's if the
    /// parent is gone.
    pub(super) fn leave_siblings(&mut self, tree: &Tree, stream: StreamHandle) {
        let parent = self.rows.get(stream).and_then(|row| row.parent);
        let living = parent.filter(|parent| self.rows.get(*parent).is_some());
        let keeper = living.unwrap_or(tree.root);
        let nursery = self.rows.get(keeper).map_or(NONE, |row| row.nursery);
        if let Some(nursery) = self.nurseries.at_mut(nursery) {
            nursery.children.remove(&mut self.rows, stream.index());
        }
    }

    /// Frees the streams of a session that is gone, a step's worth; `true` when none is left
    /// and the root is gone too.
    pub fn tear_down(&mut self, tree: &mut Tree) -> bool {
        for _ in 0..STEP {
            let nursery = self.rows.get(tree.root).map_or(NONE, |root| root.nursery);
            let first = self.nurseries.at(nursery).and_then(|root| root.children.front());
            match first.and_then(|index| self.rows.handle_at(index)) {
                Some(stream) => self.free(tree, stream),
                None => {
                    self.free_root(tree);
                    return true;
                }
            }
        }
        false
    }

    fn free_root(&mut self, tree: &mut Tree) {
        self.unschedule(tree, tree.root);
        let index = tree.root.index();
        self.eventful.remove(&mut self.rows, index);
        self.stale.remove(&mut self.rows, index);
        self.starved.remove(&mut self.rows, index);
        if let Some(row) = self.rows.remove(tree.root)
            && let Some(mut nursery) = self.nurseries.remove_at(row.nursery)
        {
            nursery.incoming.clear(&mut self.pool);
            nursery.outgoing.clear(&mut self.pool);
        }
    }
}
