//! Many who dial, from few places, and those who want to be served beside them.

use core::net::{Ipv4Addr, SocketAddr};
use std::vec;
use std::vec::Vec;

use super::raw_peer::RawPeer;
use super::rules_tests::{TestHost, at, host_with};
use super::*;
use crate::channel::Path;
use crate::negotiation::CookieMode;
use crate::noise::Pattern;
use crate::recovery::ecn::Codepoint;
use crate::wire::{PacketKind, Parameters};

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
        assert!(host.callers.is_empty() && host.negotiations.is_empty());
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
