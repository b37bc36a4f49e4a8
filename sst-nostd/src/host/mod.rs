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
mod attach;
mod bonds;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod both_dial_tests;
mod clock;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod closing_tests;
mod config;
mod dial;
mod dials;
mod door;
mod events;
mod finish;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod first_packet_tests;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod flood_tests;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod full_tests;
mod guests;
mod ignored;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod ik_tests;
mod inbound;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod instance_tests;
mod means;
mod meet;
mod negotiator;
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
mod transmit;
#[cfg(all(test, feature = "alloc", feature = "insecure-test-hooks"))]
mod unacknowledged_tests;
mod wiping;

pub use config::{
    Accepting, Config, ConfigError, MAX_PACKET_BYTES, MIN_IDLE_TIMEOUT, MIN_PACKET_BYTES,
};
pub use dial::{ConnectError, Dial, InstanceWish, InstanceWishError, TryError};
pub use events::Event;
pub use ignored::Ignored;

pub use replayable::Replayable;
pub use sessions::{SessionInfo, UnknownSession};
pub use stats::Stats;
pub use storage::{LentHost, Limits, Storage};
pub use streams::UnknownStream;
pub use tables::{ChannelRow, NegotiationRow, SessionHandle};
pub use transmit::Transmit;

use zeroize::{Zeroize, Zeroizing};

use crate::crypto::{Crypto, KeyPair};
use crate::id::HostId;
use crate::negotiation::{Front, PROCESS_LEN, ResetKey, Sources};
use crate::storage::KeyedHash;
use crate::stream::Streams;
use crate::time::Instant;

use self::aftercare::Care;
use self::bonds::Bonds;
use self::clock::Clock;
use self::door::{Door, Outbox};
use self::means::{Identity, Means};
use self::negotiator::Negotiator;
use self::tables::{Channels, Negotiations, Sessions};
use self::wiping::Wiping;

/// One running end of SST, with an identity.
pub struct Host<'s, C: Crypto> {
    means: Means<C>,
    clock: Clock,
    door: Door,
    bonds: Bonds<'s, C>,
    negotiations: Negotiations<'s, C::Secret>,
    stats: Stats,
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
        let bonds = Bonds {
            sessions: Sessions::new(hash, storage.sessions, storage.by_peer, storage.guests),
            channels: Channels::new(
                hash,
                storage.channels,
                storage.by_channel,
                storage.by_remote,
                storage.channel_timers,
            ),
            streams: Streams::new(config.streams, storage.streams, hash),
            sent: storage.sent,
        };
        Ok(Self {
            means: Means {
                config,
                crypto,
                identity: Identity { statics, id, reset_key },
                wiping: Wiping::new(),
            },
            clock: Clock::new(now),
            door: Door { front, lost_sources, outbox: Outbox::new() },
            bonds,
            negotiations: Negotiations::new(
                hash,
                storage.negotiations,
                storage.by_call,
                storage.callers,
                storage.negotiation_timers,
            ),
            stats: Stats::default(),
        })
    }

    /// This host's identity.
    #[must_use]
    pub const fn id(&self) -> HostId {
        self.means.identity.id
    }

    /// Which of those who dial are answered from now on.
    pub fn set_accepting(&mut self, accepting: impl Into<Accepting>) {
        self.means.config.accepting = accepting.into();
    }

    /// What was counted, and what is held now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            half_open: self.negotiations.len(),
            sessions: self.bonds.sessions.len(),
            channels: self.bonds.channels.len(),
            streams: self.bonds.streams.len(),
            bytes_held: self.bonds.streams.bytes_held(),
            packets_in_flight: self.bonds.sent.packet_count(),
            ..self.stats
        }
    }

    /// The caller's time, never going back.
    fn advance(&mut self, now: Instant) -> Instant {
        self.clock.advance(now)
    }

    /// Looks after the sessions that this verb touched: the last act of every verb that changes
    /// anything. Tells whether there were any.
    #[inline]
    fn look_after_touched(&mut self) -> bool {
        let Some(first) = self.bonds.sessions.pop_touched() else { return false };
        self.look_after(first);
        if self.bonds.sessions.has_touched() {
            self.look_after_more();
        }
        true
    }

    #[inline(never)]
    fn look_after_more(&mut self) {
        while let Some(next) = self.bonds.sessions.pop_touched() {
            self.look_after(next);
        }
    }

    /// Looks after the session in row `index`.
    #[inline]
    fn look_after(&mut self, index: u32) {
        let care = Care { now: self.clock.now(), exports_keys: self.means.config.exports_keys };
        if let Some(dial) = self.bonds.look_after(index, care) {
            self.negotiations.remove(dial);
        }
    }

    /// What works on negotiations, and beside it what sessions are bound by.
    #[inline]
    fn split(&mut self) -> (Negotiator<'_, 's, C>, &mut Bonds<'s, C>) {
        let negotiator = Negotiator {
            rows: &mut self.negotiations,
            means: &mut self.means,
            clock: &mut self.clock,
            door: &mut self.door,
            stats: &mut self.stats,
        };
        (negotiator, &mut self.bonds)
    }
}
