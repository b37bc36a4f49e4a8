//! Acknowledgements in, and the losses they show.
//!
//! The packets in flight lie in order of number. Losses are declared from the low end, and no more
//! than a packet threshold of them lie unacknowledged below the largest acknowledged. So a walk
//! from the low end to the largest number acknowledged meets what is newly acknowledged and little
//! else, however many packets are in flight or were lost before.

use core::ops::RangeInclusive;

use super::Channel;
use super::flight::{AckFacts, LostBatch, NewlyAcked};
use super::sent::{Fate, Place, SentPacket, SentPackets};
use crate::crypto::Crypto;
use crate::recovery::ecn::EcnCounts;
use crate::time::{Duration, Instant};
use crate::wire::AckFrame;

/// The most ranges that a frame can hold.
const MAX_RANGES: usize = 32;
/// The largest number acknowledged, where no packet is to be a sample of the round trip.
const NO_SAMPLE: u64 = u64::MAX;

/// What an acknowledgement brought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AckSummary {
    /// Packets newly acknowledged, of those that were in flight.
    pub acked_packets: u32,
    /// Packets that turn out to be lost.
    pub lost_packets: u32,
    /// Packets declared lost before that are now acknowledged.
    pub late_packets: u32,
}

/// Why an acknowledgement is a lie. The session must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AckInvalid {
    /// It acknowledges a number that was left out on purpose.
    Skipped,
    /// It acknowledges a number that was not yet used.
    Unsent,
}

/// What the walk over newly acknowledged packets gathers for the channel.
#[derive(Clone, Copy, Debug, Default)]
struct Walk {
    newly: NewlyAcked,
    highest: Option<u64>,
    /// The highest that went to the address that was current when it was sent.
    highest_here: Option<u64>,
    told: Option<u64>,
    sample: Option<Duration>,
}

impl<C: Crypto> Channel<C> {
    /// Applies an acknowledgement. Then call [`Channel::take_settled`] until it is empty.
    ///
    /// # Errors
    /// [`AckInvalid`] if the peer cannot have received what it acknowledges; nothing has changed.
    pub fn on_ack(
        &mut self,
        now: Instant,
        ack: &AckFrame<'_>,
        sent: &mut SentPackets<'_>,
    ) -> Result<AckSummary, AckInvalid> {
        self.check_ack(ack)?;
        let is_newest = self.largest_acked.is_none_or(|largest| ack.largest > largest);
        if is_newest {
            self.largest_acked = Some(ack.largest);
        }
        let walk = self.walk_acked(now, ack, sent);
        if let Some(highest) = walk.highest {
            self.send_keys.on_acked(highest);
        }
        if let Some(highest) = walk.highest_here {
            let timeout = self.pto_base();
            self.paths.on_acked(now, highest, timeout);
        }
        if let Some(told) = walk.told {
            self.received.on_ack_of_ack(told);
        }
        if let Some(sample) = walk.sample {
            let delay = Duration::from_micros(ack.delay_micros);
            self.flight.on_sample(now, sample, delay, self.peer_max_ack_delay);
        }
        let late_packets = self.note_late(now, ack);
        let lost_packets = self.detect_lost(now, sent);
        let facts = AckFacts {
            now,
            largest: ack.largest,
            next_number: self.next_number,
            sample: walk.sample,
            is_newest,
            counts: ack.ecn.map(|c| EcnCounts { ce: c.ce, ect0: c.ect0, ect1: c.ect1 }),
        };
        self.note_acked(&facts, &walk.newly);
        Ok(AckSummary { acked_packets: walk.newly.packets, lost_packets, late_packets })
    }

    /// A packet of the peer's has opened, so that it has FINISH, whether it says so or not: what
    /// FINISH carried is acknowledged, even if every packet that says so is lost. How long the peer
    /// took is not known. Then call [`Channel::take_settled`] until it is empty.
    pub fn on_finish_taken(&mut self, now: Instant, sent: &mut SentPackets<'_>) {
        let place = self.in_flight.start();
        if sent.at(place).is_none_or(|packet| packet.number > 0) {
            return;
        }
        let mut walk = Walk { newly: NewlyAcked::of(&self.flight), ..Walk::default() };
        self.settle_acked(now, place, NO_SAMPLE, sent, &mut walk);
        self.largest_acked = self.largest_acked.max(Some(0));
        let next_number = self.next_number;
        let facts =
            AckFacts { now, largest: 0, next_number, sample: None, is_newest: false, counts: None };
        self.note_acked(&facts, &walk.newly);
    }

    fn note_acked(&mut self, facts: &AckFacts, newly: &NewlyAcked) {
        self.flight.on_acked(facts, newly);
        if newly.packets > 0 {
            self.probes_owed = 0;
            self.spaced_probes = None;
            self.is_asking = false;
        }
        self.totals.acked_packets =
            self.totals.acked_packets.saturating_add(u64::from(newly.packets));
    }

