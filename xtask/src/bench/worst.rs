//! `cargo xtask bench worst`: what one packet of a peer can cost at worst, in instructions, beside
//! a full packet of data; without a cipher and with one; compared with the table kept in
//! docs/BENCHMARKS.md.

use std::collections::BTreeMap;
use std::path::Path;

use super::{kept, paths};
use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};

const NAME: &str = "worst";
/// What the table compares with.
const PLAIN: &str = "plain";
/// The functions whose calls are counted, and those that begin and end a row.
const COUNTED: [&str; 3] = ["host_takes", "host_sends", "host_waits"];
const BEGINS: &str = "paths::target::row_begins";
const ENDS: &str = "paths::target::row_ends";
/// A count may be so much higher than the table says, in percent.
const TOLERANCE_PERCENT: u64 = 5;
/// With the cipher of the wire, no packet may cost more than so many tenths of a full packet of
/// data; where earlier packets are due with it, all of them together no more for each. Four packets
/// were aimed at; a few kinds of frames cost a little more (docs/PERFORMANCE.md).
const MOST_TENTHS: u64 = 51;

/// Instructions without a cipher, and with ChaCha20-Poly1305.
type Counts = [u64; 2];

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// One packet, whose units are its frames.
    One,
    /// One packet, whose units are packets, gaps or streams that it brings to an end.
    Due,
    /// All packets of something that is built up and torn down.
    Whole,
}

/// A packet that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    name: String,
    units: u64,
    kind: Kind,
    counts: Counts,
}

/// Counts; with `--check`, compares with the table; with `--write`, replaces it.
pub(crate) fn run(words: &[&str]) -> StepResult {
    if !call::has_program("valgrind") {
        return Ok(Outcome::Skipped("no valgrind".into()));
    }
    let rows = count(&paths::program("")?)?;
    let (plain, rows): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.name == PLAIN);
    let mean = |at: usize| {
        let sum: u64 = plain.iter().filter_map(|row| row.counts.get(at)).sum();
        sum.checked_div(plain.len() as u64).unwrap_or(0).max(1)
    };
    let plain = [mean(0), mean(1)];
    let table = markdown(plain, &rows);
    print!("{table}");
    match words {
        ["--write"] => kept::replace(NAME, &table).map(|()| Outcome::Passed),
        ["--check"] => compare(plain, &rows, &parse(&kept::read(NAME)?)),
        [] => Ok(Outcome::Passed),
        _ => Err(format!("bench worst: what is {}?", words.join(" "))),
    }
}

/// Runs the program once; each row leaves a file, first all without a cipher, then all with one.
fn count(program: &Path) -> Result<Vec<Row>, String> {
    let out = call::target_dir().join("worst.callgrind");
    let toggles = COUNTED.map(|name| format!("--toggle-collect=paths::target::{name}")).join(" ");
    let tool = format!(
        "--tool=callgrind --collect-atstart=no {toggles} --zero-before={BEGINS} \
         --dump-after={ENDS} --callgrind-out-file={}",
        out.display()
    );
    let call = Call::new("valgrind", &tool).arg(program).arg("worst");
    let (is_done, text) = call.env("GLIBC_TUNABLES", paths::TUNABLES).output()?;
    if !is_done {
        return Err(format!("valgrind: {text}"));
    }
    let told: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("row: ")).collect();
    let rows = told.len() / 2;
    let count_of = |number: usize| {
        let file = format!("{}.{}", out.display(), number + 1);
        let dump = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
        let _ = std::fs::remove_file(&file);
        let summary = dump.lines().find_map(|line| line.strip_prefix("summary: "));
        let instructions = summary.and_then(|text| text.trim().parse::<u64>().ok());
        instructions.ok_or_else(|| format!("{file} has no summary"))
    };
    let row = |(number, line): (usize, &&str)| {
        let counts = [count_of(number)?, count_of(number + rows)?];
        let mut words = line.split("; ");
        let (name, units, kind) = (words.next(), words.next(), words.next());
        let kind = match kind {
            Some("one") => Kind::One,
            Some("due") => Kind::Due,
            Some("whole") => Kind::Whole,
            _ => return Err(format!("of what kind is {line}?")),
        };
        let units = units.and_then(|units| units.parse().ok());
        let units = units.ok_or_else(|| format!("{line} has no units"))?;
        Ok(Row { name: name.unwrap_or_default().to_owned(), units, kind, counts })
    };
    told.iter().take(rows).enumerate().map(row).collect()
}

