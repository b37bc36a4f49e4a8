//! [`KeyPair`]: an identity as JavaScript holds it.

use sst_std::{HostId, Identity};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::Fault;

/// A secret key and its host id.
#[wasm_bindgen]
pub struct KeyPair(Identity);

#[wasm_bindgen]
impl KeyPair {
    /// A new key.
    ///
    /// # Errors
    /// There are no random bytes.
    pub fn generate() -> Result<Self, JsValue> {
        Identity::generate()
            .map(Self)
            .map_err(|error| Fault::local("random", "endpoint", error.to_string()).into())
    }

    /// The key of a key file's text.
    ///
    /// # Errors
    /// It is no such text.
    pub fn parse(text: &str) -> Result<Self, JsValue> {
        identity(text).map(Self).map_err(JsValue::from)
    }

    /// The host id, as text.
    #[must_use]
    pub fn id(&self) -> String {
        self.0.id().to_string()
    }

    /// The secret key, as the text of a key file.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.to_text().to_string()
    }

    /// Whether a text is a host id, checksum included.
    #[must_use]
    pub fn is_host_id(text: &str) -> bool {
        text.parse::<HostId>().is_ok()
    }
}

/// The identity of a key file's text.
pub(crate) fn identity(text: &str) -> Result<Identity, Fault> {
    Identity::from_text(text).map_err(|problem| Fault::local("malformed", "endpoint", problem))
}

/// The host id of a text.
pub(crate) fn host_id(text: &str) -> Result<HostId, Fault> {
    text.parse().map_err(|error| {
        Fault::local("malformed", "endpoint", format!("the host id is wrong: {error}"))
    })
}
