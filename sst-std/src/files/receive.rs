//! Takes in a file that is being put.

use std::io::Write;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::timeout;

use super::draft::Draft;
use super::message::{HASH_LEN, Refusal, encode_ok};
use super::root::refusal_of;
use super::serve::{Serving, piece_len};
use super::{PIECE_LEN, ServeError};
use crate::stream::Stream;

/// A peer that gives nothing of its file for so long loses its place among those who put.
const SILENCE: Duration = Duration::from_secs(120);
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
    let (draft, hasher) = match take_contents(stream, draft, size, SILENCE).await? {
        Ok(taken) => taken,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let Ok(hash) = timeout(SILENCE, stream.read_record(HASH_LEN)).await else {
        return Ok(Err(silent(SILENCE)));
    };
    let hash = hash?;
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
    silence: Duration,
) -> Result<Result<(Draft, blake3::Hasher), Refusal>, ServeError> {
    let (mut hasher, mut rest) = (blake3::Hasher::new(), size);
    let mut piece = Vec::new();
    while rest > 0 {
        // A whole piece's room only while bytes keep coming.
        piece.resize(piece_len(rest).min(FIRST_LEN), 0);
        let Ok(read) = timeout(silence, stream.read(&mut piece)).await else {
            return Ok(Err(silent(silence)));
        };
        let mut len = read?;
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

    use tokio::io::AsyncWriteExt;

    use super::super::root::Root;
    use super::*;
    use crate::{Config, Endpoint, Identity, OpenOptions};

    async fn endpoint() -> Endpoint {
        let mut config = Config::new(Identity::generate().unwrap());
        (config.bind, config.accept) = (vec!["127.0.0.1:0".parse().unwrap()], true);
        Endpoint::bind(config).await.unwrap()
    }

    #[tokio::test]
    async fn a_peer_that_gives_nothing_more_of_its_file_is_refused_with_words() {
        let (near, far) = (endpoint().await, endpoint().await);
        let here = near.connect_to(Some(far.id()), far.local_addrs()[0]).await.unwrap();
        let there = far.accept().await.unwrap();
        let mut sent = here.open_substream(OpenOptions::new()).await.unwrap();
        sent.write_all(b"the beginning").await.unwrap();
        let mut stream = there.listen(1).accept().await.unwrap();
        let to = tempfile::tempdir().unwrap();
        let draft = Arc::new(Root::open(to.path()).unwrap()).draft(b"file").unwrap();
        let silence = Duration::from_millis(300);
        let taken = take_contents(&mut stream, draft, 1_000, silence).await.unwrap();
        let Err(Refusal::Io(words)) = taken else { panic!("taken") };
        assert!(words.contains("nothing of the file came for 300ms"), "{words}");
        assert_eq!(std::fs::read_dir(to.path()).unwrap().count(), 0, "the draft is gone");
    }
}
