//! CUBIC: after a loss the window returns quickly to where the loss was, lingers there, then
//! looks beyond. Source: RFC 9438.

use crate::time::{Duration, Instant, micros};

use super::episode::Episode;
use super::hystart::HyStart;
use super::{
    Acked, Congestion, Controller, MAX_WINDOW_BYTES, initial_window_bytes, is_window_unused,
    min_window_bytes, reduced_window_bytes,
};

/// Beta: the window kept at a loss, in tenths (RFC 9438 section 4.6).
const BETA_TENTHS: u64 = 7;
/// The growth per round trip, in packets, that makes Reno with our beta take as much as Reno with
/// one half: 3 * (1 - beta) / (1 + beta) = 9 / 17 (RFC 9438 section 4.3).
const RENO_ALPHA: (u64, u64) = (9, 17);
/// C = 0.4 packets per second cubed is 2 packets per 5 * 10^9 ms cubed (RFC 9438 section 5.1).
const C: (u64, u64) = (2, 5_000_000_000);

/// The CUBIC controller.
#[derive(Clone, Copy, Debug)]
pub struct Cubic {
    window: Window,
    mtu_bytes: u64,
    epoch: Option<Epoch>,
    episode: Episode<Window>,
    hystart: HyStart,
    /// Since when the window was not filled; that time does not count toward growth.
    unused_since: Option<Instant>,
    last_acked_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    bytes: u64,
    threshold: u64,
    /// The window at the last reduction (W_max); 0 if there was none.
    max_bytes: u64,
    /// The window just before the last reduction (cwnd_prior).
    prior_bytes: u64,
}

/// One stretch of congestion avoidance.
#[derive(Clone, Copy, Debug)]
struct Epoch {
    began_at: Instant,
    curve: Curve,
    reno: Share,
    cubic: Share,
    /// What Reno would have by now (W_est).
    reno_bytes: u64,
}

impl Cubic {
    /// A controller for packets of at most `mtu_bytes`.
    #[must_use]
    pub fn new(mtu_bytes: u64) -> Self {
        let mtu_bytes = mtu_bytes.clamp(1, MAX_WINDOW_BYTES / 16);
        let bytes = initial_window_bytes(mtu_bytes);
        Self {
            window: Window { bytes, threshold: u64::MAX, max_bytes: 0, prior_bytes: 0 },
            mtu_bytes,
            epoch: None,
            episode: Episode::new(),
            hystart: HyStart::new(),
            unused_since: None,
            last_acked_at: None,
        }
    }

    fn on_avoidance_acked(&mut self, acked: &Acked<'_>) {
        let window = self.window.bytes.max(1);
        let mtu = self.mtu_bytes;
        let mut epoch = self.epoch.unwrap_or_else(|| Epoch::new(acked.now, &self.window, mtu));
        epoch.began_at = epoch.began_at.min(acked.now);
        let elapsed = acked.now.since(epoch.began_at);

        // Having reached the old window, Reno would grow as itself again (RFC 9438 section 4.3).
        let (num, den) =
            if epoch.reno_bytes < self.window.prior_bytes { RENO_ALPHA } else { (1, 1) };
        let growth = epoch.reno.take(mtu.saturating_mul(num), acked.bytes, window * den);
        epoch.reno_bytes = epoch.reno_bytes.saturating_add(growth).min(MAX_WINDOW_BYTES);

        if epoch.curve.window_bytes(elapsed) < epoch.reno_bytes {
            self.window.bytes = window.max(epoch.reno_bytes);
        } else {
            let ahead = elapsed.saturating_add(acked.rtt.smoothed());
            let most = window.saturating_add(window / 2);
            let target = epoch.curve.window_bytes(ahead).clamp(window, most);
            let growth = epoch.cubic.take(target.saturating_sub(window), acked.bytes, window);
            self.window.bytes = window.saturating_add(growth).min(MAX_WINDOW_BYTES);
        }
        self.epoch = Some(epoch);
    }

