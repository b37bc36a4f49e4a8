//! Structured Stream Transport for JavaScript: a thin layer over `sst_std`, without sockets.
//!
//! [`Host`] is everything an endpoint has, named by numbers: JavaScript holds no Rust object but
//! this. A call answers, throws an array of facts (`error`), or answers `undefined`: "later".
//! Whoever was told "later" finds his number in [`Host::take_woken`] when it is worth asking again.
//! Nothing here calls JavaScript back except the clock and the source of randomness, so no call
//! can come in while another is under way.
//!
//! The classes that applications see are in `js/`.
#![forbid(unsafe_code)]

mod ask;
mod clock;
mod error;
mod facts;
mod host;
mod identity;
mod operation;
mod row;
mod tell;
#[cfg(feature = "transcript")]
mod transcript;
mod woken;

use wasm_bindgen::prelude::wasm_bindgen;

pub use host::Host;
pub use identity::{is_host_id, key_id, new_key};
#[cfg(feature = "transcript")]
pub use transcript::transcript_matches;

/// A third of the size of the standard library's allocator for this target.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// The version of this module.
#[wasm_bindgen]
#[must_use]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_has_three_numbers() {
        let numbers = version().split('.').filter(|part| part.parse::<u32>().is_ok()).count();
        assert_eq!(numbers, 3);
    }
}
