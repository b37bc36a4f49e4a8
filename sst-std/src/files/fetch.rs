//! [`fetch`]: gets a file or a tree.

use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncReadExt;
use tokio::task::spawn_blocking;

use super::message::{
    Attributes, Form, HASH_LEN, Kind, MAX_RECORD_LEN, Refusal, Request, parse_get_answer,
};
use super::partial::{Basis, Keep, Partial};
use super::serve::piece_len;
use super::summary::{Moved, Summary};
use super::target::Target;
use super::tree::{Job, Listing, Tree};
use super::{FileError, PROTOCOL, SERVICE, SMALL_FILE_BYTES, shown};
use crate::branch::{Branch, OpenOptions};
use crate::session::Session;
use crate::stream::Stream;

/// A file is asked for again, from the beginning, if it arrives damaged.
const MAX_ATTEMPTS: u32 = 2;

/// What happens during a [`fetch`] or [`put`](super::put), told to an [`Observer`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// A file was found.
    Found {
        /// Its remote path.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// Its transfer begins, after the `have` bytes that are here already.
    Started {
        /// Its remote path.
        path: String,
        /// How many bytes were here before.
        have: u64,
        /// Its stream, for asking for another priority.
        branch: Branch,
    },
    /// Bytes of it arrived.
    Received {
        /// Its remote path.
        path: String,
        /// How many just now.
        bytes: u64,
    },
    /// Bytes of it were sent.
    Sent {
        /// Its remote path.
        path: String,
        /// How many just now.
        bytes: u64,
    },
    /// It is whole, checked, and under its name.
    Done {
        /// Its remote path.
        path: String,
    },
}

/// Is told what happens; called from the tasks that transfer, so it must be quick.
pub type Observer = Arc<dyn Fn(Progress) + Send + Sync>;

/// How to [`fetch`].
#[derive(Clone)]
#[non_exhaustive]
pub struct FetchOptions {
    /// How many files at a time. Default: 64: each costs a stream, and waits for a round trip.
    pub jobs: usize,
    /// Who is told what happens. Default: no one.
    pub observer: Observer,
    /// Whether small files, too, are on disk before they get their names. Default: no.
    ///
    /// Waiting for the disk once per file is what fetching many of them would mostly be. Without
    /// it, a power failure soon after may leave such a file empty or short. Fetching again finds
    /// that out, because what is here is compared by hash.
    pub is_synced: bool,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self { jobs: 64, observer: Arc::new(|_| ()), is_synced: false }
    }
}

/// Gets what is at `path` (empty: everything) to the local path `to`: a file as that file, a
/// directory as that directory.
///
/// What is here already is not transferred again; a partial file is continued, after its beginning
/// was compared by hash. Cancelling leaves only whole files and `.NAME.sst-part` files to continue.
///
/// # Errors
/// [`FileError`] if `path` cannot be had at all; trouble with single files of a tree is in
/// [`Summary::errors`].
pub async fn fetch(
    session: &Session,
    path: &str,
    to: &Path,
    options: FetchOptions,
) -> Result<Summary, FileError> {
    let mut summary = Summary::default();
    let Asked { stream, form, kind, attributes } =
        ask(Above::Session(session), path.as_bytes()).await?;
    match kind {
        Kind::Directory => {
            let to = Target::directory(to)?;
            // The directory itself is the user's own, and keeps its attributes.
            let listing = Listing::new(stream, form, path.into(), to, None);
            Tree::new(options, &mut summary).run(listing).await;
        }
        Kind::File { size } => {
            let to = Target::file(to)?;
            let directory = Listing::new(stream, form, path.into(), to.clone(), None).end();
            (options.observer)(Progress::Found { path: path.into(), size });
            let job = Job { directory, path: path.into(), to, attributes };
            let fetched = fetch_file(job, options).await?;
            summary.on_moved(fetched);
        }
    }
    Ok(summary)
}

/// What a stream is opened under.
pub(super) enum Above<'a> {
    Session(&'a Session),
    Directory(&'a Branch),
}

impl Above<'_> {
    /// A stream for a request about `path`.
    pub(super) async fn open(&self, path: &str) -> Result<Stream, FileError> {
        match self {
            Above::Session(session) => {
                let opened = session.open_service(SERVICE, PROTOCOL).await;
                opened.map_err(FileError::transport(path))
            }
            Above::Directory(branch) => {
                let opened = branch.open_substream(OpenOptions::new()).await;
                opened.map_err(FileError::transport(path))
            }
        }
    }
}

/// A stream whose list was asked for, and the first record of the answer.
pub(super) struct Asked {
    pub(super) stream: Stream,
    pub(super) form: Form,
    pub(super) kind: Kind,
    pub(super) attributes: Option<Attributes>,
}

