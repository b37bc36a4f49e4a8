//! Whatever table is full, a peer that comes hears so.

use std::boxed::Box;
use std::vec::Vec;

use super::flood_tests::{ask, place};
use super::raw_peer::{RawPeer, payload};
use super::rules_tests::{TestHost, at};
use super::*;
use crate::crypto::{InsecureFixedRng, RustCrypto};
use crate::noise::Pattern;
use crate::storage::HashIndex;
use crate::wire::{CloseCause, Frame, Frames, Parameters, TransportCode};

type Changed = Box<dyn Fn(&mut Limits, &mut Option<Indices>)>;

/// Room in the indices that are given one of their own.
#[derive(Default)]
struct Indices {
    by_peer: Option<u32>,
    by_channel: Option<u32>,
}

/// A host with room for eight sessions, but for what `change` makes smaller.
fn cramped(change: &Changed) -> TestHost {
    let (mut limits, mut indices) = (Limits::of(8, 64, 1 << 18), None);
    change(&mut limits, &mut indices);
    let mut storage = Storage::owned(&limits);
    let indices = indices.unwrap_or_default();
    if let Some(limit) = indices.by_peer {
        storage.by_peer = HashIndex::owned(limit);
    }
    if let Some(limit) = indices.by_channel {
        storage.by_channel = HashIndex::owned(limit);
    }
    let crypto = RustCrypto::new(InsecureFixedRng::new(1));
    Host::new(Config::new([1; 32]), storage, crypto, Instant::ZERO).unwrap()
}

/// A peer comes: what it says last, and what it hears.
fn come(host: &mut TestHost, peer: &mut RawPeer, source: u8) -> (Vec<u8>, Vec<Vec<u8>>) {
    let init = peer.init();
    let reply = ask(host, at(0), place(source), &init).pop().expect("a REPLY");
    let finish = peer.finish(&reply, b"");
    let last = if finish.is_empty() { peer.seal(&payload(&[Frame::Ping])) } else { finish };
    let answers = ask(host, at(0), place(source), &last);
    (last, answers)
}

fn is_close(peer: &RawPeer, packet: &[u8]) -> bool {
    let body = peer.open(packet);
    let no_capacity = CloseCause::Transport(TransportCode::NO_CAPACITY);
    let mut frames = Frames::new(&body).flatten();
    frames.any(|frame| matches!(frame, Frame::Close(close) if close.cause == no_capacity))
}

// Spec: R-5.9-10.
#[test]
fn a_peer_for_which_any_table_has_no_room_hears_that_there_is_none() {
    let changes: [(&str, Changed); 6] = [
        ("sessions", Box::new(|limits, _| limits.sessions = 3)),
        ("channels", Box::new(|limits, _| limits.channels = 3)),
        ("streams", Box::new(|limits, _| limits.streams.streams = 3)),
        ("nurseries", Box::new(|limits, _| limits.streams.parents = 3)),
        ("by_peer", Box::new(|_, own| own.get_or_insert_default().by_peer = Some(3))),
        ("by_channel", Box::new(|_, own| own.get_or_insert_default().by_channel = Some(3))),
    ];
    for (table, change) in &changes {
        for pattern in [Pattern::Xk, Pattern::Ik] {
            let mut host = cramped(change);
            for source in 2..5 {
                let offer = Parameters::default();
                let mut peer = RawPeer::new(source, host.id(), pattern, &offer);
                let (_, answers) = come(&mut host, &mut peer, source);
                assert!(!answers.iter().any(|it| is_close(&peer, it)), "{table}");
            }
            assert_eq!(host.stats().sessions, 3, "{table}");
            let mut peer = RawPeer::new(9, host.id(), pattern, &Parameters::default());
            let (last, answers) = come(&mut host, &mut peer, 9);
            assert!(answers.len() == 1 && is_close(&peer, &answers[0]), "{table} {pattern:?}");
            if pattern == Pattern::Xk {
                assert_eq!(ask(&mut host, at(1), place(9), &last), answers, "once more");
            }
            while host.poll_event().is_some() {}
            host.handle_timeout(at(11_000));
            assert_eq!((host.stats().sessions, host.stats().half_open), (3, 0), "{table}");
            assert_eq!(host.stats().channels, 3, "{table}");
        }
    }
}
