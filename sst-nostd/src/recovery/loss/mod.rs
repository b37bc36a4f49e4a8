//! Which packets are lost, when to probe, and when a path has collapsed: the pure rules.
//! Source: RFC 9002 sections 6 and 7.6.

mod persistent;
mod pto;
mod skip;

pub use persistent::LostRun;
pub use pto::{MAX_PTO, Pto};
pub use skip::{MAX_SKIPPED, SkipPolicy};

use crate::recovery::rtt::Rtt;
use crate::time::{Duration, Instant};

/// A packet is lost when one sent this many later was acknowledged (RFC 9002 section 6.1.1).
pub const PACKET_THRESHOLD: u64 = 3;

/// The most a reordering path may raise the packet threshold to. Beyond it the time threshold
/// decides alone, for practical purposes.
pub const MAX_PACKET_THRESHOLD: u64 = 128;

/// The time threshold in eighths of a round trip (RFC 9002 section 6.1.2).
const TIME_EIGHTHS: u32 = 9;

/// The most a reordering path may raise the time threshold to: two round trips, as RACK
/// (RFC 8985 section 7.2) allows one round trip of reordering window.
const MAX_TIME_EIGHTHS: u32 = 16;

/// After this many loss events with no spurious one, the thresholds return to their start
/// (RFC 8985 section 7.2 persists its window for as many recoveries).
const CALM_EVENTS: u32 = 16;

/// When a packet counts as lost. It learns: a packet declared lost that then arrives shows that
/// the path reorders, and widens the thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LossRule {
    packet_threshold: u64,
    time_eighths: u32,
    calm_events: u32,
}

impl LossRule {
    /// The rule before anything was learnt.
    #[must_use]
    pub const fn new() -> Self {
        Self { packet_threshold: PACKET_THRESHOLD, time_eighths: TIME_EIGHTHS, calm_events: 0 }
    }

    /// A packet declared lost was acknowledged after all, when `largest_acked` was the largest
    /// number acknowledged at the time it was declared lost.
    pub fn on_spurious_loss(&mut self, packet_number: u64, largest_acked: u64) {
        let distance = largest_acked.saturating_sub(packet_number);
        let wanted = distance.saturating_add(1).min(MAX_PACKET_THRESHOLD);
        // Below the packet threshold only the clock can have declared it.
        if distance < self.packet_threshold {
            self.time_eighths = self.time_eighths.saturating_add(1).min(MAX_TIME_EIGHTHS);
        }
        self.packet_threshold = self.packet_threshold.max(wanted);
        self.calm_events = 0;
    }

    /// A loss event (one batch of packets declared lost) happened.
    pub fn on_loss_event(&mut self) {
        self.calm_events = self.calm_events.saturating_add(1);
        if self.calm_events >= CALM_EVENTS {
            *self = Self::new();
        }
    }

    /// The number of later packets after which one is lost.
    #[must_use]
    pub fn packet_threshold(&self) -> u64 {
        self.packet_threshold
    }

    /// How long after sending a packet is lost, once a later one was acknowledged.
    #[must_use]
    pub fn loss_delay(&self, rtt: &Rtt) -> Duration {
        rtt.loss_delay_eighths(self.time_eighths)
    }

    /// Whether an unacknowledged packet is lost at `now`.
    #[must_use]
    pub fn is_lost(
        &self,
        packet_number: u64,
        largest_acked: u64,
        sent_at: Instant,
        now: Instant,
        loss_delay: Duration,
    ) -> bool {
        match largest_acked.checked_sub(packet_number) {
            None | Some(0) => false,
            Some(distance) => distance >= self.packet_threshold || now.since(sent_at) >= loss_delay,
        }
    }

    /// When an unacknowledged packet will be lost if nothing more arrives; `None` if nothing later
    /// was acknowledged.
    #[must_use]
    pub fn lost_at(
        &self,
        packet_number: u64,
        largest_acked: u64,
        sent_at: Instant,
        loss_delay: Duration,
    ) -> Option<Instant> {
        (packet_number < largest_acked).then(|| sent_at.after(loss_delay))
    }
}

impl Default for LossRule {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DELAY: Duration = Duration::from_millis(100);

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    // Spec: R-6.6-1.
    #[test]
    fn a_packet_is_lost_by_three_later_ones_or_by_time() {
        let rule = LossRule::new();
        assert!(!rule.is_lost(10, 12, at(0), at(99), DELAY));
        assert!(rule.is_lost(10, 13, at(0), at(1), DELAY));
        assert!(rule.is_lost(10, 11, at(0), at(100), DELAY));
        assert_eq!(rule.lost_at(10, 11, at(5), DELAY), Some(at(105)));
    }

    #[test]
    fn nothing_is_lost_without_a_later_acknowledgement() {
        let rule = LossRule::new();
        assert!(!rule.is_lost(10, 10, at(0), at(1_000_000), DELAY));
        assert!(!rule.is_lost(10, 4, at(0), at(1_000_000), DELAY));
        assert_eq!(rule.lost_at(10, 10, at(0), DELAY), None);
    }

    // Spec: R-6.6-5.
    #[test]
    fn a_clock_going_backward_loses_nothing_and_the_end_of_time_is_survived() {
        let rule = LossRule::new();
        assert!(!rule.is_lost(1, 2, at(500), at(0), DELAY));
        let end = Instant::from_micros(u64::MAX);
        assert_eq!(rule.lost_at(0, u64::MAX, end, Duration::MAX), Some(end));
        assert!(rule.is_lost(0, u64::MAX, end, at(0), Duration::MAX));
    }

    // Spec: R-6.6-1.
    #[test]
    fn reordering_raises_the_packet_threshold_up_to_its_limit() {
        let mut rule = LossRule::new();
        rule.on_spurious_loss(10, 17);
        assert_eq!(rule.packet_threshold(), 8);
        assert!(!rule.is_lost(10, 17, at(0), at(1), DELAY));
        rule.on_spurious_loss(0, u64::MAX);
        assert_eq!(rule.packet_threshold(), MAX_PACKET_THRESHOLD);
    }

    // Spec: R-6.6-1.
    #[test]
    fn a_loss_by_time_that_was_spurious_raises_the_time_threshold() {
        let mut rtt = Rtt::new(DELAY);
        rtt.on_sample(DELAY, Duration::ZERO, Duration::ZERO, true);
        let mut rule = LossRule::new();
        assert_eq!(rule.loss_delay(&rtt), rtt.loss_delay());
        for _ in 0..100 {
            rule.on_spurious_loss(10, 11);
        }
        assert_eq!(rule.loss_delay(&rtt), DELAY * 2);
        assert_eq!(rule.packet_threshold(), PACKET_THRESHOLD);
    }

    // Spec: R-6.6-1.
    #[test]
    fn calm_returns_the_thresholds_to_their_start() {
        let mut rule = LossRule::new();
        rule.on_spurious_loss(10, 30);
        for _ in 0..CALM_EVENTS - 1 {
            rule.on_loss_event();
        }
        assert_eq!(rule.packet_threshold(), 21);
        rule.on_loss_event();
        assert_eq!(rule, LossRule::new());
    }
}
