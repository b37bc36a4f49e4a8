//! What a channel is made from.

use core::fmt;

use super::keys::{ChannelSecrets, KeyLimits};
use crate::id::ChannelId;
use crate::path::Path;
use crate::recovery::congestion::Algorithm;
use crate::recovery::received::AckPolicy;
use crate::time::Duration;

/// Choices of this host, the same for all its channels.
#[derive(Clone, Copy, Debug)]
pub struct ChannelConfig {
    /// When to acknowledge.
    pub ack: AckPolicy,
    /// How the congestion window follows the network.
    pub algorithm: Algorithm,
    /// Whether sockets can mark packets ECT(0).
    pub can_mark_ecn: bool,
    /// How long to wait in silence before the channel is [expired](super::Channel::is_expired);
    /// `None` waits for ever. At least three probe timeouts are always waited.
    pub idle_timeout: Option<Duration>,
    /// The round trip assumed before the first was measured. RFC 9002 section 6.2.2: 333 ms.
    pub initial_rtt: Duration,
    /// Silence after which a packet is sent to keep the path open; `None` keeps quiet.
    pub keep_alive_timeout: Option<Duration>,
    /// How long a key may be used; `None` is what suits the suite ([`KeyLimits::of`]).
    pub key_limits: Option<KeyLimits>,
    /// The largest packet ever to send, in bytes of UDP payload. 1472 fills Ethernet under IPv4.
    pub max_packet_len: usize,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            ack: AckPolicy::default(),
            algorithm: Algorithm::default(),
            can_mark_ecn: false,
            idle_timeout: Some(Duration::from_secs(30)),
            initial_rtt: Duration::from_millis(333),
            keep_alive_timeout: None,
            key_limits: None,
            max_packet_len: 1472,
        }
    }
}

/// What a channel goes on asking of its configuration. Every idle session has a copy: what is asked
/// once stays out of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) key_limits: Option<KeyLimits>,
    pub(super) initial_rtt: Duration,
    pub(super) algorithm: Algorithm,
    pub(super) can_mark_ecn: bool,
}

impl Kept {
    pub(super) const fn of(config: &ChannelConfig) -> Self {
        let ChannelConfig { key_limits, initial_rtt, algorithm, can_mark_ecn, .. } = *config;
        Self { key_limits, initial_rtt, algorithm, can_mark_ecn }
    }
}

/// What a negotiation has agreed on for one channel.
pub struct ChannelStart {
    /// The secrets; erased once the channel is made.
    pub secrets: ChannelSecrets,
    /// The channel's name in packets to us.
    pub local_id: ChannelId,
    /// The channel's name in packets to the peer.
    pub remote_id: ChannelId,
    /// Where the peer was heard; proved by the negotiation.
    pub path: Path,
    /// Whether this host was dialled: then it keeps to the address of its own that was asked.
    pub answers: bool,
    /// Random bytes that stay secret from everyone, the peer included.
    pub local_secret: [u8; 16],
    /// The round trip of the negotiation, as far as it showed; more than
    /// [`ChannelConfig::initial_rtt`] is not believed, since packets may have been lost meanwhile.
    pub measured_rtt: Option<Duration>,
    /// The longest the peer waits before it acknowledges (parameter 0x04).
    pub peer_max_ack_delay: Duration,
    /// The largest packet that the peer accepts (parameter 0x0e).
    pub peer_max_packet_len: usize,
}

impl fmt::Debug for ChannelStart {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ChannelStart").field("path", &self.path).finish_non_exhaustive()
    }
}
