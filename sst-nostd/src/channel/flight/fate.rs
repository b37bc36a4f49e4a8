//! What acknowledgements and losses teach about the path.

use super::Flight;
use crate::channel::late::LateAck;
use crate::channel::sent::SentPacket;
use crate::recovery::congestion::{Acked, Congestion, Controller};
use crate::recovery::ecn::EcnCounts;
use crate::time::{Duration, Instant};

/// What one acknowledgement has newly acknowledged.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::channel) struct NewlyAcked {
    pub(in crate::channel) packets: u32,
    pub(in crate::channel) bytes: u64,
    ect0_packets: u64,
    newest_sent_at: Instant,
    bytes_before: u64,
}

/// The rest of an acknowledgement, as far as the path is concerned.
#[derive(Clone, Copy, Debug)]
pub(in crate::channel) struct AckFacts {
    pub(in crate::channel) now: Instant,
    pub(in crate::channel) largest: u64,
    pub(in crate::channel) next_number: u64,
    /// The round trip that it measured.
    pub(in crate::channel) sample: Option<Duration>,
    /// Whether it raised the largest number acknowledged.
    pub(in crate::channel) is_newest: bool,
    pub(in crate::channel) counts: Option<EcnCounts>,
}

/// Packets declared lost together.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::channel) struct LostBatch {
    packets: u64,
    newest_sent_at: Instant,
    bytes_before: u64,
}

impl LostBatch {
    pub(in crate::channel) fn of(flight: &Flight) -> Self {
        Self { bytes_before: flight.bytes, ..Self::default() }
    }
}

impl NewlyAcked {
    pub(in crate::channel) fn of(flight: &Flight) -> Self {
        Self { bytes_before: flight.bytes, ..Self::default() }
    }
}

impl Flight {
    /// One packet was acknowledged; the sums go to `newly`.
    pub(in crate::channel) fn on_packet_acked(
        &mut self,
        packet: &SentPacket,
        newly: &mut NewlyAcked,
    ) {
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
    pub(in crate::channel) fn on_packet_lost(
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
    pub(in crate::channel) fn on_lost(
        &mut self,
        now: Instant,
        max_ack_delay: Duration,
        batch: &LostBatch,
    ) {
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
    pub(in crate::channel) fn on_sample(
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
    pub(in crate::channel) fn on_acked(&mut self, ack: &AckFacts, newly: &NewlyAcked) {
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
    pub(in crate::channel) fn on_late_ack(&mut self, now: Instant, late: &LateAck) {
        if late.number < self.first_number {
            return;
        }
        self.rule.on_spurious_loss(late.number, late.largest_acked);
        self.run.reset();
        self.congestion.on_spurious_loss(now, late.sent_at);
        self.loss_rate.on_spurious_loss();
    }
}
