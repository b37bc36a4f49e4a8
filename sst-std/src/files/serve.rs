//! [`FileServer`]: shares a directory.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::spawn_blocking;
use tracing::debug;

use super::message::{
    HASH_LEN, Kind, MAX_RECORD_LEN, Refusal, Request, encode_get_answer, encode_ok,
};
use super::root::{Found, Root, entries, refusal_of};
use super::{PIECE_LEN, SMALL_FILE_BYTES, SMALL_FILE_PRIORITY, ServeError};
use crate::stream::Stream;

/// How many requests a peer may have ahead under one directory.
const BACKLOG: u32 = 64;
/// A file became shorter while it was sent.
const CODE_CHANGED: u64 = 1;

/// A directory that is shared: everything in it but links and special files.
///
/// # Examples
/// ```
/// use sst_std::files::{FileServer, offer};
/// # async fn example(session: sst_std::Session) -> std::io::Result<()> {
/// let server = FileServer::open("/srv/photos", false)?;
/// let mut services = session.offer_services(vec![offer()]);
/// while let Some(request) = services.accept().await {
///     tokio::spawn(server.clone().serve(request.into_stream()));
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct FileServer {
    root: Arc<Root>,
    is_writable: bool,
}

/// A file that is being sent, and the first piece of what the peer has not. Small files are
/// opened, read and closed in one step: a thread's turn each for opening, seeking and reading
/// would cost more than all of these.
struct Reading {
    file: File,
    size: u64,
    /// From where it is sent.
    offset: u64,
    /// Of what comes before the piece.
    hasher: blake3::Hasher,
    piece: Vec<u8>,
}

impl FileServer {
    /// Shares the directory at `path`, for putting new files too if `is_writable`.
    ///
    /// # Errors
    /// If it cannot be opened, or is no directory.
    pub fn open(path: impl AsRef<Path>, is_writable: bool) -> io::Result<Self> {
        Ok(Self { root: Arc::new(Root::open(path.as_ref())?), is_writable })
    }

    /// Answers the requests on one service stream and its substreams, until the peer is done.
    pub async fn serve(self, stream: Stream) {
        if let Err(error) = self.serve_stream(stream).await {
            debug!(%error, "a file stream ended early");
        }
    }

    /// One stream: a request; and if that is a directory, streams under it.
    async fn serve_stream(self, mut stream: Stream) -> Result<(), ServeError> {
        let Some(record) = stream.read_record(MAX_RECORD_LEN).await? else { return Ok(()) };
        let refusal = match Request::parse(&record) {
            Some(Request::List { path }) => match self.find(path).await {
                Ok(Found::Directory(directory)) => {
                    let entries = spawn_blocking(move || entries(&directory)).await;
                    match entries.map_err(io::Error::other)? {
                        Ok(entries) => return self.list(stream, entries).await,
                        Err(refusal) => refusal,
                    }
                }
                Ok(Found::File(_, size)) => {
                    return self.serve_children(stream, Kind::File { size }).await;
                }
                Err(refusal) => refusal,
            },
            Some(Request::Get { path, have, hash }) => {
                let root = self.root.clone();
                let reading = spawn_blocking(move || Reading::open(&root, &path, have, hash)).await;
                match reading.map_err(io::Error::other)? {
                    Ok(reading) => return send(stream, reading).await,
                    Err(refusal) => refusal,
                }
            }
            Some(Request::Put { path, size }) if self.is_writable => {
                match self.receive(&mut stream, path, size).await? {
                    Ok(()) => return Ok(stream.finish().await?),
                    Err(refusal) => refusal,
                }
            }
            Some(Request::Put { .. }) => Refusal::ReadOnly,
            None => Refusal::BadRequest,
        };
        stream.write_record(&refusal.encode()).await?;
        Ok(stream.finish().await?)
    }

