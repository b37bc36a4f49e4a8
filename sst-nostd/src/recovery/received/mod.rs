//! What was received and when to say so. Source: RFC 9000 section 13.2.

mod ranges;

pub use ranges::{MAX_RANGES, RangeSet};

use core::ops::RangeInclusive;

use crate::recovery::ecn::{Codepoint, EcnCounts};
use crate::time::{Duration, Instant, micros};

/// How eagerly to acknowledge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckPolicy {
    /// Acknowledge at once when this many ack-eliciting packets wait. Two suits slow paths
    /// (RFC 9000 section 13.2.2); a fast host saves work with up to ten or so. Zero is one.
    pub every_packets: u32,
    /// The longest that an ack-eliciting packet waits, as promised to the peer.
    pub max_ack_delay: Duration,
}

impl Default for AckPolicy {
    /// Every second packet, or after 25 ms.
    fn default() -> Self {
        Self { every_packets: 2, max_ack_delay: Duration::from_millis(25) }
    }
}

/// Timers are late: by their own granularity, and until whoever waited for one has its turn.
const TIMER_SLACK: Duration = Duration::from_millis(2);

/// [`AckPolicy`] as a channel keeps it: every idle session has one.
#[derive(Clone, Copy, Debug)]
struct Policy {
    every_packets: u32,
    max_ack_delay_micros: u32,
}

impl Policy {
    const fn of(policy: AckPolicy) -> Self {
        let micros = micros(policy.max_ack_delay);
        let max_ack_delay_micros = if micros > u32::MAX as u64 { u32::MAX } else { micros as u32 };
        Self { every_packets: policy.every_packets, max_ack_delay_micros }
    }

    /// How long a packet is let wait, so that its acknowledgement leaves within what was promised.
    const fn hold(&self) -> Duration {
        Duration::from_micros(self.max_ack_delay_micros as u64).saturating_sub(TIMER_SLACK)
    }
}

/// The packets received on one channel, as its acknowledgements will tell them.
///
/// Replayed packets are dropped before they come here; one that slipped through only causes an
/// early acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    ranges: RangeSet,
    largest_at: Instant,
    counts: EcnCounts,
    policy: Policy,
    waiting_packets: u32,
    ack_at: Option<Instant>,
}

impl Received {
    /// Nothing received.
    #[must_use]
    pub const fn new(policy: AckPolicy) -> Self {
        Self {
            ranges: RangeSet::new(),
            largest_at: Instant::ZERO,
            counts: EcnCounts { ce: 0, ect0: 0, ect1: 0 },
            policy: Policy::of(policy),
            waiting_packets: 0,
            ack_at: None,
        }
    }

    /// Changes how eagerly to acknowledge; packets already waiting keep their deadline.
    pub fn set_policy(&mut self, policy: AckPolicy) {
        self.policy = Policy::of(policy);
    }

    /// A packet arrived, was authenticated and accepted.
    pub fn on_packet(
        &mut self,
        now: Instant,
        packet_number: u64,
        ack_eliciting: bool,
        codepoint: Codepoint,
    ) {
        let previous = self.ranges.largest();
        self.counts.on_packet(codepoint);
        self.ranges.insert(packet_number);
        if previous.is_none_or(|previous| packet_number > previous) {
            self.largest_at = now;
        }
        if !ack_eliciting {
            return;
        }
        self.waiting_packets = self.waiting_packets.saturating_add(1);
        // The first packet of all leaves no gap that matters: lower ones were never promised.
        let in_order = previous.is_none_or(|last| last.checked_add(1) == Some(packet_number));
        let is_urgent = !in_order
            || codepoint == Codepoint::Ce
            || self.waiting_packets >= self.policy.every_packets;
        let wanted = if is_urgent { now } else { now.after(self.policy.hold()) };
        self.ack_at = Some(self.ack_at.map_or(wanted, |at| at.min(wanted)));
    }

    /// What has arrived is to be acknowledged at once.
    pub fn hurry(&mut self, now: Instant) {
        self.ack_at = Some(self.ack_at.map_or(now, |at| at.min(now)));
    }

    /// Something arrived again that anybody may have recorded: its sender may have missed the
    /// acknowledgement. It is sent within the delay, so that copies cannot ask for many.
    pub fn on_repeat(&mut self, now: Instant) {
        let wanted = now.after(self.policy.hold());
        self.ack_at = Some(self.ack_at.map_or(wanted, |at| at.min(wanted)));
    }

    /// An acknowledgement holding all of [`Self::ranges`] was sent.
    pub fn on_ack_sent(&mut self) {
        self.waiting_packets = 0;
        self.ack_at = None;
    }

    /// The peer acknowledged a packet that carried an acknowledgement whose largest number was
    /// `largest`: numbers up to there need not be told again. The newest number is always kept,
    /// so that every acknowledgement has something to say.
    pub fn on_ack_of_ack(&mut self, largest: u64) {
        if let Some(newest) = self.ranges.largest() {
            self.ranges.remove_below(largest.saturating_add(1).min(newest));
        }
    }

    /// The longest that an acknowledgement waits, as promised to the peer.
    #[must_use]
    pub fn max_ack_delay(&self) -> Duration {
        Duration::from_micros(self.policy.max_ack_delay_micros.into())
    }

