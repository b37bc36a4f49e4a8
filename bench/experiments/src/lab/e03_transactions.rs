//! Requests and replies of 32 bytes to 2 MiB each, on the paper's line: 1.5 Mbit/s, 55 ms.

use plot::{Chart, Scale, Shape};
use serde_json::Value;

use super::trial::{Trial, median, run_all};
use crate::report::{Report, number};

const WAYS: [(&str, &str); 7] = [
    ("SST warm", "transactions sst"),
    ("SST cold", "transactions sst --cold"),
    ("UDP", "transactions udp"),
    ("QUIC warm", "transactions quic"),
    ("QUIC cold", "transactions quic --cold"),
    ("TCP", "transactions tcp --cold"),
    ("TCP + TLS", "transactions tls --cold"),
];
const SMALLEST: u64 = 32;
/// Sizes double so often: to 2 MiB.
const DOUBLINGS: u32 = 16;
/// Up to this many bytes, each size is done several times.
const SHORT: u64 = 32 << 10;
const ROUNDS: u32 = 5;
/// Each has a wire of its own.
const AT_ONCE: usize = 4;

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "The paper's line in the laboratory, beside the kernel's TCP (CUBIC), TLS 1.3 on it, \
         quinn, and plain UDP datagrams. Warm: one session or connection for all, each \
         transaction a new stream. Cold: a new session or connection for each, its negotiation \
         included. A datagram that is too long for UDP, or of which a fragment finds no room in \
         the queue, has no reply.",
    );
    let sizes: Vec<u64> = (0..=DOUBLINGS).map(|doubling| SMALLEST << doubling).collect();
    let is_short = |size: &&u64| **size <= SHORT;
    let listed =
        |sizes: Vec<&u64>| sizes.into_iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let short = listed(sizes.iter().filter(is_short).collect());
    let long = listed(sizes.iter().filter(|size| !is_short(size)).collect());
    let mut trials = Vec::new();
    for (_, words) in WAYS {
        for (sizes, rounds) in [(&short, ROUNDS), (&long, 1)] {
            let near = format!("{words} --sizes {sizes} --rounds {rounds}");
            trials.push(Trial::on("dsl", "", &[&near])?);
        }
    }
    let outcomes = run_all(&trials, AT_ONCE)?;
    let mut taken = vec![vec![f64::NAN; sizes.len()]; WAYS.len()];
    for (index, (trial, outcome)) in trials.iter().zip(&outcomes).enumerate() {
        report.row(outcome.row("transactions", WAYS[index / 2].0, trial));
        let pairs = outcome.said.first().and_then(|said| said["taken"].as_array());
        let pairs: Vec<_> = pairs.into_iter().flatten().filter_map(pair).collect();
        for (place, size) in sizes.iter().enumerate() {
            let times: Vec<f64> =
                pairs.iter().filter(|(of, _)| of == size).map(|(_, took)| *took).collect();
            if !times.is_empty() {
                taken[index / 2][place] = median(&times);
            }
        }
    }
    show(report, &sizes, &taken);
    let [warm, cold, udp, _, quic, tcp, tls] =
        [0, 1, 2, 3, 4, 5, 6].map(|way: usize| taken[way][0]);
    report.at_most("32 bytes: SST warm to UDP", warm / udp, 1.1, "");
    report.at_most("32 bytes: SST warm to TCP", warm / tcp, 0.6, "");
    report.at_most("32 bytes: SST cold to TCP + TLS", cold / tls, 1.0, "");
    report.at_most("32 bytes: SST cold to QUIC cold", cold / quic, 1.0, "");
    let last = sizes.len() - 1;
    report.at_most("2 MiB: SST warm to TCP", taken[0][last] / taken[5][last], 1.02, "");
    Ok(())
}

fn pair(value: &Value) -> Option<(u64, f64)> {
    Some((value[0].as_u64()?, value[1].as_f64()?))
}

fn show(report: &mut Report, sizes: &[u64], taken: &[Vec<f64>]) {
    let mut chart = Chart::new("One request and one reply", "bytes of each", "time (ms)")
        .scales(Scale::Logarithmic, Scale::Logarithmic);
    for ((name, _), times) in WAYS.iter().zip(taken) {
        let points = sizes.iter().zip(times).filter(|(_, time)| time.is_finite());
        let points = points.map(|(size, time)| (*size as f64, time * 1e3)).collect();
        chart.add(name, Shape::Dotted, points);
    }
    report.plot("times", "time of a transaction by its size, each way", chart.svg());
    let heads: Vec<&str> = std::iter::once("bytes").chain(WAYS.map(|(name, _)| name)).collect();
    let row = |(place, size): (usize, &u64)| {
        let time = |times: &Vec<f64>| {
            if times[place].is_finite() { number(times[place] * 1e3) } else { "-".into() }
        };
        std::iter::once(size.to_string()).chain(taken.iter().map(time)).collect()
    };
    let rows: Vec<Vec<String>> = sizes.iter().enumerate().map(row).collect();
    report.text("Milliseconds, medians of five up to 32 KiB, single ones above:");
    report.table(&heads, &rows);
}