    fn reduce(&mut self) {
        let bytes = self.window.bytes;
        // Fast convergence: a window smaller than the last time means someone new wants a share
        // (RFC 9438 section 4.7). (1 + beta) / 2 is 17 / 20.
        let max_bytes =
            if bytes < self.window.max_bytes { bytes.saturating_mul(17) / 20 } else { bytes };
        let reduced = reduced_window_bytes(bytes.saturating_mul(BETA_TENTHS) / 10, self.mtu_bytes);
        self.window = Window { bytes: reduced, threshold: reduced, max_bytes, prior_bytes: bytes };
        self.epoch = None;
        self.unused_since = None;
    }

    /// Ends a time in which the window was not filled, as if it had not passed.
    fn on_window_used(&mut self, now: Instant) {
        if let (Some(since), Some(epoch)) = (self.unused_since.take(), &mut self.epoch) {
            epoch.began_at = epoch.began_at.after(now.since(since)).min(now);
        }
    }
}

impl Controller for Cubic {
    fn on_sent(&mut self, now: Instant, _bytes: u64, in_flight: u64) {
        if in_flight == 0 && self.unused_since.is_none() {
            self.unused_since = Some(self.last_acked_at.unwrap_or(now).min(now));
        }
    }

    fn on_acked(&mut self, acked: &Acked<'_>) {
        self.last_acked_at = Some(acked.now);
        self.episode.on_time(acked.now);
        if self.is_slow_start() && self.hystart.on_acked(acked) {
            self.window.threshold = self.window.bytes;
            self.window.max_bytes = self.window.bytes;
        }
        if is_window_unused(acked, self.window.bytes) {
            self.unused_since.get_or_insert(acked.now);
            return;
        }
        self.on_window_used(acked.now);
        if self.episode.covers(acked.sent_at) {
            return;
        }
        if self.is_slow_start() {
            let growth = self.hystart.growth_bytes(acked.bytes);
            self.window.bytes = self.window.bytes.saturating_add(growth).min(MAX_WINDOW_BYTES);
        } else {
            self.on_avoidance_acked(acked);
        }
    }

    fn on_congestion(&mut self, congestion: &Congestion) {
        if self.episode.begins(congestion, self.window) {
            self.reduce();
        }
        if congestion.persistent {
            self.window.bytes = min_window_bytes(self.mtu_bytes);
            self.epoch = None;
            self.episode.clear();
            self.hystart = HyStart::new();
        }
    }

    fn on_spurious_loss(&mut self, _now: Instant, sent_at: Instant) {
        if let Some(before) = self.episode.undo(sent_at) {
            let bytes = self.window.bytes.max(before.bytes);
            self.window = Window { bytes, ..before };
            // A new epoch begins at the restored window, on a plateau unless it was lower than
            // the last reduction.
            self.epoch = None;
        }
    }

    fn on_mtu(&mut self, mtu_bytes: u64) {
        self.mtu_bytes = mtu_bytes.clamp(1, MAX_WINDOW_BYTES / 16);
        self.window.bytes = self.window.bytes.max(min_window_bytes(self.mtu_bytes));
        self.epoch = None;
    }

    fn window_bytes(&self) -> u64 {
        self.window.bytes
    }

    fn slow_start_threshold(&self) -> u64 {
        self.window.threshold
    }

    fn name(&self) -> &'static str {
        "cubic"
    }
}

impl Epoch {
    fn new(now: Instant, window: &Window, mtu_bytes: u64) -> Self {
        Self {
            began_at: now,
            curve: Curve::new(window.bytes, window.max_bytes, mtu_bytes),
            reno: Share::default(),
            cubic: Share::default(),
            reno_bytes: window.bytes,
        }
    }
}

/// W(t) = C * (t - K)^3 + W_max (RFC 9438 section 4.2), in bytes and milliseconds.
#[derive(Clone, Copy, Debug)]
struct Curve {
    max_bytes: u64,
    mtu_bytes: u64,
    /// K: when the curve comes back to `max_bytes`.
    plateau_micros: u64,
}

impl Curve {
    /// The curve that starts at `window_bytes`; flat there if that is above `max_bytes`.
    fn new(window_bytes: u64, max_bytes: u64, mtu_bytes: u64) -> Self {
        let deficit = max_bytes.saturating_sub(window_bytes).min(MAX_WINDOW_BYTES);
        let divisor = mtu_bytes.saturating_mul(C.0).max(1);
        // At most 2^30 * 5 * 10^9 < 2^63.
        let cubed = deficit.saturating_mul(C.1).checked_div(divisor).unwrap_or(0);
        Self {
            max_bytes: max_bytes.max(window_bytes),
            mtu_bytes,
            plateau_micros: cube_root(cubed).saturating_mul(1000),
        }
    }

