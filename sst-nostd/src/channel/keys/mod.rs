//! The keys of one channel (docs/PROTOCOL.md, Keys and Key update): what they begin with, and how
//! long one may be used.

mod epoch;
mod receive;
mod send;

pub(super) use epoch::Exported;
pub(super) use receive::{ReceiveKeys, SealedParts};
pub(super) use send::SendKeys;
use zeroize::Zeroize;

use crate::crypto::kdf::expand_label;
use crate::crypto::{KEY_LEN, Suite};
use crate::time::Duration;

/// How long and for how much one key may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLimits {
    /// Packets sealed in an epoch before the next is begun. Sealing stops at twice as many.
    pub sealed_packets: u64,
    /// Age of an epoch at which the next is begun, if there is anything to send.
    pub age_timeout: Duration,
    /// Packets that failed to open before the channel must be closed.
    pub failed_opens: u64,
}

impl KeyLimits {
    /// The limits of `suite`.
    ///
    /// RFC 9001 section 6.6 gives AES-GCM 2^23 packets; ChaCha20-Poly1305 has no limit of its own
    /// below 2^62, 2^32 is ours. 2^36 failed opens is RFC 9001's figure for ChaCha20-Poly1305 and
    /// far inside that for AES-GCM. The two minutes are WireGuard's.
    #[must_use]
    pub const fn of(suite: Suite) -> Self {
        let sealed_packets = match suite {
            Suite::ChaCha20Poly1305 => 1 << 32,
            Suite::Aes256Gcm => 1 << 23,
        };
        Self { sealed_packets, age_timeout: Duration::from_secs(120), failed_opens: 1 << 36 }
    }
}

/// What a negotiation leaves for its channel: one secret for each direction. Erased when dropped.
pub struct ChannelSecrets {
    send: [u8; KEY_LEN],
    receive: [u8; KEY_LEN],
    suite: Suite,
}

impl ChannelSecrets {
    /// From the two keys of Noise's Split, ours to send first, and the suite agreed on.
    #[must_use]
    pub fn from_split(send: &[u8; KEY_LEN], receive: &[u8; KEY_LEN], suite: Suite) -> Self {
        let context = [u8::from(suite)];
        Self {
            send: expand_label(send, b"sst secret", &context),
            receive: expand_label(receive, b"sst secret", &context),
            suite,
        }
    }

    /// The suite agreed on.
    #[must_use]
    pub const fn suite(&self) -> Suite {
        self.suite
    }
}

impl Drop for ChannelSecrets {
    fn drop(&mut self) {
        self.send.zeroize();
        self.receive.zeroize();
    }
}
