//! Many who dial, from few places, and those who want to be served beside them.

use core::net::{Ipv4Addr, SocketAddr};
use std::vec;
use std::vec::Vec;

use super::raw_peer::{RawPeer, opening, payload};
use super::rules_tests::{TestHost, at, host_with};
use super::*;
use crate::channel::Path;
use crate::negotiation::CookieMode;
use crate::noise::Pattern;
use crate::recovery::ecn::Codepoint;
use crate::session::SessionEvent;
use crate::wire::{CloseCause, Frame, Frames, PacketKind, Parameters, TransportCode};

/// Where the peer with that number is: each is a source of its own.
pub(super) fn place(source: u8) -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::new(198, 51, 100, source), 9)) }
}

/// Hands over a packet, and what comes back to where it came from.
pub(super) fn ask(host: &mut TestHost, now: Instant, path: Path, packet: &[u8]) -> Vec<Vec<u8>> {
    let _ = host.handle_packet(now, path, Codepoint::NotEct, &mut packet.to_vec());
    let (mut answers, mut buffer) = (vec![], [0; 2000]);
    while let Some(transmit) = host.poll_transmit(now, &mut buffer, 1) {
        if transmit.path == path {
            answers.push(buffer[..transmit.len].to_vec());
        }
    }
    answers
}

fn kind(packet: &[u8]) -> Option<PacketKind> {
    PacketKind::of(*packet.first()?)
}

/// Dials and says FINISH: whether there is a session; else the peer was told that there is no room.
pub(super) fn come(host: &mut TestHost, now: Instant, path: Path, peer: &mut RawPeer) -> bool {
    let reply = dial(host, now, path, peer).expect("a REPLY");
    let finish = peer.finish(&reply, b"");
    let [answer] = &ask(host, now, path, &finish)[..] else { panic!("one answer") };
    let body = peer.open(answer);
    let mut frames = Frames::new(&body).flatten();
    let no_room = CloseCause::Transport(TransportCode::NO_CAPACITY);
    !frames.any(|frame| matches!(frame, Frame::Close(close) if close.cause == no_room))
}

/// An application that lets go of what is over.
fn release_closed(host: &mut TestHost, now: Instant) -> usize {
    let mut count = 0;
    while let Some(event) = host.poll_event() {
        if let Event::Session(session, SessionEvent::Closed) = event {
            host.release_session(now, session);
            count += 1;
        }
    }
    count
}

/// Sends an INIT, and again with the cookie: the REPLY if there is one.
fn dial(host: &mut TestHost, now: Instant, path: Path, peer: &mut RawPeer) -> Option<Vec<u8>> {
    let init = peer.init();
    let answer = ask(host, now, path, &init).pop()?;
    if kind(&answer) == Some(PacketKind::Reply) {
        return Some(answer);
    }
    peer.take_cookie(&answer);
    let init = peer.init();
    ask(host, now, path, &init).pop().filter(|it| kind(it) == Some(PacketKind::Reply))
}

// Spec: R-13.7-3, R-13.7-6.
#[test]
fn half_open_negotiations_from_twenty_sources_leave_room_for_others() {
    for cookies in [CookieMode::Auto, CookieMode::Always] {
        let mut config = Config::new([1; 32]);
        config.cookies = cookies;
        // 84 negotiations.
        let mut host = host_with(1, config, &Limits::of(136, 8, 1 << 16));
        let mut number = 1_000;
        let mut flood = |host: &mut TestHost, millis: u64| {
            for source in 0..20 {
                number += 1;
                let peer = &mut RawPeer::numbered(number, host.id(), Pattern::Xk);
                dial(host, at(millis), place(source), peer);
            }
        };
        for millis in 0..200 {
            flood(&mut host, millis * 10);
        }
        let held = host.stats().half_open;
        assert!(held >= 70, "{held} half-open");
        // Thirty others come, one after the other, while the flood goes on.
        for honest in 100..130 {
            let now = 2000 + u64::from(honest) * 10;
            flood(&mut host, now);
            let peer = &mut RawPeer::new(honest, host.id(), Pattern::Xk, &Parameters::default());
            let reply = dial(&mut host, at(now), place(honest), peer).expect("an answer at once");
            let finish = peer.finish(&reply, b"");
            assert_eq!(ask(&mut host, at(now), place(honest), &finish).len(), 1);
        }
        assert_eq!(host.stats().sessions, 30);
        host.handle_timeout(at(20_000));
        assert!(host.negotiations.is_empty(), "and nothing is counted for anybody");
    }
}

