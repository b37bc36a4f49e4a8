//! [`Identity`]: a host's secret key.

use std::path::PathBuf;

use pyo3::prelude::*;

use crate::failure::Failure;

/// Who a host is: a secret key, and the id that is its public half.
#[pyclass(frozen, module = "sst")]
pub(crate) struct Identity(pub(crate) sst_std::Identity);

#[pymethods]
impl Identity {
    /// A new identity that no one else has.
    #[staticmethod]
    fn generate() -> PyResult<Self> {
        Ok(Self(sst_std::Identity::generate().map_err(Failure::from)?))
    }

    /// The identity of a secret key: any 32 random bytes.
    #[staticmethod]
    fn from_secret(secret: &[u8]) -> PyResult<Self> {
        let wrong = || Failure::Value("a secret key has 32 bytes".into());
        Ok(Self(sst_std::Identity::from_secret(secret.try_into().map_err(|_| wrong())?)))
    }

    #[staticmethod]
    fn load(path: PathBuf) -> PyResult<Self> {
        Ok(Self(sst_std::Identity::load(path).map_err(Failure::from)?))
    }

    #[staticmethod]
    fn load_or_create(path: PathBuf) -> PyResult<Self> {
        Ok(Self(sst_std::Identity::load_or_create(path).map_err(Failure::from)?))
    }

    fn save_new(&self, path: PathBuf) -> PyResult<()> {
        Ok(self.0.save_new(path).map_err(Failure::from)?)
    }

    #[getter]
    fn id(&self) -> String {
        self.0.id().to_string()
    }

    #[getter]
    fn secret(&self) -> &[u8] {
        self.0.secret()
    }

    fn __repr__(&self) -> String {
        format!("<sst.Identity {}>", self.0.id())
    }
}
