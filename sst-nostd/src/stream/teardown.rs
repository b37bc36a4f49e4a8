//! Letting go: of a handle, of a finished stream, of a whole session.

use crate::storage::{HasLink, NONE, Queue};
use crate::time::Instant;
use crate::wire::StreamCode;

use super::Streams;
use super::flags::{Events, State};
use super::nursery::Nursery;
use super::row::{EVENTS, NO_NURSERY, Row, STALE_PRIORITY, StreamHandle, WAITING};
use super::stream_mut::StreamMut;
use super::tree::Tree;

/// How many streams one call of [`Streams::tear_down`] frees.
const STEP: usize = 64;

impl Row {
    /// Whether something of the sending half is not acknowledged yet.
    pub(super) fn is_busy(&self) -> bool {
        if self.state.has(State::SEND_DONE) {
            return false;
        }
        self.sending.acked < self.sending.written
            || self.state.has_any(State::FINISHED.with(State::SEND_RESET))
            || (self.state.has(State::LOCAL) && !self.state.has(State::OPENED))
    }

    /// Whether the peer opened it and it still waits for the application.
    const fn is_unaccepted(&self) -> bool {
        !self.state.has_any(State::LOCAL.with(State::ACCEPTED))
    }

    /// Whether nobody needs the stream any more.
    pub(super) fn is_over(&self) -> bool {
        let over = State::SEND_DONE.with(State::RECEIVE_DONE);
        self.state.has(over)
            && self.is_dropped()
            && !self.state.has_any(State::ROOT.with(State::AWAITS_PARENT))
    }
}

impl StreamMut<'_, '_> {
    /// Gives back all that the stream holds but its row; its ledger of children, if it has one, is
    /// taken out of its table for the caller to clear.
    fn give_back(&mut self) -> Option<Nursery> {
        let Self { row, party, tree, stores, .. } = self;
        tree.narrow(&mut row.receiving, stores.config.stream_window);
        row.sending_rope.clear_to(&mut stores.pool, &mut party.outgoing, 0);
        row.receiving_rope.clear_to(&mut stores.pool, &mut party.incoming, 0);
        if row.gaps != NONE {
            stores.free_gaps(party, row.gaps);
        }
        tree.live = tree.live.saturating_sub(1);
        if row.state.has(State::BUSY) {
            tree.busy = tree.busy.saturating_sub(1);
        }
        stores.nurseries.remove_at(&mut party.parents, row.nursery)
    }

    /// Ends both halves of a stream nobody holds.
    fn let_go(&mut self, now: Instant, code: StreamCode) {
        if !self.row.state.has(State::FINISHED) {
            self.reset(code);
        }
        if self.row.state.has(State::PEER_RESET) {
            self.row.state.set(State::RECEIVE_DONE);
        }
        self.stop(now, code);
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
        let has_news = HasLink::<EVENTS>::link(row).is_linked();
        let is_parent = row.nursery < NO_NURSERY;
        if has_news {
            self.eventful.remove(&mut self.rows, stream.index());
        }
        if is_parent {
            let mut waiting = Queue::new();
            self.take_unaccepted(stream, &mut waiting);
            self.turn_away_all(tree, now, waiting, StreamCode::PARENT_GONE);
        }
        self.with(tree, stream, |one| one.let_go(now, StreamCode::DROPPED));
    }

    /// Ends a stream that the application was never given, and what waits under it.
    pub(super) fn turn_away(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        stream: StreamHandle,
        code: StreamCode,
    ) {
        self.leave_waiting(tree, stream);
        let mut waiting = Queue::new();
        waiting.push_back(&mut self.rows, stream.index());
        self.turn_away_all(tree, now, waiting, code);
    }

    /// Ends all of `waiting` and all that waits under them, however deep.
    fn turn_away_all(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        mut waiting: Queue<WAITING>,
        code: StreamCode,
    ) {
        while let Some(index) = waiting.pop_front(&mut self.rows) {
            let Some(stream) = self.rows.handle_at(index) else { continue };
            self.take_unaccepted(stream, &mut waiting);
            let Some(row) = self.rows.get_mut(stream) else { continue };
            row.state.set(State::ACCEPTED.with(State::RELEASED));
            if let Some(parent) = row.parent() {
                self.on_child_settled(tree, parent);
            }
            self.with(tree, stream, |one| one.let_go(now, code));
        }
    }

    /// Moves the children of `parent` that the application was not given to `waiting`.
    fn take_unaccepted(&mut self, parent: StreamHandle, waiting: &mut Queue<WAITING>) {
        let Some(nursery) = self.rows.get(parent).map(|row| row.nursery) else { return };
        if let Some(nursery) = self.stores.nurseries.at_mut(nursery) {
            waiting.append(&mut self.rows, &mut nursery.unaccepted);
            waiting.append(&mut self.rows, &mut nursery.datagram_streams);
        }
    }

