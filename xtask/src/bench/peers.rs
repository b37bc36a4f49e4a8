//! `cargo xtask bench [NAME]...`: SST beside what people would otherwise use (`bench/peers`).

use crate::call::{self, Call};
use crate::report::{Outcome, StepResult};
use crate::setup;

/// What building quiche's BoringSSL takes.
const DEBIAN_PACKAGES: &[&str] = &["cmake", "libclang-dev"];
const PAGE: &str = "docs/BENCHMARKS.md";

/// Builds it and runs it. `words` are names and options of `peers run`; `--write` means the page.
pub(crate) fn run(words: &[&str]) -> StepResult {
    let is_ready = matches!(setup::packages(DEBIAN_PACKAGES), Ok(Outcome::Passed));
    let apart = call::target_dir().join("bench");
    let build = |features: &str| {
        let words = format!("build --profile dist -p peers {features} --target-dir");
        Call::cargo(&words).arg(&apart).in_folder("bench").run()
    };
    // One peer that cannot be built here is no reason to go without the others.
    if !is_ready || build("--features quiche").is_err() {
        println!("without quiche");
        build("")?;
    }
    let mut call = Call::new(apart.join("dist/peers"), "run --out");
    call = call.arg(call::target_dir().join("bench-run"));
    for word in words {
        call = call.arg(word);
        if *word == "--write" {
            call = call.arg(call::root().join(PAGE));
        }
    }
    call.step()
}
