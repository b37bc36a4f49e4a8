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

use super::early::{Early, Situation};
use super::source::Source;
use crate::time::{Duration, Instant};

/// Times a challenge is sent before the new address is given up.
const MAX_CHALLENGES: u8 = 4;

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

struct Candidate {
    path: Path,
    received_bytes: u32,
    sent_bytes: u32,
    challenges_count: u8,
    challenge_at: Instant,
    response: Option<[u8; 8]>,
    /// What the current address was told, this one should be told, too: the peer may be here.
    owes_ack: bool,
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

impl Candidate {
    fn wants_packet(&self, now: Instant, min_len: usize) -> bool {
        let has_something = self.response.is_some() || self.owes_ack || self.wants_challenge(now);
        has_something && self.budget() >= min_len
    }

    /// Whether it has not answered its last challenge.
    fn is_over(&self, now: Instant) -> bool {
        self.challenges_count >= MAX_CHALLENGES && self.challenge_at <= now
    }

    fn wants_challenge(&self, now: Instant) -> bool {
        self.challenges_count < MAX_CHALLENGES && self.challenge_at <= now
    }

    /// What the next packet may have of the budget. A challenge is padded to all that it may have,
    /// so it leaves as much to each of those that may have to follow.
    fn share(&self, now: Instant, min_len: usize) -> usize {
        let left = usize::from(MAX_CHALLENGES.saturating_sub(self.challenges_count)).max(1);
        let parts = if self.wants_challenge(now) { left } else { 1 };
        self.budget().checked_div(parts).unwrap_or(0).max(min_len)
    }

    fn budget(&self) -> usize {
        let budget = self.received_bytes.saturating_sub(self.sent_bytes);
        usize::try_from(budget).unwrap_or(usize::MAX)
    }
}

/// Whether an address may be tried. Nobody may lead us to send to groups, to nobody, or to
/// ourselves; unless the peer was on this machine all along.
fn may_be_sent_to(address: IpAddr, current: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    let is_strange_loopback = address.is_loopback() && !current.is_loopback();
    !(address.is_multicast() || address.is_unspecified() || is_broadcast || is_strange_loopback)
}

fn address_bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;

    const MIN: usize = 33;
    const WAIT: Duration = Duration::from_millis(100);

    /// The way to another address for each `last`, its last byte.
    fn path(last: u8) -> Path {
        Path { local: None, peer: SocketAddr::from(([192, 0, 2, last], 8661)) }
    }

