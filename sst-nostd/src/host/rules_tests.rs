//! The rules of docs/PROTOCOL.md that two hosts show packet by packet.

use core::net::{Ipv4Addr, SocketAddr};
use std::vec;
use std::vec::Vec;

use super::raw_peer::{RawPeer, payload};
use super::*;
use crate::channel::Path;
use crate::crypto::{InsecureFixedRng, RustCrypto};
use crate::id::ChannelId;
use crate::noise::Pattern;
use crate::recovery::ecn::Codepoint;
use crate::session::SessionEvent;
use crate::stream::Open;
use crate::time::Duration;
use crate::wire::{CloseCause, CloseFrame, Frame, Parameters, TransportCode};

pub(super) type TestHost = Host<'static, RustCrypto<InsecureFixedRng>>;

pub(super) fn host(seed: u8) -> TestHost {
    host_with(seed, Config::new([seed; 32]), &Limits::of(4, 64, 1 << 20))
}

/// A host that says what it has to say at once: time stands still in most tests.
pub(super) fn host_with(random: u8, config: Config, limits: &Limits) -> TestHost {
    let config = Config { first_packet_wait: Duration::ZERO, ..config };
    let crypto = RustCrypto::new(InsecureFixedRng::new(u64::from(random)));
    Host::new(config, Storage::owned(limits), crypto, Instant::ZERO).unwrap()
}

pub(super) fn path(port: u16) -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
}

pub(super) fn at(millis: u64) -> Instant {
    Instant::ZERO.after(Duration::from_millis(millis))
}

/// The next packet of a host, if it has one.
pub(super) fn next(host: &mut TestHost, now: Instant) -> Option<Vec<u8>> {
    let mut buffer = vec![0; 2000];
    let transmit = host.poll_transmit(now, &mut buffer, 1)?;
    buffer.truncate(transmit.len);
    Some(buffer)
}

pub(super) fn hand(
    host: &mut TestHost,
    now: Instant,
    port: u16,
    packet: &[u8],
) -> Result<(), Ignored> {
    host.handle_packet(now, path(port), Codepoint::NotEct, &mut packet.to_vec())
}

pub(super) fn events(host: &mut TestHost) -> Vec<Event> {
    core::iter::from_fn(|| host.poll_event()).collect()
}

pub(super) fn dial(from: &mut TestHost, to: &TestHost, now: Instant) -> SessionHandle {
    from.connect(now, Dial::new(path(1), Some(to.id()))).unwrap()
}

/// What `from` says next is heard by `to`, whatever that makes of it; returned.
pub(super) fn pass(from: &mut TestHost, to: &mut TestHost, now: Instant) -> Vec<u8> {
    let packet = next(from, now).expect("a packet");
    let _ = hand(to, now, 1, &packet);
    packet
}

/// Two hosts with a session, nothing under way: the session of each, and FINISH.
pub(super) fn joined() -> (TestHost, TestHost, SessionHandle, SessionHandle, Vec<u8>) {
    let (mut one, mut two) = (host(1), host(2));
    let session = dial(&mut one, &two, at(0));
    let init = next(&mut one, at(0)).unwrap();
    hand(&mut two, at(0), 1, &init).unwrap();
    let reply = next(&mut two, at(0)).unwrap();
    hand(&mut one, at(0), 1, &reply).unwrap();
    let finish = next(&mut one, at(0)).unwrap();
    hand(&mut two, at(0), 1, &finish).unwrap();
    let incoming = events(&mut two);
    let [Event::Session(other, SessionEvent::Incoming)] = incoming[..] else {
        panic!("{incoming:?}")
    };
    events(&mut one);
    while let Some(packet) = next(&mut two, at(0)) {
        hand(&mut one, at(0), 1, &packet).unwrap();
    }
    while let Some(packet) = next(&mut one, at(0)) {
        hand(&mut two, at(0), 1, &packet).unwrap();
    }
    (one, two, session, other, finish)
}

