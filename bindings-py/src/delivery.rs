//! [`Delivery`]: what becomes of one datagram.

use std::sync::Arc;

use pyo3::prelude::*;
use tokio::sync::Mutex as AsyncMutex;

use crate::branch::form;
use crate::engine::Owned;
use crate::operation::{Operation, Outcome};

/// A datagram under way whose sender wants to know. The answer can be asked for again.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Delivery {
    delivery: Owned<Arc<AsyncMutex<sst_std::Delivery>>>,
    #[pyo3(get)]
    form: &'static str,
}

impl Delivery {
    pub(crate) fn outcome(delivery: sst_std::Delivery) -> Outcome {
        let form = form(delivery.form());
        Outcome::object(Self { delivery: Owned::new(Arc::new(AsyncMutex::new(delivery))), form })
    }
}

#[pymethods]
impl Delivery {
    /// Ends with a word.
    #[pyo3(name = "outcome")]
    fn wait_for_outcome(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let delivery = self.delivery.get()?.clone();
        Operation::start(py, async move {
            let mut delivery = delivery.lock().await;
            Ok(Outcome::Text((&mut *delivery).await.name()))
        })
    }
}
