//! [`Hashes`]: the beginnings of files that clients say to have, hashed to find out.
//!
//! A slice at a time, in turns of sessions: a large file of one client holds up nobody, and nothing
//! goes on for a stream or session that has ended. Two clients that ask for the same hash at the
//! same time move one hash on together.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::sleep;

use super::budget::{Budget, SCARCE, in_thread};
use super::message::Refusal;
use super::root::{Source, Version, refusal_of};
use super::serve::hash_on;
use crate::branch::Branch;

/// How much is hashed in one turn: about a millisecond.
const SLICE_LEN: u64 = 1 << 20;

/// The hashes under way.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    running: Mutex<HashMap<Beginning, Weak<AsyncMutex<Progress>>>>,
}

/// The first `len` bytes of a file as it was at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Beginning {
    version: Version,
    len: u64,
}

#[derive(Debug, Default)]
struct Progress {
    hasher: blake3::Hasher,
    done: u64,
}

impl Hashes {
    /// The hash of the first `len` bytes of `source`; `None` if it changed meanwhile, or if nobody
    /// wants it any more.
    pub(super) async fn beginning(
        &self,
        budget: &Budget,
        stream: &Branch,
        source: &Arc<Source>,
        len: u64,
    ) -> Result<Option<blake3::Hasher>, Refusal> {
        let beginning = Beginning { version: source.version, len };
        let running = self.join(beginning);
        while stream.is_wanted() {
            let Some(turn) = budget.hashing.take_while_open(stream).await else { break };
            let mut progress = running.clone().lock_owned().await;
            if progress.done == len {
                return Ok(Some(progress.hasher.clone()));
            }
            let source = source.clone();
            let is_same = in_thread(turn, move || progress.go_on(&source, len)).await?;
            match is_same {
                Err(Refusal::Busy) => sleep(SCARCE).await,
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(None)
    }

    fn join(&self, beginning: Beginning) -> Arc<AsyncMutex<Progress>> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = running.get(&beginning).and_then(Weak::upgrade) {
            return there;
        }
        running.retain(|_, there| there.strong_count() > 0);
        let new = Arc::new(AsyncMutex::new(Progress::default()));
        running.insert(beginning, Arc::downgrade(&new));
        new
    }
}

impl Progress {
    /// Hashes the next slice. False if the file is not what it was.
    fn go_on(&mut self, source: &Source, len: u64) -> Result<bool, Refusal> {
        let Some(file) = source.reopen()? else { return Ok(false) };
        self.hash_slice(&file, len).map_err(|error| refusal_of(&error))
    }

    /// All of the next slice, or nothing of it: others go on from here, and a hasher that was fed
    /// half a slice would give them a wrong hash.
    fn hash_slice(&mut self, file: &impl FileExt, len: u64) -> io::Result<bool> {
        let want = SLICE_LEN.min(len - self.done);
        let mut hasher = self.hasher.clone();
        if hash_on(file, self.done, want, &mut hasher)? != want {
            return Ok(false);
        }
        (self.hasher, self.done) = (hasher, self.done + want);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::files::PIECE_LEN;

    /// Of sevens, and with a fault of the disk at its `fails`th piece.
    struct Faulty {
        fails: Cell<u32>,
    }

    impl FileExt for Faulty {
        fn read_at(&self, piece: &mut [u8], _: u64) -> io::Result<usize> {
            self.fails.set(self.fails.get().wrapping_sub(1));
            if self.fails.get() == 0 {
                return Err(io::ErrorKind::Other.into());
            }
            piece.fill(7);
            Ok(piece.len())
        }

        fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
            Err(io::ErrorKind::Unsupported.into())
        }
    }

    #[test]
    fn a_slice_that_fails_half_way_leaves_the_hash_as_it_was() {
        const LEN: usize = 2 * SLICE_LEN as usize + 5;
        let (file, mut progress) = (Faulty { fails: Cell::new(0) }, Progress::default());
        assert!(progress.hash_slice(&file, LEN as u64).unwrap());
        assert!(SLICE_LEN > 2 * PIECE_LEN as u64, "the fault is inside a slice");
        file.fails.set(3);
        progress.hash_slice(&file, LEN as u64).unwrap_err();
        while progress.done < LEN as u64 {
            assert!(progress.hash_slice(&file, LEN as u64).unwrap());
        }
        assert_eq!(progress.hasher.finalize(), blake3::hash(&vec![7; LEN]));
    }

    #[test]
    fn the_same_beginning_is_hashed_once_and_a_forgotten_one_not_kept() {
        let hashes = Hashes::default();
        let version = Version { device: 1, inode: 2, size: 9, modified: (3, 4) };
        let one = hashes.join(Beginning { version, len: 5 });
        assert!(Arc::ptr_eq(&one, &hashes.join(Beginning { version, len: 5 })));
        assert!(!Arc::ptr_eq(&one, &hashes.join(Beginning { version, len: 6 })));
        let changed = Version { size: 10, ..version };
        assert!(!Arc::ptr_eq(&one, &hashes.join(Beginning { version: changed, len: 5 })));
        drop(one);
        hashes.join(Beginning { version, len: 7 });
        assert_eq!(hashes.running.lock().unwrap().len(), 1, "those nobody waits for are gone");
    }
}
