//! Children from the peer: taking in an OPEN, listening, accepting.

use crate::id::StreamId;
use crate::storage::{NONE, present};
use crate::time::Instant;
use crate::wire::{Open as WireOpen, StreamCode};

use super::open::Birth;
use crate::stream::flags::{Events, State};
use crate::stream::half::receive::Fault;
use crate::stream::nursery::Nursery;
use crate::stream::refusals::Why;
use crate::stream::row::{NOBODY, StreamHandle};
use crate::stream::tree::{MAX_AWAITING, MAX_ID_WINDOW};
use crate::stream::tree_mut::TreeMut;

/// What an OPEN led to.
pub(in crate::stream) enum Opened {
    /// The stream exists.
    Stream(StreamHandle),
    /// It cannot be taken in; the peer will be told.
    Refused,
}

impl TreeMut<'_, '_> {
    /// Takes in the OPEN of a stream not seen before.
    pub(in crate::stream) fn on_open(
        &mut self,
        now: Instant,
        id: StreamId,
        open: &WireOpen,
    ) -> Result<Opened, Fault> {
        if id.is_root() || id.side() == self.tree.side {
            return Err(Fault::StreamId);
        }
        let window = self.streams.stores.config.id_window.min(MAX_ID_WINDOW);
        if id.counter() >= self.tree.ids_in.lowest_unset().saturating_add(window) {
            return Err(Fault::StreamId);
        }
        let is_mine = open.parent.side() == id.side() && !open.parent.is_root();
        let is_impossible = is_mine && open.parent.counter() >= id.counter();
        let is_service_of_root = open.parent.is_root() && !open.attributes.datagram;
        if is_impossible || (open.attributes.service && !is_service_of_root) {
            return Err(Fault::StreamState);
        }
        let parent =
            if open.parent.is_root() { Some(self.tree.root) } else { self.find(open.parent) };
        match parent {
            Some(parent) => self.on_open_under(now, id, open, parent),
            None if self.is_to_come(open.parent)? => self.on_open_early(now, id, open),
            None => self.refused(now, id, open, Why::ParentGone),
        }
    }

    /// Whether a parent that is not here is one the peer opened and whose OPEN is on its way.
    fn is_to_come(&self, parent: StreamId) -> Result<bool, Fault> {
        if parent.side() == self.tree.side {
            let was_opened = parent.counter() < self.tree.next_counter;
            return if was_opened { Ok(false) } else { Err(Fault::StreamState) };
        }
        Ok(!self.tree.has_seen(parent.counter()))
    }

    /// The stream `id` is refused.
    fn refused(
        &mut self,
        now: Instant,
        id: StreamId,
        open: &WireOpen,
        why: Why,
    ) -> Result<Opened, Fault> {
        self.refuse(now, id, open.attributes.datagram, why)?;
        Ok(Opened::Refused)
    }

    /// A child of a living parent.
    fn on_open_under(
        &mut self,
        now: Instant,
        id: StreamId,
        open: &WireOpen,
        parent: StreamHandle,
    ) -> Result<Opened, Fault> {
        let above = self.look_up(parent).ok_or(Fault::StreamState)?;
        if above.row.state.has(State::DATAGRAM) {
            return Err(Fault::StreamState);
        }
        let (is_dropped, priority) = (above.row.is_dropped(), above.row.priority);
        let Some(ledger) = above.fetch_nursery_index() else {
            let refused = self.refused(now, id, open, Why::NoCapacity)?;
            self.with(parent, |one| one.count_refused());
            return Ok(refused);
        };
        if self.streams.stores.nurseries.at(ledger).is_none_or(Nursery::is_at_limit) {
            return Err(Fault::ChildLimit);
        }
        let opened = if self.tree.is_closing {
            self.refused(now, id, open, Why::SessionClosed)?
        } else if is_dropped {
            self.refused(now, id, open, Why::ParentGone)?
        } else {
            match self.bear(&birth(id, open, parent, ledger, priority), now) {
                Some(child) => Opened::Stream(child),
                None => self.refused(now, id, open, Why::NoCapacity)?,
            }
        };
        self.tree.ids_in.set(id.counter());
        if let Some(nursery) = self.streams.stores.nurseries.at_mut(ledger) {
            nursery.peer_opened = nursery.peer_opened.saturating_add(1);
        }
        match opened {
            Opened::Stream(child) => {
                self.offer(now, parent, child);
                self.adopt_waiting(now, child)?;
            }
            Opened::Refused => _ = self.with(parent, |one| one.on_child_settled()),
        }
        Ok(opened)
    }

