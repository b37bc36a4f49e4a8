//! [`Operation`]: something that may have to wait, awaited in an event loop or waited for by a
//! thread. It is tried in the caller's own thread first: what is ready costs no change of thread.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use pyo3::PyClass;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration, PyTimeoutError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyBytes;
use tokio::runtime::Handle;

use crate::engine::{self, Owned};
use crate::failure::Failure;
use crate::wakeups::{Ticket, Wakeups};

/// How often a thread that waits looks for signals, such as Ctrl-C.
const SLICE: Duration = Duration::from_millis(50);

type Answer = Result<Outcome, Failure>;
type Work = Pin<Box<dyn Future<Output = Answer> + Send>>;
type Make = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What an operation came to, in terms of Rust.
pub(crate) enum Outcome {
    Bytes(Vec<u8>),
    Count(usize),
    Nothing,
    Object(Make),
    /// So many bytes, in this thread's [`SCRATCH`].
    Scratch(usize),
    Text(&'static str),
}

thread_local! {
    /// Where bytes are read to before it is known how many there are.
    pub(crate) static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One thing to wait for. Awaited once, in an event loop; or `wait()`ed for.
#[pyclass(module = "sst._sst")]
pub(crate) struct Operation {
    work: Mutex<Option<Owned<Work>>>,
    runtime: Option<Handle>,
    pending: Option<Pending>,
}

/// Where an operation that had to wait waits.
struct Pending {
    wakeups: Py<Wakeups>,
    ticket: Arc<Ticket>,
    waker: Waker,
}

impl Operation {
    /// `work`, polled within `runtime` if it needs one.
    pub(crate) fn new(
        runtime: Option<&Handle>,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> Self {
        let work: Work = Box::pin(work);
        Self { work: Mutex::new(Some(Owned::new(work))), runtime: runtime.cloned(), pending: None }
    }

    /// Tries `work`, which needs no runtime. What is ready is the answer, as in most cases; if not,
    /// it is an [`Operation`] to wait with.
    pub(crate) fn start(
        py: Python<'_>,
        work: impl Future<Output = Answer> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        let mut work: Work = Box::pin(work);
        let tried = gathered(py, || work.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        match tried {
            Poll::Ready(answer) => answer?.into_python(py),
            Poll::Pending => {
                let work = Mutex::new(Some(Owned::new(work)));
                Ok(Py::new(py, Self { work, runtime: None, pending: None })?.into_any())
            }
        }
    }

    /// Polls without the GIL. The work is gone once it has an answer.
    fn poll(&mut self, py: Python<'_>, waker: &Waker) -> PyResult<Poll<Outcome>> {
        let slot = self.work.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(work) = slot else {
            return Err(PyRuntimeError::new_err("the operation was awaited before"));
        };
        let work = work.get_mut()?;
        let runtime = self.runtime.as_ref();
        let answer = gathered(py, || {
            let _entered = runtime.map(Handle::enter);
            work.as_mut().poll(&mut Context::from_waker(waker))
        });
        match answer {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(answer) => {
                *slot = None;
                Ok(Poll::Ready(answer?))
            }
        }
    }

    fn end(&mut self, py: Python<'_>) {
        let work = self.work.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        gathered(py, || drop(work));
        if let Some(pending) = self.pending.take() {
            pending.wakeups.get().remove(pending.ticket.number());
        }
    }
}

#[pymethods]
impl Operation {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let waker = match &self.pending {
            Some(pending) => {
                pending.ticket.rearm();
                pending.waker.clone()
            }
            // Most operations are done at once: then nobody needs to be woken.
            None => Waker::noop().clone(),
        };
        let mut polled = self.poll(py, &waker)?;
        if polled.is_pending() && self.pending.is_none() {
            let wakeups = wakeups(py)?;
            let ticket = wakeups.get().ticket()?;
            let waker = Waker::from(ticket.clone());
            self.pending = Some(Pending { wakeups, ticket, waker: waker.clone() });
            polled = self.poll(py, &waker)?;
        }
        match polled {
            Poll::Ready(outcome) => {
                self.pending = None;
                Err(PyStopIteration::new_err((outcome.into_python(py)?,)))
            }
            Poll::Pending => {
                let pending = self.pending.as_ref().ok_or(Failure::Forked)?;
                let future = pending.wakeups.get().future(py, &pending.ticket)?;
                // What a task expects of an awaitable that is not done.
                future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
                Ok(future)
            }
        }
    }

    /// A cancellation, mostly: the operation ends before the exception goes on.
    #[pyo3(signature = (kind, value = None, _traceback = None))]
    fn throw(
        &mut self,
        py: Python<'_>,
        kind: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        _traceback: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        self.end(py);
        Err(PyErr::from_value(value.filter(|value| !value.is_none()).unwrap_or(kind)))
    }

    fn close(&mut self, py: Python<'_>) {
        self.end(py);
    }

    /// Waits in this thread, without the GIL; Ctrl-C is seen within 50 ms. `timeout` in seconds.
    #[pyo3(signature = (timeout = None))]
    #[allow(clippy::disallowed_methods, reason = "whoever waits has a clock")]
    fn wait(&mut self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Py<PyAny>> {
        let until = timeout
            .and_then(|seconds| Duration::try_from_secs_f64(seconds.max(0.0)).ok())
            .and_then(|timeout| Instant::now().checked_add(timeout));
        let parker = Arc::new(Parker::default());
        let waker = Waker::from(parker.clone());
        loop {
            let polled = self.poll(py, &waker);
            if engine::is_ending_elsewhere() {
                // A daemon thread: what the end of the program does to it is nobody's error.
                py.detach(|| {
                    loop {
                        std::thread::park()
                    }
                });
            }
            if let Poll::Ready(outcome) = polled? {
                return outcome.into_python(py);
            }
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                self.end(py);
                return Err(PyTimeoutError::new_err("timed out"));
            }
            loop {
                let slice = left.map_or(SLICE, |left| left.min(SLICE));
                let is_woken = py.detach(|| parker.park(slice));
                if let Err(interrupt) = py.check_signals() {
                    self.end(py);
                    return Err(interrupt);
                }
                if is_woken || until.is_some_and(|until| Instant::now() >= until) {
                    break;
                }
            }
        }
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.wakeups.get().remove(pending.ticket.number());
        }
    }
}

impl Outcome {
    /// An object of Python that is made once the GIL is held.
    pub(crate) fn object<T>(value: T) -> Self
    where
        T: Into<PyClassInitializer<T>> + PyClass + Send + 'static,
    {
        Self::Object(Box::new(move |py| Ok(Py::new(py, value)?.into_any())))
    }

    fn into_python(self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(match self {
            Self::Nothing => py.None(),
            Self::Bytes(bytes) => PyBytes::new(py, &bytes).into_any().unbind(),
            Self::Count(count) => count.into_pyobject(py)?.into_any().unbind(),
            Self::Object(make) => make(py)?,
            Self::Scratch(len) => SCRATCH.with_borrow(|scratch| {
                PyBytes::new(py, scratch.get(..len).unwrap_or_default()).into_any().unbind()
            }),
            Self::Text(text) => text.into_pyobject(py)?.into_any().unbind(),
        })
    }
}

/// Does `work` without the GIL. What it leaves to be sent is sent when the running event loop has
/// done what else there is to do; at once if there is no loop.
pub(crate) fn gathered<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    let (answer, waker) = py.detach(|| sst_std::gathering(work));
    if let Some(waker) = waker {
        match wakeups(py) {
            Ok(wakeups) if Wakeups::wake_later(wakeups.bind(py), waker.clone()).is_ok() => {}
            _ => waker.wake(),
        }
    }
    answer
}

/// Those of the running event loop. The last loop's are remembered: mostly there is one.
fn wakeups(py: Python<'_>) -> PyResult<Py<Wakeups>> {
    static RUNNING: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static OF_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    static LAST: Mutex<Option<Py<Wakeups>>> = Mutex::new(None);
    let running = RUNNING.import(py, "asyncio", "_get_running_loop")?.call0()?;
    if running.is_none() {
        return Err(PyRuntimeError::new_err("no running event loop"));
    }
    let last = {
        let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|last| last.clone_ref(py))
    };
    if let Some(last) = last
        && last.get().is_of(&running)
        && last.get().fileno().is_ok()
    {
        return Ok(last);
    }
    let found = OF_LOOP.import(py, "sst._loop", "wakeups_of")?.call1((running,))?;
    let found = found.cast_into::<Wakeups>()?.unbind();
    let replaced = LAST.lock().unwrap_or_else(PoisonError::into_inner).replace(found.clone_ref(py));
    drop(replaced);
    Ok(found)
}

/// A thread that waits.
#[derive(Default)]
struct Parker {
    is_woken: Mutex<bool>,
    condition: Condvar,
}

impl Parker {
    /// False if nobody woke the thread in that time.
    fn park(&self, slice: Duration) -> bool {
        let is_woken = self.is_woken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.condition.wait_timeout_while(is_woken, slice, |is_woken| !*is_woken);
        let (mut is_woken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *is_woken)
    }
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        *self.is_woken.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.condition.notify_one();
    }
}