    /// Declares lost what is lost by now, and notes when the next packet will be. Returns how many.
    pub(super) fn detect_lost(&mut self, now: Instant, sent: &mut SentPackets<'_>) -> u32 {
        self.loss_at = None;
        let Some(largest) = self.largest_acked else { return 0 };
        let delay = self.flight.rule.loss_delay(&self.flight.rtt);
        let mut batch = LostBatch::of(&self.flight);
        let mut lost_packets = 0u32;
        while let Some(packet) = sent.first(&self.in_flight) {
            let (number, sent_at) = (packet.number, packet.sent_at);
            let is_gone = self.flight.is_gone(number);
            if !is_gone && !self.flight.rule.is_lost(number, largest, sent_at, now, delay) {
                self.loss_at = self.flight.rule.lost_at(number, largest, sent_at, delay);
                break;
            }
            let start = self.in_flight.start();
            let (from, to) = (&mut self.in_flight, &mut self.settled);
            let settled = sent.settle(&mut self.on_record, from, start, to, Fate::Lost);
            let Some((packet, _)) = settled else { break };
            self.flight.on_packet_lost(now, &packet, &mut batch);
            self.late.on_lost(number, sent_at, largest);
            lost_packets = lost_packets.saturating_add(1);
        }
        self.flight.on_lost(now, self.peer_max_ack_delay, &batch);
        self.totals.lost_packets = self.totals.lost_packets.saturating_add(u64::from(lost_packets));
        lost_packets
    }

    fn check_ack(&self, ack: &AckFrame<'_>) -> Result<(), AckInvalid> {
        for range in ack.ranges() {
            if *range.end() >= self.next_number || *range.start() < self.first_number {
                return Err(AckInvalid::Unsent);
            }
            if self.skip.is_forged(range) {
                return Err(AckInvalid::Skipped);
            }
        }
        Ok(())
    }

    fn walk_acked(&mut self, now: Instant, ack: &AckFrame<'_>, sent: &mut SentPackets<'_>) -> Walk {
        let mut walk = Walk { newly: NewlyAcked::of(&self.flight), ..Walk::default() };
        let (ranges, count) = ascending(ack);
        let ranges = ranges.get(MAX_RANGES.saturating_sub(count)..).unwrap_or_default();
        let mut ranges = ranges.iter().peekable();
        let mut place = self.in_flight.start();
        while let Some(packet) = sent.at(place) {
            let number = packet.number;
            #[cfg(test)]
            {
                self.rows_seen += 1;
            }
            while ranges.next_if(|(_, last)| *last < number).is_some() {}
            let Some((first, _)) = ranges.peek() else { break };
            place = if number < *first {
                sent.after(place)
            } else {
                self.settle_acked(now, place, ack.largest, sent, &mut walk)
            };
        }
        walk
    }

    fn settle_acked(
        &mut self,
        now: Instant,
        place: Place,
        largest: u64,
        sent: &mut SentPackets<'_>,
        walk: &mut Walk,
    ) -> Place {
        let (from, to) = (&mut self.in_flight, &mut self.settled);
        let settled = sent.settle(&mut self.on_record, from, place, to, Fate::Acked);
        let Some((packet, next)) = settled else { return sent.after(place) };
        if packet.number == largest && self.is_sample(&packet) {
            walk.sample = Some(now.since(packet.sent_at));
        }
        walk.highest = Some(packet.number);
        if !packet.has(SentPacket::ELSEWHERE) {
            walk.highest_here = walk.highest;
        }
        walk.told = walk.told.max(packet.told);
        self.flight.on_packet_acked(&packet, &mut walk.newly);
        next
    }

    /// FINISH may have been sent several times: which one is acknowledged cannot be told.
    fn is_sample(&self, packet: &SentPacket) -> bool {
        self.flight.counts(packet) && (packet.number > 0 || !self.has_resent_finish)
    }

    fn note_late(&mut self, now: Instant, ack: &AckFrame<'_>) -> u32 {
        let mut late_packets = 0u32;
        for range in ack.ranges() {
            while let Some(late) = self.late.take_acked(&range) {
                self.flight.on_late_ack(now, &late);
                late_packets = late_packets.saturating_add(1);
            }
        }
        self.totals.spurious_losses = self.totals.spurious_losses.saturating_add(late_packets);
        late_packets
    }
}

/// The ranges of `ack`, lowest first, at the end of an array; and how many.
fn ascending(ack: &AckFrame<'_>) -> ([(u64, u64); MAX_RANGES], usize) {
    let mut ranges = [(0, 0); MAX_RANGES];
    let mut count = 0usize;
    let bounds = |range: RangeInclusive<u64>| (*range.start(), *range.end());
    for (slot, range) in ranges.iter_mut().rev().zip(ack.ranges().map(bounds)) {
        *slot = range;
        count = count.saturating_add(1);
    }
    (ranges, count)
}