/// Asks what is at `path`: with attributes, or without them if the peer knows nothing of those.
pub(super) async fn ask(above: Above<'_>, path: &[u8]) -> Result<Asked, FileError> {
    match ask_in(&above, path, Form::Full).await {
        Err(FileError::Refused { refusal: Refusal::BadRequest, .. }) => {
            ask_in(&above, path, Form::Plain).await
        }
        asked => asked,
    }
}

async fn ask_in(above: &Above<'_>, path: &[u8], form: Form) -> Result<Asked, FileError> {
    let name = &text(path);
    let mut stream = above.open(name).await?;
    let request = Request::List { path: path.into(), form }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(name))?;
    let answer = stream.read_record(MAX_RECORD_LEN).await.map_err(FileError::transport(name))?;
    match answer.and_then(|answer| Kind::parse_answer(&answer, form)) {
        Some(Ok((kind, attributes))) => Ok(Asked { stream, form, kind, attributes }),
        Some(Err(refusal)) => Err(FileError::Refused { path: shown(name), refusal }),
        None => Err(FileError::protocol(name, "no answer that makes sense")),
    }
}

/// A path for people; a name that is no text is told as well as can be.
pub(super) fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

pub(super) async fn fetch_file(job: Job, options: FetchOptions) -> Result<Moved, FileError> {
    let Job { directory, path, to, attributes } = job;
    let name = text(&path);
    let (mut basis, mut attempts) = (Basis::Unfinished, 0);
    while attempts < MAX_ATTEMPTS {
        let local = to.clone();
        let partial = spawn_blocking(move || Partial::open(&local, basis)).await;
        let partial = partial.map_err(|error| FileError::Local {
            path: to.path(),
            source: std::io::Error::other(error),
        })??;
        let fetched = fetch_once(&directory.branch, &path, partial, attributes, &options).await?;
        match fetched {
            Once::Moved(moved) => {
                (options.observer)(Progress::Done { path: name });
                return Ok(moved);
            }
            Once::Damaged => attempts += 1,
            Once::OtherBasis => basis = Basis::Finished,
        }
    }
    Err(FileError::Hash { path: shown(&name) })
}

/// What became of one request for a file.
enum Once {
    Moved(Moved),
    /// What arrived does not have the sender's hash.
    Damaged,
    /// The sender does not go on from the unfinished file, but might from the finished one.
    OtherBasis,
}

async fn fetch_once(
    directory: &Branch,
    remote: &[u8],
    mut partial: Partial,
    attributes: Option<Attributes>,
    FetchOptions { observer, is_synced, .. }: &FetchOptions,
) -> Result<Once, FileError> {
    let path = &text(remote);
    let opened = directory.open_substream(OpenOptions::new()).await;
    let mut stream = opened.map_err(FileError::transport(path))?;
    let (have, hash) = partial.known();
    let request = Request::Get { path: remote.into(), have, hash }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(path))?;
    stream.start_finish().map_err(FileError::transport(path))?;
    let answer = stream.read_record(MAX_RECORD_LEN).await.map_err(FileError::transport(path))?;
    let (size, offset) = match answer.as_deref().and_then(parse_get_answer) {
        Some(Ok(answer)) => answer,
        Some(Err(refusal)) => return Err(FileError::Refused { path: shown(path), refusal }),
        None => return Err(FileError::protocol(path, "no answer that makes sense")),
    };
    if offset != 0 && offset != have {
        return Err(FileError::protocol(path, "it goes on elsewhere"));
    }
    if offset == 0 && partial.has_other() {
        return Ok(Once::OtherBasis);
    }
    let is_unchanged = partial.begin(offset, size)?;
    observer(Progress::Started { path: path.clone(), have: offset, branch: stream.branch() });
    let (mut rest, mut piece) = (size - offset, vec![0; piece_len(size - offset)]);
    while rest > 0 {
        let want = piece_len(rest);
        let len = stream.read(&mut piece[..want]).await.map_err(FileError::transport(path))?;
        if len == 0 {
            return Err(FileError::protocol(path, "it is shorter than was said"));
        }
        // The page cache takes it; waiting for the disk is left to `keep`.
        partial.write(&piece[..len])?;
        observer(Progress::Received { path: path.clone(), bytes: len as u64 });
        rest -= len as u64;
    }
    let hash = stream.read_record(HASH_LEN).await.map_err(FileError::transport(path))?;
    let matches = hash.is_some_and(|hash| partial.matches(&hash));
    if matches && is_unchanged {
        partial.refresh(attributes);
    } else if matches {
        let keep = if *is_synced || size > SMALL_FILE_BYTES { Keep::OnDisk } else { Keep::InCache };
        let kept = spawn_blocking(move || partial.keep(keep, attributes)).await;
        kept.map_err(std::io::Error::other).map_err(FileError::transport(path))??;
    } else {
        partial.discard();
    }
    let is_resumed = offset > 0 && !is_unchanged;
    let moved = Moved { bytes: size - offset, is_unchanged, is_resumed };
    Ok(if matches { Once::Moved(moved) } else { Once::Damaged })
}
