//! `cargo xtask bench python`: the Python package beside the Rust command and aioquic.

use super::kept;
use crate::call::{self, Call};
use crate::python;
use crate::report::{Outcome, StepResult};
use crate::setup;

/// In an environment of its own: nothing else needs it.
const AIOQUIC: &str = "aioquic==1.3.0";

/// How many rounds, by default.
const ROUNDS: u32 = 5;

/// Runs it. `words` may hold how many rounds; with `--write`, the table is replaced.
pub(crate) fn run(words: &[&str]) -> StepResult {
    let (mut rounds, mut is_kept) = (ROUNDS, false);
    for word in words {
        match word.parse() {
            Ok(number) => rounds = number,
            Err(_) if *word == "--write" => is_kept = true,
            Err(_) => {
                return Err(format!("bench python: {word}? A number of rounds, or --write"));
            }
        }
    }
    setup::python()?;
    python::wheel()?;
    let ours = setup::venv_python();
    python::install(&ours)?;
    Call::cargo("build --profile dist -p sst-std --bin sst").run()?;
    let folder = call::target_dir().join("venv-aioquic");
    let theirs = folder.join("bin/python");
    if !theirs.exists() {
        Call::new("python3", "-m venv").arg(&folder).run()?;
        let pip = "-m pip install -q --disable-pip-version-check";
        Call::new(&theirs, pip).arg(AIOQUIC).run()?;
    }
    let work = call::target_dir().join("bench-run");
    Call::new(ours, &format!("bindings-py/bench/run.py --rounds {rounds} --sst"))
        .arg(call::target_dir().join("dist/sst"))
        .arg("--aioquic")
        .arg(theirs)
        .arg("--work")
        .arg(&work)
        .run()?;
    if is_kept {
        let table = std::fs::read_to_string(work.join("python.md"));
        kept::replace("python", &table.map_err(|error| error.to_string())?)?;
    }
    Ok(Outcome::Passed)
}
