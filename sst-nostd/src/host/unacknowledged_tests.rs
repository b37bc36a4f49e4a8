//! A peer that makes a host send and acknowledges nothing, beside one that is served.

use std::vec;
use std::vec::Vec;

use super::raw_peer::{RawPeer, payload};
use super::rules_tests::{TestHost, at, dial, hand, host_with, next, path};
use super::*;
use crate::bytes::MAX_VARINT;
use crate::id::{Side, StreamId};
use crate::noise::Pattern;
use crate::recovery::ecn::Codepoint;
use crate::session::SessionEvent;
use crate::stream::Open;
use crate::wire::{Attributes, Frame, Open as WireOpen, Parameters, StreamFrame};

const HONEST: u16 = 2;
const HOSTILE: u16 = 9;
/// Eight packets about paths, a PING, and the probes of a minute.
const MAX_HELD: u32 = 80;

/// What the hostile peer does in a round.
type Trick = fn(&mut RawPeer, u64) -> Vec<Vec<u8>>;

struct Scene {
    server: TestHost,
    client: TestHost,
    hostile: RawPeer,
    /// Packets that the server had on record for the hostile peer when the honest one came.
    held: u32,
}

impl Scene {
    fn new() -> Self {
        let limits = Limits::of(4, 64, 1 << 20);
        let server = host_with(1, Config::new([1; 32]), &limits);
        let client = host_with(2, Config::new([2; 32]), &limits);
        let hostile = RawPeer::new(9, server.id(), Pattern::Xk, &Parameters::default());
        let mut scene = Self { server, client, hostile, held: 0 };
        scene.meet();
        scene
    }

    /// The hostile peer has a session.
    fn meet(&mut self) {
        hand(&mut self.server, at(0), HOSTILE, &self.hostile.init()).unwrap();
        let reply = next(&mut self.server, at(0)).unwrap();
        let finish = self.hostile.finish(&reply, b"");
        hand(&mut self.server, at(0), HOSTILE, &finish).unwrap();
        while next(&mut self.server, at(0)).is_some() {}
        while self.server.poll_event().is_some() {}
    }

    /// The two honest hosts exchange all they have; what goes to the hostile one is lost.
    fn exchange(&mut self, now: Instant) {
        self.server.handle_timeout(now);
        self.client.handle_timeout(now);
        let mut buffer = vec![0; 2000];
        loop {
            let mut is_quiet = true;
            while let Some(transmit) = self.server.poll_transmit(now, &mut buffer, 1) {
                is_quiet = false;
                if transmit.path == path(HONEST) {
                    let packet = &mut buffer[..transmit.len];
                    let _ = self.client.handle_packet(now, path(1), Codepoint::NotEct, packet);
                }
            }
            while let Some(packet) = next(&mut self.client, now) {
                is_quiet = false;
                let _ = hand(&mut self.server, now, HONEST, &packet);
            }
            if is_quiet {
                return;
            }
        }
    }

    /// The server sends the client 400,000 bytes beside the trick: the rounds of 10 ms it takes.
    fn rounds(&mut self, trick: Trick) -> u64 {
        // It had a minute's head start.
        for round in 0..6000 {
            self.play(trick, round);
        }
        self.held = self.server.stats().packets_in_flight;
        let start = 6000;
        let session = dial(&mut self.client, &self.server, at(start * 10));
        self.exchange(at(start * 10));
        let events = core::iter::from_fn(|| self.server.poll_event());
        let served = events.filter_map(|event| match event {
            Event::Session(session, SessionEvent::Incoming) => Some(session),
            _ => None,
        });
        let served = served.last().expect("the honest host comes in");
        let root = self.server.root(served).unwrap();
        let theirs = self.client.root(session).unwrap();
        self.client.listen(at(start * 10), theirs, 4).unwrap();
        let stream = self.server.open_substream(at(start * 10), root, Open::default()).unwrap();
        let (mut left, mut read, mut accepted) = (400_000, 0, None);
        let mut buffer = vec![0; 20_000];
        for round in start..start + 3000 {
            let now = at(round * 10);
            while left > 0 {
                let Ok(len) = self.server.write(now, stream, &buffer[..left.min(20_000)]) else {
                    break;
                };
                left -= len;
            }
            self.play(trick, round);
            accepted = accepted.or_else(|| self.client.accept_substream(now, theirs));
            while let Some(len) =
                accepted.and_then(|it| self.client.read(now, it, &mut buffer).ok())
            {
                read += len;
            }
            if read == 400_000 {
                return round - start;
            }
        }
        panic!("{read} bytes in 30 s");
    }

    fn play(&mut self, trick: Trick, round: u64) {
        let now = at(round * 10);
        for packet in trick(&mut self.hostile, round) {
            let _ = hand(&mut self.server, now, HOSTILE, &packet);
            self.exchange(now);
        }
        self.exchange(now);
    }
}

fn nothing(_: &mut RawPeer, _: u64) -> Vec<Vec<u8>> {
    vec![]
}

fn challenges(peer: &mut RawPeer, _: u64) -> Vec<Vec<u8>> {
    let packet = payload(&[Frame::PathChallenge([7; 8])]);
    (0..4).map(|_| peer.seal(&packet)).collect()
}

fn pings(peer: &mut RawPeer, _: u64) -> Vec<Vec<u8>> {
    (0..8).map(|_| peer.seal(&payload(&[Frame::Ping]))).collect()
}

/// Streams that are opened, written and ended, and complaints about too little credit.
fn streams(peer: &mut RawPeer, round: u64) -> Vec<Vec<u8>> {
    let side = Side::of(&peer.id(), &peer.peer(), true);
    let Some(id) = StreamId::new(round + 1, side).filter(|_| round < 16) else {
        let frames = [Frame::SessionBlocked { at: MAX_VARINT }, Frame::Ping];
        return vec![peer.seal(&payload(&frames)), peer.seal(&payload(&frames))];
    };
    let parent = StreamId::from_u64(0).unwrap();
    let open = Some(WireOpen { parent, attributes: Attributes::default(), priority: None });
    let stream = StreamFrame { id, offset: 0, data: &[1; 200], mark: false, fin: true, open };
    vec![peer.seal(&payload(&[Frame::Stream(stream)]))]
}

// Spec: R-13.7-4, R-13.7-5, R-6.5-11, R-6.10-5.
#[test]
fn a_peer_that_acknowledges_nothing_stops_nobody() {
    let quiet = Scene::new().rounds(nothing);
    for trick in [challenges as Trick, pings, streams] {
        let mut scene = Scene::new();
        let rounds = scene.rounds(trick);
        assert!(rounds <= quiet + quiet / 20, "{rounds} rounds, {quiet} without");
        assert!(scene.held <= MAX_HELD, "{} on record", scene.held);
        assert_eq!(scene.server.stats().breaches, 0);
    }
}
