//! One direction of a link: how long packets take, and what becomes of them on the way.

use core::ops::Range;
use std::vec::Vec;

use crate::recovery::ecn::Codepoint;
use crate::time::{Duration, Instant};

use super::random::Random;

/// What a link is like. Chances are in parts of a million, for each packet.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// How long a packet takes when nothing is in its way.
    pub delay: Duration,
    /// Added to the delay, at random up to this, without changing the order.
    pub jitter: Duration,
    /// Bits in a second; `None` for no limit.
    pub bits_per_second: Option<u64>,
    /// Bytes that may wait to be sent; more are dropped.
    pub queue_bytes: u64,
    /// Lost alone.
    pub loss_ppm: u32,
    /// The first of several lost in a row.
    pub burst_ppm: u32,
    /// The most lost in such a row.
    pub burst_packets: u64,
    /// Held back so that others overtake it.
    pub reorder_ppm: u32,
    /// For how long, at most.
    pub reorder_delay: Duration,
    /// Arrives twice.
    pub duplicate_ppm: u32,
    /// Arrives with a bit flipped.
    pub corrupt_ppm: u32,
    /// Marked as having met congestion, if it may be marked.
    pub ce_ppm: u32,
    /// Queue above which every packet that may be marked is; `None` marks none.
    pub ce_queue_bytes: Option<u64>,
    /// Marks are wiped off.
    pub bleaches_ecn: bool,
    /// The largest UDP payload that passes.
    pub mtu_bytes: usize,
    /// When nothing passes.
    pub blackouts: Vec<Range<Instant>>,
    /// Which packets, counted from 0, are lost for sure.
    pub drops: Vec<u64>,
}

impl LinkConfig {
    /// A link without faults or limits.
    #[must_use]
    pub fn clean(delay: Duration) -> Self {
        Self {
            delay,
            jitter: Duration::ZERO,
            bits_per_second: None,
            queue_bytes: u64::MAX,
            loss_ppm: 0,
            burst_ppm: 0,
            burst_packets: 1,
            reorder_ppm: 0,
            reorder_delay: Duration::ZERO,
            duplicate_ppm: 0,
            corrupt_ppm: 0,
            ce_ppm: 0,
            ce_queue_bytes: None,
            bleaches_ecn: false,
            mtu_bytes: 65_507,
            blackouts: Vec::new(),
            drops: Vec::new(),
        }
    }

    /// A link of limited speed, with a queue of so many full packets before it.
    #[must_use]
    pub fn limited(delay: Duration, bits_per_second: u64, queue_packets: u64) -> Self {
        Self {
            bits_per_second: Some(bits_per_second),
            queue_bytes: queue_packets * 1500,
            mtu_bytes: 1472,
            ..Self::clean(delay)
        }
    }
}

/// A packet that comes out at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) ecn: Codepoint,
    /// The bit that is flipped, if any.
    pub(super) flipped_bit: Option<u64>,
}

/// What a link has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkStats {
    /// Packets put in.
    pub packets: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packets that did not come out.
    pub dropped_packets: u64,
}

/// Bytes of headers that share the link with each UDP payload: IPv4 and UDP.
const HEADER_BYTES: u64 = 28;

/// One direction of a link.
#[derive(Clone, Debug)]
pub struct Link {
    /// What it is like; may be changed at any time.
    pub config: LinkConfig,
    /// What it has carried.
    pub stats: LinkStats,
    busy_until: Instant,
    last_arrival: Instant,
    burst_left: u64,
}

impl Link {
    /// A link that has carried nothing.
    #[must_use]
    pub fn new(config: LinkConfig) -> Self {
        Self {
            config,
            stats: LinkStats::default(),
            busy_until: Instant::ZERO,
            last_arrival: Instant::ZERO,
            burst_left: 0,
        }
    }

    /// Puts a packet in; tells what comes out, and when.
    pub(super) fn carry(
        &mut self,
        now: Instant,
        len: usize,
        ecn: Codepoint,
        random: &mut Random,
    ) -> [Option<Arrival>; 2] {
        let number = self.stats.packets;
        self.stats.packets += 1;
        self.stats.bytes += len as u64;
        let waiting_bytes = self.waiting_bytes(now);
        let is_lost = self.is_lost(now, number, len, random);
        if is_lost || waiting_bytes > self.config.queue_bytes {
            self.stats.dropped_packets += 1;
            return [None, None];
        }
        let ecn = self.mark(ecn, waiting_bytes, random);
        let sent_at = self.transmit(now, len);
        let first = Some(self.arrive(sent_at, len, ecn, random));
        let is_doubled = random.chance(self.config.duplicate_ppm);
        let second = is_doubled.then(|| self.arrive(sent_at, len, ecn, random));
        [first, second]
    }

    fn is_lost(&mut self, now: Instant, number: u64, len: usize, random: &mut Random) -> bool {
        let config = &self.config;
        if random.chance(config.burst_ppm) {
            self.burst_left = random.within(1, config.burst_packets);
        }
        if self.burst_left > 0 {
            self.burst_left -= 1;
            return true;
        }
        random.chance(config.loss_ppm)
            || len > config.mtu_bytes
            || config.drops.contains(&number)
            || config.blackouts.iter().any(|dark| dark.contains(&now))
    }

    /// Bytes that are not on the wire yet.
    fn waiting_bytes(&self, now: Instant) -> u64 {
        let Some(rate) = self.config.bits_per_second else { return 0 };
        let micros = self.busy_until.since(now).as_micros() as u64;
        micros.saturating_mul(rate) / 8_000_000
    }

    /// When the last bit of the packet is on the wire.
    fn transmit(&mut self, now: Instant, len: usize) -> Instant {
        let Some(rate) = self.config.bits_per_second else { return now };
        let bits = (len as u64 + HEADER_BYTES) * 8;
        let takes = Duration::from_micros((bits * 1_000_000).div_ceil(rate.max(1)));
        self.busy_until = self.busy_until.max(now).after(takes);
        self.busy_until
    }

    fn mark(&self, ecn: Codepoint, waiting_bytes: u64, random: &mut Random) -> Codepoint {
        if self.config.bleaches_ecn {
            return Codepoint::NotEct;
        }
        let is_long = self.config.ce_queue_bytes.is_some_and(|limit| waiting_bytes > limit);
        let meets_congestion = is_long || random.chance(self.config.ce_ppm);
        if meets_congestion && ecn != Codepoint::NotEct { Codepoint::Ce } else { ecn }
    }

    fn arrive(
        &mut self,
        sent_at: Instant,
        len: usize,
        ecn: Codepoint,
        random: &mut Random,
    ) -> Arrival {
        let config = &self.config;
        let jitter = random.below(config.jitter.as_micros() as u64 + 1);
        let at = sent_at.after(config.delay).after(Duration::from_micros(jitter));
        let mut at = at.max(self.last_arrival);
        if random.chance(config.reorder_ppm) {
            let late = random.below(config.reorder_delay.as_micros() as u64 + 1);
            at = at.after(Duration::from_micros(late));
        } else {
            self.last_arrival = at;
        }
        let is_flipped = random.chance(config.corrupt_ppm);
        let flipped_bit = is_flipped.then(|| random.below(len as u64 * 8));
        Arrival { at, ecn, flipped_bit }
    }
}
