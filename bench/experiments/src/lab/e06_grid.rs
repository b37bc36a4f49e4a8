//! SST and the kernel's TCP side by side, on paths and queues of many lengths; and others beside
//! the kernel's TCP there: itself, and QUIC.

use std::ops::Range;
use std::time::Duration;

use super::e06_fairness::{downloads, share};
use super::trial::{Outcome, Trial, run_within};
use crate::report::{Report, mean};

const SEEDS: u64 = 4;
/// Wires as slow as these cost little.
const AT_ONCE: usize = 16;
/// All of them once take some 17 minutes; no run is done again after this.
const LIMIT: Duration = Duration::from_secs(18 * 60);

/// Where they meet, and the seconds that count.
struct Cells {
    rtts_millis: &'static [u64],
    queues_millis: &'static [u64],
    counted: Range<usize>,
}

/// Who meets whom.
struct Match {
    name: &'static str,
    /// What the two ask for.
    who: [&'static str; 2],
    /// TCP's congestion control, and the second download's.
    tcp: [&'static str; 2],
}

/// The grid itself.
const MATCHES: [Match; 4] = [
    Match { name: "SST beside cubic", who: ["sst", "tcp"], tcp: ["cubic", "cubic"] },
    Match { name: "cubic beside cubic", who: ["tcp", "tcp"], tcp: ["cubic", "cubic"] },
    Match { name: "SST beside reno", who: ["sst", "tcp"], tcp: ["reno", "reno"] },
    Match { name: "cubic beside reno", who: ["tcp", "tcp"], tcp: ["cubic", "reno"] },
];
/// What another transport in user space has there.
const QUIC: [Match; 1] =
    [Match { name: "QUIC beside cubic", who: ["quic", "tcp"], tcp: ["cubic", "cubic"] }];
/// Every path and queue, for a minute.
const ALL: Cells =
    Cells { rtts_millis: &[10, 40, 150], queues_millis: &[4, 7, 30, 100], counted: 15..60 };
/// Where a minute tells mostly who came out of slow start with how much: four minutes.
const LONG: Cells = Cells { rtts_millis: &[150], queues_millis: &[30, 100], counted: 100..240 };

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "Two downloads at one bottleneck of 10 Mbit/s for a minute, 2 ms of jitter: the share of \
         the first in percent, the mean of four seeds and each, of the bytes received from the \
         fifteenth second on. SST is as it comes. A run marked `!` was made while the machine was \
         busy.",
    );
    for (who, within) in MATCHES.iter().zip(tables(report, &MATCHES, &ALL)?) {
        if who.name.starts_with("SST") {
            let what = format!("{}: of 12, within 2 points of half", who.name);
            report.at_least(&what, f64::from(within), 12.0, "");
        }
    }
    Ok(())
}

pub(crate) fn run_quic(report: &mut Report) -> Result<(), String> {
    report.text(
        "The same with QUIC (quinn, its CUBIC) in SST's place: what a transport in user space by \
         RFC 9002 has beside the kernel's TCP.",
    );
    tables(report, &QUIC, &ALL).map(drop)
}

pub(crate) fn run_long(report: &mut Report) -> Result<(), String> {
    report.text(
        "The longest paths for four minutes, of the bytes received from the hundredth second on: \
         what is left when it does not matter any more who left slow start with how much.",
    );
    tables(report, &MATCHES[..2], &LONG).map(drop)
}

/// One table for each match. Answers in how many cells the first has half, within two points.
fn tables(report: &mut Report, matches: &[Match], cells: &Cells) -> Result<Vec<u32>, String> {
    let mut trials = Vec::new();
    for Match { who, tcp, .. } in matches {
        for rtt in cells.rtts_millis {
            for queue in cells.queues_millis {
                for seed in 1..=SEEDS {
                    trials.push(trial(who, tcp, *rtt, *queue, cells.counted.end)?.seed(seed));
                }
            }
        }
    }
    let outcomes = run_within(&trials, AT_ONCE, LIMIT);
    let outcomes = outcomes.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (trial, outcome) in trials.iter().zip(&outcomes) {
        report.row(outcome.row("grid", &format!("{:?}", trial.near), trial));
    }
    let per_match = outcomes.len() / matches.len();
    let mut within = Vec::new();
    for (Match { name, .. }, outcomes) in matches.iter().zip(outcomes.chunks(per_match)) {
        within.push(table(report, name, cells, outcomes));
    }
    Ok(within)
}

fn trial(
    who: &[&str],
    tcp: &[&'static str; 2],
    rtt: u64,
    queue: u64,
    seconds: usize,
) -> Result<Trial, String> {
    let queue_bytes = queue * 1250;
    let wire = format!("rate=10M delay={}us queue={queue_bytes}B jitter=2ms", rtt * 500);
    let mut trial = downloads(&wire, tcp[0], "tolerant", who, seconds)?;
    trial.second_tcp = tcp[1];
    Ok(trial)
}

/// Answers in how many cells the first has half, within two points.
fn table(report: &mut Report, name: &str, cells: &Cells, outcomes: &[Outcome]) -> u32 {
    let mut within = 0;
    let mut rows = Vec::new();
    let mut of_cells = outcomes.chunks(SEEDS as usize);
    for rtt in cells.rtts_millis {
        let mut row = vec![format!("{rtt} ms")];
        for outcomes in of_cells.by_ref().take(cells.queues_millis.len()) {
            let percent = |it| 100.0 * share(it, 0, cells.counted.clone());
            let shares: Vec<f64> = outcomes.iter().map(percent).collect();
            let each = outcomes.iter().zip(&shares);
            let each = each.map(|(it, share)| format!("{share:.0}{}", mark(it)));
            let each = each.collect::<Vec<_>>().join(", ");
            row.push(format!("{:.1} ({each})", mean(&shares)));
            within += u32::from((mean(&shares) - 50.0).abs() <= 2.0);
        }
        rows.push(row);
    }
    let queues = cells.queues_millis.iter().map(|queue| format!("queue of {queue} ms"));
    let heads: Vec<String> = [name.to_owned()].into_iter().chain(queues).collect();
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    report.table(&heads, &rows);
    within
}

fn mark(outcome: &Outcome) -> &'static str {
    if outcome.is_late { "!" } else { "" }
}
