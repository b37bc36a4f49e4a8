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
mod config;
mod dropped;
mod early;
mod export;
mod flight;
mod idle;
mod keys;
mod late;
mod path;
mod probes;
mod receive;
mod seed;
mod sent;
mod source;
mod stats;
#[cfg(all(test, feature = "rustcrypto"))]
mod tests;
mod transmit;

pub use crate::path::Path;
pub use acks::{AckInvalid, AckSummary};
pub use builder::PacketBuilder;
pub use config::{ChannelConfig, ChannelStart};
pub use dropped::{DropCounts, Dropped};
pub use export::{KeyDirection, KeyEpoch, KeysTold};
pub use keys::{ChannelSecrets, KeyLimits};
pub use receive::{Arrival, Opened};
pub use seed::ChannelSeed;
pub use sent::{Fate, Receipt, Receipts, SentPacket, SentPackets, SentReceipt};
pub use stats::{ChannelStats, Totals};
pub use transmit::{BeginError, FinishError, MIN_ASKING_LEN, Permit, SentInfo};

use core::net::IpAddr;

use crate::bytes::MAX_VARINT;
use crate::crypto::{Crypto, Suite, TAG_LEN};
use crate::id::ChannelId;
use crate::limits::REPLAY_WORDS;
use crate::recovery::congestion::Controller;
use crate::recovery::loss::SkipPolicy;
use crate::recovery::received::Received;
use crate::storage::SlidingBits;
use crate::time::{Duration, Instant};
use crate::wire::{MAX_FRAMES, SealedHeader};
use builder::Kind;
use early::Situation;
use flight::Flight;
use idle::Idle;
use keys::{ReceiveKeys, SendKeys};
use late::LateWatch;
use path::{Moved, Paths};
use probes::SpacedProbes;
use sent::{Chain, List, OnRecord};

/// Packets sent at once at a probe timeout, if so many are in flight (RFC 9002 section 6.2.4).
const MAX_PROBES: u8 = 2;

/// A round trip so many times the least is mostly queues of our own making.
const MAX_QUEUED_RATIO: u32 = 8;

/// The suite of a channel is not supported by the environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnsupportedSuite(pub Suite);

/// One keyed path of a session.
pub struct Channel<C: Crypto> {
    config: ChannelConfig,
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
    totals: Totals,
    dropped: DropCounts,
    /// Rows looked at for acknowledgements, ever.
    #[cfg(test)]
    rows_seen: u64,
}

/// Whether the peer is known to have our FINISH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    /// It has it, or there is none.
    Confirmed,
    /// It waits for frames, and everything else waits for it.
    Held,
    /// There is none, and the first packet waits for frames: the initiator of an IK negotiation.
    FirstHeld,
    /// The probe timeout has passed: it must be sent again.
    Owed,
    /// There is none, and the peer was not heard yet: the initiator of an IK negotiation.
    Unheard,
    /// It was sent.
    Waiting,
}

/// How often a FINISH that comes again is answered by more than an acknowledgement: about as often
/// as a peer says it before it gives up.
const MAX_FINISH_ANSWERS: u8 = 32;

