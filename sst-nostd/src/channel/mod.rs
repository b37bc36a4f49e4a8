//! One keyed path of a session: sealed packets with their numbers, keys, replay window,
//! acknowledgements, losses, congestion, pacing, packet size, marks, key updates and validation of
//! addresses.
//!
//! It knows nothing of what packets carry. The layer above puts frames into a [`PacketBuilder`] and
//! leaves a [`Receipt`] for each; the channel hands the receipts back once it knows the packet's
//! [`Fate`]. The order of a visit is: packets in ([`Channel::open`], the frames,
//! [`Channel::on_received`]), [`Channel::on_timeout`] if the deadline has passed,
//! [`Channel::take_settled`] until empty, then [`Channel::send_permit`] and
//! [`Channel::begin_packet`] as long as something may and wants to be sent.

mod acks;
mod builder;
mod candidate;
mod config;
mod dropped;
mod early;
mod export;
mod finish;
mod flight;
mod idle;
mod keys;
mod late;
mod moves;
mod own_frames;
mod paths;
mod permit;
mod probes;
mod receive;
mod seed;
mod sent;
mod source;
mod stats;
#[cfg(all(test, feature = "rustcrypto"))]
mod tests;
mod timers;
mod transmit;

pub use crate::path::Path;
pub use acks::{AckInvalid, AckSummary};
pub use builder::{BeginError, MIN_ASKING_LEN, PacketBuilder};
pub use config::{ChannelConfig, ChannelStart};
pub use dropped::{DropCounts, Dropped};
pub use export::{KeyDirection, KeyEpoch, KeysTold};
pub use keys::{ChannelSecrets, KeyLimits};
pub use permit::Permit;
pub use receive::{Arrival, Opened};
pub use seed::ChannelSeed;
pub use sent::{Fate, Receipt, Receipts, SentPacket, SentPackets, SentReceipt};
use stats::Counts;
pub use stats::{ChannelStats, Totals};
pub use transmit::{SealError, SentInfo};

use crate::bytes::MAX_VARINT;
use crate::crypto::{Crypto, Suite, TAG_LEN};
use crate::id::ChannelId;
use crate::limits::REPLAY_WORDS;
use crate::recovery::congestion::Controller;
use crate::recovery::loss::SkipPolicy;
use crate::recovery::received::Received;
use crate::storage::SlidingBits;
use crate::time::{Duration, Instant};
use crate::wire::SealedHeader;
use config::Kept;
use finish::Finish;
use flight::Flight;
use idle::Idle;
use keys::{ReceiveKeys, SendKeys};
use late::LateWatch;
use paths::Paths;
use probes::SpacedProbes;
use sent::{List, OnRecord};

/// A round trip so many times the least is mostly queues of our own making.
const MAX_QUEUED_RATIO: u32 = 8;

/// The suite of a channel is not supported by the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedSuite(pub Suite);

/// One keyed path of a session.
pub struct Channel<C: Crypto> {
    config: Kept,
    local_id: ChannelId,
    remote_id: ChannelId,
    local_secret: [u8; 16],
    peer_max_ack_delay: Duration,
    max_packet_len: usize,

    receive_keys: ReceiveKeys<C::Aead>,
    replay: SlidingBits<REPLAY_WORDS>,
    received: Received,

    send_keys: SendKeys<C::Aead>,
    is_update_forced: bool,
    /// The first number that we may use: 0 is FINISH.
    first_number: u64,
    next_number: u64,
    largest_acked: Option<u64>,
    skip: SkipPolicy,

    in_flight: List,
    settled: List,
    /// What the two lists take of the host's table.
    on_record: OnRecord,
    late: LateWatch,
    flight: Flight,
    loss_at: Option<Instant>,
    probes_owed: u8,
    /// Until then the pacer holds data back, the silence is too short for an MTU probe, or the
    /// first packet waits for the application.
    paced_until: Option<Instant>,
    /// An MTU probe waits, at most until a packet with this number or a later one was acknowledged.
    /// `u64::MAX` if none waits.
    mtu_probe_after: u64,
    /// The probes of the last timeout that are still to come.
    spaced_probes: Option<SpacedProbes>,
    ack_only_count: u32,
    /// The last PING that went with nothing but an acknowledgement is unanswered.
    is_asking: bool,
    /// A packet was opened since the last probe timeout.
    is_heard: bool,

    paths: Paths,
    finish: Finish,
    has_resent_finish: bool,
    /// How often a FINISH that came again was answered by a probe, and when the next one may be.
    finish_answers: u8,
    finish_answer_at: Instant,
    idle: Idle,
    totals: Counts,
    dropped: DropCounts,
    /// Rows looked at for acknowledgements, ever.
    #[cfg(test)]
    rows_seen: u64,
}

impl<C: Crypto> Channel<C> {
    /// The channel that a negotiation has agreed on.
    ///
    /// # Errors
    /// [`UnsupportedSuite`] if `crypto` does not know the suite.
    pub fn new(
        crypto: &C,
        config: &ChannelConfig,
        now: Instant,
        start: ChannelStart,
    ) -> Result<Self, UnsupportedSuite> {
        Ok(Self::grown(config, now, ChannelSeed::new(crypto, now, &start)?))
    }

