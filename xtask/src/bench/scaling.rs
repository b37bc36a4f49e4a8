//! `cargo xtask bench scaling`: instructions of one more stream, session, gap and timer beside a
//! hundred and beside a hundred thousand; the table is kept in docs/BENCHMARKS.md.

use std::path::Path;

use super::kept;
use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};

const THINGS: &[(&str, &str)] = &[
    ("stream", "a request and its reply on a new stream, beside idle streams of the session"),
    ("session", "a session with one request, begun and ended, beside idle sessions"),
    ("gap", "a loss and its recovery, beside streams that miss a piece"),
    ("timer", "a request and its reply on a stream with a lifetime, beside streams with one"),
];
const FEW: u32 = 100;
const MANY: u32 = 100_000;
/// What counts as equal, in thousandths: places in hash tables differ from run to run.
const NOISE_PER_MILLE: u64 = 30;

/// Counts, and fails where many cost more than a few; with `--write`, replaces the table.
pub(crate) fn run(words: &[&str]) -> StepResult {
    if !call::has_program("valgrind") {
        return Ok(Outcome::Skipped("no valgrind".into()));
    }
    let is_kept = match words {
        [] => false,
        ["--write"] => true,
        _ => return Err(format!("bench scaling: what is {}?", words.join(" "))),
    };
    let apart = call::target_dir().join("bench");
    Call::cargo("build --release -p scaling --target-dir").arg(&apart).in_folder("bench").run()?;
    let program = apart.join("release/scaling");
    let mut table = String::from("| one more | beside 100 | beside 100,000 | of that |\n");
    table += "|---|---|---|---|\n";
    let mut dearer = Vec::new();
    for (thing, words) in THINGS {
        let [few, many] = [FEW, MANY].map(|count| one_more(&program, thing, count));
        let (few, many) = (few?, many?);
        let per_mille = many * 1_000 / few.max(1);
        println!("{thing}: {few} beside {FEW}, {many} beside {MANY}");
        table += &format!(
            "| {thing}: {words} | {few} | {many} | {}.{} % |\n",
            per_mille / 10,
            per_mille % 10
        );
        if per_mille > 1_000 + NOISE_PER_MILLE {
            dearer.push(*thing);
        }
    }
    if is_kept {
        kept::replace("scaling", &table)?;
    }
    if dearer.is_empty() { Ok(Outcome::Passed) } else { Err(format!("dearer: {dearer:?}")) }
}

/// The instructions of one unit of work.
fn one_more(program: &Path, thing: &str, beside: u32) -> Result<u64, String> {
    const UNITS: u64 = 100;
    let out = call::target_dir().join("scaling.callgrind");
    let tool = "--tool=callgrind --instr-atstart=no --callgrind-out-file=";
    let call = Call::new("valgrind", &format!("{tool}{}", out.display())).arg(program).arg(thing);
    let call = call.arg(beside.to_string()).arg("--units").arg(UNITS.to_string());
    let (is_done, text) = call.output()?;
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    match collected.and_then(|(_, number)| number.trim().parse::<u64>().ok()) {
        Some(number) if is_done => Ok(number / UNITS),
        _ => Err(format!("valgrind: {text}")),
    }
}
