//! Sends a file, a piece at a time. While the peer takes nothing, the file is closed and nothing
//! of it is in memory.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use super::hashes::Hashes;
use super::message::{HASH_LEN, Refusal, encode_get_answer};
use super::root::{Found, Root, Source, refusal_of};
use super::serve::{Serving, hash_on, piece_len};
use super::stall::{Stalls, unless_stalled};
use super::{CODE_CHANGED, PIECE_LEN, SMALL_FILE_BYTES, SMALL_FILE_PRIORITY, ServeError};
use crate::branch::Branch;
use crate::shares::Share;
use crate::stream::Stream;

/// How much is read at a time by a transfer that has no place among the open files.
const SHORT_PIECE_LEN: usize = 32 << 10;

/// A transfer under way.
struct Sending {
    source: Arc<Source>,
    /// The next byte to be sent.
    at: u64,
    /// Of everything before it.
    hasher: blake3::Hasher,
    /// The file between two pieces, for as long as the peer takes them.
    open: Option<File>,
    place: Option<Share>,
}

/// What a client says to have of a file.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) len: u64,
    pub(super) hash: [u8; HASH_LEN],
}

/// What opening a file found, with its first piece where that follows from the claim alone. Small
/// files are opened, read and closed in one step: a thread's turn each for opening, seeking and
/// reading would cost more than all of these.
struct Begun {
    source: Source,
    file: File,
    /// Of what the client has, if that was little enough to be hashed on the way.
    hasher: Option<blake3::Hasher>,
    piece: Vec<u8>,
}

/// A piece of a file, and the file for reading on.
type Piece = (Option<File>, Vec<u8>);