// Spec: R-5.2-6, R-5.6-3, R-5.6-4, R-5.6-6, R-5.7-2, R-5.7-8, R-13.2-1, R-13.12-2, R-13.17-1.
#[test]
fn a_session_begins_at_each_host_with_the_proof_of_the_other() {
    let (mut one, mut two) = (host(1), host(2));
    dial(&mut one, &two, at(0));
    let init = next(&mut one, at(0)).unwrap();
    assert!(next(&mut one, at(0)).is_none());
    hand(&mut two, at(0), 1, &init).unwrap();
    let reply = next(&mut two, at(0)).unwrap();
    assert!(next(&mut two, at(0)).is_none(), "one for one");
    let spent = two.stats().curve_operations;
    hand(&mut two, at(1), 1, &init).unwrap();
    assert_eq!(next(&mut two, at(1)), Some(reply.clone()), "the same bytes");
    assert_eq!(two.stats().curve_operations, spent);
    two.handle_timeout(at(5000));
    assert!(next(&mut two, at(5000)).is_none(), "never by a timer");
    assert_eq!((two.stats().sessions, two.stats().half_open), (0, 1));
    assert!(events(&mut two).is_empty() && events(&mut one).is_empty());
    hand(&mut one, at(5000), 1, &reply).unwrap();
    assert!(matches!(events(&mut one)[..], [Event::Session(_, SessionEvent::Ready)]));
    let finish = next(&mut one, at(5000)).unwrap();
    hand(&mut two, at(5000), 1, &finish).unwrap();
    assert!(matches!(events(&mut two)[..], [Event::Session(_, SessionEvent::Incoming)]));
    assert_eq!((two.stats().sessions, two.stats().half_open), (1, 0));
    let answer = next(&mut two, at(5000)).expect("FINISH is acknowledged at once");
    assert!(answer[0] & 0x80 == 0);
}

// Spec: R-5.6-5.
#[test]
fn a_negotiation_is_forgotten_ten_seconds_after_its_first_init() {
    let (mut one, mut two) = (host(1), host(2));
    dial(&mut one, &two, at(0));
    let init = next(&mut one, at(0)).unwrap();
    hand(&mut two, at(0), 1, &init).unwrap();
    hand(&mut two, at(9000), 1, &init).unwrap();
    two.handle_timeout(at(9999));
    assert_eq!(two.stats().half_open, 1);
    two.handle_timeout(at(10_000));
    assert_eq!(two.stats().half_open, 0);
}

#[test]
fn a_reset_token_is_of_one_identity_and_one_channel() {
    // A host whose key came from a secret that had been wiped would have everyone's token.
    let tokens = [(3, 7), (4, 7), (3, 8)].map(|(seed, channel)| {
        let channel = ChannelId::new(channel).unwrap();
        host(seed).means.identity.reset_key.token(channel)
    });
    assert_eq!(tokens[0], host(3).means.identity.reset_key.token(ChannelId::new(7).unwrap()));
    assert!(tokens[0] != tokens[1] && tokens[0] != tokens[2]);
}

// Spec: R-5.7-3, R-5.7-7.
#[test]
fn a_finish_is_repeated_byte_for_byte_and_taken_once() {
    let (mut one, mut two) = (host(1), host(2));
    dial(&mut one, &two, at(0));
    let init = next(&mut one, at(0)).unwrap();
    hand(&mut two, at(0), 1, &init).unwrap();
    let reply = next(&mut two, at(0)).unwrap();
    hand(&mut one, at(0), 1, &reply).unwrap();
    let finish = next(&mut one, at(0)).unwrap();
    assert!(next(&mut one, at(0)).is_none());
    one.handle_timeout(at(3000));
    assert_eq!(next(&mut one, at(3000)), Some(finish.clone()));
    hand(&mut two, at(3000), 1, &finish).unwrap();
    assert_eq!(events(&mut two).len(), 1);
    next(&mut two, at(3000)).unwrap();
    let spent = two.stats().curve_operations;
    let mut answers = 0;
    for millis in 4000..4100 {
        // What it says by its own timers is no answer.
        two.handle_timeout(at(millis));
        while next(&mut two, at(millis)).is_some() {}
        hand(&mut two, at(millis), 1, &finish).unwrap();
        answers += usize::from(next(&mut two, at(millis)).is_some());
    }
    assert!((1..=4).contains(&answers), "one in 25 ms: {answers}");
    assert!(events(&mut two).is_empty());
    assert_eq!((two.stats().curve_operations, two.stats().sessions), (spent, 1));
}

