//! Benchmarks. `cargo xtask bench tree`: a whole tree by `sst get`, and a TLS connection per file.

mod contest;
mod kept;
pub(crate) mod paths;
pub(crate) mod peers;
pub(crate) mod python;
pub(crate) mod scaling;
mod table;
pub(crate) mod worst;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};
use contest::{Contest, Place};

/// Fetched over loopback: real files, 41,000 of them, half of them smaller than 4.2 kB.
const LOOPBACK_TREE: &str = "core";
/// Fetched over the bad wire, where each file has its price in round trips: 14,600 files.
const LOSSY_TREE: &str = "core/core_arch";
/// How often each, by default.
const ROUNDS: usize = 3;

/// What was asked for.
struct Options {
    root: PathBuf,
    loopback: String,
    lossy: String,
    rounds: usize,
    lossy_rounds: usize,
}

/// Runs it. `words` are the options.
pub(crate) fn tree(words: &[&str]) -> StepResult {
    let options = options(words)?;
    if !options.root.is_dir() {
        let reason = format!("no {}: rustup component add rust-docs", options.root.display());
        return Ok(Outcome::Skipped(reason));
    }
    let [sst, bench] = build()?;
    let work = call::target_dir().join("bench-run");
    std::fs::create_dir_all(&work).map_err(|error| format!("{}: {error}", work.display()))?;
    let mut contest = Contest::new(sst, bench, options.root, work.clone());
    if options.rounds > 0 {
        contest.run(Place::Loopback, &options.loopback, options.rounds)?;
    }
    let mut outcome = Outcome::Passed;
    if options.lossy_rounds > 0 && is_root() {
        contest.run(Place::Lossy, &options.lossy, options.lossy_rounds)?;
    } else if options.lossy_rounds > 0 {
        outcome = Outcome::Skipped("the lossy wire needs root".into());
    }
    let table = table::markdown(contest.runs());
    let lines = table::json_lines(contest.runs());
    println!("\n{table}");
    for (name, text) in [("tree.md", table), ("tree.jsonl", lines)] {
        let path = work.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        println!("{}", path.display());
    }
    Ok(outcome)
}

fn options(words: &[&str]) -> Result<Options, String> {
    let mut options = Options {
        root: rust_docs()?,
        loopback: LOOPBACK_TREE.into(),
        lossy: LOSSY_TREE.into(),
        rounds: ROUNDS,
        lossy_rounds: ROUNDS,
    };
    for pair in words.chunks(2) {
        let number = |word: &str| word.parse().map_err(|_| format!("{word}: not a number"));
        match *pair {
            ["--root", path] => options.root = path.into(),
            ["--loopback", path] => options.loopback = path.into(),
            ["--lossy", path] => options.lossy = path.into(),
            ["--rounds", count] => options.rounds = number(count)?,
            ["--lossy-rounds", count] => options.lossy_rounds = number(count)?,
            _ => return Err(format!("bench tree: what is {}?", pair.join(" "))),
        }
    }
    Ok(options)
}

/// The documentation that rustup installs.
fn rust_docs() -> Result<PathBuf, String> {
    let (is_done, text) = Call::new("rustc", "--print sysroot").output()?;
    if !is_done {
        return Err(text);
    }
    Ok(Path::new(text.trim()).join("share/doc/rust/html"))
}

/// Where `sst` is, and the folder of what it is compared with.
fn build() -> Result<[PathBuf; 2], String> {
    Call::cargo("build --release -p sst-std --bin sst").run()?;
    let apart = call::target_dir().join("bench");
    let words = "build --release -p tls-tree -p lab --target-dir";
    Call::cargo(words).arg(&apart).in_folder("bench").run()?;
    Ok([call::target_dir().join("release/sst"), apart.join("release")])
}

pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
