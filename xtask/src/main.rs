//! The repository's one command. `cargo xtask help` is the menu.

mod bare;
mod bench;
mod board;
mod call;
mod calls;
mod elf;
mod experiment;
mod gateway;
mod imports;
mod lab;
mod lane;
mod layers;
mod npm;
mod public;
mod python;
mod readme;
mod report;
mod setup;
mod source;
mod spec;
mod steps;
mod structure;
mod tidy;
mod walk;
mod walks;
mod wasm;

use std::process::ExitCode;

use report::{Outcome, Report};

const HELP: &str = "\
The repository's one command.

usage: cargo xtask COMMAND

  check    the fast loop, before each commit: format, lints, tidy, layers, spec, unit tests
  test [WORD]...
           everything CI needs; installs what it needs first and says what. With words: only the
           steps with one of them in their name
  test --quick
           of these what finds most faults soonest: source, debug tests, other targets
  tidy     house rules that a program can check, and the longest files and functions
  layers [--write]
           the core's modules import downward only, and nowhere in a circle; which files of a folder
           call each other in a circle. How many, and other numbers of structure, must not exceed
           docs/structure.txt; --write: the numbers of today into it
  spec     which requirements of docs/PROTOCOL.md no test cites; wrong citations
  walks    the files and functions that docs/ARCHITECTURE.md walks past exist
  readme   follows every README, word for word, in a copy with nothing but the repository's files
  size     flash and memory of the bare firmware proof
  python   the steps of `test` that are about the Python package
  wheel    the Python package's wheel, into target/wheels
  bench [NAME]... [OPTION]...
           SST beside quinn, s2n-quic, quiche, h2, TLS, TCP and bare UDP, on two cores. Without a
           name, everything: bulk (with its processor time), requests, sessions, memory,
           datagrams, pingpong. --rounds N (5), --quick, --only PEER,PEER; --write: the tables into
           docs/BENCHMARKS.md, otherwise into target/bench-run only
  bench python [ROUNDS] [--write]
           the Python package beside `sst perf` and aioquic, two processes each
  bench tree [OPTION VALUE]...
           a tree of files by `sst get`, and by a TLS connection each; over a lossy wire if root.
           --root DIR, --loopback SUBTREE, --lossy SUBTREE, --rounds N, --lossy-rounds N
  bench paths [--check | --write]
           instructions of the core's hot paths (valgrind); compared with docs/BENCHMARKS.md
  bench paths --beside-quinn [--cipher aes|chacha|free | --write]
           the same by quinn-proto in the same harness, and the ratios
  bench worst [--check | --write]
           the worst that one packet of a peer costs, in instructions (valgrind; a minute);
           compared with docs/BENCHMARKS.md
  bench scaling [--write]
           instructions of one more stream, session, gap, timer beside 100 and beside 100,000
           (valgrind; minutes)
  experiment [NAME]...
           the experiments of the literature: pages and plots in docs/experiments, data in
           target/experiments; fails if a bar is missed. --list tells which there are
  lab --near COMMAND --far COMMAND [OPTION]...
           runs commands on hosts of their own with a bad wire between them, if root; --help
           lists the wires
  wasm     the npm package, built and packed under target/npm
  demo web the browser-to-browser demonstration: prints the address to open
  demo native [DIR]
           a page that fetches DIR from `sst serve` through `sst gateway`: prints the link to open
  board build | test | figures [--write] | stack [ELF] | proof | drive SHELL
           boards: every image; the one in QEMU against sst-std; what it costs, compared with
           docs/BOARD.md; how deep its stack gets and why; that it needs no allocator; the file
           for a board's drive
  help     this text

environment of `test`:

  SST_SEEDS=N     how many seeds the simulator plays
  SST_SECONDS=N   how long it may take over them (default 60)
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help" | "-h" | "--help"] => {
            print!("{HELP}");
            ExitCode::SUCCESS
        }
        ["check"] => {
            let mut report = Report::new();
            steps::check(&mut report);
            report.finish()
        }
        [steps::APART_LANE] => {
            let mut report = Report::new();
            steps::apart(&mut report);
            exit_code(lane::write(report.rows()).map(|()| Outcome::Passed))
        }
        ["test", "--quick"] => {
            let mut report = Report::new();
            steps::quick(&mut report);
            report.finish()
        }
        ["test", words @ ..] => {
            let mut report = Report::only(words);
            steps::test(&mut report);
            report.finish()
        }
        ["tidy"] => exit_code(tidy::run()),
        ["layers", options @ ..] => exit_code(layers::run(options)),
        ["spec"] => exit_code(spec::run()),
        ["walks"] => exit_code(walks::run()),
        ["readme"] => exit_code(readme::follow()),
        ["size"] => exit_code(bare::size()),
        ["wasm"] => exit_code(npm::build()),
        ["demo", "web"] => exit_code(npm::demo()),
        ["demo", "native"] => exit_code(gateway::demo(None)),
        ["demo", "native", folder] => exit_code(gateway::demo(Some(folder))),
        ["board", words @ ..] => exit_code(board::run(words)),
        ["python"] => {
            let mut report = Report::new();
            report.step("install: Python", setup::python);
            steps::python(&mut report);
            report.finish()
        }
        ["wheel"] => exit_code(setup::python().and_then(|_| python::wheel())),
        ["lab", options @ ..] => exit_code(lab::run(options)),
        ["bench", "python", options @ ..] => exit_code(bench::python::run(options)),
        ["bench", "tree", options @ ..] => exit_code(bench::tree(options)),
        ["bench", "scaling", options @ ..] => exit_code(bench::scaling::run(options)),
        ["experiment", words @ ..] => exit_code(experiment::run(words)),
        ["bench", "paths", options @ ..] => exit_code(bench::paths::run(options)),
        ["bench", "worst", options @ ..] => exit_code(bench::worst::run(options)),
        ["bench", options @ ..] => exit_code(bench::peers::run(options)),
        _ => {
            eprint!("cargo xtask: no such command: {}\n\n{HELP}", words.join(" "));
            ExitCode::from(2)
        }
    }
}

/// How one command, run by itself, ends.
fn exit_code(result: report::StepResult) -> ExitCode {
    match result {
        Ok(Outcome::Passed) => ExitCode::SUCCESS,
        Ok(Outcome::Skipped(reason)) => {
            println!("SKIPPED: {reason}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("failed: {why}");
            ExitCode::FAILURE
        }
    }
}
