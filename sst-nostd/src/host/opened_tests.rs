//! What a host makes of packets that open: the rules of docs/PROTOCOL.md for frames in a packet,
//! for FINISH, and for what ends a session.

use std::vec;
use std::vec::Vec;

use super::raw_peer::{RawPeer, payload};
use super::rules_tests::{TestHost, at, dial, events, hand, host, host_with, joined, next, pass};
use super::*;
use crate::id::StreamId;
use crate::noise::Pattern;
use crate::session::{ClosedBy, SessionEvent, SessionState};
use crate::stream::Open;
use crate::time::Duration;
use crate::wire::{
    Attributes, CloseCause, CloseFrame, Frame, Frames, MAX_FRAMES, Open as WireOpen, Parameters,
    StreamFrame, TransportCode,
};

/// The peer's streams are of side 0 or 1, as the identities have it.
fn id_of(peer: &RawPeer, host: &TestHost, counter: u64) -> StreamId {
    StreamId::new(counter, crate::id::Side::of(&peer.id(), &host.id(), true)).unwrap()
}

fn opening(id: StreamId, data: &'static [u8]) -> Frame<'static> {
    let open =
        WireOpen { parent: StreamId::ROOT, attributes: Attributes::default(), priority: None };
    Frame::Stream(StreamFrame { id, offset: 0, data, mark: false, fin: true, open: Some(open) })
}

fn close(code: u64) -> Frame<'static> {
    Frame::Close(CloseFrame { cause: CloseCause::Application(code), reason: "" })
}

/// A host and a peer that has its REPLY.
fn answered(offer: &Parameters) -> (TestHost, RawPeer, Vec<u8>) {
    let mut host = host(1);
    let mut peer = RawPeer::new(2, host.id(), Pattern::Xk, offer);
    hand(&mut host, at(0), 5, &peer.init()).unwrap();
    let reply = next(&mut host, at(0)).unwrap();
    (host, peer, reply)
}

/// A host with a session of a peer that seals what it likes.
fn met() -> (TestHost, RawPeer, SessionHandle) {
    let (mut host, mut peer, reply) = answered(&Parameters::default());
    let finish = peer.finish(&reply, b"");
    hand(&mut host, at(0), 5, &finish).unwrap();
    let [Event::Session(session, SessionEvent::Incoming)] = events(&mut host)[..] else { panic!() };
    while next(&mut host, at(0)).is_some() {}
    (host, peer, session)
}

