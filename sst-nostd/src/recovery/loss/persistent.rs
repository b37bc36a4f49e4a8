//! Persistent congestion: everything sent over a long time was lost. Source: RFC 9002 section 7.6.

use crate::recovery::rtt::Rtt;
use crate::time::{Duration, Instant};

/// How many probe timeouts the lost packets must span (RFC 9002 section 7.6.1).
const PTO_FACTOR: u32 = 3;

/// The newest run of packets lost one after another, with nothing acknowledged between them.
///
/// Tell it every lost packet in ascending order of number. A gap in the numbers is an
/// acknowledged packet and begins a new run, unless the number was never sent
/// ([`Self::on_skipped`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LostRun {
    /// When the first round-trip sample came: earlier packets prove nothing, since the timers
    /// were guesses.
    valid_from: Option<Instant>,
    first_number: u64,
    next_number: u64,
    span: Option<(Instant, Instant)>,
}

impl LostRun {
    /// No packet lost.
    #[must_use]
    pub const fn new() -> Self {
        Self { valid_from: None, first_number: 0, next_number: 0, span: None }
    }

    /// The first round-trip sample was taken at `now`.
    pub fn on_first_sample(&mut self, now: Instant) {
        self.valid_from.get_or_insert(now);
    }

    /// A packet was declared lost. One that is not `ack_eliciting` carries the run on but does
    /// not lengthen it.
    pub fn on_lost(&mut self, packet_number: u64, sent_at: Instant, ack_eliciting: bool) {
        if packet_number != self.next_number || self.span.is_none() {
            self.first_number = packet_number;
            self.span = None;
        }
        self.next_number = packet_number.saturating_add(1);
        if !ack_eliciting || self.valid_from.is_none_or(|from| sent_at < from) {
            return;
        }
        let first = self.span.map_or(sent_at, |(first, _)| first);
        self.span = Some((first, sent_at));
    }

    /// A number was never sent (see [`SkipPolicy`](super::SkipPolicy)): it does not end the run.
    pub fn on_skipped(&mut self, packet_number: u64) {
        if packet_number == self.next_number {
            self.next_number = packet_number.saturating_add(1);
        }
    }

    /// A packet declared lost was acknowledged after all: the run that holds it is void.
    pub fn on_spurious_loss(&mut self, packet_number: u64) {
        if (self.first_number..self.next_number).contains(&packet_number) {
            self.reset();
        }
    }

    /// Forgets the run; call it when persistent congestion was acted on.
    pub fn reset(&mut self) {
        self.span = None;
    }

    /// Whether the run is long enough to be persistent congestion.
    #[must_use]
    pub fn is_persistent(&self, rtt: &Rtt, max_ack_delay: Duration) -> bool {
        let limit = Self::duration(rtt, max_ack_delay);
        self.span.is_some_and(|(first, last)| last.since(first) >= limit)
    }

    /// How long everything must have been lost: three probe timeouts.
    #[must_use]
    pub fn duration(rtt: &Rtt, max_ack_delay: Duration) -> Duration {
        rtt.pto_base(max_ack_delay).saturating_mul(PTO_FACTOR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// One sample: smoothed 1 s, variation 500 ms.
    fn rtt() -> Rtt {
        let mut rtt = Rtt::new(Duration::from_secs(1));
        rtt.on_sample(Duration::from_secs(1), Duration::ZERO, Duration::ZERO, true);
        rtt
    }

    fn run(lost: &[(u64, u64)]) -> LostRun {
        let mut run = LostRun::new();
        run.on_first_sample(at(1000));
        for &(number, millis) in lost {
            run.on_lost(number, at(millis), true);
        }
        run
    }

    // Spec: R-6.7-5.
    #[test]
    fn it_takes_three_probe_timeouts_of_unbroken_loss() {
        assert_eq!(LostRun::duration(&rtt(), Duration::ZERO), Duration::from_secs(9));
        assert!(run(&[(2, 1000), (3, 5000), (4, 10_000)]).is_persistent(&rtt(), Duration::ZERO));
        assert!(!run(&[(2, 1000), (3, 5000), (4, 9999)]).is_persistent(&rtt(), Duration::ZERO));
        let delay = Duration::from_millis(25);
        assert!(!run(&[(2, 1000), (3, 10_000)]).is_persistent(&rtt(), delay));
    }

    #[test]
    fn an_acknowledged_packet_between_breaks_the_run_and_a_skipped_number_does_not() {
        assert!(!run(&[(2, 1000), (4, 20_000)]).is_persistent(&rtt(), Duration::ZERO));
        let mut skipping = run(&[(2, 1000)]);
        skipping.on_skipped(3);
        skipping.on_lost(4, at(20_000), true);
        assert!(skipping.is_persistent(&rtt(), Duration::ZERO));
    }

    #[test]
    fn packets_from_before_the_first_sample_do_not_count() {
        assert!(!run(&[(2, 500), (3, 9999)]).is_persistent(&rtt(), Duration::ZERO));
        let mut without_sample = LostRun::new();
        without_sample.on_lost(0, at(0), true);
        without_sample.on_lost(1, at(100_000), true);
        assert!(!without_sample.is_persistent(&rtt(), Duration::ZERO));
    }

    #[test]
    fn packets_that_elicit_no_acknowledgement_carry_the_run_without_lengthening_it() {
        let mut run = run(&[(2, 1000)]);
        run.on_lost(3, at(20_000), false);
        assert!(!run.is_persistent(&rtt(), Duration::ZERO));
        run.on_lost(4, at(20_001), true);
        assert!(run.is_persistent(&rtt(), Duration::ZERO));
    }

    #[test]
    fn a_late_acknowledgement_voids_the_run() {
        let mut run = run(&[(2, 1000), (3, 20_000)]);
        run.on_spurious_loss(2);
        assert!(!run.is_persistent(&rtt(), Duration::ZERO));
    }

    #[test]
    fn a_clock_going_backward_is_not_congestion() {
        assert!(!run(&[(2, 100_000), (3, 2000)]).is_persistent(&rtt(), Duration::ZERO));
        let century = run(&[(u64::MAX - 1, 1000), (u64::MAX, u64::MAX / 1000)]);
        assert!(century.is_persistent(&rtt(), Duration::ZERO));
    }
}
