//! Packets out: begun, sealed and recorded.

use super::Channel;
use super::builder::{BeginError, Kind, PacketBuilder};
use super::permit::Permit;
use super::sent::{Chain, SentPacket, SentPackets};
use crate::bytes::{MAX_VARINT, Writer};
use crate::crypto::kdf::mac16;
use crate::crypto::{Crypto, TAG_LEN};
use crate::path::Path;
use crate::recovery::congestion::Controller;
use crate::recovery::ecn::Codepoint;
use crate::recovery::mtu::BASE_BYTES;
use crate::time::Instant;
use crate::wire::{MAX_FRAMES, SealedHeader};

/// Packets about a path are recorded only while fewer packets than this are in flight: enough to
/// notice that nothing is answered. A peer that asks about its path for ever and acknowledges
/// nothing makes this host keep no more records than that. Each question is answered all the same.
const MAX_PATH_RECORDS: u32 = 8;

/// How far a packet's number may be ahead of the largest acknowledged one: beyond it, the four
/// bytes that a header has for it do not tell the peer which number is meant.
const MAX_DISTANCE: u64 = (1 << 31) - 1;

/// Why a packet cannot be sealed. Its receipts are freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealError {
    /// The key has sealed all that it may: close the channel.
    KeyLimit,
    /// The channel's share of the table of sent packets was used up since the packet was begun.
    NoRoom,
}

/// A sealed packet, ready to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentInfo {
    /// Its number.
    pub number: u64,
    /// Its length, in bytes, from the start of the buffer.
    pub len: usize,
    /// Where to.
    pub path: Path,
    /// The codepoint of its IP header.
    pub codepoint: Codepoint,
}

