//! One stream's row: what an idle stream costs, and nothing else.
//!
//! Everything that only some streams need lives elsewhere and is fetched when needed: being a
//! parent ([`Nursery`](super::nursery::Nursery)), marks and gaps ([`Gaps`](super::gaps::Gaps)),
//! bytes (blocks of the shared pool).

use crate::id::StreamId;
use crate::storage::{Handle, HasLink, HasNode, Link, NONE, Node, Rope, SharedTable};

use super::bound::Bound;
use super::flags::{Events, Pending, State};
use super::tracked::DatagramTicket;

/// Names one stream of this host; stale once the stream is gone.
pub type StreamHandle = Handle<Row>;

/// The rows of every stream, shared by the sessions.
pub(super) type Rows<'s> = SharedTable<'s, Row>;

/// Names no stream.
pub(super) const NOBODY: StreamHandle = Handle::from_parts(NONE, 0);

/// From here on a row's `nursery` is no index: there is no ledger, and what it is above this is
/// how many of the peer's children were refused for want of one.
pub(super) const NO_NURSERY: u32 = 0xc000_0000;

/// The stream has an event the application has not taken.
pub(super) const EVENTS: usize = 0;
/// The stream waits to be accepted, or (later in its life) for room in the pool.
pub(super) const WAITING: usize = 1;
/// The stream's effective priority must be worked out again.
pub(super) const STALE_PRIORITY: usize = 2;
/// The stream's place among its siblings.
pub(super) const SIBLINGS: usize = 3;

/// The heap of streams with something to send.
pub(super) const READY: usize = 0;

/// The sending half.
#[derive(Debug)]
pub(super) struct Sending {
    /// Everything below is acknowledged.
    pub(super) acked: u64,
    /// Everything below was sent, or is noted as lost.
    pub(super) next: u64,
    /// Positions ever sent: what counts against the session's credit.
    pub(super) sent_end: u64,
    /// Positions the application has filled.
    pub(super) written: u64,
    /// The peer takes positions below this; or what the half was reset with, which is the peer's
    /// code if the peer asked for it.
    pub(super) bound: Bound,
}

/// The receiving half.
#[derive(Debug)]
pub(super) struct Receiving {
    /// The application has taken everything below.
    pub(super) read: u64,
    /// One past the highest position received; the final position once that is known.
    pub(super) highest: u64,
    /// The peer may send positions below this; or the code of the peer's RESET, or of this host's
    /// STOP. Of a datagram of this host's, which has no such half: its ticket.
    pub(super) bound: Bound,
    /// How far ahead of `read` the limit is kept, in positions.
    pub(super) window: u32,
    /// When the limit was last raised, in units of 1,024 µs, wrapping.
    pub(super) raised_at: u32,
}

/// One stream.
#[derive(Debug)]
pub struct Row {
    pub(super) id: StreamId,
    pub(super) parent_id: StreamId,
    /// The parent, stale once the parent is gone (the stream is then an orphan), or [`NOBODY`].
    pub(super) parent: StreamHandle,
    /// Index of the party whose stream it is: its session's.
    pub(super) party: u32,
    /// Index of the nursery, if the stream is or was a parent; else [`NO_NURSERY`] or above.
    pub(super) nursery: u32,
    /// Index of the row of gaps, if the stream has marks or gaps.
    pub(super) gaps: u32,
    pub(super) node: Node,
    pub(super) links: [Link; 4],
    /// Bytes from `sending.acked` on, kept until they are acknowledged.
    pub(super) sending_rope: Rope,
    /// Bytes from `receiving.read` on.
    pub(super) receiving_rope: Rope,
    pub(super) sending: Sending,
    pub(super) receiving: Receiving,
    pub(super) state: State,
    pub(super) pending: Pending,
    pub(super) events: Events,
    /// Set by the application; inherited where `None`.
    pub(super) own_priority: Option<i8>,
    /// In force now.
    pub(super) priority: i8,
    /// What to ask of the peer in a PRIORITY frame.
    pub(super) wanted_priority: i8,
}

impl Row {
    /// The parent, which may be gone.
    pub(super) fn parent(&self) -> Option<StreamHandle> {
        (self.parent != NOBODY).then_some(self.parent)
    }

    /// Positions written and not sent, or to be sent again for want of room to note a loss.
    pub(super) const fn unsent(&self) -> u64 {
        self.sending.written.saturating_sub(self.sending.next)
    }

    /// Whether the application has let go of the stream, or was never to have it. A stream that
    /// waits to be accepted is not dropped.
    pub(super) const fn is_dropped(&self) -> bool {
        self.state.has(State::RELEASED) && self.state.has_any(State::ACCEPTED.with(State::DATAGRAM))
    }

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
    pub(super) const fn is_unaccepted(&self) -> bool {
        !self.state.has_any(State::LOCAL.with(State::ACCEPTED))
    }

    /// Whether nobody needs the stream any more.
    pub(super) fn is_over(&self) -> bool {
        let over = State::SEND_DONE.with(State::RECEIVE_DONE);
        self.state.has(over)
            && self.is_dropped()
            && !self.state.has_any(State::ROOT.with(State::AWAITS_PARENT))
    }

    /// Notes something to tell the application.
    pub(super) fn tell(&mut self, event: Events) {
        if !self.state.has(State::RELEASED) {
            self.events.set(event);
        }
    }

    /// Whether there is something to tell and the stream is not queued for it.
    pub(super) fn has_untold(&self) -> bool {
        !self.events.is_empty() && !HasLink::<EVENTS>::link(self).is_linked()
    }

    /// How many of the peer's children were refused for want of a nursery.
    pub(super) const fn refused_children(&self) -> u32 {
        self.nursery.saturating_sub(NO_NURSERY)
    }

    /// Counts one more of them.
    pub(super) fn count_refused(&mut self) {
        if self.nursery >= NO_NURSERY {
            self.nursery = self.nursery.saturating_add(1);
        }
    }

    /// Whose outcome the end of this stream is, if it is a datagram of this host's and someone
    /// asked.
    pub(super) fn ticket(&self) -> Option<DatagramTicket> {
        self.receiving.bound.as_ticket()
    }

    /// Notes it.
    pub(super) fn set_ticket(&mut self, ticket: Option<DatagramTicket>) {
        if self.state.has(State::DATAGRAM.with(State::LOCAL)) {
            self.receiving.bound = Bound::ticket(ticket);
        }
    }

    /// Whether the peer's datagram travels as this stream.
    pub(super) const fn is_datagram_in(&self) -> bool {
        self.state.has(State::DATAGRAM) && !self.state.has(State::LOCAL)
    }
}

impl HasNode<READY> for Row {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }
}

macro_rules! has_link {
    ($($list:ident at $place:pat => $link:ident),* $(,)?) => {$(
        impl HasLink<$list> for Row {
            fn link(&self) -> &Link {
                let $place = &self.links;
                $link
            }

            fn link_mut(&mut self) -> &mut Link {
                let $place = &mut self.links;
                $link
            }
        }
    )*};
}

has_link!(
    EVENTS at [link, _, _, _] => link,
    WAITING at [_, link, _, _] => link,
    STALE_PRIORITY at [_, _, link, _] => link,
    SIBLINGS at [_, _, _, link] => link,
);
