//! What a channel itself puts into a packet: acknowledgements, challenges and answers of paths,
//! pings and padding.

use super::builder::{Kind, PacketBuilder};
use super::{Channel, MIN_ASKING_LEN};
use crate::bytes::MAX_VARINT;
use crate::crypto::Crypto;
use crate::time::{Instant, micros};
use crate::wire::{AckEncoder, EcnCounts, Frame};

/// After so many packets that only acknowledge, one also asks for an acknowledgement, so that
/// ranges the peer has heard of can be forgotten.
const MAX_ACK_ONLY: u32 = 32;
/// The same where nothing of ours waits for an acknowledgement. Were a host that only receives
/// never to ask, it would not notice that the peer lost it behind a NAT that changed its port: the
/// question stays open then, and probes show the peer where this host is. More than one, or two
/// such hosts would ask each other for ever. A lull is asked about too (`Idle::lull_at`), but only
/// after a second: without this, a NAT that changes its port each 85 ms is not survived.
const MAX_ACK_ONLY_IDLE: u32 = 4;

impl<C: Crypto> Channel<C> {
    pub(super) fn add_ack(&self, now: Instant, builder: &mut PacketBuilder<'_>) {
        let counts = self.received.ecn_counts();
        let ecn = (!counts.is_zero()).then_some(EcnCounts {
            ect0: counts.ect0,
            ect1: counts.ect1,
            ce: counts.ce,
        });
        let delay_micros = micros(self.received.ack_delay(now)).min(MAX_VARINT);
        let encoder = AckEncoder { delay_micros, ecn };
        let written = builder.written(|writer| encoder.encode(self.received.ranges(), writer));
        if let Ok((position, 1..)) = written {
            builder.put(position);
            builder.told = self.received.largest();
        }
    }

    /// Adds what is to be said about the packet's path. True if it is a question.
    pub(super) fn add_path_frames(
        &mut self,
        now: Instant,
        builder: &mut PacketBuilder<'_>,
    ) -> bool {
        let frames = self.paths.take_frames(
            now,
            builder.path,
            self.flight.rtt.pto_base(self.peer_max_ack_delay),
        );
        let challenge = frames.challenge.map(Frame::PathChallenge);
        let response = frames.response.map(Frame::PathResponse);
        for frame in [&challenge, &response].into_iter().flatten() {
            // The permit left room for both.
            let _ = builder.add_frame(frame);
        }
        if let Kind::Path { is_padded, is_elsewhere } = &mut builder.kind {
            // What the peer's route carries is known if only its port is new.
            *is_padded = *is_elsewhere && challenge.is_some();
        }
        challenge.is_some()
    }

    /// Adds what the kind of packet demands; a packet is never empty.
    pub(super) fn complete(&mut self, builder: &mut PacketBuilder<'_>, has_room: bool) {
        match builder.kind {
            Kind::Probe | Kind::MtuProbe if !builder.is_ack_eliciting => {
                let _ = builder.add_frame(&Frame::Ping);
            }
            Kind::Path { .. } if builder.is_empty() => {
                let _ = builder.add_frame(&Frame::Ping);
            }
            Kind::AckOnly | Kind::Data if !builder.is_ack_eliciting && has_room => {
                self.ack_only_count = self.ack_only_count.saturating_add(1);
                let is_idle = self.in_flight.is_empty();
                let most = if is_idle { MAX_ACK_ONLY_IDLE } else { MAX_ACK_ONLY };
                let is_asking = self.is_asking && !is_idle;
                if self.ack_only_count >= most && !is_asking {
                    let _ = builder.add_frame(&Frame::Ping);
                    self.is_asking = true;
                }
            }
            _ => {}
        }
        if builder.is_ack_eliciting {
            self.ack_only_count = 0;
            builder.pad_to(MIN_ASKING_LEN);
        } else if self.in_flight.is_empty() {
            // It may be the only packet that shows the peer our new address: it pays for the
            // challenge too.
            builder.pad_to(MIN_ASKING_LEN);
        }
        let is_padded = matches!(builder.kind, Kind::Path { is_padded: true, .. });
        if is_padded || builder.kind == Kind::MtuProbe {
            builder.pad_to(usize::MAX);
        }
        if builder.is_empty() {
            let _ = builder.add_frame(&Frame::Padding);
        }
    }
}
