//! [`Partial`]: a local file on its way: under a temporary name until it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;

use super::FileError;
use super::message::HASH_LEN;
use super::serve::hash_on;

/// The unfinished copy of `NAME` is `.NAME.sst-part` beside it.
pub(super) struct Partial {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    hasher: blake3::Hasher,
    have: u64,
    /// The bytes known are those of the final file, not of the temporary one.
    is_final: bool,
}

/// Where a file has to be before it gets its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    InCache,
    OnDisk,
}

impl Partial {
    /// Looks what there is at `path`: the final file, an unfinished one, or nothing. Hashes it.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let local = |source| FileError::Local { path: path.into(), source };
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput.into()).map_err(local)?;
        let mut temporary_name = std::ffi::OsString::from(".");
        temporary_name.push(name);
        temporary_name.push(".sst-part");
        let temporary = path.with_file_name(temporary_name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        // A link planted under that name must not lead elsewhere.
        std::os::unix::fs::OpenOptionsExt::custom_flags(
            &mut options,
            rustix::fs::OFlags::NOFOLLOW.bits() as i32,
        );
        let file = options.open(&temporary).map_err(local)?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(FileError::Busy { path: path.into() });
        }
        let (known, is_final) = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_file() => (File::open(path).map_err(local)?, true),
            Ok(_) => return Err(local(io::ErrorKind::AlreadyExists.into())),
            Err(_) => (file.try_clone().map_err(local)?, false),
        };
        let have = known.metadata().map_err(local)?.len();
        let mut hasher = blake3::Hasher::new();
        hash_on(&known, 0, have, &mut hasher).map_err(local)?;
        Ok(Self { path: path.into(), temporary, file, hasher, have, is_final })
    }

    /// How many bytes are there, and their hash.
    pub(super) fn known(&self) -> (u64, [u8; HASH_LEN]) {
        (self.have, *self.hasher.finalize().as_bytes())
    }

    /// The sender goes on at `offset`: 0, or what was known. True if there is nothing to do.
    pub(super) fn begin(&mut self, offset: u64, size: u64) -> Result<bool, FileError> {
        if self.is_final && offset == size && size == self.have {
            return Ok(true);
        }
        let begun = self.begin_at(offset);
        begun.map_err(FileError::local(&self.path))?;
        Ok(false)
    }

    fn begin_at(&mut self, offset: u64) -> io::Result<()> {
        if offset == 0 {
            self.hasher = blake3::Hasher::new();
        } else if self.is_final {
            fs::copy(&self.path, &self.temporary)?;
        }
        self.is_final = false;
        self.file.set_len(offset)?;
        self.file.seek(SeekFrom::Start(offset)).map(|_| ())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.hasher.update(bytes);
        self.file.write_all(bytes).map_err(FileError::local(&self.path))
    }

    /// True if everything has the sender's hash.
    pub(super) fn matches(&self, hash: &[u8]) -> bool {
        self.hasher.finalize().as_bytes() == hash
    }

    /// Gives it its name.
    pub(super) fn keep(self, keep: Keep) -> Result<(), FileError> {
        let synced = if keep == Keep::OnDisk { self.file.sync_all() } else { Ok(()) };
        let kept = synced.and_then(|()| fs::rename(&self.temporary, &self.path));
        kept.map_err(FileError::local(&self.path))
    }

    /// Nothing of it is of use.
    pub(super) fn discard(self) {
        let _ = fs::remove_file(&self.temporary);
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // An unfinished file without a byte helps no one.
        if self.is_final || self.file.metadata().is_ok_and(|metadata| metadata.len() == 0) {
            let still_ours =
                fs::metadata(&self.temporary).is_ok_and(|metadata| metadata.len() == 0);
            if still_ours {
                let _ = fs::remove_file(&self.temporary);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_goes_on_where_it_stopped_and_appears_when_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut first = Partial::open(&path).unwrap();
        assert_eq!(first.known().0, 0);
        assert!(!first.begin(0, 11).unwrap());
        first.write(b"hello ").unwrap();
        assert!(matches!(Partial::open(&path), Err(FileError::Busy { .. })));
        drop(first);
        assert_eq!(names(directory.path()), [".file.sst-part"]);
        let mut second = Partial::open(&path).unwrap();
        assert_eq!(second.known(), (6, *blake3::hash(b"hello ").as_bytes()));
        assert!(!second.begin(6, 11).unwrap());
        second.write(b"world").unwrap();
        assert!(second.matches(blake3::hash(b"hello world").as_bytes()));
        second.keep(Keep::OnDisk).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"hello world");
        assert_eq!(names(directory.path()), ["file"]);
        let mut third = Partial::open(&path).unwrap();
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
        let mut grown = Partial::open(&path).unwrap();
        assert!(!grown.begin(3, 5).unwrap());
        grown.write(b"de").unwrap();
        grown.keep(Keep::InCache).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcde");
        let mut changed = Partial::open(&path).unwrap();
        assert!(!changed.begin(0, 1).unwrap());
        changed.write(b"z").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcde", "not before it is whole");
        changed.keep(Keep::InCache).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"z");
    }
}