// Spec: R-13.7-3.
#[test]
fn two_hundred_calls_a_second_from_one_address_are_answered_by_a_host_with_nothing_else_to_do() {
    let mut host = host_with(1, Config::new([1; 32]), &Limits::of(1000, 8, 1 << 16));
    for call in 0..600 {
        let peer = &mut RawPeer::numbered(call, host.id(), Pattern::Xk);
        let reply = dial(&mut host, at(u64::from(call) * 5), place(1), peer);
        let reply = reply.unwrap_or_else(|| panic!("call {call}"));
        let finish = peer.finish(&reply, b"");
        assert_eq!(ask(&mut host, at(u64::from(call) * 5), place(1), &finish).len(), 1);
    }
}

// Spec: R-6.14-2.
#[test]
fn one_that_asks_for_every_lost_leaves_them_to_others() {
    let mut host = host_with(1, Config::new([1; 32]), &Limits::of(4, 8, 1 << 16));
    let (mut greedy, mut others) = (0, 0);
    for millis in 0..3000 {
        greedy += ask(&mut host, at(millis), place(1), &[1; 48]).len();
        if millis % 100 == 0 {
            let source = 10 + (millis / 100) as u8;
            others += ask(&mut host, at(millis), place(source), &[1; 48]).len();
        }
    }
    assert!((3..=5).contains(&greedy), "{greedy} in three seconds");
    let most = if cfg!(feature = "large") { 30 } else { 20 };
    assert!(others >= most, "{others} of 30");
}

// Spec: R-5.9-10, R-13.7-7.
#[test]
fn thousands_of_identities_at_one_address_leave_half_of_the_sessions_to_others() {
    let mut host = host_with(1, Config::new([1; 32]), &Limits::of(64, 128, 1 << 18));
    let mut seated = 0;
    for number in 0..120 {
        let now = at(u64::from(number) * 200);
        host.handle_timeout(now);
        let peer = &mut RawPeer::numbered(number, host.id(), Pattern::Xk);
        seated += u32::from(come(&mut host, now, place(1), peer));
    }
    assert!((32..=33).contains(&seated), "{seated} of 64");
    for source in 100..130 {
        let peer = &mut RawPeer::numbered(source.into(), host.id(), Pattern::Xk);
        assert!(come(&mut host, at(25_000), place(source), peer), "{source}");
    }
    assert_eq!(release_closed(&mut host, at(25_000)), 0, "nobody had to give way");
}

// Spec: R-5.9-10, R-13.7-7.
#[test]
fn quiet_sessions_without_streams_give_way_where_all_places_are_taken() {
    let mut host = host_with(1, Config::new([1; 32]), &Limits::of(16, 128, 1 << 18));
    // Sixteen peers at as many addresses ping; four of them have a stream.
    let mut peers: Vec<_> =
        (0..16).map(|number| RawPeer::numbered(number, host.id(), Pattern::Xk)).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        assert!(come(&mut host, at(0), place(number as u8), peer));
    }
    for (number, peer) in peers.iter_mut().enumerate().take(4) {
        let packet = peer.seal(&payload(&[opening(peer, 1)]));
        ask(&mut host, at(1), place(number as u8), &packet);
    }
    let mut newcomer = 100;
    let mut try_one = |host: &mut TestHost, millis| {
        newcomer += 1;
        let peer = &mut RawPeer::numbered(newcomer, host.id(), Pattern::Xk);
        come(host, at(millis), place(newcomer as u8), peer)
    };
    assert!(!try_one(&mut host, 5000), "nobody was quiet for long enough");
    assert_eq!(release_closed(&mut host, at(5000)), 0);
    for millis in (5000..15_000).step_by(1000) {
        for (number, peer) in peers.iter_mut().enumerate() {
            let packet = peer.seal(&payload(&[Frame::Ping]));
            ask(&mut host, at(millis), place(number as u8), &packet);
        }
    }
    let mut seated = 0;
    for millis in (15_000..45_000).step_by(1000) {
        for (number, peer) in peers.iter_mut().enumerate() {
            let packet = peer.seal(&payload(&[Frame::Ping]));
            ask(&mut host, at(millis), place(number as u8), &packet);
        }
        seated += u32::from(try_one(&mut host, millis));
        release_closed(&mut host, at(millis));
        host.handle_timeout(at(millis + 500));
    }
    assert!(seated >= 12, "{seated}: all that had no stream gave way");
    let stats = host.stats();
    assert_eq!(stats.streams - stats.sessions, 4, "and nobody else: each session has a root");
}

