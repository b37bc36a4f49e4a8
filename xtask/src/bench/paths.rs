//! `cargo xtask bench paths`: instructions of the core's hot paths, which do not drift with the
//! machine; compared with the table kept in docs/BENCHMARKS.md.

use std::collections::BTreeMap;

use super::kept;
use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};

/// What is counted, and how many units of it are enough.
const WORKS: &[(&str, u32)] = &[
    ("bulk", 2_000),
    ("request", 1_000),
    ("datagram", 1_000),
    ("ping-pong", 1_000),
    ("session", 100),
];
/// A count may be so much higher than the table says, in percent.
const TOLERANCE_PERCENT: u64 = 3;
const NAME: &str = "paths";

/// Counts; with `--check`, compares with the table; with `--write`, replaces it.
pub(crate) fn run(words: &[&str]) -> StepResult {
    if !call::has_program("valgrind") {
        return Ok(Outcome::Skipped("no valgrind".into()));
    }
    let program = program()?;
    let mut counts = BTreeMap::new();
    for &(work, units) in WORKS {
        let [once, twice] = [units, 2 * units].map(|units| count(&program, work, units));
        counts.insert(work.to_owned(), twice?.saturating_sub(once?) / u64::from(units));
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

/// The program that does the work, built.
pub(super) fn program() -> Result<std::path::PathBuf, String> {
    let apart = call::target_dir().join("bench");
    Call::cargo("build --release -p paths --target-dir").arg(&apart).in_folder("bench").run()?;
    Ok(apart.join("release/paths"))
}

/// The instructions of `units` of `work`.
fn count(program: &std::path::Path, work: &str, units: u32) -> Result<u64, String> {
    let out = call::target_dir().join("paths.callgrind");
    let tool = format!("--tool=callgrind --callgrind-out-file={}", out.display());
    let call = Call::new("valgrind", &tool).arg(program).arg(work).arg(units.to_string());
    let (is_done, text) = call.output()?;
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    match collected.and_then(|(_, number)| number.trim().parse().ok()) {
        Some(number) if is_done => Ok(number),
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
