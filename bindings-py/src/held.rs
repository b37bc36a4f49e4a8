//! [`Held`]: what operations of one turn of an event loop leave to be sent. The endpoint's thread
//! is told of it once, when the turn is over: told of each operation, it would wake for each, and
//! send a packet for each.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

use crate::engine;

/// The longest that anything is held: when the application blocks its loop.
const PATIENCE: Duration = Duration::from_millis(1);
/// After so many times of that with nothing held, nobody looks any more.
const MAX_IDLE_LOOKS: u32 = 8;

/// The wakers of endpoints that have something to send.
#[derive(Default)]
pub(crate) struct Held(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    wakers: Vec<Waker>,
    is_watched: bool,
}

/// What is to be done about a waker that was given to [`Held`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Nothing.
    Nothing,
    /// Have [`Held::release`] called once this turn of the loop is over.
    First,
}

impl Held {
    /// Keeps `waker` for the end of the turn; wakes it at once if nobody watches for how long.
    pub(crate) fn hold(self: &Arc<Self>, waker: Waker) -> Told {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.is_watched {
            inner.wakers.push(waker);
            return if inner.wakers.len() == 1 { Told::First } else { Told::Nothing };
        }
        if let Ok(runtime) = engine::handle() {
            inner.is_watched = true;
            runtime.spawn(self.clone().watch());
        }
        drop(inner);
        waker.wake();
        Told::Nothing
    }

    /// Wakes all; false if there was none.
    pub(crate) fn release(&self) -> bool {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wakers = std::mem::take(&mut inner.wakers);
        drop(inner);
        let is_any = !wakers.is_empty();
        wakers.into_iter().for_each(Waker::wake);
        is_any
    }

    /// Sees to it that nothing is held for long, while anything is.
    async fn watch(self: Arc<Self>) {
        let mut idle_looks = 0;
        while idle_looks < MAX_IDLE_LOOKS {
            tokio::time::sleep(PATIENCE).await;
            idle_looks = if self.release() { 0 } else { idle_looks + 1 };
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_watched = false;
        self.release();
    }
}
