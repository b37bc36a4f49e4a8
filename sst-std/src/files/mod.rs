//! The service `files` / `1`: directories and files over a session, every file a child substream
//! of its directory's stream. docs/FILES.md is the format.
//!
//! [`FileServer`] shares a directory; [`fetch`] gets a file or a whole tree, and goes on where an
//! earlier attempt stopped; [`put`] sends a file or a whole tree. Contents are checked with BLAKE3,
//! nothing unfinished ever has a final name, and neither side can be led out of its directory.

mod attributes;
mod budget;
mod contents;
mod draft;
mod fetch;
mod hashes;
mod listing;
mod local;
mod look;
mod make;
mod message;
mod name;
mod partial;
mod places;
mod put;
mod receive;
mod root;
mod send;
mod serve;
mod stall;
mod summary;
mod target;
mod tasks;
mod tree;
mod upload;
mod waiting;

use std::io;
use std::path::PathBuf;

use crate::error::{OpenError, ReadError, ServiceError, WriteError};
use crate::service::Offer;

pub use contents::Contents;
pub use fetch::{FetchOptions, Observer, Progress, fetch};
pub use message::Refusal;
pub use put::{PutOptions, put, put_all};
pub use serve::FileServer;
pub use summary::Summary;

/// The service's name.
pub const SERVICE: &str = "files";
/// The protocol's name.
pub const PROTOCOL: &str = "1";
/// Files up to this many bytes are sent before larger ones.
pub const SMALL_FILE_BYTES: u64 = 64 << 10;
/// The priority of small files; others have their stream's, 0 unless the receiver asks otherwise.
pub const SMALL_FILE_PRIORITY: i8 = 8;

/// Pieces in which files are read, hashed and written.
const PIECE_LEN: usize = 128 << 10;
/// A file became shorter, or a directory another, while it was sent.
const CODE_CHANGED: u64 = 1;

/// Why a file or tree could not be had, or sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// Another process is at the same file.
    #[error("{}: another transfer is writing this file", path.display())]
    Busy {
        /// The local file.
        path: PathBuf,
    },
    /// The contents are not what the sender hashed, twice in a row.
    #[error("{path}: the BLAKE3 hash does not match")]
    Hash {
        /// The remote path.
        path: String,
    },
    /// The local system refused.
    #[error("{}: {source}", path.display())]
    Local {
        /// The local file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It is no file, and nothing that could be made here.
    #[error("{path}: {what}, left out")]
    LeftOut {
        /// The path, at the side that sends.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// The peer sent what the protocol does not allow.
    #[error("{path}: the peer broke the file protocol: {problem}")]
    Protocol {
        /// The remote path.
        path: String,
        /// What was wrong.
        problem: &'static str,
    },
    /// The peer does not want to.
    #[error("{path}: {refusal}")]
    Refused {
        /// The remote path.
        path: String,
        /// In its words.
        refusal: Refusal,
    },
    /// The stream or the session ended.
    #[error("{path}: {source}")]
    Transport {
        /// The remote path.
        path: String,
        /// How.
        source: io::Error,
    },
}

/// What a host that serves files offers.
#[must_use]
pub fn offer() -> Offer {
    Offer::new(SERVICE, PROTOCOL, "directories and files")
}

impl FileError {
    /// Makes the error of something that failed about `path` while talking to the peer.
    fn transport<E: Into<io::Error>>(path: &str) -> impl Fn(E) -> Self {
        move |source| Self::Transport { path: shown(path), source: source.into() }
    }

    fn local(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Local { path, source }
    }

    fn protocol(path: &str, problem: &'static str) -> Self {
        Self::Protocol { path: shown(path), problem }
    }
}

/// The shared directory itself has an empty path; and control characters of a peer's names do not
/// belong on a terminal.
fn shown(path: &str) -> String {
    if path.is_empty() { "/".into() } else { path.escape_debug().to_string() }
}

/// For `?` inside the server, where no one reads the error but a log.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Write(#[from] WriteError),
}