    /// The way to another port of the first address.
    fn port(port: u16) -> Path {
        Path { local: None, peer: SocketAddr::from(([192, 0, 2, 1], port)) }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    fn now(millis: u64) -> Situation {
        Situation { now: at(millis), next_number: millis, timeout: WAIT }
    }

    fn paths() -> Paths {
        Paths::new(path(1), true, [7; 16])
    }

    // Spec: R-6.10-1, R-6.10-2, R-6.10-6.
    #[test]
    fn a_new_address_is_used_once_it_has_answered() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 40, true);
        assert_eq!(paths.wants_packet(at(0), MIN), Some((path(2), MIN)));
        let challenge = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
        paths.on_sent(path(2), 33, true);
        assert_eq!(paths.current(), path(1));
        assert_eq!(paths.on_response(path(2), [0; 8]), None);
        assert_eq!(paths.on_response(path(1), challenge), None);
        assert_eq!(paths.on_response(path(2), challenge), Some(path(1)));
        assert_eq!((paths.current(), paths.candidate()), (path(2), None));
        assert_eq!(paths.on_response(path(2), challenge), None);
    }

    // Spec: R-6.10-9.
    #[test]
    fn groups_nobody_and_ourselves_are_not_tried() {
        let mut paths = paths();
        for text in ["224.0.0.1:9", "255.255.255.255:9", "0.0.0.0:9", "127.0.0.1:9", "[::1]:9"] {
            let path = Path { local: None, peer: text.parse().unwrap() };
            paths.on_packet(&now(0), path, 1200, true);
            assert_eq!(paths.candidate(), None, "{text}");
        }
    }

    // Spec: R-6.10-3.
    #[test]
    fn no_more_goes_to_an_unproved_address_than_came_from_it() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 30, true);
        assert_eq!((paths.wants_packet(at(0), MIN), paths.deadline(MIN)), (None, None));
        paths.on_packet(&now(1), path(2), 30, false);
        assert_eq!(paths.wants_packet(at(1), MIN), Some((path(2), MIN)));
        paths.take_frames(at(1), path(2), WAIT);
        paths.on_sent(path(2), 60, true);
        assert_eq!(paths.wants_packet(at(1000), MIN), None);
    }

    // Spec: R-6.10-1.
    #[test]
    fn an_old_packet_begins_no_test_and_a_genuine_one_ends_it() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 1200, false);
        assert_eq!(paths.candidate(), None);
        paths.on_packet(&now(0), path(2), 1200, true);
        paths.on_packet(&now(0), path(1), 1200, false);
        assert_eq!(paths.candidate(), Some(path(2)));
        paths.on_packet(&now(1), path(1), 1200, true);
        assert_eq!((paths.candidate(), paths.current()), (None, path(1)));
    }

    // Spec: R-6.10-4.
    #[test]
    fn silence_is_asked_again_and_then_given_up() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 1200, true);
        let mut challenges = 0;
        for millis in 0..5000 {
            paths.on_timeout(at(millis));
            if paths.wants_packet(at(millis), MIN).is_some() {
                assert!(paths.take_frames(at(millis), path(2), WAIT).challenge.is_some());
                challenges += 1;
            }
        }
        assert_eq!((challenges, paths.candidate()), (MAX_CHALLENGES, None));
    }

    // Spec: R-6.10-3, R-6.10-4.
    #[test]
    fn a_challenge_leaves_enough_for_those_that_may_have_to_follow() {
        for received in [4 * MIN, 4 * MIN + 3, 1200] {
            let mut paths = paths();
            paths.on_packet(&now(0), path(2), received, true);
            let (mut challenges, mut sent) = (0, 0);
            for millis in 0..5000 {
                if let Some((to, len)) = paths.wants_packet(at(millis), MIN) {
                    assert!(paths.take_frames(at(millis), to, WAIT).challenge.is_some());
                    paths.on_sent(to, len, true);
                    (challenges, sent) = (challenges + 1, sent + len);
                }
            }
            assert!(challenges == MAX_CHALLENGES && sent <= received, "{challenges}, {sent}");
        }
    }

    // Spec: R-6.10-2, R-6.10-3.
    #[test]
    fn what_the_old_address_is_told_the_new_one_is_told_within_its_budget() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 4 * MIN, true);
        paths.take_frames(at(0), path(2), WAIT);
        paths.on_sent(path(2), MIN, true);
        assert_eq!(paths.wants_packet(at(1), MIN), None);
        for _ in 0..3 {
            paths.on_sent(path(1), 40, true);
            assert_eq!(paths.wants_packet(at(1), MIN).map(|(to, _)| to), Some(path(2)));
            paths.on_sent(path(2), MIN, true);
            assert_eq!(paths.wants_packet(at(1), MIN), None);
        }
        paths.on_sent(path(1), 40, true);
        assert_eq!(paths.wants_packet(at(1), MIN), None, "no more than came from there");
    }

    // Spec: R-6.10-5.
    #[test]
    fn only_the_newest_challenge_of_a_path_is_answered() {
        let mut paths = paths();
        paths.on_challenge(path(1), [1; 8]);
        paths.on_challenge(path(1), [2; 8]);
        paths.on_challenge(path(3), [3; 8]);
        assert_eq!(paths.wants_packet(at(0), MIN), Some((path(1), usize::MAX)));
        let frames = paths.take_frames(at(0), path(1), WAIT);
        assert_eq!(frames, PathFrames { challenge: None, response: Some([2; 8]) });
        assert_eq!(paths.wants_packet(at(0), MIN), None);
    }

    // Spec: R-6.10-6.
    #[test]
    fn an_answer_from_before_a_move_proves_nothing() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 1200, true);
        let first = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
        assert_eq!(paths.on_response(path(2), first), Some(path(1)));
        paths.on_packet(&now(1), path(1), 1200, true);
        let back = paths.take_frames(at(1), path(1), WAIT).challenge.unwrap();
        assert_eq!(paths.on_response(path(1), back), Some(path(2)));
        paths.on_packet(&now(2), path(2), 1200, true);
        assert_eq!(paths.on_response(path(2), first), None);
    }

    // Spec: R-6.10-4, R-6.10-6.
    #[test]
    fn a_right_answer_counts_though_the_old_address_was_heard_between() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 1200, true);
        let challenge = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
        paths.on_packet(&now(1), path(1), 1200, true);
        assert_eq!(paths.candidate(), None);
        // The packet's own address is looked at before its frames are.
        paths.on_packet(&now(2), path(2), 1200, true);
        assert_eq!(paths.on_response(path(2), challenge), Some(path(1)));
    }

    fn on(local: u8) -> Path {
        Path { local: Some([10, 0, 0, local].into()), ..path(1) }
    }

    // Spec: R-6.10-10, R-6.10-11.
    #[test]
    fn the_own_address_is_kept_while_the_peer_is_heard_there_and_follows_it() {
        let mut paths = Paths::new(on(1), true, [7; 16]);
        assert_eq!(paths.current(), on(1));
        // Another address of this host's is tested like one of the peer's, until there is silence.
        assert_eq!(paths.on_packet(&now(0), on(2), 40, true), Moved::Nowhere);
        assert_eq!((paths.current(), paths.candidate()), (on(1), Some(on(2))));
        assert_eq!(paths.on_packet(&now(0), on(1), 40, true), Moved::Nowhere);
        let mut sent = [path(1); 4];
        for place in &mut sent {
            paths.on_silence();
            *place = paths.current();
        }
        assert_eq!(sent, [path(1), on(1), path(1), on(1)]);
        let old = paths.on_packet(&now(0), on(2), 40, false);
        assert_eq!(old, Moved::Nowhere, "an old packet says nothing");
        assert_eq!(paths.on_packet(&now(0), on(2), 40, true), Moved::Route);
        assert_eq!((paths.current(), paths.candidate()), (on(2), None));
        assert!(!paths.on_network_changed(Some([10, 0, 0, 1].into())));
        assert!(paths.on_network_changed(Some([10, 0, 0, 2].into())));
        paths.on_silence();
        assert_eq!(paths.current(), path(1), "an address that is gone is not tried again");
    }

    // Spec: R-6.10-10.
    #[test]
    fn who_dialled_leaves_the_own_address_to_the_system() {
        let mut paths = Paths::new(on(1), false, [7; 16]);
        assert_eq!(paths.current(), path(1));
        assert_eq!(paths.on_packet(&now(0), on(1), 40, true), Moved::Nowhere);
        assert_eq!(paths.on_packet(&now(0), on(2), 40, true), Moved::Route);
        assert_eq!((paths.current(), paths.candidate()), (path(1), None));
    }

    #[test]
    fn raced_packets_do_not_void_the_challenge_of_a_genuine_new_address() {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), 1200, true);
        let challenge = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
        paths.on_packet(&now(1), path(9), 1200, true);
        paths.on_packet(&now(2), path(2), 1200, true);
        assert_eq!(paths.on_response(path(2), challenge), Some(path(1)));
    }

    // Spec: R-6.10-12.
    #[test]
    fn a_new_port_is_used_at_once_and_asked() {
        let mut paths = paths();
        assert_eq!(paths.on_packet(&now(0), port(5), 40, false), Moved::Nowhere);
        assert_eq!(paths.on_packet(&now(0), port(5), 40, true), Moved::Port);
        assert_eq!((paths.current(), paths.candidate()), (port(5), None));
        assert_eq!(paths.wants_packet(at(0), MIN), Some((port(5), usize::MAX)));
        let challenge = paths.take_frames(at(0), port(5), WAIT).challenge;
        assert_eq!((paths.wants_packet(at(99), MIN), paths.deadline(MIN)), (None, Some(at(100))));
        assert_eq!(paths.take_frames(at(100), port(5), WAIT).challenge, challenge);
        assert_eq!(paths.on_response(port(6), challenge.unwrap()), None);
        assert_eq!(paths.on_response(port(5), [0; 8]), None);
        assert_eq!(paths.deadline(MIN), Some(at(200)));
        assert_eq!(paths.on_response(port(5), challenge.unwrap()), None);
        assert_eq!((paths.current(), paths.deadline(MIN)), (port(5), None));
    }

    // Spec: R-6.10-10, R-6.10-12.
    #[test]
    fn a_host_that_names_no_address_of_its_own_has_ports_proved_too() {
        let from = |number| Path { peer: port(number).peer, ..on(1) };
        let mut paths = Paths::new(from(1), false, [7; 16]);
        assert_eq!(paths.on_packet(&now(0), from(5), 40, true), Moved::Port);
        assert_eq!(paths.current(), port(5), "which has no local address");
        let challenge = paths.take_frames(at(0), port(5), WAIT).challenge.unwrap();
        paths.on_response(from(5), challenge);
        assert_eq!((paths.current(), paths.deadline(MIN)), (port(5), None), "it is proved");
    }

    // Spec: R-6.10-12, R-6.10-13.
    #[test]
    fn a_port_is_proved_by_an_acknowledgement_of_what_was_sent_there() {
        let mut paths = paths();
        paths.on_packet(&now(10), port(5), 40, true);
        paths.on_acked(at(20), 9, WAIT);
        assert!(paths.deadline(MIN).is_some(), "that was sent to the port before");
        paths.on_packet(&now(60), port(6), 40, true);
        paths.on_acked(at(70), 59, WAIT);
        assert_eq!(paths.on_timeout(at(211)), Moved::Nowhere, "there is more time from then on");
        assert_eq!(paths.on_timeout(at(270)), Moved::Back);
        assert_eq!(paths.current(), port(5), "the last one that is proved");
        let mut paths = self::paths();
        paths.on_packet(&now(10), port(5), 40, true);
        paths.on_packet(&now(20), port(6), 40, true);
        paths.on_acked(at(30), 20, WAIT);
        assert_eq!((paths.current(), paths.deadline(MIN)), (port(6), None));
    }

    // Spec: R-6.10-13.
    #[test]
    fn false_ports_are_left_and_none_is_believed_for_a_while() {
        // Nothing comes of it; the proved one is heard; too many ports.
        let silence = |paths: &mut Paths| {
            assert_eq!(paths.on_timeout(at(199)), Moved::Nowhere);
            assert_eq!(paths.on_timeout(at(200)), Moved::Back);
        };
        let return_of_the_proved = |paths: &mut Paths| {
            assert_eq!(paths.on_packet(&now(200), path(1), 40, true), Moved::Back);
        };
        let crowd = |paths: &mut Paths| {
            for other in 2..9 {
                assert_eq!(paths.on_packet(&now(200), port(other), 40, true), Moved::Port);
            }
            assert_eq!(paths.on_packet(&now(200), port(9), 40, true), Moved::Back);
            assert_eq!(paths.candidate(), Some(port(9)));
        };
        let ends: [&dyn Fn(&mut Paths); 3] = [&silence, &return_of_the_proved, &crowd];
        for end in ends {
            let mut paths = paths();
            assert_eq!(paths.on_packet(&now(0), port(1), 40, true), Moved::Port);
            end(&mut paths);
            assert_eq!(paths.current(), path(1));
            for millis in [201, 10_199] {
                assert_eq!(paths.on_packet(&now(millis), port(5), 40, true), Moved::Nowhere);
                assert_eq!((paths.current(), paths.candidate()), (path(1), Some(port(5))));
            }
            assert_eq!(paths.on_packet(&now(10_200), port(5), 40, true), Moved::Port);
        }
    }

    // Spec: R-6.10-1, R-6.10-13.
    #[test]
    fn another_address_ends_the_trust_in_a_port() {
        let mut paths = paths();
        paths.on_packet(&now(0), port(5), 40, true);
        assert_eq!(paths.on_packet(&now(1), path(2), 1200, false), Moved::Nowhere);
        assert_eq!(paths.on_packet(&now(1), path(2), 1200, true), Moved::Back);
        assert_eq!((paths.current(), paths.candidate()), (path(1), Some(path(2))));
        assert_eq!(paths.on_packet(&now(2), port(5), 40, true), Moved::Nowhere);
        assert_eq!((paths.current(), paths.candidate()), (path(1), Some(port(5))));
    }
}
