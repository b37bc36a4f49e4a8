//! [`Content`]: what scenarios write and expect; the pattern.

use serde::Deserialize;

/// Bytes, said in short.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Content {
    /// These, in UTF-8.
    Text(String),
    /// The first `len` of the pattern.
    Pattern {
        /// Which pattern.
        seed: u64,
        /// How many bytes.
        len: u64,
    },
}

impl Content {
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone().into_bytes(),
            Self::Pattern { seed, len } => (0..*len).map(|at| pattern(*seed, at)).collect(),
        }
    }
}

/// Byte number `at` of the pattern of `seed`.
pub(super) const fn pattern(seed: u64, at: u64) -> u8 {
    at.wrapping_mul(31).wrapping_add(at >> 8).wrapping_add(seed) as u8
}