// Spec: R-5.7-7.
#[test]
fn a_finish_that_comes_again_from_another_port_is_answered_to_the_validated_address() {
    let (_, mut two, .., finish) = joined();
    hand(&mut two, at(1000), 9, &finish).unwrap();
    two.handle_timeout(at(1030));
    let transmit = two.poll_transmit(at(1030), &mut [0; 2000], 1).expect("an acknowledgement");
    assert_eq!(transmit.path.peer.port(), 1);
}

// Spec: R-7.5-6.
#[test]
fn a_host_that_may_open_no_more_children_says_so_once() {
    let mut host = host(1);
    let offer = Parameters { root_child_credit: 1, ..Parameters::default() };
    let mut peer = RawPeer::new(2, host.id(), Pattern::Xk, &offer);
    hand(&mut host, at(0), 1, &peer.init()).unwrap();
    let reply = next(&mut host, at(0)).unwrap();
    let finish = peer.finish(&reply, b"");
    hand(&mut host, at(0), 1, &finish).unwrap();
    let [Event::Session(session, _)] = events(&mut host)[..] else { panic!("nobody came") };
    let root = host.root(session).unwrap();
    host.open_substream(at(0), root, Open::default()).unwrap();
    let mut said = vec![];
    for millis in 1..5 {
        let opened = host.open_substream(at(millis), root, Open::default());
        assert_eq!(opened, Err(crate::stream::OpenError::Blocked));
        while let Some(packet) = next(&mut host, at(millis)) {
            let payload = peer.open(&packet);
            let blocked = Frame::ChildBlocked { id: crate::id::StreamId::ROOT, at: 1 };
            let is_it = |frame: &Frame<'_>| *frame == blocked;
            said.extend(crate::wire::Frames::new(&payload).flatten().filter(is_it).map(|_| millis));
        }
    }
    assert_eq!(said, [1]);
}

// Spec: R-5.8-3.
#[test]
fn a_call_that_was_answered_by_version_names_those_that_the_peer_speaks() {
    let (mut one, two) = (host(1), host(2));
    let session = dial(&mut one, &two, at(0));
    let init = next(&mut one, at(0)).unwrap();
    let mut packet = vec![0xc5];
    packet.extend_from_slice(&init[4..8]);
    packet.extend_from_slice(&[3, 2, 17, 250]);
    let check = crate::negotiation::CheckKey::new(Some(&two.id()));
    let check = check.version(&packet, init[496..].try_into().unwrap());
    packet.extend_from_slice(&check);
    hand(&mut one, at(1), 1, &packet).unwrap();
    one.handle_timeout(at(9999));
    assert_eq!(one.close_reason(session), None, "anybody may have said so");
    one.handle_timeout(at(10_000));
    let reason = one.close_reason(session).unwrap();
    assert_eq!(reason.cause, CloseCause::Transport(TransportCode::VERSION));
    assert_eq!(
        reason.reason(),
        "the peer speaks of the protocol's versions only 2, 17, 250; it was called in 1"
    );
}

// Spec: R-3.1-1, R-5.11-6, R-9.1-1.
#[test]
fn there_is_one_session_with_a_peer_and_none_with_oneself() {
    let (mut one, two, session, ..) = joined();
    assert_eq!(dial(&mut one, &two, at(10)), session);
    assert!(next(&mut one, at(10)).is_none(), "no new negotiation");
    let own = Dial::new(path(1), Some(one.id()));
    assert_eq!(one.connect(at(10), own), Err(ConnectError::OwnIdentity));
}

