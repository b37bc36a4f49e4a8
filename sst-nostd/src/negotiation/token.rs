//! [`ResetKey`]: the tokens of LOST packets, by which a host that forgot a channel says so.
//!
//! A token follows from the host's static secret and the channel, so that it is still known after a
//! restart; at a host that has nothing to say after one, also from its process, so that another
//! process with the same secret has no say. The peer learns the token, sealed, in the parameters.

use core::fmt;

use zeroize::Zeroize;

use crate::bytes::Writer;
use crate::crypto::{KEY_LEN, kdf};
use crate::id::ChannelId;
use crate::negotiation::limits::{LOST_BURST, LOST_INTERVAL};
use crate::negotiation::rate::Bucket;
use crate::time::Instant;
use crate::wire::SealedHeader;
use crate::wire::negotiation::{Lost, MIN_LOST_CAUSE_BYTES, RESET_TOKEN_LEN};

/// Makes the tokens of one host. Erased when dropped.
pub struct ResetKey {
    key: [u8; KEY_LEN],
    process: Option<[u8; PROCESS_LEN]>,
    answers: Bucket,
}

/// The length of what tells a process from others with the same secret, in bytes.
pub const PROCESS_LEN: usize = 8;

impl ResetKey {
    /// The key of the host with this static secret; of one process of it alone, if that is given.
    #[must_use]
    pub fn new(secret: &[u8; KEY_LEN], process: Option<[u8; PROCESS_LEN]>) -> Self {
        let key = kdf::hash(&[b"SST1 reset", secret]);
        Self { key, process, answers: Bucket::new() }
    }

    /// The token for a channel that this host named.
    #[must_use]
    pub fn token(&self, channel: ChannelId) -> [u8; RESET_TOKEN_LEN] {
        let process = self.process.as_ref().map_or(&[][..], |process| process);
        kdf::mac16(&self.key, &[&channel.to_bytes(), process])
    }

    /// Writes the answer to a sealed packet for a channel that this host does not have, and says
    /// how long it is; `None` if that packet gets no answer, or there were too many.
    ///
    /// Never to be called for a channel in use, half-open, closing or draining.
    pub fn write_lost(&mut self, now: Instant, cause: &[u8], out: &mut [u8]) -> Option<usize> {
        if cause.len() < MIN_LOST_CAUSE_BYTES {
            return None;
        }
        let channel = SealedHeader::parse(cause).ok()?.channel;
        if !self.answers.is_allowed(now, LOST_BURST, LOST_INTERVAL) {
            return None;
        }
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
        self.key.zeroize();
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
    use crate::crypto::fixtures::{bytes, key as fixed};
    use crate::time::Duration;

    fn key(secret: u8) -> ResetKey {
        ResetKey::new(&[secret; 32], None)
    }

    // Spec: R-4.1-3, R-6.14-1, R-6.14-3, R-13.10-1.
    #[test]
    fn a_lost_channel_is_known_by_its_token_and_the_answer_is_smaller() {
        let channel = ChannelId::new(77).unwrap();
        let header = SealedHeader::new(false, channel, 5, 0);
        let mut packet = [0; 60];
        header.encode(&mut Writer::new(&mut packet)).unwrap();
        let mut out = [0; 60];
        for len in 0..packet.len() {
            let written = key(1).write_lost(Instant::ZERO, &packet[..len], &mut out);
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

    // Spec: R-6.14-1, R-6.14-4.
    #[test]
    fn only_sealed_packets_are_answered() {
        for first in 0..=255_u8 {
            let packet = [first; 48];
            let is_sealed = matches!(first, 1..=3 | 0x40..=0x43);
            assert_eq!(
                key(1).write_lost(Instant::ZERO, &packet, &mut [0; 21]).is_some(),
                is_sealed,
                "{first}"
            );
        }
        assert_eq!(key(1).write_lost(Instant::ZERO, &[1; 48], &mut [0; 20]), None);
    }

    // Spec: R-6.14-2.
    #[test]
    fn a_flood_gets_ten_answers_and_then_fifty_a_second() {
        let mut key = key(1);
        let mut answers = |millis: u64| {
            let now = Instant::ZERO.after(Duration::from_millis(millis));
            key.write_lost(now, &[1; 48], &mut [0; 21]).is_some()
        };
        assert_eq!((0..100).filter(|_| answers(1000)).count(), 10);
        assert_eq!((1001..=2000).filter(|now| answers(*now)).count(), 50);
    }

    /// The worked examples of `docs/PROTOCOL.md`.
    // Spec: R-6.14-6.
    #[test]
    fn the_tokens_of_the_worked_examples() {
        let secret = fixed("9d434a40b619d8397fe3bb973eca71637814c6ce63ca720e11b42188fbc53ea1");
        let channel = ChannelId::new(0xa1b2_c3d4).unwrap();
        let token = |process| ResetKey::new(&secret, process).token(channel)[..].to_vec();
        assert_eq!(token(None), bytes("3e10b13ff211c10dfff313d8148be066"));
        let process = Some([0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7]);
        assert_eq!(token(process), bytes("1a60a624d5a2db0300e8f60578021688"));
    }
}
