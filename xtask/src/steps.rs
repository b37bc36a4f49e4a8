//! The steps of `check` and `test`, in order.

use crate::bare;
use crate::bench;
use crate::board;
use crate::call::{self, Call};
use crate::experiment;
use crate::gateway;
use crate::lab;
use crate::layers;
use crate::npm;
use crate::python;
use crate::report::{Outcome, Report, StepResult};
use crate::setup;
use crate::spec;
use crate::tidy;

/// Crates with a workspace of their own.
const APART: &[&str] = &["bench", "bindings-wasm/glue", "embedded-demo", "fuzz", "proofs/bare"];

const THUMB: &str = "thumbv7em-none-eabihf";
const WASM: &str = "wasm32-unknown-unknown";

/// How long the simulator plays in `test`, in seconds, unless told otherwise.
const SIM_SECONDS: &str = "120";

/// The fast loop.
pub(crate) fn check(report: &mut Report) {
    look(report);
    report.step("unit tests", || {
        Call::cargo("test --workspace --lib --bins --exclude bindings-py --quiet").step()
    });
}

/// Everything.
pub(crate) fn test(report: &mut Report) {
    report.step("install: toolchain", setup::toolchain);
    report.step("install: Debian", setup::debian);
    report.step("install: Python", setup::python);
    look(report);
    report.step("tests, debug", || {
        let features = "sst-nostd/sim,sst-nostd/insecure-test-hooks,sst-std/gateway";
        Call::cargo("test --workspace --tests --examples --features").arg(features).step()
    });
    report.step("tests, release", || {
        let features = "sim,insecure-test-hooks";
        Call::cargo("test -p sst-nostd --tests --release --features").arg(features).step()
    });
    report.step("doc tests", || {
        let words = "test --workspace --doc --exclude bindings-py --features sst-std/gateway";
        Call::cargo(words).step()
    });
    report.step("docs", || {
        let docs = "doc --workspace --no-deps --features sst-nostd/sim,sst-std/gateway";
        Call::cargo(docs).env("RUSTDOCFLAGS", "-D warnings").step()
    });
    report.step("experiments on the simulator", experiment::check);
    report.step("fuzz corpus replay", || {
        let words = "test -p sst-nostd --features sim,insecure-test-hooks --test corpus";
        optional_test("corpus", Call::cargo(words))
    });
    report.step("specification's examples in Python", python_examples);
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
    report.step("bare firmware: no panic", || on_target(THUMB, |_| bare::proof()));
    report.step("bare firmware: can fail", || on_target(THUMB, |_| bare::counterproof()));
    report.step("bare firmware: size", || on_target(THUMB, |_| bare::size()));
    report.step("boards: tests and clippy", board::checks);
    report.step("boards: QEMU against sst-std", || on_target(THUMB, |_| board::test()));
    report.step("boards: figures", || on_target(THUMB, |_| board::check_figures()));
    report.step("boards: core alone, twice", || on_target(THUMB, |_| board::proof()));
    report.step("boards: every image", board::build);
    report.step("npm package", || on_target(WASM, |_| npm::build()));
    report.step("npm package: transcript", || on_target(WASM, |_| npm::transcript()));
    report.step("npm package: tests", || on_target(WASM, |_| npm::tests()));
    python(report);
    report.step("boards: a Python script", || on_target(THUMB, |_| board::python()));
    report.step("gateway and its page", || on_target(WASM, |_| gateway::tests()));
    report.step("laboratory", lab::test);
    report.step("hot paths in instructions", || bench::paths::run(&["--check"]));
    report.step("simulator seeds", sim_seeds);
}

/// The Python package: by itself, about three minutes after its first build.
pub(crate) fn python(report: &mut Report) {
    report.step("Python: wheel", python::wheel);
    report.step("Python: tests", python::tests);
    report.step("Python: types and style", python::types);
    report.step("Python: every version", python::versions);
    report.step("Python: pip install", python::pip);
}

/// Everything that looks at the source without running it.
fn look(report: &mut Report) {
    report.step("format", format);
    report.step("clippy", clippy);
    report.step("tidy", tidy::run);
    report.step("layers", layers::run);
    report.step("spec", spec::run);
}

fn format() -> StepResult {
    Call::cargo("fmt --all --check").run()?;
    for folder in APART {
        Call::cargo("fmt --check").in_folder(folder).run()?;
    }
    Ok(Outcome::Passed)
}

fn clippy() -> StepResult {
    let words = "clippy --workspace --all-targets --features sst-std/gateway -- -D warnings";
    Call::cargo(words).run()?;
    Call::cargo("clippy -p sst-nostd --all-targets --all-features -- -D warnings").step()
}

/// Runs a step if the toolchain can build for `target`.
fn on_target(target: &str, run: impl FnOnce(&str) -> StepResult) -> StepResult {
    if setup::has_target(target) {
        run(target)
    } else {
        Ok(Outcome::Skipped(format!("the toolchain has no {target}")))
    }
}

/// Runs a call if the core has this integration test yet.
fn optional_test(name: &str, call: Call) -> StepResult {
    let file = format!("sst-nostd/tests/{name}.rs");
    if call::root().join(&file).exists() {
        call.step()
    } else {
        Ok(Outcome::Skipped(format!("no {file}")))
    }
}

fn core_builds(target: &str) -> StepResult {
    for features in ["--no-default-features", "", "--features alloc"] {
        Call::cargo(&format!("build -p sst-nostd --lib --target {target} {features}")).run()?;
    }
    Ok(Outcome::Passed)
}

/// What docs/PROTOCOL.md shows in hex, computed again by code that shares nothing with the core.
fn python_examples() -> StepResult {
    if !call::has_program("python3") {
        return Ok(Outcome::Skipped("no python3".into()));
    }
    Call::new("python3", "docs/examples/vectors.py --check").run()?;
    Call::new("python3", "docs/examples/peer.py check").run()?;
    Call::new("python3", "docs/examples/peer.py self").step()
}

/// Plays the simulator for a while with fresh seeds.
fn sim_seeds() -> StepResult {
    let seconds = std::env::var("SST_SECONDS").unwrap_or_else(|_| SIM_SECONDS.to_owned());
    let words = "test -p sst-nostd --release --features sim --test sim -- --nocapture";
    optional_test("sim", Call::cargo(words).env("SST_SECONDS", &seconds))
}
