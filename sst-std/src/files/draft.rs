//! [`Draft`]: a file that is being put, until it has its name.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, FileType, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::message::{Attributes, Refusal};
use super::name::{components, is_plain, join, random_name};
use super::root::{Root, refusal, refusal_of};

/// A new file, not yet under its name. Removed when dropped before [`keep`](Self::keep).
pub(super) struct Draft {
    pub(super) file: File,
    directory: OwnedFd,
    temporary: String,
    name: Vec<u8>,
    attributes: Option<Attributes>,
    is_kept: bool,
}

impl Root {
    /// Begins a new file at `path`, in a directory that exists.
    pub(super) fn draft(
        &self,
        path: &[u8],
        attributes: Option<Attributes>,
    ) -> Result<Draft, Refusal> {
        let (directory, name) = self.place(path)?;
        let exists = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
        if exists.is_ok() {
            return Err(Refusal::Exists);
        }
        let temporary = random_name(".sst-put").map_err(refusal)?;
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Nobody else's before it is known whose it may be.
        let mode = Mode::from_raw_mode(if attributes.is_some() { 0o600 } else { 0o644 });
        let file = rustix::fs::openat(&directory, &temporary, flags, mode).map_err(refusal)?;
        // So that another server's start does not take it for one of a server that died.
        let _ = rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive);
        let name = name.to_vec();
        Ok(Draft { file: file.into(), directory, temporary, name, attributes, is_kept: false })
    }

    /// Removes the drafts that servers left when they died: older than `started`, in seconds since
    /// 1970, and held by nobody.
    pub(super) fn remove_old_drafts(&self, started: i64) {
        let mut todo = vec![Vec::new()];
        while let Some(path) = todo.pop() {
            // Too deep for a path, so for a draft of ours.
            let Some(names) = components(&path) else { continue };
            let Ok(directory) = self.walk(&names) else { continue };
            let Ok(entries) = Dir::read_from(&directory) else { continue };
            for entry in entries.flatten() {
                let name = entry.file_name().to_bytes();
                let stat = rustix::fs::statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW);
                let Ok(stat) = stat else { continue };
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory if is_plain(name) => {
                        todo.push(join(&path, name));
                    }
                    FileType::RegularFile if is_draft(name) && stat.st_ctime < started => {
                        remove_if_nobodys(&directory, name);
                    }
                    _ => {}
                }
            }
        }
    }
}

/// True for names that [`Root::draft`] makes.
fn is_draft(name: &[u8]) -> bool {
    let random = name.strip_prefix(b".").and_then(|name| name.strip_suffix(b".sst-put"));
    random.is_some_and(|digits| digits.len() == 16 && digits.iter().all(u8::is_ascii_hexdigit))
}

fn remove_if_nobodys(directory: &OwnedFd, name: &[u8]) {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(draft) = rustix::fs::openat(directory, name, flags, Mode::empty()) else { return };
    if rustix::fs::flock(&draft, FlockOperation::NonBlockingLockExclusive).is_ok() {
        let _ = rustix::fs::unlinkat(directory, name, AtFlags::empty());
    }
}

impl Draft {
    /// Puts the file on disk, with its attributes and under its name, unless that has been taken
    /// meanwhile.
    pub(super) fn keep(mut self) -> Result<(), Refusal> {
        if let Some(attributes) = self.attributes {
            attributes.apply(&self.file);
        }
        self.file.sync_all().map_err(|error| refusal_of(&error))?;
        let (from, to) = (&self.temporary, &self.name);
        // A link, not a renaming: that would replace a file that appeared meanwhile.
        let at = &self.directory;
        match rustix::fs::linkat(at, from, at, &to[..], AtFlags::empty()) {
            Ok(()) => drop(rustix::fs::unlinkat(at, from, AtFlags::empty())),
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::NOSYS) => {
                // No hard links here: FAT, some network file systems.
                rustix::fs::renameat_with(at, from, at, &to[..], RenameFlags::NOREPLACE)
                    .map_err(refusal)?;
            }
            Err(error) => return Err(refusal(error)),
        }
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
        drop(root.draft(b"new", None).ok().unwrap());
        assert_eq!(count(), 0);
        let (one, other) =
            (root.draft(b"new", None).ok().unwrap(), root.draft(b"new", None).ok().unwrap());
        one.keep().unwrap();
        assert_eq!(other.keep(), Err(Refusal::Exists));
        assert_eq!(count(), 1);
        assert_eq!(root.draft(b"new", None).err(), Some(Refusal::Exists));
    }

    #[test]
    fn drafts_of_servers_that_died_go_and_too_deep_directories_are_passed_over() {
        let inside = tempfile::tempdir().unwrap();
        let old = |name: &str| std::fs::write(inside.path().join(name), "half").unwrap();
        old(".0123456789abcdef.sst-put");
        old(".kept.sst-put");
        let root = Root::open(inside.path()).unwrap();
        // Longer than a path can be, so made one by one.
        let (name, mut at) = (vec![b'd'; 255], root.walk(&[]).unwrap());
        for _ in 0..20 {
            rustix::fs::mkdirat(&at, &name[..], Mode::RWXU).unwrap();
            let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
            at = rustix::fs::openat(&at, &name[..], flags, Mode::empty()).unwrap();
        }
        root.remove_old_drafts(i64::MAX);
        let mut left: Vec<_> = std::fs::read_dir(inside.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, [".kept.sst-put".to_owned(), "d".repeat(255)]);
    }
}
