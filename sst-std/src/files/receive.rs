//! Takes in a file that is being put.

use std::io::Write;

use tokio::io::AsyncReadExt;

use super::draft::Draft;
use super::message::{HASH_LEN, Refusal, encode_ok};
use super::root::refusal_of;
use super::serve::{Serving, piece_len};
use super::{PIECE_LEN, ServeError};
use crate::stream::Stream;

/// Room for bytes while none have come.
const FIRST_LEN: usize = 4 << 10;

/// Answers a request to put a file, up to the answer that it is there.
pub(super) async fn receive(
    stream: &mut Stream,
    serving: &Serving,
    path: Vec<u8>,
    size: u64,
) -> Result<Result<(), Refusal>, ServeError> {
    // Held until the draft is closed.
    let Some(_place) = serving.budget.drafts.take_while_open(stream).await else {
        return Err(std::io::Error::from(std::io::ErrorKind::ConnectionAborted).into());
    };
    let root = serving.root.clone();
    let draft = match serving.budget.work(stream, move || root.draft(&path)).await {
        Ok(draft) => draft,
        Err(refusal) => return Ok(Err(refusal)),
    };
    stream.write_record(&encode_ok()).await?;
    let (draft, hasher) = match take_contents(stream, draft, size).await? {
        Ok(taken) => taken,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let hash = stream.read_record(HASH_LEN).await?;
    if hash.as_deref() != Some(hasher.finalize().as_bytes().as_slice()) {
        return Ok(Err(Refusal::Hash));
    }
    let kept = serving.budget.sync(stream, move || draft.keep()).await;
    if kept.is_ok() {
        stream.write_record(&encode_ok()).await?;
        stream.start_finish()?;
    }
    Ok(kept)
}

async fn take_contents(
    stream: &mut Stream,
    mut draft: Draft,
    size: u64,
) -> Result<Result<(Draft, blake3::Hasher), Refusal>, ServeError> {
    let (mut hasher, mut rest) = (blake3::Hasher::new(), size);
    let mut piece = Vec::new();
    while rest > 0 {
        // A whole piece's room only while bytes keep coming.
        piece.resize(piece_len(rest).min(FIRST_LEN), 0);
        let mut len = stream.read(&mut piece).await?;
        if len == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        if len == FIRST_LEN {
            piece.resize(piece_len(rest), 0);
            len += at_hand(stream, &mut piece[FIRST_LEN..]).await?;
        }
        hasher.update(&piece[..len]);
        // The page cache takes it; waiting for the disk is left to `keep`.
        if let Err(error) = draft.file.write_all(&piece[..len]) {
            return Ok(Err(refusal_of(&error)));
        }
        rest -= len as u64;
        piece = Vec::new();
    }
    Ok(Ok((draft, hasher)))
}

/// Reads as much as has come already.
async fn at_hand(stream: &mut Stream, room: &mut [u8]) -> Result<usize, ServeError> {
    let mut len = 0;
    while len < room.len() {
        let read = stream.read(&mut room[len..]);
        match super::stall::unless_stalled(super::stall::Stalls::AtOnce, read).await {
            // At the end: told again by the next read.
            Some(Ok(0)) | None => break,
            Some(read) => len += read?,
        }
    }
    Ok(len)
}

const _: () = assert!(FIRST_LEN < PIECE_LEN, "the rest of a piece has room");
