//! [`fetch`]: gets a file or a tree.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt;
use tokio::task::{JoinSet, spawn_blocking};

use super::message::{Entry, HASH_LEN, Kind, MAX_RECORD_LEN, Request, parse_get_answer};
use super::name::join;
use super::partial::{Keep, Partial, Target};
use super::serve::piece_len;
use super::waiting::Waiting;
use super::{FileError, PROTOCOL, SERVICE, SMALL_FILE_BYTES, shown};
use crate::branch::{Branch, OpenOptions};
use crate::read_half::ReadHalf;
use crate::session::Session;
use crate::stream::Stream;
use crate::write_half::WriteHalf;

/// How many directories are listed at a time.
const MAX_LISTINGS: usize = 8;
/// Files waiting for their turn before listing pauses: bounds memory on huge trees.
const MAX_WAITING: usize = 2_000;
/// How many entries of a directory are taken before others have a turn. What is not taken waits at
/// the peer.
const MAX_TAKEN: usize = 64;
/// Directories found and not listed to their ends yet. The deepest are listed first, so that these
/// are at most [`MAX_TAKEN`] for each level of a tree; a peer that goes beyond makes them up.
const MAX_UNLISTED: usize = 8_192;
/// Errors that are remembered; the others are only counted.
const MAX_ERRORS: usize = 1_000;
/// A file is asked for again, from the beginning, if it arrives damaged.
const MAX_ATTEMPTS: u32 = 2;

/// What happens during a [`fetch`], told to an [`Observer`].
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

/// What a [`fetch`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Summary {
    /// Files that are here now and have the sender's hash.
    pub files: u64,
    /// Of them, those that were here before.
    pub unchanged: u64,
    /// Directories listed.
    pub directories: u64,
    /// Bytes of contents received.
    pub bytes: u64,
    /// What could not be had; everything else was. The first thousand.
    pub errors: Vec<FileError>,
    /// How many there were in all.
    pub failed: u64,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self { jobs: 64, observer: Arc::new(|_| ()), is_synced: false }
    }
}

/// A directory's stream, kept open for the streams of what is in it, then finished.
struct Directory {
    branch: Branch,
    write: Mutex<WriteHalf>,
    /// Once it is listed. Dropped before, it would tell the peer that nothing more is wanted.
    read: Mutex<Option<ReadHalf>>,
}

enum Outcome {
    Listed { listing: Listing, entries: Vec<Entry>, is_end: bool },
    Fetched { bytes: u64, is_unchanged: bool },
}

/// A directory that is being listed.
struct Listing {
    directory: Arc<Directory>,
    read: ReadHalf,
    path: String,
    to: Target,
}

/// What is to be done for a directory.
enum Step {
    Begin { parent: Arc<Directory>, path: String, to: Target },
    GoOn(Listing),
}

struct Job {
    directory: Arc<Directory>,
    path: String,
    to: Target,
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
    let stream = session.open_service(SERVICE, PROTOCOL).await;
    let mut stream = stream.map_err(FileError::transport(path))?;
    let mut summary = Summary::default();
    match ask(&mut stream, path).await? {
        Kind::Directory => {
            let to = Target::directory(to)?;
            let listing = Listing::new(stream, path.into(), to);
            Tree::new(options, &mut summary).run(listing).await;
        }
        Kind::File { size } => {
            let to = Target::file(to)?;
            let directory = Listing::new(stream, path.into(), to.clone()).end();
            (options.observer)(Progress::Found { path: path.into(), size });
            let job = Job { directory, path: path.into(), to };
            let fetched = fetch_file(job, options).await?;
            summary.on_fetched(fetched);
        }
    }
    Ok(summary)
}

/// One tree's work: what waits, and what is being done.
struct Tree<'a> {
    options: FetchOptions,
    summary: &'a mut Summary,
    /// The last one goes first.
    steps: Vec<Step>,
    files: Waiting<Job>,
    /// Held by every transfer of a large file, to count them.
    large: Arc<()>,
    listing: JoinSet<Result<Outcome, FileError>>,
    fetching: JoinSet<Result<Outcome, FileError>>,
}

