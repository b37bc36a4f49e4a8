//! Opening a substream from this side.

use crate::id::StreamId;
use crate::storage::{Link, NONE, Node, Rope};
use crate::time::{Duration, Instant};

use crate::stream::StreamConfig;
use crate::stream::bound::Bound;
use crate::stream::flags::{Events, Pending, State};
use crate::stream::row::{NO_NURSERY, Receiving, Row, Sending, StreamHandle};
use crate::stream::tree::Tree;
use crate::stream::tree_mut::TreeMut;

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
    /// [`StreamEvent::ChildCredit`](crate::stream::StreamEvent::ChildCredit) on it.
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
pub(in crate::stream) struct Birth {
    pub(in crate::stream) id: StreamId,
    /// The parent, or [`NOBODY`](crate::stream::row::NOBODY) if it has not come.
    pub(in crate::stream) parent: StreamHandle,
    pub(in crate::stream) parent_id: StreamId,
    /// The index of the ledger that keeps it.
    pub(in crate::stream) ledger: u32,
    pub(in crate::stream) state: State,
    pub(in crate::stream) own_priority: Option<i8>,
    /// The priority it has if it has none of its own.
    pub(in crate::stream) inherited: i8,
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

impl TreeMut<'_, '_> {
    /// Opens a substream whose state starts with the given bits.
    pub(in crate::stream) fn open_as(
        &mut self,
        now: Instant,
        parent: StreamHandle,
        open: Open,
        mut state: State,
    ) -> Result<StreamHandle, OpenError> {
        let above = self.check_open(parent)?;
        let id = StreamId::new(self.tree.next_counter, self.tree.side);
        let id = id.ok_or(OpenError::NoCapacity)?;
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
        let stream = self.bear(&birth, now).ok_or(OpenError::NoCapacity)?;
        self.tree.next_counter = self.tree.next_counter.saturating_add(1);
        if let Some(nursery) = self.streams.stores.nurseries.at_mut(ledger) {
            nursery.opened = nursery.opened.saturating_add(1);
        }
        if let Some(lifetime) = open.lifetime {
            let set = self.streams.lifetimes.set(stream.index(), Some(now.after(lifetime)));
            debug_assert!(set.is_ok(), "there is a timer for each row");
        }
        self.with(stream, |one| one.owe(Pending::OPEN));
        Ok(stream)
    }

    /// Whether a child may be opened under `parent` now, and where.
    fn check_open(&mut self, parent: StreamHandle) -> Result<Above, OpenError> {
        let party = self.streams.parties.at(self.tree.party);
        let shares = self.streams.rows.shares();
        let has_row = party.is_some_and(|party| shares.room(&party.streams) > 0);
        let mut one = self.look_up(parent).ok_or(OpenError::UnknownStream)?;
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
            self.want_child(parent, has_credit);
            return Err(OpenError::Blocked);
        }
        let (parent_id, ledger) = (one.row.id, one.row.nursery);
        Ok(Above { parent_id, ledger, priority: one.row.priority })
    }

    /// Remembers that `parent` wants another child, and tells the peer once for each limit.
    fn want_child(&mut self, parent: StreamHandle, has_credit: bool) {
        let begins_to_wait = self.with(parent, |one| {
            let was_waiting = one.row.state.has(State::WANTS_CHILD_CREDIT);
            one.row.state.set(State::WANTS_CHILD_CREDIT);
            if !has_credit && !was_waiting {
                one.owe(Pending::CHILD_BLOCKED);
            }
            has_credit && !one.row.state.has(State::WAITS_IDS)
        });
        if begins_to_wait == Some(true) {
            self.await_ids(parent);
        }
    }

    /// Makes the row of a stream and ties it to its parent, its session and the index.
    pub(super) fn bear(&mut self, birth: &Birth, now: Instant) -> Option<StreamHandle> {
        let Self { streams, tree } = self;
        let party = streams.parties.at_mut(tree.party)?;
        let row = birth.row(tree, &streams.stores.config, now);
        let stream = streams.rows.insert(&mut party.streams, row).ok()?;
        if streams.ids.insert(tree.party, birth.id, stream.index()).is_err() {
            streams.rows.remove(&mut party.streams, stream);
            return None;
        }
        let ledger = streams.stores.nurseries.at_mut(birth.ledger);
        debug_assert!(ledger.is_some(), "whoever opens a child has made sure of the ledger");
        if let Some(ledger) = ledger {
            ledger.children.push_back(&mut streams.rows, stream.index());
        }
        tree.live = tree.live.saturating_add(1);
        Some(stream)
    }
}

impl Birth {
    /// What the row is at first.
    fn row(&self, tree: &Tree, config: &StreamConfig, now: Instant) -> Row {
        let row = Row {
            id: self.id,
            parent_id: self.parent_id,
            parent: self.parent,
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
                bound: Bound::limit(config.stream_window.into()),
                window: config.stream_window,
                raised_at: (now.as_micros() >> 10) as u32,
            },
            state: self.state,
            pending: Pending::default(),
            events: Events::default(),
            own_priority: self.own_priority,
            priority: self.own_priority.unwrap_or(self.inherited),
            wanted_priority: 0,
        };
        row.one_way_if_datagram(config.datagram_bytes)
    }
}
