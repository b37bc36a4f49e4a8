//! Where a channel's packets go, and how a new address is proved before they go there.
//!
//! A peer whose address changes (a NAT that forgot it, say) is believed only after it has answered
//! a challenge sent to the new address (RFC 9000 section 8.2). Until then everything else keeps
//! going to the old one, and the new one is sent no more bytes than came from it. A packet raced
//! ahead by someone else thus moves nothing: the next genuine one from the old address ends the
//! test. A new port of the same address is used at once, on trust ([`Early`]). This host's own
//! address is a hint only ([`Source`]).

use core::net::IpAddr;

use crate::crypto::kdf::{equal, mac16};
use crate::path::Path;

use super::candidate::{Candidate, MAX_CHALLENGES, may_be_sent_to};
use super::early::{Early, Situation};
use super::source::Source;
use crate::time::{Duration, Instant};

/// How long no port is believed before it is proved, after one was believed that came to nothing.
/// Whoever races packets thus costs a session two probe timeouts in this time, a few percent.
const DISTRUST: Duration = Duration::from_secs(10);

/// The path in use and the one being tested.
pub(super) struct Paths {
    /// Its local address is where the peer's packets arrive.
    current: Path,
    source: Source,
    /// Known to us alone: the peer must not be able to answer a challenge that it did not get.
    secret: [u8; 16],
    /// Makes the challenges of an address differ from those before it was moved away from. It does
    /// not change with each test: packets raced from elsewhere could otherwise end the test of a
    /// genuine new address again and again, and each answer would come too late.
    moves_count: u32,
    response: Option<[u8; 8]>,
    test: Option<Test>,
    /// No port is believed before it is proved until then.
    distrusts_until: Instant,
}

/// What is being found out.
enum Test {
    /// Whether the peer is at another address.
    Address(Candidate),
    /// Whether it is at the current port.
    Port(Early),
}

/// Where the peer was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// Where it was.
    Nowhere,
    /// At another port, by the same route.
    Port,
    /// At the last port that it had proved: the ones that were used since are not its own.
    Back,
    /// At the end of another route.
    Route,
}

/// What to put into a packet about paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PathFrames {
    pub(super) challenge: Option<[u8; 8]>,
    pub(super) response: Option<[u8; 8]>,
}

impl Paths {
    /// Begins on `current`, which the negotiation has proved. `secret` is random.
    /// Packets name their local address if this host `answers`, and so must keep to it.
    pub(super) const fn new(current: Path, answers: bool, secret: [u8; 16]) -> Self {
        let source = if answers && current.local.is_some() { Source::Pinned } else { Source::Free };
        Self {
            current,
            source,
            secret,
            moves_count: 0,
            response: None,
            test: None,
            distrusts_until: Instant::ZERO,
        }
    }

    /// A packet of `len` bytes that opened arrived on `path`. Only one with the highest number so
    /// far begins or ends a test, or moves the channel: an older one may have been held back.
    pub(super) fn on_packet(
        &mut self,
        at: &Situation,
        path: Path,
        len: usize,
        is_highest: bool,
    ) -> Moved {
        let is_elsewhere = path.local.is_some() && path.local != self.current.local;
        if path.peer == self.current.peer && (!is_elsewhere || self.source.follows_peer()) {
            let is_route = is_highest && self.on_current(path, is_elsewhere);
            return if is_route { Moved::Route } else { Moved::Nowhere };
        }
        let port = path.peer.port();
        let is_port = is_highest && !is_elsewhere && self.differs_in_port(path);
        if is_port && at.now >= self.distrusts_until && self.trusts(at, port) {
            self.current.peer.set_port(port);
            self.source = self.source.on_heard();
            return Moved::Port;
        }
        self.on_other(at.now, path, len, is_highest)
    }

    fn differs_in_port(&self, path: Path) -> bool {
        let mut here = self.current.peer;
        here.set_port(path.peer.port());
        here == path.peer
    }

    /// The newest packet came from another port of the peer's address. Whether to go there at once.
    fn trusts(&mut self, at: &Situation, port: u16) -> bool {
        if let Some(Test::Port(early)) = &mut self.test {
            return early.go_on(at, port);
        }
        self.test = Some(Test::Port(Early::begin(at, self.current.peer.port(), port)));
        true
    }

