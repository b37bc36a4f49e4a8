//! Keyed hashing, so that a peer that chooses its own ids cannot choose where they collide.

use core::fmt;

use siphasher::sip::SipHasher13;

/// SipHash-1-3 under a secret key, folded to 32 bits for a [`HashIndex`](super::HashIndex).
///
/// The key should be random, one per host, and never leave it.
#[derive(Clone, Copy)]
pub struct KeyedHash {
    k0: u64,
    k1: u64,
}

impl KeyedHash {
    /// A hash under the key `(k0, k1)`.
    #[must_use]
    pub const fn new(k0: u64, k1: u64) -> Self {
        Self { k0, k1 }
    }

    /// Hashes a number.
    #[inline]
    #[must_use]
    pub fn hash_u64(&self, number: u64) -> u32 {
        self.hash_bytes(&number.to_le_bytes())
    }

    /// Hashes two numbers, in order.
    #[inline]
    #[must_use]
    pub fn hash_pair(&self, first: u64, second: u64) -> u32 {
        self.hash_bytes(&(u128::from(first) | u128::from(second) << 64).to_le_bytes())
    }

    /// Hashes bytes; their length counts.
    #[inline]
    #[must_use]
    pub fn hash_bytes(&self, bytes: &[u8]) -> u32 {
        let hash = SipHasher13::new_with_keys(self.k0, self.k1).hash(bytes);
        (hash ^ hash >> 32) as u32
    }
}

/// Keeps the key out of logs.
impl fmt::Debug for KeyedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyedHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::format;

    use super::*;

    #[test]
    fn hash_depends_on_key_order_and_length() {
        let hash = KeyedHash::new(1, 2);
        assert_eq!(hash.hash_u64(5), KeyedHash::new(1, 2).hash_u64(5));
        assert_ne!(hash.hash_u64(5), KeyedHash::new(1, 3).hash_u64(5));
        assert_ne!(hash.hash_u64(5), KeyedHash::new(2, 2).hash_u64(5));
        assert_ne!(hash.hash_pair(5, 6), hash.hash_pair(6, 5));
        assert_ne!(hash.hash_bytes(b""), hash.hash_bytes(b"\0"));
        assert_eq!(hash.hash_u64(5), hash.hash_bytes(&[5, 0, 0, 0, 0, 0, 0, 0]));
    }

    #[test]
    fn numbers_that_differ_anywhere_spread_over_the_low_bits() {
        let hash = KeyedHash::new(7, 9);
        for shift in [0, 16, 32, 52] {
            let low: BTreeSet<_> = (0..1024).map(|n| hash.hash_u64(n << shift) & 1023).collect();
            assert!((600..700).contains(&low.len()), "{}", low.len());
        }
    }

    #[test]
    fn debug_does_not_show_the_key() {
        assert!(!format!("{:?}", KeyedHash::new(1234, 1234)).contains("1234"));
    }
}
