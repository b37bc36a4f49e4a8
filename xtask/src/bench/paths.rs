//! `cargo xtask bench paths`: instructions of the core's hot paths, which do not drift with the
//! machine; compared with the table kept in docs/BENCHMARKS.md, or with quinn-proto's for the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::kept;
use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};

/// What is counted, and how many units of it are enough.
const WORKS: &[(&str, u32)] = &[
    ("bulk", 2_000),
    ("request", 1_000),
    ("requests", 2_000),
    ("datagram", 1_000),
    ("ping-pong", 1_000),
    ("session", 100),
];
/// What quinn-proto is not asked for: its handshake is TLS, which is somebody else's.
const OURS_ALONE: &str = "session";
/// Bytes of a bulk stream that are one unit beside quinn-proto: packets may differ in what they
/// carry.
const BULK_UNIT: u64 = 1_024;
/// Callgrind counts a repeated string instruction once for each byte; without those, the C library
/// clears and copies memory by 32 bytes an instruction.
pub(super) const TUNABLES: &str = "glibc.cpu.x86_rep_stosb_threshold=1000000000:\
                                   glibc.cpu.x86_rep_movsb_threshold=1000000000";
/// A count may be so much higher than the table says, in percent.
const TOLERANCE_PERCENT: u64 = 3;
const NAME: &str = "paths";
const NAME_BESIDE: &str = "beside-quinn";

/// What one run of the program did.
struct Run {
    instructions: u64,
    /// Bytes that a bulk stream brought.
    bulk_bytes: u64,
}

/// Counts; with `--check`, compares with the table; with `--write`, replaces it; with
/// `--beside-quinn`, shows quinn-proto's counts and the ratios.
pub(crate) fn run(words: &[&str]) -> StepResult {
    if !call::has_program("valgrind") {
        return Ok(Outcome::Skipped("no valgrind".into()));
    }
    if let ["--beside-quinn", words @ ..] = words {
        return beside_quinn(words);
    }
    let program = program("")?;
    let mut counts = BTreeMap::new();
    for &(work, units) in WORKS {
        counts.insert(work.to_owned(), one(&program, work, units, "")?);
    }
    let table = markdown(&counts);
    print!("{table}");
    match words {
        ["--write"] => kept::replace(NAME, &table).map(|()| Outcome::Passed),
        ["--check"] => compare(&counts, &parse(&kept::read(NAME)?)),
        [] => Ok(Outcome::Passed),
        _ => Err(format!("bench paths: what is {}?", words.join(" "))),
    }
}

/// The same work by quinn-proto, in the same harness, and how many times its instructions ours are;
/// without a cipher, unless one is named; with `--write`, replaces the table.
fn beside_quinn(words: &[&str]) -> StepResult {
    let cipher = match *words {
        [] | ["--write"] => "free",
        ["--cipher", cipher @ ("aes" | "chacha" | "free")] => cipher,
        _ => return Err(format!("bench paths --beside-quinn: what is {}?", words.join(" "))),
    };
    let program = program("--features quinn")?;
    let mut table = String::from("| work | SST | quinn-proto | ratio |\n|---|---|---|---|\n");
    for &(work, units) in WORKS.iter().filter(|(work, _)| *work != OURS_ALONE) {
        let count = |of: &str| {
            let options = format!("--cipher {cipher} --of {of}");
            one(&program, work, units, &options)
        };
        let (ours, theirs) = (count("sst")?, count("quinn-proto")?);
        let work = if work == "bulk" { "bulk, 1 KiB" } else { work };
        let percent = (ours * 100).checked_div(theirs).unwrap_or(0);
        table +=
            &format!("| {work} | {ours} | {theirs} | {}.{:02} |\n", percent / 100, percent % 100);
    }
    print!("{table}");
    if words == ["--write"] {
        kept::replace(NAME_BESIDE, &table)?;
    }
    Ok(Outcome::Passed)
}

/// The program that does the work, built.
pub(super) fn program(features: &str) -> Result<PathBuf, String> {
    let apart = call::target_dir().join("bench");
    let build = Call::cargo("build --release -p paths").words(features).words("--target-dir");
    build.arg(&apart).in_folder("bench").run()?;
    Ok(apart.join("release/paths"))
}

/// The instructions of one unit of `work`: the difference of two lengths. With `options`, a unit
/// of bulk is so many bytes, otherwise a packet.
fn one(program: &Path, work: &str, units: u32, options: &str) -> Result<u64, String> {
    let [once, twice] = [units, 2 * units].map(|units| count(program, work, units, options));
    let (once, twice) = (once?, twice?);
    let bulk = twice.bulk_bytes.saturating_sub(once.bulk_bytes) / BULK_UNIT;
    let units = if options.is_empty() || bulk == 0 { units.into() } else { bulk };
    Ok(twice.instructions.saturating_sub(once.instructions) / units)
}

/// The instructions of `units` of `work`.
fn count(program: &Path, work: &str, units: u32, options: &str) -> Result<Run, String> {
    let out = call::target_dir().join("paths.callgrind");
    let tool = format!("--tool=callgrind --callgrind-out-file={}", out.display());
    let call = Call::new("valgrind", &tool).arg(program).arg(work).arg(units.to_string());
    let (is_done, text) = call.words(options).env("GLIBC_TUNABLES", TUNABLES).output()?;
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let instructions = collected.and_then(|(_, number)| number.trim().parse().ok());
    let carried = text.lines().find_map(|line| line.split_once(" packets, ")).map(|(_, rest)| rest);
    let bulk_bytes = carried.and_then(|rest| rest.split_once(' ')?.0.parse().ok());
    match instructions.zip(bulk_bytes) {
        Some((instructions, bulk_bytes)) if is_done => Ok(Run { instructions, bulk_bytes }),
        _ => Err(format!("valgrind: {text}")),
    }
}

fn markdown(counts: &BTreeMap<String, u64>) -> String {
    let mut table = String::from("| work | instructions |\n|---|---|\n");
    for (work, count) in counts {
        table += &format!("| {work} | {count} |\n");
    }
    table
}

fn parse(table: &str) -> BTreeMap<String, u64> {
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
    });
    rows.collect()
}

fn compare(found: &BTreeMap<String, u64>, kept: &BTreeMap<String, u64>) -> StepResult {
    let mut worse = Vec::new();
    for (work, &count) in found {
        let limit = kept.get(work).map(|kept| kept + kept * TOLERANCE_PERCENT / 100);
        if limit.is_none_or(|limit| count > limit) {
            worse.push(format!("{work}: {count}, was {:?}", kept.get(work)));
        }
    }
    if worse.is_empty() {
        return Ok(Outcome::Passed);
    }
    Err(format!("{}; if that is meant: cargo xtask bench paths --write", worse.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_back_and_a_worse_count_is_an_error() {
        let counts = BTreeMap::from([("bulk".to_owned(), 8_000), ("request".to_owned(), 30_000)]);
        assert_eq!(parse(&markdown(&counts)), counts);
        let worse = BTreeMap::from([("bulk".to_owned(), 8_300)]);
        let why = compare(&worse, &counts).err().unwrap_or_default();
        assert!(why.contains("bulk: 8300, was Some(8000)"), "{why}");
        assert!(compare(&counts, &counts).is_ok());
        assert!(compare(&BTreeMap::from([("new".to_owned(), 1)]), &counts).is_err());
    }
}
