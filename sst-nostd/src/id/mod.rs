//! Names: of hosts, channels and streams.

mod host;
mod instance;
mod stream;

use core::fmt;
use core::num::NonZeroU32;

pub use host::{HOST_ID_LEN, HOST_ID_TEXT_LEN, HostId, HostIdError};
pub use instance::Instance;
pub use stream::{Side, StreamId};

/// How urgent a stream is, compared with the other streams of its session: higher goes first.
pub type Priority = i8;

/// The name of a channel, chosen at random by the host that receives packets on it. Never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelId(NonZeroU32);

impl ChannelId {
    /// The channel with this number, or `None` for 0.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// Its number, as on the wire.
    #[must_use]
    pub const fn as_u32(self) -> u32 {
        self.0.get()
    }

    /// Its bytes, as on the wire.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.as_u32().to_be_bytes()
    }
}

impl fmt::Display for ChannelId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:08x}", self.0)
    }
}

impl fmt::Debug for ChannelId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "ChannelId({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    #[test]
    fn a_channel_is_eight_digits_and_never_zero() {
        assert_eq!(ChannelId::new(0), None);
        let channel = ChannelId::new(0xab).unwrap();
        assert_eq!(channel.to_bytes(), [0, 0, 0, 0xab]);
        assert_eq!(format!("{channel} {channel:?}"), "000000ab ChannelId(000000ab)");
    }
}