    /// A child whose parent's OPEN was lost or overtaken. A few are kept until it comes.
    fn on_open_early(
        &mut self,
        now: Instant,
        id: StreamId,
        open: &WireOpen,
    ) -> Result<Opened, Fault> {
        let Some(slot) = self.tree.awaiting.iter().position(|child| *child == NOBODY) else {
            return Err(Fault::NoCapacity);
        };
        // A stream without a living parent is kept by the root, so that the session finds it.
        let ledger = self.streams.rows.get(self.tree.root).map_or(NONE, |root| root.nursery);
        let mut birth = birth(id, open, NOBODY, ledger, 0);
        birth.state.set(State::AWAITS_PARENT.with(State::RELEASED));
        let child = self.bear(&birth, now).ok_or(Fault::NoCapacity)?;
        self.tree.ids_in.set(id.counter());
        if let Some(slot) = self.tree.awaiting.get_mut(slot) {
            *slot = child;
        }
        // What it owes is said whatever comes of the rest.
        self.with(child, |_| ());
        self.adopt_waiting(now, child)?;
        Ok(Opened::Stream(child))
    }

    /// The OPEN of `parent` came: its waiting children join it.
    fn adopt_waiting(&mut self, now: Instant, parent: StreamHandle) -> Result<(), Fault> {
        if self.tree.awaiting == [NOBODY; MAX_AWAITING] {
            return Ok(());
        }
        let Some(row) = self.streams.rows.get(parent) else { return Ok(()) };
        let (parent_id, may_not) = (row.id, row.state.has(State::DATAGRAM));
        for slot in 0..self.tree.awaiting.len() {
            let child = self.tree.awaiting.get(slot).copied().unwrap_or(NOBODY);
            if self.streams.rows.get(child).is_none_or(|row| row.parent_id != parent_id) {
                continue;
            }
            if may_not {
                return Err(Fault::StreamState);
            }
            if let Some(slot) = self.tree.awaiting.get_mut(slot) {
                *slot = NOBODY;
            }
            self.adopt(now, parent, child)?;
        }
        Ok(())
    }

    /// `child`, which waited for it, joins `parent`.
    fn adopt(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        child: StreamHandle,
    ) -> Result<(), Fault> {
        let above = self.look_up(parent).ok_or(Fault::StreamState)?;
        let Some(ledger) = above.fetch_nursery_index() else {
            self.with(parent, |one| one.count_refused());
            if let Some(row) = self.streams.rows.get_mut(child) {
                row.state.clear(State::AWAITS_PARENT);
            }
            self.turn_away(now, child, StreamCode::NO_CAPACITY);
            return Ok(());
        };
        let nursery = self.streams.stores.nurseries.at_mut(ledger);
        let Some(nursery) = present(nursery, "a parent has its ledger") else { return Ok(()) };
        if nursery.is_at_limit() {
            return Err(Fault::ChildLimit);
        }
        nursery.peer_opened = nursery.peer_opened.saturating_add(1);
        self.leave_siblings(child);
        if let Some(row) = self.streams.rows.get_mut(child) {
            row.parent = parent;
            row.state.clear(State::AWAITS_PARENT);
        }
        if let Some(nursery) = self.streams.stores.nurseries.at_mut(ledger) {
            nursery.children.push_back(&mut self.streams.rows, child.index());
        }
        self.tree.inherit(&mut self.streams.rows, child);
        self.offer(now, parent, child);
        Ok(())
    }

    /// Puts a new child before the application; a datagram only once it is whole.
    fn offer(&mut self, now: Instant, parent: StreamHandle, child: StreamHandle) {
        let offered = self.with(child, |one| {
            // Until the application has it, nobody would hear its events or let go of it.
            one.row.state.set(State::RELEASED);
            let is_datagram = one.row.state.has(State::DATAGRAM);
            (is_datagram, is_datagram && one.stores.is_whole(one.row))
        });
        match offered {
            Some((true, true)) => self.on_datagram_whole(now, child),
            Some((false, _)) => self.put_before(parent, child),
            _ => {}
        }
    }

    /// Puts a child among those of `parent` that wait for the application.
    fn put_before(&mut self, parent: StreamHandle, child: StreamHandle) {
        let row = self.streams.rows.get_mut(parent);
        let Some(row) = present(row, "who takes in a child is here") else { return };
        let nursery = self.streams.stores.nurseries.at_mut(row.nursery);
        let Some(nursery) = present(nursery, "a parent has its ledger") else { return };
        row.tell(Events::CHILD);
        let has_news = row.has_untold();
        nursery.unaccepted.push_back(&mut self.streams.rows, child.index());
        if has_news {
            self.streams.events.push(&mut self.streams.rows, parent);
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
