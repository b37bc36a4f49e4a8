//! Spreads packets over the round trip, so that a window does not hit a router all at once.
//! Source: RFC 9002 section 7.7.
//!
//! A bucket of bytes fills at a little more than the window per round trip. It is deep enough
//! that a coarse timer and a segmenting socket can each do much at once.

use crate::recovery::rtt::Rtt;
use crate::time::{Duration, Instant, micros};

/// The least burst in slow start, in packets: what an initial window may be.
const SLOW_START_BURST_PACKETS: u64 = 10;
/// The least burst after it, in packets. Clumps of ten meet a full queue more often than what
/// comes from kernel TCP, and cost a twentieth of its share beside it; with clumps of five or less
/// it is the other way round (docs/experiments/06-fairness.md).
const BURST_PACKETS: u64 = 6;

/// A burst lasts this long at the pacing rate: about twice what timers of common systems miss by.
/// Above 262 Mbit/s it exceeds the 64 KiB of one segmented send.
const BURST_MICROS: u64 = 2_000;

/// Sleeping senders wake when this part of a burst is ready: a timer for each packet would cost
/// more than the packet.
const WAKE_DIVISOR: u64 = 4;

/// Fractional bits of the byte counts, so that slow rates are exact over short times.
const FRACTION_BITS: u32 = 24;

/// The largest window believed; keeps all products within 64 bits.
const MAX_WINDOW_BYTES: u64 = 1 << 32;

/// What the rate follows from.
#[derive(Clone, Copy, Debug)]
pub struct Pace<'a> {
    /// The congestion window.
    pub window_bytes: u64,
    /// Whether the window is in slow start: then the rate is twice the window per round trip,
    /// else five quarters.
    pub slow_start: bool,
    /// The path's round-trip time.
    pub rtt: &'a Rtt,
    /// The largest packet of the path.
    pub mtu_bytes: u64,
}

/// The bucket of one path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pacer {
    /// Bytes that may be sent, with [`FRACTION_BITS`] of fraction.
    filled: u64,
    /// When `filled` was true; `None` is a bucket full since ever.
    filled_at: Option<Instant>,
}

/// How fast the bucket fills, and how far.
#[derive(Clone, Copy)]
struct Rate {
    /// In bytes per microsecond with [`FRACTION_BITS`] of fraction; never zero.
    fixed_per_micro: u64,
    /// The depth of the bucket.
    burst_bytes: u64,
}

impl Pacer {
    /// A full bucket.
    #[must_use]
    pub const fn new() -> Self {
        Self { filled: 0, filled_at: None }
    }

    /// `bytes` were sent, paced or not.
    pub fn on_sent(&mut self, now: Instant, bytes: u64, pace: &Pace<'_>) {
        let filled = match self.filled_already(now) {
            Some(filled) => filled,
            None => self.filled_by(now, pace.rate()),
        };
        self.filled = filled.saturating_sub(to_fixed(bytes));
        self.filled_at = Some(now);
    }

    /// How many bytes may be sent at `now`; if fewer than `bytes`, when those may be.
    ///
    /// Before the first round-trip sample there is no rate to speak of, and everything may go:
    /// the initial window is the limit.
    ///
    /// # Errors
    /// The moment at which to ask again.
    pub fn budget(&self, now: Instant, bytes: u64, pace: &Pace<'_>) -> Result<u64, Instant> {
        if !pace.rtt.has_sample() {
            return Ok(pace.window_bytes);
        }
        if let Some(filled) = self.filled_already(now)
            && filled >= to_fixed(bytes)
        {
            return Ok(filled >> FRACTION_BITS);
        }
        let rate = pace.rate();
        let filled = self.filled_by(now, rate);
        if filled >= to_fixed(bytes.min(rate.burst_bytes)) {
            return Ok(filled >> FRACTION_BITS);
        }
        let wanted = bytes.max(rate.burst_bytes / WAKE_DIVISOR).min(rate.burst_bytes);
        let wait = to_fixed(wanted).saturating_sub(filled).div_ceil(rate.fixed_per_micro);
        Err(now.after(Duration::from_micros(wait)))
    }

