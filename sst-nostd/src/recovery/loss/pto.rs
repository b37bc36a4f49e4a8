//! The probe timeout and its exponential backoff. Source: RFC 9002 section 6.2.

use crate::time::{Duration, Instant};

/// The longest a probe waits, however often earlier ones went unanswered: a path that comes back
/// after an outage is noticed within this.
pub const MAX_PTO: Duration = Duration::from_secs(10);

/// Counts the probe timeouts since the last acknowledgement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pto {
    count: u32,
}

impl Pto {
    /// No timeout yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { count: 0 }
    }

    /// The timer fired and probes will be sent.
    pub fn on_fired(&mut self) {
        self.count = self.count.saturating_add(1);
    }

    /// Something was acknowledged: the backoff starts over.
    pub fn on_acked(&mut self) {
        self.count = 0;
    }

    /// Timeouts since the last acknowledgement.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How long to wait now: `base` (see [`Rtt::pto_base`](crate::recovery::rtt::Rtt::pto_base))
    /// doubled for each timeout, at most [`MAX_PTO`] or `base` if that is longer.
    #[must_use]
    pub fn timeout(&self, base: Duration) -> Duration {
        let factor = 1u32.checked_shl(self.count).unwrap_or(u32::MAX);
        base.saturating_mul(factor).min(MAX_PTO.max(base))
    }

    /// When to probe, if the last ack-eliciting packet was sent at `last_sent_at`.
    #[must_use]
    pub fn at(&self, last_sent_at: Instant, base: Duration) -> Instant {
        last_sent_at.after(self.timeout(base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Spec: R-6.6-2.
    #[test]
    fn the_timeout_doubles_up_to_a_cap_and_starts_over_on_an_acknowledgement() {
        let base = Duration::from_millis(300);
        let mut pto = Pto::new();
        let mut waits = std::vec::Vec::new();
        for _ in 0..8 {
            waits.push(pto.timeout(base).as_millis());
            pto.on_fired();
        }
        assert_eq!(waits, [300, 600, 1200, 2400, 4800, 9600, 10_000, 10_000]);
        pto.on_acked();
        assert_eq!(pto.timeout(base), base);
    }

    #[test]
    fn no_count_and_no_base_overflows() {
        let mut pto = Pto { count: u32::MAX };
        pto.on_fired();
        assert_eq!(pto.timeout(Duration::from_millis(1)), MAX_PTO);
        assert_eq!(pto.timeout(Duration::MAX), Duration::MAX);
        let end = Instant::from_micros(u64::MAX);
        assert_eq!(pto.at(end, Duration::MAX), end);
    }
}
