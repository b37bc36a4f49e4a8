//! [`Local`]: a local directory whose contents are put, read a part at a time.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::Dir;
use rustix::io::Errno;

use super::look::look;
use super::message::{Attributes, Entry, Refusal};
use super::name::{components, is_plain};
use super::root::{Found, Root};
use super::{FileError, root};

/// How many entries are looked at in one turn.
const PART_ENTRIES: usize = 64;

/// A path in a local tree. Like a server, it follows no links below the top: what is sent is what
/// was looked at.
#[derive(Clone, Debug)]
pub(super) struct Local {
    root: Arc<Root>,
    /// The top, as a user knows it.
    shown: Arc<Path>,
    /// The path below it, of plain names.
    pub(super) inside: Vec<u8>,
}

/// The names in a local directory that have not been looked at.
#[derive(Debug)]
pub(super) struct Names {
    of: Local,
    names: Vec<Box<[u8]>>,
}

impl Local {
    /// The directory at `path`, through links: the path is the user's own.
    pub(super) fn directory(path: &Path) -> Result<Self, FileError> {
        let root = Arc::new(Root::open(path).map_err(FileError::local(path))?);
        Ok(Self { root, shown: path.into(), inside: Vec::new() })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.shown.join(OsStr::from_bytes(&self.inside))
    }

    pub(super) fn join(&self, name: &[u8]) -> Self {
        let inside = super::name::join(&self.inside, name);
        Self { root: self.root.clone(), shown: self.shown.clone(), inside }
    }

    /// Opens the file.
    pub(super) fn open(&self) -> Result<(File, u64, Attributes), FileError> {
        match self.root.find(&self.inside) {
            Ok(Found::File(file, version, attributes)) => Ok((file, version.size, attributes)),
            Ok(Found::Directory(..)) => Err(self.error(Errno::ISDIR.into())),
            Err(Refusal::Io(words)) => Err(self.error(io::Error::other(words))),
            Err(refusal) => Err(self.error(io::Error::other(refusal.to_string()))),
        }
    }

    /// The attributes of the directory.
    pub(super) fn attributes(&self) -> Result<Attributes, FileError> {
        let names = components(&self.inside).unwrap_or_default();
        let stat = self.root.walk(&names).and_then(rustix::fs::fstat);
        Ok(root::attributes(&stat.map_err(|error| self.error(error.into()))?))
    }

    /// All names in the directory: they are short, and how many they are is the user's own doing.
    pub(super) fn names(self) -> Result<Names, FileError> {
        let read = || {
            let names = components(&self.inside).unwrap_or_default();
            let mut names_in = Vec::new();
            for entry in Dir::new(self.root.walk(&names)?)? {
                let entry = entry?;
                let name = entry.file_name().to_bytes();
                if is_plain(name) {
                    names_in.push(name.into());
                }
            }
            Ok(names_in)
        };
        let names = read().map_err(|error: Errno| self.error(error.into()))?;
        Ok(Names { of: self, names })
    }

    fn error(&self, source: io::Error) -> FileError {
        FileError::Local { path: self.path(), source }
    }
}

impl Names {
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Looks at the next ones. What has gone meanwhile is nowhere.
    pub(super) fn part(&mut self) -> Vec<Result<Entry, FileError>> {
        let names = components(&self.of.inside).unwrap_or_default();
        let part = self.names.split_off(self.names.len().saturating_sub(PART_ENTRIES));
        let directory = match self.of.root.walk(&names) {
            Ok(directory) => directory,
            Err(error) => {
                self.names.clear();
                return vec![Err(self.of.error(error.into()))];
            }
        };
        let depth = names.len();
        let looked = part.into_iter().filter_map(|name| match look(&directory, &name, depth) {
            Ok((thing, attributes)) => {
                Some(Ok(Entry { name: name.into(), thing, attributes: Some(attributes) }))
            }
            Err(Errno::NOENT) => None,
            Err(error) => Some(Err(self.of.join(&name).error(error.into()))),
        });
        looked.collect()
    }
}