    /// When an acknowledgement must be sent; `None` if nothing waits for one.
    #[must_use]
    pub fn ack_at(&self) -> Option<Instant> {
        self.ack_at
    }

    /// Whether an acknowledgement must be sent now.
    #[must_use]
    pub fn is_due(&self, now: Instant) -> bool {
        self.ack_at.is_some_and(|at| now >= at)
    }

    /// Whether any ack-eliciting packet waits: a packet about to leave may as well say so.
    #[must_use]
    pub fn has_waiting(&self) -> bool {
        self.ack_at.is_some()
    }

    /// The ranges to acknowledge, highest first.
    pub fn ranges(&self) -> impl Iterator<Item = RangeInclusive<u64>> + Clone + '_ {
        self.ranges.iter()
    }

    /// The largest number received.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        self.ranges.largest()
    }

    /// How long ago the largest number arrived.
    #[must_use]
    pub fn ack_delay(&self, now: Instant) -> Duration {
        now.since(self.largest_at)
    }

    /// The congestion marks counted so far.
    #[must_use]
    pub fn ecn_counts(&self) -> EcnCounts {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn received(numbers: &[u64]) -> Received {
        let mut received = Received::new(AckPolicy::default());
        for &number in numbers {
            received.on_packet(at(number), number, true, Codepoint::NotEct);
        }
        received
    }

    // Spec: R-6.5-2, R-6.5-3.
    #[test]
    fn one_packet_waits_for_the_delay_and_the_second_does_not() {
        let mut received = received(&[0]);
        assert_eq!(received.ack_at(), Some(at(23)), "in time, though timers are late");
        assert!(!received.is_due(at(22)) && received.is_due(at(23)));
        received.on_packet(at(1), 1, true, Codepoint::NotEct);
        assert!(received.is_due(at(1)));
        received.on_ack_sent();
        assert_eq!(received.ack_at(), None);
        assert_eq!(received.ranges().collect::<Vec<_>>(), [0..=1]);
    }

    // Spec: R-6.5-3, R-6.5-6.
    #[test]
    fn a_gap_or_an_old_packet_is_acknowledged_at_once() {
        let mut received = received(&[0]);
        received.on_ack_sent();
        received.on_packet(at(5), 2, true, Codepoint::NotEct);
        assert!(received.is_due(at(5)));
        received.on_ack_sent();
        received.on_packet(at(6), 1, true, Codepoint::NotEct);
        assert!(received.is_due(at(6)));
        assert_eq!(received.ack_delay(at(8)), Duration::from_millis(3), "of the largest");
    }

    // Spec: R-6.5-3, R-6.5-10.
    #[test]
    fn a_congestion_mark_is_told_at_once_and_counted() {
        let mut received = received(&[]);
        received.on_packet(at(0), 0, true, Codepoint::Ce);
        assert!(received.is_due(at(0)));
        received.on_packet(at(0), 1, false, Codepoint::Ect0);
        received.on_packet(at(0), 2, false, Codepoint::Ect1);
        assert_eq!(received.ecn_counts(), EcnCounts { ce: 1, ect0: 1, ect1: 1 });
    }

    // Spec: R-6.5-4.
    #[test]
    fn packets_that_elicit_nothing_cause_no_acknowledgement() {
        let mut received = received(&[]);
        for number in [0, 1, 5, 3] {
            received.on_packet(at(0), number, false, Codepoint::NotEct);
        }
        assert!(!received.has_waiting());
        assert_eq!(received.ranges().count(), 3);
    }

    // Spec: R-6.5-3.
    #[test]
    fn the_count_is_a_parameter() {
        let policy = AckPolicy { every_packets: 10, ..AckPolicy::default() };
        let mut received = Received::new(policy);
        for number in 0..9 {
            received.on_packet(at(0), number, true, Codepoint::NotEct);
        }
        assert!(!received.is_due(at(0)));
        received.on_packet(at(0), 9, true, Codepoint::NotEct);
        assert!(received.is_due(at(0)));
        received.set_policy(AckPolicy { every_packets: 0, ..policy });
        received.on_ack_sent();
        received.on_packet(at(1), 10, true, Codepoint::NotEct);
        assert!(received.is_due(at(1)));
    }

    // Spec: R-6.5-5.
    #[test]
    fn acknowledged_acknowledgements_are_forgotten_but_for_the_newest() {
        let mut received = received(&[0, 1, 2, 5, 6, 9]);
        received.on_ack_of_ack(5);
        assert_eq!(received.ranges().collect::<Vec<_>>(), [9..=9, 6..=6]);
        received.on_ack_of_ack(u64::MAX);
        assert_eq!(received.ranges().collect::<Vec<_>>(), [9..=9]);
        assert_eq!(received.largest(), Some(9));
    }

    #[test]
    fn clocks_may_go_backward_or_end() {
        let mut received = received(&[50]);
        received.on_packet(at(0), 51, true, Codepoint::NotEct);
        assert!(received.is_due(at(0)), "the earliest deadline stands");
        assert_eq!(received.ack_delay(at(0)), Duration::ZERO);
        let end = Instant::from_micros(u64::MAX);
        received.on_ack_sent();
        received.on_packet(end, u64::MAX, true, Codepoint::NotEct);
        received.on_packet(end, 0, true, Codepoint::NotEct);
        assert!(received.is_due(end));
    }
}
