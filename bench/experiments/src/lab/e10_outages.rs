//! Loss, corruption and an outage, as the QUIC interop runner has them: 10 Mbit/s, 30 ms there and
//! back, a queue of 25 packets.

use plot::{Chart, Shape};

use super::trial::{Outcome, Trial, median, quantile, run_all};
use crate::report::{Report, number};

const WHO: [&str; 3] = ["sst", "quic", "tcp"];
const SEEDS: u64 = 5;
/// Runs of ten handshakes each: 50 in all.
const HANDSHAKE_RUNS: u64 = 5;
/// These wires are slow: so many fit on one machine.
const AT_ONCE: usize = 3;
const LONG: &str = "--bytes 10485760 --every 100";
const SHORT: &str = "--bytes 2097152 --every 100";
const BLACKOUT: &str = "blackout=5s+2s";

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let clean = transfers(report, "10 MiB, nothing wrong", "", LONG, 3)?;
    let dark = transfers(report, "10 MiB, 2 s blackout after 5 s", BLACKOUT, LONG, 3)?;
    let lossy = transfers(report, "2 MiB, 2 % lost", "loss=2% run=3", SHORT, SEEDS)?;
    let corrupt = transfers(report, "2 MiB, 2 % corrupted", "corrupt=2%", SHORT, SEEDS)?;
    let cases = [
        ("10 MiB, nothing wrong", &clean),
        ("10 MiB, 2 s blackout after 5 s", &dark),
        ("2 MiB, 2 % lost each way", &lossy),
        ("2 MiB, 2 % corrupted each way", &corrupt),
    ];
    let rows: Vec<_> = cases.iter().flat_map(|(case, times)| rows_of(case, times)).collect();
    report.table(&["case", "who", "median s", "all runs, s"], &rows);
    report.at_most("10 MiB, nothing wrong", median(&clean[0].1), 8.85, "s");
    report.at_most("a blackout of 2 s adds", median(&dark[0].1) - median(&clean[0].1), 2.3, "s");
    for (case, times) in [("2 % lost", &lossy), ("2 % corrupted", &corrupt)] {
        let ratio = median(&times[0].1) / median(&times[1].1);
        report.at_most(&format!("2 MiB, {case}: of QUIC's time"), ratio, 1.0, "");
    }
    handshakes(report)
}

/// Everyone's times.
type Times = Vec<(&'static str, Vec<f64>)>;

fn transfers(
    report: &mut Report,
    case: &str,
    words: &str,
    what: &str,
    seeds: u64,
) -> Result<Times, String> {
    let mut trials = Vec::new();
    for seed in 1..=seeds {
        for who in WHO {
            let near = format!("bulk {who} {what}");
            trials.push(Trial::on("interop", words, &[&near])?.seed(seed));
        }
    }
    let outcomes = run_all(&trials, AT_ONCE)?;
    let mut times: Times = WHO.map(|who| (who, vec![])).to_vec();
    for (index, (trial, outcome)) in trials.iter().zip(&outcomes).enumerate() {
        let (who, seconds) = (WHO[index % WHO.len()], outcome.number("seconds")?);
        report.row(outcome.row(case, who, trial));
        times[index % WHO.len()].1.push(seconds);
    }
    if words == BLACKOUT {
        report.plot("blackout", "bytes received over time, with a blackout", progress(&outcomes));
    }
    Ok(times)
}

fn rows_of(case: &str, times: &Times) -> Vec<Vec<String>> {
    let row = |(who, times): &(&str, Vec<f64>)| {
        let all = times.iter().map(|time| number(*time)).collect::<Vec<_>>().join(", ");
        vec![case.to_owned(), (*who).to_owned(), number(median(times)), all]
    };
    times.iter().map(row).collect()
}

/// How much had come when, in the first run of each.
fn progress(outcomes: &[Outcome]) -> String {
    let mut chart = Chart::new("10 MiB at 10 Mbit/s, 30 ms", "time (s)", "received (MiB)");
    for (who, outcome) in WHO.iter().zip(outcomes) {
        let samples = outcome.numbers("samples");
        let points = samples
            .iter()
            .enumerate()
            .map(|(at, bytes)| ((at + 1) as f64 * 0.1, bytes / f64::from(1 << 20)));
        chart.add(who, Shape::Line, points.collect());
    }
    chart.mark_x(5.0, "dark");
    chart.mark_x(7.0, "light");
    chart.svg()
}

fn handshakes(report: &mut Report) -> Result<(), String> {
    let mut trials = Vec::new();
    for seed in 1..=HANDSHAKE_RUNS {
        for who in WHO {
            let near = format!("handshakes {who} --count 10");
            trials.push(Trial::on("interop", "loss=30% run=3", &[&near])?.seed(seed));
        }
    }
    let outcomes = run_all(&trials, AT_ONCE)?;
    let (mut connected, mut replied) = (vec![vec![]; WHO.len()], vec![vec![]; WHO.len()]);
    let mut failed = [0.0; WHO.len()];
    for (index, (trial, outcome)) in trials.iter().zip(&outcomes).enumerate() {
        let who = index % WHO.len();
        report.row(outcome.row("handshakes at 30 % loss", WHO[who], trial));
        connected[who].extend(outcome.numbers("connected"));
        replied[who].extend(outcome.numbers("replied"));
        failed[who] += outcome.number("failed")?;
    }
    let mut rows = Vec::new();
    let mut chart = Chart::new("50 handshakes, 30 % lost each way", "time (s)", "share");
    for (index, who) in WHO.iter().enumerate() {
        for (what, times) in [("connected", &connected[index]), ("1 KiB replied", &replied[index])]
        {
            let millis = |share| number(1e3 * quantile(times, share));
            let all = [0.5, 0.9, 1.0].map(millis);
            let mut row = vec![(*who).to_owned(), what.to_owned()];
            row.extend(all.into_iter().chain([number(failed[index])]));
            rows.push(row);
        }
        chart.add_distribution(who, &connected[index]);
    }
    report.text("Fifty connections one after the other, 30 % lost each way, at most 3 in a row:");
    report.table(&["who", "until", "median ms", "p90 ms", "max ms", "failed"], &rows);
    report.plot("handshakes", "share of handshakes done over time", chart.svg());
    report.at_most("50 handshakes: median", 1e3 * median(&connected[0]), 700.0, "ms");
    report.at_most("50 handshakes: p90", 1e3 * quantile(&connected[0], 0.9), 1_600.0, "ms");
    report.at_most("50 handshakes: failed", failed[0], 0.0, "");
    Ok(())
}
