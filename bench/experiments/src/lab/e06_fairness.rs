//! SST and the kernel's TCP at one bottleneck for a minute, and ten of a kind.

use std::ops::Range;
use std::time::Duration;

use plot::{Chart, Shape};

use super::trial::{Outcome, Trial, median, run_all, run_within};
use crate::report::{Report, number};

/// 10 Mbit/s and 30 ms, and a queue of as much as is under way. A packet takes 1.2 ms to pass; with
/// less jitter than a few of those, who finds the last place in the queue is not chance but the
/// flows' phase (Floyd and Jacobson, On traffic phase effects in packet-switched gateways, 1992).
const WIRE: &str = "queue=37500B jitter=5ms";
/// The same wire with hardly any: what phase does.
const STEADY_WIRE: &str = "queue=37500B jitter=1ms";
/// The seconds that count.
const COUNTED: Range<usize> = 5..60;
const SEEDS: u64 = 4;
const AT_ONCE: usize = 9;
/// All of them once take some 5 minutes; no run is done again after this.
const LIMIT: Duration = Duration::from_secs(18 * 60);

/// Who meets whom.
struct Match {
    name: &'static str,
    wire: &'static str,
    /// TCP's congestion control.
    tcp: &'static str,
    /// SST's.
    algorithm: &'static str,
    /// What the two ask for.
    who: [&'static str; 2],
}

const MATCHES: [Match; 9] = [
    Match::of("SST beside cubic", WIRE, "cubic", "tolerant", ["sst", "tcp"]),
    Match::of("SST as CUBIC beside cubic", WIRE, "cubic", "cubic", ["sst", "tcp"]),
    Match::of("SST beside reno", WIRE, "reno", "tolerant", ["sst", "tcp"]),
    Match::of("SST as NewReno beside reno", WIRE, "reno", "reno", ["sst", "tcp"]),
    Match::of("SST beside bbr", WIRE, "bbr", "tolerant", ["sst", "tcp"]),
    Match::of("cubic beside cubic", WIRE, "cubic", "tolerant", ["tcp", "tcp"]),
    Match::of("QUIC beside cubic", WIRE, "cubic", "tolerant", ["quic", "tcp"]),
    Match::of("SST beside cubic, 1 ms", STEADY_WIRE, "cubic", "tolerant", ["sst", "tcp"]),
    Match::of("cubic beside cubic, 1 ms", STEADY_WIRE, "cubic", "tolerant", ["tcp", "tcp"]),
];
/// These must be fair.
const BARRED: [usize; 2] = [0, 2];

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "Two downloads at one bottleneck of the laboratory for a minute: 10 Mbit/s, 30 ms there \
         and back, a queue of 37,500 bytes, up to 5 ms of jitter, or 1 ms where it says so. Shares \
         are of the bytes received from the fifth second on. SST is as it comes unless said \
         (CUBIC that tells random loss from a full queue).",
    );
    let mut trials = Vec::new();
    for Match { wire, tcp, algorithm, who, .. } in &MATCHES {
        for seed in 1..=SEEDS {
            trials.push(downloads(wire, tcp, algorithm, who, COUNTED.end)?.seed(seed));
        }
    }
    let outcomes = run_within(&trials, AT_ONCE, LIMIT);
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut rows = Vec::new();
    for (index, Match { name, tcp, who, .. }) in MATCHES.iter().enumerate() {
        let from = index * SEEDS as usize;
        let of_it = &outcomes[from..from + SEEDS as usize];
        let shares: Vec<f64> = of_it.iter().map(|outcome| share(outcome, 0, COUNTED)).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        for (trial, outcome) in trials[from..].iter().zip(of_it) {
            report.row(outcome.row(name, &format!("{who:?}"), trial));
        }
        let each = shares.iter().map(|share| percent(*share)).collect::<Vec<_>>().join(", ");
        let sum: Vec<f64> = of_it.iter().map(megabits).collect();
        let late = of_it.iter().filter(|outcome| outcome.is_late).count().to_string();
        rows.push(vec![(*name).into(), percent(mean), each, number(median(&sum)), late]);
        if BARRED.contains(&index) {
            let off = (mean - 0.5).abs() * 100.0;
            report.at_most(&format!("{name}: off half"), off, 2.0, "points");
            let words = format!("rates over time, {name}");
            report.plot(tcp, &words, picture(name, &of_it[0]));
        }
    }
    let heads = ["first beside second", "first's share, %", "by seed, %", "both, Mbit/s", "late"];
    report.table(&heads, &rows);
    ten(report)
}

