//! A stream as a parent: its ledger of children, and how many more of them each side may open.

use crate::stream::flags::{Events, Pending, State};
use crate::stream::nursery::Nursery;
use crate::stream::stream_mut::StreamMut;

impl StreamMut<'_, '_> {
    /// The stream's ledger as a parent, made if it has none.
    pub(in crate::stream) fn fetch_nursery(&mut self) -> Option<&mut Nursery> {
        self.stores.fetch_nursery(self.row, self.party, &self.tree.allowance)
    }

    /// Where that is.
    pub(in crate::stream) fn fetch_nursery_index(mut self) -> Option<u32> {
        self.fetch_nursery()?;
        Some(self.row.nursery)
    }

    /// The application has it now: what came before is news.
    pub(in crate::stream) fn accept(&mut self) {
        self.row.state.set(State::ACCEPTED);
        self.row.state.clear(State::RELEASED);
        let state = self.row.state;
        let is_ended = state.has_any(State::PEER_RESET.with(State::FINAL_KNOWN));
        if is_ended || self.row.receiving.highest > 0 {
            self.tell(Events::READABLE);
        }
        if state.has(State::PEER_RESET) {
            self.tell(Events::RESET);
        }
        if state.has(State::PEER_STOPPED) {
            self.tell(Events::STOPPED);
        }
        let Some(nursery) = self.stores.nurseries.at(self.row.nursery) else { return };
        let has_datagram = !nursery.datagram_streams.is_empty() || !nursery.incoming.is_empty();
        if !nursery.unaccepted.is_empty() {
            self.row.tell(Events::CHILD);
        }
        if has_datagram {
            self.row.tell(Events::DATAGRAM);
        }
    }

    /// Counts a child that was refused for want of a ledger of the stream's children.
    pub(in crate::stream) fn count_refused(&mut self) {
        self.row.count_refused();
        self.owe(Pending::CHILD_LIMIT);
    }

    /// Tells the peer of a higher limit, once it is higher by enough to be worth a frame.
    pub(in crate::stream) fn renew_child_credit(&mut self) {
        if self.row.is_dropped() {
            return;
        }
        let Some(nursery) = self.stores.nurseries.at_mut(self.row.nursery) else { return };
        let grantable = nursery.grantable();
        let left = nursery.granted.saturating_sub(nursery.peer_opened);
        let is_worth_it = left <= nursery.backlog / 2;
        if grantable > nursery.granted && is_worth_it {
            nursery.granted = grantable;
            self.owe(Pending::CHILD_LIMIT);
        }
    }

    /// A child waits for the application no longer: the peer may open another.
    pub(in crate::stream) fn on_child_settled(&mut self) {
        if let Some(nursery) = self.stores.nurseries.at_mut(self.row.nursery) {
            nursery.settled = nursery.settled.saturating_add(1);
            self.renew_child_credit();
        }
    }

    /// The peer wants to open more children of the stream: it may have missed the limit.
    pub(in crate::stream) fn on_child_blocked(&mut self, at: u64) {
        let nursery = self.stores.nurseries.at(self.row.nursery);
        if nursery.is_some_and(|nursery| u64::from(nursery.granted) > at) {
            self.owe(Pending::CHILD_LIMIT);
        }
    }

    /// The peer grants more children of the stream.
    pub(in crate::stream) fn on_child_limit(&mut self, limit: u64) {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        // Without room to remember it, it is asked for again when a child is to be opened.
        let Some(nursery) = self.fetch_nursery() else { return };
        if limit <= nursery.allowed {
            return;
        }
        nursery.allowed = limit;
        self.row.pending.clear(Pending::CHILD_BLOCKED);
        if self.row.state.take(State::WANTS_CHILD_CREDIT) {
            self.tell(Events::CHILD_CREDIT);
        }
    }
}
