//! [`gathering`]: whoever does many small things at once has the endpoint look at them once.

use std::cell::RefCell;
use std::task::Waker;

thread_local! {
    static GATHERED: RefCell<Gathered> = const { RefCell::new(Gathered::Not) };
}

/// What becomes of wakes in this thread.
enum Gathered {
    /// They happen.
    Not,
    /// They are kept; so far there was none.
    None,
    /// They are kept: this one.
    Waker(Waker),
}

/// Back to how it was, even after a panic.
struct Restored(Option<Gathered>);

/// Does `work` without telling the endpoint's task of it: unless it fills a batch, nothing of it is
/// sent before the waker that comes back is woken, which therefore should be soon. `None`: there is
/// nothing to tell.
///
/// For callers that take turns in doing many small things, such as an event loop: told of each, the
/// endpoint's thread would wake for each, and send a packet for each.
///
/// # Examples
/// ```
/// let (answer, waker) = sst_std::gathering(|| 6 * 7);
/// assert!(answer == 42 && waker.is_none());
/// ```
pub fn gathering<T>(work: impl FnOnce() -> T) -> (T, Option<Waker>) {
    let mut before = Restored(Some(GATHERED.replace(Gathered::None)));
    let answer = work();
    let gathered = GATHERED.replace(before.0.take().unwrap_or(Gathered::Not));
    let waker = match gathered {
        Gathered::Waker(waker) => Some(waker),
        Gathered::None | Gathered::Not => None,
    };
    (answer, waker)
}

/// Wakes an endpoint's task, or keeps its waker for whoever gathers in this thread. One is enough:
/// who is told is not told again before it has looked, and two endpoints at a time are rare.
pub(crate) fn wake(driver: Waker) {
    let mut driver = Some(driver);
    let _ = GATHERED.try_with(|gathered| {
        let mut gathered = gathered.borrow_mut();
        if matches!(*gathered, Gathered::None)
            && let Some(driver) = driver.take()
        {
            *gathered = Gathered::Waker(driver);
        }
    });
    if let Some(driver) = driver {
        driver.wake();
    }
}

impl Drop for Restored {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            GATHERED.set(before);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn wakes_are_gathered_while_asked_for_and_only_then() {
        let (one, other) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let count = |of: &Arc<Count>| of.0.load(Ordering::Relaxed);
        let waker = Waker::from(one.clone());
        wake(waker.clone());
        assert_eq!(count(&one), 1);
        let ((), gathered) = gathering(|| {
            wake(waker.clone());
            wake(Waker::from(other.clone()));
        });
        assert_eq!((count(&one), count(&other)), (1, 1), "of two, one is kept");
        gathered.unwrap().wake();
        assert_eq!(count(&one), 2);
        let panicked = std::panic::catch_unwind(|| gathering(|| panic!("meant")));
        assert!(panicked.is_err());
        wake(waker);
        assert_eq!(count(&one), 3, "not gathered after a panic");
    }
}
