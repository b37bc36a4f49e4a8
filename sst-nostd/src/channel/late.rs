//! Packets declared lost, remembered so that a late acknowledgement is recognised.

use core::ops::RangeInclusive;

use crate::limits::LOST_RUNS as MAX_RUNS;
use crate::time::Instant;

/// The newest runs of lost packets whose numbers follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct LateWatch {
    runs: [Run; MAX_RUNS],
}

/// Packets lost together; none, if the last is below the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: u64,
    last: u64,
    /// The largest number acknowledged when they were declared lost.
    largest_acked: u64,
    sent_at: Instant,
}

/// A packet that was declared lost too soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LateAck {
    pub(super) number: u64,
    pub(super) largest_acked: u64,
    pub(super) sent_at: Instant,
}

impl Run {
    const NONE: Self = Self { first: 1, last: 0, largest_acked: 0, sent_at: Instant::ZERO };

    const fn is_none(&self) -> bool {
        self.last < self.first
    }
}

impl LateWatch {
    pub(super) const fn new() -> Self {
        Self { runs: [Run::NONE; MAX_RUNS] }
    }

    /// Packet `number` was declared lost when `largest_acked` had been acknowledged.
    pub(super) fn on_lost(&mut self, number: u64, sent_at: Instant, largest_acked: u64) {
        if let Some(newest) = self.runs.first_mut()
            && !newest.is_none()
            && newest.last.checked_add(1) == Some(number)
            && newest.largest_acked == largest_acked
        {
            newest.last = number;
            return;
        }
        self.runs.rotate_right(1);
        if let Some(newest) = self.runs.first_mut() {
            *newest = Run { first: number, last: number, largest_acked, sent_at };
        }
    }

    /// Takes out one packet within an acknowledged range; call it until there is none.
    pub(super) fn take_acked(&mut self, acked: &RangeInclusive<u64>) -> Option<LateAck> {
        for run in &mut self.runs {
            let (first, last) = (run.first.max(*acked.start()), run.last.min(*acked.end()));
            if run.is_none() || first > last {
                continue;
            }
            let Run { largest_acked, sent_at, .. } = *run;
            // From the upper end down where that is acknowledged, else from the lower end up. From
            // the middle, what lies below is forgotten: one run cannot become two.
            let number = if last == run.last { last } else { first };
            if run.first == run.last {
                *run = Run::NONE;
            } else if last == run.last {
                run.last = last.saturating_sub(1);
            } else {
                run.first = first.saturating_add(1);
            }
            return Some(LateAck { number, largest_acked, sent_at });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn take(watch: &mut LateWatch, acked: RangeInclusive<u64>) -> Vec<u64> {
        core::iter::from_fn(|| watch.take_acked(&acked)).map(|late| late.number).collect()
    }

    #[test]
    fn each_lost_packet_is_late_at_most_once() {
        let mut watch = LateWatch::new();
        for number in [1, 2, 3, 5, 6, 9] {
            watch.on_lost(number, Instant::ZERO, 12);
        }
        assert_eq!(take(&mut watch, 0..=1), [1]);
        assert_eq!(take(&mut watch, 0..=2), [2]);
        assert_eq!(take(&mut watch, 5..=9), [9, 6, 5]);
        assert_eq!(take(&mut watch, 0..=20), [3]);
        assert!(take(&mut watch, 0..=20).is_empty());
    }

    #[test]
    fn only_the_newest_runs_are_remembered() {
        let mut watch = LateWatch::new();
        for number in (0..40).step_by(2) {
            watch.on_lost(number, Instant::ZERO, number + 3);
        }
        assert_eq!(take(&mut watch, 0..=100).len(), MAX_RUNS);
    }
}
