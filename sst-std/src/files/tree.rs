//! [`Tree`]: what waits and what is done while a whole tree is fetched.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::task::JoinSet;

use super::fetch::{Above, Asked, FetchOptions, Progress, ask, fetch_file, text};
use super::message::{Attributes, Entry, Form, Kind, MAX_RECORD_LEN, Thing};
use super::name::{is_unfinished, join, stays_inside};
use super::places::most_large;
use super::summary::{Moved, Summary};
use super::target::Target;
use super::tasks::next_done;
use super::waiting::Waiting;
use super::{FileError, SMALL_FILE_BYTES, shown};
use crate::branch::Branch;
use crate::read_half::ReadHalf;
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
/// A directory's stream, kept open for the streams of what is in it, then finished.
pub(super) struct Directory {
    pub(super) branch: Branch,
    write: Mutex<WriteHalf>,
    /// Once it is listed. Dropped before, it would tell the peer that nothing more is wanted.
    read: Mutex<Option<ReadHalf>>,
    /// What it gets once everything is in it.
    attributes: Option<(Target, Attributes)>,
}

pub(super) enum Outcome {
    Listed { listing: Box<Listing>, entries: Vec<Entry>, is_end: bool },
    Fetched(Moved),
}

/// A directory that is being listed.
pub(super) struct Listing {
    directory: Arc<Directory>,
    read: ReadHalf,
    form: Form,
    path: Vec<u8>,
    to: Target,
}

/// What is to be done for a directory.
enum Step {
    Begin { parent: Arc<Directory>, path: Vec<u8>, to: Target },
    GoOn(Listing),
}

pub(super) struct Job {
    pub(super) directory: Arc<Directory>,
    pub(super) path: Vec<u8>,
    pub(super) to: Target,
    pub(super) attributes: Option<Attributes>,
}

/// One tree's work: what waits, and what is being done.
pub(super) struct Tree<'a> {
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
    pub(super) fn new(options: FetchOptions, summary: &'a mut Summary) -> Self {
        let (steps, files) = (Vec::new(), Waiting::default());
        let (listing, fetching) = (JoinSet::new(), JoinSet::new());
        Self { options, summary, steps, files, large: Arc::new(()), listing, fetching }
    }

    pub(super) async fn run(mut self, first: Listing) {
        self.summary.directories += 1;
        self.steps.push(Step::GoOn(first));
        loop {
            self.start();
            match next_done([&mut self.listing, &mut self.fetching]).await {
                Some(Ok(outcome)) => self.on_outcome(outcome),
                Some(Err(error)) => self.summary.fail(error),
                None => return,
            }
        }
    }

    fn start(&mut self) {
        while self.listing.len() < MAX_LISTINGS && self.files.len() < MAX_WAITING {
            let Some(step) = self.steps.pop() else { break };
            self.listing.spawn(list(step));
        }
        let jobs = self.options.jobs.max(1);
        let most_large = most_large(jobs);
        while self.fetching.len() < jobs {
            let has_place = Arc::strong_count(&self.large) <= most_large;
            let Some((job, is_large)) = self.files.take(has_place) else { break };
            let (options, large) = (self.options.clone(), is_large.then(|| self.large.clone()));
            self.fetching.spawn(async move {
                let fetched = fetch_file(job, options).await;
                drop(large);
                fetched.map(Outcome::Fetched)
            });
        }
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        let (listing, entries, is_end) = match outcome {
            Outcome::Listed { listing, entries, is_end } => (listing, entries, is_end),
            Outcome::Fetched(moved) => return self.summary.on_moved(moved),
        };
        let (above, to) = (listing.path.clone(), listing.to.clone());
        let directory = listing.directory.clone();
        if is_end {
            listing.end();
        } else {
            self.steps.push(Step::GoOn(*listing));
        }
        for Entry { name, thing, attributes } in entries {
            // The name was checked to be plain, so this stays below `to`.
            let (path, to) = (join(&above, &name), to.join(&name));
            match thing {
                // It would be taken for the unfinished copy of another file.
                _ if is_unfinished(&name) => self.leave_out(&path, "an unfinished copy"),
                Thing::Kind(Kind::Directory) => {
                    self.on_directory(&directory, path, to, attributes);
                }
                Thing::Kind(Kind::File { size }) => {
                    (self.options.observer)(Progress::Found { path: text(&path), size });
                    let job = Job { directory: directory.clone(), path, to, attributes };
                    self.files.add(job, size > SMALL_FILE_BYTES);
                }
                Thing::Link(target) if stays_inside(&target, to.depth()) => {
                    match to.make_link(&target) {
                        Ok(()) => self.summary.links += 1,
                        Err(error) => self.summary.fail(error),
                    }
                }
                Thing::Link(_) | Thing::LinkOut => {
                    self.leave_out(&path, "a symbolic link that leads out of the tree");
                }
                Thing::Special => self.leave_out(&path, "a special file"),
            }
        }
    }

    fn leave_out(&mut self, path: &[u8], what: &'static str) {
        let path = shown(&text(path));
        self.summary.fail(FileError::LeftOut { path, what });
    }

    fn on_directory(
        &mut self,
        parent: &Arc<Directory>,
        path: Vec<u8>,
        to: Target,
        attributes: Option<Attributes>,
    ) {
        if self.steps.len() >= MAX_UNLISTED {
            let problem = "there are more directories in directories than can be remembered";
            return self.summary.fail(FileError::protocol(&text(&path), problem));
        }
        match to.make_directory(attributes) {
            Ok(()) => {
                self.summary.directories += 1;
                self.steps.push(Step::Begin { parent: parent.clone(), path, to });
            }
            Err(error) => self.summary.fail(error),
        }
    }
}