    /// What the bucket holds, if that was found out at this very moment: packets of one batch are
    /// spared the divisions.
    fn filled_already(&self, now: Instant) -> Option<u64> {
        (self.filled_at == Some(now)).then_some(self.filled)
    }

    /// What the bucket holds at `now`. Time that runs backward fills nothing, and time that leaps
    /// fills one burst.
    fn filled_by(&self, now: Instant, rate: Rate) -> u64 {
        let burst = to_fixed(rate.burst_bytes);
        let Some(filled_at) = self.filled_at else { return burst };
        let elapsed = micros(now.since(filled_at));
        let gained = elapsed.saturating_mul(rate.fixed_per_micro);
        self.filled.saturating_add(gained).min(burst)
    }
}

impl Pace<'_> {
    fn rate(&self) -> Rate {
        // At most 2^32 * 2 * 2^24 = 2^57.
        let (quarters, burst_packets) =
            if self.slow_start { (8, SLOW_START_BURST_PACKETS) } else { (5, BURST_PACKETS) };
        let per_round_trip = to_fixed(self.window()).saturating_mul(quarters) / 4;
        let round_trip = micros(self.rtt.smoothed()).max(1);
        let fixed_per_micro = per_round_trip.checked_div(round_trip).unwrap_or(0).max(1);
        let by_time = fixed_per_micro.saturating_mul(BURST_MICROS) >> FRACTION_BITS;
        let mtu = self.mtu_bytes.clamp(1, u64::from(u16::MAX));
        let least = mtu.saturating_mul(burst_packets);
        let burst_bytes = by_time.max(least).min(self.window().saturating_mul(2)).max(mtu);
        Rate { fixed_per_micro, burst_bytes }
    }

    fn window(&self) -> u64 {
        self.window_bytes.min(MAX_WINDOW_BYTES)
    }
}

