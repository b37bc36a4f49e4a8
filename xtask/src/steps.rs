//! The steps of `check` and `test`, in order.

use crate::bare;
use crate::bench;
use crate::board;
use crate::call::{self, Call};
use crate::experiment;
use crate::gateway;
use crate::lab;
use crate::lane::Lane;
use crate::layers;
use crate::npm;
use crate::python;
use crate::readme;
use crate::report::{Outcome, Report, StepResult};
use crate::setup;
use crate::spec;
use crate::tidy;
use crate::walks;

/// Crates with a workspace of their own.
const APART: &[&str] = &["bench", "bindings-wasm/glue", "embedded-demo", "fuzz", "proofs/bare"];

/// Everything that tests need and everything that is optional, for all packages: one choice, so
/// that lints, tests, documentation and the command share what they build.
pub(crate) const FEATURES: &str = "sst-nostd/sim,sst-nostd/insecure-test-hooks,sst-std/gateway";

const THUMB: &str = "thumbv7em-none-eabihf";
const WASM: &str = "wasm32-unknown-unknown";

/// How long the simulator plays in `test` on all processors, in seconds, unless told otherwise.
const SIM_SECONDS: &str = "60";

/// The core's tests, optimised and without overflow checks.
const CORE_RELEASE: &str = "test -p sst-nostd --release --features sim,insecure-test-hooks";

/// The fast loop.
pub(crate) fn check(report: &mut Report) {
    look(report);
    report.step("unit tests", || {
        Call::cargo("test --workspace --lib --bins --quiet --features").arg(FEATURES).step()
    });
}

/// What finds most faults soonest, of `test`.
pub(crate) fn quick(report: &mut Report) {
    report.step("install: toolchain", setup::toolchain);
    look(report);
    debug(report);
    report.step("specification's examples in Python", python_examples);
    other_targets(report);
}

/// The command by which `test` starts [`apart`] as a process of its own.
pub(crate) const APART_LANE: &str = "steps-apart";

/// Everything.
pub(crate) fn test(report: &mut Report) {
    report.step("install: toolchain", setup::toolchain);
    report.step("install: Debian", setup::debian);
    report.step("install: Python", setup::python);
    let lane = report.is_whole().then(|| Lane::start(APART_LANE));
    together(report);
    match lane {
        Some(lane) => report.add(lane.and_then(Lane::join)),
        None => apart(report),
    }
    alone(report);
}

/// What builds in folders of its own, and does not depend on time, or only on virtual time.
pub(crate) fn apart(report: &mut Report) {
    report.step("experiments on the simulator", experiment::check);
    report.step("bare firmware: no panic", || on_target(THUMB, |_| bare::proof()));
    report.step("bare firmware: can fail", || on_target(THUMB, |_| bare::counterproof()));
    report.step("bare firmware: size", || on_target(THUMB, |_| bare::size()));
    report.step("boards: tests and clippy", board::checks);
    report.step("boards: figures", || on_target(THUMB, |_| board::check_figures()));
    report.step("boards: core alone, twice", || on_target(THUMB, |_| board::proof()));
    report.step("boards: every image", board::build);
    report.step("hot paths in instructions", || bench::paths::run(&["--check"]));
    report.step("worst packets in instructions", || bench::worst::run(&["--check"]));
}

/// What comes last, when nothing runs beside it: servers whose speed is compared, a wire whose
/// delays are measured, a processor that is emulated, and the simulator on all processors.
fn alone(report: &mut Report) {
    report.step("bars", bars);
    report.step("boards: QEMU against sst-std", || on_target(THUMB, |_| board::test()));
    report.step("boards: a Python script", || on_target(THUMB, |_| board::python()));
    report.step("laboratory", lab::test);
    report.step("simulator seeds", sim_seeds);
}

/// Hostile peers beside honest ones: how long things take is compared, so one test runs at a time.
fn bars() -> StepResult {
    let test = Call::cargo("test --workspace --test bars --features").arg(FEATURES);
    test.words("-- --ignored --test-threads 1").step()
}

/// What builds in the main folder, one step after the other.
fn together(report: &mut Report) {
    look(report);
    debug(report);
    report.step("tests, release", || Call::cargo(CORE_RELEASE).words("--tests").step());
    report.step("docs", || {
        let docs = Call::cargo("doc --workspace --no-deps --features").arg(FEATURES);
        docs.env("RUSTDOCFLAGS", "-D warnings").step()
    });
    report.step("specification's examples in Python", python_examples);
    other_targets(report);
    report.step("npm package", || on_target(WASM, |_| npm::build()));
    report.step("npm package: transcript", || on_target(WASM, |_| npm::transcript()));
    report.step("npm package: tests", || on_target(WASM, |_| npm::tests()));
    python(report);
    report.step("gateway and its page", || on_target(WASM, |_| gateway::tests()));
    report.step("READMEs, word for word", || on_target(THUMB, |_| readme::follow()));
}

