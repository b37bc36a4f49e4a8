//! [`Trial`]: one run in the laboratory, done again if the wire itself was late.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::{Carried, Errand, FAR, Nature, Profile, Setup, near_address};
use serde_json::{Value, json};

/// A run of which the wire was late is done again so often.
const ATTEMPTS: usize = 3;
/// No run is done again after this, unless an experiment says otherwise: on a busy machine the
/// wires may be late for ever.
const LIMIT: Duration = Duration::from_secs(12 * 60);

/// One run: `traffic serve` on the far host, `traffic` on each near one.
#[derive(Clone, Debug)]
pub(crate) struct Trial {
    pub(crate) setup: Setup,
    /// SST's congestion control: `tolerant`, `cubic`, `reno`.
    pub(crate) algorithm: &'static str,
    /// The congestion control of the far host's TCP towards the second near host; none to leave it
    /// what it is towards all.
    pub(crate) second_tcp: &'static str,
    /// What each near host asks for: `bulk sst --bytes 1000`.
    pub(crate) near: Vec<String>,
}

/// How it ended.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// What each near host said.
    pub(crate) said: Vec<Value>,
    pub(crate) down: Carried,
    pub(crate) up: Carried,
    /// Every attempt was late: to be taken with care.
    pub(crate) is_late: bool,
}

impl Trial {
    /// On a wire of the laboratory by name, with changes both ways.
    pub(crate) fn on(profile: &str, words: &str, near: &[&str]) -> Result<Self, String> {
        let profile = Profile::named(profile).ok_or_else(|| format!("no wire {profile}"))?;
        let (mut down, mut up) = profile.natures().map_err(|error| error.to_string())?;
        for nature in [&mut down, &mut up] {
            nature.set(words).map_err(|error| error.to_string())?;
        }
        Ok(Self::between(down, up, near))
    }

    pub(crate) fn between(down: Nature, up: Nature, near: &[&str]) -> Self {
        let setup = Setup { timeout: Duration::from_secs(300), ..Setup::new(down, up) };
        let near = near.iter().map(|words| (*words).to_owned()).collect();
        Self { setup, algorithm: "tolerant", second_tcp: "", near }
    }

    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.setup.seed = seed;
        self
    }

    /// What the far host does first.
    fn second_route(&self) -> String {
        if self.second_tcp.is_empty() {
            return String::new();
        }
        let (second, tcp) = (near_address(1), self.second_tcp);
        format!("ip route replace {second}/32 dev wire0 src {FAR} congctl {tcp} &&")
    }

    fn run_once(&self) -> Result<Outcome, String> {
        let traffic = traffic()?.display().to_string();
        let algorithm = self.algorithm;
        let route = self.second_route();
        let far = format!("{route} exec {traffic} serve --address {FAR} --algorithm {algorithm}");
        let errand = |words: &String| {
            // The words are the verb and the protocol, what the server said, and options.
            let mut words = words.splitn(3, ' ');
            let mut next = || words.next().unwrap_or_default();
            let (verb, protocol, options) = (next(), next(), next());
            let command = format!("exec {traffic} {verb} {protocol} \"$FAR\" {options}");
            Errand { command, after: Duration::ZERO }
        };
        let errands: Vec<_> = self.near.iter().map(errand).collect();
        let report = self.setup.run(&far, &errands, false).map_err(|error| error.to_string())?;
        let mut said = Vec::new();
        for (done, words) in report.near.iter().zip(&self.near) {
            let value = serde_json::from_str(&done.output);
            said.push(value.map_err(|_| format!("`{words}` failed: {}", done.output))?);
        }
        let (down, up) = (report.down, report.up);
        Ok(Outcome { said, down, up, is_late: down.is_late() || up.is_late() })
    }
}

impl Outcome {
    /// As a line of data, what was asked for beside it.
    pub(crate) fn row(&self, case: &str, who: &str, trial: &Trial) -> Value {
        let carried = |carried: &Carried| {
            serde_json::from_str::<Value>(&carried.json()).unwrap_or(Value::Null)
        };
        json!({
            "case": case, "who": who, "seed": trial.setup.seed, "late": self.is_late,
            "said": self.said, "down": carried(&self.down), "up": carried(&self.up),
        })
    }

    /// A number the only near host said.
    pub(crate) fn number(&self, name: &str) -> Result<f64, String> {
        let said = self.said.first().and_then(|said| said.get(name)).and_then(Value::as_f64);
        said.ok_or_else(|| format!("nothing was said about `{name}`"))
    }

    /// Numbers it said.
    pub(crate) fn numbers(&self, name: &str) -> Vec<f64> {
        let said = self.said.first().and_then(|said| said.get(name)).and_then(Value::as_array);
        said.into_iter().flatten().filter_map(Value::as_f64).collect()
    }
}

/// Runs all of them, so many at once: on slow wires they mostly wait.
pub(crate) fn run_all(trials: &[Trial], at_once: usize) -> Result<Vec<Outcome>, String> {
    run_within(trials, at_once, LIMIT).into_iter().collect()
}

/// Runs each of them once, so many at once; then again those of which the wire was late, as long
/// as there is time: none begins after `limit`.
pub(crate) fn run_within(
    trials: &[Trial],
    at_once: usize,
    limit: Duration,
) -> Vec<Result<Outcome, String>> {
    let began = Instant::now();
    let mut outcomes = in_turn(trials, at_once, Trial::run_once);
    for _ in 1..ATTEMPTS {
        let is_late = |outcome: &Result<Outcome, String>| outcome.as_ref().is_ok_and(|o| o.is_late);
        let late: Vec<usize> = (0..trials.len()).filter(|at| is_late(&outcomes[*at])).collect();
        let again = in_turn(&late, at_once, |at| {
            let is_time = began.elapsed() < limit;
            is_time.then(|| trials[*at].run_once())
        });
        for (at, outcome) in late.into_iter().zip(again) {
            if let Some(Ok(outcome)) = outcome.filter(|outcome| !is_late(outcome)) {
                outcomes[at] = Ok(outcome);
            }
        }
    }
    outcomes
}

/// What comes of each, in their order, so many at once.
fn in_turn<T: Sync, R: Send>(all: &[T], at_once: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..at_once.min(all.len()) {
            scope.spawn(|| {
                while let index = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(one) = all.get(index)
                {
                    let result = work(one);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// The value in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The least value that so large a share of them does not exceed.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}

/// The program the hosts run, built beside this one.
fn traffic() -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let path = own.with_file_name("traffic");
    if path.exists() { Ok(path) } else { Err(format!("{} is not built", path.display())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_what_they_are_of() {
        let all: Vec<u64> = (0..20).collect();
        let slower_first = |one: &u64| {
            thread::sleep(Duration::from_micros(100 * (20 - one)));
            one * 2
        };
        let doubled: Vec<u64> = all.iter().map(|one| one * 2).collect();
        assert_eq!(in_turn(&all, 3, slower_first), doubled);
        assert!(in_turn(&[] as &[u64], 3, slower_first).is_empty());
    }

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values = [3.0, 1.0, 2.0, 5.0, 4.0];
        assert_eq!([0.5, 0.9, 0.2].map(|share| quantile(&values, share)), [3.0, 5.0, 1.0]);
        assert!(median(&[]).is_nan());
    }
}
