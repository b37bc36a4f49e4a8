//! [`Reader`] and [`Writer`] over slices: the only place that counts bytes.
//!
//! Integers are big-endian. A *varint* has as many leading one bits in its first byte as bytes that
//! follow (0 to 8), and its value in the remaining bits. Source: `docs/PROTOCOL.md`, "Integers".
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod reader;
mod writer;

pub use reader::Reader;
pub use writer::Writer;

/// The largest value that a varint may hold: 2^62 - 1.
pub const MAX_VARINT: u64 = (1 << 62) - 1;
/// The longest varint, in bytes.
pub const MAX_VARINT_LEN: usize = 9;

/// The bytes ended before the value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

/// The value does not fit into the space left, or is above [`MAX_VARINT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Why bytes are not a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarintError {
    /// A shorter encoding of the same value exists.
    NotMinimal,
    /// The value is above [`MAX_VARINT`].
    TooLarge,
    /// The bytes ended before the value did.
    Truncated,
}

impl From<Truncated> for VarintError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// The length of `value` as a varint, in bytes. Above [`MAX_VARINT`] it says 9, but no writer puts
/// such a value.
#[must_use]
pub const fn varint_len(value: u64) -> usize {
    let bits = 64_u32.saturating_sub((value | 1).leading_zeros());
    if bits > 56 { MAX_VARINT_LEN } else { bits.div_ceil(7) as usize }
}

#[cfg(test)]
mod tests;
