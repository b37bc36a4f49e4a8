//! [`enclose`]: a laboratory is over for all its processes at once.

use std::env;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode};

use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Set in the process that is inside.
const INSIDE: &str = "SST_LAB_INSIDE";

/// Runs this program again as the first process of a process namespace of its own: when it ends,
/// whatever ends it, the kernel ends everything it started, and everything those started. `None`
/// for the one inside, which goes on; else how it ended.
///
/// To be called first of all. Only root may; others are inside already.
///
/// # Errors
/// The program could not be started again.
pub fn enclose() -> io::Result<Option<ExitCode>> {
    if env::var_os(INSIDE).is_some() || !crate::is_permitted() {
        return Ok(None);
    }
    // SAFETY: of the flags, only that of the file table is about memory safety.
    if unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.is_err() {
        // A container may forbid it. Direct children still end with their parents.
        return Ok(None);
    }
    let mut command = Command::new(env::current_exe()?);
    command.args(env::args_os().skip(1)).env(INSIDE, "1");
    let die_too = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: a system call and nothing else between fork and exec.
    unsafe { command.pre_exec(die_too) };
    let status = command.status()?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    Ok(Some(ExitCode::from(code as u8)))
}
