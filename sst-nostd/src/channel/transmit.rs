//! Packets out: whether one may be sent, what the channel itself puts into it, sealed and recorded.

use super::builder::{Kind, PacketBuilder};
use super::flight::Room;
use super::sent::{Chain, SentPacket, SentPackets};
use super::{Channel, Finish};
use crate::bytes::{MAX_VARINT, Writer};
use crate::crypto::kdf::mac16;
use crate::crypto::{Crypto, TAG_LEN};
use crate::path::Path;
use crate::recovery::congestion::Controller;
use crate::recovery::ecn::Codepoint;
use crate::recovery::mtu::BASE_BYTES;
use crate::time::{Instant, micros};
use crate::wire::{AckEncoder, EcnCounts, Frame, MAX_FRAMES, SealedHeader};

/// Packets that ask for an acknowledgement are padded to this length, in bytes.
///
/// It is that of a packet with a challenge and an answer at their longest. If our address has
/// changed unnoticed, the packet pays for the challenge that it causes; and it is long enough for
/// LOST to answer it (docs/PROTOCOL.md, PING).
pub const MIN_ASKING_LEN: usize = SealedHeader::MAX_LEN + 18 + TAG_LEN;

// Who pads leaves room for it: no frame but PING, of which there is one, is shorter than two bytes.
const _: () = assert!((MIN_ASKING_LEN - SHORTEST_HEADER - TAG_LEN) / 2 + 2 < MAX_FRAMES);
const SHORTEST_HEADER: usize = SealedHeader::MAX_LEN - 3;

/// After so many packets that only acknowledge, one also asks for an acknowledgement, so that
/// ranges the peer has heard of can be forgotten.
const MAX_ACK_ONLY: u32 = 32;
/// The same where nothing of ours waits for an acknowledgement. Were a host that only receives
/// never to ask, it would not notice that the peer lost it behind a NAT that changed its port: the
/// question stays open then, and probes show the peer where this host is. More than one, or two
/// such hosts would ask each other for ever. A lull is asked about too (`Idle::lull_at`), but only
/// after a second: without this, a NAT that changes its port each 85 ms is not survived.
const MAX_ACK_ONLY_IDLE: u32 = 4;

/// Packets about a path are recorded only while fewer packets than this are in flight: enough to
/// notice that nothing is answered. A peer that asks about its path for ever and acknowledges
/// nothing makes this host keep no more records than that. Each question is answered all the same.
const MAX_PATH_RECORDS: u32 = 8;

/// An MTU probe goes when nothing was sent for a quarter of the round trip: long enough for an
/// application that writes in pieces, and well before an answer can be here. Where that is less
/// than this, no probe takes long enough to matter.
const LEAST_PROBE_PAUSE_MICROS: u64 = 1000;

/// How far a packet's number may be ahead of the largest acknowledged one: beyond it, the four
/// bytes that a header has for it do not tell the peer which number is meant.
const MAX_DISTANCE: u64 = (1 << 31) - 1;

/// What may be sent now. Ask again after each packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// An acknowledgement, and frames that ask for none.
    AckOnly,
    /// Anything; this many bytes before the window or the pacer says stop.
    Data {
        /// At least one packet.
        bytes: u64,
    },
    /// FINISH: for the first time, with what frames there are ([`Channel::begin_finish`]), or
    /// again, byte for byte; then call [`Channel::on_finish_resent`].
    Finish,
    /// A packet without data, that tries whether the path carries its length.
    MtuProbe {
        /// Its length, in bytes.
        len: usize,
    },
    /// Nothing. [`Channel::deadline`] knows when to ask again.
    Nothing,
    /// A question or an answer about a path, sent on that path.
    Path {
        /// Where to.
        path: Path,
        /// The most that may be sent there, in bytes.
        max_len: usize,
    },
    /// A packet whatever the window says, since nothing has been acknowledged for too long. New
    /// data, or what [`Channel::probe_receipts`] names, or else a ping.
    Probe,
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

/// Why a packet cannot be sealed. Its receipts are freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishError {
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
    /// How to mark it.
    pub codepoint: Codepoint,
}

