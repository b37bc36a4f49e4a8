//! Opening a substream from this side.

use crate::id::StreamId;
use crate::storage::{Link, NONE, Node, Rope};
use crate::time::{Duration, Instant};

use super::Streams;
use super::bound::Bound;
use super::flags::{Events, Pending, State};
use super::row::{NO_NURSERY, Receiving, Row, Sending, StreamHandle};
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
    /// The parent, or [`NOBODY`](super::row::NOBODY) if it has not come.
    pub(super) parent: StreamHandle,
    pub(super) parent_id: StreamId,
    /// The index of the ledger that keeps it.
    pub(super) ledger: u32,
    pub(super) state: State,
    pub(super) own_priority: Option<i8>,
    /// The priority it has if it has none of its own.
    pub(super) inherited: i8,
}

/// Where a child may be opened.
struct Above {
    parent_id: StreamId,
    ledger: u32,
    priority: i8,
}

impl Row {
    /// A datagram has only its opener's sending half: the other is over from the start. It is
    /// delivered whole, so the peer may send all of one, `datagram_bytes`, before any is read.
    fn one_way_if_datagram(mut self, datagram_bytes: u32) -> Self {
        if self.state.has(State::DATAGRAM.with(State::LOCAL)) {
            self.state.set(State::FINAL_KNOWN.with(State::RECEIVE_DONE));
            self.set_ticket(None);
        } else if self.state.has(State::DATAGRAM) {
            self.state.set(State::FINISHED.with(State::SEND_DONE));
            if self.receiving.bound.reach() < datagram_bytes.into() {
                self.receiving.bound = Bound::limit(datagram_bytes.into());
                self.pending.set(Pending::STREAM_LIMIT);
            }
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
        let above = self.check_open(tree, parent)?;
        let id = StreamId::new(tree.next_counter, tree.side).ok_or(OpenError::NoCapacity)?;
        let Above { parent_id, ledger, priority } = above;
        if open.service && !parent_id.is_root() {
            return Err(OpenError::NotRoot);
        }
        state.set(State::LOCAL.with(State::ACCEPTED));
        if open.service {
            state.set(State::SERVICE);
        }
        let (own_priority, inherited) = (open.priority, priority);
        let birth = Birth { id, parent, parent_id, ledger, state, own_priority, inherited };
        let stream = self.bear(tree, &birth, now).ok_or(OpenError::NoCapacity)?;
        tree.next_counter = tree.next_counter.saturating_add(1);
        if let Some(nursery) = self.stores.nurseries.at_mut(ledger) {
            nursery.opened = nursery.opened.saturating_add(1);
        }
        if open.lifetime.is_some() {
            self.set_lifetime(now, stream, open.lifetime);
        }
        self.with(tree, stream, |one| one.owe(Pending::OPEN));
        Ok(stream)
    }

    /// Whether a child may be opened under `parent` now, and where.
    fn check_open(&mut self, tree: &mut Tree, parent: StreamHandle) -> Result<Above, OpenError> {
        let party = self.parties.at(tree.party);
        let has_row = party.is_some_and(|party| self.rows.shares().room(&party.streams) > 0);
        let one = self.look_up(tree, parent);
        let mut one = one.ok_or(OpenError::UnknownStream)?;
        if one.tree.is_closing || one.row.party != one.tree.party {
            return Err(OpenError::SessionClosed);
        }
        if one.row.state.has(State::DATAGRAM) {
            return Err(OpenError::UnknownStream);
        }
        if !has_row {
            return Err(OpenError::NoCapacity);
        }
        let nursery = one.fetch_nursery().ok_or(OpenError::NoCapacity)?;
        let has_credit = nursery.opened < nursery.allowed;
        if !has_credit || !one.tree.has_id() {
            self.want_child(tree, parent, has_credit);
            return Err(OpenError::Blocked);
        }
        let (parent_id, ledger) = (one.row.id, one.row.nursery);
        Ok(Above { parent_id, ledger, priority: one.row.priority })
    }

    /// Remembers that `parent` wants another child, and tells the peer once for each limit.
    fn want_child(&mut self, tree: &mut Tree, parent: StreamHandle, has_credit: bool) {
        let begins_to_wait = self.with(tree, parent, |one| {
            let was_waiting = one.row.state.has(State::WANTS_CHILD_CREDIT);
            one.row.state.set(State::WANTS_CHILD_CREDIT);
            if !has_credit && !was_waiting {
                one.owe(Pending::CHILD_BLOCKED);
            }
            has_credit && !one.row.state.has(State::WAITS_IDS)
        });
        if begins_to_wait == Some(true) {
            // It may wait for room already. Ids come within a round trip, and then it hears of
            // both.
            self.forget_starved(parent);
            if let Some(row) = self.rows.get_mut(parent) {
                row.state.set(State::WAITS_IDS);
            }
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
        let row = Row {
            id: birth.id,
            parent_id: birth.parent_id,
            parent: birth.parent,
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
                bound: Bound::limit(self.stores.config.stream_window.into()),
                window: self.stores.config.stream_window,
                raised_at: (now.as_micros() >> 10) as u32,
            },
            state: birth.state,
            pending: Pending::default(),
            events: Events::default(),
            own_priority: birth.own_priority,
            priority: birth.own_priority.unwrap_or(birth.inherited),
            wanted_priority: 0,
        };
        let party = self.parties.at_mut(tree.party)?;
        let row = row.one_way_if_datagram(self.stores.config.datagram_bytes);
        let stream = self.rows.insert(&mut party.streams, row).ok()?;
        let hash = self.hash.hash_pair(u64::from(tree.party), birth.id.as_u64());
        if self.index.insert(hash, stream.index()).is_err() {
            self.rows.remove(&mut party.streams, stream);
            return None;
        }
        let ledger = self.stores.nurseries.at_mut(birth.ledger);
        debug_assert!(ledger.is_some(), "whoever opens a child has made sure of the ledger");
        if let Some(ledger) = ledger {
            ledger.children.push_back(&mut self.rows, stream.index());
        }
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
    fn wake_opener(&mut self, parent: StreamHandle) {
        let Some(row) = self.rows.get_mut(parent) else { return };
        if row.state.take(State::WANTS_CHILD_CREDIT) {
            self.tell(parent, Events::CHILD_CREDIT);
        }
    }
}
