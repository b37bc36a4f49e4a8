//! The compiled half of the Python package `sst`: the handles of [`sst_std`] as objects, every
//! operation that may wait as an `Operation`. What users see is in `python/sst`.
//!
//! One thread per process owns the sockets and never touches Python; everything else happens in
//! the caller's thread. No lock of the transport is held while Python runs, and the GIL is not
//! held while the transport works.
#![forbid(unsafe_code)]

mod branch;
mod carrier;
mod delivery;
mod endpoint;
mod engine;
mod failure;
mod held;
mod identity;
mod numbers;
mod operation;
mod session;
mod settings;
mod stream;
mod transcript;
mod wakeups;

use pyo3::prelude::*;

/// What Python imports as `sst._sst`.
#[pymodule]
mod _sst {
    use super::*;

    #[pymodule_export]
    use crate::{
        branch::{Branch, Listener},
        carrier::{Carrier, Clock, detached},
        delivery::Delivery,
        endpoint::{Endpoint, bind, url},
        engine::{ending, forked, is_running},
        identity::Identity,
        operation::Operation,
        session::{ServiceListener, ServiceRequest, Session},
        stream::Stream,
        transcript::transcript,
        wakeups::Wakeups,
    };

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("SCENARIOS", sst_std::SCENARIOS)?;
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