    /// Goes back to the last proved port, if the current one is not, and believes none for a while.
    fn end_trust(&mut self, now: Instant) -> Moved {
        let Some(Test::Port(early)) = &self.test else { return Moved::Nowhere };
        self.current.peer.set_port(early.proved_port());
        self.test = None;
        self.distrusts_until = now.after(DISTRUST);
        Moved::Back
    }

    /// The peer has packet `number`, the newest that it says so of, which went to the address that
    /// was current then.
    pub(super) fn on_acked(&mut self, now: Instant, number: u64, timeout: Duration) {
        if let Some(Test::Port(early)) = &mut self.test
            && early.on_acked(now, number, timeout)
        {
            self.on_port_proved();
        }
    }

    fn on_port_proved(&mut self) {
        self.moves_count = self.moves_count.wrapping_add(1);
        self.test = None;
    }

    /// The newest packet came from the peer's current address. True if it came to another one of
    /// this host's than those before.
    fn on_current(&mut self, path: Path, is_elsewhere: bool) -> bool {
        if self.candidate().is_some() {
            self.test = None;
        }
        self.source = self.source.on_heard();
        let was_known = self.current.local.is_some();
        if is_elsewhere {
            self.current.local = path.local;
        }
        is_elsewhere && was_known
    }

    /// A packet came from an address that is not used before it is proved.
    fn on_other(&mut self, now: Instant, path: Path, len: usize, is_highest: bool) -> Moved {
        let len = u32::try_from(len).unwrap_or(u32::MAX);
        if let Some(candidate) = self.candidate_at(path) {
            candidate.received_bytes = candidate.received_bytes.saturating_add(len);
            return Moved::Nowhere;
        }
        if !is_highest || !may_be_sent_to(path.peer.ip(), self.current.peer.ip()) {
            return Moved::Nowhere;
        }
        let moved = self.end_trust(now);
        if self.is_current(path) {
            return moved;
        }
        self.test = Some(Test::Address(Candidate {
            path,
            received_bytes: len,
            sent_bytes: 0,
            challenges_count: 0,
            challenge_at: now,
            response: None,
            owes_ack: false,
        }));
        moved
    }

    fn candidate_at(&mut self, path: Path) -> Option<&mut Candidate> {
        match &mut self.test {
            Some(Test::Address(candidate)) if candidate.path == path => Some(candidate),
            _ => None,
        }
    }

    /// The peer tests `path`. Only the newest challenge of a path is answered.
    pub(super) fn on_challenge(&mut self, path: Path, data: [u8; 8]) {
        if self.is_current(path) {
            self.response = Some(data);
        } else if let Some(candidate) = self.candidate_at(path) {
            candidate.response = Some(data);
        }
    }

    /// The peer answered a challenge on `path`. If it was ours for that path, and that is the one
    /// under test, it is now the current one; the one before is returned.
    pub(super) fn on_response(&mut self, path: Path, data: [u8; 8]) -> Option<Path> {
        // A packet may hold many, and each costs a hash to look at.
        if self.test.is_none() || !equal(&self.challenge(self.known(&path)), &data) {
            return None;
        }
        match self.test.take() {
            Some(Test::Address(candidate)) if candidate.path == path => {
                self.moves_count = self.moves_count.wrapping_add(1);
                self.response = candidate.response;
                self.source = self.source.on_heard();
                Some(core::mem::replace(&mut self.current, candidate.path))
            }
            Some(Test::Port(_)) if self.is_current(path) => {
                self.on_port_proved();
                None
            }
            test => {
                self.test = test;
                None
            }
        }
    }

    /// Another probe goes out into silence.
    pub(super) fn on_silence(&mut self) {
        self.source = self.source.on_silence();
    }

    /// This host's addresses have changed; `gone`, if it is known, is one that it has no more.
    /// False if the path does not depend on that one.
    pub(super) fn on_network_changed(&mut self, gone: Option<IpAddr>) -> bool {
        if gone.is_some() && gone != self.current.local {
            return false;
        }
        self.source = self.source.on_change(gone.is_some());
        true
    }

    /// Gives up a candidate that has not answered its last challenge, and ports that nothing is
    /// heard of from the peer.
    pub(super) fn on_timeout(&mut self, now: Instant) -> Moved {
        match &self.test {
            Some(Test::Address(candidate)) if candidate.is_over(now) => self.test = None,
            Some(Test::Port(early)) if early.is_over(now) => return self.end_trust(now),
            _ => {}
        }
        Moved::Nowhere
    }

