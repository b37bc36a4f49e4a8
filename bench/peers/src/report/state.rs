//! The states a machine was in: measurements are compared within one.

use super::spread::{Spread, shown};
use crate::contest::Sample;

/// How far apart two neighbouring probes are where one state ends and another begins.
const GAP: f64 = 1.4;
/// So large a part of the probes at least makes a state; less is an accident.
const MIN_PART: f64 = 0.1;
const MIN_PROBES: usize = 3;

/// Where the host has put the two cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Near,
    Far,
    /// There was only one.
    Only,
}

/// Samples by state.
pub(crate) struct Sorted<'a> {
    pub(crate) states: Vec<(State, Vec<&'a Sample>)>,
    /// Those during which it flipped.
    dropped: usize,
}

/// Sorts them by their probes.
pub(crate) fn sort(samples: &[Sample]) -> Sorted<'_> {
    let probes = samples.iter().flat_map(|sample| sample.probes_us).collect();
    let Some(border) = border(probes) else {
        let all = samples.iter().collect::<Vec<_>>();
        let states = if all.is_empty() { Vec::new() } else { vec![(State::Only, all)] };
        return Sorted { states, dropped: 0 };
    };
    let of = |state: State| {
        let is_there = |probe: f64| (probe < border) == (state == State::Near);
        let there = samples.iter().filter(|sample| sample.probes_us.iter().all(|&p| is_there(p)));
        (state, there.collect::<Vec<_>>())
    };
    let mut states = vec![of(State::Near), of(State::Far)];
    states.retain(|(_, samples)| !samples.is_empty());
    let kept: usize = states.iter().map(|(_, samples)| samples.len()).sum();
    Sorted { states, dropped: samples.len() - kept }
}

/// Between the states, if there are two: in the widest gap with enough on both sides.
fn border(mut probes: Vec<f64>) -> Option<f64> {
    probes.sort_by(f64::total_cmp);
    let least = ((probes.len() as f64 * MIN_PART) as usize).max(MIN_PROBES);
    let pairs = probes.windows(2).enumerate();
    let enough = pairs.filter(|(at, _)| at + 1 >= least && probes.len() - at > least);
    let gaps = enough.map(|(_, pair)| (pair[1] / pair[0], (pair[0] * pair[1]).sqrt()));
    let (gap, middle) = gaps.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (gap >= GAP).then_some(middle)
}

impl Sorted<'_> {
    /// A sentence about the states.
    pub(crate) fn describe(&self) -> String {
        let mut parts = Vec::new();
        for (state, samples) in &self.states {
            let probes = samples.iter().flat_map(|sample| sample.probes_us);
            if let Some(Spread { median, min, max, .. }) = Spread::of(probes) {
                let name = state.text();
                let [median, min, max] = [median, min, max].map(shown);
                parts.push(format!("{name}, {median} µs ({min}–{max})"));
            }
        }
        let dropped = match self.dropped {
            0 => String::new(),
            dropped => format!(" {dropped} measurements during which it changed are left out."),
        };
        format!(
            "State of the machine, by a spinning UDP round trip: {}.{dropped}",
            parts.join("; ")
        )
    }
}

impl State {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Far => "far",
            Self::Only => "the same throughout",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Cipher, Figures, Peer, Task, Work};

    fn sample(probes_us: [f64; 2]) -> Sample {
        let task = Task { peer: Peer::Sst, cipher: Cipher::Aes256, work: Work::Bulk, count: 1 };
        Sample { task, round: 0, probes_us, figures: Figures::new() }
    }

    #[test]
    fn two_clusters_are_two_states_and_a_flip_is_dropped() {
        let mut samples = vec![sample([1.6, 1.7]), sample([1.6, 1.6]), sample([3.8, 3.9])];
        samples.push(sample([1.7, 3.8]));
        let sorted = sort(&samples);
        let sizes: Vec<_> = sorted.states.iter().map(|(state, s)| (*state, s.len())).collect();
        assert_eq!(sizes, [(State::Near, 2), (State::Far, 1)]);
        assert_eq!(sorted.dropped, 1);
        assert!(sorted.describe().contains("1 measurements"), "{}", sorted.describe());
    }

    #[test]
    fn noise_and_a_single_accident_are_one_state() {
        let mut samples: Vec<_> = (0..20).map(|n| sample([1.6 + f64::from(n) / 50.0; 2])).collect();
        samples.push(sample([1.6, 9.0]));
        let sorted = sort(&samples);
        assert_eq!(sorted.states.len(), 1);
        assert_eq!((sorted.states[0].0, sorted.states[0].1.len()), (State::Only, 21));
        assert!(sort(&[]).states.is_empty());
    }
}
