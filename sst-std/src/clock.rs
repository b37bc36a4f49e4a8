//! [`Clock`]: between the system's monotonic clock and the core's microseconds.

use std::time::Instant as StdInstant;

use sst_nostd::time::{Duration, Instant};

/// Tells the core's time: microseconds since the clock was made, plus one second so that "a
/// little before now" exists from the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: StdInstant,
}

impl Clock {
    const HEAD_START: Duration = Duration::from_secs(1);

    #[allow(clippy::disallowed_methods, reason = "this is the face that supplies `now`")]
    pub(crate) fn new() -> Self {
        Self { origin: StdInstant::now() }
    }

    /// Now, in the core's terms.
    #[allow(clippy::disallowed_methods, reason = "this is the face that supplies `now`")]
    pub(crate) fn now(&self) -> Instant {
        let elapsed = StdInstant::now().saturating_duration_since(self.origin);
        Instant::ZERO.after(Self::HEAD_START).after(elapsed)
    }

    /// The system's name for a moment of the core; capped at a year from the origin, which is far
    /// enough for a sleep and never overflows.
    pub(crate) fn to_std(self, at: Instant) -> StdInstant {
        const YEAR: Duration = Duration::from_secs(365 * 86_400);
        let since = at.since(Instant::ZERO.after(Self::HEAD_START));
        self.origin + since.min(YEAR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_comes_back() {
        let clock = Clock::new();
        let (a, b) = (clock.now(), clock.now());
        assert!(a <= b && a >= Instant::from_micros(1_000_000));
        let back = clock.to_std(a).saturating_duration_since(clock.origin);
        assert_eq!(back.as_micros() as u64, a.as_micros() - 1_000_000);
        assert!(clock.to_std(Instant::from_micros(u64::MAX)) > clock.origin);
    }
}
