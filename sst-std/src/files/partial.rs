//! [`Partial`]: a local file on its way: under a temporary name until it is whole.
//!
//! Whoever holds the lock of the file that the temporary name leads to owns that name: nobody else
//! renames, removes or writes it. Everything is opened in the directory that was found without
//! following links, so nothing is written outside of it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::attributes::allow;
use super::message::{Attributes, HASH_LEN};
use super::name::random_name;
use super::root::Version;
use super::serve::hash_on;
use super::target::{Target, in_the_way, kind, temporary_name};
use super::{FileError, PIECE_LEN};

/// How often the temporary name is tried again when another process took it away meanwhile.
const MAX_ATTEMPTS: usize = 100;

/// The unfinished copy of `NAME` is `.NAME.sst-part` beside it.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    directory: OwnedFd,
    name: Vec<u8>,
    temporary: Vec<u8>,
    file: File,
    /// The finished file, if there is one: the bytes known are its own.
    finished: Option<File>,
    /// There is a finished file, too, and the bytes known are not its own.
    has_other: bool,
    hasher: blake3::Hasher,
    have: u64,
    /// Where the next bytes go.
    at: u64,
    is_kept: bool,
    /// Without a lock the temporary name is this transfer's own, and of no use to another.
    is_locked: bool,
}

/// What a transfer goes on from, if both are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Basis {
    /// The unfinished file, which is the younger one.
    Unfinished,
    /// The finished file, which may have been only the beginning of what is there now.
    Finished,
}

/// Where a file has to be before it gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    InCache,
    OnDisk,
}

impl Partial {
    /// Looks what there is at `target`: the final file, an unfinished one, or nothing. Hashes what
    /// `basis` says, or what there is.
    pub(super) fn open(target: &Target, basis: Basis) -> Result<Self, FileError> {
        let path = target.path();
        let local = |source| FileError::Local { path: path.clone(), source };
        let (directory, name) = target.parent().map_err(local)?;
        let finished = open_finished(&directory, name).map_err(local)?;
        let temporary = temporary_name(name);
        let opened = open_locked(&directory, &temporary).map_err(local)?;
        let Some((file, temporary, is_locked)) = opened else {
            return Err(FileError::Busy { path });
        };
        let is_begun = file.metadata().map_err(local)?.len() > 0;
        let has_both = is_begun && finished.is_some();
        let finished = finished.filter(|_| !is_begun || basis == Basis::Finished);
        let has_other = has_both && finished.is_none();
        let known = finished.as_ref().unwrap_or(&file);
        let have = known.metadata().map_err(local)?.len();
        let mut hasher = blake3::Hasher::new();
        hash_on(known, 0, have, &mut hasher).map_err(local)?;
        let (name, is_kept) = (name.to_vec(), false);
        Ok(Self {
            path,
            directory,
            name,
            temporary,
            file,
            finished,
            has_other,
            hasher,
            have,
            at: 0,
            is_kept,
            is_locked,
        })
    }

    /// How many bytes are there, and their hash.
    pub(super) fn known(&self) -> (u64, [u8; HASH_LEN]) {
        (self.have, *self.hasher.finalize().as_bytes())
    }

    /// The sender does not go on from what is known, but might from the finished file.
    pub(super) fn has_other(&self) -> bool {
        self.has_other
    }

    /// The sender goes on at `offset`: 0, or what was known. True if there is nothing to do.
    pub(super) fn begin(&mut self, offset: u64, size: u64) -> Result<bool, FileError> {
        if self.finished.is_some() && offset == size && size == self.have {
            return Ok(true);
        }
        let begun = self.begin_at(offset);
        begun.map_err(FileError::local(&self.path))?;
        Ok(false)
    }

    fn begin_at(&mut self, offset: u64) -> io::Result<()> {
        let finished = self.finished.take();
        if offset == 0 {
            self.hasher = blake3::Hasher::new();
        } else if let Some(finished) = finished {
            let known = self.hasher.finalize();
            self.hasher = copy(&finished, &self.file, offset)?;
            if self.hasher.finalize() != known {
                return Err(io::Error::other("it changed while it was read"));
            }
        }
        self.at = offset;
        self.file.set_len(offset)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.hasher.update(bytes);
        let written = self.file.write_all_at(bytes, self.at);
        self.at += bytes.len() as u64;
        written.map_err(FileError::local(&self.path))
    }

    /// True if everything has the sender's hash.
    pub(super) fn matches(&self, hash: &[u8]) -> bool {
        self.hasher.finalize().as_bytes() == hash
    }

    /// It is here already: only its attributes may be others, and nothing unfinished is of use.
    pub(super) fn refresh(mut self, attributes: Option<Attributes>) {
        if let (Some(finished), Some(attributes)) = (&self.finished, attributes) {
            attributes.apply(finished);
        }
        self.remove();
    }

