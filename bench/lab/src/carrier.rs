//! [`Carrier`]: takes packets from devices, asks the link what becomes of them, and puts them into
//! devices.

use std::fs::File;
use std::io::{self, Read, Write};
use std::num::NonZeroU64;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::setpriority_process;

use crate::capture::{Capture, Moment};
use crate::carried::Carried;
use crate::link::Link;

/// Longer than any packet of a device of 1,500 bytes.
const MAX_PACKET_LEN: usize = 2_048;
/// How often to look whether it is over.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// Packets taken from one device before those that are due leave.
const MAX_PACKETS_IN: usize = 64;
/// The wire goes before what is sent over it.
const NICE: i32 = -20;

/// When the errands began; and whether all is over.
#[derive(Default)]
pub(crate) struct Course {
    pub(crate) began: OnceLock<Instant>,
    pub(crate) is_over: AtomicBool,
}

/// One direction at work.
pub(crate) struct Carrier {
    pub(crate) link: Link,
    pub(crate) from: Vec<Arc<File>>,
    /// By the last byte of the address.
    pub(crate) to: Vec<(u8, Arc<File>)>,
    pub(crate) sent: Option<Capture>,
    pub(crate) arrived: Option<Capture>,
    pub(crate) course: Arc<Course>,
    /// What was carried so far.
    pub(crate) shown: Arc<Mutex<Carried>>,
}

impl Carrier {
    /// Carries packets until it is over.
    pub(crate) fn run(mut self) -> io::Result<Carried> {
        // Both help only against other programs; it works without.
        let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
        let _ = setpriority_process(None, NICE);
        let from = self.from.clone();
        let mut devices: Vec<_> =
            from.iter().map(|file| PollFd::new(&**file, PollFlags::IN)).collect();
        while !self.course.is_over.load(Ordering::Relaxed) {
            let due = self.link.next_due();
            let wait = due.map_or(MAX_WAIT, |due| due.saturating_duration_since(Instant::now()));
            let wait = Timespec::try_from(wait.min(MAX_WAIT)).map_err(io::Error::other)?;
            match poll(&mut devices, Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for file in &from {
                self.take_in(file)?;
            }
            self.give_out()?;
            *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = self.link.carried();
        }
        for capture in [self.sent, self.arrived].into_iter().flatten() {
            capture.finish()?;
        }
        Ok(self.link.carried())
    }

    fn take_in(&mut self, mut file: &File) -> io::Result<()> {
        let mut packet = [0; MAX_PACKET_LEN];
        for _ in 0..MAX_PACKETS_IN {
            let packet = match file.read(&mut packet) {
                Ok(len) => packet.get(..len).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            // Nobody here speaks IPv6, but a kernel may try.
            if packet.first().is_none_or(|first| first >> 4 != 4) {
                continue;
            }
            let now = Instant::now();
            let began = self.course.began.get().copied().unwrap_or(now);
            if let Some(capture) = &mut self.sent {
                capture.write(now, packet)?;
            }
            self.link.on_packet(now, now.saturating_duration_since(began), packet);
        }
        Ok(())
    }

    fn give_out(&mut self) -> io::Result<()> {
        loop {
            let now = Instant::now();
            let Some(packet) = self.link.take_due(now) else { return Ok(()) };
            if let Some(capture) = &mut self.arrived {
                capture.write(now, &packet)?;
            }
            let host = packet.get(19);
            if let Some((_, to)) = self.to.iter().find(|(last, _)| Some(last) == host) {
                // A host that does not take it has lost it.
                let _ = (&**to).write(&packet);
            }
        }
    }
}

/// A capture beside the others of the same run, if there is to be one.
pub(crate) fn capture(
    path: Option<&Path>,
    suffix: &str,
    began: Moment,
) -> io::Result<Option<Capture>> {
    let Some(path) = path else { return Ok(None) };
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    Capture::create(Path::new(&name), began).map(Some)
}
