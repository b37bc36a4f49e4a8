//! [`Root`]: a shared directory that no path leads out of, symbolic links included.
//!
//! Every component is opened relative to the one before and never followed if it is a link, so
//! there is no moment between a check and its use.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::message::{Entry, Kind, Refusal};
use super::name::{components, is_plain};

/// An open directory.
pub(super) struct Root(OwnedFd);

/// What was found.
pub(super) enum Found {
    Directory(OwnedFd),
    File(File, u64),
}

/// A new file, not yet under its name.
pub(super) struct Draft {
    pub(super) file: File,
    directory: OwnedFd,
    temporary: String,
    name: String,
    is_kept: bool,
}

const DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(path, flags, Mode::empty())?))
    }

    /// Opens what is at `path`: only regular files and directories.
    pub(super) fn find(&self, path: &str) -> Result<Found, Refusal> {
        let names = components(path).ok_or(Refusal::BadRequest)?;
        let Some((last, above)) = names.split_last() else {
            return self.directory(&[]).map(Found::Directory);
        };
        let directory = self.directory(above)?;
        // Not blocking: opening a pipe would wait for its other end.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let found = rustix::fs::openat(&directory, *last, flags, Mode::empty()).map_err(refusal)?;
        let stat = rustix::fs::fstat(&found).map_err(refusal)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Ok(Found::Directory(found)),
            FileType::RegularFile => {
                Ok(Found::File(File::from(found), u64::try_from(stat.st_size).unwrap_or(0)))
            }
            _ => Err(Refusal::WrongKind),
        }
    }

    /// Begins a new file at `path`, in a directory that exists.
    pub(super) fn draft(&self, path: &str) -> Result<Draft, Refusal> {
        let names = components(path).ok_or(Refusal::BadRequest)?;
        let (name, above) = names.split_last().ok_or(Refusal::WrongKind)?;
        let directory = self.directory(above)?;
        let exists = rustix::fs::statat(&directory, *name, AtFlags::SYMLINK_NOFOLLOW);
        if exists.is_ok() {
            return Err(Refusal::Exists);
        }
        let mut random = [0; 8];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| refusal(Errno::AGAIN))?;
        let temporary = format!(".{:016x}.sst-put", u64::from_be_bytes(random));
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(0o644);
        let file = rustix::fs::openat(&directory, &temporary, flags, mode).map_err(refusal)?;
        let name = String::from(*name);
        Ok(Draft { file: file.into(), directory, temporary, name, is_kept: false })
    }

    fn directory(&self, names: &[&str]) -> Result<OwnedFd, Refusal> {
        let flags = OFlags::RDONLY | DIRECTORY;
        let open = |at: BorrowedFd<'_>, name: &str| {
            rustix::fs::openat(at, name, flags, Mode::empty()).map_err(refusal)
        };
        let mut directory = open(self.0.as_fd(), ".")?;
        for name in names {
            directory = open(directory.as_fd(), name)?;
        }
        Ok(directory)
    }
}

impl Draft {
    /// Puts the file on disk and under its name, unless that has been taken meanwhile.
    pub(super) fn keep(mut self) -> Result<(), Refusal> {
        self.file.sync_all().map_err(|error| refusal_of(&error))?;
        let (from, to) = (&self.temporary, &self.name);
        // A link, not a renaming: that would replace a file that appeared meanwhile.
        rustix::fs::linkat(&self.directory, from, &self.directory, to, AtFlags::empty())
            .map_err(refusal)?;
        let _ = rustix::fs::unlinkat(&self.directory, from, AtFlags::empty());
        self.is_kept = true;
        let _ = rustix::fs::fsync(&self.directory);
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.is_kept {
            let _ = rustix::fs::unlinkat(&self.directory, &self.temporary, AtFlags::empty());
        }
    }
}

/// The entries of a directory by name, as far as they can be told to a peer: links, devices,
/// unfinished files and names that are not plain text are left out.
pub(super) fn entries(directory: &OwnedFd) -> Result<Vec<Entry>, Refusal> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(directory).map_err(refusal)? {
        let entry = entry.map_err(refusal)?;
        let Ok(name) = entry.file_name().to_str() else { continue };
        let is_unfinished = name.ends_with(".sst-part") || name.ends_with(".sst-put");
        if !is_plain(name) || is_unfinished {
            continue;
        }
        let Ok(stat) = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Kind::Directory,
            FileType::RegularFile => Kind::File { size: u64::try_from(stat.st_size).unwrap_or(0) },
            _ => continue,
        };
        entries.push(Entry { name: name.into(), kind });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn refusal(errno: Errno) -> Refusal {
    match errno {
        Errno::NOENT => Refusal::NotFound,
        // Of a link that was not followed, or a file used as a directory.
        Errno::LOOP | Errno::MLINK | Errno::NOTDIR => Refusal::WrongKind,
        Errno::EXIST => Refusal::Exists,
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
        assert!(matches!(root.find("real/file"), Ok(Found::File(_, 5))));
        assert!(matches!(root.find(""), Ok(Found::Directory(_))));
        for path in ["away/secret", "away", "link", "inner", "pipe", "real/file/x"] {
            let found = root.find(path).err();
            assert_eq!(found, Some(Refusal::WrongKind), "{path}");
        }
        for path in ["../x", "/etc/passwd", "real/../../x"] {
            assert_eq!(root.find(path).err(), Some(Refusal::BadRequest), "{path}");
        }
        let Ok(Found::Directory(directory)) = root.find("") else { panic!() };
        let names: Vec<_> = entries(&directory).unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["real"]);
        assert_eq!(root.draft("away/new").err(), Some(Refusal::WrongKind));
    }

    #[test]
    fn a_draft_appears_whole_or_not_at_all() {
        let inside = tempfile::tempdir().unwrap();
        let root = Root::open(inside.path()).unwrap();
        let count = || std::fs::read_dir(inside.path()).unwrap().count();
        drop(root.draft("new").ok().unwrap());
        assert_eq!(count(), 0);
        let (one, other) = (root.draft("new").ok().unwrap(), root.draft("new").ok().unwrap());
        one.keep().unwrap();
        assert_eq!(other.keep(), Err(Refusal::Exists));
        assert_eq!(count(), 1);
        assert_eq!(root.draft("new").err(), Some(Refusal::Exists));
    }
}
