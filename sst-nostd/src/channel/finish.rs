//! FINISH, the last packet of a negotiation and the first of its channel: packet 0, which the
//! initiator sends until the peer is known to have it.

use super::builder::{Kind, PacketBuilder};
use super::sent::{Chain, SentPacket, SentPackets};
use super::{BeginError, Channel};
use crate::crypto::{Crypto, TAG_LEN};
use crate::recovery::ecn::Codepoint;
use crate::time::Instant;
use crate::wire::MAX_FRAMES;

/// How often a FINISH that comes again is answered by more than an acknowledgement: about as often
/// as a peer says it before it gives up.
const MAX_FINISH_ANSWERS: u8 = 32;

/// Whether the peer is known to have our FINISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// It has it, or there is none.
    Confirmed,
    /// It waits for frames, and everything else waits for it.
    Held,
    /// There is none, and the first packet waits for frames: the initiator of an IK negotiation.
    FirstHeld,
    /// The probe timeout has passed: it must be sent again.
    Owed,
    /// There is none, and the peer was not heard yet: the initiator of an IK negotiation.
    Unheard,
    /// It was sent.
    Waiting,
}

impl<C: Crypto> Channel<C> {
    /// This host has begun the negotiation: what it sends first, FINISH or (in IK) a packet, waits
    /// until `until` for the application to have something to say, and all else waits for it. Both
    /// are sent whether there is anything to say or not: the peer's session begins with them.
    pub fn hold_first(&mut self, has_finish: bool, until: Instant) {
        self.finish = if has_finish { Finish::Held } else { Finish::FirstHeld };
        self.paced_until = Some(until);
    }

    /// Whether FINISH waits for frames.
    #[must_use]
    pub fn is_finish_held(&self) -> bool {
        self.finish == Finish::Held
    }

    /// Whether this host has begun the negotiation and has not ended it yet: the peer cannot have
    /// a session by it.
    #[must_use]
    pub fn is_first_held(&self) -> bool {
        matches!(self.finish, Finish::Held | Finish::FirstHeld)
    }

    /// Begins FINISH, which is packet 0, with room for its frames in `buffer` after the first
    /// `head_len` bytes. Hand it to [`Channel::seal_finish`].
    ///
    /// # Errors
    /// [`BeginError::NoRoom`] if the channel's share of the table of sent packets is used up,
    /// [`BeginError::TooSmall`]; nothing was begun.
    pub fn begin_finish<'b>(
        &self,
        buffer: &'b mut [u8],
        head_len: usize,
        sent: &SentPackets<'_>,
    ) -> Result<PacketBuilder<'b>, BeginError> {
        if !sent.has_room(&self.on_record) {
            return Err(BeginError::NoRoom);
        }
        let end = buffer.len().checked_sub(TAG_LEN).filter(|end| *end >= head_len);
        Ok(PacketBuilder {
            bytes: buffer,
            header_len: head_len,
            position: head_len,
            end: end.ok_or(BeginError::TooSmall)?,
            number: 0,
            kind: Kind::Data,
            path: self.paths.current(),
            chain: Chain::EMPTY,
            frame_room: MAX_FRAMES,
            receipt_room: sent.receipt_room(&self.on_record),
            is_ack_eliciting: true,
            told: None,
        })
    }

    /// Lets `seal` make FINISH of the buffer and the length of the frames in it, and records it as
    /// packet 0. `seal` answers how long it is.
    ///
    /// # Errors
    /// What `seal` says; [`None`] if there was no room to record it. Nothing is to be sent then.
    pub fn seal_finish<E>(
        &mut self,
        now: Instant,
        builder: PacketBuilder<'_>,
        sent: &mut SentPackets<'_>,
        seal: impl FnOnce(usize, &mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, Option<E>> {
        let frames_len = builder.position.saturating_sub(builder.header_len);
        let len = match seal(frames_len, builder.bytes) {
            Ok(len) => len,
            Err(error) => {
                builder.abandon(sent);
                return Err(Some(error));
            }
        };
        let packet = SentPacket::new(0, now, u16::try_from(len).unwrap_or(u16::MAX), 0);
        if !sent.push(&mut self.on_record, &mut self.in_flight, packet, builder.chain) {
            return Err(None);
        }
        self.first_number = 0;
        self.finish = Finish::Waiting;
        self.paced_until = None;
        self.flight.on_sent(now, &packet);
        self.idle.on_sent(now);
        Ok(len)
    }

    /// FINISH was sent again, as [`Permit::Finish`](super::Permit::Finish) asked.
    pub fn on_finish_resent(&mut self, now: Instant, sent: &mut SentPackets<'_>) {
        self.has_resent_finish = true;
        if self.finish == Finish::Owed {
            self.finish = Finish::Waiting;
        }
        if let Some(packet) = sent.first_mut(&self.in_flight)
            && packet.number == 0
        {
            packet.sent_at = now;
        }
    }

    /// The initiator's FINISH, packet 0, opened. It is acknowledged at once, even if it is empty.
    pub fn on_finish_received(&mut self, now: Instant, codepoint: Codepoint) {
        self.received.on_packet(now, 0, true, codepoint);
        self.received.hurry(now);
        self.finish_answer_at = now.after(self.received.max_ack_delay());
        self.idle.on_received(now);
    }

    /// A FINISH came for this channel that exists already. It was not opened, and may be anybody's
    /// copy: nothing is believed but that the peer may not have heard an acknowledgement. If it has
    /// acknowledged nothing either, what was sent to it is probably lost, and is not kept waiting
    /// for its timer; copies cannot ask for more than one packet in each max ack delay, nor for
    /// more than `MAX_FINISH_ANSWERS` ever.
    pub fn on_finish_repeated(&mut self, now: Instant) {
        let is_answered = self.largest_acked.is_some() || self.in_flight.is_empty();
        if is_answered || self.finish_answers >= MAX_FINISH_ANSWERS {
            self.received.on_repeat(now);
        } else if now >= self.finish_answer_at {
            self.finish_answer_at = now.after(self.received.max_ack_delay());
            self.finish_answers = self.finish_answers.saturating_add(1);
            self.probes_owed = self.probes_owed.max(1);
        }
    }

    /// Whether the peer is known to have our FINISH, or in IK to have the channel.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.finish == Finish::Confirmed
    }
}
