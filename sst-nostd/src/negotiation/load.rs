//! [`Load`]: when a host asks initiators to prove their address before it works for them.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::negotiation::rate::Rate;
use crate::time::Instant;

/// How full the caller's table of responders is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HalfOpen {
    /// Negotiations under way.
    pub count: usize,
    /// How many there can be.
    pub limit: usize,
}

/// When to ask for cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieMode {
    /// From everyone: one more round trip for each call.
    Always,
    /// When there is much to do.
    #[default]
    Auto,
    /// From nobody but strangers' calls (XX), which always need one. For tests and for networks
    /// without strangers: a host that anyone can reach must not be without cookies.
    Never,
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
    use crate::time::Duration;

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

    // Spec: R-5.5-2.
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
}
