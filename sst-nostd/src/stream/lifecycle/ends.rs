//! Streams end: let go of by the application, turned away before it had them, or with their
//! session.

use crate::storage::{HasLink, NONE, Queue, present};
use crate::time::Instant;
use crate::wire::StreamCode;

use crate::stream::flags::{Events, State};
use crate::stream::row::{EVENTS, NO_NURSERY, StreamHandle, WAITING};
use crate::stream::tracked::DatagramOutcome;
use crate::stream::tree_mut::TreeMut;

/// How many streams one call of [`TreeMut::tear_down`] frees.
const STEP: usize = 64;

impl TreeMut<'_, '_> {
    /// The application lets go of `stream`. What it has not finished writing is reset, what it
    /// has not read is stopped; a finished stream is delivered all the same.
    pub fn release(&mut self, now: Instant, stream: StreamHandle) {
        let Some(row) = self.streams.rows.get_mut(stream) else { return };
        if row.state.has_any(State::ROOT.with(State::RELEASED)) {
            return;
        }
        row.state.set(State::RELEASED);
        row.events = Events::default();
        let has_news = HasLink::<EVENTS>::link(row).is_linked();
        let is_parent = row.nursery < NO_NURSERY;
        if has_news {
            self.streams.events.remove(&mut self.streams.rows, stream);
        }
        if is_parent {
            let mut waiting = Queue::new();
            self.take_unaccepted(stream, &mut waiting);
            self.turn_away_all(now, waiting, StreamCode::PARENT_GONE);
        }
        self.with(stream, |one| one.let_go(now, StreamCode::DROPPED));
    }

    /// Ends a stream that the application was never given, and what waits under it.
    pub(in crate::stream) fn turn_away(
        &mut self,
        now: Instant,
        stream: StreamHandle,
        code: StreamCode,
    ) {
        self.leave_waiting(stream);
        let mut waiting = Queue::new();
        waiting.push_back(&mut self.streams.rows, stream.index());
        self.turn_away_all(now, waiting, code);
    }

    /// Ends all of `waiting` and all that waits under them, however deep.
    fn turn_away_all(&mut self, now: Instant, mut waiting: Queue<WAITING>, code: StreamCode) {
        while let Some(index) = waiting.pop_front(&mut self.streams.rows) {
            let stream = self.streams.rows.handle_at(index);
            let Some(stream) = present(stream, "only a living stream waits") else { continue };
            self.take_unaccepted(stream, &mut waiting);
            let Some(row) = self.streams.rows.get_mut(stream) else { continue };
            row.state.set(State::ACCEPTED.with(State::RELEASED));
            if let Some(parent) = row.parent() {
                self.with(parent, |one| one.on_child_settled());
            }
            self.with(stream, |one| one.let_go(now, code));
        }
    }

    /// Moves the children of `parent` that the application was not given to `waiting`.
    fn take_unaccepted(&mut self, parent: StreamHandle, waiting: &mut Queue<WAITING>) {
        let streams = &mut *self.streams;
        let nursery = streams.rows.get(parent).map(|row| row.nursery);
        let Some(nursery) = present(nursery, "who ends is still here") else { return };
        if let Some(nursery) = streams.stores.nurseries.at_mut(nursery) {
            waiting.append(&mut streams.rows, &mut nursery.unaccepted);
            waiting.append(&mut streams.rows, &mut nursery.datagram_streams);
        }
    }

    /// The session is over: outcomes of datagrams that are open stay so. Tells at once, as nothing
    /// can be learnt later.
    pub fn abandon_datagrams(&mut self) {
        while let Some(index) = self.tree.tracked.front() {
            let ticket = self.streams.stores.outcomes.ticket_at(index);
            let Some(ticket) = present(ticket, "an open outcome has its row") else { return };
            self.settle_datagram(ticket, DatagramOutcome::Unknown);
        }
    }

    /// Frees the streams of a session that is gone, a step's worth; `true` when none is left
    /// and the root is gone too.
    pub fn tear_down(&mut self) -> bool {
        self.abandon_datagrams();
        for _ in 0..STEP {
            let streams = &*self.streams;
            let nursery = streams.rows.get(self.tree.root).map_or(NONE, |root| root.nursery);
            let root = streams.stores.nurseries.at(nursery);
            let first = root.and_then(|root| root.children.front());
            match first.and_then(|index| streams.rows.handle_at(index)) {
                Some(stream) => self.free(stream),
                None => {
                    self.free_root();
                    return true;
                }
            }
        }
        false
    }

    fn free_root(&mut self) {
        self.leave_queues(self.tree.root);
        let Self { streams, tree } = self;
        let party = streams.parties.at_mut(tree.party);
        let Some(party) = present(party, "a session that has a tree has its accounts") else {
            return;
        };
        if let Some(row) = streams.rows.remove(&mut party.streams, tree.root)
            && let Some(mut nursery) =
                streams.stores.nurseries.remove_at(&mut party.parents, row.nursery)
        {
            nursery.incoming.clear(&mut streams.stores.pool, &mut party.incoming);
            nursery.outgoing.clear(&mut streams.stores.pool, &mut party.outgoing);
        }
        streams.starved.remove_party(&mut streams.parties, tree.party);
        streams.parties.discard_at(tree.party);
        self.feed_starved();
    }
}