fn to_fixed(bytes: u64) -> u64 {
    bytes.min(MAX_WINDOW_BYTES.saturating_mul(2)) << FRACTION_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rtt(millis: u64) -> Rtt {
        let mut rtt = Rtt::new(Duration::from_millis(millis));
        rtt.on_sample(Duration::from_millis(millis), Duration::ZERO, Duration::ZERO, true);
        rtt
    }

    fn pace(window_bytes: u64, rtt: &Rtt) -> Pace<'_> {
        Pace { window_bytes, slow_start: false, rtt, mtu_bytes: 1200 }
    }

    fn ready_at(pacer: &Pacer, now: Instant, bytes: u64, pace: &Pace<'_>) -> Option<Instant> {
        pacer.budget(now, bytes, pace).err()
    }

    /// What may be sent, be it nothing.
    fn budget(pacer: &Pacer, now: Instant, pace: &Pace<'_>) -> u64 {
        pacer.budget(now, 0, pace).unwrap_or(0)
    }

    /// Sends as fast as the pacer allows for `seconds`, waking `late` after each deadline, and
    /// returns bytes per second, apart from the first burst.
    fn rate(pace: &Pace<'_>, seconds: u64, late: Duration) -> u64 {
        let mut pacer = Pacer::new();
        let (mut now, mut sent) = (Instant::ZERO, 0);
        let end = Instant::ZERO.after(Duration::from_secs(seconds));
        while now < end {
            match ready_at(&pacer, now, 1200, pace) {
                None => {
                    pacer.on_sent(now, 1200, pace);
                    sent += 1200;
                }
                Some(at) => {
                    assert!(at > now);
                    now = at.after(late);
                }
            }
        }
        (sent - pace.rate().burst_bytes) / seconds
    }

    // Spec: R-6.7-6.
    #[test]
    fn the_rate_is_five_quarters_of_the_window_per_round_trip() {
        for (window, millis) in [(12_000, 100), (120_000, 20), (12_500_000, 100), (2400, 1000)] {
            let rtt = rtt(millis);
            for slow_start in [false, true] {
                let pace = Pace { slow_start, ..pace(window, &rtt) };
                let wanted = window * 1000 / millis * if slow_start { 8 } else { 5 } / 4;
                let found = rate(&pace, 20, Duration::ZERO);
                assert!(found.abs_diff(wanted) <= wanted / 20, "{window} {found} {wanted}");
            }
        }
    }

    #[test]
    fn a_timer_a_millisecond_late_does_not_lower_the_rate() {
        for (window, millis) in [(120_000, 20), (12_500_000, 100), (1_000_000, 20)] {
            let rtt = rtt(millis);
            let wanted = window * 1000 / millis * 5 / 4;
            let found = rate(&pace(window, &rtt), 10, Duration::from_millis(1));
            assert!(found.abs_diff(wanted) <= wanted / 20, "{window} {found} {wanted}");
        }
    }

    // Spec: R-6.7-6.
    #[test]
    fn a_fast_path_may_send_sixty_four_kibibytes_at_once() {
        let rtt = rtt(20);
        // 40 MB/s.
        assert!(budget(&Pacer::new(), Instant::ZERO, &pace(800_000, &rtt)) >= 65_536);
        // 600 kB/s: six packets; ten in slow start.
        let slow = pace(12_000, &rtt);
        assert_eq!(budget(&Pacer::new(), Instant::ZERO, &slow), 7200);
        let slow = Pace { slow_start: true, ..slow };
        assert_eq!(budget(&Pacer::new(), Instant::ZERO, &slow), 12_000);
        // Never more than twice the window.
        assert_eq!(budget(&Pacer::new(), Instant::ZERO, &pace(2400, &rtt)), 4800);
    }

    #[test]
    fn nothing_is_paced_before_the_first_sample() {
        let unknown = Rtt::new(Duration::from_millis(250));
        let pace = pace(12_000, &unknown);
        let mut pacer = Pacer::new();
        for _ in 0..10 {
            assert_eq!(ready_at(&pacer, Instant::ZERO, 1200, &pace), None);
            pacer.on_sent(Instant::ZERO, 1200, &pace);
        }
        assert_eq!(budget(&pacer, Instant::ZERO, &pace), 12_000);
    }

    #[test]
    fn packets_larger_than_the_burst_still_go() {
        let rtt = rtt(20);
        let pace = Pace { mtu_bytes: 65_507, ..pace(1, &rtt) };
        assert_eq!(ready_at(&Pacer::new(), Instant::ZERO, 1 << 40, &pace), None);
    }

    // Spec: R-6.6-5, R-6.7-6.
    #[test]
    fn a_leaping_clock_fills_one_burst_and_a_backward_one_nothing() {
        let rtt = rtt(100);
        let pace = pace(120_000, &rtt);
        let century = Instant::ZERO.after(Duration::from_secs(100 * 365 * 86_400));
        let mut pacer = Pacer::new();
        pacer.on_sent(century, 12_000, &pace);
        assert_eq!(budget(&pacer, Instant::ZERO, &pace), 0);
        let at = ready_at(&pacer, Instant::ZERO, 1200, &pace).expect("must wait");
        assert!(at < Instant::ZERO.after(Duration::from_millis(10)), "no wait of a century");
        pacer.on_sent(Instant::ZERO, 1200, &pace);
        assert_eq!(ready_at(&pacer, at, 1200, &pace), None);
        assert_eq!(budget(&pacer, century, &pace), 7200);
    }

    #[test]
    fn absurd_windows_and_round_trips_do_not_overflow() {
        let slow = rtt(1 << 40);
        let fast = rtt(0);
        let end = Instant::from_micros(u64::MAX);
        for rtt in [&slow, &fast] {
            for window in [0, 1, u64::MAX] {
                let mtu_bytes = window;
                let pace = Pace { window_bytes: window, slow_start: true, rtt, mtu_bytes };
                let mut pacer = Pacer::new();
                pacer.on_sent(Instant::ZERO, u64::MAX, &pace);
                assert!(ready_at(&pacer, end, u64::MAX, &pace).is_none_or(|at| at == end));
                pacer.on_sent(end, u64::MAX, &pace);
                let _ = budget(&pacer, end, &pace);
            }
        }
    }
}
