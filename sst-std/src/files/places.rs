//! [`Places`]: how many files are sent at a time, over all that was named.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for files that are being sent. Large ones have at most three quarters, so that small ones
/// need not wait for large ones to end.
#[derive(Clone, Debug)]
pub(super) struct Places {
    all: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

/// Held while a file is sent.
pub(super) struct Place {
    _large: Option<OwnedSemaphorePermit>,
    _any: Option<OwnedSemaphorePermit>,
}

/// How many of `jobs` files at a time may be large.
pub(super) const fn most_large(jobs: usize) -> usize {
    let most = jobs - jobs / 4;
    if most == 0 { 1 } else { most }
}

impl Places {
    pub(super) fn new(jobs: usize) -> Self {
        let jobs = jobs.clamp(1, Semaphore::MAX_PERMITS);
        let places = |count| Arc::new(Semaphore::new(count));
        Self { all: places(jobs), large: places(most_large(jobs)) }
    }

    /// Waits for a place.
    pub(super) async fn take(&self, is_large: bool) -> Place {
        // Never closed, so there is always a permit.
        let large = if is_large { self.large.clone().acquire_owned().await.ok() } else { None };
        Place { _large: large, _any: self.all.clone().acquire_owned().await.ok() }
    }
}
