//! What a download gets alone, beside what the kernel's TCP gets alone on the same wire.

use plot::Bars;

use super::trial::{Trial, median, run_all};
use crate::report::{Report, number};

/// Wires, and how long on each.
const WIRES: [(&str, u32); 5] =
    [("dsl", 20), ("wifi", 15), ("lte", 15), ("satellite", 40), ("10g", 4)];
const SEEDS: u64 = 3;
const WHO: [&str; 3] = ["sst", "tcp", "quic"];
/// On this one, the processors are the limit: one run at a time, and no bar.
const FAST: &str = "10g";

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "One download alone on each wire of the laboratory (`cargo xtask lab --help` lists them), \
         SST, the kernel's TCP (CUBIC) and quinn in turn; its goodput is what had come at the end, \
         its negotiation included. The wire itself cannot carry 10 Gbit/s in user space: the last \
         line says what it, the programs and two processors do together.",
    );
    let mut bars = Bars::new("Goodput alone, of kernel TCP's", "ratio", &["SST", "QUIC"]);
    let mut rows = Vec::new();
    for (wire, seconds) in WIRES {
        let mut trials = Vec::new();
        for seed in 1..=SEEDS {
            for who in WHO {
                let near = format!("bulk {who} --seconds {seconds}");
                trials.push(Trial::on(wire, "", &[&near])?.seed(seed));
            }
        }
        let outcomes = run_all(&trials, if wire == FAST { 1 } else { 3 })?;
        let mut rates = vec![vec![]; WHO.len()];
        for (index, (trial, outcome)) in trials.iter().zip(&outcomes).enumerate() {
            let who = index % WHO.len();
            report.row(outcome.row(wire, WHO[who], trial));
            rates[who].push(outcome.number("bytes")? * 8e-6 / outcome.number("seconds")?);
        }
        let late = outcomes.iter().filter(|outcome| outcome.is_late).count().to_string();
        let [sst, tcp, quic] = [0, 1, 2].map(|who: usize| median(&rates[who]));
        let cells = [sst, tcp, quic, sst / tcp].map(number);
        rows.push(std::iter::once(wire.to_owned()).chain(cells).chain([late]).collect());
        bars.add(wire, vec![sst / tcp, quic / tcp]);
        if wire != FAST {
            report.at_least(&format!("{wire}: goodput to TCP's"), sst / tcp, 1.0, "");
        }
    }
    bars.mark_y(1.0, "kernel TCP");
    report.plot("goodput", "goodput of SST and QUIC as a share of TCP's", bars.svg());
    let heads = ["wire", "SST, Mbit/s", "TCP", "QUIC", "SST to TCP", "late runs of nine"];
    report.table(&heads, &rows);
    Ok(())
}
