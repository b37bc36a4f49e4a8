//! The memory of all streams: lent by a board, or owned where there is an allocator.

use crate::id::{Side, StreamId};
use crate::limits::STREAM_RANGES;
use crate::storage::{
    BlockPool, HashIndex, KeyedHash, Link, NONE, Node, RangeChains, Rope, Row as TableRow,
    SharedTable, Table, TimerSlot, Timers,
};
use crate::time::Instant;

use super::bound::Bound;
#[cfg(feature = "alloc")]
use super::bound::MAX_TICKETS;
use super::events::EventQueue;
use super::flags::{Events, Pending, State};
use super::gaps::{Gaps, Ranges};
use super::ids::Ids;
use super::nursery::Nursery;
use super::outcomes::Outcomes;
use super::party::Party;
use super::row::{NO_NURSERY, NOBODY, Receiving, Row, Sending};
use super::schedule::starved::Starved;
use super::stores::Stores;
use super::tracked::TrackedDatagram;
use super::tree::{Allowance, Tree};
use super::{StreamConfig, Streams};

/// How many of each thing the streams of a host may use together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamLimits {
    /// Sessions that have streams: the parties that share all that follows.
    pub sessions: u32,
    /// Streams, one root for every session included.
    pub streams: u32,
    /// Streams that are or were parents.
    pub parents: u32,
    /// Streams that have marks or gaps at one time; at least 2, or no record can be written.
    pub gapped: u32,
    /// Rows of ranges, up to four for each such stream, and more where a queue overflowed.
    pub range_rows: u32,
    /// Blocks of the pool; at least 4, or two hosts that both write could wait for each other.
    pub blocks: u32,
    /// Bytes of one block: a power of two, at least 64.
    pub block_bytes: usize,
    /// Datagrams whose outcome was asked for and was not told yet; more are sent untracked. 0 if
    /// nobody asks.
    pub tracked_datagrams: u32,
}

/// What an idle stream takes, in bytes: its row and its two entries of the index.
pub const STREAM_BYTES: usize = size_of::<TableRow<Row>>() + 2 * size_of::<u64>();
/// What the root of a session takes, in bytes: a row, which is in no index, a nursery, and the
/// session's accounts.
pub const ROOT_BYTES: usize =
    size_of::<TableRow<Row>>() + size_of::<TableRow<Nursery>>() + size_of::<TableRow<Party>>();

/// The memory itself.
pub struct StreamStorage<'s> {
    pub(super) parties: Table<'s, Party>,
    pub(super) rows: Table<'s, Row>,
    pub(super) index: HashIndex<'s>,
    pub(super) pool: BlockPool<'s>,
    pub(super) nurseries: Table<'s, Nursery>,
    pub(super) gaps: Table<'s, Gaps>,
    pub(super) ranges: Table<'s, Ranges>,
    pub(super) lifetimes: Timers<'s>,
    pub(super) tracked: Table<'s, TrackedDatagram>,
}

/// Slices for [`StreamStorage::lent`]. Each length is a limit.
pub struct LentStreams<'s> {
    /// One for each session: the parties that share all that follows.
    pub parties: &'s mut [TableRow<Party>],
    /// Streams.
    pub rows: &'s mut [TableRow<Row>],
    /// The index of ids: at least twice as many entries as there are rows.
    pub index: &'s mut [u64],
    /// Bytes of the pool.
    pub bytes: &'s mut [u8],
    /// One link for each block.
    pub links: &'s mut [u32],
    /// Bytes of one block.
    pub block_bytes: usize,
    /// Parents.
    pub nurseries: &'s mut [TableRow<Nursery>],
    /// Streams with marks or gaps.
    pub gaps: &'s mut [TableRow<Gaps>],
    /// Rows of ranges.
    pub ranges: &'s mut [TableRow<Ranges>],
    /// One timer for each row.
    pub lifetimes: &'s mut [TimerSlot],
    /// Datagrams whose outcome was asked for; may be empty.
    pub tracked: &'s mut [TableRow<TrackedDatagram>],
}

impl<'s> StreamStorage<'s> {
    /// Memory that the caller lends.
    #[must_use]
    pub fn lent(lent: LentStreams<'s>) -> Self {
        Self {
            parties: Table::lent(lent.parties),
            rows: Table::lent(lent.rows),
            index: HashIndex::lent(lent.index),
            pool: BlockPool::lent(lent.bytes, lent.links, lent.block_bytes),
            nurseries: Table::lent(lent.nurseries),
            gaps: Table::lent(lent.gaps),
            ranges: Table::lent(lent.ranges),
            lifetimes: Timers::lent(lent.lifetimes),
            tracked: Table::lent(lent.tracked),
        }
    }