// Spec: R-6.12-1, R-9.3-2.
#[test]
fn a_closing_host_repeats_itself_less_and_less() {
    let (mut one, mut two, session, other, _) = joined();
    let root = two.root(other).unwrap();
    let mut packets = vec![];
    for millis in 0..4 {
        let stream = two.open_substream(at(10 + millis), root, Open::default()).unwrap();
        two.write(at(10 + millis), stream, b"x").unwrap();
        packets.push(next(&mut two, at(10 + millis)).unwrap());
    }
    for millis in 4..16 {
        two.open_substream(at(10 + millis), root, Open::default()).unwrap();
        packets.extend(next(&mut two, at(10 + millis)));
    }
    assert!(packets.len() >= 8, "{}", packets.len());
    one.abort(at(30), session, 7, "now").unwrap();
    assert!(next(&mut one, at(30)).is_some(), "CLOSE at once");
    let answered: Vec<usize> = (1..=packets.len())
        .filter(|count| {
            let _ = hand(&mut one, at(31), 1, &packets[count - 1]);
            next(&mut one, at(31)).is_some()
        })
        .collect();
    let expected: Vec<usize> =
        [1, 2, 4, 8, 16].into_iter().filter(|count| *count <= packets.len()).collect();
    assert_eq!(answered, expected);
    assert_eq!(one.stats().channels, 1);
    one.handle_timeout(at(60_000));
    assert_eq!(one.stats().channels, 0);
}

// Spec: R-4.2-2, R-6.12-2, R-9.1-2.
#[test]
fn a_host_that_was_closed_says_nothing_more_and_keeps_the_name_for_a_while() {
    let (mut one, mut two, session, other, _) = joined();
    one.abort(at(30), session, 7, "now").unwrap();
    let close = next(&mut one, at(30)).unwrap();
    hand(&mut two, at(40), 1, &close).unwrap();
    assert!(events(&mut two).contains(&Event::Session(other, SessionEvent::Closed)));
    assert_eq!(two.close_reason(other).unwrap().reason(), "now");
    assert!(next(&mut two, at(40)).is_none());
    assert_eq!(two.stats().channels, 1, "the id is reserved");
    two.handle_timeout(at(60_000));
    assert!(next(&mut two, at(60_000)).is_none());
    assert_eq!(two.stats().channels, 0);
}

// Spec: R-13.7-4.
#[test]
fn peers_that_name_their_channels_alike_are_served_and_cost_no_long_search() {
    let mut config = Config::new([1; 32]);
    config.shares_by_source = false;
    let mut host = host_with(1, config, &Limits::of(32, 64, 1 << 20));
    let mut peers = vec![];
    for secret in 2..30 {
        let mut peer = RawPeer::new(secret, host.id(), Pattern::Xk, &Parameters::default());
        hand(&mut host, at(0), u16::from(secret), &peer.init()).unwrap();
        let reply = next(&mut host, at(0)).unwrap();
        let finish = peer.finish(&reply, b"");
        hand(&mut host, at(0), u16::from(secret), &finish).unwrap();
        assert_eq!(peer.open(&next(&mut host, at(0)).unwrap())[0], 2, "an acknowledgement");
        peers.push(peer);
    }
    assert_eq!((host.stats().channels, host.bonds.channels.found_by_remote()), (28, 8));
    let close = CloseFrame { cause: CloseCause::Transport(TransportCode::NONE), reason: "" };
    for (peer, secret) in peers.iter_mut().zip(2..) {
        let packet = peer.seal(&payload(&[Frame::Close(close)]));
        hand(&mut host, at(1), secret, &packet).unwrap();
    }
    while next(&mut host, at(1)).is_some() {}
    host.handle_timeout(at(30_000));
    assert_eq!((host.stats().channels, host.bonds.channels.found_by_remote()), (0, 0));
}
