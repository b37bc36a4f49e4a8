//! [`Endpoint`]: binding, connecting, accepting.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::runtime::Handle;

use crate::engine::{self, Owned};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::operation::{Operation, Outcome};
use crate::session::Session;
use crate::{numbers, settings};

/// A host with its sockets, or without.
#[pyclass(frozen, weakref, module = "sst._sst")]
pub(crate) struct Endpoint {
    pub(crate) endpoint: Owned<sst_std::Endpoint>,
    /// None for endpoints without sockets.
    pub(crate) runtime: Option<Handle>,
}

/// Binds sockets: an operation that ends with an [`Endpoint`].
#[pyfunction]
pub(crate) fn bind(identity: &Identity, settings: &Bound<'_, PyDict>) -> PyResult<Operation> {
    let config = settings::config(identity, settings)?;
    let runtime = engine::handle()?;
    Ok(Operation::new(Some(&runtime.clone()), async move {
        let endpoint = Owned::new(sst_std::Endpoint::bind(config).await?);
        Ok(Outcome::object(Endpoint { endpoint, runtime: Some(runtime) }))
    }))
}

/// The URL of `path` on the host `id` at `address`.
#[pyfunction]
pub(crate) fn url(id: &str, address: &str, path: &str) -> PyResult<String> {
    let (id, address) = (settings::host_id(id)?, settings::address(address)?);
    Ok(sst_std::Url::new(id, address, path).to_string())
}

#[pymethods]
impl Endpoint {
    fn connect(&self, url: &str) -> PyResult<Operation> {
        let url: sst_std::Url = url.parse().map_err(Failure::Url)?;
        let (endpoint, runtime) = (self.endpoint.get()?.clone(), self.runtime.clone());
        Ok(self
            .operation(async move { Ok(Session::outcome(endpoint.connect(&url).await?, runtime)) }))
    }

    #[pyo3(signature = (id, address, instance=None))]
    fn connect_to(
        &self,
        id: Option<&str>,
        address: &str,
        instance: Option<&str>,
    ) -> PyResult<Operation> {
        let id = id.map(settings::host_id).transpose()?;
        let instance = instance.map(settings::instance).transpose()?;
        let address = settings::address(address)?;
        let (endpoint, runtime) = (self.endpoint.get()?.clone(), self.runtime.clone());
        Ok(self.operation(async move {
            let session = match instance {
                Some(instance) => endpoint.connect_in(id, &[address], instance).await?,
                None => endpoint.connect_to(id, address).await?,
            };
            Ok(Session::outcome(session, runtime))
        }))
    }

    fn accept(&self) -> PyResult<Operation> {
        let (endpoint, runtime) = (self.endpoint.get()?.clone(), self.runtime.clone());
        Ok(self.operation(async move {
            let session = endpoint.accept().await;
            Ok(session.map_or(Outcome::Nothing, |session| Session::outcome(session, runtime)))
        }))
    }

    fn close(&self) -> PyResult<Operation> {
        let endpoint = self.endpoint.get()?.clone();
        Ok(self.operation(async move {
            endpoint.close().await;
            Ok(Outcome::Nothing)
        }))
    }

    fn set_accepting(&self, py: Python<'_>, accepting: bool) -> PyResult<()> {
        let endpoint = self.endpoint.get()?;
        py.detach(|| endpoint.set_accepting(accepting));
        Ok(())
    }

    fn network_changed(&self, py: Python<'_>) -> PyResult<()> {
        let endpoint = self.endpoint.get()?;
        py.detach(|| endpoint.network_changed());
        Ok(())
    }

    #[getter]
    fn id(&self) -> PyResult<String> {
        Ok(self.endpoint.get()?.id().to_string())
    }

    #[getter]
    fn addresses(&self) -> PyResult<Vec<String>> {
        Ok(self.endpoint.get()?.local_addrs().iter().map(ToString::to_string).collect())
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let endpoint = self.endpoint.get()?;
        numbers::endpoint(py, &py.detach(|| endpoint.stats()))
    }
}

impl Endpoint {
    fn operation(
        &self,
        work: impl Future<Output = Result<Outcome, Failure>> + Send + 'static,
    ) -> Operation {
        Operation::new(self.runtime.as_ref(), work)
    }
}
