//! [`Waiter`]: one task's place among those who wait.

use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use sst_nostd::Instant;

use crate::shared::{Inner, Shared};
use crate::waiters::Place;

/// A task's place among those who wait for the same thing, for the `poll_*` functions of handles
/// that many tasks may share: [`Session::poll_closed`](crate::Session::poll_closed) and others.
///
/// Give each task its own, and the same each time. One waits for one thing at a time, and the
/// waker of the latest poll is the one that is woken. A waiter that is dropped leaves nothing
/// behind: that is how the futures of this crate do it, too.
///
/// # Examples
/// ```
/// use std::task::{Context, Poll};
///
/// use sst_std::{Session, Waiter};
///
/// /// A future written by hand.
/// struct Watch {
///     session: Session,
///     waiter: Waiter,
/// }
///
/// impl Watch {
///     fn poll(&mut self, cx: &mut Context<'_>) -> Poll<String> {
///         self.session.poll_closed(cx, &mut self.waiter).map(|closed| closed.to_string())
///     }
/// }
/// ```
#[derive(Default)]
pub struct Waiter {
    /// Where it has a place, and its key there.
    held: Option<(Arc<Shared>, usize)>,
}

impl Waiter {
    /// One that waits for nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { held: None }
    }

    /// Tries something; while it has to wait, the task has its place at `place`. What does not
    /// depend on the attempt is in functions of its own: there are twenty of these.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Arc<Shared>,
        place: Place,
        attempt: impl FnOnce(&mut Inner, Instant) -> Poll<T>,
    ) -> Poll<T> {
        let (mut inner, now) = self.lock(shared);
        let answer = attempt(&mut inner, now);
        if answer.is_pending() {
            self.stay(inner, shared, place, cx.waker());
        } else {
            self.go(inner);
        }
        answer
    }

    /// Takes the place, or keeps it.
    #[inline(never)]
    fn stay(
        &mut self,
        mut inner: MutexGuard<'_, Inner>,
        shared: &Arc<Shared>,
        place: Place,
        waker: &Waker,
    ) {
        let (key, before) = inner.slots.wait(self.key(), place, waker);
        if self.held.is_none() {
            self.held = Some((shared.clone(), key));
        }
        // A waker may be the last of its task, and the task may have handles: never under the lock.
        drop(inner);
        drop::<Option<Waker>>(before);
    }

    /// Gives up the place, if it has one, because the task waits no more.
    #[inline(never)]
    fn go(&mut self, mut inner: MutexGuard<'_, Inner>) {
        let held = self.held.take();
        let before = held.as_ref().and_then(|&(_, key)| inner.slots.leave(key));
        drop(inner);
        drop::<Option<Waker>>(before);
    }

    /// The lock, while this has no place anywhere else, and the time.
    #[inline(never)]
    fn lock<'a>(&mut self, shared: &'a Arc<Shared>) -> (MutexGuard<'a, Inner>, Instant) {
        let now = shared.clock.now();
        if self.held.as_ref().is_some_and(|(there, _)| !Arc::ptr_eq(there, shared)) {
            self.leave();
        }
        (shared.lock(), now)
    }

    fn key(&self) -> Option<usize> {
        self.held.as_ref().map(|&(_, key)| key)
    }

    /// Gives the place up.
    pub(crate) fn leave(&mut self) {
        if let Some((shared, key)) = self.held.take() {
            let mut woken = Vec::new();
            let waker = shared.lock().slots.abandon(key, &mut woken);
            drop(waker);
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.leave();
    }
}

impl std::fmt::Debug for Waiter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Waiter").field("waits", &self.held.is_some()).finish()
    }
}