    /// The channel of a seed.
    pub fn grown(config: &ChannelConfig, now: Instant, seed: ChannelSeed<C>) -> Self {
        let mut replay = SlidingBits::new();
        // Packet 0 is FINISH, which is never sealed like this one's packets.
        replay.set(0);
        let max_packet_len = config.max_packet_len.min(seed.peer_max_packet_len);
        let kept = Kept::of(config);
        let initial_rtt = seed.measured_rtt.unwrap_or(config.initial_rtt).min(config.initial_rtt);
        Self {
            local_id: seed.local_id,
            remote_id: seed.remote_id,
            peer_max_ack_delay: seed.peer_max_ack_delay,
            max_packet_len,
            receive_keys: seed.receive_keys,
            replay,
            received: Received::new(config.ack),
            send_keys: seed.send_keys,
            is_update_forced: false,
            first_number: 1,
            next_number: 1,
            largest_acked: None,
            skip: SkipPolicy::new(seed.first_skip),
            in_flight: List::EMPTY,
            settled: List::EMPTY,
            on_record: OnRecord::default(),
            late: LateWatch::new(),
            flight: Flight::new(&kept, max_packet_len, initial_rtt, 0, now),
            loss_at: None,
            probes_owed: 0,
            paced_until: None,
            mtu_probe_after: u64::MAX,
            spaced_probes: None,
            ack_only_count: 0,
            is_asking: false,
            is_heard: false,
            paths: Paths::new(seed.path, seed.answers, seed.challenge_secret),
            local_secret: seed.local_secret,
            finish: Finish::Confirmed,
            has_resent_finish: false,
            finish_answers: 0,
            finish_answer_at: now,
            idle: Idle::new(config.idle_timeout, config.keep_alive_timeout, now),
            totals: Counts::default(),
            dropped: DropCounts::default(),
            #[cfg(test)]
            rows_seen: 0,
            config: kept,
        }
    }

    /// The next receipt whose packet has met its fate.
    ///
    /// A packet is told once: acknowledged or lost. One that was lost and is acknowledged later is
    /// only counted ([`Totals::spurious_losses`]).
    pub fn take_settled(&mut self, sent: &mut SentPackets<'_>) -> Option<(Receipt, Fate)> {
        sent.take_receipt(&mut self.on_record, &mut self.settled)
    }

    /// Gives up everything in flight as lost, because the channel is closed or replaced. Take the
    /// receipts with [`Channel::take_settled`] before the channel is dropped, or they stay in the
    /// table.
    pub fn retire(&mut self, sent: &mut SentPackets<'_>) {
        loop {
            let start = self.in_flight.start();
            let (from, to) = (&mut self.in_flight, &mut self.settled);
            if sent.settle(&mut self.on_record, from, start, to, Fate::Lost).is_none() {
                break;
            }
        }
        self.loss_at = None;
        self.spaced_probes = None;
        self.probes_owed = 0;
    }

    /// Begins the next epoch of keys with the next packet that may.
    pub fn update_keys(&mut self) {
        self.is_update_forced = true;
    }

    /// Changes how long to be silent before the path is kept open by a packet; `None` for ever.
    pub fn set_keep_alive(&mut self, timeout: Option<Duration>) {
        self.idle.set_keep_alive(timeout);
    }

    /// How long a key may be used. Not a field of its own: sessions are many.
    fn key_limits(&self) -> KeyLimits {
        self.config.key_limits.unwrap_or(KeyLimits::of(self.send_keys.suite()))
    }

    /// Whether the keys may no longer be trusted or used: the session must be closed. One more
    /// packet can be sealed, to say so.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.receive_keys.is_exhausted(&self.key_limits())
            || self.send_keys.is_nearly_spent(&self.key_limits())
            || self.next_number >= MAX_VARINT
    }

    /// Whether an acknowledgement must be sent now.
    #[must_use]
    pub fn is_ack_due(&self, now: Instant) -> bool {
        self.received.is_due(now)
    }

    /// Whether packets that asked for it wait for their acknowledgement.
    #[must_use]
    pub const fn has_in_flight(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// The path in use.
    #[must_use]
    pub const fn path(&self) -> Path {
        self.paths.current()
    }

    /// The path being tested, if the peer seems to have moved.
    #[must_use]
    pub fn tested_path(&self) -> Option<Path> {
        self.paths.candidate()
    }

    /// The channel's name in packets to us.
    #[must_use]
    pub const fn local_id(&self) -> ChannelId {
        self.local_id
    }

    /// The channel's name in packets to the peer.
    #[must_use]
    pub const fn remote_id(&self) -> ChannelId {
        self.remote_id
    }

    /// The largest packet now sent, in bytes.
    #[must_use]
    pub fn mtu_bytes(&self) -> usize {
        self.flight.mtu.current()
    }

    /// The most frame bytes that a packet holds now, with the longest header.
    #[must_use]
    pub fn payload_bytes(&self) -> usize {
        let overhead = SealedHeader::MAX_LEN.saturating_add(TAG_LEN);
        self.flight.packet_len().saturating_sub(overhead)
    }

    /// The probe timeout without backoff.
    #[must_use]
    pub fn pto_base(&self) -> Duration {
        self.flight.rtt.pto_base(self.peer_max_ack_delay)
    }

    /// The share of packets lost of late, in parts of 65,536.
    #[must_use]
    pub const fn loss_rate(&self) -> u32 {
        self.flight.loss_rate.value()
    }

    /// The smoothed round trip, but for what must be queues: a receiver that gives credit for those
    /// only makes them longer.
    #[must_use]
    pub fn unqueued_rtt(&self) -> Duration {
        let rtt = &self.flight.rtt;
        rtt.smoothed().min(rtt.min().saturating_mul(MAX_QUEUED_RATIO))
    }

    /// What was counted and measured.
    #[must_use]
    pub fn stats(&self) -> ChannelStats {
        ChannelStats {
            totals: self.totals.totals(),
            dropped: self.dropped,
            window_bytes: self.flight.congestion.window_bytes(),
            in_flight_bytes: self.flight.bytes(),
            loss_rate: self.loss_rate(),
            mtu_bytes: self.mtu_bytes(),
            min_rtt: self.flight.rtt.min(),
            smoothed_rtt: self.flight.rtt.smoothed(),
        }
    }
}
