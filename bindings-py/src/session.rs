//! [`Session`]: closing, numbers and services. What it shares with streams is in its [`Branch`].

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sst_std::Offer;
use tokio::runtime::Handle;
use tokio::sync::Mutex as AsyncMutex;

use crate::branch::Branch;
use crate::engine::Owned;
use crate::failure::Failure;
use crate::numbers;
use crate::operation::{Operation, Outcome};
use crate::stream::Stream;

/// A session with a peer whose identity is proved.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Session {
    session: Owned<sst_std::Session>,
    runtime: Option<Handle>,
}

/// Requests for the services offered in one session.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct ServiceListener {
    listener: Owned<Arc<AsyncMutex<sst_std::ServiceListener>>>,
    runtime: Option<Handle>,
}

/// A peer's request for a service.
#[pyclass(module = "sst._sst")]
pub(crate) struct ServiceRequest {
    request: Option<Owned<sst_std::ServiceRequest>>,
    offer: (String, String, String),
}

impl Session {
    pub(crate) fn outcome(session: sst_std::Session, runtime: Option<Handle>) -> Outcome {
        Outcome::object(Self { session: Owned::new(session), runtime })
    }

    fn operation(
        &self,
        work: impl Future<Output = Result<Outcome, Failure>> + Send + 'static,
    ) -> Operation {
        Operation::new(self.runtime.as_ref(), work)
    }
}

#[pymethods]
impl Session {
    fn branch(&self) -> PyResult<Branch> {
        let branch: &sst_std::Branch = self.session.get()?;
        Ok(Branch(Owned::new(branch.clone())))
    }

    #[getter]
    fn instance(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let session = self.session.get()?;
        Ok(py.detach(|| session.instance()).map(|instance| instance.to_string()))
    }

    #[getter]
    fn peer_id(&self, py: Python<'_>) -> PyResult<String> {
        let session = self.session.get()?;
        Ok(py.detach(|| session.peer_id()).to_string())
    }

    #[getter]
    fn local_id(&self) -> PyResult<String> {
        Ok(self.session.get()?.local_id().to_string())
    }

    #[getter]
    fn peer_address(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let session = self.session.get()?;
        Ok(py.detach(|| session.peer_address()).map(|address| address.to_string()))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let session = self.session.get()?;
        let (stats, dropped) = py.detach(|| (session.stats(), session.dropped_datagrams()));
        stats.map(|stats| numbers::session(py, &stats, dropped)).transpose()
    }

    #[getter]
    fn unread(&self, py: Python<'_>) -> PyResult<u64> {
        let session = self.session.get()?;
        Ok(py.detach(|| session.unread()))
    }

    /// Stream id and positions of each, most first.
    fn largest_unread(&self, py: Python<'_>, most: usize) -> PyResult<Vec<(u64, u64)>> {
        let session = self.session.get()?;
        let held = py.detach(|| session.largest_unread(most));
        Ok(held.into_iter().map(|held| (held.stream.as_u64(), held.unread)).collect())
    }

    /// Ends with nothing, or with the exception that tells why the session ended.
    fn crowded(&self) -> PyResult<Operation> {
        let session = self.session.get()?.clone();
        Ok(self.operation(async move {
            session.crowded().await.map_err(Failure::Session)?;
            Ok(Outcome::Nothing)
        }))
    }

    /// Ends with the exception that tells why the session ended.
    fn closed(&self) -> PyResult<Operation> {
        let session = self.session.get()?.clone();
        Ok(self.operation(async move { Ok(reason(session.closed().await)) }))
    }

    /// The exception that tells why the session ended; `None` while it has not.
    fn close_reason(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let session = self.session.get()?;
        let closed = py.detach(|| session.close_reason());
        Ok(closed.map(|closed| PyErr::from(Failure::Session(closed)).into_value(py).into_any()))
    }

    fn close(&self, code: u64, reason: String) -> PyResult<Operation> {
        let session = self.session.get()?.clone();
        Ok(self.operation(async move { Ok(self::reason(session.close(code, &reason).await)) }))
    }

    fn abort(&self, py: Python<'_>, code: u64, reason: &str) -> PyResult<()> {
        let session = self.session.get()?;
        py.detach(|| session.abort(code, reason));
        Ok(())
    }

    fn open_service(&self, service: String, protocol: String) -> PyResult<Operation> {
        let session = self.session.get()?.clone();
        Ok(self.operation(async move {
            Ok(Stream::outcome(session.open_service(&service, &protocol).await?))
        }))
    }

    fn list_services(&self) -> PyResult<Operation> {
        let session = self.session.get()?.clone();
        Ok(self.operation(async move {
            let offers = session.list_services().await?;
            let offers: Vec<_> = offers.into_iter().map(words).collect();
            Ok(Outcome::Object(Box::new(move |py| {
                Ok(offers.into_pyobject(py)?.into_any().unbind())
            })))
        }))
    }

    fn offer_services(
        &self,
        py: Python<'_>,
        offers: Vec<(String, String, String)>,
    ) -> PyResult<ServiceListener> {
        let session = self.session.get()?;
        let offers = offers
            .iter()
            .map(|(service, protocol, description)| Offer::new(service, protocol, description));
        let offers = offers.collect();
        let runtime = self.runtime.clone();
        let listener = py.detach(|| {
            let _entered = runtime.as_ref().map(Handle::enter);
            session.offer_services(offers)
        });
        Ok(ServiceListener { listener: Owned::new(Arc::new(AsyncMutex::new(listener))), runtime })
    }
}

#[pymethods]
impl ServiceListener {
    fn accept(&self) -> PyResult<Operation> {
        let listener = self.listener.get()?.clone();
        Ok(Operation::new(self.runtime.as_ref(), async move {
            let request = listener.lock().await.accept().await;
            Ok(request.map_or(Outcome::Nothing, |request| {
                let offer = words(request.offer().clone());
                let request = Some(Owned::new(request));
                Outcome::object(ServiceRequest { request, offer })
            }))
        }))
    }
}

#[pymethods]
impl ServiceRequest {
    #[getter]
    fn offer(&self) -> (String, String, String) {
        self.offer.clone()
    }

    fn accept(&mut self) -> PyResult<Stream> {
        Ok(Stream::new(self.take()?.into_stream()))
    }

    fn refuse(&mut self, py: Python<'_>) -> PyResult<()> {
        let request = self.take()?;
        py.detach(|| request.refuse());
        Ok(())
    }
}

impl ServiceRequest {
    fn take(&mut self) -> PyResult<sst_std::ServiceRequest> {
        let request = self.request.take().ok_or(Failure::Released)?;
        Ok(request.into_inner()?)
    }
}

fn words(offer: Offer) -> (String, String, String) {
    (offer.service, offer.protocol, offer.description)
}

fn reason(closed: sst_std::SessionClosed) -> Outcome {
    Outcome::Object(Box::new(move |py| {
        Ok(PyErr::from(Failure::Session(closed)).into_value(py).into_any())
    }))
}
