//! [`Clock`]: between a monotonic clock, the system's or the caller's, and the core's
//! microseconds.

use std::sync::Arc;
#[cfg(feature = "net")]
use std::time::Instant as StdInstant;

use sst_nostd::{Duration, Instant};

/// The time since any moment, never going back.
pub(crate) type Since = Arc<dyn Fn() -> Duration + Send + Sync>;

/// Tells the core's time: microseconds since the clock's origin, plus one second so that "a
/// little before now" exists from the start.
#[derive(Clone)]
pub(crate) enum Clock {
    #[cfg(feature = "net")]
    System(StdInstant),
    Given(Since),
}

const HEAD_START: Duration = Duration::from_secs(1);

impl Clock {
    /// The system's, from now on.
    #[allow(clippy::disallowed_methods, reason = "this is the face that supplies `now`")]
    #[cfg(feature = "net")]
    pub(crate) fn system() -> Self {
        Self::System(StdInstant::now())
    }

    /// The caller's.
    pub(crate) const fn given(since: Since) -> Self {
        Self::Given(since)
    }

    /// Now, in the core's terms.
    #[allow(clippy::disallowed_methods, reason = "this is the face that supplies `now`")]
    pub(crate) fn now(&self) -> Instant {
        let since = match self {
            #[cfg(feature = "net")]
            Self::System(origin) => StdInstant::now().saturating_duration_since(*origin),
            Self::Given(since) => since(),
        };
        Instant::ZERO.after(HEAD_START).after(since)
    }

    /// A moment of the core as the time since the clock's origin.
    pub(crate) fn since_origin(at: Instant) -> Duration {
        at.since(Instant::ZERO.after(HEAD_START))
    }
}

#[cfg(all(test, feature = "net"))]
mod tests {
    use super::*;

    #[test]
    fn time_goes_forward_and_comes_back() {
        let clock = Clock::system();
        let (a, b) = (clock.now(), clock.now());
        assert!(a <= b && a >= Instant::from_micros(1_000_000));
        assert_eq!(Clock::since_origin(a).as_micros() as u64, a.as_micros() - 1_000_000);
    }

    #[test]
    fn a_given_clock_is_believed() {
        let clock = Clock::given(Arc::new(|| Duration::from_millis(1_500)));
        assert_eq!(clock.now(), Instant::from_micros(2_500_000));
        assert_eq!(Clock::since_origin(clock.now()), Duration::from_millis(1_500));
    }
}