    /// Memory reserved now and resident when first used.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limits: &StreamLimits) -> Self {
        Self {
            parties: Table::owned(limits.sessions),
            rows: Table::owned(limits.streams),
            index: HashIndex::owned(limits.streams),
            pool: BlockPool::owned(limits.blocks, limits.block_bytes),
            nurseries: Table::owned(limits.parents),
            gaps: Table::owned(limits.gapped),
            ranges: Table::owned(limits.range_rows),
            lifetimes: Timers::owned(limits.streams),
            tracked: Table::owned(limits.tracked_datagrams.min(MAX_TICKETS)),
        }
    }

    /// Whether no table is empty that should have rows: what [`owned`](Self::owned) leaves where
    /// the memory cannot be had.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn has_room_for(&self, limits: &StreamLimits) -> bool {
        let is_had = |limit: u32, wanted: u32| limit > 0 || wanted == 0;
        is_had(self.parties.limit(), limits.sessions)
            && is_had(self.rows.limit(), limits.streams)
            && is_had(self.index.limit(), limits.streams)
            && is_had(self.pool.limit_blocks(), limits.blocks)
            && is_had(self.nurseries.limit(), limits.parents)
            && is_had(self.gaps.limit(), limits.gapped)
            && is_had(self.ranges.limit(), limits.range_rows)
            && is_had(self.lifetimes.limit(), limits.streams)
            && is_had(self.tracked.limit(), limits.tracked_datagrams)
    }
}

impl<'s> Streams<'s> {
    /// No streams yet. `hash` must be keyed at random: peers choose stream ids.
    #[must_use]
    pub fn new(config: StreamConfig, storage: StreamStorage<'s>, hash: KeyedHash) -> Self {
        let parties = storage.parties.limit();
        let ranges = SharedTable::new(storage.ranges, parties);
        Self {
            parties: storage.parties,
            rows: SharedTable::new(storage.rows, parties),
            stores: Stores {
                config,
                pool: storage.pool.shared_by(parties),
                nurseries: SharedTable::new(storage.nurseries, parties),
                gaps: SharedTable::new(storage.gaps, parties),
                ranges: RangeChains::new(ranges, STREAM_RANGES),
                outcomes: Outcomes::new(storage.tracked, parties),
            },
            ids: Ids::new(storage.index, hash),
            lifetimes: storage.lifetimes,
            events: EventQueue::new(),
            starved: Starved::new(),
        }
    }

    /// Plants the tree of a new session: its root, and what the peer allows. `None` if there is
    /// no room for it.
    pub fn plant(
        &mut self,
        session: u32,
        side: Side,
        allowance: Allowance,
        now: Instant,
    ) -> Option<Tree> {
        let index = self.parties.insert(Party::new(session)).ok()?.index();
        let party = self.parties.at_mut(index)?;
        let Ok(root) = self.rows.insert(&mut party.streams, root_row(index)) else {
            self.parties.discard_at(index);
            return None;
        };
        let window = self.stores.config.session_window;
        let mut tree = Tree::new(index, side, root, allowance, window, now);
        if self.of(&mut tree).look_up(root)?.fetch_nursery().is_none() {
            self.rows.remove(&mut self.parties.at_mut(index)?.streams, root);
            self.parties.discard_at(index);
            return None;
        }
        Some(tree)
    }
}

/// The root of a session: children and datagrams, no bytes, never released.
fn root_row(party: u32) -> Row {
    let over = State::SEND_DONE.with(State::RECEIVE_DONE);
    Row {
        id: StreamId::ROOT,
        parent_id: StreamId::ROOT,
        parent: NOBODY,
        party,
        nursery: NO_NURSERY,
        gaps: NONE,
        node: Node::new(),
        links: [const { Link::new() }; 4],
        sending_rope: Rope::new(),
        receiving_rope: Rope::new(),
        sending: Sending { acked: 0, next: 0, sent_end: 0, written: 0, bound: Bound::limit(0) },
        receiving: Receiving {
            read: 0,
            highest: 0,
            bound: Bound::limit(0),
            window: 0,
            raised_at: 0,
        },
        state: State::ROOT.with(State::OPENED).with(State::ACCEPTED).with(over),
        pending: Pending::default(),
        events: Events::default(),
        own_priority: Some(0),
        priority: 0,
        wanted_priority: 0,
    }
}
