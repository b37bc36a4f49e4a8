//! One packet at a time goes out: what the channel permits, filled with what the session has.

use crate::channel::{
    BeginError, Channel, PacketBuilder, Permit, SealError, SentInfo, SentPackets,
};
use crate::crypto::Crypto;
use crate::storage::present;
use crate::stream::{Receipt, Streams};
use crate::time::Instant;
use crate::wire::Frame;

use super::close::KEYS_SPENT;
use super::receipts;
use super::receive::Surroundings;
use super::words::LastWords;
use super::{PLANTED, Session, SessionState};

/// What became of an attempt to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transmitted {
    /// A packet stands at the start of the buffer.
    Packet(SentInfo),
    /// The negotiation's FINISH must be sent, for the first time or again.
    Finish,
    /// Nothing may or need be sent now.
    Nothing,
    /// The keys are used up, for which the session closes.
    KeysSpent,
}

/// How many receipts of a packet a probe repeats.
const MAX_PROBE_RECEIPTS: usize = 8;

impl Session {
    /// Builds and seals the next packet for the channel, if there is one.
    pub fn transmit<C: Crypto>(
        &mut self,
        now: Instant,
        crypto: &C,
        around: &mut Surroundings<'_, '_, C>,
        buffer: &mut [u8],
    ) -> Transmitted {
        let Surroundings { channel, sent, streams, words } = around;
        let transmitted = if !self.owes_close {
            self.transmit_frames(now, crypto, (channel, sent, streams), buffer)
        } else if channel.is_finish_held() {
            // The peer knows no keys to open a CLOSE with before it has FINISH.
            Transmitted::Finish
        } else {
            self.transmit_close(now, crypto, channel, sent, words, buffer)
        };
        match transmitted {
            Transmitted::KeysSpent if !self.close_for(&KEYS_SPENT) => Transmitted::Nothing,
            transmitted => transmitted,
        }
    }

    fn transmit_frames<'s, C: Crypto>(
        &mut self,
        now: Instant,
        crypto: &C,
        (channel, sent, streams): (&mut Channel<C>, &mut SentPackets<'s>, &mut Streams<'s>),
        buffer: &mut [u8],
    ) -> Transmitted {
        if !matches!(self.state, SessionState::Ready | SessionState::Draining) {
            return Transmitted::Nothing;
        }
        let has_work = self.has_work();
        let permit = channel.send_permit(now, sent, has_work);
        match permit {
            Permit::Nothing => return Transmitted::Nothing,
            Permit::Finish => return Transmitted::Finish,
            Permit::Probe => self.owe_probe(channel, sent, streams),
            Permit::Data { .. } if !has_work => {
                channel.on_app_limited();
                if !channel.is_ack_due(now) {
                    return Transmitted::Nothing;
                }
            }
            _ => {}
        }
        let is_full = matches!(permit, Permit::Probe | Permit::Data { .. });
        let mut builder = match channel.begin_packet(crypto, now, permit, buffer, sent) {
            Ok(builder) => builder,
            Err(BeginError::KeyLimit) => return Transmitted::KeysSpent,
            Err(_) => return Transmitted::Nothing,
        };
        if is_full {
            let is_empty = builder.is_empty();
            self.fill(now, &mut builder, is_empty, sent, streams);
            let is_idle = builder.is_empty() && permit != Permit::Probe;
            if is_idle {
                builder.abandon(sent);
                channel.on_nothing_sent(now);
                return Transmitted::Nothing;
            }
            if has_work {
                self.data_at = now;
            }
        }
        transmitted(channel.seal_packet(now, builder, sent))
    }

    /// Whether any stream has something to send.
    fn has_work(&self) -> bool {
        self.tree.as_ref().is_some_and(|tree| tree.has_work())
    }

    /// Puts what streams have to say into FINISH, if the session is open. What does not fit waits
    /// for a packet, which has more room.
    pub fn fill_finish(
        &mut self,
        now: Instant,
        builder: &mut PacketBuilder<'_>,
        sent: &mut SentPackets<'_>,
        streams: &mut Streams<'_>,
    ) {
        if matches!(self.state, SessionState::Ready | SessionState::Draining) {
            self.fill(now, builder, false, sent, streams);
        }
    }

    /// `is_empty`: the packet has no other frame, and there is none with more room.
    fn fill(
        &mut self,
        now: Instant,
        builder: &mut PacketBuilder<'_>,
        is_empty: bool,
        sent: &mut SentPackets<'_>,
        streams: &mut Streams<'_>,
    ) {
        let Some(tree) = present(self.tree.as_mut(), PLANTED) else { return };
        builder.fill(sent, |writer, note| {
            let note = |receipt: Receipt| note(receipts::pack(receipt), receipt.frames());
            streams.of(tree).fill(now, writer, is_empty, note).is_closed
        });
    }

    /// A probe says again what the oldest packet in flight said.
    fn owe_probe<C: Crypto>(
        &mut self,
        channel: &Channel<C>,
        sent: &SentPackets<'_>,
        streams: &mut Streams<'_>,
    ) {
        let Some(tree) = present(self.tree.as_mut(), PLANTED) else { return };
        let repeats = channel.probe_repeats();
        for receipt in channel.probe_receipts(sent).take(MAX_PROBE_RECEIPTS) {
            if let Some(receipt) = receipts::unpack(&receipt) {
                streams.of(tree).on_probe(receipt, repeats);
            }
        }
    }

    /// Builds and seals the CLOSE that is owed.
    fn transmit_close<C: Crypto>(
        &mut self,
        now: Instant,
        crypto: &C,
        channel: &mut Channel<C>,
        sent: &mut SentPackets<'_>,
        words: &LastWords,
        buffer: &mut [u8],
    ) -> Transmitted {
        self.owes_close = false;
        let reason = present(self.reason.as_ref(), "a session that closes has a reason");
        let Some(reason) = reason else { return Transmitted::Nothing };
        let permit = Permit::AckOnly;
        let Ok(mut builder) = channel.begin_packet(crypto, now, permit, buffer, sent) else {
            return Transmitted::Nothing;
        };
        if builder.add_frame(&Frame::Close(reason.frame(words))).is_err() {
            builder.abandon(sent);
            return Transmitted::Nothing;
        }
        self.closes_sent = self.closes_sent.saturating_add(1);
        transmitted(channel.seal_packet(now, builder, sent))
    }
}

fn transmitted(result: Result<SentInfo, SealError>) -> Transmitted {
    match result {
        Ok(info) => Transmitted::Packet(info),
        Err(SealError::KeyLimit) => Transmitted::KeysSpent,
        Err(SealError::NoRoom) => Transmitted::Nothing,
    }
}
