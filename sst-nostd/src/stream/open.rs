//! Opening a substream from this side.

use crate::id::StreamId;
use crate::storage::{Link, NONE, Node, Rope};
use crate::time::{Duration, Instant};

use super::Streams;
use super::bound::Bound;
use super::flags::{Events, Pending, State};
use super::nursery::Nursery;
use super::row::{NO_NURSERY, NOBODY, Receiving, Row, Sending, StreamHandle};
use super::tree::Tree;

/// How a substream is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Open {
    /// Its priority; inherited from the parent, and following it, where `None`.
    pub priority: Option<i8>,
    /// Its first record names a service and a protocol.
    pub service: bool,
    /// What is not delivered after this long is abandoned.
    pub lifetime: Option<Duration>,
}

/// Why a substream was not opened. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// The peer lets no more children be opened under this parent now: wait for
    /// [`StreamEvent::ChildCredit`](super::StreamEvent::ChildCredit) on it.
    Blocked,
    /// This host's tables are full: let go of other streams first.
    NoCapacity,
    /// Only a child of the root may name a service.
    NotRoot,
    /// The session is not ready, closing or closed.
    SessionClosed,
    /// There is no such parent (any more).
    UnknownStream,
}

/// What a new row starts from.
pub(super) struct Birth {
    pub(super) id: StreamId,
    pub(super) parent: Option<StreamHandle>,
    pub(super) parent_id: StreamId,
    pub(super) state: State,
    pub(super) own_priority: Option<i8>,
}

impl Row {
    /// A datagram has only its opener's sending half: the other is over from the start.
    fn one_way_if_datagram(mut self) -> Self {
        if self.state.has(State::DATAGRAM.with(State::LOCAL)) {
            self.state.set(State::FINAL_KNOWN.with(State::RECEIVE_DONE));
            self.set_ticket(None);
        } else if self.state.has(State::DATAGRAM) {
            self.state.set(State::FINISHED.with(State::SEND_DONE));
        }
        self
    }
}

