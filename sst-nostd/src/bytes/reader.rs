//! [`Reader`]: values from the front of a slice.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;

use super::{MAX_VARINT, Truncated, VarintError};

/// Takes values from the front of a slice.
///
/// A failed call takes nothing.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        let (first, rest) = self.rest.split_first().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next 2 bytes as a number.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 4 bytes as a number.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next 8 bytes as a number.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn u64(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next `N` bytes, copied.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (first, rest) = self.rest.split_at_checked(count).ok_or(Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// Everything that is left.
    pub const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// The next varint.
    ///
    /// # Errors
    /// [`VarintError`], saying why the bytes are not one.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, VarintError> {
        let (first, rest) = self.rest.split_first().ok_or(VarintError::Truncated)?;
        if *first < 0x80 {
            self.rest = rest;
            return Ok(u64::from(*first));
        }
        self.long_varint(*first, rest)
    }

    /// The next varint as a length, and that many bytes.
    ///
    /// # Errors
    /// [`VarintError`], saying why the bytes are not that.
    pub fn varint_bytes(&mut self) -> Result<&'a [u8], VarintError> {
        let mut ahead = *self;
        let len = usize::try_from(ahead.varint()?).map_err(|_| VarintError::Truncated)?;
        let bytes = ahead.bytes(len)?;
        *self = ahead;
        Ok(bytes)
    }

    /// Steps over the next bytes as long as they are `byte`.
    pub fn skip_all(&mut self, byte: u8) {
        // Probes for larger packets are nearly all padding.
        while let Some(rest) = self.rest.strip_prefix(&[byte; 16]) {
            self.rest = rest;
        }
        while let Some((first, rest)) = self.rest.split_first()
            && *first == byte
        {
            self.rest = rest;
        }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// True if no bytes are left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes have been taken.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    fn long_varint(&mut self, first: u8, rest: &'a [u8]) -> Result<u64, VarintError> {
        let follow = first.leading_ones();
        let follow_bits = follow.saturating_mul(8);
        let (low, after) = rest.split_at_checked(follow as usize).ok_or(VarintError::Truncated)?;
        let low = match rest.first_chunk() {
            // Mostly as many follow, whoever's they are: no loop.
            Some(ahead) => {
                u64::from_be_bytes(*ahead).unbounded_shr(64_u32.saturating_sub(follow_bits))
            }
            None => low.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)),
        };
        let high = 0x7f_u64.unbounded_shr(follow) & u64::from(first);
        let value = high.unbounded_shl(follow_bits) | low;
        if value > MAX_VARINT {
            return Err(VarintError::TooLarge);
        }
        if value < 1_u64.unbounded_shl(follow_bits.saturating_sub(follow)) {
            return Err(VarintError::NotMinimal);
        }
        self.rest = after;
        Ok(value)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reader({} of {})", self.position(), self.len)
    }
}
