//! [`Candidate`]: an address that the peer may have moved to, until it is proved or given up.

use core::net::IpAddr;

use crate::path::Path;
use crate::time::Instant;

/// Times a challenge is sent before the new address is given up.
pub(super) const MAX_CHALLENGES: u8 = 4;

pub(super) struct Candidate {
    pub(super) path: Path,
    pub(super) received_bytes: u32,
    pub(super) sent_bytes: u32,
    pub(super) challenges_count: u8,
    pub(super) challenge_at: Instant,
    pub(super) response: Option<[u8; 8]>,
    /// What the current address was told, this one should be told, too: the peer may be here.
    pub(super) owes_ack: bool,
}

impl Candidate {
    pub(super) fn wants_packet(&self, now: Instant, min_len: usize) -> bool {
        let has_something = self.response.is_some() || self.owes_ack || self.wants_challenge(now);
        has_something && self.budget() >= min_len
    }

    /// Whether it has not answered its last challenge.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.challenges_count >= MAX_CHALLENGES && self.challenge_at <= now
    }

    pub(super) fn wants_challenge(&self, now: Instant) -> bool {
        self.challenges_count < MAX_CHALLENGES && self.challenge_at <= now
    }

    /// What the next packet may have of the budget. A challenge is padded to all that it may have,
    /// so it leaves as much to each of those that may have to follow.
    pub(super) fn share(&self, now: Instant, min_len: usize) -> usize {
        let left = usize::from(MAX_CHALLENGES.saturating_sub(self.challenges_count)).max(1);
        let parts = if self.wants_challenge(now) { left } else { 1 };
        self.budget().checked_div(parts).unwrap_or(0).max(min_len)
    }

    pub(super) fn budget(&self) -> usize {
        let budget = self.received_bytes.saturating_sub(self.sent_bytes);
        usize::try_from(budget).unwrap_or(usize::MAX)
    }
}

/// Whether an address may be tried. Nobody may lead us to send to groups, to nobody, or to
/// ourselves; unless the peer was on this machine all along.
pub(super) fn may_be_sent_to(address: IpAddr, current: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    let is_strange_loopback = address.is_loopback() && !current.is_loopback();
    !(address.is_multicast() || address.is_unspecified() || is_broadcast || is_strange_loopback)
}
