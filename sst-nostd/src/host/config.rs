//! What a host is told when it is made, and the legal ranges of it.

use crate::channel::{ChannelConfig, KeyLimits};
use crate::negotiation::limits::INITS_PER_SECOND;
use crate::negotiation::{CookieMode, FrontConfig, PROCESS_LEN};
use crate::recovery::congestion::Algorithm;
use crate::recovery::received::AckPolicy;
use crate::stream::{MAX_ID_WINDOW, StreamConfig};
use crate::time::Duration;
use crate::wire::Parameters;

/// The smallest packet every path must carry, in bytes of UDP payload.
pub const MIN_PACKET_BYTES: usize = 1200;
/// The largest UDP payload there is.
pub const MAX_PACKET_BYTES: usize = 65_507;
/// The shortest idle timeout: a peer must be able to answer in time over any path.
pub const MIN_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Which of those who dial a host are answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Accepting {
    /// All.
    Everyone,
    /// Those whom this host dials at the same moment in the same instance, as two do that were
    /// introduced to each other. While it dials nobody, it answers nobody.
    Expected,
    /// None: to those who dial there is no host.
    #[default]
    Nobody,
}

impl From<bool> for Accepting {
    fn from(is_accepting: bool) -> Self {
        if is_accepting { Self::Everyone } else { Self::Nobody }
    }
}

/// A host's choices. Start from [`Config::new`] and change what should differ.
#[derive(Clone, Copy)]
pub struct Config {
    /// The host's X25519 secret key: its identity. Keep it.
    pub secret: [u8; 32],
    /// Which of those who dial are answered. A host that only dials out stays silent.
    pub accepting: Accepting,
    /// What the host's word that it lost a channel (LOST) is bound to, beside its secret. `None`:
    /// nothing, if it accepts everyone from the start, so that it is believed after a restart; else
    /// this process, drawn at random, so that another process with the secret has no say. Several
    /// hosts that accept with one secret need one each that outlives a restart.
    pub lost_scope: Option<[u8; PROCESS_LEN]>,
    /// Answer also those who do not know this host's identity (XX), behind a cookie. Off, nobody
    /// who does not know the identity can find out that there is a host.
    pub answers_unknown: bool,
    /// Keep what dials bring along in their first packet, for
    /// [`Host::poll_replayable`](super::Host::poll_replayable). DANGER: it may be a replay.
    pub takes_replayable: bool,
    /// When a peer must show that it receives at its address before anything is computed.
    pub cookies: CookieMode,
    /// With [`CookieMode::Auto`]: how many calls a second need no cookie.
    pub inits_per_second: u32,
    /// Where many have sessions, a source (an IPv4 address, an IPv6 network of 56 bits) gets no
    /// more of them than are left for others. Off for a host all of whose peers come from one
    /// address, that of a proxy perhaps.
    pub shares_by_source: bool,
    /// How many sessions one identity may have here by dialling, each in an instance of its own.
    pub max_sessions_per_peer: u32,
    /// Congestion control.
    pub algorithm: Algorithm,
    /// Sockets can mark packets for ECN and tell marks.
    pub has_ecn: bool,
    /// Silence after which a session is over; `None` never. The shorter of both sides' counts.
    pub idle_timeout: Option<Duration>,
    /// Silence after which a packet keeps the path open; at least 10 ms, whatever is said here.
    pub keep_alive: Option<Duration>,
    /// When to acknowledge.
    pub ack: AckPolicy,
    /// How long the first packet of a call that was answered waits for what the application has to
    /// say, so that it goes along: a request that is lost with FINISH is sent again with it. An
    /// application that writes as soon as its session is ready never waits. At most a second,
    /// whatever is said here.
    pub first_packet_wait: Duration,
    /// The round trip assumed before one is measured.
    pub initial_rtt: Duration,
    /// Largest packet sent or accepted, in bytes of UDP payload.
    pub max_packet_bytes: usize,
    /// Key use limits; `None` is what suits the suite. Lower ones are for tests.
    pub key_limits: Option<KeyLimits>,
    /// Hand out packet keys ([`Host::take_key_epoch`](super::Host::take_key_epoch)), for tools that
    /// look into captured packets. DANGER: whoever gets the keys reads everything sent with them,
    /// and forges it while the session lasts. Off, keys never leave the core.
    pub exports_keys: bool,
    /// What streams are held to.
    pub streams: StreamConfig,
}

/// Which choice is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// `streams.id_window` is zero or above [`MAX_ID_WINDOW`].
    IdWindow,
    /// `idle_timeout` is below [`MIN_IDLE_TIMEOUT`].
    IdleTimeout,
    /// `max_packet_bytes` is outside [`MIN_PACKET_BYTES`]`..=`[`MAX_PACKET_BYTES`].
    PacketBytes,
    /// Randomness failed: no keys can be made.
    Random,
    /// The secret makes no usable identity.
    Secret,
    /// A window is zero, a first window is above its maximum, or the sending buffer has no room
    /// for a byte and a mark.
    Window,
}

