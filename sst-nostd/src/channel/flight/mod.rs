//! What a channel knows of the path it is on, and the bytes in flight: round trip, congestion,
//! pacing, size and marks. It starts afresh when the path changes.

mod fate;
mod port;

pub(super) use fate::{AckFacts, LostBatch, NewlyAcked};

use super::config::Kept;
use super::sent::SentPacket;
use super::stats::LossRate;
use crate::recovery::congestion::{AnyController, Controller};
use crate::recovery::ecn::Ecn;
use crate::recovery::loss::{LossRule, LostRun, Pto};
use crate::recovery::mtu::Mtu;
use crate::recovery::pacer::{Pace, Pacer};
use crate::recovery::rtt::Rtt;
use crate::time::{Duration, Instant};

/// One path's state.
pub(super) struct Flight {
    pub(super) rtt: Rtt,
    pub(super) congestion: AnyController,
    pub(super) mtu: Mtu,
    pub(super) ecn: Ecn,
    pub(super) rule: LossRule,
    pub(super) pto: Pto,
    pub(super) loss_rate: LossRate,
    pacer: Pacer,
    run: LostRun,
    /// The place of the newest loss among losses. Losses with nothing acknowledged between them
    /// have neighbouring places, whatever numbers went to packets that ask for no acknowledgement.
    run_place: u64,
    /// Packets below this number were sent when the peer was elsewhere.
    first_number: u64,
    /// Those are lost unless they were acknowledged by now: a NAT threw them away.
    are_earlier_gone: bool,
    bytes: u64,
    packets: u32,
    /// What the probe timeout counts from: the last packet sent that asks for an
    /// acknowledgement, or the last timeout.
    pto_from: Instant,
    /// Whether there was room in the window and nothing to put there.
    is_app_limited: bool,
}

/// Whether a packet may be sent as far as the network is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// This many bytes may go now.
    Bytes(u64),
    /// The window is full.
    Full,
    /// Not before then.
    Paced(Instant),
}

impl Flight {
    /// A path nothing is known of. Packets from `first_number` on are sent there.
    pub(super) fn new(
        config: &Kept,
        max_len: usize,
        initial_rtt: Duration,
        first_number: u64,
        now: Instant,
    ) -> Self {
        let mtu = Mtu::new(max_len);
        Self {
            rtt: Rtt::new(initial_rtt),
            congestion: AnyController::new(config.algorithm, mtu.current() as u64),
            mtu,
            ecn: Ecn::new(config.can_mark_ecn),
            rule: LossRule::new(),
            pto: Pto::new(),
            loss_rate: LossRate::default(),
            pacer: Pacer::new(),
            run: LostRun::new(),
            run_place: 0,
            first_number,
            are_earlier_gone: false,
            bytes: 0,
            packets: 0,
            pto_from: now,
            is_app_limited: false,
        }
    }

    pub(super) fn on_sent(&mut self, now: Instant, packet: &SentPacket) {
        if !self.counts(packet) {
            return;
        }
        let bytes = u64::from(packet.len);
        self.congestion.on_sent(now, bytes, self.bytes);
        let mut pacer = self.pacer;
        pacer.on_sent(now, bytes, &self.pace());
        self.pacer = pacer;
        self.bytes = self.bytes.saturating_add(bytes);
        self.packets = self.packets.saturating_add(1);
        self.pto_from = now;
        self.ecn.on_sent(packet.has(SentPacket::ECT0));
        if packet.has(SentPacket::MTU_PROBE) {
            self.mtu.on_probe_sent(usize::from(packet.len));
        } else {
            self.mtu.on_packet_sent(usize::from(packet.len));
        }
    }

    /// The probe timeout has passed.
    pub(super) fn on_pto(&mut self, now: Instant) {
        self.pto.on_fired();
        self.pto_from = now;
        self.ecn.on_timeout();
    }

    /// The layer above had room in the window and nothing to put there.
    pub(super) fn set_app_limited(&mut self, is_app_limited: bool) {
        self.is_app_limited = is_app_limited;
    }

    /// Whether, and how much, the network allows now.
    pub(super) fn room(&self, now: Instant) -> Room {
        let free = self.congestion.window_bytes().saturating_sub(self.bytes);
        let packet = self.packet_len() as u64;
        if free < packet {
            return Room::Full;
        }
        let pace = self.pace();
        match self.pacer.budget(now, packet, &pace) {
            Ok(budget) => Room::Bytes(free.min(budget).max(packet)),
            Err(at) => Room::Paced(at),
        }
    }

    /// This host's own address may be another: no silence of before counts against the path.
    pub(super) fn on_network_changed(&mut self, now: Instant) {
        self.pto = Pto::new();
        self.pto_from = now;
    }

    /// The largest packet to send now, in bytes.
    pub(super) fn packet_len(&self) -> usize {
        self.mtu.current_after(self.pto.count())
    }

    /// When to probe, if anything is in flight.
    pub(super) fn pto_at(&self, max_ack_delay: Duration) -> Instant {
        self.pto.at(self.pto_from, self.rtt.pto_base(max_ack_delay))
    }

    /// Since when the probe timer runs.
    pub(super) const fn pto_from(&self) -> Instant {
        self.pto_from
    }

    pub(super) const fn set_pto_from(&mut self, from: Instant) {
        self.pto_from = from;
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) const fn packets(&self) -> u32 {
        self.packets
    }

    /// Whether packet `number` went to a port that the peer has no more.
    pub(super) const fn is_gone(&self, number: u64) -> bool {
        self.are_earlier_gone && number < self.first_number
    }

    /// Whether a packet says something about this path.
    pub(super) const fn counts(&self, packet: &SentPacket) -> bool {
        packet.number >= self.first_number && !packet.has(SentPacket::ELSEWHERE)
    }

    fn leave(&mut self, packet: &SentPacket) {
        self.bytes = self.bytes.saturating_sub(u64::from(packet.len));
        self.packets = self.packets.saturating_sub(1);
    }

    fn pace(&self) -> Pace<'_> {
        Pace {
            window_bytes: self.congestion.window_bytes(),
            slow_start: self.congestion.is_slow_start(),
            rtt: &self.rtt,
            mtu_bytes: self.mtu.current() as u64,
        }
    }
}
