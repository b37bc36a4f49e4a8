//! Questions about streams that change nothing.

use crate::id::StreamId;
use crate::wire::StreamCode;

use crate::stream::Streams;
use crate::stream::flags::State;
use crate::stream::row::{Row, StreamHandle};
use crate::stream::stores::Stores;
use crate::stream::tree::Tree;
#[cfg(doc)]
use crate::stream::tree_mut::TreeMut;

/// Where the sending half stands. Source: docs/PROTOCOL.md section 7, state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendState {
    /// The application may write.
    Open,
    /// Finished, and not all of it is acknowledged.
    Finishing,
    /// All of it is acknowledged.
    Delivered,
    /// Given up; the peer may not know yet.
    Reset,
}

/// Where the receiving half stands. Source: docs/PROTOCOL.md section 7, state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiveState {
    /// More may come.
    Open,
    /// The end is known, and not all before it is here.
    SizeKnown,
    /// All of it is here, and not all is read.
    Whole,
    /// All of it was read, or thrown away after [`stop`](TreeMut::stop).
    Done,
    /// The peer gave it up, with this code.
    Reset(StreamCode),
}

/// One stream, seen from outside. Units are positions (a byte or a mark).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its id.
    pub id: StreamId,
    /// The id of the stream it was opened under.
    pub parent_id: StreamId,
    /// The parent's handle, while the parent lives.
    pub parent: Option<StreamHandle>,
    /// The index of its session.
    pub session: u32,
    /// This host opened it.
    pub is_local: bool,
    /// It is one datagram.
    pub is_datagram: bool,
    /// Its first record names a service.
    pub is_service: bool,
    /// The priority in force.
    pub priority: i8,
    /// The sending half.
    pub send_state: SendState,
    /// The receiving half.
    pub receive_state: ReceiveState,
    /// Positions written.
    pub written: u64,
    /// Positions acknowledged, from the beginning without a gap.
    pub acked: u64,
    /// One past the highest position received.
    pub received: u64,
    /// Positions read.
    pub read: u64,
    /// Positions the peer allows to be sent; `None` once the half was reset.
    pub send_limit: Option<u64>,
}

impl Streams<'_> {
    /// What there is to know about `stream`.
    #[must_use]
    pub fn info(&self, stream: StreamHandle) -> Option<StreamInfo> {
        let row = self.rows.get(stream)?;
        let state = row.state;
        Some(StreamInfo {
            id: row.id,
            parent_id: row.parent_id,
            parent: row.parent().filter(|parent| self.rows.get(*parent).is_some()),
            session: self.parties.at(row.party)?.session,
            is_local: state.has(State::LOCAL),
            is_datagram: state.has(State::DATAGRAM),
            is_service: state.has(State::SERVICE),
            priority: row.priority,
            send_state: send_state(state),
            receive_state: self.stores.receive_state(row),
            written: row.sending.written,
            acked: row.sending.acked,
            received: row.receiving.highest,
            read: row.receiving.read,
            send_limit: row.sending.bound.as_limit(),
        })
    }

    /// The index of the session that `stream` belongs to.
    #[must_use]
    pub fn session_of(&self, stream: StreamHandle) -> Option<u32> {
        let party = self.rows.get(stream)?.party;
        self.parties.at(party).map(|party| party.session)
    }

    /// Streams of all sessions, roots included.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.rows.len()
    }

    /// Whether there is no stream at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of the pool in use.
    #[must_use]
    pub fn bytes_held(&self) -> u64 {
        u64::from(self.stores.pool.used_blocks())
            .saturating_mul(self.stores.pool.block_len() as u64)
    }
}

impl Streams<'_> {
    /// Fills `largest` with the session's streams that hold most of what is unread, most first, and
    /// tells how many there are. Looks at each stream of the host: a question for when
    /// [`StreamEvent::Crowded`](crate::stream::StreamEvent::Crowded) was told, and not for every
    /// packet.
    pub fn largest_unread(&self, tree: &Tree, largest: &mut [(StreamHandle, u64)]) -> usize {
        let mut count = 0_usize;
        for index in 0..self.rows.used() {
            let Some(row) = self.rows.at(index).filter(|row| row.party == tree.party) else {
                continue;
            };
            let unread = row.receiving.highest.saturating_sub(row.receiving.read);
            let Some(stream) = self.rows.handle_at(index).filter(|_| unread > 0) else {
                continue;
            };
            let known = largest.get(..count).unwrap_or_default();
            let at = known.partition_point(|(_, other)| *other >= unread);
            count = count.saturating_add(1).min(largest.len());
            // It takes the place of the next smaller one, that of the next; the last one is gone.
            let mut moves = (stream, unread);
            for place in largest.get_mut(at..count).unwrap_or_default() {
                core::mem::swap(place, &mut moves);
            }
        }
        count
    }
}

impl Stores<'_> {
    fn receive_state(&self, row: &Row) -> ReceiveState {
        let state = row.state;
        if state.has(State::PEER_RESET)
            && let Some(code) = row.receiving.bound.as_code()
        {
            ReceiveState::Reset(code)
        } else if state.has(State::RECEIVE_DONE) {
            ReceiveState::Done
        } else if self.is_whole(row) {
            ReceiveState::Whole
        } else if state.has(State::FINAL_KNOWN) {
            ReceiveState::SizeKnown
        } else {
            ReceiveState::Open
        }
    }
}

const fn send_state(state: State) -> SendState {
    if state.has(State::SEND_RESET) {
        SendState::Reset
    } else if state.has(State::SEND_DONE) {
        SendState::Delivered
    } else if state.has(State::FINISHED) {
        SendState::Finishing
    } else {
        SendState::Open
    }
}
