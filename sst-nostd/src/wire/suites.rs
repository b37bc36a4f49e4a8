//! [`Suites`]: the cipher suites that an initiator offers.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;

/// The most cipher suites in an offer: four times what version 1 defines.
pub const MAX_SUITES: usize = 8;

/// Cipher suites, the one liked best first. Never empty; numbers that we do not know are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Suites {
    numbers: [u8; MAX_SUITES],
    count: usize,
}

impl Suites {
    /// These suites; `None` if there are none, or more than [`MAX_SUITES`].
    #[must_use]
    pub fn new(list: &[u8]) -> Option<Self> {
        let mut numbers = [0; MAX_SUITES];
        numbers.get_mut(..list.len())?.copy_from_slice(list);
        if list.is_empty() { None } else { Some(Self { numbers, count: list.len() }) }
    }

    /// The suites.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.numbers.get(..self.count).unwrap_or_default()
    }
}

/// ChaCha20-Poly1305 alone, which every host has.
impl Default for Suites {
    fn default() -> Self {
        Self { numbers: [1, 0, 0, 0, 0, 0, 0, 0], count: 1 }
    }
}

impl fmt::Debug for Suites {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.as_slice()).finish()
    }
}
