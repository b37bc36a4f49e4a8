//! [`Load`]: when a host asks initiators to prove their address before it works for them.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::negotiation::front::HalfOpen;
use crate::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

/// When to ask for cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieMode {
    /// From everyone: one more round trip for each call.
    Always,
    /// When there is much to do.
    #[default]
    Auto,
    /// From nobody but strangers' calls (XX), which always need one.
    Never,
}

/// Counts events in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    second_at: Instant,
    count: u32,
    count_before: u32,
}

impl Rate {
    /// No events yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { second_at: Instant::ZERO, count: 0, count_before: 0 }
    }

    /// Counts one event.
    pub fn on_event(&mut self, now: Instant) {
        self.turn(now);
        self.count = self.count.saturating_add(1);
    }

    /// Counts one event, unless there were `per_second` in this second already.
    pub fn is_allowed(&mut self, now: Instant, per_second: u32) -> bool {
        self.turn(now);
        let is_allowed = self.count < per_second;
        if is_allowed {
            self.count = self.count.saturating_add(1);
        }
        is_allowed
    }

    /// True if there were more than `per_second` events in this second, or in the one before: a
    /// flood is not over because a second is.
    pub fn is_above(&mut self, now: Instant, per_second: u32) -> bool {
        self.turn(now);
        self.count.max(self.count_before) > per_second
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

impl Default for Rate {
    fn default() -> Self {
        Self::new()
    }
}

/// How much negotiating there is to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    mode: CookieMode,
    inits_per_second: u32,
    inits: Rate,
}

impl Load {
    /// Nothing to do yet. In [`CookieMode::Auto`], more than `inits_per_second` is much.
    #[must_use]
    pub const fn new(mode: CookieMode, inits_per_second: u32) -> Self {
        Self { mode, inits_per_second, inits: Rate::new() }
    }

    /// Notes a call, and says whether it must bring a cookie.
    pub fn on_init(&mut self, now: Instant, half_open: HalfOpen) -> bool {
        self.inits.on_event(now);
        match self.mode {
            CookieMode::Always => true,
            CookieMode::Never => false,
            CookieMode::Auto => {
                let is_half_full = half_open.count.saturating_mul(2) >= half_open.limit;
                is_half_full || self.inits.is_above(now, self.inits_per_second)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: HalfOpen = HalfOpen { count: 0, limit: 8 };

    fn at(millis: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(millis))
    }

    #[test]
    fn a_flood_is_noticed_and_forgotten_a_second_after_it_ends() {
        let mut load = Load::new(CookieMode::Auto, 10);
        for call in 0..30 {
            assert_eq!(load.on_init(at(5000 + call * 10), IDLE), call >= 10, "{call}");
        }
        assert!(load.on_init(at(6300), IDLE));
        assert!(!load.on_init(at(7400), IDLE));
        assert!(!load.on_init(at(60_000), IDLE));
    }

    #[test]
    fn a_table_half_full_of_half_open_negotiations_is_much() {
        let mut load = Load::new(CookieMode::Auto, 1000);
        for count in 0..=8 {
            let half_open = HalfOpen { count, limit: 8 };
            assert_eq!(load.on_init(at(0), half_open), count >= 4);
        }
    }

    #[test]
    fn always_and_never_do_not_look() {
        let full = HalfOpen { count: 8, limit: 8 };
        assert!(Load::new(CookieMode::Always, 1000).on_init(at(0), IDLE));
        assert!(!Load::new(CookieMode::Never, 0).on_init(at(0), full));
    }

    #[test]
    fn a_limit_allows_that_many_in_each_second() {
        let mut rate = Rate::new();
        let allowed = (0..4000).filter(|now| rate.is_allowed(at(*now), 5)).count();
        assert_eq!(allowed, 20);
    }
}
