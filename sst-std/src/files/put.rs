//! [`put`]: sends a file or a tree.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::future::FutureExt;
use futures_util::stream::{self, StreamExt};
use rustix::fs::OFlags;
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

use super::fetch::{Above, Observer, Progress, text};
use super::local::Local;
use super::message::{Attributes, MAX_RECORD_LEN, Refusal, Request, parse_get_answer, parse_ok};
use super::places::Places;
use super::root::{UNKNOWN_SIZE, attributes, has_known_size};
use super::serve::piece_len;
use super::summary::{Moved, Summary};
use super::upload::Upload;
use super::{FileError, SMALL_FILE_BYTES, SMALL_FILE_PRIORITY, shown};
use crate::session::Session;
use crate::stream::Stream;

/// How many of the things that were named are sent at a time. Each tree has streams of its own.
const AT_A_TIME: usize = 8;

/// How to [`put`].
#[derive(Clone)]
#[non_exhaustive]
pub struct PutOptions {
    /// How many files at a time, over all that was named. Default: 64: each costs a stream, and
    /// waits for a round trip.
    pub jobs: usize,
    /// Who is told what happens. Default: no one.
    pub observer: Observer,
}

impl Default for PutOptions {
    fn default() -> Self {
        Self { jobs: 64, observer: Arc::new(|_| ()) }
    }
}

/// Sends what is at the local path `from` to the remote path `to`: a file as that file, a directory
/// as that directory, with everything in it. What `to` is in must be there.
///
/// Nothing at the peer is overwritten: what is there already and the same is counted as unchanged,
/// what is another is an error. The peer has the files on disk when this returns. Cancelling leaves
/// whole files only.
///
/// # Errors
/// [`FileError`] if `from` cannot be sent at all; trouble with single files of a tree is in
/// [`Summary::errors`].
pub async fn put(
    session: &Session,
    from: &Path,
    to: impl AsRef<[u8]>,
    options: PutOptions,
) -> Result<Summary, FileError> {
    let places = Places::new(options.jobs);
    put_one(session, from, to.as_ref(), options, places).await
}

/// Sends each local path of `what` to its remote path, as [`put`] does, and goes on however some of
/// it ends: [`Summary::errors`] tells.
pub async fn put_all(
    session: &Session,
    what: &[(PathBuf, Vec<u8>)],
    options: PutOptions,
) -> Summary {
    let places = Places::new(options.jobs);
    let mut putting = Vec::with_capacity(what.len());
    for (from, to) in what {
        // Boxed, so that a list of them can be sent to another thread.
        putting.push(put_one(session, from, to, options.clone(), places.clone()).boxed());
    }
    let mut putting = stream::iter(putting).buffered(AT_A_TIME);
    let mut done = Summary::default();
    while let Some(put) = putting.next().await {
        match put {
            Ok(summary) => done.add(summary),
            Err(error) => done.fail(error),
        }
    }
    done
}

async fn put_one(
    session: &Session,
    from: &Path,
    to: &[u8],
    options: PutOptions,
    places: Places,
) -> Result<Summary, FileError> {
    let mut summary = Summary::default();
    let metadata = tokio::fs::metadata(from).await.map_err(FileError::local(from))?;
    if !metadata.is_dir() && !metadata.is_file() {
        // Of some, the system has no words for why they cannot be opened.
        return Err(FileError::local(from)(io::Error::other("not a regular file")));
    }
    if metadata.is_dir() {
        let upload = Upload::new(session, options, places, &mut summary);
        upload.run(Local::directory(from)?, to).await?;
    } else {
        let _place = places.take(metadata.len() > SMALL_FILE_BYTES).await;
        let from = Source::User(from.into());
        let moved = put_file(&Above::Session(session), from, to, &options.observer).await?;
        summary.on_moved(moved);
    }
    Ok(summary)
}

/// A file to be sent.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// At a path that the user named, through links.
    User(PathBuf),
    /// In a tree.
    Local(Local),
}

impl Source {
    fn path(&self) -> PathBuf {
        match self {
            Self::User(path) => path.clone(),
            Self::Local(local) => local.path(),
        }
    }

    fn open(&self) -> Result<Opened, FileError> {
        let (file, size, attributes) = match self {
            Self::User(path) => open(path).map_err(FileError::local(path))?,
            Self::Local(local) => local.open()?,
        };
        Ok(Opened { file: Arc::new(file), path: self.path(), size, attributes })
    }
}

/// A local file that is being sent.
#[derive(Debug)]
struct Opened {
    file: Arc<File>,
    path: PathBuf,
    size: u64,
    attributes: Attributes,
}

fn open(path: &Path) -> io::Result<(File, u64, Attributes)> {
    // Not blocking: opening a pipe would wait for its other end.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or(0);
    let file = File::options().read(true).custom_flags(flags).open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    if !has_known_size(&file, metadata.len()) {
        return Err(io::Error::other(UNKNOWN_SIZE));
    }
    let stat = rustix::fs::fstat(&file)?;
    Ok((file, metadata.len(), attributes(&stat)))
}