fn tell(host: &mut TestHost, peer: &mut RawPeer, frames: &[Frame<'_>]) {
    let packet = peer.seal(&payload(frames));
    hand(host, at(10), 5, &packet).unwrap();
}

/// The CLOSE that the host sends next, which must be its only frame beside ACK.
fn said_close(host: &mut TestHost, peer: &RawPeer) -> CloseCause {
    let body = peer.open(&next(host, at(10)).expect("a packet"));
    let last = Frames::new(&body).last().unwrap().unwrap();
    let Frame::Close(close) = last else { panic!("{last:?}") };
    close.cause
}

// Spec: R-4.3-6, R-6.12-4.
#[test]
fn an_empty_packet_is_a_violation() {
    let (mut host, mut peer, session) = met();
    tell(&mut host, &mut peer, &[]);
    let code = CloseCause::Transport(TransportCode::PROTOCOL);
    assert_eq!(said_close(&mut host, &peer), code);
    assert_eq!(host.close_reason(session).unwrap().by, ClosedBy::Local);
}

// Spec: R-10.1-1, R-10.1-2, R-6.12-4.
#[test]
fn a_malformed_packet_changes_nothing_but_the_end() {
    let (mut host, mut peer, session) = met();
    let root = host.root(session).unwrap();
    let good = payload(&[opening(id_of(&peer, &host, 1), b"heard?")]);
    let packet = peer.seal(&[&good[..], &[0xff]].concat());
    hand(&mut host, at(10), 5, &packet).unwrap();
    assert!(host.accept_substream(at(10), root).is_none(), "no frame took effect");
    let code = CloseCause::Transport(TransportCode::FRAME_ENCODING);
    assert_eq!(said_close(&mut host, &peer), code);
    assert_eq!(events(&mut host), [Event::Session(session, SessionEvent::Closed)]);
    // A host that is closing does not find fault any more.
    let packet = peer.seal(&[0xff]);
    hand(&mut host, at(11), 5, &packet).unwrap();
    assert_eq!(host.close_reason(session).unwrap().cause, code);
    assert_eq!((host.stats().breaches, events(&mut host).len()), (1, 0));
}

// Spec: R-10.1-2, R-10.1-8, R-6.12-4.
#[test]
fn a_packet_of_too_many_frames_or_acks_changes_nothing_but_the_end() {
    let ack = [2, 1, 0, 0, 0];
    let challenges = [6; 9 * MAX_FRAMES];
    for end in [&challenges[..], &[ack, ack].concat()] {
        let (mut host, mut peer, session) = met();
        let root = host.root(session).unwrap();
        let good = payload(&[opening(id_of(&peer, &host, 1), b"heard?")]);
        let packet = peer.seal(&[&good[..], end].concat());
        hand(&mut host, at(10), 5, &packet).unwrap();
        assert!(host.accept_substream(at(10), root).is_none(), "no frame took effect");
        let code = CloseCause::Transport(TransportCode::PROTOCOL);
        assert_eq!(said_close(&mut host, &peer), code);
    }
    // One frame less is as many as there may be.
    let (mut host, mut peer, session) = met();
    let root = host.root(session).unwrap();
    let good = payload(&[opening(id_of(&peer, &host, 1), b"heard?")]);
    let packet = peer.seal(&[&good[..], &challenges[9..]].concat());
    hand(&mut host, at(10), 5, &packet).unwrap();
    assert!(host.accept_substream(at(10), root).is_some());
}

// Spec: R-10.1-8.
#[test]
fn a_host_that_owes_more_frames_than_a_packet_holds_sends_more_packets() {
    let (mut host, mut peer, session) = met();
    let root = host.root(session).unwrap();
    let wanted = 40;
    host.listen(at(0), root, wanted).unwrap();
    for first in (1..=u64::from(wanted)).step_by(10) {
        let ids = (first..first + 10).map(|counter| id_of(&peer, &host, counter));
        let frames: Vec<_> = ids.map(|id| opening(id, b"")).collect();
        tell(&mut host, &mut peer, &frames);
    }
    while next(&mut host, at(10)).is_some() {}
    while let Some(stream) = host.accept_substream(at(10), root) {
        host.write(at(10), stream, b"x").unwrap();
    }
    let (mut opened, mut most) = (0, 0);
    while let Some(packet) = next(&mut host, at(10)) {
        let body = peer.open(&packet);
        let frames: Vec<_> = Frames::new(&body).map(Result::unwrap).collect();
        most = most.max(frames.len());
        opened += frames.iter().filter(|frame| matches!(frame, Frame::Stream(_))).count();
    }
    assert_eq!(opened, wanted as usize);
    assert!(most <= MAX_FRAMES && most > MAX_FRAMES / 2, "{most} frames in one packet");
}

// Spec: R-6.12-3, R-10.1-3.
#[test]
fn frames_count_in_their_order_and_none_behind_close() {
    let (mut host, mut peer, session) = met();
    let root = host.root(session).unwrap();
    let (first, second) = (id_of(&peer, &host, 1), id_of(&peer, &host, 2));
    tell(&mut host, &mut peer, &[opening(first, b"before"), close(7), opening(second, b"behind")]);
    assert_eq!(host.close_reason(session).unwrap().cause, CloseCause::Application(7));
    let told = events(&mut host);
    assert!(told.contains(&Event::Session(session, SessionEvent::Closed)), "{told:?}");
    let stream = host.accept_substream(at(10), root).expect("the one before");
    let mut buf = [0; 20];
    assert_eq!(host.read(at(10), stream, &mut buf), Ok(6));
    assert_eq!(host.read(at(10), stream, &mut buf), Ok(0), "it ended before the session did");
    assert!(host.accept_substream(at(10), root).is_none());
    assert!(next(&mut host, at(10)).is_none(), "CLOSE is not answered");
}

// Spec: R-5.7-12.
#[test]
fn a_finish_that_closes_makes_no_session() {
    let (mut host, mut peer, reply) = answered(&Parameters::default());
    let frames = [opening(id_of(&peer, &host, 1), b"x"), close(1)];
    let finish = peer.finish(&reply, &payload(&frames));
    hand(&mut host, at(0), 5, &finish).unwrap();
    assert_eq!((host.stats().sessions, host.stats().half_open), (0, 0));
    assert!(events(&mut host).is_empty() && next(&mut host, at(0)).is_none());
}

// Spec: R-6.5-1.
#[test]
fn a_finish_that_finds_no_room_closes_the_session() {
    let mut limits = Limits::of(4, 64, 1 << 20);
    limits.streams.blocks = 0;
    let mut host = host_with(1, Config::new([1; 32]), &limits);
    let mut peer = RawPeer::new(2, host.id(), Pattern::Xk, &Parameters::default());
    hand(&mut host, at(0), 5, &peer.init()).unwrap();
    let reply = next(&mut host, at(0)).unwrap();
    let frames = [opening(id_of(&peer, &host, 1), b"no room for this")];
    let finish = peer.finish(&reply, &payload(&frames));
    hand(&mut host, at(0), 5, &finish).unwrap();
    let code = CloseCause::Transport(TransportCode::NO_CAPACITY);
    assert_eq!(said_close(&mut host, &peer), code);
}

// Spec: R-4.3-7, R-5.7-4.
#[test]
fn what_overtakes_finish_is_dropped_and_not_kept() {
    let (mut host, mut peer, reply) = answered(&Parameters::default());
    let finish = peer.finish(&reply, b"");
    let early = peer.seal(&payload(&[opening(id_of(&peer, &host, 1), b"early")]));
    assert_eq!(hand(&mut host, at(0), 5, &early), Err(Ignored::UnknownChannel));
    assert!(next(&mut host, at(0)).is_none(), "no LOST for a negotiation under way");
    hand(&mut host, at(0), 5, &finish).unwrap();
    let [Event::Session(session, SessionEvent::Incoming)] = events(&mut host)[..] else { panic!() };
    let root = host.root(session).unwrap();
    assert!(host.accept_substream(at(0), root).is_none());
    hand(&mut host, at(0), 5, &early).unwrap();
    assert!(host.accept_substream(at(0), root).is_some());
}

// Spec: R-6.14-5, R-13.15-1.
#[test]
fn nobody_but_the_peer_ends_a_session() {
    // The peer gave no token, so that no LOST is right.
    let (mut host, mut peer, session) = met();
    let mut lost = vec![0xc6];
    lost.extend_from_slice(&0x7777_7777_u32.to_be_bytes());
    for byte in [0, 0xff] {
        let packet = [&lost[..], &[byte; 16]].concat();
        assert_eq!(hand(&mut host, at(10), 5, &packet), Err(Ignored::FalseLost));
    }
    let init = RawPeer::new(2, host.id(), Pattern::Xk, &Parameters::default()).init();
    let end = peer.seal(&payload(&[close(7)]));
    for place in 0..end.len() {
        let mut packet = end.clone();
        packet[place] ^= 0x10;
        assert!(hand(&mut host, at(10), 5, &packet).is_err());
    }
    for first in 0..=255 {
        let mut packet = init.clone();
        packet[0] = first;
        let _ = hand(&mut host, at(10), 5, &packet);
        if first != end[0] {
            let _ = hand(&mut host, at(10), 5, &[&[first], &end[1..]].concat());
        }
    }
    assert_eq!(host.session_info(session).unwrap().state, SessionState::Ready);
    assert!(events(&mut host).is_empty());
    hand(&mut host, at(10), 5, &end).unwrap();
    assert_eq!(host.session_info(session).unwrap().state, SessionState::Closed);
}

// Spec: R-5.6-8, R-6.10-9.
#[test]
fn the_peer_is_where_its_reply_came_from_among_the_places_asked() {
    let (mut one, mut two) = (host(1), host(2));
    let session = dial(&mut one, &two, at(0));
    one.try_also(at(0), session, rules_tests::path(4444), Duration::ZERO).unwrap();
    pass(&mut one, &mut two, at(0));
    let reply = next(&mut two, at(0)).unwrap();
    let stray = Err(Ignored::Negotiation(crate::negotiation::Dropped::OtherAddress));
    assert_eq!(hand(&mut one, at(0), 4443, &reply), stray);
    assert_eq!(hand(&mut one, at(0), 4444, &reply), stray, "no INIT went there yet");
    next(&mut one, at(0)).unwrap();
    hand(&mut one, at(0), 4444, &reply).unwrap();
    let path = one.session_info(session).unwrap().path.unwrap();
    assert_eq!(path, rules_tests::path(4444));
    let late = one.try_also(at(0), session, rules_tests::path(9), Duration::ZERO);
    assert_eq!(late, Err(TryError::NotDialling));
    let mut buffer = [0; 2000];
    assert_eq!(one.poll_transmit(at(0), &mut buffer, 1).unwrap().path, path);
}

// Spec: R-10.1-7, R-13.5-1.
#[test]
fn hosts_say_what_the_table_of_frames_has_and_never_who_they_are() {
    let (mut host, mut peer, reply) = answered(&Parameters::default());
    let init = peer.init();
    let finish = peer.finish(&reply, b"");
    hand(&mut host, at(0), 5, &finish).unwrap();
    let [Event::Session(session, SessionEvent::Incoming)] = events(&mut host)[..] else { panic!() };
    let root = host.root(session).unwrap();
    let mut seen = vec![init, reply, finish];
    for round in 0..20 {
        let stream = host.open_substream(at(round), root, Open::default()).unwrap_or(root);
        let _ = host.write_record(at(round), stream, &[7; 500]);
        host.stop(at(round), stream, crate::wire::StreamCode::application(1));
        let _ = host.request_priority(at(round), stream, 3);
        let _ = host.send_datagram(at(round), root, &[8; 40], Default::default());
        let id = id_of(&peer, &host, round + 1);
        let packet = peer.seal(&payload(&[Frame::PathChallenge([3; 8]), opening(id, b"y")]));
        let _ = hand(&mut host, at(round), 5, &packet);
        seen.push(packet);
        if let Some(stream) = host.accept_substream(at(round), root) {
            let _ = host.read(at(round), stream, &mut [0; 9]);
            host.release(at(round), stream);
        }
        host.handle_timeout(at(round));
        while let Some(packet) = next(&mut host, at(round)) {
            let body = peer.open(&packet);
            for frame in Frames::new(&body) {
                assert!(!matches!(frame, Err(_) | Ok(Frame::Close(_))), "{frame:?}");
            }
            seen.push(packet);
        }
    }
    assert!(seen.len() > 30);
    for id in [host.id(), peer.id()] {
        let text = std::string::ToString::to_string(&id);
        let hash = crate::crypto::kdf::hash(&[id.as_bytes()]);
        for secret in [&id.as_bytes()[..], text.as_bytes(), &hash] {
            for part in secret.windows(6) {
                let is_there = |packet: &Vec<u8>| packet.windows(6).any(|bytes| bytes == part);
                assert!(!seen.iter().any(is_there), "{part:x?}");
            }
        }
    }
}

// Spec: R-5.2-4, R-5.2-5, R-13.8-1.
#[test]
fn every_negotiation_has_names_and_keys_of_its_own() {
    let two = host(2);
    let mut inits: Vec<Vec<u8>> = vec![];
    for _ in 0..4 {
        let mut one =
            host_with(inits.len() as u8, Config::new([1; 32]), &Limits::of(4, 64, 1 << 20));
        dial(&mut one, &two, at(0));
        let blind = Dial::new(rules_tests::path(1), None);
        one.connect(at(0), blind).unwrap();
        for pattern in [1, 2] {
            let init = next(&mut one, at(0)).unwrap();
            assert_eq!(init[2], pattern, "XK, or XX where nobody is named; never IK");
            inits.push(init);
        }
    }
    for (index, init) in inits.iter().enumerate() {
        for other in &inits[..index] {
            assert!(init[4..8] != other[4..8] && init[10..42] != other[10..42]);
            let same = init[10..42].iter().zip(&other[10..42]).filter(|(a, b)| a == b).count();
            assert!(same < 6, "two keys have {same} bytes in common");
        }
    }
}

// Spec: R-9.3-3.
#[test]
fn a_graceful_close_does_not_wait_for_ever() {
    let (mut one, mut two, session, other, _) = joined();
    let root = one.root(session).unwrap();
    let stream = one.open_substream(at(10), root, Open::default()).unwrap();
    // More than the peer, which does not read, gives credit for.
    while one.write(at(10), stream, &[1; 4096]).is_ok_and(|len| len > 0) {}
    one.close(at(10), session, 7, "patience").unwrap();
    let mut now = at(10);
    let mut closed_at = None;
    for _ in 0..10_000 {
        while let Some(packet) = next(&mut one, now) {
            let _ = hand(&mut two, now, 1, &packet);
        }
        while let Some(packet) = next(&mut two, now) {
            let _ = hand(&mut one, now, 2, &packet);
        }
        if events(&mut one).contains(&Event::Session(session, SessionEvent::Closed)) {
            closed_at = Some(now);
            break;
        }
        now = now.after(Duration::from_millis(5));
        one.handle_timeout(now);
        two.handle_timeout(now);
    }
    let took = closed_at.expect("it closes").since(at(10));
    assert!((Duration::from_secs(10)..Duration::from_secs(12)).contains(&took), "{took:?}");
    while let Some(packet) = next(&mut one, now) {
        let _ = hand(&mut two, now, 1, &packet);
    }
    assert_eq!(two.close_reason(other).unwrap().cause, CloseCause::Application(7));
}

// Spec: R-9.3-4.
#[test]
fn a_host_that_goes_away_says_so() {
    for is_graceful in [true, false] {
        let (mut one, mut two, session, other, _) = joined();
        one.shut_down(at(10), session, is_graceful).unwrap();
        while let Some(packet) = next(&mut one, at(10)) {
            let _ = hand(&mut two, at(10), 1, &packet);
        }
        let reason = two.close_reason(other).unwrap();
        assert_eq!(reason.cause, CloseCause::Transport(TransportCode::SHUTDOWN));
    }
}

/// Ids that were drawn before, or are none, come again; then randomness ends.
struct BadLuck {
    ids: [u32; 6],
    used: usize,
    count: u8,
    ends_after: u8,
}

impl rand_core::TryRng for BadLuck {
    type Error = core::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, core::fmt::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, core::fmt::Error> {
        Ok(u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), core::fmt::Error> {
        if self.count >= self.ends_after {
            return Err(core::fmt::Error);
        }
        self.count += 1;
        out.fill(self.count);
        if out.len() == 4 {
            out.copy_from_slice(&self.ids[self.used].to_be_bytes());
            self.used += 1;
        }
        Ok(())
    }
}

impl rand_core::TryCryptoRng for BadLuck {}

fn unlucky(ends_after: u8) -> Host<'static, crate::crypto::RustCrypto<BadLuck>> {
    let luck = BadLuck { ids: [0, 7, 0, 7, 7, 9], used: 0, count: 0, ends_after };
    let storage = Storage::owned(&Limits::of(4, 64, 1 << 20));
    let crypto = crate::crypto::RustCrypto::new(luck);
    Host::new(Config::new([1; 32]), storage, crypto, Instant::ZERO).unwrap()
}

// Spec: R-4.2-1.
#[test]
fn a_channel_has_a_name_that_is_not_zero_and_not_another_s() {
    let mut host = unlucky(u8::MAX);
    let mut names = vec![];
    for to in [2, 3] {
        let id = Some(self::host(to).id());
        host.connect(at(0), Dial::new(rules_tests::path(1), id)).unwrap();
        let mut buffer = [0; 2000];
        host.poll_transmit(at(0), &mut buffer, 1).unwrap();
        names.push(u32::from_be_bytes(buffer[4..8].try_into().unwrap()));
    }
    assert_eq!(names, [7, 9]);
}

// Spec: R-5.2-5, R-13.3-1.
#[test]
fn without_randomness_nobody_is_dialled_and_nobody_answered() {
    // What it takes to be a host; then, one draw more each time.
    let ends = (0..u8::MAX).find(|ends| {
        let luck = BadLuck { ids: [7; 6], used: 0, count: 0, ends_after: *ends };
        let storage = Storage::owned(&Limits::of(4, 64, 1 << 20));
        let crypto = crate::crypto::RustCrypto::new(luck);
        Host::new(Config::new([1; 32]), storage, crypto, Instant::ZERO).is_ok()
    });
    let ends = ends.unwrap();
    let peer = host(2).id();
    for more in 0..3 {
        let mut host = unlucky(ends + more);
        let dial = Dial::new(rules_tests::path(1), Some(peer));
        assert_eq!(host.connect(at(0), dial), Err(ConnectError::Random), "{more}");
        let mut host = unlucky(ends + more);
        let mut init = RawPeer::new(2, host.id(), Pattern::Xk, &Parameters::default()).init();
        let path = rules_tests::path(5);
        let codepoint = crate::recovery::ecn::Codepoint::NotEct;
        assert!(host.handle_packet(at(0), path, codepoint, &mut init).is_err(), "{more}");
        assert!(host.poll_transmit(at(0), &mut [0; 2000], 1).is_none());
    }
}
