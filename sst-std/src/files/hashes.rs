//! [`Hashes`]: the beginnings of files that clients say to have, hashed to find out.
//!
//! A slice at a time, in turns of sessions: a large file of one client holds up nobody, and nothing
//! goes on for a stream or session that has ended. Two clients that ask for the same hash at the
//! same time move one hash on together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Mutex as AsyncMutex;

use super::budget::{Budget, in_thread};
use super::message::Refusal;
use super::root::{Source, Version};
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
            let turn = budget.hashing.take(stream).await;
            let mut progress = running.clone().lock_owned().await;
            if progress.done == len {
                return Ok(Some(progress.hasher.clone()));
            }
            let source = source.clone();
            let is_same = in_thread(turn, move || progress.go_on(&source, len)).await?;
            match is_same {
                Err(Refusal::Busy) => tokio::task::yield_now().await,
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
        let want = SLICE_LEN.min(len - self.done);
        let before = self.done;
        let hashed = hash_on(&file, self.done, want, &mut self.hasher);
        self.done += hashed.map_err(|error| super::root::refusal_of(&error))?;
        Ok(self.done == before + want)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