/// Sends a file to the remote path `to`.
pub(super) async fn put_file(
    above: &Above<'_>,
    from: Source,
    to: &[u8],
    observer: &Observer,
) -> Result<Moved, FileError> {
    let path = from.path();
    let opened = in_thread(path, move || from.open()).await?;
    let name = text(to);
    if matches!(above, Above::Session(_)) {
        observer(Progress::Found { path: name.clone(), size: opened.size });
    }
    let mut sent = send(above, &opened, to, Some(opened.attributes), observer).await;
    if let Err(FileError::Refused { refusal: Refusal::BadRequest, .. }) = sent {
        // A peer that knows nothing of attributes.
        sent = send(above, &opened, to, None, observer).await;
    }
    let moved = match sent {
        Ok(()) => Moved { bytes: opened.size, is_unchanged: false, is_resumed: false },
        Err(FileError::Refused { refusal: Refusal::Exists, .. })
            if is_there(above, &opened, to).await? =>
        {
            Moved { bytes: 0, is_unchanged: true, is_resumed: false }
        }
        Err(error) => return Err(error),
    };
    observer(Progress::Done { path: name });
    Ok(moved)
}

async fn send(
    above: &Above<'_>,
    opened: &Opened,
    to: &[u8],
    attributes: Option<Attributes>,
    observer: &Observer,
) -> Result<(), FileError> {
    let (path, size) = (&text(to), opened.size);
    let mut stream = above.open(path).await?;
    let request = Request::Put { path: to.into(), size, attributes }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(path))?;
    // So that many small files do not take a round trip each; of a large one, much would be sent
    // in vain if the peer does not want it.
    let is_small = attributes.is_some() && size <= SMALL_FILE_BYTES;
    let mut answers = 2;
    if is_small {
        stream.set_priority(Some(SMALL_FILE_PRIORITY));
    } else {
        answer(&mut stream, path).await?;
        answers -= 1;
    }
    let sent = send_contents(&mut stream, opened, |bytes| {
        observer(Progress::Sent { path: path.clone(), bytes });
    });
    let is_sent = sent.await?;
    for _ in 0..answers {
        answer(&mut stream, path).await?;
    }
    if is_sent { Ok(()) } else { Err(FileError::protocol(path, "it stopped without a reason")) }
}

/// Sends everything, and the hash. False if the peer does not take it: its answer says why.
async fn send_contents(
    stream: &mut Stream,
    opened: &Opened,
    on_bytes: impl Fn(u64),
) -> Result<bool, FileError> {
    let (mut hasher, mut at) = (blake3::Hasher::new(), 0);
    while at < opened.size {
        let (hashed, piece) = opened.read(hasher, at).await?;
        hasher = hashed;
        if stream.write_all(&piece).await.is_err() {
            return Ok(false);
        }
        on_bytes(piece.len() as u64);
        at += piece.len() as u64;
    }
    // If this fails, so does the answer, which knows more.
    let _ = stream.write_record(hasher.finalize().as_bytes()).await;
    let _ = stream.start_finish();
    Ok(true)
}

impl Opened {
    /// The next piece, which is not empty, and the hash with it.
    async fn read(
        &self,
        mut hasher: blake3::Hasher,
        at: u64,
    ) -> Result<(blake3::Hasher, Vec<u8>), FileError> {
        let (file, len, path) = (self.file.clone(), piece_len(self.size - at), self.path.clone());
        in_thread(self.path.clone(), move || {
            let mut piece = vec![0; len];
            let read = file.read_at(&mut piece, at).map_err(FileError::local(&path))?;
            if read == 0 {
                let shorter = io::Error::other("the file became shorter");
                return Err(FileError::Local { path, source: shorter });
            }
            piece.truncate(read);
            hasher.update(&piece);
            Ok((hasher, piece))
        })
        .await
    }
}

/// True if the file that the peer has is the same.
async fn is_there(above: &Above<'_>, opened: &Opened, to: &[u8]) -> Result<bool, FileError> {
    let (mut hasher, mut at, path) = (blake3::Hasher::new(), 0, &text(to));
    while at < opened.size {
        let (hashed, piece) = opened.read(hasher, at).await?;
        (hasher, at) = (hashed, at + piece.len() as u64);
    }
    let hash = *hasher.finalize().as_bytes();
    let mut stream = above.open(path).await?;
    let request = Request::Get { path: to.into(), have: opened.size, hash }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(path))?;
    stream.start_finish().map_err(FileError::transport(path))?;
    let answer = stream.read_record(MAX_RECORD_LEN).await.map_err(FileError::transport(path))?;
    let told = answer.as_deref().and_then(parse_get_answer);
    Ok(matches!(told, Some(Ok((size, offset))) if size == opened.size && offset == size))
}

/// Does something with a local file in a thread that nobody else waits for.
pub(super) async fn in_thread<T: Send + 'static>(
    path: PathBuf,
    deed: impl FnOnce() -> Result<T, FileError> + Send + 'static,
) -> Result<T, FileError> {
    let done = spawn_blocking(deed).await;
    done.map_err(|error| FileError::Local { path, source: io::Error::other(error) })?
}

/// A yes, and what comes with it; anything else is an error.
pub(super) async fn answer(stream: &mut Stream, path: &str) -> Result<Vec<u8>, FileError> {
    let answer = stream.read_record(MAX_RECORD_LEN).await.map_err(FileError::transport(path))?;
    match answer.as_deref().and_then(parse_ok) {
        Some(Ok(rest)) => Ok(rest.into()),
        Some(Err(refusal)) => Err(FileError::Refused { path: shown(path), refusal }),
        None => Err(FileError::protocol(path, "no answer that makes sense")),
    }
}
