//! `cargo xtask lab`: hosts in network namespaces with a bad wire between them (`bench/lab`).

use crate::bench;
use crate::call::{self, Call};
use crate::experiment;
use crate::report::{Outcome, StepResult};

/// Runs commands there. `words` are the options of `lab`.
pub(crate) fn run(words: &[&str]) -> StepResult {
    let apart = call::target_dir().join("bench");
    Call::cargo("build --release -p lab --target-dir").arg(&apart).in_folder("bench").run()?;
    let asks = words.iter().any(|word| matches!(*word, "--help" | "-h"));
    if !asks && !bench::is_root() {
        let reason = "only root may make network namespaces; the simulator has the same wires: \
                      `sst sim`, and `cargo xtask test simulator`";
        return Ok(Outcome::Skipped(reason.into()));
    }
    let lab = Call::new(apart.join("release/lab"), "");
    words.iter().fold(lab, |call, word| call.arg(word)).step()
}

/// The wire against its own settings: about three seconds.
pub(crate) fn test() -> StepResult {
    if !bench::is_root() {
        return Ok(Outcome::Skipped("only root may make network namespaces".into()));
    }
    experiment::apart(Call::cargo("test --test wire").words(&experiment::parts())).step()
}
