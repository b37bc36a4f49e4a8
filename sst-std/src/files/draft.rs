//! [`Draft`]: a file that is being put, until it has its name.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::message::Refusal;
use super::name::components;
use super::root::{Root, refusal, refusal_of};

/// A new file, not yet under its name. Removed when dropped before [`keep`](Self::keep).
pub(super) struct Draft {
    pub(super) file: File,
    directory: OwnedFd,
    temporary: String,
    name: Vec<u8>,
    is_kept: bool,
}

impl Root {
    /// Begins a new file at `path`, in a directory that exists.
    pub(super) fn draft(&self, path: &[u8]) -> Result<Draft, Refusal> {
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
        let name = name.to_vec();
        Ok(Draft { file: file.into(), directory, temporary, name, is_kept: false })
    }
}

impl Draft {
    /// Puts the file on disk and under its name, unless that has been taken meanwhile.
    pub(super) fn keep(mut self) -> Result<(), Refusal> {
        self.file.sync_all().map_err(|error| refusal_of(&error))?;
        let (from, to) = (&self.temporary, &self.name);
        // A link, not a renaming: that would replace a file that appeared meanwhile.
        rustix::fs::linkat(&self.directory, from, &self.directory, &to[..], AtFlags::empty())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_appears_whole_or_not_at_all() {
        let inside = tempfile::tempdir().unwrap();
        let root = Root::open(inside.path()).unwrap();
        let count = || std::fs::read_dir(inside.path()).unwrap().count();
        drop(root.draft(b"new").ok().unwrap());
        assert_eq!(count(), 0);
        let (one, other) = (root.draft(b"new").ok().unwrap(), root.draft(b"new").ok().unwrap());
        one.keep().unwrap();
        assert_eq!(other.keep(), Err(Refusal::Exists));
        assert_eq!(count(), 1);
        assert_eq!(root.draft(b"new").err(), Some(Refusal::Exists));
    }
}
