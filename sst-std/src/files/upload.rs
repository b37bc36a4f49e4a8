//! [`Upload`]: what waits and what is done while a whole tree is put.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::fetch::{Above, Progress, text};
use super::local::{Local, Names};
use super::message::{Attributes, Entry, Kind, Request, Thing};
use super::name::{MAX_PATH_LEN, is_unfinished, join};
use super::places::{Places, most_large};
use super::put::{PutOptions, Source, answer, in_thread, put_file};
use super::summary::{Moved, Summary};
use super::tasks::next_done;
use super::waiting::Waiting;
use super::{FileError, SMALL_FILE_BYTES, shown};
use crate::branch::Branch;
use crate::session::Session;
use crate::stream::Stream;

/// How many directories are made and read at a time.
const MAX_READING: usize = 8;
/// Files waiting for their turn before reading directories pauses: bounds memory on huge trees.
const MAX_WAITING: usize = 2_000;

/// A directory at the peer, whose stream is there for the streams of what is put into it. It is
/// finished once nobody holds this any more.
struct Directory {
    branch: Branch,
    from: Local,
    to: Vec<u8>,
    _held: mpsc::Sender<()>,
}

/// What is to be done for a directory.
enum Step {
    Begin { parent: Arc<Directory>, from: Local, to: Vec<u8>, attributes: Attributes },
    GoOn { directory: Arc<Directory>, names: Names },
}

/// What goes into a directory, and is no directory itself.
struct Job {
    directory: Arc<Directory>,
    from: Local,
    to: Vec<u8>,
    /// Where it leads, if it is a link.
    link: Option<Vec<u8>>,
}

enum Outcome {
    Read { directory: Arc<Directory>, names: Names, entries: Vec<Result<Entry, FileError>> },
    Begun(Box<Begun>),
    Moved(Moved),
    Linked,
    Ended,
}

/// A directory that is there now, and what ends it.
struct Begun {
    directory: Arc<Directory>,
    parent: Option<Arc<Directory>>,
    names: Names,
    stream: Stream,
    released: mpsc::Receiver<()>,
}

type Done = Result<Outcome, FileError>;

/// One tree's work: what waits, and what is being done.
pub(super) struct Upload<'a> {
    session: &'a Session,
    options: PutOptions,
    /// Of all that was named with this tree.
    places: Places,
    summary: &'a mut Summary,
    /// The last one goes first.
    steps: Vec<Step>,
    jobs: Waiting<Job>,
    /// Held by every transfer of a large file, to count them.
    large: Arc<()>,
    reading: JoinSet<Done>,
    sending: JoinSet<Done>,
    ending: JoinSet<Done>,
}

impl<'a> Upload<'a> {
    pub(super) fn new(
        session: &'a Session,
        options: PutOptions,
        places: Places,
        summary: &'a mut Summary,
    ) -> Self {
        let (steps, jobs, large) = (Vec::new(), Waiting::default(), Arc::new(()));
        let (reading, sending, ending) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
        Self { session, options, places, summary, steps, jobs, large, reading, sending, ending }
    }

    /// Puts what is in the local directory `from` into the remote directory `to`.
    pub(super) async fn run(mut self, from: Local, to: &[u8]) -> Result<(), FileError> {
        let top = from.clone();
        let attributes = in_thread(from.path(), move || top.attributes()).await?;
        let above = Above::Session(self.session);
        let begun = begin(&above, None, from, to.into(), attributes).await?;
        self.on_begun(begun);
        loop {
            if let Some(closed) = self.session.close_reason() {
                // All that is left would fail, each by itself.
                self.summary.fail(FileError::transport(&text(to))(closed));
                return Ok(());
            }
            self.start();
            match next_done([&mut self.reading, &mut self.sending, &mut self.ending]).await {
                Some(Ok(outcome)) => self.on_outcome(outcome),
                Some(Err(error)) => self.summary.fail(error),
                None => return Ok(()),
            }
        }
    }

    fn start(&mut self) {
        while self.reading.len() < MAX_READING && self.jobs.len() < MAX_WAITING {
            let Some(step) = self.steps.pop() else { break };
            self.reading.spawn(take(step));
        }
        let jobs = self.options.jobs.max(1);
        let most_large = most_large(jobs);
        while self.sending.len() < jobs {
            let has_place = Arc::strong_count(&self.large) <= most_large;
            let Some((job, is_large)) = self.jobs.take(has_place) else { break };
            let (options, large) = (self.options.clone(), is_large.then(|| self.large.clone()));
            let places = self.places.clone();
            self.sending.spawn(async move {
                let place = places.take(is_large).await;
                let done = send(job, &options).await;
                drop((place, large));
                done
            });
        }
    }

