//! Whether a path has a queue now, and whether one could be seen: from round-trip times.

use crate::time::micros;

use super::Acked;

/// A rise of the round-trip time beyond this may be a full queue. It is below
/// [`SHOWN_RISE_MICROS`]: a queue that can show such a rise shows this one when it overflows.
const MAX_RISE_MICROS: u32 = 4_000;
/// Or beyond this part of the round-trip time.
const RISE_DIVISOR: u32 = 8;
/// On paths shorter than this every loss counts.
const MIN_PATH_MICROS: u32 = 5_000;
/// Samples without which a round is not judged.
const ROUND_SAMPLES: u32 = 4;
/// So many samples before a loss tell whether there was a queue. More would reach back to when it
/// was not full yet: on a long path a window may grow by a whole queue in one round trip.
const LATEST_SAMPLES: usize = 4;
/// A path has shown a queue when no packet of a round trip took less than this beyond the least:
/// what CoDel lets a queue stand (RFC 8289 section 4.4), so that its drops count.
const SHOWN_RISE_MICROS: u32 = 5_000;
/// For how many round trips a path that has shown a queue is believed to have one as long.
const SHOWN_ROUNDS: u32 = 256;

/// The latest round-trip times and the least of each round, beside the least of all. [`UNKNOWN`]
/// before the first sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueWatch {
    /// The round ends when this packet number is acknowledged.
    round_end: u64,
    /// The newest last.
    latest_micros: [u32; LATEST_SAMPLES],
    round_min_micros: u32,
    last_round_min_micros: u32,
    samples: u32,
    path_micros: u32,
    /// Rounds since the last that showed a queue; [`UNKNOWN`] if there was none.
    rounds_since_shown: u32,
}

/// Longer than any sample.
const UNKNOWN: u32 = u32::MAX;

impl QueueWatch {
    pub(super) const fn new() -> Self {
        Self {
            round_end: 0,
            latest_micros: [UNKNOWN; LATEST_SAMPLES],
            round_min_micros: UNKNOWN,
            last_round_min_micros: UNKNOWN,
            samples: 0,
            path_micros: UNKNOWN,
            rounds_since_shown: UNKNOWN,
        }
    }

    pub(super) fn on_acked(&mut self, acked: &Acked<'_>) {
        self.path_micros = narrow(micros(acked.rtt.min()));
        if let Some(sample) = acked.rtt_sample {
            let sample = narrow(micros(sample));
            let [_, a, b, c] = self.latest_micros;
            self.latest_micros = [a, b, c, sample];
            self.round_min_micros = self.round_min_micros.min(sample);
            self.samples = self.samples.saturating_add(1);
        }
        if acked.largest_acked >= self.round_end {
            self.round_end = acked.next_packet_number;
            self.on_round();
        }
    }

    fn on_round(&mut self) {
        let shown_micros = self.path_micros.saturating_add(SHOWN_RISE_MICROS);
        let shows = self.samples >= ROUND_SAMPLES && self.round_min_micros >= shown_micros;
        self.rounds_since_shown = if shows { 0 } else { self.rounds_since_shown.saturating_add(1) };
        if self.samples > 0 {
            self.last_round_min_micros = self.round_min_micros;
        }
        self.round_min_micros = UNKNOWN;
        self.samples = 0;
    }

    /// Whether the path has lately shown that its queue can be seen.
    pub(super) const fn has_shown(&self) -> bool {
        self.rounds_since_shown < SHOWN_ROUNDS
    }

    /// Whether some of the latest packets met no queue.
    pub(super) fn is_empty_now(&self) -> bool {
        let is_known = self.latest_micros.first().is_some_and(|oldest| *oldest != UNKNOWN);
        is_known && self.is_near_least(self.latest_micros.iter().copied().fold(UNKNOWN, u32::min))
    }

    /// Whether any packet of this round met no queue; of the last one, if this has just begun.
    pub(super) fn was_empty_this_round(&self) -> bool {
        let is_judged = self.samples >= ROUND_SAMPLES;
        let least = if is_judged { self.round_min_micros } else { self.last_round_min_micros };
        self.is_near_least(least)
    }

    fn is_near_least(&self, micros: u32) -> bool {
        let rise = (self.path_micros / RISE_DIVISOR).min(MAX_RISE_MICROS);
        let most = self.path_micros.saturating_add(rise);
        micros != UNKNOWN && self.path_micros >= MIN_PATH_MICROS && micros <= most
    }
}

pub(super) fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
