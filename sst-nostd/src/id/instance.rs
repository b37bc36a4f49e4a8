//! [`Instance`]: which of several sessions of the same two identities.

use core::fmt;
use core::num::NonZeroU64;

/// The name of one session of two identities that may have several. Whoever dials first draws it at
/// random, and every later negotiation for that session carries it. Never zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(NonZeroU64);

impl Instance {
    /// How many bytes it has on the wire.
    pub const LEN: usize = 8;

    /// The instance with these bytes, or `None` if they are all zero.
    #[must_use]
    pub const fn new(bytes: [u8; Self::LEN]) -> Option<Self> {
        match NonZeroU64::new(u64::from_be_bytes(bytes)) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its bytes, as on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        self.0.get().to_be_bytes()
    }
}

impl fmt::Display for Instance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", self.0)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Instance({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn an_instance_is_sixteen_digits_and_never_zero() {
        assert_eq!(Instance::new([0; 8]), None);
        let instance = Instance::new([0, 0, 0, 0, 0, 0, 1, 0xab]).unwrap();
        assert_eq!(instance.to_bytes(), [0, 0, 0, 0, 0, 0, 1, 0xab]);
        assert_eq!(format!("{instance}"), "00000000000001ab");
        assert_eq!(size_of::<Option<Instance>>(), 8);
    }
}
