//! Whether one work takes longer than another, on a machine that has other things to do too.

use std::time::Duration;

use crate::scene::PATIENCE;

/// How many verdicts have to be bad before the last is believed.
const ROUNDS: usize = 5;

/// What is compared: of so many samples each, the one at this quantile.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) samples: usize,
    pub(crate) quantile: f64,
}

/// When something is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// While those who attack, and whom they attack, are suspended.
    Alone,
    /// While they are at it.
    Beside,
}

/// Fails unless what `work` measures beside an attack is at most `bar` times what it measures
/// alone, in one round of five. A true starvation fails them all; a machine that was busy with
/// something else for a while does not.
pub(crate) fn within(
    what: &str,
    bar: f64,
    measure: Measure,
    mut work: impl FnMut(When) -> Duration,
) {
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let [alone, beside] = [When::Alone, When::Beside].map(|when| {
            let mut samples = Vec::new();
            // Once it was stopped, it need not be tried many times.
            while samples.len() < measure.samples && samples.last() != Some(&PATIENCE) {
                samples.push(work(when));
            }
            quantile(samples, measure.quantile)
        });
        let ratio = beside.as_secs_f64() / alone.as_secs_f64();
        println!("{what}: {beside:.1?} beside, {alone:.1?} alone, {ratio:.2} times");
        if ratio <= bar && beside < PATIENCE {
            return;
        }
        ratios.push(ratio);
        // Stopped is not slow: no noise does that twice.
        assert!(beside < PATIENCE || ratios.len() < 2, "{what} is stopped");
    }
    panic!("{what} takes longer than {bar} times its time alone: {ratios:.2?}");
}

fn quantile(mut samples: Vec<Duration>, at: f64) -> Duration {
    samples.sort_unstable();
    let last = samples.len() - 1;
    samples[(last as f64 * at).round() as usize]
}