    fn window_bytes(&self, elapsed: Duration) -> u64 {
        let elapsed = micros(elapsed);
        let distance = elapsed.abs_diff(self.plateau_micros) / 1000;
        // Where this saturates the quotient is above MAX_WINDOW_BYTES anyway.
        let scaled = cube(distance).saturating_mul(self.mtu_bytes.saturating_mul(C.0));
        let offset = scaled / C.1;
        let bytes = if elapsed < self.plateau_micros {
            self.max_bytes.saturating_sub(offset)
        } else {
            self.max_bytes.saturating_add(offset)
        };
        bytes.min(MAX_WINDOW_BYTES)
    }
}

/// Grows by `part` for every `whole` bytes acknowledged, and keeps the fraction: a byte lost at
/// each acknowledgement would add up to no growth at all.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    remainder: u64,
}

impl Share {
    fn take(&mut self, part: u64, acked_bytes: u64, whole: u64) -> u64 {
        let sum = part.saturating_mul(acked_bytes.min(MAX_WINDOW_BYTES));
        let sum = sum.saturating_add(self.remainder.min(whole));
        self.remainder = sum.checked_rem(whole).unwrap_or(0);
        sum.checked_div(whole).unwrap_or(0)
    }
}

fn cube(number: u64) -> u64 {
    number.saturating_mul(number).saturating_mul(number)
}

/// The largest number whose cube is at most `number`, one bit at a time from the top.
fn cube_root(number: u64) -> u64 {
    // 2^21 cubed is 2^63; 2^22 cubed does not fit.
    (0..22).rev().fold(0, |root, bit| {
        let candidate = root | (1u64 << bit);
        let fits = candidate
            .checked_mul(candidate)
            .and_then(|square| square.checked_mul(candidate))
            .is_some_and(|cube| cube <= number);
        if fits { candidate } else { root }
    })
}

#[cfg(test)]
mod formula {
    use super::*;

    #[test]
    fn cube_roots_are_exact() {
        for root in [0, 1, 2, 3, 10, 999, 65_535, 2_642_244] {
            assert_eq!(cube_root(cube(root)), root);
            assert_eq!(cube_root(cube(root + 1).saturating_sub(1)), root);
        }
        assert_eq!(cube_root(u64::MAX), 2_642_245);
    }

    // Spec: R-6.7-2.
    #[test]
    fn the_curve_follows_the_formula_within_one_percent() {
        for (max, mtu) in [(100_000u64, 1200u64), (10_000_000, 1452), (500_000_000, 8952)] {
            let start = max * 7 / 10;
            let curve = Curve::new(start, max, mtu);
            let k = ((max - start) as f64 / mtu as f64 / 0.4).cbrt();
            for step in 0..400 {
                let t = k * f64::from(step) / 200.0;
                let wanted = (0.4 * (t - k).powi(3) + max as f64 / mtu as f64) * mtu as f64;
                let found = curve.window_bytes(Duration::from_secs_f64(t)) as f64;
                assert!((found - wanted).abs() <= wanted / 100.0, "{max} {t}: {found} {wanted}");
            }
        }
    }

    #[test]
    fn the_curve_is_flat_where_it_starts_above_its_maximum_and_bounded_for_ever() {
        let curve = Curve::new(50_000, 40_000, 1200);
        assert_eq!(curve.window_bytes(Duration::ZERO), 50_000);
        assert_eq!(curve.window_bytes(Duration::MAX), MAX_WINDOW_BYTES);
        let century = Duration::from_secs(100 * 365 * 86_400);
        assert_eq!(curve.window_bytes(century), MAX_WINDOW_BYTES);
    }

    #[test]
    fn fractions_of_growth_are_not_lost() {
        let mut share = Share::default();
        let grown: u64 = (0..1000).map(|_| share.take(3, 1200, 1_000_000)).sum();
        assert_eq!(grown, 3);
    }
}
