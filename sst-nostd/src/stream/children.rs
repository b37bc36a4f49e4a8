//! Children from the peer: taking in an OPEN, listening, accepting.

use crate::id::StreamId;
use crate::storage::NONE;
use crate::time::Instant;
use crate::wire::{Open as WireOpen, StreamCode};

use super::Streams;
use super::flags::{Events, State};
use super::nursery::Nursery;
use super::open::Birth;
use super::receive::Fault;
use super::row::{NOBODY, StreamHandle};
use super::tree::{MAX_AWAITING, MAX_ID_WINDOW, Tree};

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
        let listens = self.with(tree, parent, |one| {
            let Some(nursery) = one.fetch_nursery() else { return false };
            nursery.backlog = backlog;
            one.renew_child_credit();
            true
        });
        listens.unwrap_or(false)
    }

    /// The next child of `parent` that the peer opened.
    pub fn accept_substream(
        &mut self,
        tree: &mut Tree,
        parent: StreamHandle,
    ) -> Option<StreamHandle> {
        let nursery = self.rows.get(parent)?.nursery;
        let nursery = self.stores.nurseries.at_mut(nursery)?;
        let index = nursery.unaccepted.pop_front(&mut self.rows)?;
        let child = self.rows.handle_at(index)?;
        self.on_child_settled(tree, parent);
        self.with(tree, child, |one| one.accept())?;
        Some(child)
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
        let window = self.stores.config.id_window.min(MAX_ID_WINDOW);
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
        let above = self.look_up(tree, parent).ok_or(Fault::StreamState)?;
        if above.row.state.has(State::DATAGRAM) {
            return Err(Fault::StreamState);
        }
        let (is_dropped, priority) = (above.row.is_dropped(), above.row.priority);
        let Some(ledger) = above.fetch_nursery_index() else {
            let refused = self.refuse(tree, now, id, open, StreamCode::NO_CAPACITY)?;
            self.with(tree, parent, |one| one.count_refused());
            return Ok(refused);
        };
        if self.stores.nurseries.at(ledger).is_none_or(Nursery::is_at_limit) {
            return Err(Fault::ChildLimit);
        }
        let opened = if tree.is_closing {
            self.refuse(tree, now, id, open, StreamCode::SESSION_CLOSED)?
        } else if is_dropped {
            self.refuse(tree, now, id, open, StreamCode::PARENT_GONE)?
        } else {
            match self.bear(tree, &birth(id, open, parent, ledger, priority), now) {
                Some(child) => Opened::Stream(child),
                None => self.refuse(tree, now, id, open, StreamCode::NO_CAPACITY)?,
            }
        };
        tree.ids_in.set(id.counter());
        if let Some(nursery) = self.stores.nurseries.at_mut(ledger) {
            nursery.peer_opened = nursery.peer_opened.saturating_add(1);
        }
        match opened {
            Opened::Stream(child) => {
                self.offer(tree, now, parent, child);
                self.adopt_waiting(tree, now, child)?;
            }
            Opened::Refused => self.on_child_settled(tree, parent),
        }
        Ok(opened)
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
        // A stream without a living parent is kept by the root, so that the session finds it.
        let ledger = self.rows.get(tree.root).map_or(NONE, |root| root.nursery);
        let mut birth = birth(id, open, NOBODY, ledger, 0);
        birth.state.set(State::AWAITS_PARENT.with(State::RELEASED));
        let child = self.bear(tree, &birth, now).ok_or(Fault::NoCapacity)?;
        tree.ids_in.set(id.counter());
        if let Some(slot) = tree.awaiting.get_mut(slot) {
            *slot = child;
        }
        // What it owes is said whatever comes of the rest.
        self.with(tree, child, |_| ());
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
        if tree.awaiting == [NOBODY; MAX_AWAITING] {
            return Ok(());
        }
        let Some(row) = self.rows.get(parent) else { return Ok(()) };
        let (parent_id, may_not) = (row.id, row.state.has(State::DATAGRAM));
        for slot in 0..tree.awaiting.len() {
            let child = tree.awaiting.get(slot).copied().unwrap_or(NOBODY);
            if self.rows.get(child).is_none_or(|row| row.parent_id != parent_id) {
                continue;
            }
            if may_not {
                return Err(Fault::StreamState);
            }
            if let Some(slot) = tree.awaiting.get_mut(slot) {
                *slot = NOBODY;
            }
            self.adopt(tree, now, parent, child)?;
        }
        Ok(())
    }

    /// `child`, which waited for it, joins `parent`.
    fn adopt(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        child: StreamHandle,
    ) -> Result<(), Fault> {
        let above = self.look_up(tree, parent).ok_or(Fault::StreamState)?;
        let Some(ledger) = above.fetch_nursery_index() else {
            self.with(tree, parent, |one| one.count_refused());
            if let Some(row) = self.rows.get_mut(child) {
                row.state.clear(State::AWAITS_PARENT);
            }
            self.turn_away(tree, now, child, StreamCode::NO_CAPACITY);
            return Ok(());
        };
        let Some(nursery) = self.stores.nurseries.at_mut(ledger) else { return Ok(()) };
        if nursery.is_at_limit() {
            return Err(Fault::ChildLimit);
        }
        nursery.peer_opened = nursery.peer_opened.saturating_add(1);
        self.leave_siblings(tree, child);
        if let Some(row) = self.rows.get_mut(child) {
            row.parent = parent;
            row.state.clear(State::AWAITS_PARENT);
        }
        if let Some(nursery) = self.stores.nurseries.at_mut(ledger) {
            nursery.children.push_back(&mut self.rows, child.index());
        }
        self.inherit(tree, child);
        self.offer(tree, now, parent, child);
        Ok(())
    }

    /// Puts a new child before the application; a datagram only once it is whole.
    fn offer(&mut self, tree: &mut Tree, now: Instant, parent: StreamHandle, child: StreamHandle) {
        let offered = self.with(tree, child, |one| {
            // Until the application has it, nobody would hear its events or let go of it.
            one.row.state.set(State::RELEASED);
            let is_datagram = one.row.state.has(State::DATAGRAM);
            (is_datagram, is_datagram && one.stores.is_whole(one.row))
        });
        match offered {
            Some((true, true)) => self.on_datagram_whole(tree, now, child),
            Some((false, _)) => self.put_before(parent, child),
            _ => {}
        }
    }

    /// Puts a child among those of `parent` that wait for the application.
    fn put_before(&mut self, parent: StreamHandle, child: StreamHandle) {
        let Some(row) = self.rows.get_mut(parent) else { return };
        let Some(nursery) = self.stores.nurseries.at_mut(row.nursery) else { return };
        row.tell(Events::CHILD);
        let has_news = row.has_untold();
        nursery.unaccepted.push_back(&mut self.rows, child.index());
        if has_news {
            self.eventful.push_back(&mut self.rows, parent.index());
        }
    }

    /// A child of `parent` waits for the application no longer: the peer may open another.
    pub(super) fn on_child_settled(&mut self, tree: &mut Tree, parent: StreamHandle) {
        self.with(tree, parent, |one| {
            if let Some(nursery) = one.stores.nurseries.at_mut(one.row.nursery) {
                nursery.settled = nursery.settled.saturating_add(1);
                one.renew_child_credit();
            }
        });
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
}

/// The row of a stream that the peer opens, among the children in `ledger`.
fn birth(id: StreamId, open: &WireOpen, parent: StreamHandle, ledger: u32, inherited: i8) -> Birth {
    let mut state = State::OPENED;
    if open.attributes.datagram {
        state.set(State::DATAGRAM);
    }
    if open.attributes.service {
        state.set(State::SERVICE);
    }
    let (parent_id, own_priority) = (open.parent, open.priority);
    Birth { id, parent, parent_id, ledger, state, own_priority, inherited }
}
