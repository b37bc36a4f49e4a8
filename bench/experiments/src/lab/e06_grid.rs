//! SST and the kernel's TCP side by side, on paths and queues of many lengths; and the kernel's TCP
//! beside itself there.

use std::time::Duration;

use super::e06_fairness::{downloads, share};
use super::trial::{Outcome, Trial, run_within};
use crate::report::{Report, mean};

const RTTS_MILLIS: [u64; 3] = [10, 40, 150];
const QUEUES_MILLIS: [u64; 4] = [4, 7, 30, 100];
const SEEDS: u64 = 4;
/// Wires as slow as these cost little.
const AT_ONCE: usize = 12;
/// All of them once take some 17 minutes; no run is done again after this.
const LIMIT: Duration = Duration::from_secs(18 * 60);

/// Who meets whom.
struct Match {
    name: &'static str,
    /// What the two ask for.
    who: [&'static str; 2],
    /// TCP's congestion control, and the second download's.
    tcp: [&'static str; 2],
}

const MATCHES: [Match; 4] = [
    Match { name: "SST beside cubic", who: ["sst", "tcp"], tcp: ["cubic", "cubic"] },
    Match { name: "cubic beside cubic", who: ["tcp", "tcp"], tcp: ["cubic", "cubic"] },
    Match { name: "SST beside reno", who: ["sst", "tcp"], tcp: ["reno", "reno"] },
    Match { name: "cubic beside reno", who: ["tcp", "tcp"], tcp: ["cubic", "reno"] },
];

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "Two downloads at one bottleneck of 10 Mbit/s for a minute, 2 ms of jitter: the share of \
         the first in percent, the mean of four seeds and each, of the bytes received from the \
         fifteenth second on. SST is as it comes. A run marked `!` was made while the machine was \
         busy.",
    );
    let mut trials = Vec::new();
    for Match { who, tcp, .. } in &MATCHES {
        for (rtt, queue) in cells() {
            for seed in 1..=SEEDS {
                trials.push(trial(who, tcp, rtt, queue)?.seed(seed));
            }
        }
    }
    let outcomes = run_within(&trials, AT_ONCE, LIMIT);
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (trial, outcome) in trials.iter().zip(&outcomes) {
        report.row(outcome.row("grid", &format!("{:?}", trial.near), trial));
    }
    let per_match = outcomes.len() / MATCHES.len();
    for (Match { name, .. }, outcomes) in MATCHES.iter().zip(outcomes.chunks(per_match)) {
        table(report, name, outcomes);
    }
    Ok(())
}

/// Round trips and queues, in milliseconds.
fn cells() -> impl Iterator<Item = (u64, u64)> {
    RTTS_MILLIS.into_iter().flat_map(|rtt| QUEUES_MILLIS.map(|queue| (rtt, queue)))
}

fn trial(who: &[&str], tcp: &[&'static str; 2], rtt: u64, queue: u64) -> Result<Trial, String> {
    let queue_bytes = queue * 1250;
    let wire = format!("rate=10M delay={}us queue={queue_bytes}B jitter=2ms", rtt * 500);
    let mut trial = downloads(&wire, tcp[0], "tolerant", who)?;
    trial.second_tcp = tcp[1];
    Ok(trial)
}

fn table(report: &mut Report, name: &str, outcomes: &[Outcome]) {
    let mut within = 0;
    let mut rows = Vec::new();
    let mut cells = outcomes.chunks(SEEDS as usize);
    for rtt in RTTS_MILLIS {
        let mut row = vec![format!("{rtt} ms")];
        for outcomes in cells.by_ref().take(QUEUES_MILLIS.len()) {
            let shares: Vec<f64> = outcomes.iter().map(|it| 100.0 * share(it, 0, FROM)).collect();
            let each = outcomes.iter().zip(&shares);
            let each = each.map(|(it, share)| format!("{share:.0}{}", mark(it)));
            let each = each.collect::<Vec<_>>().join(", ");
            row.push(format!("{:.1} ({each})", mean(&shares)));
            within += u32::from((mean(&shares) - 50.0).abs() <= 2.0);
        }
        rows.push(row);
    }
    report.table(&[name, "queue of 4 ms", "7 ms", "30 ms", "100 ms"], &rows);
    if name.starts_with("SST") {
        let what = format!("{name}: of 12, within 2 points of half");
        report.at_least(&what, f64::from(within), 12.0, "");
    }
}

/// From then on it counts, in seconds.
const FROM: usize = 15;

fn mark(outcome: &Outcome) -> &'static str {
    if outcome.is_late { "!" } else { "" }
}
