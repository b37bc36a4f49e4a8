//! What a user waits for `sst get`: fifty of them while 30 % of all packets are lost each way, and
//! one alone on a long path that loses nothing.

use std::path::Path;
use std::time::Duration;
use std::{fs, io};

use lab::{Errand, FAR, Profile, Setup};
use serde_json::json;
use tempfile::TempDir;

use super::trial::{median, quantile};
use crate::report::{Report, number};

/// The interop runner's wire: 10 Mbit/s, 30 ms there and back, a queue of 25 packets.
const LOSSY: &str = "loss=30% run=3";
/// The same with 100 ms there and back and nothing lost.
const LONG: &str = "delay=50ms";
const LONG_RTT_SECONDS: f64 = 0.1;
/// Fifty commands one after the other, on a wire with each of these seeds.
const GETS: usize = 50;
const SEEDS: u64 = 5;
/// On the long path each command takes the same packets: a few tell.
const LONG_GETS: usize = 9;

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let mut rows = Vec::new();
    let mut all = Vec::new();
    for seed in 1..=SEEDS {
        let seconds = gets(LOSSY, GETS, seed)?;
        rows.push(row(&format!("30 % lost each way, seed {seed}"), &seconds));
        report.row(json!({ "case": "30 % lost", "seed": seed, "seconds": seconds }));
        all.extend(seconds);
    }
    let long = gets(LONG, LONG_GETS, 1)?;
    rows.push(row("100 ms there and back", &long));
    report.row(json!({ "case": "long path", "seed": 1, "seconds": long }));
    report.text(
        "A file of 1 KiB by `sst get` from `sst serve`, one command after the other, each timed \
         from its start to its exit:",
    );
    report.table(&["wire", "gets", "median s", "p90 s", "longest s"], &rows);
    report.at_most("30 % lost: median", median(&all), 0.7, "s");
    report.at_most("30 % lost: p90", quantile(&all, 0.9), 1.6, "s");
    let round_trips = median(&long) / LONG_RTT_SECONDS;
    report.at_most("100 ms: median", round_trips, 2.2, "round trips");
    Ok(())
}

fn row(wire: &str, seconds: &[f64]) -> Vec<String> {
    let figures = [0.5, 0.9, 1.0].map(|part| number(quantile(seconds, part)));
    [wire.to_owned(), seconds.len().to_string()].into_iter().chain(figures).collect()
}

/// How long each of so many commands took, in seconds.
fn gets(words: &str, count: usize, seed: u64) -> Result<Vec<f64>, String> {
    let profile = Profile::named("interop").ok_or("no wire interop")?;
    let (mut down, mut up) = profile.natures().map_err(|error| error.to_string())?;
    for nature in [&mut down, &mut up] {
        nature.set(words).map_err(|error| error.to_string())?;
    }
    let setup = Setup { seed, timeout: Duration::from_secs(300), ..Setup::new(down, up) };
    let sst = sst()?;
    let folder = folder()?;
    let place = folder.path().display().to_string();
    let errand = Errand { command: near(&sst, &place, count), after: Duration::ZERO };
    let result =
        setup.run(&far(&sst, &place), &[errand], false).map_err(|error| error.to_string())?;
    let done = result.near.first().ok_or("nothing was done")?;
    let seconds: Vec<f64> =
        done.output.lines().filter_map(|line| Some(line.parse::<f64>().ok()? / 1e9)).collect();
    if done.is_success && seconds.len() == count {
        return Ok(seconds);
    }
    Err(format!("{} of {count} gets were made: {}", seconds.len(), done.output))
}

/// Serves the file; its first line is the address to dial.
fn far(sst: &str, folder: &str) -> String {
    format!("exec {sst} serve --key {folder}/far.key --bind {FAR}:0 {folder}/shared")
}

/// Says how many nanoseconds each command took, one a line.
fn near(sst: &str, folder: &str, count: usize) -> String {
    format!(
        "for turn in $(seq {count}); do began=$(date +%s%N); \
         {sst} get --key {folder}/near.key ${{FAR%/}}/file --output - > {folder}/got || exit 1; \
         echo $(($(date +%s%N) - began)); cmp -s {folder}/got {folder}/shared/file || exit 1; done"
    )
}

/// A folder with the file to be served.
fn folder() -> Result<TempDir, String> {
    let make = || -> io::Result<TempDir> {
        let folder = tempfile::tempdir()?;
        fs::create_dir(folder.path().join("shared"))?;
        let bytes: Vec<u8> = (0..1024_u32).map(|at| (at * 31 % 251) as u8).collect();
        fs::write(folder.path().join("shared/file"), bytes)?;
        Ok(folder)
    };
    make().map_err(|error| format!("no folder to serve: {error}"))
}

/// The command, built beside this program's folder.
fn sst() -> Result<String, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let target = own.ancestors().nth(3).unwrap_or(Path::new(""));
    let path = target.join("release/sst").display().to_string();
    if Path::new(&path).exists() { Ok(path) } else { Err(format!("{path} is not built")) }
}
