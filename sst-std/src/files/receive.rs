//! Takes in a file that is being put.

use std::io;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::budget::Budget;
use super::draft::Draft;
use super::message::{Attributes, HASH_LEN, Refusal, encode_ok};
use super::root::refusal_of;
use super::serve::{Serving, piece_len};
use super::{PIECE_LEN, ServeError};
use crate::stream::Stream;

/// A peer that gives nothing of its file for so long loses its place among those who put.
const SILENCE: Duration = Duration::from_secs(120);
/// Room for bytes while none have come.
const FIRST_LEN: usize = 4 << 10;

/// What is to be a file.
pub(super) struct New {
    pub(super) path: Vec<u8>,
    pub(super) size: u64,
    pub(super) attributes: Option<Attributes>,
}

/// A draft, how much is in it, and the hash of that.
struct Taken {
    draft: Draft,
    len: u64,
    hasher: blake3::Hasher,
}

/// Answers a request to put a file, up to the answer that it is there.
pub(super) async fn receive(
    stream: &mut Stream,
    serving: &Serving,
    New { path, size, attributes }: New,
) -> Result<Result<(), Refusal>, ServeError> {
    // Held until the draft is closed.
    let Some(_place) = serving.budget.drafts.take_while_open(stream).await else {
        return Err(io::Error::from(io::ErrorKind::ConnectionAborted).into());
    };
    let root = serving.root.clone();
    let draft = match serving.budget.work(stream, move || root.draft(&path, attributes)).await {
        Ok(draft) => draft,
        Err(refusal) => return Ok(Err(refusal)),
    };
    stream.write_record(&encode_ok()).await?;
    let taken = match take_contents(stream, &serving.budget, draft, size, SILENCE).await? {
        Ok(taken) => taken,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Ok(hash) = timeout(SILENCE, stream.read_record(HASH_LEN)).await else {
        return Ok(Err(silent(SILENCE)));
    };
    let hash = hash?;
    if hash.as_deref() != Some(taken.hasher.finalize().as_bytes().as_slice()) {
        return Ok(Err(Refusal::Hash));
    }
    let kept = serving.budget.sync(stream, move || taken.draft.keep()).await;
    if kept.is_ok() {
        stream.write_record(&encode_ok()).await?;
        stream.start_finish()?;
    }
    Ok(kept)
}

async fn take_contents(
    stream: &mut Stream,
    budget: &Budget,
    draft: Draft,
    size: u64,
    silence: Duration,
) -> Result<Result<Taken, Refusal>, ServeError> {
    let (mut taken, mut rest) = (Taken { draft, len: 0, hasher: blake3::Hasher::new() }, size);
    while rest > 0 {
        let Ok(piece) = timeout(silence, next_piece(stream, rest)).await else {
            return Ok(Err(silent(silence)));
        };
        let piece = piece?;
        rest -= piece.len() as u64;
        // In a thread: a disk that is slow or stands still holds up nobody else.
        let written = budget.once(stream, move || taken.add(&piece)).await;
        taken = match written.and_then(|written| written) {
            Ok(taken) => taken,
            Err(refusal) => return Ok(Err(refusal)),
        };
    }
    Ok(Ok(taken))
}

impl Taken {
    /// The page cache takes it; waiting for the disk is left to [`Draft::keep`].
    fn add(mut self, piece: &[u8]) -> Result<Self, Refusal> {
        self.hasher.update(piece);
        let written = self.draft.file.write_all_at(piece, self.len);
        written.map_err(|error| refusal_of(&error))?;
        self.len += piece.len() as u64;
        Ok(self)
    }
}

/// What has come of the `rest` that is to come, up to a piece. A whole piece's room is taken only
/// while bytes keep coming.
async fn next_piece(stream: &mut Stream, rest: u64) -> Result<Vec<u8>, ServeError> {
    let mut piece = vec![0; piece_len(rest).min(FIRST_LEN)];
    let mut len = stream.read(&mut piece).await?;
    if len == 0 {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    if len == FIRST_LEN {
        piece.resize(piece_len(rest), 0);
        len += at_hand(stream, &mut piece[FIRST_LEN..]).await?;
    }
    piece.truncate(len);
    Ok(piece)
}

fn silent(silence: Duration) -> Refusal {
    Refusal::Io(format!("nothing of the file came for {silence:?}"))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::root::Root;
    use super::*;
    use crate::two_hosts::pair;

    #[tokio::test]
    async fn a_peer_that_gives_nothing_more_of_its_file_is_refused_with_words() {
        let pair = pair().await;
        let (_sent, mut stream) = pair.stream_with(b"the beginning").await;
        let to = tempfile::tempdir().unwrap();
        let draft = Arc::new(Root::open(to.path()).unwrap()).draft(b"file", None).unwrap();
        let silence = Duration::from_millis(300);
        let taken =
            take_contents(&mut stream, &Budget::new(), draft, 1_000, silence).await.unwrap();
        let Err(Refusal::Io(words)) = taken else { panic!("taken") };
        assert!(words.contains("nothing of the file came for 300ms"), "{words}");
        assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0, "the draft is gone");
    }
}
