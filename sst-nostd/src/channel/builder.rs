//! A packet under construction: its frames, and what is to be remembered of them.

use super::sent::{Chain, Receipt, SentPackets};
use crate::bytes::{Full, Writer};
use crate::crypto::TAG_LEN;
use crate::path::Path;
use crate::storage::present;
use crate::wire::{Frame, MAX_FRAMES, SealedHeader};

/// Packets that ask for an acknowledgement are padded to this length, in bytes.
///
/// It is that of a packet with a challenge and an answer at their longest. If our address has
/// changed unnoticed, the packet pays for the challenge that it causes; and it is long enough for
/// LOST to answer it (docs/PROTOCOL.md, PING).
pub const MIN_ASKING_LEN: usize = SealedHeader::MAX_LEN + 18 + TAG_LEN;

// Who pads leaves room for it: no frame but PING, of which there is one, is shorter than two bytes.
const _: () = assert!((MIN_ASKING_LEN - SHORTEST_HEADER - TAG_LEN) / 2 + 2 < MAX_FRAMES);
const SHORTEST_HEADER: usize = SealedHeader::MAX_LEN - 3;

/// A packet under construction. It holds its header, and what the channel itself had to say.
///
/// Hand it to [`Channel::seal_packet`](super::Channel::seal_packet), or to
/// [`abandon`](Self::abandon): dropping it strands its receipts in the table.
#[derive(Debug)]
#[must_use = "finish it or abandon it"]
pub struct PacketBuilder<'b> {
    pub(super) bytes: &'b mut [u8],
    pub(super) header_len: usize,
    /// Where the next frame goes.
    pub(super) position: usize,
    /// Where the tag must begin at the latest.
    pub(super) end: usize,
    pub(super) number: u64,
    pub(super) kind: Kind,
    pub(super) path: Path,
    pub(super) chain: Chain,
    /// How many more frames there may be.
    pub(super) frame_room: usize,
    /// How many receipts the packet may have.
    pub(super) receipt_room: u32,
    pub(super) is_ack_eliciting: bool,
    /// The largest packet number acknowledged in it.
    pub(super) told: Option<u64>,
}

/// Why no packet can be begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginError {
    /// The key has sealed all that it may: close the channel.
    KeyLimit,
    /// The channel's share of the table of sent packets is used up.
    NoRoom,
    /// The permit was for something else, or no packet number can be told to the peer.
    NotPermitted,
    /// The buffer is too small for a packet.
    TooSmall,
}

/// What a packet is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    AckOnly,
    Data,
    MtuProbe,
    /// About the path; padded, if it is a challenge.
    Path {
        is_padded: bool,
        is_elsewhere: bool,
    },
    Probe,
}

impl Kind {
    /// Whether such a packet must find room in the table. A probe need not, if it carries nothing:
    /// its acknowledgement shows what was lost all the same, and makes room.
    pub(super) const fn must_be_recorded(self) -> bool {
        matches!(self, Self::Data | Self::MtuProbe)
    }
}

impl PacketBuilder<'_> {
    /// Adds a frame that asks for an acknowledgement. `write` puts it and returns what to remember
    /// of it.
    ///
    /// # Errors
    /// [`Full`] if there is no room in the packet or for the receipt; nothing has changed.
    pub fn add<W>(&mut self, sent: &mut SentPackets<'_>, write: W) -> Result<(), Full>
    where
        W: FnOnce(&mut Writer<'_>) -> Result<Receipt, Full>,
    {
        if self.chain.len() >= self.receipt_room {
            return Err(Full);
        }
        let (position, receipt) = self.written(write)?;
        if !sent.push_receipt(&mut self.chain, receipt) {
            return Err(Full);
        }
        self.put(position);
        self.is_ack_eliciting = true;
        Ok(())
    }

    /// Lets `write` put many frames, and call what it is given with what to remember of some, and
    /// how many those are: `false` means that no more can be remembered or that the packet has as
    /// many as it may have, so that they must not be put. `write` answers true if its last frame
    /// runs to the end of the packet, so that nothing may follow.
    pub fn fill(
        &mut self,
        sent: &mut SentPackets<'_>,
        write: impl FnOnce(&mut Writer<'_>, &mut dyn FnMut(Receipt, usize) -> bool) -> bool,
    ) {
        let space = self.bytes.get_mut(self.position..self.end);
        let Some(space) = present(space, "a packet ends within its buffer") else { return };
        let mut writer = Writer::new(space);
        let (chain, is_ack_eliciting) = (&mut self.chain, &mut self.is_ack_eliciting);
        let (receipt_room, frame_room) = (self.receipt_room, &mut self.frame_room);
        let is_last = write(&mut writer, &mut |receipt, frames| {
            let is_noted = frames <= *frame_room
                && chain.len() < receipt_room
                && sent.push_receipt(chain, receipt);
            if is_noted {
                *frame_room = frame_room.saturating_sub(frames);
                *is_ack_eliciting = true;
            }
            is_noted
        });
        self.position = self.position.saturating_add(writer.position());
        if is_last {
            self.end = self.position;
        }
    }

    /// Adds a frame of which nothing needs to be remembered.
    ///
    /// # Errors
    /// [`Full`] if there is no room; nothing has changed.
    pub fn add_frame(&mut self, frame: &Frame<'_>) -> Result<(), Full> {
        let (position, ()) = self.written(|writer| frame.encode(writer))?;
        self.put(position);
        self.is_ack_eliciting |= frame.is_ack_eliciting();
        Ok(())
    }

    /// Gives the packet up, as if it had never begun.
    pub fn abandon(self, sent: &mut SentPackets<'_>) {
        sent.free_chain(self.chain);
    }

    /// Bytes left for frames.
    #[must_use]
    pub const fn remaining_len(&self) -> usize {
        self.end.saturating_sub(self.position)
    }

    /// Whether it holds no frame yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.position <= self.header_len
    }

    /// Whether a frame in it asks for an acknowledgement.
    #[must_use]
    pub const fn is_ack_eliciting(&self) -> bool {
        self.is_ack_eliciting
    }

    /// Puts padding until the packet, with its tag, has `len` bytes or has no more room.
    pub(super) fn pad_to(&mut self, len: usize) {
        let end = len.saturating_sub(TAG_LEN).min(self.end);
        if let Some(rest) = self.bytes.get_mut(self.position..end) {
            rest.fill(0);
            self.position = end;
        }
    }

    /// One more frame was put, up to `position`.
    pub(super) const fn put(&mut self, position: usize) {
        self.position = position;
        self.frame_room = self.frame_room.saturating_sub(1);
    }

    /// Lets `write` put one more frame after the last. Answers where that ends.
    pub(super) fn written<R>(
        &mut self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<R, Full>,
    ) -> Result<(usize, R), Full> {
        if self.frame_room == 0 {
            return Err(Full);
        }
        let space = self.bytes.get_mut(self.position..self.end).ok_or(Full)?;
        let mut writer = Writer::new(space);
        let result = write(&mut writer)?;
        Ok((self.position.saturating_add(writer.position()), result))
    }
}