    /// Gives it its attributes and its name.
    pub(super) fn keep(
        mut self,
        keep: Keep,
        attributes: Option<Attributes>,
    ) -> Result<(), FileError> {
        match attributes {
            Some(attributes) => attributes.apply(&self.file),
            None => allow(&self.file, 0o666),
        }
        let synced = if keep == Keep::OnDisk { self.file.sync_all() } else { Ok(()) };
        let kept = synced.and_then(|()| {
            if !leads_to(&self.directory, &self.temporary, &self.file) {
                return Err(io::Error::other("its unfinished copy was taken away"));
            }
            let (at, from, to) = (&self.directory, &self.temporary[..], &self.name[..]);
            Ok(rustix::fs::renameat(at, from, at, to)?)
        });
        self.is_kept = kept.is_ok();
        kept.map_err(FileError::local(&self.path))
    }

    /// Nothing of it is of use.
    pub(super) fn discard(mut self) {
        self.remove();
    }

    fn remove(&mut self) {
        if !self.is_kept && leads_to(&self.directory, &self.temporary, &self.file) {
            let _ = rustix::fs::unlinkat(&self.directory, &self.temporary[..], AtFlags::empty());
        }
        self.is_kept = true;
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // An unfinished file without a byte helps no one.
        let is_empty = self.file.metadata().is_ok_and(|metadata| metadata.len() == 0);
        if is_empty || !self.is_locked {
            self.remove();
        }
    }
}

/// The finished file, if there is one.
fn open_finished(directory: &OwnedFd, name: &[u8]) -> io::Result<Option<File>> {
    match kind(directory, name)? {
        None => return Ok(None),
        Some(FileType::RegularFile) => {}
        there => return Err(in_the_way(there)),
    }
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Ok(file) if is_file(&file)? => Ok(Some(file.into())),
        Ok(_) => Err(in_the_way(None)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Opens and locks the file under the temporary name; `None` if another transfer has it. The lock
/// counts only if the name still leads to what was locked: until then, another transfer may have
/// renamed or removed it. Where there are no locks, the file has a name of its own.
fn open_locked(directory: &OwnedFd, temporary: &[u8]) -> io::Result<Option<(File, Vec<u8>, bool)>> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    // Nobody else's before it is known whose it may be.
    let mode = Mode::from_raw_mode(0o600);
    let open = |name: &[u8], more| {
        rustix::fs::openat(directory, name, flags | OFlags::CLOEXEC | more, mode)
    };
    for _ in 0..MAX_ATTEMPTS {
        let file = open(temporary, OFlags::empty())?;
        if !is_file(&file)? {
            return Err(in_the_way(None));
        }
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(Errno::INTR) => continue,
            Err(_) => {
                let file = File::from(file);
                if file.metadata()?.len() == 0 && leads_to(directory, temporary, &file) {
                    rustix::fs::unlinkat(directory, temporary, AtFlags::empty())?;
                }
                // By chance: a name that can be foreseen may be there already, from a process that
                // died, or be another transfer's of this one.
                let own = random_name(".sst-part")?.into_bytes();
                return Ok(Some((open(&own, OFlags::EXCL)?.into(), own, false)));
            }
        }
        let file = File::from(file);
        if leads_to(directory, temporary, &file) {
            return Ok(Some((file, temporary.into(), true)));
        }
    }
    Ok(None)
}

fn leads_to(directory: &OwnedFd, name: &[u8], file: &File) -> bool {
    let there = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW);
    let (Ok(there), Ok(ours)) = (there, rustix::fs::fstat(file)) else { return false };
    Version::of(&there).is_same_file(&Version::of(&ours))
}

