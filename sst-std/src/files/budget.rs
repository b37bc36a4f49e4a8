//! [`Budget`]: what the requests of all sessions may cost a file server together, and those of one
//! session. docs/LIMITS.md explains the numbers.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::message::Refusal;
use crate::branch::Branch;
use crate::shares::{Share, Shares};

/// Requests being answered, in all and for one session. A client asks for 64 files and 8 listings
/// at a time.
const REQUESTS: (usize, usize) = (4_096, 96);
/// Threads that open, read and write, in all and for one session; each for one piece at a time.
const WORKERS: (usize, usize) = (16, 4);
/// Threads that wait for the disk at the end of a put, in all and for one session.
const SYNCS: (usize, usize) = (8, 2);
/// Files and directories that stay open, with a piece in memory, while they are being sent.
const KEPT: (usize, usize) = (128, 32);
/// Files being put, in all and for one peer: its sessions together. Each stays open, and its
/// directory, until it has its name.
const DRAFTS: (usize, usize) = (64, 8);
/// Descriptors for sockets, the runtime, standard streams and the path walks of workers.
const OTHER_DESCRIPTORS: usize = 80;
/// How long work that found no free descriptor or memory waits before it is tried again. The
/// server's own files stay below its limit, so this is the doing of other parts of the system.
pub(super) const SCARCE: Duration = Duration::from_millis(50);

/// The shares of one file server.
#[derive(Debug)]
pub(super) struct Budget {
    /// Requests that are being answered.
    pub(super) requests: Arc<Shares>,
    /// Threads that hash what a client says to have: half of the processors, one for a session.
    pub(super) hashing: Arc<Shares>,
    /// Open files and directories between two pieces.
    pub(super) kept: Arc<Shares>,
    /// Files being put.
    pub(super) drafts: Arc<Shares>,
    workers: Arc<Shares>,
    syncs: Arc<Shares>,
}

impl Budget {
    pub(super) fn new() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let descriptors = usize::try_from(descriptors).unwrap_or(usize::MAX);
        let ours = descriptors.saturating_sub(OTHER_DESCRIPTORS);
        let shares = |(total, each): (usize, usize)| Shares::new(total, each);
        Self {
            requests: shares(REQUESTS),
            hashing: Shares::new(processors / 2, 1),
            kept: Shares::new(KEPT.0.min(ours / 3 * 2), KEPT.1),
            drafts: Shares::by_peer(DRAFTS.0.min(ours / 6), DRAFTS.1),
            workers: shares(WORKERS),
            syncs: shares(SYNCS),
        }
    }

    /// Does a short piece of work for `stream` in a thread, when its session has a turn. Work that
    /// lacks a descriptor or memory is done again a little later; nobody is told.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        stream: &Branch,
        mut deed: impl FnMut() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        loop {
            let turn = self.workers.take(stream).await;
            let done = in_thread(turn, move || (deed(), deed)).await;
            match done {
                Ok((Err(Refusal::Busy), again)) => deed = again,
                Ok((done, _)) => return done,
                Err(error) => return Err(error),
            }
            sleep(SCARCE).await;
        }
    }

    /// Does a short piece of work for `stream` once, in a thread, when its session has a turn.
    pub(super) async fn once<T: Send + 'static>(
        &self,
        stream: &Branch,
        deed: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = self.workers.take(stream).await;
        in_thread(turn, deed).await
    }

    /// Does something that waits for the disk.
    pub(super) async fn sync<T: Send + 'static>(
        &self,
        stream: &Branch,
        deed: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = self.syncs.take(stream).await;
        in_thread(turn, deed).await?
    }
}

/// Runs `deed` in a thread. The turn is over when the thread is done, even if nobody waits for the
/// answer any more.
pub(super) async fn in_thread<T: Send + 'static>(
    turn: Share,
    deed: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let done = spawn_blocking(move || {
        let done = deed();
        drop(turn);
        done
    });
    done.await.map_err(|error| super::root::refusal_of(&io::Error::other(error)))
}
