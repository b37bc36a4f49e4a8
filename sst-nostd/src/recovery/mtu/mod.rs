//! Finds the largest packet a path carries, and notices when it carries less. Source: RFC 8899.
//!
//! Sizes are UDP payload bytes. The search goes up a list of sizes that paths commonly have, then
//! narrows down between the largest that passed and the smallest that did not. No ICMP is needed.
//! It begins once something has filled half a packet: who only says little sends no probes.

mod black_hole;

use crate::time::{Duration, Instant};
use black_hole::BlackHole;

/// Every path must carry this much (RFC 9000 section 14).
pub const BASE_BYTES: usize = 1200;

/// Two packets of so many bytes, or of more, might have been one, if the path carried larger ones.
const HALF_BYTES: usize = BASE_BYTES / 2;

/// The largest UDP payload over IPv4.
pub const MAX_BYTES: usize = 65_507;

/// What paths commonly carry: the IPv6 minimum, tunnels, Ethernet under IPv6 and IPv4, jumbo
/// frames.
const COMMON_BYTES: [usize; 5] = [1280, 1400, 1452, 1472, 8952];

/// Probes of one size lost before it counts as too large (RFC 8899 section 5.1.2, MAX_PROBES).
const MAX_PROBES: u8 = 3;

/// A search is done when what is left to gain is below this, or below one part in
/// [`GAIN_DIVISOR`]: each step costs up to three packets.
const LEAST_GAIN_BYTES: usize = 20;
const GAIN_DIVISOR: usize = 64;

/// When a finished search is repeated (RFC 8899 section 5.1.1, PMTU_RAISE_TIMER).
const RAISE_TIMEOUT: Duration = Duration::from_secs(600);

/// The rest after the first black hole; it doubles with each further one, up to
/// [`RAISE_TIMEOUT`]. Short, since the first may have been plain congestion.
const BLACK_HOLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Where the search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MtuState {
    /// No packet was half full yet: nobody asks for larger ones.
    Base,
    /// Large packets vanished: resting at the base size until the instant.
    BlackHole(Instant),
    /// Done until the instant.
    SearchComplete(Instant),
    /// Probing.
    Searching,
}

/// The search on one path.
#[derive(Clone, Copy, Debug)]
pub struct Mtu {
    state: MtuState,
    ceiling: usize,
    current: usize,
    /// The smallest size known to be too large in this search; `ceiling + 1` if none.
    too_large: usize,
    probe_in_flight: Option<usize>,
    lost_probes: u8,
    black_hole: BlackHole,
    black_holes: u32,
}

impl Mtu {
    /// A path at the base size, to be searched up to `ceiling_bytes` once a packet
    /// [was sent](Self::on_packet_sent) that is half full.
    #[must_use]
    pub fn new(ceiling_bytes: usize) -> Self {
        let ceiling = ceiling_bytes.clamp(BASE_BYTES, MAX_BYTES);
        Self {
            state: MtuState::Base,
            ceiling,
            current: BASE_BYTES,
            too_large: ceiling.saturating_add(1),
            probe_in_flight: None,
            lost_probes: 0,
            black_hole: BlackHole::new(),
            black_holes: 0,
        }
    }

    /// A packet of `bytes` was sent that is no probe. The first that is half full begins the
    /// search.
    pub fn on_packet_sent(&mut self, bytes: usize) {
        if bytes >= HALF_BYTES && self.state == MtuState::Base {
            self.search();
        }
    }

    /// The size to probe at `now`, if any. Only one probe is in flight at a time; tell
    /// [`Self::on_probe_sent`] when it leaves.
    pub fn next_probe(&mut self, now: Instant) -> Option<usize> {
        match self.state {
            MtuState::BlackHole(until) | MtuState::SearchComplete(until) if now >= until => {
                self.search();
            }
            _ => {}
        }
        if self.state != MtuState::Searching || self.probe_in_flight.is_some() {
            return None;
        }
        let candidate = self.candidate();
        if candidate.is_none() {
            self.state = MtuState::SearchComplete(now.after(RAISE_TIMEOUT));
        }
        candidate
    }

    /// A probe of `bytes` was sent.
    pub fn on_probe_sent(&mut self, bytes: usize) {
        self.probe_in_flight = Some(bytes);
    }