/// The tests in Rust with every check switched on, the fuzzers' corpus among them.
fn debug(report: &mut Report) {
    report.step("tests, debug", || {
        Call::cargo("test --workspace --tests --examples --features").arg(FEATURES).step()
    });
    report.step("doc tests", || {
        Call::cargo("test --workspace --doc --features").arg(FEATURES).step()
    });
}

/// What compiles for targets without an operating system.
fn other_targets(report: &mut Report) {
    report.step("core on thumb", || on_target(THUMB, core_builds));
    report.step("core on wasm", || on_target(WASM, core_builds));
    report.step("sst-std on wasm", || {
        let words = format!("check -p sst-std --lib --no-default-features --target {WASM}");
        on_target(WASM, |_| Call::cargo(&words).step())
    });
    report.step("core's tests compile on wasm", || {
        let words = format!("check -p sst-nostd --tests --target {WASM}");
        on_target(WASM, |_| Call::cargo(&words).step())
    });
}

/// The Python package: by itself, about three minutes after its first build.
pub(crate) fn python(report: &mut Report) {
    report.step("Python: wheel", python::wheel);
    report.step("Python: tests", python::tests);
    report.step("Python: types and style", python::types);
    report.step("Python: every version", python::versions);
    report.step("Python: source distribution", python::sdist);
}

/// Everything that looks at the source without running it.
fn look(report: &mut Report) {
    report.step("format", format);
    report.step("clippy", clippy);
    report.step("tidy", tidy::run);
    report.step("layers", || layers::run(&[]));
    report.step("spec", spec::run);
    report.step("walks", walks::run);
}

fn format() -> StepResult {
    Call::cargo("fmt --all --check").run()?;
    for folder in APART {
        Call::cargo("fmt --check").in_folder(folder).run()?;
    }
    Ok(Outcome::Passed)
}

fn clippy() -> StepResult {
    let lint = Call::cargo("clippy --workspace --all-targets --features").arg(FEATURES);
    lint.words("-- -D warnings").step()
}

/// Builds the `sst` command as the debug tests do, so that after them there is nothing to build:
/// other features of one package are other builds of half of what it uses.
pub(crate) fn command() -> Result<std::path::PathBuf, String> {
    let words = "test --workspace --test cli --no-run --features";
    Call::cargo(words).arg(FEATURES).run()?;
    Ok(call::target_dir().join("debug/sst"))
}

/// Runs a step if the toolchain can build for `target`.
fn on_target(target: &str, run: impl FnOnce(&str) -> StepResult) -> StepResult {
    if setup::has_target(target) {
        run(target)
    } else {
        Ok(Outcome::Skipped(format!("the toolchain has no {target}")))
    }
}

/// The core for another target, with each choice of features. Its code is made and linked for these
/// targets elsewhere: without features by the bare firmware, with cryptography by the boards, with
/// `alloc` by the npm package.
fn core_builds(target: &str) -> StepResult {
    for features in ["--no-default-features", "", "--features alloc"] {
        Call::cargo(&format!("check -p sst-nostd --lib --target {target} {features}")).run()?;
    }
    Ok(Outcome::Passed)
}

/// What docs/PROTOCOL.md shows in hex, computed again by code that shares nothing with the core.
fn python_examples() -> StepResult {
    if !call::has_program("python3") {
        return Ok(Outcome::Skipped("no python3".into()));
    }
    Call::new("python3", "docs/examples/vectors.py --check").run()?;
    Call::new("python3", "docs/examples/conformance.py --check").run()?;
    Call::new("python3", "docs/examples/peer.py check").run()?;
    Call::new("python3", "docs/examples/peer.py conformance").run()?;
    Call::new("python3", "docs/examples/peer.py self").step()
}

/// Plays the simulator for a while with fresh seeds.
fn sim_seeds() -> StepResult {
    let seconds = std::env::var("SST_SECONDS").unwrap_or_else(|_| SIM_SECONDS.to_owned());
    let played = Call::cargo(CORE_RELEASE).words("--test sim -- --nocapture");
    played.env("SST_SECONDS", &seconds).step()
}
