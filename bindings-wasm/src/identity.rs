//! Identities: a key goes through JavaScript as the text of its key file.

use sst_std::{HostId, Identity, InstanceWish};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::error::Fault;

/// A new key, as the text of a key file.
///
/// # Errors
/// There are no random bytes.
#[wasm_bindgen(js_name = newKey)]
pub fn new_key() -> Result<String, JsValue> {
    match Identity::generate() {
        Ok(identity) => Ok(identity.to_text().to_string()),
        Err(_) => Err(Fault::local("random", "endpoint", "there are no random bytes").into()),
    }
}

/// The host id of a key, as text.
///
/// # Errors
/// It is not the text of a key file.
#[wasm_bindgen(js_name = keyId)]
pub fn key_id(key: &str) -> Result<String, JsValue> {
    Ok(identity(key)?.id().to_string())
}

/// Whether a text is a host id, checksum included.
#[wasm_bindgen(js_name = isHostId)]
#[must_use]
pub fn is_host_id(text: &str) -> bool {
    text.parse::<HostId>().is_ok()
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

/// Which session with a host, in words or as its instance.
pub(crate) fn instance(text: &str) -> Result<InstanceWish, Fault> {
    text.parse().map_err(|error| {
        Fault::local("malformed", "endpoint", format!("the instance is wrong: {error}"))
    })
}
