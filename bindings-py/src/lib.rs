//! The compiled half of the Python package `sst`.
#![forbid(unsafe_code)]

use pyo3::prelude::*;

/// What Python imports as `sst._sst`.
#[pymodule]
mod _sst {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
