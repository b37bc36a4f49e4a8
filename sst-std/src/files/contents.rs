//! [`Contents`]: a remote file, read as it comes, for those who keep no file of it.

use tokio::io::AsyncReadExt;

use super::fetch::{Above, text};
use super::message::{HASH_LEN, MAX_RECORD_LEN, Refusal, Request, parse_get_answer};
use super::serve::piece_len;
use super::{FileError, shown};
use crate::session::Session;
use crate::stream::Stream;

/// The contents of a remote file, a piece at a time.
///
/// # Examples
/// ```
/// use sst_std::files::Contents;
/// # async fn example(session: sst_std::Session) -> Result<(), sst_std::files::FileError> {
/// let mut contents = Contents::open(&session, "notes/today").await?;
/// while let Some(piece) = contents.next().await? {
///     println!("{} bytes", piece.len());
/// }
/// // Only now it is known that these were the sender's bytes, and all of them.
/// # Ok(()) }
/// ```
pub struct Contents {
    stream: Stream,
    path: String,
    size: u64,
    rest: u64,
    hasher: blake3::Hasher,
    is_checked: bool,
}

impl Contents {
    /// Asks for the file at `path`.
    ///
    /// # Errors
    /// [`FileError`]; [`Refusal::WrongKind`] if it is a directory.
    pub async fn open(session: &Session, path: impl AsRef<[u8]>) -> Result<Self, FileError> {
        let (asked, path) = (path.as_ref(), text(path.as_ref()));
        let mut stream = Above::Session(session).open(&path).await?;
        let request = Request::Get { path: asked.into(), have: 0, hash: [0; HASH_LEN] }.encode();
        stream.write_record(&request).await.map_err(FileError::transport(&path))?;
        stream.start_finish().map_err(FileError::transport(&path))?;
        let answer = stream.read_record(MAX_RECORD_LEN).await;
        let answer = answer.map_err(FileError::transport(&path))?;
        match answer.as_deref().and_then(parse_get_answer) {
            Some(Ok((size, 0))) => {
                let hasher = blake3::Hasher::new();
                Ok(Self { stream, path, size, rest: size, hasher, is_checked: false })
            }
            Some(Err(refusal)) => Err(refused(&path, refusal)),
            _ => Err(FileError::protocol(&path, "no answer that makes sense")),
        }
    }

    /// Its size in bytes.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The next bytes, of at most 128 KiB; `None` once all have come and have the sender's hash.
    ///
    /// # Errors
    /// [`FileError`]; [`FileError::Hash`] says that what has come is not what was sent.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, FileError> {
        if self.rest == 0 {
            return self.check().await.map(|()| None);
        }
        let mut piece = vec![0; piece_len(self.rest)];
        let read = self.stream.read(&mut piece).await;
        let len = read.map_err(FileError::transport(&self.path))?;
        if len == 0 {
            return Err(FileError::protocol(&self.path, "it is shorter than was said"));
        }
        piece.truncate(len);
        self.hasher.update(&piece);
        self.rest -= len as u64;
        Ok(Some(piece))
    }

    async fn check(&mut self) -> Result<(), FileError> {
        if self.is_checked {
            return Ok(());
        }
        let hash = self.stream.read_record(HASH_LEN).await;
        let hash = hash.map_err(FileError::transport(&self.path))?;
        if hash.as_deref() != Some(self.hasher.finalize().as_bytes().as_slice()) {
            return Err(FileError::Hash { path: shown(&self.path) });
        }
        self.is_checked = true;
        Ok(())
    }
}

fn refused(path: &str, refusal: Refusal) -> FileError {
    FileError::Refused { path: shown(path), refusal }
}
