//! `cargo xtask experiment`: builds and calls `bench/experiments`.

use crate::call::{self, Call};
use crate::report::StepResult;

/// Makes the experiments that `words` name, with the lab's if it can be built here.
pub(crate) fn run(words: &[&str]) -> StepResult {
    call_with("--features lab", words)
}

/// Their own tests, and those on the simulator that are quick, for their bars alone.
pub(crate) fn check() -> StepResult {
    let apart = call::target_dir().join("bench");
    let lab = if cfg!(target_os = "linux") { "--features experiments/lab" } else { "" };
    let test = format!("test --release -p plot -p experiments {lab} --target-dir");
    Call::cargo(&test).arg(apart).in_folder("bench").run()?;
    call_with("", &["--quick", "--check"])
}

fn call_with(features: &str, words: &[&str]) -> StepResult {
    let apart = call::target_dir().join("bench");
    let traffic = if features.is_empty() { "" } else { "-p traffic" };
    let build = format!("build --release -p experiments {traffic} {features} --target-dir");
    Call::cargo(&build).arg(&apart).in_folder("bench").run()?;
    Call::new(apart.join("release/experiments"), &words.join(" "))
        .arg("--data")
        .arg(call::target_dir().join("experiments"))
        .step()
}
