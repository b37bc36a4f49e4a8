//! The memory of a host: lent by a board, or owned where there is an allocator.

use crate::channel::{SentPacket, SentPackets, SentReceipt};
use crate::crypto::Crypto;
use crate::session::Session;
use crate::storage::{HashIndex, Row, Table, Tally, TimerSlot, Timers};
use crate::stream::{LentStreams, ROOT_BYTES, StreamLimits, StreamStorage};

use super::tables::{ChannelRow, NegotiationRow};

/// How many of each thing a host may have at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Sessions, closed ones that are not released included.
    pub sessions: u32,
    /// Channels: one for each session, and those closing.
    pub channels: u32,
    /// Negotiations under way.
    pub negotiations: u32,
    /// Packets in flight, of all channels.
    pub sent_packets: u32,
    /// Frames in them.
    pub sent_receipts: u32,
    /// Streams and their buffers.
    pub streams: StreamLimits,
}

impl Limits {
    /// Limits for `sessions` sessions and `streams` streams together, with `buffer_bytes` for
    /// all data held. Where memory is only reserved until it is used, generous ones cost little.
    #[must_use]
    pub const fn of(sessions: u32, streams: u32, buffer_bytes: u64) -> Self {
        const BLOCK_BYTES: usize = 4096;
        let blocks = buffer_bytes / BLOCK_BYTES as u64;
        let blocks = if blocks > u32::MAX as u64 { u32::MAX } else { blocks as u32 };
        let in_flight = (buffer_bytes / 1024) as u32;
        Self {
            sessions,
            channels: sessions.saturating_add(sessions / 4).saturating_add(4),
            negotiations: sessions / 2 + 16,
            sent_packets: in_flight.saturating_add(sessions.saturating_mul(8)),
            sent_receipts: in_flight.saturating_mul(2).saturating_add(streams),
            streams: StreamLimits {
                sessions,
                streams: streams.saturating_add(sessions),
                parents: streams.saturating_add(sessions),
                gapped: streams.saturating_add(sessions),
                // Half of them are for streams with few gaps, two for each stream.
                range_rows: streams.saturating_mul(4).saturating_add(128),
                blocks,
                block_bytes: BLOCK_BYTES,
                // Each of them is queued or in flight.
                tracked_datagrams: in_flight,
            },
        }
    }
}

/// Two entries of an index for each row keep it at most half full.
const INDEXED_BYTES: usize = 2 * size_of::<u64>();

/// The memory itself.
pub struct Storage<'s, C: Crypto> {
    pub(super) sessions: Table<'s, Session>,
    pub(super) by_peer: HashIndex<'s>,
    pub(super) guests: Tally<'s>,
    pub(super) channels: Table<'s, ChannelRow<C>>,
    pub(super) by_channel: HashIndex<'s>,
    pub(super) by_remote: HashIndex<'s>,
    pub(super) channel_timers: Timers<'s>,
    pub(super) negotiations: Table<'s, NegotiationRow<C::Secret>>,
    pub(super) by_call: HashIndex<'s>,
    pub(super) callers: Tally<'s>,
    pub(super) negotiation_timers: Timers<'s>,
    pub(super) sent: SentPackets<'s>,
    pub(super) streams: StreamStorage<'s>,
}

/// Slices for [`Storage::lent`]. Each length is a limit; an index needs at least twice as many
/// entries as the table it is for, and twice that for negotiations.
pub struct LentHost<'s, C: Crypto> {
    /// Sessions.
    pub sessions: &'s mut [Row<Session>],
    /// Index of sessions.
    pub by_peer: &'s mut [u64],
    /// From where peers come that dial: as an index of sessions.
    pub guests: &'s mut [u64],
    /// Channels.
    pub channels: &'s mut [Row<ChannelRow<C>>],
    /// Index of channels by this host's ids.
    pub by_channel: &'s mut [u64],
    /// Index of channels by the peers' ids.
    pub by_remote: &'s mut [u64],
    /// One timer for each channel.
    pub channel_timers: &'s mut [TimerSlot],
    /// Negotiations.
    pub negotiations: &'s mut [Row<NegotiationRow<C::Secret>>],
    /// Index of negotiations.
    pub by_call: &'s mut [u64],
    /// Who is in negotiations: as an index of as many.
    pub callers: &'s mut [u64],
    /// One timer for each negotiation.
    pub negotiation_timers: &'s mut [TimerSlot],
    /// Packets in flight.
    pub sent_packets: &'s mut [Row<SentPacket>],
    /// Frames in them.
    pub sent_receipts: &'s mut [Row<SentReceipt>],
    /// Streams.
    pub streams: LentStreams<'s>,
}