impl<'a> Tree<'a> {
    fn new(options: FetchOptions, summary: &'a mut Summary) -> Self {
        let (steps, files) = (Vec::new(), Waiting::default());
        let (listing, fetching) = (JoinSet::new(), JoinSet::new());
        Self { options, summary, steps, files, large: Arc::new(()), listing, fetching }
    }

    async fn run(mut self, first: Listing) {
        self.summary.directories += 1;
        self.steps.push(Step::GoOn(first));
        loop {
            self.start();
            let done = tokio::select! {
                Some(done) = self.listing.join_next() => done,
                Some(done) = self.fetching.join_next() => done,
                else => return,
            };
            match done {
                Ok(Ok(outcome)) => self.on_outcome(outcome),
                Ok(Err(error)) => self.summary.on_error(error),
                // A task of ours panicked: its file is missing from the count.
                Err(error) => self.summary.on_error(FileError::Transport {
                    path: "?".into(),
                    source: std::io::Error::other(error),
                }),
            }
        }
    }

    fn start(&mut self) {
        while self.listing.len() < MAX_LISTINGS && self.files.len() < MAX_WAITING {
            let Some(step) = self.steps.pop() else { break };
            self.listing.spawn(list(step));
        }
        let jobs = self.options.jobs.max(1);
        let most_large = (jobs - jobs / 4).max(1);
        while self.fetching.len() < jobs {
            let has_place = Arc::strong_count(&self.large) <= most_large;
            let Some((job, is_large)) = self.files.take(has_place) else { break };
            let (options, large) = (self.options.clone(), is_large.then(|| self.large.clone()));
            self.fetching.spawn(async move {
                let fetched = fetch_file(job, options).await;
                drop(large);
                fetched
            });
        }
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        let Outcome::Listed { listing, entries, is_end } = outcome else {
            return self.summary.on_fetched(outcome);
        };
        let (path, to) = (listing.path.clone(), listing.to.clone());
        let directory = listing.directory.clone();
        if is_end {
            listing.end();
        } else {
            self.steps.push(Step::GoOn(listing));
        }
        for Entry { name, kind } in entries {
            // The name was checked to be plain, so this stays below `to`.
            let (path, to) = (join(&path, &name), to.join(&name));
            match kind {
                Kind::Directory => self.on_directory(&directory, path, to),
                Kind::File { size } => {
                    (self.options.observer)(Progress::Found { path: path.clone(), size });
                    let job = Job { directory: directory.clone(), path, to };
                    self.files.add(job, size > SMALL_FILE_BYTES);
                }
            }
        }
    }

    fn on_directory(&mut self, parent: &Arc<Directory>, path: String, to: Target) {
        if self.steps.len() >= MAX_UNLISTED {
            let problem = "there are more directories in directories than can be remembered";
            return self.summary.on_error(FileError::protocol(&path, problem));
        }
        match to.make_directory() {
            Ok(()) => {
                self.summary.directories += 1;
                self.steps.push(Step::Begin { parent: parent.clone(), path, to });
            }
            Err(error) => self.summary.on_error(error),
        }
    }
}

impl Summary {
    fn on_fetched(&mut self, outcome: Outcome) {
        if let Outcome::Fetched { bytes, is_unchanged } = outcome {
            self.files += 1;
            self.unchanged += u64::from(is_unchanged);
            self.bytes += bytes;
        }
    }

    fn on_error(&mut self, error: FileError) {
        self.failed += 1;
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }
}

impl Listing {
    /// Of the answer on `stream`, whose first record has been read.
    fn new(stream: Stream, path: String, to: Target) -> Self {
        let branch = stream.branch();
        let (read, write) = stream.split();
        let (write, nothing) = (Mutex::new(write), Mutex::new(None));
        Self { directory: Arc::new(Directory { branch, write, read: nothing }), read, path, to }
    }

    /// Nothing more comes: the stream is there for what is below it.
    fn end(self) -> Arc<Directory> {
        *self.directory.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.read);
        self.directory
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Not a reset: everything under it was asked for.
        let write = self.write.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = write.start_finish();
    }
}

