//! The round-trip time of one path, smoothed. Source: RFC 9002 section 5.

use crate::time::{Duration, micros};

/// The finest difference in time that the loss and probe timers trust (RFC 9002 section 6.1.2).
pub const GRANULARITY: Duration = Duration::from_millis(1);

/// The longest sample believed.
///
/// A host that slept, or whose clock jumped, measures hours. No path is that slow, and an estimate
/// that has swallowed such a sample would take dozens of round trips to recover.
pub const MAX_SAMPLE: Duration = Duration::from_secs(60);

/// The estimate of a path's round-trip time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rtt {
    latest_micros: u64,
    min_micros: u64,
    smoothed_micros: u64,
    variation_micros: u64,
    has_sample: bool,
}

impl Rtt {
    /// An estimate that knows nothing yet and claims `initial` until the first sample.
    #[must_use]
    pub fn new(initial: Duration) -> Self {
        let initial = bounded(initial);
        Self {
            latest_micros: initial,
            min_micros: initial,
            smoothed_micros: initial,
            variation_micros: initial / 2,
            has_sample: false,
        }
    }

    /// Takes one sample: `latest` from sending a packet to its acknowledgement, of which the peer
    /// says it spent `ack_delay` waiting.
    ///
    /// `max_ack_delay` is what the peer promised not to exceed; it binds once the negotiation is
    /// `confirmed` (before, a peer may be slow for reasons it could not have promised away).
    pub fn on_sample(
        &mut self,
        latest: Duration,
        ack_delay: Duration,
        max_ack_delay: Duration,
        confirmed: bool,
    ) {
        let latest = bounded(latest);
        self.latest_micros = latest;
        if !self.has_sample {
            self.has_sample = true;
            self.min_micros = latest;
            self.smoothed_micros = latest;
            self.variation_micros = latest / 2;
            return;
        }
        self.min_micros = self.min_micros.min(latest);
        let ack_delay = if confirmed { ack_delay.min(max_ack_delay) } else { ack_delay };
        let adjusted = self.without_delay(latest, micros(ack_delay));
        let deviation = self.smoothed_micros.abs_diff(adjusted);
        self.variation_micros = weighted(self.variation_micros, deviation, 4);
        self.smoothed_micros = weighted(self.smoothed_micros, adjusted, 8);
    }

    /// Forgets the old minimum: after persistent congestion the path may be another one
    /// (RFC 9002 section 5.2).
    pub fn on_persistent_congestion(&mut self) {
        self.min_micros = self.latest_micros;
    }

    /// Whether any sample was taken.
    #[must_use]
    pub fn has_sample(&self) -> bool {
        self.has_sample
    }

    /// The smoothed round-trip time; never zero.
    #[must_use]
    pub fn smoothed(&self) -> Duration {
        Duration::from_micros(self.smoothed_micros)
    }

    /// A quarter of the smoothed round-trip time, in microseconds.
    #[must_use]
    pub const fn quarter_micros(&self) -> u64 {
        self.smoothed_micros / 4
    }

    /// The mean deviation of samples from the smoothed round-trip time.
    #[must_use]
    pub fn variation(&self) -> Duration {
        Duration::from_micros(self.variation_micros)
    }

    /// The least sample.
    #[must_use]
    pub fn min(&self) -> Duration {
        Duration::from_micros(self.min_micros)
    }

    /// The newest sample.
    #[must_use]
    pub fn latest(&self) -> Duration {
        Duration::from_micros(self.latest_micros)
    }

    /// How long to wait for any acknowledgement before probing, without backoff
    /// (RFC 9002 section 6.2.1).
    #[must_use]
    pub fn pto_base(&self, max_ack_delay: Duration) -> Duration {
        let spread = self.variation_micros.saturating_mul(4).max(micros(GRANULARITY));
        let without_delay = self.smoothed_micros.saturating_add(spread);
        Duration::from_micros(without_delay).saturating_add(max_ack_delay)
    }

    /// How long after sending a packet is lost, once a later one was acknowledged: 9/8 of the
    /// round-trip time (RFC 9002 section 6.1.2).
    #[must_use]
    pub fn loss_delay(&self) -> Duration {
        self.loss_delay_eighths(9)
    }

    /// [`Self::loss_delay`] with `eighths`/8 in place of 9/8, for paths seen to reorder.
    #[must_use]
    pub fn loss_delay_eighths(&self, eighths: u32) -> Duration {
        let longest = self.smoothed_micros.max(self.latest_micros);
        let delay = longest.saturating_mul(u64::from(eighths)) / 8;
        Duration::from_micros(delay).max(GRANULARITY)
    }

