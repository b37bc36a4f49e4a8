//! [`within`]: a limit on waiting, kept by whoever drives the host: no runtime is needed for it.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use sst_nostd::time::{Duration, Instant};

use crate::shared::Shared;

/// The moments at which tasks want to be woken, in order.
#[derive(Default)]
pub(crate) struct Alarms {
    set: BTreeMap<Key, Waker>,
    next_number: u64,
}

/// A moment, and a number that tells alarms of the same moment apart.
type Key = (Instant, u64);

/// One task's alarm; taken back when dropped.
struct Alarm {
    shared: Arc<Shared>,
    key: Key,
}

/// The answer of `work`, or `None` if it takes longer than `limit`.
pub(crate) async fn within<T>(
    shared: &Arc<Shared>,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let alarm = Alarm::new(shared, limit);
    let mut work = pin!(work);
    poll_fn(|cx| {
        if let Poll::Ready(answer) = work.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        if alarm.is_due_or_set(cx.waker()) { Poll::Ready(None) } else { Poll::Pending }
    })
    .await
}

impl Alarms {
    /// When the first is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.set.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Moves the tasks whose moment has come to `woken`.
    pub(crate) fn ring(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        while let Some(first) = self.set.first_entry() {
            if first.key().0 > now {
                return;
            }
            woken.push(first.remove());
        }
    }
}

impl Alarm {
    fn new(shared: &Arc<Shared>, limit: Duration) -> Self {
        let now = shared.clock.now();
        let mut inner = shared.lock();
        let number = inner.alarms.next_number;
        inner.alarms.next_number += 1;
        Self { shared: shared.clone(), key: (now.after(limit), number) }
    }

    /// Whether the moment has come; if not, the task is woken when it does.
    fn is_due_or_set(&self, waker: &Waker) -> bool {
        let now = self.shared.clock.now();
        if self.key.0 <= now {
            return true;
        }
        let mut inner = self.shared.lock();
        let is_new = inner.alarms.set.insert(self.key, waker.clone()).is_none();
        // Whoever drives the host must know of a new alarm; of an old one it does.
        let driver = if is_new { inner.driver.take() } else { None };
        drop(inner);
        if let Some(driver) = driver {
            driver.wake();
        }
        false
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.shared.lock().alarms.set.remove(&self.key);
    }
}
