//! What a channel knows of the path it is on, and the bytes in flight: round trip, congestion,
//! pacing, size and marks. It starts afresh when the path changes.

use super::config::ChannelConfig;
use super::late::LateAck;
use super::sent::SentPacket;
use super::stats::LossRate;
use crate::recovery::congestion::{Acked, AnyController, Congestion, Controller};
use crate::recovery::ecn::{Ecn, EcnCounts};
use crate::recovery::loss::{LossRule, LostRun, Pto};
use crate::recovery::mtu::Mtu;
use crate::recovery::pacer::{Pace, Pacer};
use crate::recovery::rtt::Rtt;
use crate::time::{Duration, Instant};

/// A change of port before so many windows were sent since the last one is one of many.
const FREQUENT_MOVES_WINDOWS: u64 = 8;

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

/// What one acknowledgement has newly acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NewlyAcked {
    pub(super) packets: u32,
    pub(super) bytes: u64,
    ect0_packets: u64,
    newest_sent_at: Instant,
    bytes_before: u64,
}

/// The rest of an acknowledgement, as far as the path is concerned.
#[derive(Clone, Copy, Debug)]
pub(super) struct AckFacts {
    pub(super) now: Instant,
    pub(super) largest: u64,
    pub(super) next_number: u64,
    /// The round trip that it measured.
    pub(super) sample: Option<Duration>,
    /// Whether it raised the largest number acknowledged.
    pub(super) is_newest: bool,
    pub(super) counts: Option<EcnCounts>,
}

/// Packets declared lost together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LostBatch {
    packets: u64,
    newest_sent_at: Instant,
    bytes_before: u64,
}

impl LostBatch {
    pub(super) fn of(flight: &Flight) -> Self {
        Self { bytes_before: flight.bytes, ..Self::default() }
    }
}