impl<C: Crypto> Channel<C> {
    /// What may be sent now. While the channel's share of the table is used up, nothing that it
    /// would have to remember.
    /// `has_data`: whether data wait to be sent, or to be sent again.
    pub fn send_permit(&mut self, now: Instant, sent: &SentPackets<'_>, has_data: bool) -> Permit {
        if self.is_first_held() {
            if !has_data && self.paced_until.is_some_and(|until| now < until) {
                return Permit::Nothing;
            }
            if self.finish == Finish::FirstHeld {
                self.finish = Finish::Unheard;
                self.probes_owed = 1;
            }
        }
        self.paced_until = None;
        if matches!(self.finish, Finish::Held | Finish::Owed) {
            return Permit::Finish;
        }
        if let Some((path, max_len)) = self.paths.wants_packet(now, MIN_ASKING_LEN) {
            return Permit::Path { path, max_len };
        }
        if self.probes_owed > 0 {
            return Permit::Probe;
        }
        match self.flight.room(now) {
            Room::Bytes(_) if sent.receipt_room(&self.on_record) == 0 => {}
            Room::Bytes(bytes) => match self.mtu_probe(now, bytes, has_data) {
                Some(len) => return Permit::MtuProbe { len },
                None => return Permit::Data { bytes },
            },
            Room::Full => self.flight.set_app_limited(false),
            Room::Paced(at) => self.paced_until = Some(at),
        }
        if self.received.is_due(now) { Permit::AckOnly } else { Permit::Nothing }
    }

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
        let (kind, path, max_len) = self.plan(permit).ok_or(BeginError::NotPermitted)?;
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
    /// [`FinishError`]; nothing is to be sent then.
    pub fn finish_packet(
        &mut self,
        now: Instant,
        mut builder: PacketBuilder<'_>,
        sent: &mut SentPackets<'_>,
    ) -> Result<SentInfo, FinishError> {
        self.complete(&mut builder, sent.has_room(&self.on_record));
        let must_be_recorded = builder.kind.must_be_recorded() || !builder.chain.is_empty();
        if builder.is_ack_eliciting && must_be_recorded && !sent.has_room(&self.on_record) {
            builder.abandon(sent);
            return Err(FinishError::NoRoom);
        }
        let Some(len) = self.seal(&mut builder) else {
            builder.abandon(sent);
            return Err(FinishError::KeyLimit);
        };
        let is_elsewhere = matches!(builder.kind, Kind::Path { is_elsewhere: true, .. });
        if builder.told.is_some() && !is_elsewhere {
            self.received.on_ack_sent();
        }
        self.paths.on_sent(builder.path, len, builder.told.is_some());
        self.totals.sent_packets = self.totals.sent_packets.saturating_add(1);
        self.totals.sent_bytes = self.totals.sent_bytes.saturating_add(len as u64);
        let is_marked = self.record(now, &builder, len, sent);
        self.advance_number();
        let codepoint = if is_marked { Codepoint::Ect0 } else { Codepoint::NotEct };
        Ok(SentInfo { number: builder.number, len, path: builder.path, codepoint })
    }

    /// There was room in the window, and nothing to send.
    pub fn on_app_limited(&mut self) {
        self.flight.set_app_limited(true);
    }

    /// What a permit allows: what kind of packet, where to, how long at most.
    fn plan(&self, permit: Permit) -> Option<(Kind, Path, usize)> {
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

    /// The size to probe, while the path is in use and in good order. Data go first: those that
    /// wait, and those that the application may be about to write. But after a round trip of
    /// sending without a pause, the probe goes whatever waits.
    fn mtu_probe(&mut self, now: Instant, bytes: u64, has_data: bool) -> Option<usize> {
        let is_steady = self.flight.packets() > 0 && self.flight.pto.count() == 0;
        let Some(acked) = self.largest_acked.filter(|_| is_steady) else {
            self.mtu_probe_after = u64::MAX;
            return None;
        };
        let len = self.flight.mtu.next_probe(now).filter(|len| *len as u64 <= bytes)?;
        self.mtu_probe_after = self.mtu_probe_after.min(self.next_number);
        if acked >= self.mtu_probe_after {
            return Some(len);
        }
        let pause_micros = self.flight.rtt.quarter_micros();
        let quiet_micros = self.flight.pto_from().as_micros().saturating_add(pause_micros);
        let is_early = pause_micros > LEAST_PROBE_PAUSE_MICROS && now.as_micros() < quiet_micros;
        if is_early && !has_data {
            self.paced_until = Some(Instant::from_micros(quiet_micros));
        }
        (!is_early && !has_data).then_some(len)
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

    fn add_ack(&self, now: Instant, builder: &mut PacketBuilder<'_>) {
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
    fn add_path_frames(&mut self, now: Instant, builder: &mut PacketBuilder<'_>) -> bool {
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
    fn complete(&mut self, builder: &mut PacketBuilder<'_>, has_room: bool) {
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

    /// Records a packet that asks for an acknowledgement. Returns whether to mark it.
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
        // Packets that are not recorded are not marked: their marks could not be accounted for.
        if !builder.is_ack_eliciting || are_enough || !sent.has_room(&self.on_record) {
            return false;
        }
        let is_elsewhere = matches!(builder.kind, Kind::Path { is_elsewhere: true, .. });
        let is_marked = self.flight.ecn.mark() && !is_elsewhere;
        let mut flags = 0;
        for (is_set, flag) in [
            (is_marked, SentPacket::ECT0),
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
        is_marked
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