/// The longest pause between two FINISHes: the peer forgets the negotiation after ten seconds.
const MAX_FINISH_TIMEOUT: Duration = Duration::from_secs(1);

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
            flight: Flight::new(config, max_packet_len, initial_rtt, 0, now),
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
            totals: Totals::default(),
            dropped: DropCounts::default(),
            #[cfg(test)]
            rows_seen: 0,
            config: *config,
        }
    }

    /// This host has begun the negotiation: what it sends first, FINISH or (in IK) a packet, waits
    /// until `until` for the application to have something to say, and all else waits for it. Both
    /// are sent whether there is anything to say or not: the peer's session begins with them.
    pub fn hold_first(&mut self, has_finish: bool, until: Instant) {
        self.finish = if has_finish { Finish::Held } else { Finish::FirstHeld };
        self.paced_until = Some(until);
    }

    /// Whether FINISH waits for frames.
    #[must_use]
    pub fn is_finish_held(&self) -> bool {
        self.finish == Finish::Held
    }

    /// Whether this host has begun the negotiation and has not ended it yet: the peer cannot have
    /// a session by it.
    #[must_use]
    pub fn is_first_held(&self) -> bool {
        matches!(self.finish, Finish::Held | Finish::FirstHeld)
    }

    /// Begins FINISH, which is packet 0, with room for its frames in `buffer` after the first
    /// `head_len` bytes. Hand it to [`Channel::seal_finish`].
    ///
    /// # Errors
    /// [`BeginError::NoRoom`] if the channel's share of the table of sent packets is used up,
    /// [`BeginError::TooSmall`]; nothing was begun.
    pub fn begin_finish<'b>(
        &self,
        buffer: &'b mut [u8],
        head_len: usize,
        sent: &SentPackets<'_>,
    ) -> Result<PacketBuilder<'b>, BeginError> {
        if !sent.has_room(&self.on_record) {
            return Err(BeginError::NoRoom);
        }
        let end = buffer.len().checked_sub(TAG_LEN).filter(|end| *end >= head_len);
        Ok(PacketBuilder {
            bytes: buffer,
            header_len: head_len,
            position: head_len,
            end: end.ok_or(BeginError::TooSmall)?,
            number: 0,
            kind: Kind::Data,
            path: self.paths.current(),
            chain: Chain::EMPTY,
            frame_room: MAX_FRAMES,
            receipt_room: sent.receipt_room(&self.on_record),
            is_ack_eliciting: true,
            told: None,
        })
    }

    /// Lets `seal` make FINISH of the buffer and the length of the frames in it, and records it as
    /// packet 0. `seal` answers how long it is.
    ///
    /// # Errors
    /// What `seal` says; [`None`] if there was no room to record it. Nothing is to be sent then.
    pub fn seal_finish<E>(
        &mut self,
        now: Instant,
        builder: PacketBuilder<'_>,
        sent: &mut SentPackets<'_>,
        seal: impl FnOnce(usize, &mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, Option<E>> {
        let frames_len = builder.position.saturating_sub(builder.header_len);
        let len = match seal(frames_len, builder.bytes) {
            Ok(len) => len,
            Err(error) => {
                builder.abandon(sent);
                return Err(Some(error));
            }
        };
        let packet = SentPacket::new(0, now, u16::try_from(len).unwrap_or(u16::MAX), 0);
        if !sent.push(&mut self.on_record, &mut self.in_flight, packet, builder.chain) {
            return Err(None);
        }
        self.first_number = 0;
        self.finish = Finish::Waiting;
        self.paced_until = None;
        self.flight.on_sent(now, &packet);
        self.idle.on_sent(now);
        Ok(len)
    }

    /// FINISH was sent again, as [`Permit::Finish`] asked.
    pub fn on_finish_resent(&mut self, now: Instant, sent: &mut SentPackets<'_>) {
        self.has_resent_finish = true;
        if self.finish == Finish::Owed {
            self.finish = Finish::Waiting;
        }
        if let Some(packet) = sent.first_mut(&self.in_flight)
            && packet.number == 0
        {
            packet.sent_at = now;
        }
    }

    /// A challenge arrived on `path`: the answer goes back there.
    pub fn on_path_challenge(&mut self, path: Path, data: [u8; 8]) {
        self.paths.on_challenge(path, data);
    }

    /// An answer arrived on `path`. Returns whether it proves the path and the channel moved.
    pub fn on_path_response(&mut self, now: Instant, path: Path, data: [u8; 8]) -> bool {
        let Some(before) = self.paths.on_response(path, data) else { return false };
        self.note_move(now, if path.is_same_route(&before) { Moved::Port } else { Moved::Route });
        true
    }

    /// The channel has moved to another path, or to another port of the peer's.
    fn note_move(&mut self, now: Instant, moved: Moved) {
        if moved == Moved::Nowhere {
            return;
        }
        if moved != Moved::Route {
            self.flight.on_port_change(self.next_number, now, moved == Moved::Back);
            // What is gone is looked for once the packet that showed the change was applied.
            self.loss_at = Some(now);
        } else {
            let rtt = self.config.initial_rtt;
            self.flight =
                Flight::new(&self.config, self.max_packet_len, rtt, self.next_number, now);
        }
        // What is in flight went elsewhere: an acknowledgement from here shows that it is lost.
        if !self.in_flight.is_empty() {
            self.probes_owed = self.probes_owed.max(1);
        }
        self.totals.moves = self.totals.moves.saturating_add(1);
    }

    /// A packet of `len` bytes opened that came on `path`: what it says about addresses counts
    /// before the frames in it do. A PATH_RESPONSE could else come too early for its own address.
    pub fn on_arrival(&mut self, now: Instant, path: Path, len: usize, is_highest: bool) {
        let timeout = self.pto_base();
        let at = Situation { now, next_number: self.next_number, timeout };
        let moved = self.paths.on_packet(&at, path, len, is_highest);
        self.note_move(now, moved);
    }

    /// This host's own addresses have changed; `gone`, if it is known, is one that it has no more.
    /// The peer is asked at once whether it can be heard, and hears where this host is now.
    pub fn on_network_changed(&mut self, now: Instant, gone: Option<IpAddr>) {
        if !self.paths.on_network_changed(gone) {
            return;
        }
        self.flight.on_network_changed(now);
        self.spaced_probes = None;
        if self.finish == Finish::Waiting {
            self.finish = Finish::Owed;
        } else {
            self.probes_owed = self.probes_owed.max(1);
        }
    }

    /// Does what is due at `now`. Then call [`Channel::take_settled`] until it is empty.
    pub fn on_timeout(&mut self, now: Instant, sent: &mut SentPackets<'_>) {
        self.receive_keys.on_timeout(now);
        let moved = self.paths.on_timeout(now);
        self.note_move(now, moved);
        if self.loss_at.is_some_and(|at| at <= now) {
            self.detect_lost(now, sent);
        } else if self.pto_at().is_some_and(|at| at <= now) {
            self.on_pto(now);
        }
        if let Some(probes) = self.spaced_probes.filter(|probes| probes.next_at <= now) {
            self.spaced_probes = probes.after(now);
            self.paths.on_silence();
            if self.finish == Finish::Waiting {
                self.finish = Finish::Owed;
            } else {
                self.probes_owed = self.probes_owed.max(1);
            }
        }
        if self.breaks_silence_at().is_some_and(|at| at <= now) {
            self.idle.on_keep_alive(now);
            self.probes_owed = self.probes_owed.max(1);
        }
        if self.paced_until.is_some_and(|at| at <= now) {
            self.paced_until = None;
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

    /// Copies of the receipts of a packet that a probe should repeat: one of the oldest two in
    /// flight that have any. The two probes of the first timeout repeat one each; those of later
    /// timeouts repeat the oldest, then the second, in turn, so that a packet which the peer cannot
    /// take does not stand in the way of the other. The packet itself is not given up.
    #[must_use]
    pub fn probe_receipts<'a, 's>(&self, sent: &'a SentPackets<'s>) -> Receipts<'a, 's> {
        let nth = match self.flight.pto.count() {
            0 | 1 => u32::from(MAX_PROBES.saturating_sub(self.probes_owed)),
            timeouts => timeouts & 1,
        };
        sent.receipts_of(&self.in_flight, nth)
    }

    /// Whether that packet is repeated as it was: it is the second of a first timeout. All others
    /// say what the peer can take in any case.
    #[must_use]
    pub fn probe_repeats(&self) -> bool {
        self.flight.pto.count() == 1 && self.probes_owed < MAX_PROBES && self.flight.packets() > 1
    }

    /// When to call [`Channel::on_timeout`] and then [`Channel::send_permit`].
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let path_at = self.paths.deadline(MIN_ASKING_LEN);
        let recovery_at = self.loss_at.or_else(|| self.pto_at());
        let times = [
            recovery_at,
            path_at,
            self.spaced_probes.map(|probes| probes.next_at),
            self.received.ack_at(),
            self.receive_keys.deadline(),
            self.paced_until,
            self.expires_at(),
            self.breaks_silence_at(),
        ];
        times.into_iter().flatten().min()
    }

    /// Whether nothing was heard for the idle timeout.
    #[must_use]
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires_at().is_some_and(|at| at <= now)
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

    /// Whether the peer is known to have our FINISH, or in IK to have the channel.
    #[must_use]
    pub fn is_confirmed(&self) -> bool {
        self.finish == Finish::Confirmed
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
            totals: self.totals,
            dropped: self.dropped,
            window_bytes: self.flight.congestion.window_bytes(),
            in_flight_bytes: self.flight.bytes(),
            loss_rate: self.loss_rate(),
            mtu_bytes: self.mtu_bytes(),
            min_rtt: self.flight.rtt.min(),
            smoothed_rtt: self.flight.rtt.smoothed(),
        }
    }

    fn on_pto(&mut self, now: Instant) {
        self.flight.on_pto(now);
        self.totals.probe_timeouts = self.totals.probe_timeouts.saturating_add(1);
        if matches!(self.finish, Finish::Confirmed | Finish::Unheard) {
            let in_flight = u8::try_from(self.flight.packets()).unwrap_or(MAX_PROBES);
            self.probes_owed = in_flight.clamp(1, MAX_PROBES);
        } else {
            self.finish = Finish::Owed;
            // The peer may have it, and all its answers may be lost: data asks it too.
            self.probes_owed = u8::from(self.flight.packets() > 1);
        }
        if self.flight.pto.count() > 1 {
            self.paths.on_silence();
            // The path is gone for longer than a packet or two. Probes that are spread over the
            // time to the next timeout find it sooner when it comes back.
            self.probes_owed = self.probes_owed.min(1);
            let until_next = self.pto_at().map(|at| at.since(now)).unwrap_or_default();
            self.spaced_probes = SpacedProbes::within(now, until_next);
        }
        self.is_heard = false;
    }

    /// When to probe. Packets from before a move count too: only an acknowledgement of a later one
    /// shows that they are lost, and where the table is full of them nothing else can be sent.
    fn pto_at(&self) -> Option<Instant> {
        if self.in_flight.is_empty() {
            return None;
        }
        if matches!(self.finish, Finish::Confirmed | Finish::Unheard) {
            return Some(self.flight.pto_at(self.peer_max_ack_delay));
        }
        // FINISH is acknowledged at once.
        let latest = self.flight.pto_from().after(MAX_FINISH_TIMEOUT);
        Some(self.flight.pto_at(Duration::ZERO).min(latest))
    }

    /// When to say something for no other reason than that it was silent.
    fn breaks_silence_at(&self) -> Option<Instant> {
        // What is in flight asks already.
        let lull_at = self.idle.lull_at(self.pto_base()).filter(|_| self.in_flight.is_empty());
        [lull_at, self.idle.keep_alive_at()].into_iter().flatten().min()
    }

    fn expires_at(&self) -> Option<Instant> {
        self.idle.expires_at(self.pto_base())
    }
}