impl Config {
    /// Choices that suit a small host: a few streams, tens of KiB.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self {
            secret,
            accepting: Accepting::Everyone,
            lost_scope: None,
            answers_unknown: false,
            takes_replayable: false,
            cookies: CookieMode::Auto,
            inits_per_second: INITS_PER_SECOND,
            shares_by_source: true,
            max_sessions_per_peer: 64,
            algorithm: Algorithm::NewReno,
            has_ecn: false,
            idle_timeout: Some(Duration::from_secs(30)),
            keep_alive: None,
            ack: AckPolicy::default(),
            first_packet_wait: Duration::from_millis(2),
            initial_rtt: Duration::from_millis(250),
            max_packet_bytes: 1472,
            key_limits: None,
            exports_keys: false,
            streams: StreamConfig {
                stream_window: 4096,
                max_stream_window: 16_384,
                session_window: 16_384,
                session_budget: 65_536,
                send_buffer: 8192,
                root_children: 16,
                children: 4,
                id_window: 64,
                datagram_bytes: 4096,
                datagram_queue_bytes: 4096,
                takes_turns: true,
            },
        }
    }

    /// Choices that suit a server or a desktop: windows that fill 10 Gbit/s at 10 ms.
    #[cfg(feature = "large")]
    #[must_use]
    pub fn large(secret: [u8; 32]) -> Self {
        let mut config = Self::new(secret);
        config.algorithm = Algorithm::Tolerant;
        config.streams = StreamConfig {
            stream_window: 128 * 1024,
            max_stream_window: 16 * 1024 * 1024,
            session_window: 1024 * 1024,
            session_budget: 64 * 1024 * 1024,
            send_buffer: 512 * 1024,
            root_children: 256,
            children: 16,
            id_window: MAX_ID_WINDOW,
            datagram_bytes: 65_536,
            datagram_queue_bytes: 1024 * 1024,
            takes_turns: true,
        };
        config
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let streams = &self.streams;
        if !(MIN_PACKET_BYTES..=MAX_PACKET_BYTES).contains(&self.max_packet_bytes) {
            return Err(ConfigError::PacketBytes);
        }
        if self.idle_timeout.is_some_and(|timeout| timeout < MIN_IDLE_TIMEOUT) {
            return Err(ConfigError::IdleTimeout);
        }
        if streams.id_window == 0 || streams.id_window > MAX_ID_WINDOW {
            return Err(ConfigError::IdWindow);
        }
        let has_windows = streams.stream_window > 0
            && streams.stream_window <= streams.max_stream_window
            && streams.session_window > 0
            && streams.session_window <= streams.session_budget
            // The last byte of a record goes together with its mark.
            && streams.send_buffer > 1;
        if has_windows { Ok(()) } else { Err(ConfigError::Window) }
    }

    /// How this host meets calls.
    pub(super) fn front(&self) -> FrontConfig {
        FrontConfig {
            cookies: self.cookies,
            inits_per_second: self.inits_per_second,
            answers_strangers: self.answers_unknown,
        }
    }

    /// What this host tells its peers.
    pub(super) fn parameters(&self) -> Parameters {
        let streams = &self.streams;
        Parameters {
            idle_timeout: self.idle_timeout,
            max_ack_delay: self.ack.max_ack_delay,
            session_window_bytes: streams.session_window,
            stream_window_bytes: u64::from(streams.stream_window),
            root_child_credit: u64::from(streams.root_children),
            child_credit: u64::from(streams.children),
            max_packet_bytes: u16::try_from(self.max_packet_bytes).unwrap_or(u16::MAX),
            max_datagram_bytes: u64::from(streams.datagram_bytes),
            id_window: streams.id_window,
            ..Parameters::default()
        }
    }

    /// What a channel needs of it, with the peer's idle timeout taken into account.
    pub(super) fn channel(&self, peer: &Parameters) -> ChannelConfig {
        let idle_timeout = match (self.idle_timeout, peer.idle_timeout) {
            (Some(ours), Some(theirs)) => Some(ours.min(theirs)),
            (ours, theirs) => ours.or(theirs),
        };
        ChannelConfig {
            ack: self.ack,
            algorithm: self.algorithm,
            can_mark_ecn: self.has_ecn,
            idle_timeout,
            initial_rtt: self.initial_rtt,
            keep_alive_timeout: self.keep_alive,
            key_limits: self.key_limits,
            max_packet_len: self.max_packet_bytes,
        }
    }
}

impl core::fmt::Debug for Config {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The secret is nobody's business.
        out.debug_struct("Config").field("streams", &self.streams).finish_non_exhaustive()
    }
}
