//! [`Carrier`]: endpoints without sockets, for the network in memory of `sst.testing`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};
use sst_std::{DEFAULT_PORT, Surroundings};

use crate::endpoint::Endpoint;
use crate::engine::Owned;
use crate::failure::Failure;
use crate::identity::Identity;
use crate::settings;

/// The longest packet there is: what an Ethernet carries.
const MAX_PACKET_LEN: usize = 1_500;

/// A time that only moves when told to, in nanoseconds.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Clock(Arc<AtomicU64>);

/// Where an endpoint without sockets takes and gives its packets. Places have numbers, which are
/// IPv4 addresses.
#[pyclass(frozen, module = "sst._sst")]
pub(crate) struct Carrier(Mutex<sst_std::Carrier>);

#[pymethods]
impl Clock {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }

    #[getter]
    fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the time; it never goes back.
    fn advance_to(&self, nanos: u64) {
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }
}

/// An endpoint at `place`, and its carrier. Its random bytes come again with the same `seed`.
#[pyfunction]
pub(crate) fn detached(
    identity: &Identity,
    settings: &Bound<'_, PyDict>,
    clock: &Clock,
    place: u32,
    seed: u64,
) -> PyResult<(Endpoint, Carrier)> {
    let config = settings::config(identity, settings)?;
    let now = clock.0.clone();
    let surroundings = Surroundings {
        clock: Arc::new(move || Duration::from_nanos(now.load(Ordering::Relaxed))),
        local: vec![address(place)],
        seed: Some(seed),
    };
    let (endpoint, carrier) =
        sst_std::Endpoint::detached(config, surroundings).map_err(Failure::Bind)?;
    let endpoint = Endpoint { endpoint: Owned::new(endpoint), runtime: None };
    Ok((endpoint, Carrier(Mutex::new(carrier))))
}

#[pymethods]
impl Carrier {
    /// Takes in one packet from `place`.
    fn handle_packet(&self, place: u32, packet: Vec<u8>) {
        let mut packet = packet;
        self.carrier().handle_packet(address(place), &mut packet);
    }

    /// The next packet that leaves, after the place it goes to.
    fn poll_transmit<'py>(&self, py: Python<'py>) -> Option<(u32, Bound<'py, PyBytes>)> {
        let mut buffer = [0; MAX_PACKET_LEN];
        let (to, len) = self.carrier().poll_transmit(&mut buffer)?;
        let IpAddr::V4(place) = to.ip().to_canonical() else { return None };
        Some((place.to_bits(), PyBytes::new(py, buffer.get(..len)?)))
    }

    /// Serves timers that are due, and tells news.
    fn turn(&self) {
        self.carrier().turn();
    }

    /// When the next turn is due, in nanoseconds.
    fn poll_timeout(&self) -> Option<u64> {
        let due = self.carrier().poll_timeout()?;
        Some(u64::try_from(due.as_nanos()).unwrap_or(u64::MAX))
    }

    /// Whether the application did something since this was asked last.
    fn has_work(&self) -> bool {
        self.carrier().poll_work(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[getter]
    fn has_ended(&self) -> bool {
        self.carrier().has_ended()
    }
}

impl Carrier {
    fn carrier(&self) -> std::sync::MutexGuard<'_, sst_std::Carrier> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn address(place: u32) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::from_bits(place).into(), DEFAULT_PORT)
}
