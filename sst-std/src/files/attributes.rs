//! Gives files and directories their attributes, as far as this user and this file system can.

use std::os::fd::AsFd;
use std::sync::LazyLock;

use rustix::fs::{FileType, Mode, Timespec, Timestamps, UTIME_OMIT};

use super::message::Attributes;

impl Attributes {
    /// Gives them to an open file or directory. The set-user-id, set-group-id and sticky bits are
    /// not the peer's to give; nor, of a directory, to take away.
    pub(super) fn apply(self, to: impl AsFd) {
        allow(&to, self.mode & 0o777 | own_bits(&to));
        let (tv_sec, nanos) = self.modified;
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec, tv_nsec: nanos.into() },
        };
        let _ = rustix::fs::futimens(to, &times);
    }
}

/// The bits beside the permissions that a directory has here: set-group-id most often, from the
/// directory it was made in, so that all below belongs to one group.
fn own_bits(of: impl AsFd) -> u32 {
    let Ok(stat) = rustix::fs::fstat(of) else { return 0 };
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    if is_directory { super::root::attributes(&stat).mode & 0o7000 } else { 0 }
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
