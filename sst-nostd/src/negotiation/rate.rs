//! How often something happens, and how often it may.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// Counts events in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate {
    second_at: Instant,
    count: u32,
    count_before: u32,
}

impl Rate {
    /// No events yet.
    pub(super) const fn new() -> Self {
        Self { second_at: Instant::ZERO, count: 0, count_before: 0 }
    }

    /// Counts one event.
    pub(super) fn on_event(&mut self, now: Instant) {
        self.turn(now);
        self.count = self.count.saturating_add(1);
    }

    /// True if there were more than `per_second` events in this second, or in the one before: a
    /// flood is not over because a second is.
    pub(super) fn is_above(&mut self, now: Instant, per_second: u32) -> bool {
        self.level(now) > per_second
    }

    /// How many events there were in this second, or in the one before if those were more.
    pub(super) fn level(&mut self, now: Instant) -> u32 {
        self.turn(now);
        self.count.max(self.count_before)
    }

    fn turn(&mut self, now: Instant) {
        let passed = now.since(self.second_at);
        if passed < SECOND {
            return;
        }
        let is_next = passed < SECOND.saturating_mul(2);
        self.count_before = if is_next { self.count } else { 0 };
        self.count = 0;
        self.second_at = now;
    }
}

/// Allows a burst of events, and after it one in each interval.
///
/// It remembers one moment: when the whole burst will be allowed again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    full_at: Instant,
}

impl Bucket {
    /// A whole burst is allowed.
    #[must_use]
    pub const fn new() -> Self {
        Self { full_at: Instant::ZERO }
    }

    /// Counts an event if it is allowed now, and says whether it is.
    pub fn is_allowed(&mut self, now: Instant, burst: u32, interval: Duration) -> bool {
        let full_at = self.full_at.max(now).after(interval);
        let is_allowed = full_at.since(now) <= interval.saturating_mul(burst);
        if is_allowed {
            self.full_at = full_at;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(20);

    fn at(millis: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(millis))
    }

    #[test]
    fn a_burst_and_then_one_in_each_interval() {
        let mut bucket = Bucket::new();
        let mut allowed = |now| bucket.is_allowed(at(now), 10, INTERVAL);
        assert_eq!((0..100).filter(|_| allowed(5000)).count(), 10);
        assert_eq!((0..100).filter(|_| allowed(5019)).count(), 0);
        assert_eq!((5020..6020).filter(|now| allowed(*now)).count(), 50);
        assert_eq!((0..100).filter(|_| allowed(9000)).count(), 10, "after a rest, a burst again");
        assert_eq!((0..100).filter(|_| allowed(0)).count(), 0, "a clock that goes back");
    }

    #[test]
    fn a_rate_remembers_the_second_before() {
        let mut rate = Rate::new();
        (0..20).for_each(|now| rate.on_event(at(1000 + now)));
        assert!(rate.is_above(at(1500), 19) && !rate.is_above(at(1500), 20));
        assert!(rate.is_above(at(2500), 19));
        assert!(!rate.is_above(at(4600), 19));
    }
}
