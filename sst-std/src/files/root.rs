//! [`Root`]: a shared directory that no path leads out of, symbolic links included.
//!
//! Every component is opened relative to the one before and never followed if it is a link, so
//! there is no moment between a check and its use.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::message::{Attributes, Refusal};
use super::name::{components, is_unfinished};

/// An open directory.
#[derive(Debug)]
pub(super) struct Root(OwnedFd);

/// What was found, and as what.
pub(super) enum Found {
    Directory(OwnedFd, Version, Attributes),
    File(File, Version, Attributes),
}

/// A path in a shared directory, and what was found there: so that it can be closed and opened
/// again, and is known to be the same.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) root: Arc<Root>,
    pub(super) path: Vec<u8>,
    pub(super) version: Version,
}

/// Which file or directory, and of which time. One that changes has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Version {
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) size: u64,
    /// Seconds and nanoseconds.
    pub(super) modified: (i64, u64),
}

/// What is said of a file without a known size.
pub(super) const UNKNOWN_SIZE: &str = "it has contents, but no size";

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens what is at `path`: only regular files and directories.
    pub(super) fn find(&self, path: &[u8]) -> Result<Found, Refusal> {
        let names = components(path).ok_or(Refusal::BadRequest)?;
        let found = match names.split_last() {
            None => self.directory(&[])?,
            Some((last, above)) => {
                let directory = self.directory(above)?;
                // Not blocking: opening a pipe would wait for its other end.
                let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                rustix::fs::openat(&directory, *last, flags, Mode::empty()).map_err(refusal)?
            }
        };
        let stat = rustix::fs::fstat(&found).map_err(refusal)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                Ok(Found::Directory(found, Version::of(&stat), attributes(&stat)))
            }
            FileType::RegularFile => {
                let (file, version) = (File::from(found), Version::of(&stat));
                if !has_known_size(&file, version.size) {
                    return Err(Refusal::Io(UNKNOWN_SIZE.into()));
                }
                Ok(Found::File(file, version, attributes(&stat)))
            }
            _ => Err(Refusal::WrongKind),
        }
    }

    /// Where something new may go: an open directory, and a name that is not that of an unfinished
    /// file, which nobody would find again.
    pub(super) fn place<'a>(&self, path: &'a [u8]) -> Result<(OwnedFd, &'a [u8]), Refusal> {
        let names = components(path).ok_or(Refusal::BadRequest)?;
        let (name, above) = names.split_last().ok_or(Refusal::WrongKind)?;
        if is_unfinished(name) {
            return Err(Refusal::BadRequest);
        }
        Ok((self.directory(above)?, name))
    }

    /// Opens the directory that `names` lead to, one after the other.
    pub(super) fn directory(&self, names: &[&[u8]]) -> Result<OwnedFd, Refusal> {
        self.walk(names).map_err(refusal)
    }

    /// The same, with the system's own error.
    pub(super) fn walk(&self, names: &[&[u8]]) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | DIRECTORY;
        let open =
            |at: BorrowedFd<'_>, name: &[u8]| rustix::fs::openat(at, name, flags, Mode::empty());
        let mut directory = open(self.0.as_fd(), b".")?;
        for name in names {
            directory = open(directory.as_fd(), name)?;
        }
        Ok(directory)
    }
}

impl Source {
    /// Opens the file again; `None` if something else is there now.
    pub(super) fn reopen(&self) -> Result<Option<File>, Refusal> {
        match self.root.find(&self.path) {
            Ok(Found::File(file, version, _)) if version == self.version => Ok(Some(file)),
            Err(Refusal::Busy) => Err(Refusal::Busy),
            _ => Ok(None),
        }
    }

    /// Opens the file again if it is still that one, and no shorter. What was written to it
    /// meanwhile is no reason to stop: it would be sent as well if it had been open all the time.
    pub(super) fn reopen_same(&self) -> Result<Option<File>, Refusal> {
        match self.root.find(&self.path) {
            Ok(Found::File(file, version, _)) if self.version.may_have_become(&version) => {
                Ok(Some(file))
            }
            Err(Refusal::Busy) => Err(Refusal::Busy),
            _ => Ok(None),
        }
    }