    /// Boxed, because the streams of a tree are as deep as the tree.
    fn serve_boxed(self, stream: Stream) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.serve(stream))
    }

    async fn find(&self, path: String) -> Result<Found, Refusal> {
        let root = self.root.clone();
        let found = spawn_blocking(move || root.find(&path)).await;
        found.unwrap_or_else(|_| Err(Refusal::Io("the server failed".into())))
    }

    async fn list(
        self,
        mut stream: Stream,
        entries: Vec<super::message::Entry>,
    ) -> Result<(), ServeError> {
        stream.write_record(&Kind::Directory.encode_answer()).await?;
        for entry in &entries {
            stream.write_record(&entry.encode()).await?;
        }
        self.serve_children(stream, Kind::Directory).await
    }

    /// Ends the answer, and serves what the peer opens under this stream until it finishes.
    async fn serve_children(self, mut stream: Stream, kind: Kind) -> Result<(), ServeError> {
        match kind {
            Kind::Directory => stream.write_record(&[]).await?,
            Kind::File { .. } => stream.write_record(&kind.encode_answer()).await?,
        }
        let mut listener = stream.listen(BACKLOG);
        loop {
            tokio::select! {
                child = listener.accept() => match child {
                    Some(child) => {
                        tokio::spawn(self.clone().serve_boxed(child));
                    }
                    None => return Ok(()),
                },
                end = stream.read_record(MAX_RECORD_LEN) => match end? {
                    None => return Ok(stream.finish().await?),
                    Some(_) => return Ok(()),
                },
            }
        }
    }

    async fn receive(
        &self,
        stream: &mut Stream,
        path: String,
        size: u64,
    ) -> Result<Result<(), Refusal>, ServeError> {
        let root = self.root.clone();
        let draft = spawn_blocking(move || root.draft(&path)).await.map_err(io::Error::other)?;
        let mut draft = match draft {
            Ok(draft) => draft,
            Err(refusal) => return Ok(Err(refusal)),
        };
        stream.write_record(&encode_ok()).await?;
        let (mut hasher, mut rest) = (blake3::Hasher::new(), size);
        let mut piece = vec![0; piece_len(size)];
        while rest > 0 {
            let want = piece_len(rest);
            let len = stream.read(&mut piece[..want]).await?;
            if len == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            hasher.update(&piece[..len]);
            // The page cache takes it; waiting for the disk is left to `keep`.
            if let Err(error) = io::Write::write_all(&mut draft.file, &piece[..len]) {
                return Ok(Err(refusal_of(&error)));
            }
            rest -= len as u64;
        }
        let hash = stream.read_record(HASH_LEN).await?;
        if hash.as_deref() != Some(hasher.finalize().as_bytes().as_slice()) {
            return Ok(Err(Refusal::Hash));
        }
        let kept = spawn_blocking(move || draft.keep()).await.map_err(io::Error::other)?;
        if kept.is_ok() {
            stream.write_record(&encode_ok()).await?;
        }
        Ok(kept)
    }
}

/// Sends a file from where the peer's copy of it ends, and the hash of all of it.
async fn send(mut stream: Stream, reading: Reading) -> Result<(), ServeError> {
    let Reading { file, size, offset, mut hasher, mut piece } = reading;
    if size <= SMALL_FILE_BYTES {
        stream.set_priority(Some(SMALL_FILE_PRIORITY));
    }
    stream.write_record(&encode_get_answer(size, offset)).await?;
    let mut file = tokio::fs::File::from_std(file);
    let mut rest = size - offset;
    while rest > 0 {
        if piece.is_empty() {
            stream.reset(CODE_CHANGED);
            return Ok(());
        }
        hasher.update(&piece);
        stream.write_all(&piece).await?;
        rest = rest.saturating_sub(piece.len() as u64);
        piece.resize(piece_len(rest), 0);
        let len = if rest > 0 { file.read(&mut piece).await? } else { 0 };
        piece.truncate(len);
    }
    stream.write_record(hasher.finalize().as_bytes()).await?;
    Ok(stream.finish().await?)
}

impl Reading {
    fn open(root: &Root, path: &str, have: u64, hash: [u8; HASH_LEN]) -> Result<Self, Refusal> {
        let Found::File(file, size) = root.find(path)? else { return Err(Refusal::WrongKind) };
        Self::begin(file, size, have, hash).map_err(|error| refusal_of(&error))
    }

    fn begin(file: File, size: u64, have: u64, hash: [u8; HASH_LEN]) -> io::Result<Self> {
        let (mut file, mut hasher) = hash_prefix(file, have.min(size))?;
        let is_same = have <= size && *hasher.finalize().as_bytes() == hash;
        let offset = if is_same { have } else { 0 };
        if !is_same {
            hasher = blake3::Hasher::new();
        }
        if have > 0 {
            file.seek(io::SeekFrom::Start(offset))?;
        }
        let mut piece = vec![0; piece_len(size - offset)];
        let len = file.read(&mut piece)?;
        piece.truncate(len);
        Ok(Self { file, size, offset, hasher, piece })
    }
}

/// How long the next piece is if `rest` bytes are to come.
pub(super) fn piece_len(rest: u64) -> usize {
    usize::try_from(rest).unwrap_or(PIECE_LEN).min(PIECE_LEN)
}

/// Hashes the first `len` bytes, or as many as there are.
pub(super) fn hash_prefix(mut file: File, len: u64) -> io::Result<(File, blake3::Hasher)> {
    let (mut hasher, mut rest, mut piece) = (blake3::Hasher::new(), len, vec![0; piece_len(len)]);
    while rest > 0 {
        let want = piece_len(rest);
        let len = file.read(&mut piece[..want])?;
        if len == 0 {
            break;
        }
        hasher.update(&piece[..len]);
        rest -= len as u64;
    }
    Ok((file, hasher))
}
