//! The browser's monotonic clock.

use std::time::Duration;

use wasm_bindgen::prelude::wasm_bindgen;

#[wasm_bindgen]
extern "C" {
    /// Milliseconds since the page or worker began.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
}

/// Now. Browsers round it to 0.1 ms or so; the core measures round trips no finer than that.
pub(crate) fn now() -> Duration {
    // `as` saturates, and makes zero of what is not a number.
    Duration::from_micros((performance_now() * 1_000.0) as u64)
}

/// A duration given in milliseconds; what is not a number is zero, what is too long saturates.
pub(crate) fn from_millis(milliseconds: f64) -> Duration {
    Duration::from_micros((milliseconds * 1_000.0) as u64)
}

/// In milliseconds.
pub(crate) fn to_millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}
