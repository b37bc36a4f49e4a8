//! [`FileServer`]: shares a directory.

use std::future::ready;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Dir;
use tokio::time::timeout;
use tracing::debug;

use super::budget::Budget;
use super::hashes::Hashes;
use super::listing::{Listed, Telling, tell_entries};
use super::message::{Form, Kind, MAX_RECORD_LEN, MAX_REQUEST_LEN, Refusal, Request, encode_ok};
use super::receive::{New, receive};
use super::root::{Found, Root, Source, refusal};
use super::send::{Claim, send};
use super::{CODE_CHANGED, PIECE_LEN, ServeError};
use crate::read_half::ReadHalf;
use crate::shares::Share;
use crate::stream::Stream;
use crate::write_half::WriteHalf;

/// How many requests a peer may have ahead under one directory.
const BACKLOG: u32 = 64;
/// How long a stream that was taken may be silent before it is refused: its place is wanted.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// A directory that is shared: everything in it but special files and what links lead to.
///
/// All sessions of a server share its budget (docs/LIMITS.md): requests that are answered, threads,
/// open files and memory are bounded for each session and in all. What a session asks for beyond
/// that waits, as streams that are not accepted yet.
///
/// # Examples
/// ```
/// use sst_std::files::{FileServer, offer};
/// # async fn example(session: sst_std::Session) -> std::io::Result<()> {
/// let server = FileServer::open("/srv/photos", false)?;
/// let mut services = session.offer_services(vec![offer()]);
/// while let Some(request) = services.accept().await {
///     server.start(request.into_stream()).await;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct FileServer {
    serving: Arc<Serving>,
}

/// What all streams of a server have in common.
pub(super) struct Serving {
    pub(super) root: Arc<Root>,
    pub(super) budget: Budget,
    pub(super) hashes: Hashes,
    is_writable: bool,
}

impl FileServer {
    /// Shares the directory at `path`, for putting new files too if `is_writable`.
    ///
    /// # Errors
    /// If it cannot be opened, or is no directory.
    pub fn open(path: impl AsRef<Path>, is_writable: bool) -> io::Result<Self> {
        let root = Arc::new(Root::open(path.as_ref())?);
        if is_writable {
            let (root, started) = (root.clone(), since_1970());
            // Beside the serving: a large tree takes a while.
            std::thread::spawn(move || root.remove_old_drafts(started));
        }
        let (budget, hashes) = (Budget::new(), Hashes::default());
        Ok(Self { serving: Arc::new(Serving { root, budget, hashes, is_writable }) })
    }

    /// Waits until the session of `stream` may have one more request answered; then answers what
    /// comes on the stream and its substreams, in tasks of its own.
    ///
    /// Whoever waits for this before the next stream is accepted holds nothing for those that
    /// cannot be served yet.
    pub async fn start(&self, stream: Stream) {
        let requests = &self.serving.budget.requests;
        let Some(share) = requests.take_while_open(&stream).await else { return };
        tokio::spawn(serve(self.serving.clone(), stream, share));
    }
}

/// Answers the requests on one stream and its substreams, until the peer is done. Boxed, because
/// the streams of a tree are as deep as the tree.
fn serve(
    serving: Arc<Serving>,
    stream: Stream,
    share: Share,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        if let Err(error) = serving.serve_stream(stream, share).await {
            debug!(%error, "a file stream ended early");
        }
    })
}

impl Serving {
    /// One stream: a request; and if that is a directory, streams under it. What is large while a
    /// request is answered is in boxes of its own, so that a stream that waits is small.
    async fn serve_stream(
        self: Arc<Self>,
        mut stream: Stream,
        share: Share,
    ) -> Result<(), ServeError> {
        let asked = timeout(REQUEST_TIMEOUT, stream.read_record(MAX_REQUEST_LEN)).await;
        let Ok(record) = asked else {
            stream.refuse();
            return Ok(());
        };
        let Some(record) = record? else { return Ok(()) };
        let request = Request::parse(&record);
        drop(record);
        let answered = match request {
            Some(Request::List { path, form }) => {
                match Box::pin(self.begin_list(&mut stream, path, form)).await? {
                    Ok(telling) => return self.serve_listed(stream, telling, share).await,
                    Err(refusal) => Err(refusal),
                }
            }
            Some(Request::Get { path, have, hash }) => {
                let claim = Claim { len: have, hash };
                Box::pin(send(&mut stream, &self, path, claim)).await?
            }
            Some(_) if !self.is_writable => Err(Refusal::ReadOnly),
            Some(Request::Put { path, size, attributes }) => {
                Box::pin(receive(&mut stream, &self, New { path, size, attributes })).await?
            }
            Some(Request::MakeLink { path, target }) => {
                let root = self.root.clone();
                let made = self.budget.work(&stream, move || root.make_link(&path, &target)).await;
                if made.is_ok() {
                    stream.write_record(&encode_ok()).await?;
                    stream.start_finish()?;
                }
                made
            }
            Some(Request::MakeDirectory { path, attributes }) => {
                match Box::pin(self.begin_directory(&mut stream, path, attributes)).await? {
                    Ok(made) => {
                        drop(share);
                        return Box::pin(self.serve_made(stream, made)).await;
                    }
                    Err(refusal) => Err(refusal),
                }
            }
            None => Err(Refusal::BadRequest),
        };
        if let Err(refusal) = answered {
            stream.write_record(&refusal.encode()).await?;
            stream.start_finish()?;
        }
        // Dropped before the peer's end was read, the stream would tell it that it failed.
        let _ = timeout(REQUEST_TIMEOUT, stream.read_record(0)).await;
        drop(share);
        Ok(())
    }

