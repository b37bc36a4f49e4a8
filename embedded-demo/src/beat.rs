//! A regular beat that never drifts and never bursts.

use sst_nostd::time::{Duration, Instant};

/// Falls due once every period. A caller that comes late gets one beat, not all that it missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    period: Duration,
    next_at: Instant,
}

impl Beat {
    /// A beat every `period`, the first one period after `now`.
    #[must_use]
    pub const fn new(now: Instant, period: Duration) -> Self {
        Self { period, next_at: now.after(period) }
    }

    /// Whether the beat has fallen due. If so, the next one is set.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        if now < self.next_at {
            return false;
        }
        let planned_at = self.next_at.after(self.period);
        self.next_at = if planned_at > now { planned_at } else { now.after(self.period) };
        true
    }

    /// When the caller should come back.
    #[must_use]
    pub const fn poll_timeout(&self) -> Instant {
        self.next_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(10);

    const fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn a_caller_a_little_late_does_not_move_the_beat() {
        let mut beat = Beat::new(at(0), PERIOD);
        assert!(!beat.handle_timeout(at(9)));
        assert!(beat.handle_timeout(at(13)));
        assert_eq!(beat.poll_timeout(), at(20));
    }

    #[test]
    fn missed_beats_are_not_made_up_for() {
        let mut beat = Beat::new(at(0), PERIOD);
        assert!(beat.handle_timeout(at(95)));
        assert!(!beat.handle_timeout(at(96)));
        assert_eq!(beat.poll_timeout(), at(105));
    }
}
