//! A command that serves until it is ended.

use std::io::{BufRead, BufReader};
use std::process::Child;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::call::{self, Call};

/// How long a server may take until it is there, its build included.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// A server that is running; it ends with this value, and all that it has started.
pub(super) struct Server {
    child: Child,
}

impl Server {
    /// Starts it, and waits for the line that begins with `said`; that line.
    pub(super) fn start(call: Call, said: &str) -> Result<(Self, String), String> {
        let mut child = call.spawn()?;
        let out = child.stdout.take().ok_or("no standard output")?;
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            // Read to its end, so that the server never waits for a reader.
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                println!("{line}");
                let _ = tell.send(line);
            }
        });
        let server = Self { child };
        loop {
            match told.recv_timeout(PATIENCE) {
                Ok(line) if line.starts_with(said) => return Ok((server, line)),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("it ended before it said `{said}`"));
                }
                Err(RecvTimeoutError::Timeout) => return Err(format!("it never says `{said}`")),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        call::kill_group(&mut self.child);
    }
}
