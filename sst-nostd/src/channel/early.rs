//! Ports of the peer's that packets go to before they are proved: what they are trusted with, and
//! for how long.
//!
//! A NAT that changes the peer's port has thrown away all that is on its way to the old one, and a
//! round trip spent on proof would be thrown away, too. The peer's IP address is proved, so nobody
//! else is flooded. But whoever copies the peer's packets and is faster can name a port where
//! nobody is. So trust is lent for a time: until then something that was sent there must be
//! acknowledged, or a challenge answered. A port that a NAT has given up is not heard again: if the
//! proved one is, the others were false.

use crate::time::{Duration, Instant};

/// Ports believed one after another of which none is proved. A NAT that changes its port each 50 ms
/// names four or five of them while one lost proof is repeated.
const MAX_PORTS: usize = 8;
/// Counts of ports go round.
const _: () = assert!(256 % MAX_PORTS == 0);

/// An unproved port is believed for so many probe timeouts: the challenge is sent twice.
const MAX_TIMEOUTS: u32 = 2;

/// What the channel knows when a packet arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation {
    pub(super) now: Instant,
    /// The number of the next packet to be sent.
    pub(super) next_number: u64,
    /// The probe timeout without backoff.
    pub(super) timeout: Duration,
}

/// The ports used since the last proved one. The last of them is the current port.
pub(super) struct Early {
    /// Where the peer is known to have received something.
    proved_port: u16,
    /// How many were used, and how many of them were left when a later one was proved.
    count: u8,
    left_count: u8,
    /// Each has its place in turn.
    ports: [u16; MAX_PORTS],
    /// The number of the first packet sent to each, its low bits.
    firsts: [u32; MAX_PORTS],
    ends_at: Instant,
    challenge_at: Instant,
}

impl Early {
    /// The peer is at `port`, after the proved one.
    pub(super) fn begin(at: &Situation, proved_port: u16, port: u16) -> Self {
        let mut early = Self {
            proved_port,
            count: 0,
            left_count: 0,
            ports: [0; MAX_PORTS],
            firsts: [0; MAX_PORTS],
            ends_at: at.now.after(at.timeout.saturating_mul(MAX_TIMEOUTS)),
            challenge_at: at.now,
        };
        early.go_on(at, port);
        early
    }

    /// The peer is at yet another port. False if it is not to be believed.
    pub(super) fn go_on(&mut self, at: &Situation, port: u16) -> bool {
        let unproved = self.count.wrapping_sub(self.left_count);
        if port == self.proved_port || usize::from(unproved) >= MAX_PORTS {
            return false;
        }
        let place = place(self.count);
        if let (Some(last), Some(first)) = (self.ports.get_mut(place), self.firsts.get_mut(place)) {
            (*last, *first) = (port, low_bits(at.next_number));
        }
        self.count = self.count.wrapping_add(1);
        self.challenge_at = at.now;
        true
    }

    /// The peer has packet `number`: the port that it went to is proved. True if that is the
    /// current one.
    pub(super) fn on_acked(&mut self, now: Instant, number: u64, timeout: Duration) -> bool {
        let number = low_bits(number);
        while self.left_count != self.count
            && let Some(port) = self.ports.get(place(self.left_count))
            && let Some(first) = self.firsts.get(place(self.left_count))
            && number.wrapping_sub(*first) <= u32::MAX / 2
        {
            self.proved_port = *port;
            self.left_count = self.left_count.wrapping_add(1);
            self.ends_at = now.after(timeout.saturating_mul(MAX_TIMEOUTS));
        }
        self.left_count == self.count
    }

    pub(super) const fn proved_port(&self) -> u16 {
        self.proved_port
    }

    pub(super) fn wants_challenge(&self, now: Instant) -> bool {
        self.challenge_at <= now
    }

    /// Whether the packet about to be sent holds a challenge; the next one is due after `timeout`.
    pub(super) fn take_challenge(&mut self, now: Instant, timeout: Duration) -> bool {
        let wants = self.wants_challenge(now);
        if wants {
            self.challenge_at = now.after(timeout);
        }
        wants
    }

    /// Whether the current port was not proved in time.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.ends_at <= now
    }

    pub(super) fn deadline(&self) -> Instant {
        self.ends_at.min(self.challenge_at)
    }
}

fn place(count: u8) -> usize {
    usize::from(count) % MAX_PORTS
}

/// Enough to tell the order of numbers that are less than 2^31 apart, as those in flight are.
fn low_bits(number: u64) -> u32 {
    let [a, b, c, d, ..] = number.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
