//! Numbers left out on purpose, to catch a peer that acknowledges what it never received.
//! Source: RFC 9000 section 21.4.
//!
//! A peer that acknowledges ahead makes a sender push faster than the path can carry, against
//! third parties. It cannot know which numbers were skipped, so it acknowledges one of them
//! within a window or so, and is caught.

use core::num::NonZeroU64;
use core::ops::RangeInclusive;

/// How many skipped numbers are remembered. They lie about one congestion window apart, so these
/// reach further back than any acknowledgement that could still help a cheat.
pub const MAX_SKIPPED: usize = 8;

/// Congestion windows are taken as at least this many packets, so that small ones do not waste a
/// large share of the numbers (each skip costs the peer an early acknowledgement).
const MIN_WINDOW_PACKETS: u64 = 16;

/// Says which packet numbers to leave out, and recognises them when acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkipPolicy {
    skip_at: u64,
    /// Number 0 is never left out: it is FINISH.
    skipped: [Option<NonZeroU64>; MAX_SKIPPED],
}

impl SkipPolicy {
    /// A policy for numbers from zero; `random` is uniform and secret.
    #[must_use]
    pub fn new(random: u32) -> Self {
        Self { skip_at: distance(MIN_WINDOW_PACKETS, random), skipped: [None; MAX_SKIPPED] }
    }

    /// Whether `packet_number`, the next to be used, should be left out; if so, call
    /// [`Self::on_skip`] and use the one after.
    #[must_use]
    pub fn is_due(&self, packet_number: u64) -> bool {
        packet_number >= self.skip_at
    }

    /// `packet_number` is left out, with a congestion window of `window_packets`. The next skip
    /// is drawn from `random`: once in a window, on average.
    pub fn on_skip(&mut self, packet_number: u64, window_packets: u64, random: u32) {
        self.skipped.rotate_right(1);
        if let Some(newest) = self.skipped.first_mut() {
            *newest = NonZeroU64::new(packet_number);
        }
        let window = window_packets.max(MIN_WINDOW_PACKETS);
        self.skip_at = packet_number.saturating_add(distance(window, random));
    }

    /// Whether an acknowledged range holds a number that was never sent: the peer is cheating.
    #[must_use]
    pub fn is_forged(&self, acked: RangeInclusive<u64>) -> bool {
        self.skipped.iter().flatten().any(|number| acked.contains(&number.get()))
    }

    /// Whether `packet_number` is one of those remembered as left out.
    #[must_use]
    pub fn is_skipped(&self, packet_number: u64) -> bool {
        self.is_forged(packet_number..=packet_number)
    }
}

/// A uniform distance of 1 to twice the window, so one window on average.
fn distance(window_packets: u64, random: u32) -> u64 {
    let span = window_packets.min(u64::from(u32::MAX)).saturating_mul(2);
    // span < 2^33 and random < 2^32, so the product saturates only where the window is absurd.
    (span.saturating_mul(u64::from(random)) >> 32).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xorshift(state: &mut u32) -> u32 {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        *state
    }

    // Spec: R-6.5-8.
    #[test]
    fn about_one_number_in_a_window_is_skipped() {
        let mut seed = 7;
        let mut policy = SkipPolicy::new(xorshift(&mut seed));
        let mut skips = 0;
        for number in 0..100_000 {
            if policy.is_due(number) {
                policy.on_skip(number, 50, xorshift(&mut seed));
                skips += 1;
            }
        }
        assert!((1900..2100).contains(&skips), "{skips} skips in 2000 windows");
    }

    // Spec: R-6.5-7.
    #[test]
    fn acknowledging_a_skipped_number_is_detected_and_honest_ranges_are_not() {
        let mut policy = SkipPolicy::new(1);
        policy.on_skip(40, 50, 0);
        policy.on_skip(90, 50, 0);
        assert!(policy.is_forged(0..=60));
        assert!(policy.is_forged(90..=90));
        assert!(policy.is_skipped(40));
        assert!(!policy.is_forged(41..=89));
        assert!(!policy.is_forged(0..=39));
    }

    // Spec: R-6.5-8.
    #[test]
    fn only_the_newest_are_remembered() {
        let mut policy = SkipPolicy::new(1);
        for number in 0..=MAX_SKIPPED as u64 {
            policy.on_skip(number * 10, 16, 0);
        }
        assert!(!policy.is_skipped(0));
        assert!(policy.is_skipped(10));
    }

    #[test]
    fn absurd_windows_and_numbers_do_not_overflow() {
        let mut policy = SkipPolicy::new(u32::MAX);
        policy.on_skip(u64::MAX, u64::MAX, u32::MAX);
        assert!(policy.is_due(u64::MAX));
        assert!(policy.is_skipped(u64::MAX));
    }
}
