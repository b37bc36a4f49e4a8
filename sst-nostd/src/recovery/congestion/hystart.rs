//! HyStart++: leaves slow start when the round-trip time rises, before the queue overflows.
//! Source: RFC 9406.

use crate::time::{Duration, micros};

use super::Acked;

/// The least rise of the round-trip time that means a queue (RFC 9406 section 4.3).
const MIN_RISE_MICROS: u32 = 4_000;
/// The rise that always means a queue.
const MAX_RISE_MICROS: u32 = 16_000;
/// Between the two, the rise is this part of the round-trip time.
const RISE_DIVISOR: u32 = 8;
/// Samples needed in a round before it is judged.
const ROUND_SAMPLES: u32 = 8;
/// Growth is this much slower while not sure.
const CONSERVATIVE_DIVISOR: u64 = 4;
/// Rounds of slower growth before slow start ends.
const CONSERVATIVE_ROUNDS: u32 = 5;

/// Watches slow start, one round trip at a time.
#[derive(Clone, Copy, Debug)]
pub struct HyStart {
    /// The round ends when this packet number is acknowledged.
    round_end: Option<u64>,
    last_min_micros: Option<u32>,
    current_min_micros: Option<u32>,
    samples: u32,
    conservative: Option<Conservative>,
}

/// Slow start slowed down: either the rise was noise, or it ends after some rounds.
#[derive(Clone, Copy, Debug)]
struct Conservative {
    baseline_micros: u32,
    rounds: u32,
}

impl HyStart {
    /// A watch at the beginning of slow start.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            round_end: None,
            last_min_micros: None,
            current_min_micros: None,
            samples: 0,
            conservative: None,
        }
    }

    /// Packets were acknowledged in slow start. Returns whether slow start must end.
    pub fn on_acked(&mut self, acked: &Acked<'_>) -> bool {
        if let Some(sample) = acked.rtt_sample {
            self.on_sample(sample);
        }
        // No window of packets has no end: the first acknowledgement begins the first round.
        let Some(round_end) = self.round_end else {
            self.round_end = Some(acked.next_packet_number);
            return false;
        };
        if acked.largest_acked < round_end {
            return false;
        }
        self.on_round(acked.next_packet_number)
    }

    /// How much the window grows for `acked_bytes` acknowledged.
    #[must_use]
    pub fn growth_bytes(&self, acked_bytes: u64) -> u64 {
        if self.is_conservative() { acked_bytes / CONSERVATIVE_DIVISOR } else { acked_bytes }
    }

    /// Whether a rise was seen and growth is slowed.
    #[must_use]
    pub fn is_conservative(&self) -> bool {
        self.conservative.is_some()
    }

    fn on_sample(&mut self, sample: Duration) {
        // A sample is at most a minute.
        let sample = u32::try_from(micros(sample)).unwrap_or(u32::MAX);
        let current = self.current_min_micros.map_or(sample, |least| least.min(sample));
        self.current_min_micros = Some(current);
        self.samples = self.samples.saturating_add(1);
        if self.samples < ROUND_SAMPLES {
            return;
        }
        match (self.conservative, self.last_min_micros) {
            (Some(conservative), _) if current < conservative.baseline_micros => {
                self.conservative = None;
            }
            (None, Some(last)) if current >= last.saturating_add(rise(last)) => {
                self.conservative = Some(Conservative { baseline_micros: current, rounds: 0 });
            }
            _ => {}
        }
    }

    fn on_round(&mut self, next_packet_number: u64) -> bool {
        self.round_end = Some(next_packet_number);
        self.last_min_micros = self.current_min_micros.take().or(self.last_min_micros);
        self.samples = 0;
        let Some(conservative) = &mut self.conservative else { return false };
        conservative.rounds = conservative.rounds.saturating_add(1);
        conservative.rounds >= CONSERVATIVE_ROUNDS
    }
}

impl Default for HyStart {
    fn default() -> Self {
        Self::new()
    }
}

fn rise(last_min_micros: u32) -> u32 {
    (last_min_micros / RISE_DIVISOR).clamp(MIN_RISE_MICROS, MAX_RISE_MICROS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recovery::rtt::Rtt;
    use crate::time::Instant;

    /// Plays one round of ten packets, all with the same round-trip time.
    fn round(hystart: &mut HyStart, number: u64, millis: u64) -> bool {
        let rtt = Rtt::new(Duration::from_millis(millis));
        (0..10).any(|packet| {
            hystart.on_acked(&Acked {
                now: Instant::ZERO,
                sent_at: Instant::ZERO,
                bytes: 1200,
                in_flight_before: 12_000,
                app_limited: false,
                rtt: &rtt,
                rtt_sample: Some(Duration::from_millis(millis)),
                largest_acked: number * 10 + packet,
                next_packet_number: number * 10 + packet + 10,
            })
        })
    }

    #[test]
    fn a_lasting_rise_ends_slow_start_after_five_slower_rounds() {
        let mut hystart = HyStart::new();
        for number in 0..4 {
            assert!(!round(&mut hystart, number, 40));
        }
        assert!(!round(&mut hystart, 4, 46));
        assert!(hystart.is_conservative());
        assert_eq!(hystart.growth_bytes(4000), 1000);
        let ended = (5..20).find(|&number| round(&mut hystart, number, 50));
        assert!(ended.is_some_and(|number| (9..=10).contains(&number)), "{ended:?}");
    }

    #[test]
    fn a_rise_below_the_threshold_is_noise() {
        let mut hystart = HyStart::new();
        for number in 0..20 {
            assert!(!round(&mut hystart, number, if number % 2 == 0 { 40 } else { 44 }));
            assert!(!hystart.is_conservative());
        }
    }

    #[test]
    fn a_rise_that_goes_away_resumes_slow_start() {
        let mut hystart = HyStart::new();
        round(&mut hystart, 0, 40);
        round(&mut hystart, 1, 40);
        round(&mut hystart, 2, 60);
        assert!(hystart.is_conservative());
        round(&mut hystart, 3, 40);
        assert!(!hystart.is_conservative());
        assert_eq!(hystart.growth_bytes(4000), 4000);
    }

    #[test]
    fn long_paths_tolerate_no_more_than_sixteen_milliseconds() {
        assert_eq!(rise(10_000), 4_000);
        assert_eq!(rise(80_000), 10_000);
        assert_eq!(rise(600_000), 16_000);
        assert_eq!(rise(u32::MAX), 16_000);
    }
}
