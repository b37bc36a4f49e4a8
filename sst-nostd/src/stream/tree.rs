//! What one session keeps about its tree of streams: ids, credit, and who may send next.

use crate::id::Side;
use crate::limits::ID_WORDS;
use crate::storage::{Heap, OrderlyHeap, Queue, Sighting, SlidingBits};
use crate::time::{Duration, Instant};

use super::refusals::Refusals;
use super::row::{NOBODY, READY, STALE_PRIORITY, StreamHandle, WAITING};
use super::tracked::TRACKED;

/// The most streams a peer may open ahead of the lowest one not seen: what the record of ids
/// spans.
pub const MAX_ID_WINDOW: u64 = 64 * ID_WORDS as u64;
/// The most children waiting for their parent's OPEN to arrive. Reordering across an open
/// chain's first flight; more are not acknowledged and come again.
pub(super) const MAX_AWAITING: usize = 8;

/// What the peer's parameters allow this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Positions of each new stream.
    pub stream_window: u64,
    /// Positions of all streams together.
    pub session_window: u64,
    /// Children of the root.
    pub root_children: u32,
    /// Children of every other stream.
    pub children: u32,
    /// Streams opened ahead of the lowest one not acknowledged.
    pub id_window: u64,
    /// Largest datagram, in bytes.
    pub datagram_bytes: u64,
}

/// One session's tree.
#[derive(Debug)]
pub struct Tree {
    /// Where the session's accounts are, and its index.
    pub(super) party: u32,
    pub(super) side: Side,
    /// The root stream.
    pub(super) root: StreamHandle,
    /// Streams with something to send.
    pub(super) ready: OrderlyHeap<READY>,
    /// Streams that wait for session credit.
    pub(super) blocked: Heap<READY>,
    pub(super) tick: u64,
    /// Streams whose priority must be worked out again.
    pub(super) stale: Queue<STALE_PRIORITY>,
    pub(super) allowance: Allowance,
    /// Counters of this host's streams whose OPEN the peer acknowledged.
    pub(super) ids_out: SlidingBits<ID_WORDS>,
    /// Counters of the peer's streams seen.
    pub(super) ids_in: SlidingBits<ID_WORDS>,
    pub(super) next_counter: u64,
    /// Positions sent on all streams together, and how many may be.
    pub(super) sent: u64,
    pub(super) send_limit: u64,
    /// Positions received on all streams together, taken or thrown away, and the limit told.
    pub(super) received: u64,
    pub(super) consumed: u64,
    pub(super) receive_limit: u64,
    /// How far ahead of `received` the limit is kept.
    pub(super) receive_window: u64,
    /// What the windows of all streams are wider than at first, together.
    pub(super) widened: u64,
    pub(super) raised_at: Instant,
    pub(super) owes_session_limit: bool,
    pub(super) owes_session_blocked: bool,
    /// The peer was told that the limit is in the way.
    pub(super) has_told_blocked: bool,
    /// Children whose parent's OPEN has not come, or [`NOBODY`].
    pub(super) awaiting: [StreamHandle; MAX_AWAITING],
    /// Streams of the peer's that could not be taken in.
    pub(super) refusals: Refusals,
    /// Streams of the session that are not its root.
    pub(super) live: u32,
    /// Streams with anything written, ended or reset that is not acknowledged.
    pub(super) busy: u32,
    /// The round trip, without queues, for window tuning.
    pub(super) round_trip: Duration,
    /// Parents whose next child waits for the window of ids to move.
    pub(super) id_waiters: Queue<WAITING>,
    /// Datagrams whose outcome was asked for and is open.
    pub(super) tracked: Queue<TRACKED>,
    /// Stateless datagrams that found no room, or made room for another.
    pub(super) dropped_datagrams: u64,
    /// The session is ending: no stream is opened any more.
    pub(super) is_closing: bool,
}

impl Tree {
    pub(super) fn new(
        party: u32,
        side: Side,
        root: StreamHandle,
        allowance: Allowance,
        receive_window: u64,
        now: Instant,
    ) -> Self {
        let mut tree = Self {
            party,
            side,
            root,
            ready: OrderlyHeap::new(),
            blocked: Heap::new(),
            tick: 0,
            stale: Queue::new(),
            allowance,
            ids_out: SlidingBits::new(),
            ids_in: SlidingBits::new(),
            next_counter: 1,
            sent: 0,
            send_limit: allowance.session_window,
            received: 0,
            consumed: 0,
            receive_limit: receive_window,
            receive_window,
            widened: 0,
            raised_at: now,
            owes_session_limit: false,
            owes_session_blocked: false,
            has_told_blocked: false,
            awaiting: [NOBODY; MAX_AWAITING],
            refusals: Refusals::new(),
            live: 0,
            busy: 0,
            round_trip: Duration::from_millis(100),
            id_waiters: Queue::new(),
            tracked: Queue::new(),
            dropped_datagrams: 0,
            is_closing: false,
        };
        // Counter 0 is the root's, which both sides know from the start.
        tree.ids_out.set(0);
        tree.ids_in.set(0);
        tree
    }

    /// The root stream: children and datagrams, no bytes.
    #[must_use]
    pub const fn root(&self) -> StreamHandle {
        self.root
    }

    /// Streams of this session, its root not counted.
    #[must_use]
    pub const fn stream_count(&self) -> u32 {
        self.live
    }

    /// Whether everything written, ended or reset on any stream is acknowledged.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.busy == 0
    }

    /// Counts a stateless datagram that found no room, or made room for another.
    pub(super) fn on_dropped_datagram(&mut self) {
        self.dropped_datagrams = self.dropped_datagrams.saturating_add(1);
    }

    /// The session is ending: no stream is opened any more, from either side.
    pub fn begin_close(&mut self) {
        self.is_closing = true;
    }

    /// Tells the tree how long a round trip takes, which paces window growth.
    pub fn set_round_trip(&mut self, round_trip: Duration) {
        self.round_trip = round_trip;
    }

    /// Stateless datagrams that arrived and were dropped: they found no room, or made room.
    #[must_use]
    pub const fn dropped_datagrams(&self) -> u64 {
        self.dropped_datagrams
    }

    /// Whether the peer's window of ids lets this host open another stream.
    pub(super) fn has_id(&self) -> bool {
        let window = self.allowance.id_window.min(MAX_ID_WINDOW);
        self.next_counter < self.ids_out.lowest_unset().saturating_add(window)
    }

    /// Whether the peer's stream with this counter was seen.
    pub(super) fn has_seen(&self, counter: u64) -> bool {
        self.ids_in.state(counter) != Sighting::Fresh
    }

    /// Notes that session credit is in the way. The peer hears of each limit once.
    pub(super) fn on_blocked(&mut self) {
        if !self.has_told_blocked {
            self.has_told_blocked = true;
            self.owes_session_blocked = true;
        }
    }

    /// Positions that may still be sent on all streams together.
    pub(super) const fn send_credit(&self) -> u64 {
        self.send_limit.saturating_sub(self.sent)
    }
}
