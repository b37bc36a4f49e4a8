//! [`ResetKey`]: the tokens of LOST packets, by which a host that forgot a channel says so.
//!
//! A token follows from the host's static secret and the channel, so that it is still known after a
//! restart. The peer learns it, sealed, in the parameters.

use core::fmt;

use zeroize::Zeroize;

use crate::bytes::Writer;
use crate::crypto::{KEY_LEN, KeyPair, kdf};
use crate::id::ChannelId;
use crate::wire::SealedHeader;
use crate::wire::negotiation::{Lost, MIN_LOST_CAUSE_BYTES, RESET_TOKEN_LEN};

/// Makes the tokens of one host. Erased when dropped.
pub struct ResetKey([u8; KEY_LEN]);

impl ResetKey {
    /// The key of the host with these static keys.
    #[must_use]
    pub fn new(statics: &KeyPair) -> Self {
        Self(kdf::hash(&[b"SST1 reset", statics.secret()]))
    }

    /// The token for a channel that this host named.
    #[must_use]
    pub fn token(&self, channel: ChannelId) -> [u8; RESET_TOKEN_LEN] {
        kdf::mac16(&self.0, &[&channel.to_bytes()])
    }

    /// Writes the answer to a sealed packet for a channel that this host does not have, and says
    /// how long it is; `None` if that packet gets no answer.
    ///
    /// The caller limits the rate: see [`LOST_PER_SECOND`](super::limits::LOST_PER_SECOND).
    pub fn write_lost(&self, cause: &[u8], out: &mut [u8]) -> Option<usize> {
        if cause.len() < MIN_LOST_CAUSE_BYTES {
            return None;
        }
        let channel = SealedHeader::parse(cause).ok()?.channel;
        let mut writer = Writer::new(out);
        Lost { channel, token: self.token(channel) }.encode(&mut writer).ok()?;
        Some(writer.position())
    }
}

/// True if `packet` is the peer's word that it has lost the channel that it named `channel`, when
/// it gave `token` for it.
#[must_use]
pub fn is_lost(packet: &[u8], channel: ChannelId, token: &[u8; RESET_TOKEN_LEN]) -> bool {
    Lost::parse(packet).is_ok_and(|lost| lost.channel == channel && kdf::equal(&lost.token, token))
}

impl Drop for ResetKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for ResetKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ResetKey(..)")
    }
}

#[cfg(all(test, feature = "rustcrypto"))]
mod tests {
    use super::*;
    use crate::crypto::RustCrypto;
    use crate::crypto::fixtures::NoRandomness;

    fn key(secret: u8) -> ResetKey {
        ResetKey::new(&KeyPair::from_secret(&RustCrypto::new(NoRandomness), &[secret; 32]))
    }

    #[test]
    fn a_lost_channel_is_known_by_its_token_and_the_answer_is_smaller() {
        let channel = ChannelId::new(77).unwrap();
        let header = SealedHeader::new(false, channel, 5, 0);
        let mut packet = [0; 60];
        header.encode(&mut Writer::new(&mut packet)).unwrap();
        let mut out = [0; 60];
        for len in 0..packet.len() {
            let written = key(1).write_lost(&packet[..len], &mut out);
            assert_eq!(written, (len >= 40).then_some(21), "{len}");
        }
        let lost = &out[..21];
        assert!(is_lost(lost, channel, &key(1).token(channel)));
        assert!(!is_lost(lost, channel, &key(2).token(channel)));
        assert!(!is_lost(lost, ChannelId::new(78).unwrap(), &key(1).token(channel)));
        assert!(!is_lost(&lost[..20], channel, &key(1).token(channel)));
        for bit in 0..21 * 8 {
            let mut wrong: [u8; 21] = lost.try_into().unwrap();
            wrong[bit / 8] ^= 1 << (bit % 8);
            assert!(!is_lost(&wrong, channel, &key(1).token(channel)), "{bit}");
        }
    }

    #[test]
    fn only_sealed_packets_are_answered() {
        for first in 0..=255_u8 {
            let packet = [first; 48];
            let is_sealed = matches!(first, 1..=3 | 0x40..=0x43);
            assert_eq!(key(1).write_lost(&packet, &mut [0; 21]).is_some(), is_sealed, "{first}");
        }
        assert_eq!(key(1).write_lost(&[1; 48], &mut [0; 20]), None);
    }
}
