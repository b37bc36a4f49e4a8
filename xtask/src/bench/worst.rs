//! `cargo xtask bench worst`: what one packet of a peer can cost at worst, in instructions, beside
//! a full packet of data; compared with the table kept in docs/BENCHMARKS.md.

use std::collections::BTreeMap;
use std::path::Path;

use super::{kept, paths};
use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};

const NAME: &str = "worst";
/// What the table compares with.
const PLAIN: &str = "plain";
/// The function whose calls are counted, one by one.
const COUNTED: &str = "paths::target::measured_packet";
/// A count may be so much higher than the table says, in percent.
const TOLERANCE_PERCENT: u64 = 5;

/// A packet that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    name: String,
    /// Its frames; or how many ranges it names; or how many packets, gaps or streams it ends, each
    /// of which took a packet or a frame before.
    units: u64,
    instructions: u64,
}

/// Counts; with `--check`, compares with the table; with `--write`, replaces it.
pub(crate) fn run(words: &[&str]) -> StepResult {
    if !call::has_program("valgrind") {
        return Ok(Outcome::Skipped("no valgrind".into()));
    }
    let rows = count(&paths::program()?)?;
    let (plain, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.name == PLAIN);
    let sum: u64 = plain.iter().map(|row| row.instructions).sum();
    let plain = sum.checked_div(plain.len() as u64).unwrap_or(0).max(1);
    let table = markdown(plain, &rows);
    print!("{table}");
    match words {
        ["--write"] => kept::replace(NAME, &table).map(|()| Outcome::Passed),
        ["--check"] => compare(plain, &rows, &parse(&kept::read(NAME)?)),
        [] => Ok(Outcome::Passed),
        _ => Err(format!("bench worst: what is {}?", words.join(" "))),
    }
}

/// Runs the program once; each counted call leaves a file.
fn count(program: &Path) -> Result<Vec<Row>, String> {
    let out = call::target_dir().join("worst.callgrind");
    let tool = format!(
        "--tool=callgrind --collect-atstart=no --toggle-collect={COUNTED} --dump-after={COUNTED} \
         --callgrind-out-file={}",
        out.display()
    );
    // Callgrind counts a repeated string instruction once for each byte; without those, the C
    // library clears memory by 32 bytes an instruction.
    let tunables = "glibc.cpu.x86_rep_stosb_threshold=1000000000:\
                    glibc.cpu.x86_rep_movsb_threshold=1000000000";
    let call = Call::new("valgrind", &tool).arg(program).arg("worst");
    let (is_done, text) = call.env("GLIBC_TUNABLES", tunables).output()?;
    if !is_done {
        return Err(format!("valgrind: {text}"));
    }
    let told = text.lines().filter_map(|line| line.strip_prefix("row: ")?.split_once("; "));
    let row = |(number, (name, units)): (usize, (&str, &str))| {
        let file = format!("{}.{}", out.display(), number + 1);
        let dump = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
        let _ = std::fs::remove_file(&file);
        let summary = dump.lines().find_map(|line| line.strip_prefix("summary: "));
        let instructions = summary.and_then(|text| text.trim().parse().ok());
        let instructions = instructions.ok_or_else(|| format!("{file} has no summary"))?;
        let units = units.parse().map_err(|_| format!("{name} has no units"))?;
        Ok(Row { name: name.to_owned(), units, instructions })
    };
    told.enumerate().map(row).collect()
}

fn markdown(plain: u64, rows: &[Row]) -> String {
    let mut table = format!(
        "| packet | units | instructions | beside a full packet of data ({plain}) | each unit |\n\
         |---|---|---|---|---|\n"
    );
    for Row { name, units, instructions } in rows {
        let tenths = instructions * 10 / plain;
        let each = instructions / units.max(&1);
        table += &format!(
            "| {name} | {units} | {instructions} | {}.{} | {each} |\n",
            tenths / 10,
            tenths % 10
        );
    }
    table
}

fn parse(table: &str) -> BTreeMap<String, u64> {
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        Some((cells.next()?.to_owned(), cells.nth(1)?.parse().ok()?))
    });
    rows.collect()
}

/// Each packet costs no more than the table says, and no unit of it more than a full packet of data
/// or, where the packet is one unit, four of them.
fn compare(plain: u64, found: &[Row], kept: &BTreeMap<String, u64>) -> StepResult {
    let mut worse = Vec::new();
    for Row { name, units, instructions } in found {
        let limit = kept.get(name).map(|kept| kept + kept * TOLERANCE_PERCENT / 100);
        if limit.is_none_or(|limit| *instructions > limit) {
            worse.push(format!("{name}: {instructions}, was {:?}", kept.get(name)));
        }
        if *instructions > plain * units.max(&4) {
            worse.push(format!("{name}: {instructions} for {units} units, a packet is {plain}"));
        }
    }
    if worse.is_empty() {
        return Ok(Outcome::Passed);
    }
    Err(format!("{}; if that is meant: cargo xtask bench worst --write", worse.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_back_and_what_costs_more_is_an_error() {
        let row =
            |instructions| [Row { name: "STREAM that opens".into(), units: 10, instructions }];
        let kept = parse(&markdown(5_000, &row(40_000)));
        assert_eq!(kept, BTreeMap::from([("STREAM that opens".to_owned(), 40_000)]));
        assert!(compare(5_000, &row(41_000), &kept).is_ok());
        assert!(compare(5_000, &row(43_000), &kept).is_err(), "more than the table says");
        assert!(compare(3_000, &row(40_000), &kept).is_err(), "more than a packet each");
        assert!(compare(5_000, &row(1), &BTreeMap::new()).is_err(), "not in the table");
    }
}