impl Match {
    const fn of(
        name: &'static str,
        wire: &'static str,
        tcp: &'static str,
        algorithm: &'static str,
        who: [&'static str; 2],
    ) -> Self {
        Self { name, wire, tcp, algorithm, who }
    }
}

/// Ten downloads of a kind at the same bottleneck.
fn ten(report: &mut Report) -> Result<(), String> {
    let kinds = [("ten of SST", "sst"), ("ten of cubic", "tcp")];
    let mut trials = Vec::new();
    for (_, who) in kinds {
        trials.push(downloads(WIRE, "cubic", "tolerant", &[who; 10], COUNTED.end)?);
    }
    let outcomes = run_all(&trials, 2)?;
    let mut rows = Vec::new();
    for (((name, who), trial), outcome) in kinds.iter().zip(&trials).zip(&outcomes) {
        report.row(outcome.row(name, who, trial));
        let shares: Vec<f64> = (0..10).map(|flow| share(outcome, flow, COUNTED)).collect();
        let squares: f64 = shares.iter().map(|share| share * share).sum();
        let jain = shares.iter().sum::<f64>().powi(2) / (10.0 * squares);
        let least = shares.iter().copied().fold(1.0, f64::min);
        let most = shares.iter().copied().fold(0.0, f64::max);
        let sum = number(megabits(outcome));
        rows.push(vec![(*name).into(), number(jain), percent(least), percent(most), sum]);
        if *who == "sst" {
            report.at_least("ten of SST: Jain's index", jain, 0.99, "");
        }
    }
    report.table(&["who", "Jain's index", "least share, %", "most, %", "all, Mbit/s"], &rows);
    Ok(())
}

/// Who downloads beside whom, for so many seconds.
pub(super) fn downloads(
    wire: &str,
    tcp: &str,
    algorithm: &'static str,
    who: &[&str],
    seconds: usize,
) -> Result<Trial, String> {
    let end = seconds + 1;
    let near: Vec<String> =
        who.iter().map(|who| format!("bulk {who} --seconds {end} --every 500")).collect();
    let near: Vec<&str> = near.iter().map(String::as_str).collect();
    let mut trial = Trial::on("interop", wire, &near)?;
    (trial.setup.tcp, trial.algorithm) = (tcp.to_owned(), algorithm);
    Ok(trial)
}

/// Bytes one of them had in these seconds.
fn bytes(outcome: &Outcome, who: usize, seconds: Range<usize>) -> f64 {
    let samples = outcome.said.get(who).and_then(|said| said["samples"].as_array());
    // Two samples a second, the first after half of one.
    let at = |second: usize| samples?.get(2 * second - 1)?.as_f64();
    at(seconds.end).unwrap_or(f64::NAN) - at(seconds.start).unwrap_or(f64::NAN)
}

/// What one of them had of all bytes in these seconds.
pub(super) fn share(outcome: &Outcome, who: usize, seconds: Range<usize>) -> f64 {
    let all: f64 = (0..outcome.said.len()).map(|who| bytes(outcome, who, seconds.clone())).sum();
    bytes(outcome, who, seconds) / all
}

fn megabits(outcome: &Outcome) -> f64 {
    let all: f64 = (0..outcome.said.len()).map(|who| bytes(outcome, who, COUNTED)).sum();
    all * 8e-6 / COUNTED.len() as f64
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

fn picture(name: &str, outcome: &Outcome) -> String {
    let mut chart = Chart::new(name, "time (s)", "received in a second (Mbit/s)");
    for (who, said) in ["SST", "TCP"].iter().zip(&outcome.said) {
        let samples: Vec<f64> =
            said["samples"].as_array().into_iter().flatten().filter_map(|it| it.as_f64()).collect();
        let points = samples
            .windows(3)
            .enumerate()
            .map(|(at, samples)| ((at + 3) as f64 / 2.0, (samples[2] - samples[0]) * 8e-6));
        chart.add(who, Shape::Line, points.collect());
    }
    chart.mark_y(5.0, "half");
    chart.svg()
}