impl<'s, C: Crypto> Storage<'s, C> {
    /// What one idle session takes here, in bytes: its row, its channel's, its root stream's and
    /// that one's nursery, with their places in indices and timers. What the cipher keeps outside
    /// of its value for the two keys comes on top.
    pub const SESSION_BYTES: usize = size_of::<Row<Session>>()
        + size_of::<Row<ChannelRow<C>>>()
        + 4 * INDEXED_BYTES
        + size_of::<TimerSlot>()
        + ROOT_BYTES;

    /// Memory that the caller lends.
    #[must_use]
    pub fn lent(lent: LentHost<'s, C>) -> Self {
        let channels = u32::try_from(lent.channels.len()).unwrap_or(u32::MAX);
        Self {
            sessions: Table::lent(lent.sessions),
            by_peer: HashIndex::lent(lent.by_peer),
            guests: Tally::lent(lent.guests),
            channels: Table::lent(lent.channels),
            by_channel: HashIndex::lent(lent.by_channel),
            by_remote: HashIndex::lent(lent.by_remote),
            channel_timers: Timers::lent(lent.channel_timers),
            negotiations: Table::lent(lent.negotiations),
            by_call: HashIndex::lent(lent.by_call),
            callers: Tally::lent(lent.callers),
            negotiation_timers: Timers::lent(lent.negotiation_timers),
            sent: SentPackets::lent(lent.sent_packets, lent.sent_receipts, channels),
            streams: StreamStorage::lent(lent.streams),
        }
    }

    /// Memory reserved now and resident when first used.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limits: &Limits) -> Self {
        Self {
            sessions: Table::owned(limits.sessions),
            by_peer: HashIndex::owned(limits.sessions),
            guests: Tally::owned(limits.sessions),
            channels: Table::owned(limits.channels),
            by_channel: HashIndex::owned(limits.channels),
            by_remote: HashIndex::owned(limits.channels),
            channel_timers: Timers::owned(limits.channels),
            negotiations: Table::owned(limits.negotiations),
            by_call: HashIndex::owned(limits.negotiations.saturating_mul(2)),
            callers: Tally::owned(limits.negotiations),
            negotiation_timers: Timers::owned(limits.negotiations),
            sent: SentPackets::owned(limits.sent_packets, limits.sent_receipts, limits.channels),
            streams: StreamStorage::owned(&limits.streams),
        }
    }

    /// Whether no table is empty that should have rows: what [`owned`](Self::owned) leaves where
    /// the memory cannot be had. A host would begin with it, and carry nothing.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn has_room_for(&self, limits: &Limits) -> bool {
        let is_had = |limit: u32, wanted: u32| limit > 0 || wanted == 0;
        is_had(self.sessions.limit(), limits.sessions)
            && is_had(self.by_peer.limit(), limits.sessions)
            && is_had(self.channels.limit(), limits.channels)
            && is_had(self.by_channel.limit(), limits.channels)
            && is_had(self.by_remote.limit(), limits.channels)
            && is_had(self.channel_timers.limit(), limits.channels)
            && is_had(self.negotiations.limit(), limits.negotiations)
            && is_had(self.by_call.limit(), limits.negotiations)
            && is_had(self.negotiation_timers.limit(), limits.negotiations)
            && is_had(self.sent.limit_packets(), limits.sent_packets)
            && is_had(self.sent.limit_receipts(), limits.sent_receipts)
            && self.streams.has_room_for(&limits.streams)
    }
}