fn is_file(file: &OwnedFd) -> io::Result<bool> {
    let stat = rustix::fs::fstat(file)?;
    Ok(FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// Copies the first `len` bytes to the beginning of `to`, and hashes them.
fn copy(from: &File, to: &File, len: u64) -> io::Result<blake3::Hasher> {
    let (mut hasher, mut done, mut piece) = (blake3::Hasher::new(), 0, vec![0; PIECE_LEN]);
    while done < len {
        let want = usize::try_from(len - done).unwrap_or(PIECE_LEN).min(PIECE_LEN);
        let read = from.read_at(&mut piece[..want], done)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        to.write_all_at(&piece[..read], done)?;
        done += read as u64;
    }
    Ok(hasher)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::*;

    fn open(path: &Path) -> Result<Partial, FileError> {
        Partial::open(&Target::file(path)?, Basis::Unfinished)
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_goes_on_where_it_stopped_and_appears_when_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut first = open(&path).unwrap();
        assert_eq!(first.known().0, 0);
        assert!(!first.begin(0, 11).unwrap());
        first.write(b"hello ").unwrap();
        assert!(matches!(open(&path), Err(FileError::Busy { .. })));
        drop(first);
        assert_eq!(names(directory.path()), [".file.sst-part"]);
        let mut second = open(&path).unwrap();
        assert_eq!(second.known(), (6, *blake3::hash(b"hello ").as_bytes()));
        assert!(!second.begin(6, 11).unwrap());
        second.write(b"world").unwrap();
        assert!(second.matches(blake3::hash(b"hello world").as_bytes()));
        second.keep(Keep::OnDisk, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"hello world");
        assert_eq!(names(directory.path()), ["file"]);
        let mut third = open(&path).unwrap();
        assert_eq!(third.known().0, 11);
        assert!(third.begin(11, 11).unwrap(), "nothing to do");
        drop(third);
        assert_eq!(names(directory.path()), ["file"]);
    }

    #[test]
    fn a_file_that_grew_or_changed_is_replaced_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, "abc").unwrap();
        let mut grown = open(&path).unwrap();
        assert!(!grown.begin(3, 5).unwrap());
        grown.write(b"de").unwrap();
        grown.keep(Keep::InCache, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcde");
        let mut changed = open(&path).unwrap();
        assert!(!changed.begin(0, 1).unwrap());
        changed.write(b"z").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcde", "not before it is whole");
        changed.keep(Keep::InCache, None).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"z");
    }

    #[test]
    fn a_lock_counts_only_while_the_name_leads_to_what_is_locked() {
        let directory = tempfile::tempdir().unwrap();
        let (path, part) = (directory.path().join("file"), directory.path().join(".file.sst-part"));
        // Another transfer opened the part before this one finished or removed it.
        let mut first = open(&path).unwrap();
        let late = File::options().read(true).write(true).open(&part).unwrap();
        first.begin(0, 5).unwrap();
        first.write(b"whole").unwrap();
        first.keep(Keep::InCache, None).unwrap();
        let at: OwnedFd = File::open(directory.path()).unwrap().into();
        assert!(!leads_to(&at, b".file.sst-part", &late), "that is the final file now");
        fs::write(&part, "half").unwrap();
        assert!(!leads_to(&at, b".file.sst-part", &late), "that is another's part");
        // One that lost its name neither renames nor removes what has the name now.
        let mut second = open(&directory.path().join("other")).unwrap();
        let other = directory.path().join(".other.sst-part");
        fs::remove_file(&other).unwrap();
        fs::write(&other, "another's").unwrap();
        second.begin(0, 1).unwrap();
        drop(second);
        assert_eq!(fs::read(&other).unwrap(), b"another's");
        assert_eq!(fs::read(&path).unwrap(), b"whole");
    }

    #[test]
    fn many_at_once_leave_whole_files_only() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let contents: Vec<Vec<u8>> = (1..=6).map(|number| vec![number; 50_000]).collect();
        std::thread::scope(|scope| {
            for mine in &contents {
                let path = &path;
                scope.spawn(move || {
                    for round in 0..200 {
                        let Ok(mut partial) = open(path) else { continue };
                        partial.begin(0, mine.len() as u64).unwrap();
                        let half = mine.len() / 2;
                        partial.write(&mine[..half]).unwrap();
                        if round % 3 == 0 {
                            continue;
                        }
                        partial.write(&mine[half..]).unwrap();
                        partial.keep(Keep::InCache, None).unwrap();
                    }
                });
            }
            let is_whole = |found: &Vec<u8>| contents.contains(found);
            for _ in 0..500 {
                if let Ok(found) = fs::read(&path) {
                    assert!(is_whole(&found), "{} bytes", found.len());
                }
            }
        });
        assert!(contents.contains(&fs::read(&path).unwrap()));
    }

    #[test]
    fn nothing_is_written_through_links_or_over_what_is_no_file() {
        let (directory, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let at = |name: &str| directory.path().join(name);
        symlink(outside.path(), at("away")).unwrap();
        symlink(outside.path().join("secret"), at("link")).unwrap();
        symlink(outside.path().join("secret"), at(".file.sst-part")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        let target = Target::directory(directory.path()).unwrap();
        assert!(target.join(b"away").make_directory(None).is_err());
        assert!(Partial::open(&target.join(b"away").join(b"new"), Basis::Unfinished).is_err());
        for name in ["link", "directory", "away", "file"] {
            let error = Partial::open(&target.join(name.as_bytes()), Basis::Unfinished)
                .unwrap_err()
                .to_string();
            assert!(!error.contains("entity"), "{error}");
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
        let left = names(directory.path());
        assert_eq!(left.len(), 4, "no litter: {left:?}");
    }

    #[test]
    fn names_of_every_legal_length_have_a_temporary_name() {
        let directory = tempfile::tempdir().unwrap();
        for len in [1, 244, 245, 246, 255] {
            let name = "n".repeat(len);
            let mut partial = open(&directory.path().join(&name)).unwrap();
            partial.begin(0, 1).unwrap();
            partial.write(b"x").unwrap();
            partial.keep(Keep::InCache, None).unwrap();
        }
        assert_eq!(names(directory.path()).len(), 5);
        assert_ne!(temporary_name(&[1; 255]), temporary_name(&[2; 255]));
    }
}
