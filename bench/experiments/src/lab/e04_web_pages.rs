//! Web pages on the paper's line, 1.5 Mbit/s and 55 ms, in seven ways: HTTP/1.0 and 1.1 over the
//! kernel's TCP as the paper had them, a substream of SST for each request, HTTP/2, HTTP/3.

use std::time::Duration;

use plot::{Bars, Chart, Scale, Shape};

use super::e04_loads::{Loads, listed};
use super::trial::{Outcome, Trial, run_within};
use crate::report::Report;
use crate::web::{self, GROUPS, MANY};

const WAYS: [(&str, &str); 7] = [
    ("HTTP/1.0, serial", "serial"),
    ("HTTP/1.0, 8 at once", "parallel"),
    ("HTTP/1.1, persistent", "persistent"),
    ("HTTP/1.1, pipelined", "pipelined"),
    ("SST", "sst"),
    ("HTTP/2", "h2"),
    ("HTTP/3", "h3"),
];
const SERIAL: usize = 0;
const PIPELINED: usize = 3;
const SST: usize = 4;

/// One kind of wire.
struct Case {
    name: &'static str,
    file: &'static str,
    /// How the paper's line is changed.
    wire: &'static str,
    seeds: u64,
    /// New connections for each page.
    is_cold: bool,
}

const CASES: [Case; 4] = [
    Case { name: "nothing lost", file: "clean", wire: "", seeds: 1, is_cold: false },
    Case { name: "1 % lost each way", file: "1", wire: "loss=1%", seeds: 3, is_cold: false },
    Case { name: "3 % lost each way", file: "3", wire: "loss=3%", seeds: 3, is_cold: false },
    Case { name: "new connections", file: "cold", wire: "", seeds: 1, is_cold: true },
];
const PAGES_SEED: u64 = 4;
/// Pages of each group: all seven ways on all wires take eight minutes.
const EACH: usize = 8;
/// The wires are slow, and each has its own.
const AT_ONCE: usize = 4;
/// No run of which the wire was late is done again after this.
const LIMIT: Duration = Duration::from_secs(9 * 60);
/// Pages not begun by then count as failed, and a run that is not over later, as a whole.
const SECONDS: u64 = 150;
const TIMEOUT: Duration = Duration::from_secs(SECONDS + 30);

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let pages = web::pages(PAGES_SEED, EACH);
    report.text(&format!(
        "The paper's line in the laboratory; {EACH} pages of each group, the first of the \
         simulator's. HTTP/1.0 and HTTP/1.1 over the kernel's TCP (CUBIC) without TLS, HTTP/2 \
         (the crate h2) over TLS 1.3, HTTP/3 by the crate h3 on quinn. Connections that stay are \
         there and used before the first page; where some of the packets are lost, every page is \
         loaded with three seeds. Milliseconds: the median, and what nine of ten pages take at \
         most."
    ));
    let list = listed(&pages);
    let mut trials = Vec::new();
    for (case, (_, way)) in runs() {
        for seed in 1..=case.seeds {
            trials.push(trial(case, way, &list, seed)?);
        }
    }
    let mut outcomes = trials.iter().zip(run_within(&trials, AT_ONCE, LIMIT));
    let mut loads = vec![vec![Loads::default(); WAYS.len()]; CASES.len()];
    for (index, (case, (name, _))) in runs().enumerate() {
        for (trial, outcome) in outcomes.by_ref().take(case.seeds as usize) {
            keep(report, case, name, trial, &outcome);
            loads[index / WAYS.len()][index % WAYS.len()].add(&pages, &outcome);
        }
    }
    for (case, loads) in CASES.iter().zip(&loads) {
        tell(report, case, loads);
    }
    report.plot("many", "load time over bytes, pages of 9 and more", cloud(&loads[0]));
    judge(report, &loads);
    Ok(())
}

/// Every way on every wire.
fn runs() -> impl Iterator<Item = (&'static Case, (&'static str, &'static str))> {
    CASES.iter().flat_map(|case| WAYS.into_iter().map(move |way| (case, way)))
}

