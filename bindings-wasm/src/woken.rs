//! Who is to be woken, by number. A waker only notes its number: the thread that drives the host
//! asks for the numbers after each turn, so nothing here calls into JavaScript.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

/// The numbers of those woken since they were last asked for.
#[derive(Clone, Default)]
pub(crate) struct Woken(Arc<Mutex<Vec<u32>>>);

struct Numbered {
    number: u32,
    woken: Woken,
}

impl Woken {
    /// A waker for whoever waits under `number`.
    pub(crate) fn waker(&self, number: u32) -> Waker {
        Arc::new(Numbered { number, woken: self.clone() }).into()
    }

    /// The numbers, which are then forgotten.
    pub(crate) fn take(&self) -> Vec<u32> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakers_leave_their_numbers() {
        let woken = Woken::default();
        let (one, two) = (woken.waker(1), woken.waker(2));
        two.wake_by_ref();
        one.wake();
        assert_eq!(woken.take(), [2, 1]);
        assert_eq!(woken.take(), []);
        assert!(two.will_wake(&two.clone()));
    }
}