    /// A probe of `bytes` was acknowledged: the path carries it.
    pub fn on_probe_acked(&mut self, bytes: usize) {
        self.probe_done(bytes);
        if self.state != MtuState::Searching || bytes >= self.too_large || bytes <= self.current {
            return;
        }
        self.current = bytes;
        self.lost_probes = 0;
        self.black_hole = BlackHole::new();
    }

    /// A probe of `bytes` was lost. It says nothing of congestion and must not be told to the
    /// congestion controller (RFC 8899 section 3, item 7).
    pub fn on_probe_lost(&mut self, _now: Instant, bytes: usize) {
        if self.probe_in_flight != Some(bytes) {
            return;
        }
        self.probe_done(bytes);
        if self.state != MtuState::Searching || bytes <= self.current {
            return;
        }
        self.lost_probes = self.lost_probes.saturating_add(1);
        if self.lost_probes >= MAX_PROBES {
            self.too_large = self.too_large.min(bytes);
            self.lost_probes = 0;
        }
    }

    /// A packet, not a probe, of `bytes` was acknowledged.
    pub fn on_packet_acked(&mut self, bytes: usize) {
        if bytes > BASE_BYTES {
            self.black_hole = BlackHole::new();
        }
    }

    /// A packet, not a probe, of `bytes` sent at `sent_at` was declared lost at `now`. Returns
    /// whether that makes the path a black hole: [`Self::current`] fell back to the base.
    pub fn on_packet_lost(&mut self, now: Instant, bytes: usize, sent_at: Instant) -> bool {
        if bytes <= BASE_BYTES || self.current == BASE_BYTES {
            return false;
        }
        if !self.black_hole.on_lost(now, sent_at) {
            return false;
        }
        let factor = 1u32.checked_shl(self.black_holes).unwrap_or(u32::MAX);
        let rest = BLACK_HOLE_TIMEOUT.saturating_mul(factor).min(RAISE_TIMEOUT);
        self.black_holes = self.black_holes.saturating_add(1);
        self.current = BASE_BYTES;
        self.state = MtuState::BlackHole(now.after(rest));
        self.probe_in_flight = None;
        self.black_hole = BlackHole::new();
        true
    }

    /// The peer announced that it accepts no packet above `bytes`.
    pub fn set_ceiling(&mut self, bytes: usize) {
        self.ceiling = bytes.clamp(BASE_BYTES, MAX_BYTES);
        self.current = self.current.min(self.ceiling);
        self.too_large = self.too_large.min(self.ceiling.saturating_add(1));
    }

    /// The largest packet to send.
    #[must_use]
    pub fn current(&self) -> usize {
        self.current
    }

    /// The largest packet to send after `timeouts` probe timeouts in a row. Probes are small: if
    /// large packets vanish they alone get through, and their acknowledgement shows the loss.
    #[must_use]
    pub fn current_after(&self, timeouts: u32) -> usize {
        if timeouts == 0 { self.current } else { BASE_BYTES }
    }

    /// Where the search stands.
    #[must_use]
    pub fn state(&self) -> MtuState {
        self.state
    }

    /// What was in flight went to where nobody is: of the probe in it nothing will be heard, and
    /// its size is still to be tried.
    pub fn forget_probe(&mut self) {
        self.probe_in_flight = None;
    }

    fn search(&mut self) {
        self.state = MtuState::Searching;
        self.too_large = self.ceiling.saturating_add(1);
        self.lost_probes = 0;
        self.probe_in_flight = None;
    }

    /// The next size to try: up the list, then the ceiling, then the middle of what is left.
    fn candidate(&self) -> Option<usize> {
        let possible = |bytes: &usize| *bytes > self.current && *bytes < self.too_large;
        let common = COMMON_BYTES.into_iter().find(possible);
        if common.is_some() {
            return common;
        }
        if self.too_large > self.ceiling {
            return Some(self.ceiling).filter(possible);
        }
        let gap = self.too_large.saturating_sub(self.current);
        let least = LEAST_GAIN_BYTES.max(self.current / GAIN_DIVISOR);
        // Half of at least 20 is neither end.
        (gap > least).then(|| self.current.saturating_add(gap / 2))
    }

    fn probe_done(&mut self, bytes: usize) {
        if self.probe_in_flight == Some(bytes) {
            self.probe_in_flight = None;
        }
    }
}

#[cfg(test)]
mod tests;
