//! [`Load`]: when a host asks initiators to prove their address before it works for them.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::negotiation::limits::CALLS_GROWTH;
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
    accepted: Rate,
}

impl Load {
    /// Nothing to do yet. In [`CookieMode::Auto`], more than `inits_per_second` is much.
    #[must_use]
    pub const fn new(mode: CookieMode, inits_per_second: u32) -> Self {
        Self { mode, inits_per_second, inits: Rate::new(), accepted: Rate::new() }
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

impl Load {
    /// Notes a call that is answered.
    pub fn on_accepted(&mut self, now: Instant) {
        self.accepted.on_event(now);
    }

    /// How many times its least one source may have: from 1, where half-open negotiations or calls
    /// that are answered are about as many as there may be, to [`CALLS_GROWTH`], where there are
    /// none.
    pub fn headroom(&mut self, now: Instant, half_open: HalfOpen) -> u32 {
        let most = self.inits_per_second.saturating_mul(CALLS_GROWTH);
        let free_calls = most.saturating_sub(self.accepted.level(now));
        let free_rows = half_open.limit.saturating_sub(half_open.count);
        let calls = part(u64::from(free_calls), u64::from(most));
        calls.min(part(free_rows as u64, half_open.limit as u64)).max(1)
    }
}

/// `free` of `all`, in parts of [`CALLS_GROWTH`].
fn part(free: u64, all: u64) -> u32 {
    let parts = free.saturating_mul(u64::from(CALLS_GROWTH)).checked_div(all).unwrap_or(0);
    u32::try_from(parts).unwrap_or(CALLS_GROWTH)
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
    fn a_source_may_call_the_more_often_the_less_there_is_to_do() {
        let mut load = Load::new(CookieMode::Auto, 10);
        let half_open = |count| HalfOpen { count, limit: 64 };
        let mut headroom = |millis, count| load.headroom(at(millis), half_open(count));
        let expected = [(0, 16), (4, 15), (32, 8), (60, 1), (64, 1)];
        assert_eq!(expected.map(|(count, _)| (count, headroom(0, count))), expected);
        for _ in 0..80 {
            load.on_accepted(at(100));
        }
        assert_eq!(load.headroom(at(100), half_open(0)), 8, "80 of 160 calls a second");
        assert_eq!(load.headroom(at(100), half_open(48)), 4);
        assert_eq!(load.headroom(at(3000), half_open(0)), 16);
    }

    #[test]
    fn always_and_never_do_not_look() {
        let full = HalfOpen { count: 8, limit: 8 };
        assert!(Load::new(CookieMode::Always, 1000).on_init(at(0), IDLE));
        assert!(!Load::new(CookieMode::Never, 0).on_init(at(0), full));
    }
}