    fn on_outcome(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Begun(begun) => self.on_begun(*begun),
            Outcome::Moved(moved) => self.summary.on_moved(moved),
            Outcome::Linked => self.summary.links += 1,
            Outcome::Ended => {}
            Outcome::Read { directory, names, entries } => {
                self.go_on(directory.clone(), names);
                for entry in entries {
                    match entry {
                        Ok(entry) => self.on_entry(&directory, entry),
                        Err(error) => self.summary.fail(error),
                    }
                }
            }
        }
    }

    fn on_begun(&mut self, Begun { directory, parent, names, stream, released }: Begun) {
        self.summary.directories += 1;
        self.ending.spawn(end(stream, released, parent, text(&directory.to)));
        self.go_on(directory, names);
    }

    fn go_on(&mut self, directory: Arc<Directory>, names: Names) {
        if !names.is_empty() {
            self.steps.push(Step::GoOn { directory, names });
        }
    }

    fn on_entry(&mut self, directory: &Arc<Directory>, entry: Entry) {
        let Entry { name, thing, attributes } = entry;
        let (from, to) = (directory.from.join(&name), join(&directory.to, &name));
        let out = |what| FileError::LeftOut { path: shown(&from.path().to_string_lossy()), what };
        let error = match thing {
            _ if is_unfinished(&name) => out("an unfinished copy"),
            _ if to.len() > MAX_PATH_LEN => out("its path is too long"),
            Thing::LinkOut => out("a symbolic link that leads out of the tree"),
            Thing::Special => out("a special file"),
            Thing::Kind(Kind::Directory) => {
                let (parent, attributes) = (directory.clone(), attributes.unwrap_or_default());
                return self.steps.push(Step::Begin { parent, from, to, attributes });
            }
            Thing::Kind(Kind::File { size }) => {
                (self.options.observer)(Progress::Found { path: text(&to), size });
                let job = Job { directory: directory.clone(), from, to, link: None };
                return self.jobs.add(job, size > SMALL_FILE_BYTES);
            }
            Thing::Link(target) => {
                let link = Some(target);
                return self.jobs.add(Job { directory: directory.clone(), from, to, link }, false);
            }
        };
        self.summary.fail(error);
    }
}

async fn take(step: Step) -> Done {
    match step {
        Step::Begin { parent, from, to, attributes } => {
            let above = parent.branch.clone();
            let above = Above::Directory(&above);
            let begun = begin(&above, Some(parent), from, to, attributes).await?;
            Ok(Outcome::Begun(Box::new(begun)))
        }
        Step::GoOn { directory, mut names } => {
            let look = move || {
                let entries = names.part();
                Ok((names, entries))
            };
            let (names, entries) = in_thread(directory.from.path(), look).await?;
            Ok(Outcome::Read { directory, names, entries })
        }
    }
}

/// Has the peer make a directory, unless it is there. What is to go into it is read before: a tree
/// that is put into itself has an end.
async fn begin(
    above: &Above<'_>,
    parent: Option<Arc<Directory>>,
    from: Local,
    to: Vec<u8>,
    attributes: Attributes,
) -> Result<Begun, FileError> {
    let (name, read) = (text(&to), from.clone());
    let names = in_thread(from.path(), move || read.names()).await?;
    let mut stream = above.open(&name).await?;
    let request = Request::MakeDirectory { path: to.clone(), attributes }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(&name))?;
    answer(&mut stream, &name).await?;
    let (held, released) = mpsc::channel(1);
    let directory = Arc::new(Directory { branch: stream.branch(), from, to, _held: held });
    Ok(Begun { directory, parent, names, stream, released })
}

/// Tells the peer when everything is in a directory. The one above is not finished before.
async fn end(
    mut stream: Stream,
    mut released: mpsc::Receiver<()>,
    parent: Option<Arc<Directory>>,
    name: String,
) -> Done {
    let _ = released.recv().await;
    stream.start_finish().map_err(FileError::transport(&name))?;
    answer(&mut stream, &name).await?;
    drop(parent);
    Ok(Outcome::Ended)
}

async fn send(job: Job, options: &PutOptions) -> Done {
    let Job { directory, from, to, link } = job;
    let above = Above::Directory(&directory.branch);
    let Some(target) = link else {
        let moved = put_file(&above, Source::Local(from), &to, &options.observer).await?;
        return Ok(Outcome::Moved(moved));
    };
    let name = text(&to);
    let mut stream = above.open(&name).await?;
    let request = Request::MakeLink { path: to, target }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(&name))?;
    stream.start_finish().map_err(FileError::transport(&name))?;
    answer(&mut stream, &name).await?;
    Ok(Outcome::Linked)
}