    /// The path that has something to be sent about it, and the most bytes that may go there.
    pub(super) fn wants_packet(&self, now: Instant, min_len: usize) -> Option<(Path, usize)> {
        let mut is_asking = false;
        match &self.test {
            Some(Test::Address(candidate)) if candidate.wants_packet(now, min_len) => {
                return Some((candidate.path, candidate.share(now, min_len)));
            }
            Some(Test::Port(early)) => is_asking = early.wants_challenge(now),
            _ => {}
        }
        (is_asking || self.response.is_some()).then(|| (self.current(), usize::MAX))
    }

    /// Takes what is to be said on `path`. A challenge is repeated after `timeout`.
    pub(super) fn take_frames(
        &mut self,
        now: Instant,
        path: Path,
        timeout: Duration,
    ) -> PathFrames {
        let challenge = self.challenge(self.known(&path));
        if self.is_current(path) {
            let response = self.response.take();
            let wants = match &mut self.test {
                Some(Test::Port(early)) => early.take_challenge(now, timeout),
                _ => false,
            };
            return PathFrames { challenge: wants.then_some(challenge), response };
        }
        let Some(candidate) = self.candidate_at(path) else { return PathFrames::default() };
        let wants = candidate.wants_challenge(now);
        if wants {
            let backoff = 1u32.checked_shl(u32::from(candidate.challenges_count)).unwrap_or(1);
            candidate.challenge_at = now.after(timeout.saturating_mul(backoff));
            candidate.challenges_count = candidate.challenges_count.saturating_add(1);
        }
        PathFrames { challenge: wants.then_some(challenge), response: candidate.response.take() }
    }

    /// A packet of `len` bytes was sent on `path`, with an acknowledgement or without.
    pub(super) fn on_sent(&mut self, path: Path, len: usize, has_ack: bool) {
        if let Some(Test::Address(candidate)) = &mut self.test {
            if candidate.path == path {
                let len = u32::try_from(len).unwrap_or(u32::MAX);
                candidate.sent_bytes = candidate.sent_bytes.saturating_add(len);
                candidate.owes_ack &= !has_ack;
            } else {
                candidate.owes_ack |= has_ack;
            }
        }
    }

    /// Where packets go, and what local address they name.
    pub(super) const fn current(&self) -> Path {
        let local = if self.source.is_named() { self.current.local } else { None };
        Path { local, peer: self.current.peer }
    }

    /// Whether packets on `path` are from the peer's address, to the one of this host's that it
    /// sends to; or, of this host's own packets, whether they go that way.
    fn is_current(&self, path: Path) -> bool {
        path.peer == self.current.peer && (path.local.is_none() || path.local == self.current.local)
    }

    /// The path under test.
    pub(super) fn candidate(&self) -> Option<Path> {
        match &self.test {
            Some(Test::Address(candidate)) => Some(candidate.path),
            _ => None,
        }
    }

    /// When to repeat a challenge or give up. A challenge that waits for bytes to be allowed has no
    /// deadline: a packet must arrive first.
    pub(super) fn deadline(&self, min_len: usize) -> Option<Instant> {
        match self.test.as_ref()? {
            Test::Address(candidate) => {
                let is_last = candidate.challenges_count >= MAX_CHALLENGES;
                (is_last || candidate.budget() >= min_len).then_some(candidate.challenge_at)
            }
            Test::Port(early) => Some(early.deadline()),
        }
    }

    /// The path in use goes by all that is known of it, whether packets name their local address or
    /// not: an answer names it that came to a host which leaves it to its system.
    fn known<'p>(&'p self, path: &'p Path) -> &'p Path {
        if self.is_current(*path) { &self.current } else { path }
    }

    fn challenge(&self, path: &Path) -> [u8; 8] {
        let count = self.moves_count.to_be_bytes();
        let (peer, port) = (address_bytes(path.peer.ip()), path.peer.port().to_be_bytes());
        let local = path.local.map_or([0; 16], address_bytes);
        let [a, b, c, d, e, f, g, h, ..] = mac16(&self.secret, &[&count, &peer, &port, &local]);
        [a, b, c, d, e, f, g, h]
    }
}

fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
#[path = "paths_tests.rs"]
mod tests;
