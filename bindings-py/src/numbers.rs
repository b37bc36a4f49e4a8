//! Statistics as dictionaries; Python makes its dataclasses of them. Times are in seconds.

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sst_std::{SessionStats, Stats, StreamInfo};

macro_rules! dict {
    ($py:expr, $($name:literal: $value:expr),* $(,)?) => {{
        let dict = PyDict::new($py);
        $(dict.set_item($name, $value)?;)*
        Ok(dict)
    }};
}

/// Of an endpoint.
pub(crate) fn endpoint<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyDict>> {
    dict!(py,
        "received_packets": stats.received_packets,
        "received_bytes": stats.received_bytes,
        "sent_packets": stats.sent_packets,
        "sent_bytes": stats.sent_bytes,
        "handshakes": stats.handshakes,
        "sessions": stats.sessions,
        "streams": stats.streams,
        "bytes_held": stats.bytes_held,
    )
}

/// Of a session: of its channel, and of the datagrams it dropped.
pub(crate) fn session<'py>(
    py: Python<'py>,
    stats: &SessionStats,
    dropped_datagrams: u64,
) -> PyResult<Bound<'py, PyDict>> {
    dict!(py,
        "sent_packets": stats.totals.sent_packets,
        "sent_bytes": stats.totals.sent_bytes,
        "received_packets": stats.totals.received_packets,
        "received_bytes": stats.totals.received_bytes,
        "acked_packets": stats.totals.acked_packets,
        "lost_packets": stats.totals.lost_packets,
        "window_full": stats.totals.window_full,
        "paced": stats.totals.paced,
        "dropped_datagrams": dropped_datagrams,
        "window_bytes": stats.window_bytes,
        "in_flight_bytes": stats.in_flight_bytes,
        "loss_rate": f64::from(stats.loss_rate) / 65_536.0,
        "mtu_bytes": stats.mtu_bytes,
        "min_rtt": stats.min_rtt.as_secs_f64(),
        "smoothed_rtt": stats.smoothed_rtt.as_secs_f64(),
    )
}

/// Of a stream.
pub(crate) fn stream<'py>(py: Python<'py>, info: &StreamInfo) -> PyResult<Bound<'py, PyDict>> {
    dict!(py,
        "id": info.id.as_u64(),
        "parent_id": info.parent_id.as_u64(),
        "is_local": info.is_local,
        "is_datagram": info.is_datagram,
        "is_service": info.is_service,
        "priority": info.priority,
        "written": info.written,
        "acked": info.acked,
        "received": info.received,
        "read": info.read,
        "send_limit": info.send_limit,
    )
}
