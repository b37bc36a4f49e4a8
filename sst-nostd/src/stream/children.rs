//! Children from the peer: taking in an OPEN, listening, accepting.

use crate::id::StreamId;
use crate::time::Instant;
use crate::wire::{Open as WireOpen, StreamCode};

use super::Streams;
use super::bound::Bound;
use super::flags::{Events, Pending, State};
use super::open::Birth;
use super::receive::Fault;
use super::row::{NOBODY, Row, StreamHandle};
use super::tree::{MAX_ID_WINDOW, Tree};

/// What an OPEN led to.
pub(super) enum Opened {
    /// The stream exists.
    Stream(StreamHandle),
    /// It cannot be taken in; the peer will be told.
    Refused,
}

impl Streams<'_> {
    /// Lets the peer have `backlog` children of `parent` waiting to be accepted. A grant is
    /// never taken back: a smaller backlog takes effect as children are accepted.
    ///
    /// `false` if there is no such stream, or no room to be a parent.
    pub fn listen(&mut self, tree: &mut Tree, parent: StreamHandle, backlog: u32) -> bool {
        let Some(nursery) = self.fetch_nursery(tree, parent) else { return false };
        nursery.backlog = backlog;
        self.renew_child_credit(tree, parent);
        true
    }

    /// The next child of `parent` that the peer opened.
    pub fn accept_substream(
        &mut self,
        tree: &mut Tree,
        parent: StreamHandle,
    ) -> Option<StreamHandle> {
        let nursery = self.rows.get(parent)?.nursery;
        let nursery = self.nurseries.at_mut(nursery)?;
        let index = nursery.unaccepted.pop_front(&mut self.rows)?;
        let child = self.rows.handle_at(index)?;
        self.on_child_settled(tree, parent);
        let row = self.rows.get_mut(child)?;
        row.state.set(State::ACCEPTED);
        row.state.clear(State::RELEASED);
        let is_ended = row.state.has_any(State::PEER_RESET.with(State::FINAL_KNOWN));
        let was_reset = row.state.has(State::PEER_RESET);
        if is_ended || row.receiving.highest > 0 {
            self.tell(child, Events::READABLE);
        }
        if was_reset {
            self.tell(child, Events::RESET);
        }
        if self.rows.get(child).is_some_and(|row| row.state.has(State::PEER_STOPPED)) {
            self.tell(child, Events::STOPPED);
        }
        self.tell_of_children(child);
        Some(child)
    }

    /// What came under a stream before the application had it is news now.
    fn tell_of_children(&mut self, stream: StreamHandle) {
        let Some(nursery) = self.nursery_mut(stream) else { return };
        let has_child = !nursery.unaccepted.is_empty();
        let has_datagram = !nursery.datagram_streams.is_empty() || !nursery.incoming.is_empty();
        if has_child {
            self.tell(stream, Events::CHILD);
        }
        if has_datagram {
            self.tell(stream, Events::DATAGRAM);
        }
    }

    /// Takes in the OPEN of a stream not seen before.
    pub(super) fn on_open(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        id: StreamId,
        open: &WireOpen,
    ) -> Result<Opened, Fault> {
        if id.is_root() || id.side() == tree.side {
            return Err(Fault::StreamId);
        }
        let window = self.config.id_window.min(MAX_ID_WINDOW);
        if id.counter() >= tree.ids_in.lowest_unset().saturating_add(window) {
            return Err(Fault::StreamId);
        }
        let is_mine = open.parent.side() == id.side() && !open.parent.is_root();
        let is_impossible = is_mine && open.parent.counter() >= id.counter();
        let is_service_of_root = open.parent.is_root() && !open.attributes.datagram;
        if is_impossible || (open.attributes.service && !is_service_of_root) {
            return Err(Fault::StreamState);
        }
        let parent = if open.parent.is_root() {
            Some(tree.root)
        } else {
            self.find(tree.party, open.parent)
        };
        match parent {
            Some(parent) => self.on_open_under(tree, now, id, open, parent),
            None if self.is_to_come(tree, open.parent)? => self.on_open_early(tree, now, id, open),
            None => self.refuse(tree, now, id, open, StreamCode::PARENT_GONE),
        }
    }

    /// Whether a parent that is not here is one the peer opened and whose OPEN is on its way.
    fn is_to_come(&self, tree: &Tree, parent: StreamId) -> Result<bool, Fault> {
        if parent.side() == tree.side {
            let was_opened = parent.counter() < tree.next_counter;
            return if was_opened { Ok(false) } else { Err(Fault::StreamState) };
        }
        Ok(tree.ids_in.state(parent.counter()) == crate::storage::Sighting::Fresh)
    }

    /// A child of a living parent.
    fn on_open_under(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        id: StreamId,
        open: &WireOpen,
        parent: StreamHandle,
    ) -> Result<Opened, Fault> {
        if self.rows.get(parent).is_some_and(|row| row.state.has(State::DATAGRAM)) {
            return Err(Fault::StreamState);
        }
        let Some(nursery) = self.fetch_nursery(tree, parent) else {
            let refused = self.refuse(tree, now, id, open, StreamCode::NO_CAPACITY)?;
            self.count_refused(tree, parent);
            return Ok(refused);
        };
        if nursery.peer_opened >= nursery.granted {
            return Err(Fault::ChildLimit);
        }
        let is_dropped = self.rows.get(parent).is_none_or(Row::is_dropped);
        let opened = if tree.is_closing {
            self.refuse(tree, now, id, open, StreamCode::SESSION_CLOSED)?
        } else if is_dropped {
            self.refuse(tree, now, id, open, StreamCode::PARENT_GONE)?
        } else {
            match self.bear(tree, &birth(id, open, Some(parent)), now) {
                Some(child) => Opened::Stream(child),
                None => self.refuse(tree, now, id, open, StreamCode::NO_CAPACITY)?,
            }
        };
        tree.ids_in.set(id.counter());
        if let Some(nursery) = self.nursery_mut(parent) {
            nursery.peer_opened = nursery.peer_opened.saturating_add(1);
        }
        match opened {
            Opened::Stream(child) => {
                self.offer(tree, now, parent, child);
                self.allow_datagram(tree, child);
                self.adopt_waiting(tree, now, child)?;
            }
            Opened::Refused => self.on_child_settled(tree, parent),
        }
        Ok(opened)
    }

    /// A datagram is delivered whole, so the peer may send all of it before any is read.
    fn allow_datagram(&mut self, tree: &mut Tree, child: StreamHandle) {
        let most = u64::from(self.config.datagram_bytes);
        let Some(row) = self.rows.get_mut(child) else { return };
        if row.state.has(State::DATAGRAM) && row.receiving.bound.reach() < most {
            row.receiving.bound = Bound::limit(most);
            self.owe(tree, child, Pending::STREAM_LIMIT);
        }
    }

    /// Counts a child that was refused for want of a ledger of `parent`'s children.
    fn count_refused(&mut self, tree: &mut Tree, parent: StreamHandle) {
        if let Some(row) = self.rows.get_mut(parent) {
            row.count_refused();
            self.owe(tree, parent, Pending::CHILD_LIMIT);
        }
    }

    /// A child whose parent's OPEN was lost or overtaken. A few are kept until it comes.
    fn on_open_early(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        id: StreamId,
        open: &WireOpen,
    ) -> Result<Opened, Fault> {
        let Some(slot) = tree.awaiting.iter().position(|child| *child == NOBODY) else {
            return Err(Fault::NoCapacity);
        };
        let mut birth = birth(id, open, None);
        birth.state.set(State::AWAITS_PARENT.with(State::RELEASED));
        let child = self.bear(tree, &birth, now).ok_or(Fault::NoCapacity)?;
        tree.ids_in.set(id.counter());
        if let Some(slot) = tree.awaiting.get_mut(slot) {
            *slot = child;
        }
        self.allow_datagram(tree, child);
        self.adopt_waiting(tree, now, child)?;
        Ok(Opened::Stream(child))
    }

    /// The OPEN of `parent` came: its waiting children join it.
    fn adopt_waiting(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
    ) -> Result<(), Fault> {
        let Some(row) = self.rows.get(parent) else { return Ok(()) };
        let (parent_id, may_not) = (row.id, row.state.has(State::DATAGRAM));
        for slot in 0..tree.awaiting.len() {
            let child = tree.awaiting.get(slot).copied().unwrap_or(NOBODY);
            if child == NOBODY {
                continue;
            }
            let is_ours = self.rows.get(child).is_some_and(|row| row.parent_id == parent_id);
            if !is_ours {
                continue;
            }
            if may_not {
                return Err(Fault::StreamState);
            }
            if let Some(slot) = tree.awaiting.get_mut(slot) {
                *slot = NOBODY;
            }
            let Some(nursery) = self.fetch_nursery(tree, parent) else {
                self.count_refused(tree, parent);
                if let Some(row) = self.rows.get_mut(child) {
                    row.state.clear(State::AWAITS_PARENT);
                }
                self.turn_away(tree, now, child, StreamCode::NO_CAPACITY);
                continue;
            };
            if nursery.peer_opened >= nursery.granted {
                return Err(Fault::ChildLimit);
            }
            nursery.peer_opened = nursery.peer_opened.saturating_add(1);
            self.leave_siblings(tree, child);
            if let Some(row) = self.rows.get_mut(child) {
                row.parent = parent;
                row.state.clear(State::AWAITS_PARENT);
            }
            self.join_siblings(tree, parent, child);
            self.inherit(tree, child);
            self.offer(tree, now, parent, child);
            self.settle(tree, child);
        }
        Ok(())
    }

    /// Puts a new child before the application; a datagram only once it is whole.
    fn offer(&mut self, tree: &mut Tree, now: Instant, parent: StreamHandle, child: StreamHandle) {
        let Some(row) = self.rows.get_mut(child) else { return };
        // Until the application has it, nobody would hear its events or let go of it.
        row.state.set(State::RELEASED);
        if row.state.has(State::DATAGRAM) {
            if self.is_whole(child) {
                self.on_datagram_whole(tree, now, child);
            }
            return;
        }
        let Some(nursery) = self.rows.get(parent).map(|row| row.nursery) else { return };
        let Some(nursery) = self.nurseries.at_mut(nursery) else { return };
        nursery.unaccepted.push_back(&mut self.rows, child.index());
        self.tell(parent, Events::CHILD);
    }

    /// A child of `parent` waits for the application no longer: the peer may open another.
    pub(super) fn on_child_settled(&mut self, tree: &mut Tree, parent: StreamHandle) {
        if let Some(nursery) = self.nursery_mut(parent) {
            nursery.settled = nursery.settled.saturating_add(1);
            self.renew_child_credit(tree, parent);
        }
    }

    /// Tells the peer of a higher limit, once it is higher by enough to be worth a frame.
    fn renew_child_credit(&mut self, tree: &mut Tree, parent: StreamHandle) {
        if self.rows.get(parent).is_none_or(Row::is_dropped) {
            return;
        }
        let Some(nursery) = self.nursery_mut(parent) else { return };
        let grantable = nursery.grantable();
        let left = nursery.granted.saturating_sub(nursery.peer_opened);
        let is_worth_it = left <= nursery.backlog / 2;
        if grantable > nursery.granted && is_worth_it {
            nursery.granted = grantable;
            self.owe(tree, parent, Pending::CHILD_LIMIT);
        }
    }

    /// Children that waited for a stream that was refused are refused too.
    pub(super) fn turn_away_waiting(&mut self, tree: &mut Tree, now: Instant, parent_id: StreamId) {
        for slot in 0..tree.awaiting.len() {
            let Some(slot) = tree.awaiting.get_mut(slot) else { return };
            let child = *slot;
            if child == NOBODY {
                continue;
            }
            if self.rows.get(child).is_none_or(|row| row.parent_id == parent_id) {
                *slot = NOBODY;
                if let Some(row) = self.rows.get_mut(child) {
                    row.state.clear(State::AWAITS_PARENT);
                }
                self.turn_away(tree, now, child, StreamCode::PARENT_GONE);
            }
        }
    }

    /// The peer wants to open more children of `stream`: it may have missed the limit.
    pub(super) fn on_child_blocked(&mut self, tree: &mut Tree, stream: StreamHandle, at: u64) {
        let granted = self.nursery_mut(stream).map_or(0, |nursery| nursery.granted);
        if u64::from(granted) > at {
            self.owe(tree, stream, Pending::CHILD_LIMIT);
        }
    }

    /// The peer grants more children of `stream`.
    pub(super) fn on_child_limit(&mut self, tree: &mut Tree, stream: StreamHandle, limit: u64) {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        // Without room to remember it, it is asked for again when a child is to be opened.
        let Some(nursery) = self.fetch_nursery(tree, stream) else { return };
        if limit <= nursery.allowed {
            return;
        }
        nursery.allowed = limit;
        if let Some(row) = self.rows.get_mut(stream) {
            row.pending.clear(Pending::CHILD_BLOCKED);
        }
        self.wake_opener(stream);
    }
}

/// The row of a stream that the peer opens.
fn birth(id: StreamId, open: &WireOpen, parent: Option<StreamHandle>) -> Birth {
    let mut state = State::OPENED;
    if open.attributes.datagram {
        state.set(State::DATAGRAM);
    }
    if open.attributes.service {
        state.set(State::SERVICE);
    }
    Birth { id, parent, parent_id: open.parent, state, own_priority: open.priority }
}
