//! Calling other programs, and saying so.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::report::{Outcome, StepResult};

/// The repository: where cargo runs this from, which is not where this was built if somebody copied
/// or moved the folder together with its `target`.
pub(crate) fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let mut path = here.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
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

/// How long one call may take, if the environment says so: what hangs is then named, and the steps
/// after it are still run. Not so by hand: a group of its own would not hear Ctrl-C.
fn limit() -> Option<Duration> {
    let seconds = std::env::var("XTASK_CALL_SECONDS").ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Waits for the end of a child that leads a process group; kills all of it if that takes too long.
#[expect(clippy::disallowed_methods, reason = "the ban is for the core; this tool has a clock")]
fn wait(mut child: Child, limit: Duration) -> Result<ExitStatus, String> {
    let started_at = Instant::now();
    while started_at.elapsed() < limit {
        if let Some(status) = child.try_wait().map_err(|error| format!("{error}"))? {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    kill_group(&mut child);
    Err(format!("did not end within {} s: what it said last is what hung", limit.as_secs()))
}

/// Kills a child that leads a process group, and all of the group.
pub(crate) fn kill_group(child: &mut Child) {
    // The shell's own `kill`: not everybody has the program.
    let kill = format!("kill -KILL -{}", child.id());
    let killed = Command::new("sh").args(["-c", &kill]).status();
    if !killed.is_ok_and(|status| status.success()) {
        let _ = child.kill();
    }
    let _ = child.wait();
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

    /// Is shown as `words` alone: what else there is to it is the same each time.
    pub(crate) fn quietly_named(mut self, words: &str) -> Self {
        words.clone_into(&mut self.shown);
        self
    }

    /// Starts it, in a process group of its own, for whoever reads what it says.
    pub(crate) fn spawn(mut self) -> Result<Child, String> {
        println!("$ {} &", self.shown);
        let command = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
        command.spawn().map_err(|error| format!("`{}`: {error}", self.shown))
    }

    /// Runs it, its output shown as it comes.
    pub(crate) fn run(mut self) -> Result<(), String> {
        println!("$ {}", self.shown);
        let command = self.command.stdin(Stdio::null());
        let ended = match limit() {
            None => command.status().map_err(|error| format!("{error}")),
            // A group of its own, so that what it has started ends with it.
            Some(limit) => command
                .process_group(0)
                .spawn()
                .map_err(|error| format!("{error}"))
                .and_then(|child| wait(child, limit)),
        };
        match ended {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(format!("`{}`: {status}", self.shown)),
            Err(why) => Err(format!("`{}`: {why}", self.shown)),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).process_group(0).spawn().expect("there is a shell")
    }

    #[test]
    fn what_ends_in_time_tells_how_and_what_does_not_is_killed_with_its_children() {
        let ended = wait(start("exit 3"), Duration::from_secs(60)).map(|status| status.code());
        assert_eq!(ended, Ok(Some(3)));
        let late = std::env::temp_dir().join(format!("xtask-late-{}", std::process::id()));
        let child = start(&format!("(sleep 1; : > {}) & sleep 600", late.display()));
        let why = wait(child, Duration::from_millis(200)).map(|status| status.code());
        assert!(why.is_err_and(|why| why.contains("within 0 s")));
        std::thread::sleep(Duration::from_millis(1_500));
        assert!(!late.exists(), "a child of the killed one lived on");
    }
}
