//! Streams: the tree, credit, buffers, marks, lifetimes, and who sends next.
//!
//! One [`Streams`] holds every stream of a host, so that its memory has one bound; a [`Tree`]
//! is what one session adds. Nothing here knows packets, keys or addresses: frames come in one
//! at a time ([`Streams::on_frame`]), frames go out into a caller's [`Writer`](crate::bytes)
//! with a receipt each ([`Streams::fill`]), and later the receipts come back acknowledged or
//! lost. Source: docs/PROTOCOL.md sections 7 and 8.

mod acknowledge;
mod after;
mod app;
mod bound;
mod children;
mod credit;
mod datagram;
mod datagram_in;
mod datagram_out;
mod events;
mod fill;
mod flags;
mod frames_in;
mod frames_out;
mod gaps;
mod inspect;
mod nursery;
mod open;
mod outcome;
mod outcomes;
mod parent;
mod party;
mod priority;
mod ranges;
mod read;
mod receipt;
mod receive;
mod refuse;
mod row;
mod schedule;
mod service;
mod starved;
mod storage;
mod store;
mod stores;
mod stream_mut;
mod teardown;
mod tracked;
mod tree;
mod write;

#[cfg(all(test, feature = "alloc"))]
mod tests;

pub use datagram::{
    DatagramError, DatagramForm, DatagramOptions, DatagramSent, MAX_STATELESS_LOSS, PathQuality,
};
pub use events::StreamEvent;
pub use fill::Filled;
pub use gaps::{Gaps, Ranges};
pub use inspect::{ReceiveState, SendState, StreamInfo};
pub use nursery::Nursery;
pub use open::{Open, OpenError};
pub use party::Party;
pub use read::{BytesRead, ReadError, RecordRead};
pub use receipt::{Fate, Receipt};
pub use receive::Fault;
pub use row::{Row, StreamHandle};
pub use service::{MAX_SERVICE_REQUEST_BYTES, ServiceError, ServiceRequest};
pub use storage::{LentStreams, ROOT_BYTES, STREAM_BYTES, StreamLimits, StreamStorage};
pub use tracked::{DatagramOutcome, DatagramTicket, TrackedDatagram};
pub use tree::{Allowance, MAX_ID_WINDOW, Tree};
pub use write::{WriteError, WriteOptions};

use crate::id::StreamId;
use crate::storage::{
    BlockPool, HashIndex, Heap, KeyedHash, Queue, Rope, SharedTable, Table, Timers,
};

use self::flags::Events;
use self::party::STARVED;
use self::row::{EVENTS, WAITING};
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

/// Every stream of a host.
pub struct Streams<'s> {
    /// The sessions, as parties that draw on rows and stores.
    parties: Table<'s, Party>,
    rows: SharedTable<'s, Row>,
    stores: Stores<'s>,
    index: HashIndex<'s>,
    hash: KeyedHash,
    lifetimes: Timers<'s>,
    /// Streams with events to tell.
    eventful: Queue<EVENTS>,
    /// Parties with writers that wait for blocks of the pool, the one that holds least first.
    starved: Heap<STARVED>,
    /// Writers of parties that may take blocks again, to be told so.
    fed: Queue<WAITING>,
    /// The row last found by its id: mostly the next frame is for the same stream.
    found: Option<u32>,
}

impl Streams<'_> {
    /// The living stream of a party that has this id.
    fn find(&mut self, party: u32, id: StreamId) -> Option<StreamHandle> {
        let handle_of = |slot| {
            let entry = self.rows.entry_at(slot);
            entry.filter(|(_, row)| row.party == party && row.id == id).map(|(stream, _)| stream)
        };
        if let Some(stream) = self.found.and_then(handle_of) {
            return Some(stream);
        }
        let hash = self.hash.hash_pair(u64::from(party), id.as_u64());
        let mut stream = None;
        self.found = self.index.find(hash, |slot| {
            stream = handle_of(slot);
            stream.is_some()
        });
        stream
    }

    /// Notes something to tell the application about `stream`.
    fn tell(&mut self, stream: StreamHandle, event: Events) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        row.tell(event);
        if row.has_untold() {
            self.eventful.push_back(&mut self.rows, stream.index());
        }
    }
}

/// Copies bytes from `position` on; positions that are not held (none should be) read as zero.
fn copy_out(rope: &mut Rope, pool: &BlockPool<'_>, position: u64, to: &mut [u8]) {
    if !rope.read_at(pool, position, to) {
        debug_assert!(to.is_empty(), "positions that are not held");
        to.fill(0);
    }
}
