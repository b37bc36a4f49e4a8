//! [`Branch`]: what a session and every stream can do, and [`Listener`].

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyDict;
use sst_std::{DatagramForm, OpenOptions};
use tokio::sync::Mutex as AsyncMutex;

use crate::delivery::Delivery;
use crate::engine::Owned;
use crate::numbers;
use crate::operation::{Operation, Outcome};
use crate::settings::duration;
use crate::stream::Stream;

/// A place in a session's tree of streams.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Branch(pub(crate) Owned<sst_std::Branch>);

/// Accepts the children of one stream.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Listener(Owned<Arc<AsyncMutex<sst_std::Listener>>>);

#[pymethods]
impl Branch {
    #[pyo3(signature = (priority, lifetime))]
    fn open_substream(
        &self,
        py: Python<'_>,
        priority: Option<i8>,
        lifetime: Option<f64>,
    ) -> PyResult<Py<PyAny>> {
        let mut options = OpenOptions::new();
        if let Some(priority) = priority {
            options = options.priority(priority);
        }
        if let Some(seconds) = lifetime {
            options = options.lifetime(duration(seconds)?);
        }
        let branch = self.0.get()?.clone();
        Operation::start(
            py,
            async move { Ok(Stream::outcome(branch.open_substream(options).await?)) },
        )
    }

    fn listen(&self, py: Python<'_>, backlog: u32) -> PyResult<Listener> {
        let branch = self.0.get()?;
        let listener = py.detach(|| branch.listen(backlog));
        Ok(Listener(Owned::new(Arc::new(AsyncMutex::new(listener)))))
    }

    #[pyo3(signature = (data, lifetime))]
    fn send_datagram(
        &self,
        py: Python<'_>,
        data: PyBackedBytes,
        lifetime: Option<f64>,
    ) -> PyResult<Py<PyAny>> {
        let lifetime = lifetime.map(duration).transpose()?;
        let branch = self.0.get()?.clone();
        Operation::start(py, async move {
            Ok(Outcome::Text(form(branch.send_datagram(&data, lifetime).await?)))
        })
    }

    fn send_message(&self, py: Python<'_>, data: PyBackedBytes) -> PyResult<Py<PyAny>> {
        let branch = self.0.get()?.clone();
        Operation::start(
            py,
            async move { Ok(Outcome::Text(form(branch.send_message(&data).await?))) },
        )
    }

    #[pyo3(signature = (data, lifetime))]
    fn send_tracked_datagram(
        &self,
        py: Python<'_>,
        data: PyBackedBytes,
        lifetime: Option<f64>,
    ) -> PyResult<Py<PyAny>> {
        let lifetime = lifetime.map(duration).transpose()?;
        let branch = self.0.get()?.clone();
        Operation::start(py, async move {
            Ok(Delivery::outcome(branch.send_tracked_datagram(&data, lifetime).await?))
        })
    }

    fn send_tracked_message(&self, py: Python<'_>, data: PyBackedBytes) -> PyResult<Py<PyAny>> {
        let branch = self.0.get()?.clone();
        Operation::start(py, async move {
            Ok(Delivery::outcome(branch.send_tracked_message(&data).await?))
        })
    }

    fn recv_datagram(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let branch = self.0.get()?.clone();
        Operation::start(py, async move { Ok(Outcome::Bytes(branch.recv_datagram().await?)) })
    }

    #[pyo3(signature = (priority))]
    fn set_priority(&self, py: Python<'_>, priority: Option<i8>) -> PyResult<()> {
        let branch = self.0.get()?;
        py.detach(|| branch.set_priority(priority));
        Ok(())
    }

    fn request_priority(&self, py: Python<'_>, priority: i8) -> PyResult<()> {
        let branch = self.0.get()?;
        py.detach(|| branch.request_priority(priority));
        Ok(())
    }

    #[pyo3(signature = (lifetime))]
    fn set_lifetime(&self, py: Python<'_>, lifetime: Option<f64>) -> PyResult<()> {
        let branch = self.0.get()?;
        let lifetime = lifetime.map(duration).transpose()?;
        py.detach(|| branch.set_lifetime(lifetime));
        Ok(())
    }

    fn reset(&self, py: Python<'_>, code: u64) -> PyResult<()> {
        let branch = self.0.get()?;
        py.detach(|| branch.reset(code));
        Ok(())
    }

    fn stop(&self, py: Python<'_>, code: u64) -> PyResult<()> {
        let branch = self.0.get()?;
        py.detach(|| branch.stop(code));
        Ok(())
    }

    fn info<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let branch = self.0.get()?;
        py.detach(|| branch.info()).map(|info| numbers::stream(py, &info)).transpose()
    }
}

#[pymethods]
impl Listener {
    /// Ends with `None` when no more can come.
    fn accept(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let listener = self.0.get()?.clone();
        Operation::start(py, async move {
            let child = listener.lock().await.accept().await;
            Ok(child.map_or(Outcome::Nothing, Stream::outcome))
        })
    }
}

/// In the words of `docs/PROTOCOL.md`.
pub(crate) const fn form(form: DatagramForm) -> &'static str {
    match form {
        DatagramForm::Stateless => "datagram",
        DatagramForm::Substream => "stream",
    }
}