    /// Frees a stream and all it holds. Its children are orphans from now on: the root keeps
    /// them, their priorities stay as they are.
    pub(super) fn free(&mut self, tree: &mut Tree, stream: StreamHandle) {
        self.leave_queues(tree, stream);
        self.leave_siblings(tree, stream);
        let index = stream.index();
        let Some(mut one) = self.look_up(tree, stream) else { return };
        let nursery = one.give_back();
        let (id, waits_at) = (one.row.id, one.row.parent().filter(|_| one.row.is_unaccepted()));
        if let Some(party) = self.parties.at_mut(tree.party) {
            self.rows.discard_at(&mut party.streams, index);
        }
        let hash = self.hash.hash_pair(u64::from(tree.party), id.as_u64());
        self.index.remove(hash, index);
        self.found = None;
        if let Some(nursery) = nursery {
            self.free_nursery(tree, nursery);
        }
        if let Some(parent) = waits_at {
            // A datagram that was given up before anyone took it.
            self.on_child_settled(tree, parent);
        }
        self.feed_starved(tree.party);
    }

    /// Takes a stream out of all queues but that of its siblings.
    fn leave_queues(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let index = stream.index();
        let Some(row) = self.rows.at(index) else { return };
        let is_scheduled = row.node.is_member();
        let [has_news, waits, is_stale] = [
            HasLink::<EVENTS>::link(row).is_linked(),
            HasLink::<WAITING>::link(row).is_linked(),
            HasLink::<STALE_PRIORITY>::link(row).is_linked(),
        ];
        if is_scheduled {
            self.unschedule(tree, stream);
        }
        if has_news {
            self.eventful.remove(&mut self.rows, index);
        }
        if waits {
            self.leave_waiting(tree, stream);
        }
        if is_stale {
            tree.stale.remove(&mut self.rows, index);
        }
        let _ = self.lifetimes.set(index, None);
    }

    fn free_nursery(&mut self, tree: &mut Tree, mut nursery: Nursery) {
        if let Some(party) = self.parties.at_mut(tree.party) {
            self.stores.discard_datagrams(tree, party, &mut nursery);
        }
        let root = self.rows.get(tree.root).map_or(NONE, |root| root.nursery);
        if let Some(root) = self.stores.nurseries.at_mut(root) {
            root.children.append(&mut self.rows, &mut nursery.children);
            // Only in a session that is torn down may some still wait.
            root.unaccepted.append(&mut self.rows, &mut nursery.unaccepted);
            root.datagram_streams.append(&mut self.rows, &mut nursery.datagram_streams);
        }
    }

    /// Takes a stream out of the queue it waits in, whichever that is.
    fn leave_waiting(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let index = stream.index();
        let Some(row) = self.rows.get_mut(stream) else { return };
        if row.state.take(State::WAITS_IDS) {
            tree.id_waiters.remove(&mut self.rows, index);
            return;
        }
        if self.forget_starved(stream) {
            return;
        }
        let nursery = self.keeper(tree, stream);
        if let Some(nursery) = self.stores.nurseries.at_mut(nursery)
            && !nursery.unaccepted.remove(&mut self.rows, index)
        {
            nursery.datagram_streams.remove(&mut self.rows, index);
        }
    }

    /// The index of the nursery that keeps `stream`: its parent's, or the root's if the parent
    /// is gone.
    fn keeper(&self, tree: &Tree, stream: StreamHandle) -> u32 {
        let parent = self.rows.get(stream).and_then(Row::parent);
        let parent = parent.and_then(|parent| self.rows.get(parent));
        parent.or_else(|| self.rows.get(tree.root)).map_or(NONE, |row| row.nursery)
    }

    /// Takes a stream from among its siblings: its parent's children, or the root's if the
    /// parent is gone.
    pub(super) fn leave_siblings(&mut self, tree: &mut Tree, stream: StreamHandle) {
        self.walk_on(tree, stream);
        let nursery = self.keeper(tree, stream);
        if let Some(nursery) = self.stores.nurseries.at_mut(nursery) {
            nursery.children.remove(&mut self.rows, stream.index());
        }
    }

    /// Frees the streams of a session that is gone, a step's worth; `true` when none is left
    /// and the root is gone too.
    pub fn tear_down(&mut self, tree: &mut Tree) -> bool {
        self.abandon_datagrams(tree);
        for _ in 0..STEP {
            let nursery = self.rows.get(tree.root).map_or(NONE, |root| root.nursery);
            let first = self.stores.nurseries.at(nursery).and_then(|root| root.children.front());
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
        self.leave_queues(tree, tree.root);
        let Some(party) = self.parties.at_mut(tree.party) else { return };
        if let Some(row) = self.rows.remove(&mut party.streams, tree.root)
            && let Some(mut nursery) =
                self.stores.nurseries.remove_at(&mut party.parents, row.nursery)
        {
            nursery.incoming.clear(&mut self.stores.pool, &mut party.incoming);
            nursery.outgoing.clear(&mut self.stores.pool, &mut party.outgoing);
        }
        self.starved.remove(&mut self.parties, tree.party);
        self.parties.discard_at(tree.party);
        self.feed_starved(tree.party);
    }
}