impl Streams<'_> {
    /// Opens a substream of `parent`. The peer learns of it with its first data, or from an
    /// empty frame if there is none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_substream(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        open: Open,
    ) -> Result<StreamHandle, OpenError> {
        self.open_as(tree, now, parent, open, State::LOCAL)
    }

    /// Opens a substream whose state starts with the given bits.
    pub(super) fn open_as(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        parent: StreamHandle,
        open: Open,
        mut state: State,
    ) -> Result<StreamHandle, OpenError> {
        let id = self.check_open(tree, parent)?;
        let parent_id = self.rows.get(parent).ok_or(OpenError::UnknownStream)?.id;
        if open.service && !parent_id.is_root() {
            return Err(OpenError::NotRoot);
        }
        state.set(State::LOCAL.with(State::ACCEPTED));
        if open.service {
            state.set(State::SERVICE);
        }
        let own_priority = open.priority;
        let birth = Birth { id, parent: Some(parent), parent_id, state, own_priority };
        let stream = self.bear(tree, &birth, now).ok_or(OpenError::NoCapacity)?;
        tree.next_counter = tree.next_counter.saturating_add(1);
        if let Some(nursery) = self.nursery_mut(parent) {
            nursery.opened = nursery.opened.saturating_add(1);
        }
        if open.lifetime.is_some() {
            self.set_lifetime(now, stream, open.lifetime);
        }
        self.owe(tree, stream, Pending::OPEN);
        self.settle(tree, stream);
        Ok(stream)
    }

    /// Whether a child may be opened under `parent` now, and its id.
    fn check_open(&mut self, tree: &mut Tree, parent: StreamHandle) -> Result<StreamId, OpenError> {
        let row = self.rows.get(parent).ok_or(OpenError::UnknownStream)?;
        if tree.is_closing || row.party != tree.party {
            return Err(OpenError::SessionClosed);
        }
        if row.state.has(State::DATAGRAM) {
            return Err(OpenError::UnknownStream);
        }
        let party = self.parties.at(tree.party).ok_or(OpenError::SessionClosed)?;
        if self.rows.shares().room(&party.streams) == 0 {
            return Err(OpenError::NoCapacity);
        }
        self.fetch_nursery(tree, parent).ok_or(OpenError::NoCapacity)?;
        let has_credit = self.nursery_mut(parent).is_some_and(|n| n.opened < n.allowed);
        if !has_credit || !tree.has_id() {
            self.want_child(tree, parent, has_credit);
            return Err(OpenError::Blocked);
        }
        StreamId::new(tree.next_counter, tree.side).ok_or(OpenError::NoCapacity)
    }

    /// Remembers that `parent` wants another child, and tells the peer once for each limit.
    fn want_child(&mut self, tree: &mut Tree, parent: StreamHandle, has_credit: bool) {
        let Some(row) = self.rows.get_mut(parent) else { return };
        let was_waiting = row.state.has(State::WANTS_CHILD_CREDIT);
        row.state.set(State::WANTS_CHILD_CREDIT);
        if !has_credit {
            if !was_waiting {
                self.owe(tree, parent, Pending::CHILD_BLOCKED);
            }
            return;
        }
        if !row.state.has(State::WAITS_IDS) {
            row.state.set(State::WAITS_IDS);
            // It may wait for room already. Ids come within a round trip, and then it hears of
            // both.
            self.forget_starved(parent);
            tree.id_waiters.push_back(&mut self.rows, parent.index());
        }
    }

    /// Makes the row of a stream and ties it to its parent, its session and the index.
    pub(super) fn bear(
        &mut self,
        tree: &mut Tree,
        birth: &Birth,
        now: Instant,
    ) -> Option<StreamHandle> {
        if let Some(parent) = birth.parent {
            self.fetch_nursery(tree, parent)?;
        }
        let inherited = birth.parent.and_then(|parent| self.rows.get(parent)).map(|p| p.priority);
        let row = Row {
            id: birth.id,
            parent_id: birth.parent_id,
            parent: birth.parent.unwrap_or(NOBODY),
            party: tree.party,
            nursery: NO_NURSERY,
            gaps: NONE,
            node: Node::new(),
            links: [const { Link::new() }; 4],
            sending_rope: Rope::new(),
            receiving_rope: Rope::new(),
            sending: Sending {
                acked: 0,
                next: 0,
                sent_end: 0,
                written: 0,
                bound: Bound::limit(tree.allowance.stream_window),
            },
            receiving: Receiving {
                read: 0,
                highest: 0,
                bound: Bound::limit(self.config.stream_window.into()),
                window: self.config.stream_window,
                raised_at: (now.as_micros() >> 10) as u32,
            },
            state: birth.state,
            pending: Pending::default(),
            events: Events::default(),
            own_priority: birth.own_priority,
            priority: birth.own_priority.or(inherited).unwrap_or(0),
            wanted_priority: 0,
        };
        let party = self.parties.at_mut(tree.party)?;
        let row = row.one_way_if_datagram();
        let stream = self.rows.insert(&mut party.streams, row).ok()?;
        let hash = self.hash.hash_pair(u64::from(tree.party), birth.id.as_u64());
        if self.index.insert(hash, stream.index()).is_err() {
            self.rows.remove(&mut party.streams, stream);
            return None;
        }
        // A stream without a living parent is kept by the root, so that the session finds it.
        self.join_siblings(tree, birth.parent.unwrap_or(tree.root), stream);
        tree.live = tree.live.saturating_add(1);
        Some(stream)
    }

    /// The window of ids may have moved: whoever waited for it may try again.
    pub(super) fn wake_openers(&mut self, tree: &mut Tree) {
        if tree.id_waiters.is_empty() || !tree.has_id() {
            return;
        }
        while let Some(index) = tree.id_waiters.pop_front(&mut self.rows) {
            let Some(parent) = self.rows.handle_at(index) else { continue };
            let Some(row) = self.rows.get_mut(parent) else { continue };
            row.state.clear(State::WAITS_IDS);
            self.wake_fed(parent);
            self.wake_opener(parent);
        }
    }

    /// Tells the application that a child may be opened, if it wanted to.
    pub(super) fn wake_opener(&mut self, parent: StreamHandle) {
        let Some(row) = self.rows.get_mut(parent) else { return };
        if row.state.take(State::WANTS_CHILD_CREDIT) {
            self.tell(parent, Events::CHILD_CREDIT);
        }
    }

    /// A stream's ledger as a parent.
    pub(super) fn nursery_mut(&mut self, stream: StreamHandle) -> Option<&mut Nursery> {
        self.nurseries.at_mut(self.rows.get(stream)?.nursery)
    }

    /// A stream's ledger as a parent, made if it has none.
    pub(super) fn fetch_nursery(
        &mut self,
        tree: &Tree,
        stream: StreamHandle,
    ) -> Option<&mut Nursery> {
        let row = self.rows.get_mut(stream)?;
        if self.nurseries.at(row.nursery).is_none() {
            let is_root = row.state.has(State::ROOT);
            let (granted, allowed) = if is_root {
                (self.config.root_children, tree.allowance.root_children)
            } else {
                (self.config.children, tree.allowance.children)
            };
            let nursery = Nursery::new(granted, allowed, row.refused_children());
            let party = self.parties.at_mut(row.party)?;
            row.nursery = self.nurseries.insert(&mut party.parents, nursery).ok()?.index();
        }
        self.nurseries.at_mut(row.nursery)
    }
}
