//! Streams: the tree, credit, buffers, marks, lifetimes, and who sends next.
//!
//! One [`Streams`] holds every stream of a host, so that its memory has one bound; a [`Tree`]
//! is what one session adds, and a [`TreeMut`] is both, for as long as one event takes. Nothing
//! here knows packets, keys or addresses: frames come in one at a time ([`TreeMut::on_frame`]),
//! frames go out into a caller's [`Writer`](crate::bytes) with a receipt each
//! ([`TreeMut::fill`]), and later the receipts come back acknowledged or lost.
//! Source: docs/PROTOCOL.md sections 7 and 8.
//!
//! What there is, is in the files of this folder: rows, and what rows draw on. What is done with it
//! is in rooms, each of which calls only those above it:
//!
//! | room | one idea |
//! |---|---|
//! | `half` | one stream's two halves: bytes, marks, ends, credit |
//! | `schedule` | who sends next: heaps by priority, writers that wait for memory |
//! | `parent` | one stream as a parent: its children's credit, its datagrams |
//! | `lifecycle` | streams begin, join their parents, and end; what follows from each event |
//! | `frames` | frames come in, go out, and their receipts come back |
//! | `app` | the application's door |

mod app;
mod bound;
mod datagram;
mod events;
mod flags;
mod frames;
mod gaps;
mod half;
mod ids;
mod lifecycle;
mod nursery;
mod outcomes;
mod parent;
mod party;
mod receipt;
mod refusals;
mod row;
mod schedule;
mod service;
mod storage;
mod stores;
mod stream_mut;
mod tracked;
mod tree;
mod tree_mut;

#[cfg(all(test, feature = "alloc"))]
mod tests;

pub use app::inspect::{ReceiveState, SendState, StreamInfo};
pub use datagram::{
    DatagramError, DatagramForm, DatagramOptions, DatagramSent, MAX_STATELESS_LOSS, PathQuality,
};
pub use events::StreamEvent;
pub use frames::sink::Filled;
pub use gaps::{Gaps, Ranges};
pub use half::read::{BytesRead, ReadError, RecordRead};
pub use half::receive::Fault;
pub use half::send::{WriteError, WriteOptions};
pub use lifecycle::open::{Open, OpenError};
pub use nursery::Nursery;
pub use party::Party;
pub use receipt::{Fate, Receipt};
pub use row::{Row, StreamHandle};
pub use service::{MAX_SERVICE_REQUEST_BYTES, ServiceError, ServiceRequest};
pub use storage::{LentStreams, ROOT_BYTES, STREAM_BYTES, StreamLimits, StreamStorage};
pub use tracked::{DatagramOutcome, DatagramTicket, TrackedDatagram};
pub use tree::{Allowance, MAX_ID_WINDOW, Tree};
pub use tree_mut::TreeMut;

use crate::storage::{BlockPool, Rope, Table, Timers};

use self::events::EventQueue;
use self::ids::Ids;
use self::row::Rows;
use self::schedule::starved::Starved;
use self::stores::Stores;

/// What every stream of a host is held to. Units are positions (a byte or a mark) unless said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamConfig {
    /// First credit of a stream.
    pub stream_window: u32,
    /// The most credit tuning may give one stream. What all streams of a session get beyond their
    /// first credit is at most half of the session's budget.
    pub max_stream_window: u32,
    /// First credit of a session, all streams together.
    pub session_window: u64,
    /// The most a session holds unread and lets its peer send, together: its memory.
    pub session_budget: u64,
    /// The most one stream holds written and never sent. What is sent and not acknowledged comes
    /// on top: the peer's credit and the session's share of the pool bound it.
    pub send_buffer: u32,
    /// Children a peer may open under the root before it is listened to.
    pub root_children: u32,
    /// Children a peer may open under any other stream before it is listened to.
    pub children: u32,
    /// Streams a peer may open ahead of the lowest one not seen; at most [`MAX_ID_WINDOW`].
    pub id_window: u64,
    /// Largest datagram accepted, in bytes; 0 for none.
    pub datagram_bytes: u32,
    /// Bytes of stateless datagrams queued: at one stream to be sent, and in all of a session to be
    /// received.
    pub datagram_queue_bytes: u32,
    /// Streams of one level take turns packet by packet; otherwise the one that began first
    /// runs to completion.
    pub takes_turns: bool,
}

/// Every stream of a host. What a session does with its own goes through [`Streams::of`].
pub struct Streams<'s> {
    /// The sessions, as parties that draw on rows and stores.
    parties: Table<'s, Party>,
    rows: Rows<'s>,
    ids: Ids<'s>,
    stores: Stores<'s>,
    lifetimes: Timers<'s>,
    events: EventQueue,
    starved: Starved,
}

/// Copies bytes from `position` on; positions that are not held (none should be) read as zero.
fn copy_out(rope: &mut Rope, pool: &BlockPool<'_>, position: u64, to: &mut [u8]) {
    if !rope.read_at(pool, position, to) {
        debug_assert!(to.is_empty(), "positions that are not held");
        to.fill(0);
    }
}