impl<C: Crypto> Channel<C> {
    /// Begins the packet that `permit` allows, at the start of `buffer`: its header, and a waiting
    /// acknowledgement or path frame.
    ///
    /// # Errors
    /// [`BeginError`]; nothing was begun.
    pub fn begin_packet<'b>(
        &mut self,
        crypto: &C,
        now: Instant,
        permit: Permit,
        buffer: &'b mut [u8],
        sent: &SentPackets<'_>,
    ) -> Result<PacketBuilder<'b>, BeginError> {
        let (kind, path, max_len) = self.packet_for(permit).ok_or(BeginError::NotPermitted)?;
        if kind.must_be_recorded() && !sent.has_room(&self.on_record) {
            return Err(BeginError::NoRoom);
        }
        let is_short = buffer.len() < max_len;
        if is_short && matches!(kind, Kind::MtuProbe) {
            return Err(BeginError::TooSmall);
        }
        let end = max_len.min(buffer.len()).saturating_sub(TAG_LEN);
        self.update_key_if_due(crypto, now);
        if self.send_keys.is_spent(&self.key_limits()) {
            return Err(BeginError::KeyLimit);
        }
        self.send_keys.wake(crypto);
        let number = self.next_number;
        let acked = self.largest_acked.unwrap_or(0);
        if number > MAX_VARINT || number.saturating_sub(acked) > MAX_DISTANCE {
            return Err(BeginError::NotPermitted);
        }
        let header = SealedHeader::new(self.send_keys.phase(), self.remote_id, number, acked);
        let mut writer = Writer::new(buffer);
        header.encode(&mut writer).map_err(|_| BeginError::TooSmall)?;
        let header_len = writer.position();
        if end <= header_len {
            return Err(BeginError::TooSmall);
        }
        let mut builder = PacketBuilder {
            bytes: buffer,
            header_len,
            position: header_len,
            end,
            number,
            kind,
            path,
            chain: Chain::EMPTY,
            frame_room: MAX_FRAMES,
            receipt_room: sent.receipt_room(&self.on_record),
            is_ack_eliciting: false,
            told: None,
        };
        match kind {
            Kind::Path { is_elsewhere, .. } => {
                let asks = self.add_path_frames(now, &mut builder);
                if is_elsewhere || asks {
                    // The peer may be there by now, and have heard nothing at the address before.
                    self.add_ack(now, &mut builder);
                }
            }
            Kind::MtuProbe => {}
            Kind::AckOnly | Kind::Data | Kind::Probe => {
                if self.received.has_waiting() || kind == Kind::AckOnly {
                    self.add_ack(now, &mut builder);
                }
            }
        }
        Ok(builder)
    }

    /// Completes a packet, seals it in place and records it.
    ///
    /// # Errors
    /// [`SealError`]; nothing is to be sent then.
    pub fn seal_packet(
        &mut self,
        now: Instant,
        mut builder: PacketBuilder<'_>,
        sent: &mut SentPackets<'_>,
    ) -> Result<SentInfo, SealError> {
        self.complete(&mut builder, sent.has_room(&self.on_record));
        let must_be_recorded = builder.kind.must_be_recorded() || !builder.chain.is_empty();
        if builder.is_ack_eliciting && must_be_recorded && !sent.has_room(&self.on_record) {
            builder.abandon(sent);
            return Err(SealError::NoRoom);
        }
        let Some(len) = self.seal(&mut builder) else {
            builder.abandon(sent);
            return Err(SealError::KeyLimit);
        };
        let is_elsewhere = matches!(builder.kind, Kind::Path { is_elsewhere: true, .. });
        if builder.told.is_some() && !is_elsewhere {
            self.received.on_ack_sent();
        }
        self.paths.on_sent(builder.path, len, builder.told.is_some());
        self.totals.sent_packets = self.totals.sent_packets.saturating_add(1);
        self.totals.sent_bytes = self.totals.sent_bytes.saturating_add(len as u64);
        let is_ect0 = self.record(now, &builder, len, sent);
        self.advance_number();
        let codepoint = if is_ect0 { Codepoint::Ect0 } else { Codepoint::NotEct };
        Ok(SentInfo { number: builder.number, len, path: builder.path, codepoint })
    }

    /// What a permit allows: what kind of packet, where to, how long at most.
    fn packet_for(&self, permit: Permit) -> Option<(Kind, Path, usize)> {
        let (current, len) = (self.paths.current(), self.flight.packet_len());
        Some(match permit {
            Permit::AckOnly => (Kind::AckOnly, current, len),
            Permit::Data { .. } => (Kind::Data, current, len),
            Permit::MtuProbe { len } => (Kind::MtuProbe, current, len),
            Permit::Path { path, max_len } => {
                let is_elsewhere = path != current;
                (Kind::Path { is_padded: false, is_elsewhere }, path, max_len.min(BASE_BYTES))
            }
            Permit::Probe => (Kind::Probe, current, len),
            Permit::Finish | Permit::Nothing => return None,
        })
    }

    /// Begins the next epoch if this one is worn, or if the peer has begun it.
    fn update_key_if_due(&mut self, crypto: &C, now: Instant) {
        let (ours, peers) = (self.send_keys.epoch(), self.receive_keys.epoch());
        // Ours is never more than one ahead: the peer could not tell which epoch is meant.
        let is_due = ours < peers
            || (ours == peers && self.send_keys.wants_update(&self.key_limits(), now))
            || (ours == peers && self.is_update_forced && self.send_keys.is_acked());
        if is_due && self.send_keys.update(crypto, now, self.next_number) {
            self.is_update_forced = false;
            self.totals.key_updates = self.totals.key_updates.saturating_add(1);
        }
    }

    /// Seals the packet; returns its length.
    fn seal(&mut self, builder: &mut PacketBuilder<'_>) -> Option<usize> {
        let limits = self.key_limits();
        let (header, rest) = builder.bytes.split_at_mut_checked(builder.header_len)?;
        let body_len = builder.position.saturating_sub(builder.header_len);
        let (body, rest) = rest.split_at_mut_checked(body_len)?;
        let place = rest.first_chunk_mut::<TAG_LEN>()?;
        *place = self.send_keys.seal(&limits, builder.number, header, body)?;
        Some(builder.position.saturating_add(TAG_LEN))
    }

    /// Records a packet that asks for an acknowledgement. Returns whether it goes as ECT(0).
    fn record(
        &mut self,
        now: Instant,
        builder: &PacketBuilder<'_>,
        len: usize,
        sent: &mut SentPackets<'_>,
    ) -> bool {
        if builder.kind == Kind::Probe {
            self.probes_owed = self.probes_owed.saturating_sub(1);
        }
        if builder.kind == Kind::Data && builder.is_ack_eliciting {
            self.flight.set_app_limited(false);
        }
        let is_path = matches!(builder.kind, Kind::Path { .. });
        let are_enough = is_path && self.in_flight.len() >= MAX_PATH_RECORDS;
        // Packets that are not recorded go as Not-ECT: what became of their codepoint could not be
        // told.
        if !builder.is_ack_eliciting || are_enough || !sent.has_room(&self.on_record) {
            return false;
        }
        let is_elsewhere = matches!(builder.kind, Kind::Path { is_elsewhere: true, .. });
        let is_ect0 = self.flight.ecn.sends_ect0() && !is_elsewhere;
        let mut flags = 0;
        for (is_set, flag) in [
            (is_ect0, SentPacket::ECT0),
            (is_elsewhere, SentPacket::ELSEWHERE),
            (builder.kind == Kind::MtuProbe, SentPacket::MTU_PROBE),
        ] {
            flags |= if is_set { flag } else { 0 };
        }
        let len = u16::try_from(len).unwrap_or(u16::MAX);
        let mut packet = SentPacket::new(builder.number, now, len, flags);
        packet.told = builder.told;
        if sent.push(&mut self.on_record, &mut self.in_flight, packet, builder.chain) {
            let pto_from = self.flight.pto_from();
            self.flight.on_sent(now, &packet);
            if builder.kind == Kind::Probe && self.flight.pto.count() > 0 {
                // The later probes of a timeout do not put off the next timeout.
                self.flight.set_pto_from(pto_from);
            }
            self.idle.on_sent(now);
        }
        is_ect0
    }

    /// Moves on to the next number, leaving one out now and then (see
    /// [`SkipPolicy`](crate::recovery::loss::SkipPolicy)).
    fn advance_number(&mut self) {
        self.next_number = self.next_number.saturating_add(1);
        if !self.skip.is_due(self.next_number) {
            return;
        }
        let mtu = self.flight.mtu.current().max(1) as u64;
        let window = self.flight.congestion.window_bytes();
        let window_packets = window.checked_div(mtu).unwrap_or(0);
        let random = self.random(self.next_number);
        self.skip.on_skip(self.next_number, window_packets, random);
        self.next_number = self.next_number.saturating_add(1);
    }

    /// A number that the peer cannot predict.
    pub(super) fn random(&self, seed: u64) -> u32 {
        let [a, b, c, d, ..] = mac16(&self.local_secret, &[b"skip", &seed.to_be_bytes()]);
        u32::from_be_bytes([a, b, c, d])
    }
}
