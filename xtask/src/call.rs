//! Calling other programs, and saying so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::report::{Outcome, StepResult};

/// The repository.
pub(crate) fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}

/// Where builds go.
pub(crate) fn target_dir() -> PathBuf {
    let root = root();
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |dir| root.join(dir))
}

/// Whether a program of this name can be started.
pub(crate) fn has_program(name: &str) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// One call of a program, from the repository's root unless told otherwise.
pub(crate) struct Call {
    command: Command,
    shown: String,
}

impl Call {
    /// A call of `program` with `words`, split at blanks.
    pub(crate) fn new(program: impl AsRef<Path>, words: &str) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command.current_dir(root()).args(words.split_whitespace());
        Self { command, shown: format!("{} {words}", program.display()) }
    }

    /// A call of cargo, of the toolchain that runs this.
    pub(crate) fn cargo(words: &str) -> Self {
        Self::new("cargo", words)
    }

    /// Adds words, split at blanks.
    pub(crate) fn words(mut self, words: &str) -> Self {
        self.shown += &format!(" {words}");
        self.command.args(words.split_whitespace());
        self
    }

    /// Adds one argument that may hold blanks.
    pub(crate) fn arg(mut self, arg: impl AsRef<Path>) -> Self {
        self.shown += &format!(" {}", arg.as_ref().display());
        self.command.arg(arg.as_ref());
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.shown = format!("{name}={value:?} {}", self.shown);
        self.command.env(name, value);
        self
    }

    /// Runs from a folder of the repository.
    pub(crate) fn in_folder(mut self, folder: &str) -> Self {
        self.shown = format!("cd {folder} && {}", self.shown);
        self.command.current_dir(root().join(folder));
        self
    }

    /// Runs it, its output shown as it comes.
    pub(crate) fn run(mut self) -> Result<(), String> {
        println!("$ {}", self.shown);
        match self.command.stdin(Stdio::null()).status() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{}`: {status}", self.shown)),
            Err(error) => Err(format!("`{}`: {error}", self.shown)),
        }
    }

    /// Runs it as a whole step.
    pub(crate) fn step(self) -> StepResult {
        self.run().map(|()| Outcome::Passed)
    }

    /// Runs it quietly: what it wrote, errors left out.
    pub(crate) fn output_bytes(mut self) -> Result<Vec<u8>, String> {
        match self.command.stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => Ok(output.stdout),
            Ok(output) => Err(format!("`{}`: {}", self.shown, output.status)),
            Err(error) => Err(format!("`{}`: {error}", self.shown)),
        }
    }

    /// Runs it quietly: whether it succeeded, and what it wrote, its errors included.
    pub(crate) fn output(mut self) -> Result<(bool, String), String> {
        match self.command.stdin(Stdio::null()).output() {
            Ok(output) => {
                let text = [output.stdout, output.stderr].concat();
                Ok((output.status.success(), String::from_utf8_lossy(&text).into_owned()))
            }
            Err(error) => Err(format!("`{}`: {error}", self.shown)),
        }
    }
}