    /// The same for a directory.
    pub(super) fn reopen_directory(&self) -> Result<Option<OwnedFd>, Refusal> {
        match self.root.find(&self.path) {
            Ok(Found::Directory(directory, version, _)) if version == self.version => {
                Ok(Some(directory))
            }
            Err(Refusal::Busy) => Err(Refusal::Busy),
            _ => Ok(None),
        }
    }
}

impl Version {
    /// Whether both are the same file, perhaps of different times.
    pub(super) const fn is_same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// Whether `later` can be the same file after bytes were added.
    fn may_have_become(&self, later: &Self) -> bool {
        self.is_same_file(later) && self.size <= later.size && self.modified <= later.modified
    }

    #[allow(clippy::useless_conversion, reason = "the types differ from system to system")]
    pub(super) fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev.into(),
            inode: stat.st_ino.into(),
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: (stat.st_mtime.into(), stat.st_mtime_nsec.into()),
        }
    }
}

/// False for files that systems make up when they are read, as in /proc: they have contents, and no
/// size, so that what is sent of them would be nothing.
pub(super) fn has_known_size(file: &File, size: u64) -> bool {
    let has_contents = || file.read_at(&mut [0], 0).is_ok_and(|len| len > 0);
    let is_still_empty = || file.metadata().is_ok_and(|metadata| metadata.len() == 0);
    size > 0 || !has_contents() || !is_still_empty()
}

/// The permission bits and the time of the last change.
#[allow(clippy::useless_conversion, reason = "the types differ from system to system")]
pub(super) fn attributes(stat: &Stat) -> Attributes {
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    let mode = Mode::from_raw_mode(stat.st_mode).bits();
    Attributes { mode: u32::from(mode) & 0o7777, modified: (stat.st_mtime.into(), nanos) }
}

pub(super) fn refusal(errno: Errno) -> Refusal {
    match errno {
        Errno::NOENT => Refusal::NotFound,
        // Of a link that was not followed, or a file used as a directory.
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR => Refusal::WrongKind,
        Errno::EXIST => Refusal::Exists,
        // No descriptor, no memory: nothing that a peer could do anything about.
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Refusal::Busy,
        errno => refusal_of(&errno.into()),
    }
}

/// What the system said, without its numbers.
pub(super) fn refusal_of(error: &io::Error) -> Refusal {
    let text = error.to_string();
    Refusal::Io(text.split(" (os error").next().unwrap_or(&text).into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_lead_nowhere_and_pipes_do_not_block() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "x").unwrap();
        let inside = tempfile::tempdir().unwrap();
        let at = |name: &str| inside.path().join(name);
        std::fs::create_dir(at("real")).unwrap();
        std::fs::write(at("real/file"), "hello").unwrap();
        symlink(outside.path(), at("away")).unwrap();
        symlink(outside.path().join("secret"), at("link")).unwrap();
        symlink("real/file", at("inner")).unwrap();
        let pipe = rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe"),
            FileType::Fifo,
            Mode::from_raw_mode(0o600),
            0,
        );
        pipe.unwrap();
        let root = Root::open(inside.path()).unwrap();
        assert!(matches!(root.find(b"real/file"), Ok(Found::File(_, Version { size: 5, .. }, _))));
        assert!(matches!(root.find(b""), Ok(Found::Directory(..))));
        for path in ["away/secret", "away", "link", "inner", "pipe", "real/file/x"] {
            let found = root.find(path.as_bytes()).err();
            assert_eq!(found, Some(Refusal::WrongKind), "{path}");
        }
        for path in ["../x", "/etc/passwd", "real/../../x"] {
            assert_eq!(root.find(path.as_bytes()).err(), Some(Refusal::BadRequest), "{path}");
        }
        assert_eq!(root.draft(b"away/new", None).err(), Some(Refusal::WrongKind));
    }
}
