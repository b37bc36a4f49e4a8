//! Dialling with IK: a first packet that anyone may repeat (docs/PROTOCOL.md sections 5.7, 13.12).

use super::raw_peer::{RawPeer, payload};
use super::rules_tests::{TestHost, at, dial, events, hand, host, host_with, next, pass};
use super::*;
use crate::channel::Dropped;
use crate::noise::Pattern;
use crate::session::{SessionEvent, SessionState};
use crate::stream::Open;
use crate::wire::{CloseCause, CloseFrame, Frame, Parameters, TransportCode};

fn dial_replayable(from: &mut TestHost, to: &TestHost) -> SessionHandle {
    let dial = Dial::new(rules_tests::path(1), Some(to.id()));
    from.connect_replayable(at(0), dial, b"").unwrap()
}

// Spec: R-5.2-3, R-5.2-4, R-5.7-9, R-5.7-8.
#[test]
fn a_session_begins_with_the_first_sealed_packet() {
    let (mut one, mut two) = (host(1), host(2));
    let nobody = Dial::new(rules_tests::path(1), None);
    assert_eq!(one.connect_replayable(at(0), nobody, b""), Err(ConnectError::Parameters));
    let session = dial_replayable(&mut one, &two);
    assert_eq!(pass(&mut one, &mut two, at(0))[2], 3, "IK");
    pass(&mut two, &mut one, at(0));
    assert!(matches!(events(&mut one)[..], [Event::Session(_, SessionEvent::Ready)]));
    assert_eq!((two.stats().sessions, two.stats().half_open), (0, 1));
    assert!(events(&mut two).is_empty() && next(&mut two, at(0)).is_none());
    // It has nothing to say, and says so.
    let first = pass(&mut one, &mut two, at(0));
    assert!(first[0] & 0x80 == 0 && next(&mut one, at(0)).is_none());
    let [Event::Session(other, SessionEvent::Incoming)] = events(&mut two)[..] else { panic!() };
    assert_eq!((two.stats().sessions, two.stats().half_open), (1, 0));
    let hash = |host: &TestHost, session| host.session_info(session).unwrap().handshake_hash;
    assert_eq!(hash(&one, session), hash(&two, other));
    let root = two.root(other).unwrap();
    let stream = two.open_substream(at(0), root, Open::default()).unwrap();
    two.write_record(at(0), stream, b"an answer").unwrap();
    pass(&mut two, &mut one, at(0));
    let root = one.root(session).unwrap();
    assert!(one.accept_substream(at(0), root).is_some());
    one.handle_timeout(at(11_000));
    assert_eq!(one.session_info(session).unwrap().state, SessionState::Ready, "it is confirmed");
}

// Spec: R-5.7-9, R-5.10-2.
#[test]
fn the_first_sealed_packet_comes_again_until_the_peer_is_heard_and_then_no_more() {
    let (mut one, mut two) = (host(1), host(2));
    let session = dial_replayable(&mut one, &two);
    pass(&mut one, &mut two, at(0));
    pass(&mut two, &mut one, at(0));
    let mut sent = 0;
    for millis in (0..10_000).step_by(10) {
        one.handle_timeout(at(millis));
        while next(&mut one, at(millis)).is_some() {
            sent += 1;
        }
    }
    assert!((4..40).contains(&sent), "{sent}");
    assert_eq!(one.session_info(session).unwrap().state, SessionState::Ready);
    one.handle_timeout(at(10_000));
    assert_eq!(one.session_info(session).unwrap().state, SessionState::Closed);
}

// Spec: R-5.6-6, R-13.12-2, R-13.17-1.
#[test]
fn a_recorded_dial_is_answered_and_does_nothing() {
    let (mut one, mut two) = (host(1), host(2));
    dial_replayable(&mut one, &two);
    let init = pass(&mut one, &mut two, at(0));
    pass(&mut two, &mut one, at(0));
    let first = pass(&mut one, &mut two, at(0));
    let [Event::Session(other, SessionEvent::Incoming)] = events(&mut two)[..] else { panic!() };
    while next(&mut two, at(0)).is_some() {}
    let before = two.session_info(other).unwrap().handshake_hash;
    // The one who recorded it has neither the keys nor the names of what it starts.
    hand(&mut two, at(100), 666, &init).unwrap();
    let reply = next(&mut two, at(100)).unwrap();
    assert!(reply.len() < init.len() && next(&mut two, at(100)).is_none());
    assert!(hand(&mut two, at(100), 666, &first).is_err());
    assert!(events(&mut two).is_empty());
    assert_eq!((two.stats().sessions, two.stats().half_open), (1, 1));
    assert_eq!(two.session_info(other).unwrap().handshake_hash, before);
    two.handle_timeout(at(10_100));
    assert_eq!(two.stats().half_open, 0);
}

/// A host that answered a peer that dials with IK.
fn answered() -> (TestHost, RawPeer) {
    let mut host = host(1);
    let mut peer = RawPeer::new(2, host.id(), Pattern::Ik, &Parameters::default());
    hand(&mut host, at(0), 5, &peer.init()).unwrap();
    let reply = next(&mut host, at(0)).unwrap();
    assert!(peer.finish(&reply, b"").is_empty());
    (host, peer)
}

// Spec: R-5.7-9, R-6.3-4.
#[test]
fn junk_for_a_negotiation_changes_nothing() {
    let (mut host, mut peer) = answered();
    let good = peer.seal(&payload(&[Frame::Ping]));
    for place in 6..good.len() {
        let mut packet = good.clone();
        packet[place] ^= 1;
        let result = hand(&mut host, at(0), 5, &packet);
        assert_eq!(result, Err(Ignored::Channel(Dropped::Unauthentic)), "{place}");
    }
    assert_eq!((host.stats().sessions, host.stats().half_open), (0, 1));
    hand(&mut host, at(0), 5, &good).unwrap();
    assert_eq!((host.stats().sessions, host.stats().half_open), (1, 0));
    let duplicate = Err(Ignored::Channel(Dropped::Duplicate));
    assert_eq!(hand(&mut host, at(0), 5, &good), duplicate);
}

