//! [`Running`]: a child process, its lines, and its end.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::Fallible;

/// A child of this program; killed with this.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    name: String,
}

impl Running {
    /// Starts this program again. `name` is for messages.
    pub(crate) fn start(name: &str, words: &[String]) -> Fallible<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (said, lines) = channel();
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    if said.send(line).is_err() {
                        break;
                    }
                }
            });
        }
        Ok(Self { child, lines, name: name.to_owned() })
    }

    /// The next line it says, within `timeout`.
    pub(crate) fn line(&mut self, timeout: Duration) -> Fallible<String> {
        match self.lines.recv_timeout(timeout) {
            Ok(line) => Ok(line),
            Err(RecvTimeoutError::Timeout) => {
                Err(format!("{}: nothing within {timeout:?}", self.name).into())
            }
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                Err(format!("{} ended without a word: {status}", self.name).into())
            }
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self, timeout: Duration) -> Fallible<()> {
        let deadline = Instant::now() + timeout;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                let name = &self.name;
                return if status.success() {
                    Ok(())
                } else {
                    Err(format!("{name}: {status}").into())
                };
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err(format!("{} said all and did not end", self.name).into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Two cores of those this process may use: for the client, for the server.
pub(crate) fn cores() -> Fallible<[usize; 2]> {
    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
    match *cores {
        [first, second, ..] => Ok([first, second]),
        _ => Err("two cores are needed, one for each side".into()),
    }
}

/// Keeps this thread, and those it starts, on one core; and lets it open as many files as it may.
pub(crate) fn pin(core: usize) -> Fallible<()> {
    let mut set = CpuSet::new();
    set.set(core);
    sched_setaffinity(None, &set)?;
    let maximum = rustix::process::getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(())
}
