//! [`Waiter`]: one task's place among those who wait; [`Seat`], the same for whoever knows where.

use std::sync::{Arc, MutexGuard};
use std::task::{Context, Poll, Waker};

use sst_nostd::Instant;

use crate::lists::SmallKey;
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
    /// Where it has a place, if it has one.
    shared: Option<Arc<Shared>>,
    seat: Seat,
}

/// A place among those who wait at an endpoint, in as little memory as there can be: every stream
/// has two. It must be given up by whoever has it.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    key: Option<SmallKey>,
}

impl Waiter {
    /// One that waits for nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { shared: None, seat: Seat::new() }
    }

    /// Tries something; while it has to wait, the task has its place at `place`.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Arc<Shared>,
        place: Place,
        attempt: impl FnOnce(&mut Inner, Instant) -> Poll<T>,
    ) -> Poll<T> {
        self.lend(shared, |seat| seat.poll(cx, shared, place, attempt))
    }

    /// Lets `poll` have the seat, which then is one of that endpoint's.
    pub(crate) fn lend<T>(
        &mut self,
        shared: &Arc<Shared>,
        poll: impl FnOnce(&mut Seat) -> Poll<T>,
    ) -> Poll<T> {
        if self.shared.as_ref().is_some_and(|there| !Arc::ptr_eq(there, shared)) {
            self.leave();
        }
        let answer = poll(&mut self.seat);
        if !self.seat.is_taken() {
            self.shared = None;
        } else if self.shared.is_none() {
            self.shared = Some(shared.clone());
        }
        answer
    }

    /// Gives the place up.
    fn leave(&mut self) {
        if let Some(shared) = self.shared.take() {
            self.seat.leave(&shared);
        }
    }
}

impl Seat {
    pub(crate) const fn new() -> Self {
        Self { key: None }
    }

    /// Tries something; while it has to wait, the task has its place at `place`. What does not
    /// depend on the attempt is in functions of its own: there are twenty of these.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        shared: &Shared,
        place: Place,
        attempt: impl FnOnce(&mut Inner, Instant) -> Poll<T>,
    ) -> Poll<T> {
        let now = shared.clock.now();
        let mut inner = shared.lock();
        let answer = attempt(&mut inner, now);
        if answer.is_pending() {
            self.stay(inner, shared, place, cx.waker(), now);
        } else if self.is_taken() {
            self.go(inner);
        }
        answer
    }

    pub(crate) const fn is_taken(&self) -> bool {
        self.key.is_some()
    }

    /// Takes the place, or keeps it.
    #[inline(never)]
    fn stay(
        &mut self,
        mut inner: MutexGuard<'_, Inner>,
        shared: &Shared,
        place: Place,
        waker: &Waker,
        now: Instant,
    ) {
        let (key, mut before) = inner.slots.wait(self.key(), place, waker);
        self.key = SmallKey::new(key);
        if self.key.is_none() {
            // Four thousand million others wait: this one has to come again.
            before = inner.slots.leave(key);
            waker.wake_by_ref();
        }
        #[cfg(feature = "net")]
        let has_sent = inner.send_at_once(place, now);
        // A waker may be the last of its task, and the task may have handles: never under the lock.
        drop(inner);
        drop::<Option<Waker>>(before);
        #[cfg(feature = "net")]
        if has_sent {
            shared.look_out();
        }
        #[cfg(not(feature = "net"))]
        let _ = (shared, now);
    }

    /// Gives up the place, because the task waits no more.
    #[inline(never)]
    fn go(&mut self, mut inner: MutexGuard<'_, Inner>) {
        let before = self.take_key().and_then(|key| inner.slots.leave(key));
        drop(inner);
        drop::<Option<Waker>>(before);
    }

    fn key(&self) -> Option<usize> {
        self.key.map(SmallKey::key)
    }

    fn take_key(&mut self) -> Option<usize> {
        let key = self.key();
        self.key = None;
        key
    }

    /// Gives the place up, if it has one, because nobody will ask again.
    pub(crate) fn leave(&mut self, shared: &Shared) {
        if let Some(key) = self.take_key() {
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
        out.debug_struct("Waiter").field("waits", &self.shared.is_some()).finish()
    }
}