impl Listing {
    /// Of the answer on `stream`, whose first record has been read.
    pub(super) fn new(
        stream: Stream,
        form: Form,
        path: Vec<u8>,
        to: Target,
        attributes: Option<Attributes>,
    ) -> Self {
        let branch = stream.branch();
        let (read, write) = stream.split();
        let (write, nothing) = (Mutex::new(write), Mutex::new(None));
        let attributes = attributes.map(|attributes| (to.clone(), attributes));
        let directory = Arc::new(Directory { branch, write, read: nothing, attributes });
        Self { directory, read, form, path, to }
    }

    /// Nothing more comes: the stream is there for what is below it.
    pub(super) fn end(self) -> Arc<Directory> {
        *self.directory.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.read);
        self.directory
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // Not a reset: everything under it was asked for.
        let write = self.write.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _ = write.start_finish();
        if let Some((to, attributes)) = &self.attributes {
            to.finish_directory(*attributes);
        }
    }
}

/// Takes the next entries of a directory.
async fn list(step: Step) -> Result<Outcome, FileError> {
    let mut listing = match step {
        Step::GoOn(listing) => listing,
        Step::Begin { parent, path, to } => {
            let asked = ask(Above::Directory(&parent.branch), &path).await?;
            let Asked { stream, form, kind: Kind::Directory, attributes } = asked else {
                return Err(FileError::protocol(&text(&path), "a directory became a file"));
            };
            Listing::new(stream, form, path, to, attributes)
        }
    };
    let mut entries = Vec::new();
    while entries.len() < MAX_TAKEN {
        let record = listing.read.read_record(MAX_RECORD_LEN).await;
        let record = record.map_err(FileError::transport(&text(&listing.path)))?;
        let problem = match record {
            Some(record) if record.is_empty() => {
                let listing = Box::new(listing);
                return Ok(Outcome::Listed { listing, entries, is_end: true });
            }
            Some(record) => match Entry::parse(&record, listing.form) {
                Some(entry) => {
                    entries.push(entry);
                    continue;
                }
                None => "a name that could lead anywhere",
            },
            None => "the listing has no end",
        };
        return Err(FileError::protocol(&text(&listing.path), problem));
    }
    Ok(Outcome::Listed { listing: Box::new(listing), entries, is_end: false })
}
