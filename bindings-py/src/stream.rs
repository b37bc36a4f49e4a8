//! [`Stream`]: reading and writing. What it shares with sessions is in its [`Branch`].

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::ready;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use sst_std::{ReadHalf, WriteHalf};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::branch::Branch;
use crate::engine::Owned;
use crate::failure::Failure;
use crate::operation::{Operation, Outcome, SCRATCH, gathered};

/// The most that one read returns, in bytes: a buffer of this size is kept for each thread.
const MAX_READ_LEN: usize = 1 << 20;

/// A half that an operation uses alone, and that is taken out when the stream is let go.
type Half<T> = Arc<AsyncMutex<Option<T>>>;

/// One stream of a session. Operations of one direction wait for each other.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Stream {
    branch: Owned<sst_std::Branch>,
    read: Owned<Half<ReadHalf>>,
    write: Owned<Half<WriteHalf>>,
    /// Bytes that were taken from the application.
    written: Arc<AtomicU64>,
}

impl Stream {
    pub(crate) fn new(stream: sst_std::Stream) -> Self {
        let branch = stream.branch();
        let (read, write) = stream.split();
        Self {
            branch: Owned::new(branch),
            read: Owned::new(Arc::new(AsyncMutex::new(Some(read)))),
            write: Owned::new(Arc::new(AsyncMutex::new(Some(write)))),
            written: Arc::default(),
        }
    }

    pub(crate) fn outcome(stream: sst_std::Stream) -> Outcome {
        Outcome::object(Self::new(stream))
    }
}

#[pymethods]
impl Stream {
    fn branch(&self) -> PyResult<Branch> {
        Ok(Branch(Owned::new(self.branch.get()?.clone())))
    }

    /// Ends with at most `max_bytes`; with none at the end.
    fn read(&self, py: Python<'_>, max_bytes: usize) -> PyResult<Py<PyAny>> {
        let half = self.read.get()?.clone();
        Operation::start(py, async move {
            let mut half = half.lock_owned().await;
            let half = inside(&mut half)?;
            let len = poll_fn(|cx| {
                SCRATCH.with_borrow_mut(|scratch| {
                    let len = max_bytes.min(MAX_READ_LEN);
                    if scratch.len() < len {
                        scratch.resize(len, 0);
                    }
                    let mut buffer = ReadBuf::new(scratch.get_mut(..len).unwrap_or_default());
                    ready!(Pin::new(&mut *half).poll_read(cx, &mut buffer))?;
                    Ok::<_, std::io::Error>(buffer.filled().len()).into()
                })
            });
            Ok(Outcome::Scratch(len.await?))
        })
    }

    /// Ends with `None` when there are no more records.
    fn read_record(&self, py: Python<'_>, max_bytes: usize) -> PyResult<Py<PyAny>> {
        let half = self.read.get()?.clone();
        Operation::start(py, async move {
            let mut half = half.lock_owned().await;
            let record = inside(&mut half)?.read_record(max_bytes).await?;
            Ok(record.map_or(Outcome::Nothing, Outcome::Bytes))
        })
    }

    /// Ends with how many bytes were taken: all of them, or at least one.
    fn write(&self, py: Python<'_>, data: PyBackedBytes, all: bool) -> PyResult<Py<PyAny>> {
        let (half, written) = (self.write.get()?.clone(), self.written.clone());
        Operation::start(py, async move {
            let mut half = half.lock_owned().await;
            let half = inside(&mut half)?;
            let mut rest: &[u8] = &data;
            loop {
                let taken = poll_fn(|cx| Pin::new(&mut *half).poll_write(cx, rest)).await?;
                written.fetch_add(taken as u64, Ordering::Relaxed);
                rest = rest.get(taken..).unwrap_or_default();
                if rest.is_empty() || !all {
                    return Ok(Outcome::Count(data.len() - rest.len()));
                }
            }
        })
    }

    fn write_record(&self, py: Python<'_>, record: PyBackedBytes) -> PyResult<Py<PyAny>> {
        let (half, written) = (self.write.get()?.clone(), self.written.clone());
        Operation::start(py, async move {
            let mut half = half.lock_owned().await;
            inside(&mut half)?.write_record(&record).await?;
            written.fetch_add(record.len() as u64, Ordering::Relaxed);
            Ok(Outcome::Nothing)
        })
    }

    fn finish(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let half = self.write.get()?.clone();
        Operation::start(py, async move {
            let mut half = half.lock_owned().await;
            inside(&mut half)?.finish().await?;
            Ok(Outcome::Nothing)
        })
    }

    fn start_finish(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let half = self.write.get()?.clone();
        Operation::start(py, async move {
            let mut half = half.lock_owned().await;
            inside(&mut half)?.start_finish()?;
            Ok(Outcome::Nothing)
        })
    }

    /// Lets go of the stream: what is not finished is reset, what is not read is stopped.
    fn release(&self, py: Python<'_>) -> PyResult<()> {
        let (read, write) = (self.read.get()?, self.write.get()?);
        gathered(py, || {
            take(read);
            take(write);
        });
        Ok(())
    }

    /// Bytes taken from the application so far, those of records included.
    #[getter]
    fn bytes_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let parts = (self.branch.take(), self.read.take(), self.write.take());
        Python::attach(|py| gathered(py, || drop(parts)));
    }
}

fn inside<T>(guard: &mut OwnedMutexGuard<Option<T>>) -> Result<&mut T, Failure> {
    guard.as_mut().ok_or(Failure::Released)
}

/// Drops the half. An operation under way has it: that one ends by what the peer answers.
fn take<T>(half: &Half<T>) {
    if let Ok(mut half) = half.try_lock() {
        drop(half.take());
    }
}
