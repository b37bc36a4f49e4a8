//! Whether one work takes longer at a server that is attacked than at one that is not, on a machine
//! that has other things to do too.

use std::time::Duration;

/// No honest client waits longer: then it counts as stopped.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// How many rounds there are at least and at most: noise needs more of them, and a true starvation
/// fails them all.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=9;

/// What is compared: of so many samples each in a round, the one at this quantile.
#[derive(Clone, Copy)]
pub(crate) struct Measure {
    pub(crate) samples: usize,
    pub(crate) quantile: f64,
}

/// Where something is measured, while the attack goes on all the time: the machine has the same
/// load either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum At {
    /// At the server that nobody attacks.
    Quiet,
    /// At the one that is attacked.
    Attacked,
}

/// Fails unless what `work` measures at the attacked server is at most `bar` times what it measures
/// at the quiet one, by all samples of some rounds. Samples alternate: what else the machine does
/// meets both.
pub(crate) fn within(what: &str, bar: f64, measure: Measure, mut work: impl FnMut(At) -> Duration) {
    let (mut quiet, mut attacked) = (Vec::new(), Vec::new());
    for round in 1..=*ROUNDS.end() {
        for _ in 0..measure.samples {
            quiet.push(work(At::Quiet));
            attacked.push(work(At::Attacked));
            // Stopped is not slow: no noise does that twice.
            let stops = attacked.iter().filter(|took| **took == PATIENCE).count();
            assert!(stops < 2, "{what} is stopped");
        }
        let [quiet, attacked] =
            [&mut quiet, &mut attacked].map(|samples| quantile(samples, measure.quantile));
        assert!(quiet < PATIENCE, "{what} is stopped where nobody attacks");
        let ratio = attacked.as_secs_f64() / quiet.as_secs_f64();
        println!("{what}: {attacked:.1?} attacked, {quiet:.1?} quiet, {ratio:.2} times");
        if ROUNDS.contains(&round) && ratio <= bar {
            return;
        }
    }
    panic!("{what} takes longer than {bar} times as where it is quiet");
}

fn quantile(samples: &mut [Duration], at: f64) -> Duration {
    samples.sort_unstable();
    let last = samples.len() - 1;
    samples[(last as f64 * at).round() as usize]
}