// Spec: R-5.7-12.
#[test]
fn a_first_packet_that_closes_makes_no_session() {
    let (mut host, mut peer) = answered();
    let cause = CloseCause::Transport(TransportCode::PARAMETERS);
    let close = Frame::Close(CloseFrame { cause, reason: "" });
    let packet = peer.seal(&payload(&[Frame::Ping, close]));
    hand(&mut host, at(0), 5, &packet).unwrap();
    assert_eq!((host.stats().sessions, host.stats().half_open), (0, 0));
    assert!(events(&mut host).is_empty());
}

// Spec: R-5.9-10.
#[test]
fn a_full_host_says_so_once_the_peer_is_proved() {
    let mut full = host_with(1, Config::new([1; 32]), &Limits::of(1, 64, 1 << 20));
    let other = host(9);
    dial(&mut full, &other, at(0));
    next(&mut full, at(0)).unwrap();
    let mut peer = RawPeer::new(2, full.id(), Pattern::Ik, &Parameters::default());
    hand(&mut full, at(0), 5, &peer.init()).unwrap();
    let reply = next(&mut full, at(0)).unwrap();
    peer.finish(&reply, b"");
    let first = peer.seal(&payload(&[Frame::Ping]));
    assert_eq!(hand(&mut full, at(0), 5, &first), Err(Ignored::NoCapacity));
    let body = peer.open(&next(&mut full, at(0)).unwrap());
    let cause = CloseCause::Transport(TransportCode::NO_CAPACITY);
    let close = CloseFrame { cause, reason: "" };
    assert!(crate::wire::Frames::new(&body).any(|frame| frame == Ok(Frame::Close(close))));
    let again = peer.seal(&payload(&[Frame::Ping]));
    assert_eq!(hand(&mut full, at(0), 5, &again), Err(Ignored::UnknownChannel));
    assert!(next(&mut full, at(0)).is_none());
}

/// A host that takes early data, and the first packet of a dial to it that has some.
fn eager(takes: bool) -> (TestHost, TestHost, std::vec::Vec<u8>) {
    let mut one = host(1);
    let mut config = Config::new([2; 32]);
    config.takes_replayable = takes;
    let two = host_with(2, config, &Limits::of(4, 64, 1 << 20));
    let dial = Dial::new(rules_tests::path(1), Some(two.id()));
    one.connect_replayable(at(0), dial, b"what time is it?").unwrap();
    let init = next(&mut one, at(0)).unwrap();
    assert_eq!(init.len(), 512, "as long as any other");
    (one, two, init)
}

// Spec: R-5.7-10, R-5.7-13, R-5.6-6, R-13.12-2.
#[test]
fn early_data_are_handed_over_once_as_what_they_are() {
    let (mut one, mut two, init) = eager(true);
    hand(&mut two, at(0), 1, &init).unwrap();
    let early = two.poll_replayable().expect("early data");
    assert_eq!((early.peer, early.bytes()), (one.id(), &b"what time is it?"[..]));
    assert!(events(&mut two).is_empty(), "no session, no stream, no datagram");
    assert_eq!(two.stats().sessions, 0);
    hand(&mut two, at(10), 1, &init).unwrap();
    assert_eq!(two.poll_replayable(), None, "once for each negotiation");
    // The session that follows has nothing of it.
    pass(&mut two, &mut one, at(10));
    pass(&mut one, &mut two, at(10));
    let [Event::Session(session, SessionEvent::Incoming)] = events(&mut two)[..] else { panic!() };
    let root = two.root(session).unwrap();
    assert!(two.accept_substream(at(10), root).is_none());
    assert_eq!(two.recv_datagram(at(10), root, &mut [0; 64]), Ok(None));
    // A replay is what the name says: it is heard, and the session stays.
    hand(&mut two, at(20), 666, &init).unwrap();
    let replay = two.poll_replayable().expect("heard again");
    assert_eq!((replay.peer, replay.path), (one.id(), rules_tests::path(666)));
    assert!(events(&mut two).is_empty());
    assert_eq!(two.stats().sessions, 1);
}

// Spec: R-5.7-10, R-5.7-13.
#[test]
fn who_did_not_ask_for_early_data_gets_none_and_the_session_all_the_same() {
    let (mut one, mut two, init) = eager(false);
    hand(&mut two, at(0), 1, &init).unwrap();
    assert_eq!(two.poll_replayable(), None);
    pass(&mut two, &mut one, at(0));
    pass(&mut one, &mut two, at(0));
    assert!(matches!(events(&mut two)[..], [Event::Session(_, SessionEvent::Incoming)]));
}

// Spec: R-5.7-13.
#[test]
fn early_data_are_short_and_go_with_their_negotiation() {
    let (mut one, mut two, init) = eager(true);
    let dial = Dial::new(rules_tests::path(1), Some(host(7).id()));
    let long = one.connect_replayable(at(0), dial, &[0; 193]);
    assert_eq!(long, Err(ConnectError::Parameters));
    assert!(one.connect_replayable(at(0), dial, &[0; 192]).is_ok());
    assert_eq!(next(&mut one, at(0)).unwrap().len(), 512);
    hand(&mut two, at(0), 1, &init).unwrap();
    two.handle_timeout(at(10_000));
    assert_eq!(two.poll_replayable(), None, "it is forgotten");
}
