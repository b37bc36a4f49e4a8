//! [`Target`]: where a file, directory or link goes. Everything is opened in the directory above,
//! without following links, so nothing is written outside of the destination.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::FileError;
use super::message::Attributes;
use super::name::{MAX_NAME_LEN, components, join};
use super::root::{Root, attributes};

/// Where a file or directory goes: below a directory, through no links.
#[derive(Clone, Debug)]
pub(super) struct Target {
    root: Arc<Root>,
    /// The directory, as a user knows it.
    shown: Arc<Path>,
    /// The path below it, of plain names.
    inside: Vec<u8>,
}

impl Target {
    /// The directory at `path`, which is made if it is not there. This last time links are
    /// followed: the path is the user's own.
    pub(super) fn directory(path: &Path) -> Result<Self, FileError> {
        let made = std::fs::create_dir_all(path).and_then(|()| Root::open(path));
        let root = Arc::new(made.map_err(FileError::local(path))?);
        Ok(Self { root, shown: path.into(), inside: Vec::new() })
    }

    /// The file at `path`, in a directory that exists.
    pub(super) fn file(path: &Path) -> Result<Self, FileError> {
        let local = |source| FileError::Local { path: path.into(), source };
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Err(local(io::Error::other("there is no such directory")));
        }
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput.into()).map_err(local)?;
        let above = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let root = Arc::new(Root::open(above).map_err(local)?);
        Ok(Self { root, shown: above.into(), inside: name.as_bytes().into() })
    }

    /// `name`, which is plain, in this directory.
    pub(super) fn join(&self, name: &[u8]) -> Self {
        let inside = join(&self.inside, name);
        Self { root: self.root.clone(), shown: self.shown.clone(), inside }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.shown.join(OsStr::from_bytes(&self.inside))
    }

    /// Makes the directory, unless it is there.
    pub(super) fn make_directory(&self, attributes: Option<Attributes>) -> Result<(), FileError> {
        // With attributes, it gets them once everything is in it.
        let mode = Mode::from_raw_mode(if attributes.is_some() { 0o700 } else { 0o777 });
        let made = self.parent().and_then(|(directory, name)| {
            match rustix::fs::mkdirat(&directory, name, mode) {
                Ok(()) => return Ok(()),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            match kind(&directory, name)? {
                Some(FileType::Directory) => self.open_up(&directory, name),
                there => Err(in_the_way(there)),
            }
        });
        made.map_err(FileError::local(self.path()))
    }

    /// Lets this user put things into a directory of an earlier fetch that was read-only there.
    fn open_up(&self, above: &OwnedFd, name: &[u8]) -> io::Result<()> {
        const OWNER: u32 = 0o700;
        let stat = rustix::fs::statat(above, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mode = attributes(&stat).mode;
        if mode & OWNER != OWNER {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let there = rustix::fs::openat(above, name, flags, Mode::empty())?;
            rustix::fs::chmodat(&there, ".", Mode::from_raw_mode(mode | OWNER), AtFlags::empty())?;
        }
        Ok(())
    }

    /// Everything is in the directory that will be.
    pub(super) fn finish_directory(&self, attributes: Attributes) {
        let Some(names) = components(&self.inside) else { return };
        if let Ok(directory) = self.root.walk(&names) {
            attributes.apply(&directory);
        }
    }

    /// Makes a symbolic link, or changes the one that is there.
    pub(super) fn make_link(&self, target: &[u8]) -> Result<(), FileError> {
        let made = self.parent().and_then(|(at, name)| match kind(&at, name)? {
            None => Ok(rustix::fs::symlinkat(target, &at, name)?),
            Some(FileType::Symlink) => {
                let there = rustix::fs::readlinkat(&at, name, Vec::new())?;
                if there.as_bytes() == target {
                    return Ok(());
                }
                replace_link(&at, name, target)
            }
            there => Err(in_the_way(there)),
        });
        made.map_err(FileError::local(self.path()))
    }

    /// How many directories it is below the top.
    pub(super) fn depth(&self) -> usize {
        components(&self.inside).map_or(0, |names| names.len().saturating_sub(1))
    }

    /// The open directory it is in, and its name there.
    pub(super) fn parent(&self) -> io::Result<(OwnedFd, &[u8])> {
        let names = components(&self.inside).ok_or(io::ErrorKind::InvalidInput)?;
        let (name, above) = names.split_last().ok_or(io::ErrorKind::InvalidInput)?;
        Ok((self.root.walk(above)?, name))
    }
}

/// Makes a symbolic link in the place of another one, which is there until then.
fn replace_link(at: &OwnedFd, name: &[u8], target: &[u8]) -> io::Result<()> {
    let temporary = temporary_name(name);
    let remove = || rustix::fs::unlinkat(at, &temporary[..], AtFlags::empty());
    // Of a fetch that died here. An unfinished file of that name stays, and is in the way.
    if kind(at, &temporary)? == Some(FileType::Symlink) {
        remove()?;
    }
    rustix::fs::symlinkat(target, at, &temporary[..])?;
    let renamed = rustix::fs::renameat(at, &temporary[..], at, name);
    if renamed.is_err() {
        let _ = remove();
    }
    Ok(renamed?)
}

/// The name a file has until it is whole. A name that leaves no room for that is hashed.
pub(super) fn temporary_name(name: &[u8]) -> Vec<u8> {
    let plain = [b".", name, b".sst-part"].concat();
    if plain.len() <= MAX_NAME_LEN {
        return plain;
    }
    [b".", blake3::hash(name).to_hex().as_bytes(), b".sst-part"].concat()
}

/// What is at `name`; `None` if nothing is.
pub(super) fn kind(directory: &OwnedFd, name: &[u8]) -> io::Result<Option<FileType>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What is there is left alone, because it is no file that could be replaced by one.
pub(super) fn in_the_way(there: Option<FileType>) -> io::Error {
    io::Error::other(match there {
        Some(FileType::Directory) => "a directory of that name is there, and stays",
        Some(FileType::Symlink) => "a symbolic link of that name is there; it is not followed",
        Some(FileType::RegularFile) => "a file of that name is there, and stays",
        _ => "something of that name is there that is no regular file",
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_is_changed_even_if_an_earlier_fetch_died_while_it_did_so() {
        let inside = tempfile::tempdir().unwrap();
        symlink("old", inside.path().join("link")).unwrap();
        symlink("half", inside.path().join(".link.sst-part")).unwrap();
        let target = Target::directory(inside.path()).unwrap().join(b"link");
        target.make_link(b"new").unwrap();
        assert_eq!(std::fs::read_link(inside.path().join("link")).unwrap(), Path::new("new"));
        assert_eq!(std::fs::read_dir(inside.path()).unwrap().count(), 1);
    }
}