    /// `latest` less the peer's own delay, unless that would go below the least ever seen: then
    /// the peer overstates its delay.
    fn without_delay(&self, latest: u64, ack_delay: u64) -> u64 {
        match latest.checked_sub(ack_delay) {
            Some(adjusted) if adjusted >= self.min_micros => adjusted,
            _ => latest,
        }
    }
}

/// A sample in microseconds, at least one: a zero would make rates infinite.
fn bounded(sample: Duration) -> u64 {
    micros(sample.min(MAX_SAMPLE)).max(1)
}

/// The average of `old` and `new`, where `new` has one part in `parts`.
fn weighted(old: u64, new: u64, parts: u64) -> u64 {
    // Both are at most MAX_SAMPLE, far from overflow; saturating costs nothing and needs no proof.
    old.saturating_mul(parts.saturating_sub(1))
        .saturating_add(new)
        .checked_div(parts)
        .unwrap_or(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_ACK_DELAY: Duration = Duration::from_millis(25);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn rtt_of(samples: &[(u64, u64)], confirmed: bool) -> Rtt {
        let mut rtt = Rtt::new(ms(250));
        for &(latest, delay) in samples {
            rtt.on_sample(ms(latest), ms(delay), MAX_ACK_DELAY, confirmed);
        }
        rtt
    }

    #[test]
    fn before_any_sample_it_claims_the_initial_value() {
        let rtt = Rtt::new(ms(250));
        assert!(!rtt.has_sample());
        assert_eq!(rtt.smoothed(), ms(250));
        assert_eq!(rtt.variation(), ms(125));
        assert_eq!(rtt.pto_base(Duration::ZERO), ms(750));
    }

    #[test]
    fn the_first_sample_replaces_the_initial_value_and_ignores_the_delay() {
        let rtt = rtt_of(&[(100, 90)], true);
        assert_eq!((rtt.smoothed(), rtt.variation(), rtt.min()), (ms(100), ms(50), ms(100)));
    }

    // Spec: R-6.6-2.
    #[test]
    fn later_samples_are_weighted_an_eighth_and_a_quarter() {
        // 100 then 180: variation 3/4*50 + 1/4*80 = 57.5, smoothed 7/8*100 + 1/8*180 = 110.
        let rtt = rtt_of(&[(100, 0), (180, 0)], true);
        assert_eq!(rtt.smoothed(), ms(110));
        assert_eq!(rtt.variation(), Duration::from_micros(57_500));
        assert_eq!(rtt.latest(), ms(180));
        assert_eq!(rtt.loss_delay(), Duration::from_micros(202_500));
        assert_eq!(rtt.pto_base(MAX_ACK_DELAY), ms(110 + 230 + 25));
    }

    // Spec: R-6.5-6.
    #[test]
    fn the_peers_delay_is_taken_off_but_only_as_promised_and_never_below_the_minimum() {
        // 20 of delay: 160 counts.
        assert_eq!(rtt_of(&[(100, 0), (180, 20)], true).smoothed(), Duration::from_micros(107_500));
        // 60 claimed, 25 promised: 155 counts once confirmed, 120 before.
        assert_eq!(rtt_of(&[(100, 0), (180, 60)], true).smoothed(), Duration::from_micros(106_875));
        assert_eq!(
            rtt_of(&[(100, 0), (180, 60)], false).smoothed(),
            Duration::from_micros(102_500)
        );
        // 110 - 20 is below the minimum of 100: the claim is ignored.
        assert_eq!(rtt_of(&[(100, 0), (110, 20)], true).smoothed(), Duration::from_micros(101_250));
    }

    #[test]
    fn persistent_congestion_forgets_the_minimum() {
        let mut rtt = rtt_of(&[(10, 0), (300, 0)], true);
        assert_eq!(rtt.min(), ms(10));
        rtt.on_persistent_congestion();
        assert_eq!(rtt.min(), ms(300));
    }

    // Spec: R-6.6-1.
    #[test]
    fn absurd_samples_are_bounded() {
        let century = Duration::from_secs(100 * 365 * 86_400);
        for (latest, delay) in [(century, century), (Duration::MAX, Duration::MAX)] {
            let mut rtt = Rtt::new(latest);
            rtt.on_sample(latest, delay, delay, false);
            rtt.on_sample(latest, Duration::ZERO, delay, true);
            assert_eq!(rtt.smoothed(), MAX_SAMPLE);
            assert!(rtt.pto_base(Duration::MAX) == Duration::MAX);
        }
        let mut rtt = Rtt::new(Duration::ZERO);
        rtt.on_sample(Duration::ZERO, century, century, true);
        assert!(rtt.smoothed() > Duration::ZERO);
        assert_eq!(rtt.loss_delay(), GRANULARITY);
    }
}
