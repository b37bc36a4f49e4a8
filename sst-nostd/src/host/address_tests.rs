//! Which addresses a host answers, and from which of its own.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::vec;
use std::vec::Vec;

use super::*;
use crate::channel::Path;
use crate::crypto::{InsecureFixedRng, RustCrypto};
use crate::recovery::ecn::Codepoint;
use crate::session::SessionEvent;
use crate::time::Duration;

type TestHost = Host<'static, RustCrypto<InsecureFixedRng>>;

fn host(seed: u8) -> TestHost {
    let crypto = RustCrypto::new(InsecureFixedRng::new(u64::from(seed)));
    let storage = Storage::owned(&Limits::of(4, 64, 1 << 20));
    let config = Config { first_packet_wait: Duration::ZERO, ..Config::new([seed; 32]) };
    Host::new(config, storage, crypto, Instant::ZERO).expect("a host")
}

/// From the address 10.0.0.`last`, to this host's address 10.1.0.`local`.
fn path(last: u8, local: u8) -> Path {
    Path {
        local: Some(IpAddr::from(Ipv4Addr::new(10, 1, 0, local))),
        peer: SocketAddr::from((Ipv4Addr::new(10, 0, 0, last), 5000)),
    }
}

/// Everything that a host wants to send at the beginning of time, and where.
fn sent(host: &mut TestHost) -> Vec<(Path, Vec<u8>)> {
    let (mut buffer, mut sent) = (vec![0; 2048], vec![]);
    while let Some(transmit) = host.poll_transmit(Instant::ZERO, &mut buffer, 1) {
        sent.push((transmit.path, buffer[..transmit.len].to_vec()));
    }
    sent
}

fn hand(host: &mut TestHost, path: Path, packet: &[u8]) {
    let _ = host.handle_packet(Instant::ZERO, path, Codepoint::NotEct, &mut packet.to_vec());
}

/// A host that dials, its INIT, and the host that it dials.
fn dialled() -> (TestHost, Vec<u8>, TestHost) {
    let (mut near, far) = (host(1), host(2));
    let dial = Dial::new(Path { local: None, peer: path(9, 1).peer }, Some(far.id()));
    near.connect(Instant::ZERO, dial).expect("dials");
    let init = sent(&mut near).remove(0).1;
    (near, init, far)
}

// Spec: R-5.6-3, R-5.6-4.
#[test]
fn a_copied_init_is_answered_where_each_copy_came_from() {
    let (mut near, init, mut far) = dialled();
    // A copy is faster, from an address that is not the dialler's.
    hand(&mut far, path(66, 1), &init);
    let stray = sent(&mut far);
    hand(&mut far, path(1, 2), &init);
    let answers = sent(&mut far);
    assert_eq!((stray.len(), stray[0].0), (1, path(66, 1)));
    assert_eq!((answers.len(), answers[0].0), (1, path(1, 2)), "and from the address asked");
    assert_eq!(stray[0].1, answers[0].1);
    hand(&mut near, path(9, 1), &answers[0].1);
    assert!(matches!(near.poll_event(), Some(Event::Session(_, SessionEvent::Ready))));
}

// Spec: R-5.6-3, R-13.7-2.
#[test]
fn copies_that_arrive_in_one_turn_get_two_answers_and_never_more_than_came() {
    let (_, init, mut far) = dialled();
    for last in [66, 1, 66, 1, 67, 68] {
        hand(&mut far, path(last, 1), &init);
    }
    let answers = sent(&mut far);
    let places: Vec<Path> = answers.iter().map(|(path, _)| *path).collect();
    assert_eq!(places, [path(66, 1), path(1, 1)]);
    assert!(answers.iter().all(|(_, reply)| reply.len() < init.len()));
    // The next copy is answered again, wherever the last answer went.
    hand(&mut far, path(67, 3), &init);
    assert_eq!(sent(&mut far).iter().map(|sent| sent.0).collect::<Vec<_>>(), [path(67, 3)]);
}