/// Answers a request for a file, up to the end of its contents and their hash.
pub(super) async fn send(
    stream: &mut Stream,
    serving: &Serving,
    path: Vec<u8>,
    claim: Claim,
) -> Result<Result<(), Refusal>, ServeError> {
    let root = serving.root.clone();
    let begun = serving.budget.work(stream, move || begin(&root, &path, claim)).await;
    let Begun { source, file, hasher, piece } = match begun {
        Ok(begun) => begun,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let source = Arc::new(source);
    let size = source.version.size;
    if size <= SMALL_FILE_BYTES {
        stream.set_priority(Some(SMALL_FILE_PRIORITY));
    }
    let mut sending =
        Sending { source, at: 0, hasher: blake3::Hasher::new(), open: None, place: None };
    match hasher {
        Some(hasher) => sending.on_hashed(hasher, claim),
        None => {
            drop(file);
            let hashed = sending.check(stream, &serving.hashes, serving, claim).await;
            if let Err(refusal) = hashed {
                return Ok(Err(refusal));
            }
            stream.write_record(&encode_get_answer(size, sending.at)).await?;
            return Ok(Ok(sending.run(stream, serving, Vec::new()).await?));
        }
    }
    if size - sending.at > piece.len() as u64 {
        sending.place = serving.budget.kept.try_take(stream);
        sending.open = sending.place.is_some().then_some(file);
    } else {
        drop(file);
    }
    stream.write_record(&encode_get_answer(size, sending.at)).await?;
    Ok(Ok(sending.run(stream, serving, piece).await?))
}

impl Sending {
    /// Goes on where the claim ends, if it is right.
    fn on_hashed(&mut self, hasher: blake3::Hasher, claim: Claim) {
        if claim.is_of(&hasher) {
            (self.at, self.hasher) = (claim.len, hasher);
        }
    }

    /// Hashes what the client says to have.
    async fn check(
        &mut self,
        stream: &Branch,
        hashes: &Hashes,
        serving: &Serving,
        claim: Claim,
    ) -> Result<(), Refusal> {
        let hashed = hashes.beginning(&serving.budget, stream, &self.source, claim.len).await?;
        if let Some(hasher) = hashed {
            self.on_hashed(hasher, claim);
        }
        Ok(())
    }

    /// Sends everything from here, of which `piece` is at hand, and the hash.
    async fn run(
        mut self,
        stream: &mut Stream,
        serving: &Serving,
        mut piece: Vec<u8>,
    ) -> Result<(), ServeError> {
        let size = self.source.version.size;
        while self.at < size {
            if piece.is_empty() {
                piece = match self.read(stream, serving).await {
                    Ok(piece) if !piece.is_empty() => piece,
                    // Shorter than it was, or another.
                    Ok(_) | Err(_) => {
                        stream.reset(CODE_CHANGED);
                        return Ok(());
                    }
                };
            }
            self.write(stream, std::mem::take(&mut piece)).await?;
        }
        stream.write_record(self.hasher.finalize().as_bytes()).await?;
        Ok(stream.start_finish()?)
    }

    async fn read(&mut self, stream: &Branch, serving: &Serving) -> Result<Vec<u8>, Refusal> {
        let rest = self.source.version.size - self.at;
        if self.place.is_none() && rest > PIECE_LEN as u64 {
            self.place = serving.budget.kept.try_take(stream);
        }
        let want = piece_len(rest);
        let len = if self.place.is_some() { want } else { want.min(SHORT_PIECE_LEN) };
        let (source, at, mut open) = (self.source.clone(), self.at, self.open.take());
        let is_kept = self.place.is_some() && rest > len as u64;
        let read = move || read(&source, open.take(), at, len, is_kept);
        let (open, piece) = serving.budget.work(stream, read).await?;
        self.open = open;
        Ok(piece)
    }

    /// Sends a piece, or as much of it as the peer takes before it stalls.
    async fn write(&mut self, stream: &mut Stream, piece: Vec<u8>) -> Result<(), ServeError> {
        let mut taken = 0;
        while taken < piece.len() {
            let stalls = Stalls::when_kept(self.place.is_some());
            match unless_stalled(stalls, stream.write(&piece[taken..])).await {
                Some(len) => taken += len?,
                None => break,
            }
        }
        self.on_sent(&piece[..taken]);
        let Some(&next) = piece.get(taken) else { return Ok(()) };
        // One byte is kept, to hear of it when the peer takes more. The rest is in the file.
        (self.open, self.place) = (None, None);
        drop(piece);
        stream.write_all(&[next]).await?;
        self.on_sent(&[next]);
        Ok(())
    }

    fn on_sent(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.at += bytes.len() as u64;
    }
}

impl Claim {
    fn is_of(&self, hasher: &blake3::Hasher) -> bool {
        *hasher.finalize().as_bytes() == self.hash
    }
}

fn begin(root: &Arc<Root>, path: &[u8], claim: Claim) -> Result<Begun, Refusal> {
    let Found::File(file, version, _) = root.find(path)? else { return Err(Refusal::WrongKind) };
    let source = Source { root: root.clone(), path: path.into(), version };
    if claim.len <= version.size && claim.len > PIECE_LEN as u64 {
        return Ok(Begun { source, file, hasher: None, piece: Vec::new() });
    }
    let mut hasher = blake3::Hasher::new();
    let mut at = 0;
    if (1..=version.size).contains(&claim.len) {
        hash_on(&file, 0, claim.len, &mut hasher).map_err(|error| refusal_of(&error))?;
        at = if claim.is_of(&hasher) { claim.len } else { 0 };
    }
    let len = piece_len(version.size - at);
    let (file, piece) = read(&source, Some(file), at, len, true)?;
    let file = file.ok_or(Refusal::NotFound)?;
    Ok(Begun { source, file, hasher: Some(hasher), piece })
}

/// Reads up to `len` bytes at `at`; none if the file is not what it was.
fn read(
    source: &Source,
    open: Option<File>,
    at: u64,
    len: usize,
    is_kept: bool,
) -> Result<Piece, Refusal> {
    let file = match open {
        Some(file) => file,
        None => match source.reopen_same()? {
            Some(file) => file,
            None => return Ok((None, Vec::new())),
        },
    };
    let mut piece = vec![0; len];
    let read = file.read_at(&mut piece, at).map_err(|error| refusal_of(&error))?;
    piece.truncate(read);
    Ok((is_kept.then_some(file), piece))
}
