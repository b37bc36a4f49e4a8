//! [`Wakeups`]: how the transport tells an event loop that something is ready. Wakers put a number
//! into a queue and write to a descriptor; the loop watches it and resolves its futures itself.

use std::collections::HashMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Wake, Waker};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::engine::{self, Owned};
use crate::failure::Failure;
use crate::held::{Held, Told};

/// What an event loop has to do with the transport: one for each loop.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Wakeups {
    queue: Owned<Arc<Queue>>,
    /// Weak, because the loop has us.
    event_loop: Py<PyWeakrefReference>,
    /// The future that resolves when a number is drained.
    waiting: Mutex<HashMap<u64, Py<PyAny>>>,
    held: Arc<Held>,
}

/// The part that wakers reach from any thread: nothing of Python is in it.
pub(crate) struct Queue {
    signal: Signal,
    ready: Mutex<Ready>,
}

#[derive(Default)]
struct Ready {
    numbers: Vec<u64>,
    is_signalled: bool,
    next_number: u64,
}

/// The waker of one operation.
pub(crate) struct Ticket {
    queue: Arc<Queue>,
    number: u64,
    is_queued: AtomicBool,
}

struct Signal {
    read: OwnedFd,
    #[cfg(not(target_os = "linux"))]
    write: OwnedFd,
}

#[pymethods]
impl Wakeups {
    /// For this loop; it has yet to watch `fileno()`.
    #[new]
    fn new(event_loop: &Bound<'_, PyAny>) -> PyResult<Self> {
        let signal = Signal::new().map_err(|error| Failure::Io(error.into()))?;
        let queue = Arc::new(Queue { signal, ready: Mutex::default() });
        let event_loop = PyWeakrefReference::new(event_loop)?.unbind();
        let (waiting, held) = Default::default();
        Ok(Self { queue: Owned::new(queue), event_loop, waiting, held })
    }

    /// The descriptor to watch for reading.
    pub(crate) fn fileno(&self) -> PyResult<i32> {
        Ok(self.queue.get()?.signal.read.as_raw_fd())
    }

    /// Has everything sent that operations left to be sent.
    fn flush(&self) {
        // In a forked child they are the parent's.
        if self.queue.get().is_ok() {
            self.held.release();
        }
    }

    /// Resolves the futures of all operations that may go on.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        // In a forked child the descriptor is the parent's as well: its news are not ours.
        let Ok(queue) = self.queue.get() else { return Ok(()) };
        if engine::is_ending_elsewhere() {
            return Ok(());
        }
        for number in queue.take() {
            if let Some(future) = self.remove(number) {
                let future = future.bind(py);
                if !future.call_method0(intern!(py, "done"))?.is_truthy()? {
                    future.call_method1(intern!(py, "set_result"), (py.None(),))?;
                }
            }
        }
        Ok(())
    }
}

impl Wakeups {
    /// A waker for an operation awaited in this loop.
    pub(crate) fn ticket(&self) -> Result<Arc<Ticket>, Failure> {
        let queue = self.queue.get()?.clone();
        let number = {
            let mut ready = queue.ready.lock().unwrap_or_else(PoisonError::into_inner);
            ready.next_number += 1;
            ready.next_number
        };
        Ok(Arc::new(Ticket { queue, number, is_queued: AtomicBool::new(false) }))
    }

    /// A future that resolves when the ticket's waker was woken.
    pub(crate) fn future<'py>(
        &self,
        py: Python<'py>,
        ticket: &Ticket,
    ) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.event_loop.bind(py).upgrade().ok_or(Failure::Forked)?;
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let kept = future.clone().unbind();
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(ticket.number, kept);
        Ok(future)
    }

    /// Nobody waits for this ticket any more.
    pub(crate) fn remove(&self, number: u64) -> Option<Py<PyAny>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&number)
    }

    /// Wakes an endpoint's task when this turn of the loop is over.
    pub(crate) fn wake_later(slf: &Bound<'_, Self>, waker: Waker) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        if this.held.hold(waker) == Told::First {
            let event_loop = this.event_loop.bind(py).upgrade().ok_or(Failure::Forked)?;
            let flush = slf.getattr(intern!(py, "flush"))?;
            event_loop.call_method1(intern!(py, "call_soon"), (flush,))?;
        }
        Ok(())
    }

    pub(crate) fn is_of(&self, event_loop: &Bound<'_, PyAny>) -> bool {
        let ours = self.event_loop.bind(event_loop.py()).upgrade();
        ours.is_some_and(|ours| ours.is(event_loop))
    }
}

impl Queue {
    fn take(&self) -> Vec<u64> {
        // First the descriptor, then the queue: who comes between is taken, and signals once more.
        self.signal.clear();
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.is_signalled = false;
        std::mem::take(&mut ready.numbers)
    }

    fn add(&self, number: u64) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.numbers.push(number);
        let was_signalled = std::mem::replace(&mut ready.is_signalled, true);
        drop(ready);
        if !was_signalled {
            self.signal.set();
        }
    }
}

impl Ticket {
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// From here on a wake counts again.
    pub(crate) fn rearm(&self) {
        self.is_queued.store(false, Ordering::Release);
    }
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.is_queued.swap(true, Ordering::AcqRel) {
            self.queue.add(self.number);
        }
    }
}

#[cfg(target_os = "linux")]
impl Signal {
    fn new() -> rustix::io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self { read: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    fn set(&self) {
        let _ = rustix::io::write(&self.read, &1_u64.to_ne_bytes());
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.read, &mut [0; 8]);
    }
}

#[cfg(not(target_os = "linux"))]
impl Signal {
    fn new() -> rustix::io::Result<Self> {
        let (read, write) = rustix::pipe::pipe()?;
        for end in [&read, &write] {
            rustix::io::ioctl_fionbio(end, true)?;
            rustix::io::fcntl_setfd(end, rustix::io::FdFlags::CLOEXEC)?;
        }
        Ok(Self { read, write })
    }

    fn set(&self) {
        let _ = rustix::io::write(&self.write, &[1]);
    }

    fn clear(&self) {
        let _ = rustix::io::read(&self.read, &mut [0; 64]);
    }
}
