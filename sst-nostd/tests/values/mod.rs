//! What the tests of vectors start from.
#![allow(dead_code, reason = "each test file uses its part")]

use core::fmt;

use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

/// Nothing that is computed again takes randomness from the environment.
pub(crate) struct NoRandomness;

impl TryRng for NoRandomness {
    type Error = fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
        Err(fmt::Error)
    }

    fn try_fill_bytes(&mut self, _out: &mut [u8]) -> Result<(), fmt::Error> {
        Err(fmt::Error)
    }
}

impl TryCryptoRng for NoRandomness {}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// The bytes of pairs of hexadecimal digits.
pub(crate) fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("hex").as_bytes();
    assert!(text.len().is_multiple_of(2), "{value}");
    let digit = |byte: u8| (byte as char).to_digit(16).expect("a digit") as u8;
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

pub(crate) fn key(value: &Value) -> [u8; 32] {
    hex(value).try_into().expect("32 bytes")
}

pub(crate) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().expect("a list")
}
