//! Five objects over a bad telephone line: what waits for a lost piece of another object.
//! One ordered stream and five substreams of SST, five streams of QUIC, one TCP connection.

use std::path::{Path, PathBuf};

use plot::{Chart, Shape};
use serde_json::Value;

use super::packets::{self, Packet};
use super::trial::{Outcome, Trial, median, run_all};
use crate::report::{Report, number};

const OBJECTS: usize = 5;
const OBJECT_LEN: f64 = 5_500.0;
const SEEDS: u64 = 8;
/// The seed in the pictures.
const SHOWN: u64 = 2;
const AT_ONCE: usize = 4;
/// What is not data on this line is shorter.
const MIN_DATA_LEN: usize = 200;
/// What comes with stream data in a packet, at most: estimated alike for those that are sealed.
const SEALED_HEADER_LEN: usize = 34;

const WAYS: [(&str, &str); 4] = [
    ("SST, one ordered stream", "objects sst"),
    ("SST, five substreams", "objects sst --streams"),
    ("QUIC, five streams", "objects quic --streams"),
    ("kernel TCP", "objects tcp"),
];

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "The same line in the laboratory, beside kernel TCP (CUBIC) with the five requests \
         pipelined on one connection. Circles are bytes as their packets arrive at the client's \
         device; crosses are bytes as the application gets them. The same packets are lost by \
         number in each run of a seed. Wait is the mean over all bytes of the time between both; \
         what sealed packets hold beside data is estimated, and repeated data counts as arrived.",
    );
    let folder = std::env::temp_dir().join(format!("sst-e01-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let done = all(report, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    done
}

fn all(report: &mut Report, folder: &Path) -> Result<(), String> {
    let mut trials = Vec::new();
    for seed in 1..=SEEDS {
        for (way, (_, words)) in WAYS.iter().enumerate() {
            let mut trial = Trial::on("modem", "", &[words])?.seed(seed);
            trial.setup.down.loss = 0.1;
            trial.setup.capture = Some(capture(folder, seed, way));
            trials.push(trial);
        }
    }
    let outcomes = run_all(&trials, AT_ONCE)?;
    let mut found = vec![Found::default(); WAYS.len()];
    for (index, (trial, outcome)) in trials.iter().zip(&outcomes).enumerate() {
        let (way, seed) = (index % WAYS.len(), trial.setup.seed);
        let path = capture(folder, seed, way).with_extension("down.arrived.pcap");
        let arrived = arrived(&packets::read(&path)?);
        let delivered = delivered(outcome);
        report.row(outcome.row("objects", WAYS[way].0, trial));
        found[way].add(began(outcome), &arrived, &delivered);
        if seed == SHOWN {
            let words = format!("arrival and delivery of five objects: {}", WAYS[way].0);
            let name = ["one", "five", "quic", "tcp"][way];
            report.plot(name, &words, picture(WAYS[way].0, &arrived, &delivered));
        }
    }
    let rows: Vec<_> = WAYS.iter().zip(&found).map(|((name, _), found)| found.row(name)).collect();
    let heads = ["way", "an object is there after, mean s", "all are, s", "a byte waits, s"];
    report.text(&format!("Medians of {SEEDS} seeds:"));
    report.table(&heads, &rows);
    let waits: Vec<f64> = found.iter().map(|found| median(&found.waits)).collect();
    report.at_most("a byte waits: five substreams to one stream", waits[1] / waits[0], 1.0, "");
    report.at_most("a byte waits: five substreams to kernel TCP", waits[1] / waits[3], 1.0, "");
    Ok(())
}

fn capture(folder: &Path, seed: u64, way: usize) -> PathBuf {
    folder.join(format!("{seed}-{way}"))
}

/// What the runs of one way had, a value each.
#[derive(Clone, Default)]
struct Found {
    object_ends: Vec<f64>,
    ends: Vec<f64>,
    waits: Vec<f64>,
}

/// When a piece was delivered, of which object, and how much of it there was then.
type Piece = (f64, usize, f64);

impl Found {
    fn add(&mut self, began: f64, arrived: &[(f64, f64)], delivered: &[Piece]) {
        let mut ends = [0.0; OBJECTS];
        for (at, object, bytes) in delivered {
            if *bytes >= OBJECT_LEN
                && let Some(end) = ends.get_mut(*object)
            {
                *end = *at - began;
            }
        }
        self.object_ends.push(ends.iter().sum::<f64>() / OBJECTS as f64);
        self.ends.push(ends.iter().fold(0.0, |last, end| last.max(*end)));
        self.waits.push(wait(arrived, &totals(delivered)));
    }

    fn row(&self, name: &str) -> Vec<String> {
        let all = [&self.object_ends, &self.ends, &self.waits].map(|them| number(median(them)));
        std::iter::once(name.to_owned()).chain(all).collect()
    }
}

/// Bytes of data that had arrived at each time, in seconds since 1970.
fn arrived(packets: &[Packet]) -> Vec<(f64, f64)> {
    let (mut seen, mut bytes, mut points) = (Vec::new(), 0.0, Vec::new());
    for packet in packets.iter().filter(|packet| packet.payload_len >= MIN_DATA_LEN) {
        let is_tcp = packet.sequence != 0;
        if is_tcp && seen.contains(&packet.sequence) {
            continue;
        }
        seen.push(packet.sequence);
        let header = if is_tcp { 0 } else { SEALED_HEADER_LEN };
        bytes += packet.payload_len.saturating_sub(header) as f64;
        points.push((packet.at, bytes));
    }
    points
}

/// When the client asked, in seconds since 1970.
fn began(outcome: &Outcome) -> f64 {
    outcome.said.first().and_then(|said| said["began"].as_f64()).unwrap_or(0.0)
}

fn delivered(outcome: &Outcome) -> Vec<Piece> {
    let began = began(outcome);
    let pieces = outcome.said.first().and_then(|said| said["pieces"].as_array());
    let piece = |piece: &Value| {
        let (at, object) = (piece[0].as_f64()?, piece[1].as_u64()?);
        Some((began + at, object as usize, piece[2].as_f64()?))
    };
    pieces.into_iter().flatten().filter_map(piece).collect()
}

/// Bytes of all objects that had been delivered at each time.
fn totals(delivered: &[Piece]) -> Vec<(f64, f64)> {
    let mut had = [0.0; OBJECTS];
    let mut points = Vec::new();
    for (at, object, bytes) in delivered {
        if let Some(had) = had.get_mut(*object) {
            *had = *bytes;
        }
        points.push((*at, had.iter().sum()));
    }
    points
}

/// The mean time between the arrival of a byte and its delivery, whichever byte it is: the area
/// between both curves.
fn wait(arrived: &[(f64, f64)], delivered: &[(f64, f64)]) -> f64 {
    let total = OBJECTS as f64 * OBJECT_LEN;
    let moments = |points: &[(f64, f64)]| {
        let (mut before, mut sum) = (0.0, 0.0);
        for (at, bytes) in points {
            let bytes = bytes.min(total);
            sum += (bytes - before) * (at - points[0].0);
            before = bytes;
        }
        (sum + (total - before) * points.last().map_or(0.0, |last| last.0 - points[0].0)) / total
    };
    let (Some(first), Some(there)) = (arrived.first(), delivered.first()) else { return f64::NAN };
    moments(delivered) + there.0 - moments(arrived) - first.0
}

fn picture(name: &str, arrived: &[(f64, f64)], delivered: &[Piece]) -> String {
    let start = arrived.first().map_or(0.0, |first| first.0);
    let kilobytes = |(at, bytes): &(f64, f64)| (at - start, bytes / 1e3);
    let mut chart = Chart::new(name, "time since the first packet (s)", "kilobytes");
    chart.add("arrived", Shape::Rings, arrived.iter().map(kilobytes).collect());
    let totals = totals(delivered);
    for object in 0..OBJECTS {
        let of_it = delivered.iter().zip(&totals).filter(|(piece, _)| piece.1 == object);
        let points = of_it.map(|(_, total)| kilobytes(total)).collect();
        chart.add(&format!("object {} delivered", object + 1), Shape::Crosses, points);
    }
    chart.svg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_the_area_between_the_curves() {
        let total = OBJECTS as f64 * OBJECT_LEN;
        let arrived = [(10.0, total / 2.0), (11.0, total)];
        assert!(wait(&arrived, &arrived).abs() < 1e-9);
        assert!((wait(&arrived, &[(12.0, total)]) - 1.5).abs() < 1e-9);
    }
}
