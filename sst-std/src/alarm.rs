//! [`within`]: a limit on waiting, kept by whoever drives the host: no runtime is needed for it.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use sst_nostd::{Duration, Instant};

use crate::shared::Shared;

/// The moments at which tasks want to be woken, in order. New ones mostly are the latest, and those
/// that are taken back the latest or the first: near either end, both cost nothing. (A tree's code
/// would be a thirtieth of what a browser has to download.)
#[derive(Default)]
pub(crate) struct Alarms {
    set: VecDeque<(Key, Waker)>,
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
        self.set.front().map(|&((at, _), _)| at)
    }

    /// Moves the tasks whose moment has come to `woken`.
    pub(crate) fn ring(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        let due = self.set.partition_point(|&((at, _), _)| at <= now);
        woken.extend(self.set.drain(..due).map(|(_, waker)| waker));
    }

    /// Sets an alarm, or changes who is woken by it. True if it is new.
    fn set(&mut self, key: Key, waker: Waker) -> bool {
        match self.set.binary_search_by_key(&key, |&(key, _)| key) {
            Ok(at) => {
                if let Some((_, there)) = self.set.get_mut(at) {
                    *there = waker;
                }
                false
            }
            Err(at) => {
                self.set.insert(at, (key, waker));
                true
            }
        }
    }

    /// The waker it had, to be dropped when nothing is locked.
    fn take_back(&mut self, key: Key) -> Option<Waker> {
        let at = self.set.binary_search_by_key(&key, |&(key, _)| key).ok()?;
        self.set.remove(at).map(|(_, waker)| waker)
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
        let is_new = inner.alarms.set(self.key, waker.clone());
        // Whoever drives the host must know of a new alarm; of an old one it does.
        let driver = if is_new { inner.driver.take() } else { None };
        drop(inner);
        self.shared.tell(driver);
        false
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        let waker = self.shared.lock().alarms.take_back(self.key);
        drop(waker);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_ring_in_order_and_can_be_taken_back() {
        let mut alarms = Alarms::default();
        let at = |second| Instant::from_micros(second * 1_000_000);
        for number in [3, 1, 2, 4] {
            assert!(alarms.set((at(number), number), Waker::noop().clone()));
        }
        assert!(!alarms.set((at(2), 2), Waker::noop().clone()));
        alarms.take_back((at(1), 1));
        alarms.take_back((at(9), 9));
        assert_eq!(alarms.next(), Some(at(2)));
        let mut woken = Vec::new();
        alarms.ring(at(3), &mut woken);
        assert_eq!((woken.len(), alarms.next()), (2, Some(at(4))));
    }
}
