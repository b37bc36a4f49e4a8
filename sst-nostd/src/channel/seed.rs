//! What a channel grows from: all that is computed for it, before it is made.

use super::config::ChannelStart;
use super::keys::{ReceiveKeys, SendKeys};
use super::{Path, UnsupportedSuite};
use crate::crypto::Crypto;
use crate::crypto::kdf::mac16;
use crate::id::ChannelId;
use crate::time::{Duration, Instant};

/// The keys and random choices of a channel to be. A channel is large and computing goes deep: on a
/// board's stack there is room for one at a time.
pub struct ChannelSeed<C: Crypto> {
    pub(super) local_id: ChannelId,
    pub(super) remote_id: ChannelId,
    pub(super) path: Path,
    pub(super) answers: bool,
    pub(super) local_secret: [u8; 16],
    pub(super) measured_rtt: Option<Duration>,
    pub(super) peer_max_ack_delay: Duration,
    pub(super) peer_max_packet_len: usize,
    pub(super) receive_keys: ReceiveKeys<C::Aead>,
    pub(super) send_keys: SendKeys<C::Aead>,
    /// Decides which packet number is left out first.
    pub(super) first_skip: u32,
    /// Makes the challenges to new addresses.
    pub(super) challenge_secret: [u8; 16],
}

impl<C: Crypto> ChannelSeed<C> {
    /// Computes what the channel needs that a negotiation has agreed on.
    ///
    /// # Errors
    /// [`UnsupportedSuite`] if `crypto` does not know the suite.
    pub fn new(crypto: &C, now: Instant, start: &ChannelStart) -> Result<Self, UnsupportedSuite> {
        let unsupported = UnsupportedSuite(start.secrets.suite());
        let [a, b, c, d, ..] = mac16(&start.local_secret, &[b"first skip"]);
        Ok(Self {
            local_id: start.local_id,
            remote_id: start.remote_id,
            path: start.path,
            answers: start.answers,
            local_secret: start.local_secret,
            measured_rtt: start.measured_rtt,
            peer_max_ack_delay: start.peer_max_ack_delay,
            peer_max_packet_len: start.peer_max_packet_len,
            receive_keys: ReceiveKeys::new(crypto, &start.secrets).ok_or(unsupported)?,
            send_keys: SendKeys::new(crypto, &start.secrets, now).ok_or(unsupported)?,
            first_skip: u32::from_be_bytes([a, b, c, d]),
            challenge_secret: mac16(&start.local_secret, &[b"challenge"]),
        })
    }
}