/// Takes the next entries of a directory.
async fn list(step: Step) -> Result<Outcome, FileError> {
    let mut listing = match step {
        Step::GoOn(listing) => listing,
        Step::Begin { parent, path, to } => {
            let opened = parent.branch.open_substream(OpenOptions::new()).await;
            let mut stream = opened.map_err(FileError::transport(&path))?;
            match ask(&mut stream, &path).await? {
                Kind::Directory => Listing::new(stream, path, to),
                Kind::File { .. } => {
                    return Err(FileError::protocol(&path, "a directory became a file"));
                }
            }
        }
    };
    let mut entries = Vec::new();
    while entries.len() < MAX_TAKEN {
        let record = listing.read.read_record(MAX_RECORD_LEN).await;
        let record = record.map_err(FileError::transport(&listing.path))?;
        let problem = match record {
            Some(record) if record.is_empty() => {
                return Ok(Outcome::Listed { listing, entries, is_end: true });
            }
            Some(record) => match Entry::parse(&record) {
                Some(entry) => {
                    entries.push(entry);
                    continue;
                }
                None => "a name that could lead anywhere",
            },
            None => "the listing has no end",
        };
        return Err(FileError::protocol(&listing.path, problem));
    }
    Ok(Outcome::Listed { listing, entries, is_end: false })
}

async fn ask(stream: &mut Stream, path: &str) -> Result<Kind, FileError> {
    let request = Request::List { path: path.into() }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(path))?;
    let answer = stream.read_record(MAX_RECORD_LEN).await.map_err(FileError::transport(path))?;
    match answer.as_deref().and_then(Kind::parse_answer) {
        Some(Ok(kind)) => Ok(kind),
        Some(Err(refusal)) => Err(FileError::Refused { path: shown(path), refusal }),
        None => Err(FileError::protocol(path, "no answer that makes sense")),
    }
}

async fn fetch_file(job: Job, options: FetchOptions) -> Result<Outcome, FileError> {
    let Job { directory, path, to } = job;
    for _ in 0..MAX_ATTEMPTS {
        let local = to.clone();
        let partial = spawn_blocking(move || Partial::open(&local)).await;
        let partial = partial.map_err(|error| FileError::Local {
            path: to.path(),
            source: std::io::Error::other(error),
        })??;
        if let Some(outcome) = fetch_once(&directory.branch, &path, partial, &options).await? {
            (options.observer)(Progress::Done { path });
            return Ok(outcome);
        }
    }
    Err(FileError::Hash { path: shown(&path) })
}

/// `None` if what arrived does not have the sender's hash.
async fn fetch_once(
    directory: &Branch,
    path: &str,
    mut partial: Partial,
    FetchOptions { observer, is_synced, .. }: &FetchOptions,
) -> Result<Option<Outcome>, FileError> {
    let opened = directory.open_substream(OpenOptions::new()).await;
    let mut stream = opened.map_err(FileError::transport(path))?;
    let (have, hash) = partial.known();
    let request = Request::Get { path: path.into(), have, hash }.encode();
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
    let is_unchanged = partial.begin(offset, size)?;
    observer(Progress::Started { path: path.into(), have: offset, branch: stream.branch() });
    let (mut rest, mut piece) = (size - offset, vec![0; piece_len(size - offset)]);
    while rest > 0 {
        let want = piece_len(rest);
        let len = stream.read(&mut piece[..want]).await.map_err(FileError::transport(path))?;
        if len == 0 {
            return Err(FileError::protocol(path, "it is shorter than was said"));
        }
        // The page cache takes it; waiting for the disk is left to `keep`.
        partial.write(&piece[..len])?;
        observer(Progress::Received { path: path.into(), bytes: len as u64 });
        rest -= len as u64;
    }
    let hash = stream.read_record(HASH_LEN).await.map_err(FileError::transport(path))?;
    let matches = hash.is_some_and(|hash| partial.matches(&hash));
    if matches && !is_unchanged {
        let keep = if *is_synced || size > SMALL_FILE_BYTES { Keep::OnDisk } else { Keep::InCache };
        let kept = spawn_blocking(move || partial.keep(keep)).await;
        kept.map_err(std::io::Error::other).map_err(FileError::transport(path))??;
    } else if !matches {
        partial.discard();
    }
    Ok(matches.then_some(Outcome::Fetched { bytes: size - offset, is_unchanged }))
}
