//! `cargo xtask experiment`: builds and calls `bench/experiments`.

use crate::call::{self, Call};
use crate::report::StepResult;

/// Makes the experiments that `words` name, with the lab's if it can be built here.
pub(crate) fn run(words: &[&str]) -> StepResult {
    let build = Call::cargo("build --release -p experiments -p traffic --features lab");
    apart(build).run()?;
    // Some of them time the command itself.
    Call::cargo("build --release -p sst-std --bin sst").run()?;
    make(words)
}

/// Their own tests, and those on the simulator that are quick, for their bars alone.
pub(crate) fn check() -> StepResult {
    apart(Call::cargo("test --lib --bins").words(&parts())).run()?;
    apart(Call::cargo("build").words(&parts())).run()?;
    make(&["--quick", "--check"])
}

/// What `cargo xtask test` needs of `bench`, by one choice of packages and features, so that it is
/// built once.
pub(crate) fn parts() -> String {
    let lab = if cfg!(target_os = "linux") { "-p lab --features experiments/lab" } else { "" };
    format!("--release -p plot -p experiments {lab}")
}

/// A call of cargo for the workspace `bench`.
pub(crate) fn apart(cargo: Call) -> Call {
    cargo.words("--target-dir").arg(call::target_dir().join("bench")).in_folder("bench")
}

/// Calls the program, once it is built.
fn make(words: &[&str]) -> StepResult {
    let program = call::target_dir().join("bench/release/experiments");
    Call::new(program, &words.join(" "))
        .arg("--data")
        .arg(call::target_dir().join("experiments"))
        .step()
}