fn trial(case: &Case, way: &str, list: &str, seed: u64) -> Result<Trial, String> {
    let cold = if case.is_cold { "--cold" } else { "" };
    let words = format!("pages {way} --seconds {SECONDS} {cold} --list {list}");
    let mut trial = Trial::on("dsl", case.wire, &[&words])?.seed(seed);
    trial.setup.timeout = TIMEOUT;
    Ok(trial)
}

fn keep(
    report: &mut Report,
    case: &Case,
    name: &str,
    trial: &Trial,
    outcome: &Result<Outcome, String>,
) {
    if let Ok(outcome) = outcome {
        report.row(outcome.row(case.name, name, trial));
    }
}

fn tell(report: &mut Report, case: &Case, loads: &[Loads]) {
    report.text(&format!("Load times, {}:", case.name));
    let names: Vec<&str> = WAYS.map(|(name, _)| name).to_vec();
    let title = format!("Load times by the requests of a page, {}", case.name);
    let mut bars = Bars::new(&title, "median load time (ms)", &names).scale(Scale::Logarithmic);
    for (group, (name, _)) in GROUPS.iter().enumerate() {
        bars.add(name, loads.iter().map(|way| way.median(group)).collect());
    }
    let words = format!("median load times by the number of requests, {}", case.name);
    report.plot(case.file, &words, bars.svg());
    let row = |((name, _), way): (&(&str, &str), &Loads)| {
        let both = |group| {
            let [middle, most] = [way.median(group), way.quantile(group, 0.9)];
            if middle.is_nan() { "-".into() } else { format!("{middle:.0} / {most:.0}") }
        };
        let mut row = vec![(*name).to_owned()];
        row.extend((0..GROUPS.len()).map(both));
        row.push(format!("{} of {}", way.missing(), way.tried));
        row
    };
    let rows: Vec<_> = WAYS.iter().zip(loads).map(row).collect();
    let groups = GROUPS.iter().map(|(name, _)| *name);
    let heads: Vec<&str> = ["requests"].into_iter().chain(groups).chain(["failed"]).collect();
    report.table(&heads, &rows);
    for ((name, _), way) in WAYS.iter().zip(loads).filter(|(_, way)| !way.faults.is_empty()) {
        report.text(&format!("{name}, what failed: {}.", way.faults.join("; ")));
    }
}

/// Every page of the last group, as the paper's figure has them.
fn cloud(loads: &[Loads]) -> String {
    let title = "Pages of 9 and more requests, nothing lost";
    let chart = Chart::new(title, "bytes of the page", "load time (ms)");
    let mut chart = chart.scales(Scale::Logarithmic, Scale::Logarithmic);
    for ((name, _), way) in WAYS.iter().zip(loads) {
        let mut points = way.points(MANY);
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        chart.add(name, Shape::Dotted, points);
    }
    chart.svg()
}

fn judge(report: &mut Report, loads: &[Vec<Loads>]) {
    for (case, loads) in CASES.iter().zip(loads).filter(|(case, _)| !case.is_cold) {
        let [serial, pipelined, sst] = [SERIAL, PIPELINED, SST].map(|way| loads[way].median(MANY));
        let words = |whom| format!("9 requests and more, {}: SST to {whom}", case.name);
        report.at_most(&words("pipelined HTTP/1.1"), sst / pipelined, 1.02, "");
        report.at_most(&words("serial HTTP/1.0"), sst / serial, 0.5, "");
    }
    let missing: usize = loads.iter().map(|case| case[SST].missing()).sum();
    report.at_most("pages that did not come over SST", missing as f64, 0.0, "");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::WebPage;

    #[test]
    fn every_trial_names_its_way_and_its_pages() {
        let pages = [WebPage(vec![10, 20]), WebPage(vec![30])];
        let trial = trial(&CASES[3], "h3", &listed(&pages), 2).unwrap();
        let wanted = format!("pages h3 --seconds {SECONDS} --cold --list 10+20,30");
        assert_eq!((trial.near.as_slice(), trial.setup.seed), (&[wanted][..], 2));
        assert_eq!(runs().count(), CASES.len() * WAYS.len());
    }

    #[test]
    fn lost_packets_are_lost_both_ways() {
        let trial = trial(&CASES[2], "sst", "1", 1).unwrap();
        assert_eq!((trial.setup.down.loss, trial.setup.up.loss), (0.03, 0.03));
    }
}
