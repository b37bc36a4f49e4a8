//! [`Config`]: everything an endpoint can be told before it starts.

use std::net::SocketAddr;
use std::path::PathBuf;

use sst_nostd::{Duration, HANDSHAKE_TIMEOUT, HostId, Suite};

use crate::identity::Identity;

pub use sst_nostd::{Accepting, Algorithm, CookieMode, InstanceWish};

/// The most that [`Config::busy_poll`] can be.
pub const MAX_BUSY_POLL: Duration = Duration::from_millis(1);

/// Settings of an [`Endpoint`](crate::Endpoint). Every field has a sensible default but the
/// identity.
///
/// # Examples
/// ```
/// use sst_std::{Config, Identity};
///
/// let mut config = Config::new(Identity::generate()?);
/// config.bind = vec!["127.0.0.1:0".parse()?];
/// config.keep_alive = Some(std::time::Duration::from_secs(10));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Who this host is.
    pub identity: Identity,
    /// Where to receive: one UDP socket each. Default: every address, a port the system chooses.
    pub bind: Vec<SocketAddr>,
    /// Whether peers may start sessions. Default: no.
    pub accept: bool,
    /// Which session with a peer a dial is for, if several are possible. Default: an endpoint that
    /// accepts has one session with each identity, and one that does not begins another with each
    /// dial ([`InstanceWish::Usual`]).
    pub instance: InstanceWish,
    /// What this host's word that it has lost a session is bound to, beside its identity. Needed
    /// only where several endpoints that accept have one identity: one for each, at random, that
    /// outlives a restart. Default: none.
    pub lost_scope: Option<[u8; 8]>,
    /// Which peers may start sessions; `None` for all. Others are told "identity refused".
    pub allow: Option<Vec<HostId>>,
    /// Whether peers that know this host's address alone, and not its identity, are answered. Then
    /// whoever scans addresses learns that a host of SST is here, and which. Default: no.
    pub answers_unknown: bool,
    /// Whether a peer must first prove that it receives at its address. Default: under load.
    pub cookies: CookieMode,
    /// The packet cipher liked best; `None`: AES where the hardware does it, else ChaCha20. AES is
    /// taken where both hosts like it best.
    pub suite: Option<Suite>,
    /// Congestion control. Default: CUBIC that tells random loss from a full queue where it can
    /// ([`Algorithm::Tolerant`]).
    pub algorithm: Algorithm,
    /// Silence after which a session ends; `None` never. Default: 30 s.
    pub idle_timeout: Option<Duration>,
    /// How long [`Endpoint::connect`](crate::Endpoint::connect) waits for the peer to prove itself.
    /// A negotiation lasts at most 10 s; within a longer time, another is begun. Default: 10 s.
    pub connect_timeout: Duration,
    /// How often an idle session sends a sign of life. Default: never.
    pub keep_alive: Option<Duration>,
    /// Most sessions at a time. Default: 4,096.
    pub max_sessions: u32,
    /// Most sessions with one identity at a time. Default: 64.
    pub max_sessions_per_peer: u32,
    /// Whether a source (an IPv4 address, an IPv6 network of 56 bits) gets no more sessions than
    /// are left for others. Turn it off where all peers come from one address, a proxy's perhaps.
    /// Default: yes.
    pub shares_by_source: bool,
    /// Most sessions that wait for `accept`; a source has no more of these than are left, either.
    /// Default: 128.
    pub backlog: u32,
    /// Most streams at a time, over all sessions. Default: 131,072.
    pub max_streams: u32,
    /// Largest datagram accepted, in bytes. Default: 65,536.
    pub max_datagram_bytes: u32,
    /// Memory for datagrams that a session has received and nobody took, and for those that wait
    /// to leave at one place in the tree, in bytes. Of those received, the oldest go
    /// ([`Session::dropped_datagrams`](crate::Session::dropped_datagrams)). Default: 1 MiB.
    pub datagram_queue_bytes: u32,
    /// How many children a peer may open under the root before it hears from `listen`.
    /// Default: 64.
    pub root_child_credit: u32,
    /// The same under every other stream. Default: 16.
    pub child_credit: u32,
    /// Largest packet sent or accepted, in bytes of UDP payload, from 1,200 to 1,472: what is
    /// larger than 1,200 is tried out first. Default: 1,472.
    pub max_packet_bytes: u16,
    /// Memory for what is sent and not acknowledged, or received and not read, over all sessions,
    /// in bytes. Used as needed. As much again, at most, is used for records that are being read
    /// and whose end has not come. Default: 256 MiB.
    pub max_buffer_bytes: u64,
    /// What a peer may send on a stream before any of it is read, in bytes. Default: 128 KiB.
    pub stream_window: u32,
    /// The most that window grows to while the reader keeps up. What all streams of a session get
    /// beyond their first window is at most half of `session_budget`. Default: 16 MiB.
    pub max_stream_window: u32,
    /// What a session may hold unread, what its peer may still send included, in bytes. Readers
    /// that pause hold up the others of their session once they hold all of it: with the defaults,
    /// more than 200 of them. At least `stream_window`. Default: 64 MiB.
    pub session_budget: u64,
    /// What one stream takes from its writer before it was ever sent, in bytes; at least 2. At most
    /// 32 KiB of that beyond what the peer has room for. Default: 512 KiB.
    pub send_buffer: u32,
    /// How long a task that has sent something and waits for the answer, alone, keeps looking for
    /// packets before it sleeps. An answer that comes in this time is there some ten microseconds
    /// sooner than if the system had to wake a thread for it; meanwhile the task's thread does
    /// nothing else, and other tasks of it wait. For exchanges of small messages on a fast network,
    /// with processors to spare: twice the round trip, tens of microseconds, is a good value; more
    /// than [`MAX_BUSY_POLL`] means that. Over sockets only. Default: none.
    pub busy_poll: Duration,
    /// A file to which the keys of packets are added, for tools that look into captured packets.
    /// DANGER: whoever has the file reads everything sent with them, and forges it while the
    /// session lasts. Default: none.
    pub key_log: Option<PathBuf>,
}

impl Config {
    /// The defaults, for this identity.
    #[must_use]
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            bind: Vec::new(),
            accept: false,
            instance: InstanceWish::Usual,
            lost_scope: None,
            allow: None,
            answers_unknown: false,
            cookies: CookieMode::Auto,
            suite: None,
            algorithm: Algorithm::Tolerant,
            idle_timeout: Some(Duration::from_secs(30)),
            connect_timeout: HANDSHAKE_TIMEOUT,
            keep_alive: None,
            max_sessions: 4_096,
            max_sessions_per_peer: 64,
            shares_by_source: true,
            backlog: 128,
            max_streams: 131_072,
            max_datagram_bytes: 65_536,
            datagram_queue_bytes: 1 << 20,
            root_child_credit: 64,
            child_credit: 16,
            max_packet_bytes: 1_472,
            max_buffer_bytes: 256 << 20,
            stream_window: 128 << 10,
            max_stream_window: 16 << 20,
            session_budget: 64 << 20,
            send_buffer: 512 << 10,
            busy_poll: Duration::ZERO,
            key_log: None,
        }
    }

    /// True if `peer` may start sessions here.
    #[must_use]
    pub fn allows(&self, peer: &HostId) -> bool {
        self.allow.as_ref().is_none_or(|allowed| allowed.contains(peer))
    }
}
