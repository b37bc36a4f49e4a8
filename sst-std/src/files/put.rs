//! [`put`]: sends a file.

use std::path::Path;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::message::{MAX_RECORD_LEN, Request, parse_ok};
use super::{FileError, PIECE_LEN, PROTOCOL, SERVICE, shown};
use crate::session::Session;
use crate::stream::Stream;

/// Sends the local file `from` to the remote path `path`, which must not exist; tells how many
/// bytes that were. The peer has it on disk when this returns. `on_bytes` is told of progress.
///
/// # Errors
/// [`FileError`].
pub async fn put(
    session: &Session,
    from: &Path,
    path: &str,
    on_bytes: impl Fn(u64),
) -> Result<u64, FileError> {
    let local = |source| FileError::Local { path: from.into(), source };
    let mut options = tokio::fs::OpenOptions::new();
    // Not blocking: opening a pipe would wait for its other end.
    options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let mut file = options.open(from).await.map_err(local)?;
    let metadata = file.metadata().await.map_err(local)?;
    if !metadata.is_file() {
        return Err(local(std::io::Error::other("not a regular file")));
    }
    let size = metadata.len();
    let stream = session.open_service(SERVICE, PROTOCOL).await;
    let mut stream = stream.map_err(FileError::transport(path))?;
    let request = Request::Put { path: path.as_bytes().into(), size }.encode();
    stream.write_record(&request).await.map_err(FileError::transport(path))?;
    answer(&mut stream, path).await?;
    let (mut hasher, mut rest, mut piece) = (blake3::Hasher::new(), size, vec![0; PIECE_LEN]);
    while rest > 0 {
        let want = usize::try_from(rest).unwrap_or(PIECE_LEN).min(PIECE_LEN);
        let len = file.read(&mut piece[..want]).await.map_err(local)?;
        if len == 0 {
            return Err(local(std::io::Error::other("the file became shorter")));
        }
        hasher.update(&piece[..len]);
        if stream.write_all(&piece[..len]).await.is_err() {
            // The peer stopped; its answer says why.
            answer(&mut stream, path).await?;
            return Err(FileError::protocol(path, "it stopped without a reason"));
        }
        on_bytes(len as u64);
        rest -= len as u64;
    }
    // If this fails, so does the answer, which knows more.
    let _ = stream.write_record(hasher.finalize().as_bytes()).await;
    let _ = stream.start_finish();
    answer(&mut stream, path).await?;
    Ok(size)
}

async fn answer(stream: &mut Stream, path: &str) -> Result<(), FileError> {
    let answer = stream.read_record(MAX_RECORD_LEN).await.map_err(FileError::transport(path))?;
    match answer.as_deref().and_then(parse_ok) {
        Some(Ok(_)) => Ok(()),
        Some(Err(refusal)) => Err(FileError::Refused { path: shown(path), refusal }),
        None => Err(FileError::protocol(path, "no answer that makes sense")),
    }
}