impl Row {
    /// How many full packets of data a packet of it costs, in tenths.
    fn tenths(&self, plain: Counts) -> Counts {
        let packets = if self.kind == Kind::Whole { self.units.max(1) } else { 1 };
        let tenths = |at: usize| {
            let (count, plain) = (self.counts.get(at).unwrap_or(&0), plain.get(at).unwrap_or(&1));
            (count * 10).div_ceil(plain * packets)
        };
        [tenths(0), tenths(1)]
    }
}

fn markdown(plain: Counts, rows: &[Row]) -> String {
    let [free, sealed] = plain;
    let mut table = String::new();
    for (of, is_wanted) in [("packet", false), ("built up and torn down", true)] {
        table += &format!(
            "| {of} | units | instructions | beside a full packet of data ({free}) | each unit \
             | with ChaCha20-Poly1305 | beside a full packet ({sealed}) |\n\
             |---|---|---|---|---|---|---|\n"
        );
        for row in rows.iter().filter(|row| (row.kind == Kind::Whole) == is_wanted) {
            let (Row { name, units, counts: [free, sealed], .. }, [one, two]) =
                (row, row.tenths(plain));
            table += &format!(
                "| {name} | {units} | {free} | {}.{} | {} | {sealed} | {}.{} |\n",
                one / 10,
                one % 10,
                free / units.max(&1),
                two / 10,
                two % 10
            );
        }
        table += if is_wanted { "" } else { "\n" };
    }
    table
}

fn parse(table: &str) -> BTreeMap<String, Counts> {
    let rows = table.lines().filter_map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let number = |at: usize| cells.get(at)?.parse().ok();
        Some((cells.get(1)?.to_string(), [number(3)?, number(6)?]))
    });
    rows.collect()
}

/// Each row costs no more than the table says; and no packet of it, with a cipher, more than so
/// many full packets of data, unless others are due with it: those are counted as a whole.
fn compare(plain: Counts, found: &[Row], kept: &BTreeMap<String, Counts>) -> StepResult {
    let mut worse = Vec::new();
    for row in found {
        let Row { name, counts, kind, .. } = row;
        let is_within = |kept: &Counts| {
            let limits = kept.map(|kept| kept + kept * TOLERANCE_PERCENT / 100);
            counts.iter().zip(limits).all(|(count, limit)| *count <= limit)
        };
        if !kept.get(name).is_some_and(is_within) {
            worse.push(format!("{name}: {counts:?}, was {:?}", kept.get(name)));
        }
        let [_, tenths] = row.tenths(plain);
        if *kind != Kind::Due && tenths > MOST_TENTHS {
            worse.push(format!("{name}: {}.{} full packets", tenths / 10, tenths % 10));
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
        let row = |kind, units, counts| [Row { name: "STREAM".into(), units, kind, counts }];
        let plain = [5_000, 15_000];
        let one = |counts| row(Kind::One, 10, counts);
        let kept = parse(&markdown(plain, &one([40_000, 50_000])));
        assert_eq!(kept, BTreeMap::from([("STREAM".to_owned(), [40_000, 50_000])]));
        let is_ok = |rows: &[Row], plain| compare(plain, rows, &kept).is_ok();
        assert!(is_ok(&one([41_000, 51_000]), plain));
        assert!(!is_ok(&one([43_000, 50_000]), plain), "more than the table says");
        assert!(!is_ok(&one([40_000, 53_000]), plain), "more with a cipher");
        assert!(!is_ok(&one([40_000, 50_000]), [5_000, 9_000]), "more than four packets");
        assert!(is_ok(&row(Kind::Due, 10, [40_000, 50_000]), [5_000, 9_000]), "others are due");
        assert!(is_ok(&row(Kind::Whole, 2, [40_000, 50_000]), [5_000, 9_000]), "two packets");
        assert!(!is_ok(&row(Kind::Whole, 1, [40_000, 50_000]), [5_000, 9_000]), "one packet");
        assert!(compare(plain, &one([1, 1]), &BTreeMap::new()).is_err(), "not in the table");
    }
}
