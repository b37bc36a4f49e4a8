//! Structured Stream Transport for JavaScript. So far the module knows its version; the transport
//! API lands next.
#![forbid(unsafe_code)]

use wasm_bindgen::prelude::wasm_bindgen;

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