impl NewlyAcked {
    pub(super) fn of(flight: &Flight) -> Self {
        Self { bytes_before: flight.bytes, ..Self::default() }
    }
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
        config: &ChannelConfig,
        max_len: usize,
        initial_rtt: Duration,
        first_number: u64,
        now: Instant,
    ) -> Self {
        let mut mtu = Mtu::new(max_len);
        mtu.start();
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

    /// The peer has another port but is reached the same way: all that was learnt still holds, but
    /// what is in flight went to where nobody is.
    /// `is_back`: the port was one that nobody proved, and it never changed.
    pub(super) fn on_port_change(&mut self, next_number: u64, now: Instant, is_back: bool) {
        if !is_back && self.is_move_frequent(next_number) && self.is_queued() {
            self.congestion.on_congestion(&Congestion {
                now,
                sent_at: now,
                lost_packets: 1,
                persistent: false,
                ecn: false,
                in_flight: self.bytes,
            });
        }
        self.first_number = next_number;
        self.are_earlier_gone = true;
        self.bytes = 0;
        self.packets = 0;
        self.pto = Pto::new();
        self.pto_from = now;
        self.mtu.forget_probe();
        // What was lost before and what is lost from now on is no run of losses.
        self.run.reset();
    }

    /// Whether the port changes again and again: not if it is the first change. Changes within half
    /// a round trip are one.
    fn is_move_frequent(&self, next_number: u64) -> bool {
        if !self.are_earlier_gone {
            return false;
        }
        let packets = next_number.saturating_sub(self.first_number);
        let bytes = packets.saturating_mul(self.packet_len() as u64);
        let window = self.congestion.window_bytes();
        (window / 2..window.saturating_mul(FREQUENT_MOVES_WINDOWS)).contains(&bytes)
    }

    /// Whether a quarter of the round trip is a queue. What stands there is lost at each change of
    /// port, so where those are many, a shorter one carries more.
    fn is_queued(&self) -> bool {
        let least = self.rtt.min();
        self.rtt.latest() > least.saturating_add(least / 4)
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
        }
    }

    /// One packet was acknowledged; the sums go to `newly`.
    pub(super) fn on_packet_acked(&mut self, packet: &SentPacket, newly: &mut NewlyAcked) {
        newly.packets = newly.packets.saturating_add(1);
        if !self.counts(packet) {
            return;
        }
        self.leave(packet);
        newly.bytes = newly.bytes.saturating_add(u64::from(packet.len));
        newly.newest_sent_at = newly.newest_sent_at.max(packet.sent_at);
        if packet.has(SentPacket::ECT0) {
            newly.ect0_packets = newly.ect0_packets.saturating_add(1);
        }
        self.loss_rate.on_acked();
        let len = usize::from(packet.len);
        if packet.has(SentPacket::MTU_PROBE) {
            self.mtu.on_probe_acked(len);
            self.congestion.on_mtu(self.mtu.current() as u64);
        } else {
            self.mtu.on_packet_acked(len);
        }
    }

    /// One packet was lost; the sums go to `batch`.
    pub(super) fn on_packet_lost(
        &mut self,
        now: Instant,
        packet: &SentPacket,
        batch: &mut LostBatch,
    ) {
        if !self.counts(packet) {
            return;
        }
        self.leave(packet);
        let len = usize::from(packet.len);
        // Why marking stops is of no use here: packets simply go on unmarked.
        let _ = self.ecn.on_lost(packet.has(SentPacket::ECT0));
        if packet.has(SentPacket::MTU_PROBE) {
            self.mtu.on_probe_lost(now, len);
            return;
        }
        let step = if packet.has(SentPacket::AFTER_ACKED) { 2 } else { 1 };
        self.run_place = self.run_place.saturating_add(step);
        self.run.on_lost(self.run_place, packet.sent_at, true);
        self.loss_rate.on_lost();
        batch.packets = batch.packets.saturating_add(1);
        batch.newest_sent_at = batch.newest_sent_at.max(packet.sent_at);
        if self.mtu.on_packet_lost(now, len, packet.sent_at) {
            self.congestion.on_mtu(self.mtu.current() as u64);
        }
    }

    /// The losses of one batch are all told.
    pub(super) fn on_lost(&mut self, now: Instant, max_ack_delay: Duration, batch: &LostBatch) {
        if batch.packets == 0 {
            return;
        }
        self.rule.on_loss_event();
        let persistent = self.run.is_persistent(&self.rtt, max_ack_delay);
        self.congestion.on_congestion(&Congestion {
            now,
            sent_at: batch.newest_sent_at,
            lost_packets: batch.packets,
            persistent,
            ecn: false,
            in_flight: batch.bytes_before,
        });
        if persistent {
            self.rtt.on_persistent_congestion();
            self.run.reset();
        }
    }

    /// A round trip was measured, of which the peer says it waited `ack_delay`.
    pub(super) fn on_sample(
        &mut self,
        now: Instant,
        sample: Duration,
        ack_delay: Duration,
        max_ack_delay: Duration,
    ) {
        self.rtt.on_sample(sample, ack_delay, max_ack_delay, true);
        self.run.on_first_sample(now);
    }

    /// An acknowledgement's packets are all told, and the losses that it showed.
    pub(super) fn on_acked(&mut self, ack: &AckFacts, newly: &NewlyAcked) {
        if newly.packets > 0 {
            self.pto.on_acked();
        }
        if ack.is_newest
            && let Ok(marked) = self.ecn.on_ack(newly.ect0_packets, ack.counts)
            && marked > 0
        {
            self.congestion.on_congestion(&Congestion {
                now: ack.now,
                sent_at: newly.newest_sent_at,
                lost_packets: 0,
                persistent: false,
                ecn: true,
                in_flight: newly.bytes_before,
            });
        }
        if newly.bytes == 0 {
            return;
        }
        self.congestion.on_acked(&Acked {
            now: ack.now,
            sent_at: newly.newest_sent_at,
            bytes: newly.bytes,
            in_flight_before: newly.bytes_before,
            app_limited: self.is_app_limited,
            rtt: &self.rtt,
            rtt_sample: ack.sample,
            largest_acked: ack.largest,
            next_packet_number: ack.next_number,
        });
    }

    /// A packet declared lost was acknowledged after all.
    pub(super) fn on_late_ack(&mut self, now: Instant, late: &LateAck) {
        if late.number < self.first_number {
            return;
        }
        self.rule.on_spurious_loss(late.number, late.largest_acked);
        self.run.reset();
        self.congestion.on_spurious_loss(now, late.sent_at);
        self.loss_rate.on_spurious_loss();
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
