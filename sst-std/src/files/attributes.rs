//! Gives files and directories their attributes, as far as this user and this file system can.

use std::os::fd::AsFd;
use std::sync::LazyLock;

use rustix::fs::{Mode, Timespec, Timestamps, UTIME_OMIT};

use super::message::Attributes;

impl Attributes {
    /// Gives them to an open file or directory.
    pub(super) fn apply(self, to: impl AsFd) {
        allow(&to, self.mode & 0o777);
        let (tv_sec, nanos) = self.modified;
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec, tv_nsec: nanos.into() },
        };
        let _ = rustix::fs::futimens(to, &times);
    }
}

/// Sets the permission bits, without those that this user takes from all new files.
pub(super) fn allow(file: impl AsFd, mode: u32) {
    static UMASK: LazyLock<u32> = LazyLock::new(|| {
        // Asking the system for it would change it for a moment, and with it files of others.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
        line.and_then(|mask| u32::from_str_radix(mask.trim(), 8).ok()).unwrap_or(0o022)
    });
    let _ = rustix::fs::fchmod(file, Mode::from_raw_mode(mode & !*UMASK));
}
