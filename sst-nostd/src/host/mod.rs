//! The front door: a host, its sessions and streams, behind five verbs.
//!
//! | verb | when |
//! |---|---|
//! | [`Host::handle_packet`] | a packet arrived |
//! | [`Host::handle_timeout`] | [`Host::poll_timeout`]'s moment has come |
//! | [`Host::poll_transmit`] | after anything else, until it answers `None` |
//! | [`Host::poll_event`] | after anything else, until it answers `None` |
//! | [`Host::poll_timeout`] | when the other polls are empty, to know how long to sleep |
//!
//! Any order is legal; calls from the application may come in between. The host has no clock:
//! every call that may need the time is given it, and a clock that stands still or goes back is
//! taken as standing still.

#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod address_tests;
mod aftercare;
mod answer;
mod attach;
mod bonds;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod both_dial_tests;
mod call;
mod clock;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod closing_tests;
mod config;
mod dial;
mod door;
mod events;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod first_packet_tests;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod flood_tests;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod full_tests;
mod guests;
mod identity;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod ik_tests;
mod inbound;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod instance_tests;
mod negotiations;
mod network_change;
mod opened;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod opened_tests;
mod outbound;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod raw_peer;
mod replayable;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod rules_tests;
mod seat;
mod sessions;
mod stats;
mod storage;
mod streams;
mod tables;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod tests;
mod timers;
mod tries;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod unacknowledged_tests;
mod wiping;

pub use bonds::Accepting;
pub use config::{Config, ConfigError, MAX_PACKET_BYTES, MIN_IDLE_TIMEOUT, MIN_PACKET_BYTES};
pub use dial::{ConnectError, Dial, InstanceWish, InstanceWishError};
pub use events::Event;
pub use inbound::Ignored;
pub use outbound::Transmit;
pub use replayable::Replayable;
pub use sessions::{SessionHandle, SessionInfo, UnknownSession};
pub use stats::Stats;
pub use storage::{LentHost, Limits, Storage};
pub use streams::UnknownStream;
pub use tables::{ChannelRow, NegotiationRow};
pub use tries::TryError;

use zeroize::{Zeroize, Zeroizing};

use crate::channel::SentPackets;
use crate::crypto::{Crypto, KeyPair};
use crate::id::HostId;
use crate::negotiation::{Front, PROCESS_LEN, ResetKey, Sources};
use crate::storage::KeyedHash;
use crate::stream::Streams;
use crate::time::Instant;

use self::clock::Clock;
use self::door::{Door, Outbox};
use self::identity::Identity;
use self::tables::{Channels, Negotiations, Sessions};

/// One running end of SST, with an identity.
pub struct Host<'s, C: Crypto> {
    config: Config,
    crypto: C,
    identity: Identity<C::Secret>,
    clock: Clock,
    door: Door,
    sessions: Sessions<'s>,
    channels: Channels<'s, C>,
    negotiations: Negotiations<'s, C::Secret>,
    streams: Streams<'s>,
    sent: SentPackets<'s>,
    stats: Stats,
    /// This verb has computed with secrets.
    has_secrets_on_stack: bool,
}

impl<'s, C: Crypto> Host<'s, C> {
    /// A host in the given memory.
    ///
    /// # Errors
    /// [`ConfigError`] names the choice that is out of range.
    pub fn new(
        mut config: Config,
        storage: Storage<'s, C>,
        mut crypto: C,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        config.check()?;
        let mut seed = [0; 16];
        crypto.random(&mut seed).map_err(|_| ConfigError::Random)?;
        let seed = u128::from_be_bytes(seed);
        let hash = KeyedHash::new((seed >> 64) as u64, seed as u64);
        let secret = Zeroizing::new(config.secret);
        config.secret.zeroize();
        let statics = KeyPair::from_secret(&crypto, &secret);
        let id = HostId::new(*statics.public());
        let front =
            Front::new(&mut crypto, &id, config.front()).map_err(|_| ConfigError::Random)?;
        if config.lost_scope.is_none() && config.accepting != Accepting::Everyone {
            let mut process = [0; PROCESS_LEN];
            crypto.random(&mut process).map_err(|_| ConfigError::Random)?;
            config.lost_scope = Some(process);
        }
        let lost_sources = Sources::new(&mut crypto).map_err(|_| ConfigError::Random)?;
        let reset_key = ResetKey::new(&secret, config.lost_scope);
        Ok(Self {
            streams: Streams::new(config.streams, storage.streams, hash),
            config,
            crypto,
            identity: Identity { statics, id, reset_key },
            clock: Clock::new(now),
            door: Door { front, lost_sources, outbox: Outbox::new() },
            sessions: Sessions::new(hash, storage.sessions, storage.by_peer, storage.guests),
            channels: Channels::new(
                hash,
                storage.channels,
                storage.by_channel,
                storage.by_remote,
                storage.channel_timers,
            ),
            negotiations: Negotiations::new(
                hash,
                storage.negotiations,
                storage.by_call,
                storage.callers,
                storage.negotiation_timers,
            ),
            sent: storage.sent,
            stats: Stats::default(),
            has_secrets_on_stack: false,
        })
    }

    /// This host's identity.
    #[must_use]
    pub const fn id(&self) -> HostId {
        self.identity.id
    }

    /// Which of those who dial are answered from now on.
    pub fn set_accepting(&mut self, accepting: impl Into<Accepting>) {
        self.config.accepting = accepting.into();
    }

    /// What was counted, and what is held now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            half_open: self.negotiations.len(),
            sessions: self.sessions.len(),
            channels: self.channels.len(),
            streams: self.streams.len(),
            bytes_held: self.streams.bytes_held(),
            packets_in_flight: self.sent.packet_count(),
            ..self.stats
        }
    }

    /// The caller's time, never going back.
    fn advance(&mut self, now: Instant) -> Instant {
        self.clock.advance(now)
    }
}
