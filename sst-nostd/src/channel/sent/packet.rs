//! What is remembered of a packet in flight, and of each frame in it.

use crate::storage::NONE;
use crate::time::Instant;

/// What the layer above remembers of a frame that it put into a packet.
///
/// Opaque here, and handed back once the packet was acknowledged or lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What the frame was.
    pub tag: u8,
    /// More about it.
    pub flags: u8,
    /// How much it carried.
    pub len: u32,
    /// Whose it was.
    pub owner: u64,
    /// Where it began.
    pub start: u64,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The peer has it.
    Acked,
    /// It did not arrive, as far as can be told. It may still: what is sent again must be harmless
    /// to receive twice.
    Lost,
}

/// The table's record of one packet. Callers only lend room for it.
#[derive(Clone, Copy, Debug)]
pub struct SentPacket {
    pub(in crate::channel) number: u64,
    pub(in crate::channel) sent_at: Instant,
    /// The largest number that an acknowledgement in this packet told, if it held one.
    pub(in crate::channel) told: Option<u64>,
    pub(in crate::channel) len: u16,
    pub(in crate::channel) flags: u8,
    pub(super) next: u32,
    pub(super) first_receipt: u32,
}

impl SentPacket {
    /// Sent as ECT(0).
    pub(in crate::channel) const ECT0: u8 = 1;
    /// The packet recorded before it was acknowledged: losses on both sides are not one run.
    pub(in crate::channel) const AFTER_ACKED: u8 = 2;
    /// Tests a larger packet size; its loss is no sign of congestion.
    pub(in crate::channel) const MTU_PROBE: u8 = 4;
    /// Sent to an address that is not (yet) the channel's: no part of congestion control.
    pub(in crate::channel) const ELSEWHERE: u8 = 8;
    /// Declared lost. Without it a settled packet was acknowledged.
    pub(super) const LOST: u8 = 16;

    pub(in crate::channel) const fn new(
        number: u64,
        sent_at: Instant,
        len: u16,
        flags: u8,
    ) -> Self {
        Self { number, sent_at, told: None, len, flags, next: NONE, first_receipt: NONE }
    }

    pub(in crate::channel) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The table's record of one receipt. Callers only lend room for it.
#[derive(Clone, Copy, Debug)]
pub struct SentReceipt {
    pub(super) receipt: Receipt,
    pub(super) next: u32,
}