    /// Tells what is at `path`; of a directory, the entries are still to be told.
    async fn begin_list(
        &self,
        stream: &mut Stream,
        path: Vec<u8>,
        form: Form,
    ) -> Result<Result<Option<Telling>, Refusal>, ServeError> {
        let root = self.root.clone();
        let found = self.budget.work(stream, move || {
            Ok(match root.find(&path)? {
                Found::File(_, version, attributes) => Err((version.size, attributes)),
                Found::Directory(directory, version, attributes) => {
                    let source = Source { root: root.clone(), path: path.clone(), version };
                    Ok((source, Dir::new(directory).map_err(refusal)?, attributes))
                }
            })
        });
        let told = |attributes| (form == Form::Full).then_some(attributes);
        let (answer, telling) = match found.await {
            Ok(Ok((source, open, attributes))) => {
                let telling = Telling { source: Arc::new(source), open, form };
                (Kind::Directory.encode_answer(told(attributes)), Some(telling))
            }
            Ok(Err((size, attributes))) => {
                (Kind::File { size }.encode_answer(told(attributes)), None)
            }
            Err(refusal) => return Ok(Err(refusal)),
        };
        stream.write_record(&answer).await?;
        Ok(Ok(telling))
    }

    /// Tells the entries, and beside that serves what the peer opens under the stream: a peer may
    /// want what it was told of before it takes more of a long list.
    async fn serve_listed(
        self: Arc<Self>,
        stream: Stream,
        telling: Option<Telling>,
        request: Share,
    ) -> Result<(), ServeError> {
        let (read, mut write) = stream.split();
        let told = async {
            match telling {
                // What the peer opens under the stream is counted by itself.
                Some(telling) => self.tell(&mut write, telling, request).await,
                None => Ok(Listed::Whole),
            }
        };
        // The telling is large and in a box of its own, which is gone once all is told.
        let both = tokio::try_join!(Box::pin(told), self.clone().serve_children(read));
        match both?.0 {
            Listed::Whole => Ok(write.start_finish()?),
            Listed::Changed => Ok(()),
        }
    }

    /// Tells the entries of a directory, up to the end of the list.
    async fn tell(
        &self,
        write: &mut WriteHalf,
        telling: Telling,
        request: Share,
    ) -> Result<Listed, ServeError> {
        match tell_entries(write, &self.budget, telling, Some(request)).await? {
            Ok(Listed::Whole) => {
                write.write_record(&[]).await?;
                Ok(Listed::Whole)
            }
            // An answer was begun, so there is no place for a refusal.
            Ok(Listed::Changed) | Err(_) => {
                write.branch().reset(CODE_CHANGED);
                Ok(Listed::Changed)
            }
        }
    }

    /// Serves what the peer opens under this stream before it finishes. One child at most waits for
    /// its turn here; the others are not accepted before.
    pub(super) async fn serve_children(
        self: Arc<Self>,
        mut parent: ReadHalf,
    ) -> Result<(), ServeError> {
        let mut listener = parent.branch().listen(BACKLOG);
        let mut has_ended = false;
        loop {
            let child = tokio::select! {
                biased;
                child = listener.accept() => child,
                // Nothing is left of what was opened before the end.
                () = ready(()), if has_ended => return Ok(()),
                end = parent.read_record(MAX_RECORD_LEN) => {
                    end?;
                    has_ended = true;
                    continue;
                }
            };
            let Some(child) = child else { return Ok(()) };
            let share = {
                let mut taken = std::pin::pin!(self.budget.requests.take_while_open(&child));
                loop {
                    tokio::select! {
                        share = &mut taken => break share,
                        end = parent.read_record(MAX_RECORD_LEN), if !has_ended => {
                            end?;
                            has_ended = true;
                        }
                    }
                }
            };
            let Some(share) = share else { return Ok(()) };
            tokio::spawn(serve(self.clone(), child, share));
        }
    }
}

/// Now, in seconds, by the clock that file systems use.
#[allow(clippy::disallowed_methods, reason = "file systems have this clock")]
fn since_1970() -> i64 {
    let elapsed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| i64::try_from(elapsed.as_secs()).unwrap_or(0))
}

/// How long the next piece is if `rest` bytes are to come.
pub(super) fn piece_len(rest: u64) -> usize {
    usize::try_from(rest).unwrap_or(PIECE_LEN).min(PIECE_LEN)
}

/// Hashes `len` bytes from `at`, or as many as there are, and tells how many.
pub(super) fn hash_on(
    file: &impl FileExt,
    at: u64,
    len: u64,
    hasher: &mut blake3::Hasher,
) -> io::Result<u64> {
    let (mut done, mut piece) = (0, vec![0; piece_len(len)]);
    while done < len {
        let want = piece_len(len - done);
        let read = file.read_at(&mut piece[..want], at + done)?;
        if read == 0 {
            break;
        }
        hasher.update(&piece[..read]);
        done += read as u64;
    }
    Ok(done)
}