// Spec: R-5.9-10, R-13.7-7.
#[test]
fn an_identity_has_so_many_sessions_and_its_quiet_ones_give_way_to_its_new_ones() {
    let mut config = Config::new([1; 32]);
    config.max_sessions_per_peer = 20;
    let mut host = host_with(1, config, &Limits::of(200, 256, 1 << 18));
    let run = |host: &mut TestHost, number: u32, millis| {
        host.handle_timeout(at(millis));
        let mut peer = RawPeer::process(number, host.id(), Pattern::Xk);
        let mut path = place(1);
        path.peer.set_port(1000 + number as u16);
        let is_seated = come(host, at(millis), path, &mut peer);
        if is_seated && number < 10 {
            let packet = peer.seal(&payload(&[opening(&peer, 1)]));
            ask(host, at(millis), path, &packet);
        }
        is_seated
    };
    let seated = (0..40).filter(|number| run(&mut host, *number, 0)).count();
    assert_eq!((seated, host.stats().sessions), (20, 20));
    // Ten of them have streams. The others were killed, perhaps: they were quiet for long.
    let seated = (40..80).filter(|number| run(&mut host, *number, 12_000)).count();
    assert_eq!((seated, release_closed(&mut host, at(12_000))), (10, 10));
    let other = &mut RawPeer::numbered(7, host.id(), Pattern::Xk);
    assert!(come(&mut host, at(12_000), place(2), other));
}

// Spec: R-13.7-8.
#[test]
fn forged_packets_of_a_negotiation_cost_a_bounded_work_and_do_not_end_it() {
    let mut host = host_with(1, Config::new([1; 32]), &Limits::of(8, 8, 1 << 16));
    let peer = &mut RawPeer::numbered(1, host.id(), Pattern::Xk);
    let reply = dial(&mut host, at(0), place(1), peer).unwrap();
    let finish = peer.finish(&reply, b"");
    // Somebody saw FINISH and was quicker. It names the true identity, so it costs an agreement.
    let mut forged = finish.clone();
    *forged.last_mut().unwrap() ^= 1;
    let before = host.stats().curve_operations;
    for millis in 0..1000 {
        for _ in 0..20 {
            assert!(ask(&mut host, at(millis), place(9), &forged).is_empty());
        }
    }
    let spent = host.stats().curve_operations - before;
    assert!((1..=1064).contains(&spent), "{spent} for 20,000 packets");
    assert_eq!(ask(&mut host, at(1001), place(1), &finish).len(), 1);
    assert_eq!(host.stats().sessions, 1);
}

// Spec: R-9.4-1, R-13.7-4.
#[test]
fn a_peer_that_opens_all_the_streams_it_may_leaves_sessions_and_streams_to_others() {
    let mut config = Config::new([1; 32]);
    config.streams.root_children = 2000;
    let mut host = host_with(1, config, &Limits::of(16, 240, 1 << 20));
    let hostile = &mut RawPeer::numbered(1, host.id(), Pattern::Xk);
    assert!(come(&mut host, at(0), place(1), hostile));
    for counter in 1..=1000 {
        let before = host.stats().streams;
        let packet = hostile.seal(&payload(&[opening(hostile, counter)]));
        ask(&mut host, at(counter), place(1), &packet);
        if host.stats().streams == before {
            break;
        }
    }
    let held = host.stats().streams;
    assert!((32..=136).contains(&held), "{held} of 256 rows");
    for source in 10..18 {
        let peer = &mut RawPeer::numbered(source.into(), host.id(), Pattern::Xk);
        assert!(come(&mut host, at(2000), place(source), peer), "a session at once");
        for counter in 1..=4 {
            let before = host.stats().streams;
            let packet = peer.seal(&payload(&[opening(peer, counter)]));
            ask(&mut host, at(2000), place(source), &packet);
            assert_eq!(host.stats().streams, before + 1, "stream {counter} at once");
        }
    }
    assert_eq!(host.stats().breaches, 0);
}
