//! Two hosts, no network: what one sends, the other is handed.

use core::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::channel::{KeyDirection, KeyEpoch, Path};
use crate::crypto::{Aead, InsecureFixedRng, RustCrypto};
use crate::recovery::ecn::Codepoint;
use crate::session::{Session, SessionEvent};
use crate::stream::{Open, StreamEvent, StreamHandle};
use crate::time::Duration;
use crate::wire::SealedHeader;
use std::vec;
use std::vec::Vec;

type TestHost = Host<'static, RustCrypto<InsecureFixedRng>>;

fn host(seed: u8) -> TestHost {
    host_of(seed, Config::new([seed; 32]))
}

fn host_of(seed: u8, config: Config) -> TestHost {
    let limits = Limits::of(4, 64, 1 << 20);
    let crypto = RustCrypto::new(InsecureFixedRng::new(u64::from(seed)));
    Host::new(config, Storage::owned(&limits), crypto, Instant::ZERO).expect("a host")
}

fn path(port: u16) -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
}

struct Pair {
    hosts: [TestHost; 2],
    now: Instant,
    events: [Vec<Event>; 2],
}

impl Pair {
    fn new() -> Self {
        Self { hosts: [host(1), host(2)], now: Instant::ZERO, events: [vec![], vec![]] }
    }

    /// Exchanges packets until nobody has any, then lets time pass to the next deadline.
    fn run(&mut self, until: Instant) {
        let mut steps = 0;
        loop {
            let mut is_quiet = true;
            for side in 0..2 {
                let mut buffer = vec![0; 4096];
                while let Some(transmit) = self.hosts[side].poll_transmit(self.now, &mut buffer, 1)
                {
                    steps += 1;
                    assert!(steps < 100_000, "the hosts spin");
                    is_quiet = false;
                    let from = path(side as u16 + 1);
                    let packet = &mut buffer[..transmit.len];
                    let result = self.hosts[1 - side].handle_packet(
                        self.now,
                        from,
                        Codepoint::NotEct,
                        packet,
                    );
                    if let Err(error) = result {
                        std::println!("{side} ignored {error:?}");
                    }
                }
                while let Some(event) = self.hosts[side].poll_event() {
                    self.events[side].push(event);
                }
            }
            if !is_quiet {
                continue;
            }
            let next = self.hosts.iter_mut().filter_map(Host::poll_timeout).min();
            match next.filter(|at| *at <= until) {
                Some(at) => {
                    steps += 1;
                    assert!(steps < 100_000, "the hosts spin");
                    self.now = self.now.max(at);
                    for host in &mut self.hosts {
                        host.handle_timeout(self.now);
                    }
                }
                None => break,
            }
        }
        self.now = self.now.max(until);
    }

    fn after(&mut self, millis: u64) {
        let until = self.now.after(Duration::from_millis(millis));
        self.run(until);
    }
}

// Spec: R-7.6-1, R-9.3-1.
#[test]
fn a_session_comes_up_and_carries_a_stream_both_ways() {
    let mut pair = Pair::new();
    let peer = pair.hosts[1].id();
    let dial = Dial::new(path(2), Some(peer));
    let session = pair.hosts[0].connect(pair.now, dial).expect("dials");
    pair.after(100);
    assert!(pair.events[0].contains(&Event::Session(session, SessionEvent::Ready)));
    let Some(Event::Session(other, SessionEvent::Incoming)) = pair.events[1].first().copied()
    else {
        panic!("{:?}", pair.events[1]);
    };
    let root = pair.hosts[0].root(session).expect("a root");
    let stream = pair.hosts[0].open_substream(pair.now, root, Open::default()).expect("opens");
    let mut sent = 0;
    let data: Vec<u8> = (0..100_000u32).map(|i| (i % 251) as u8).collect();
    let mut received = Vec::new();
    let mut accepted = None;
    for _ in 0..10_000 {
        let now = pair.now;
        if let Ok(taken) = pair.hosts[0].write(now, stream, &data[sent..]) {
            sent += taken;
            if sent == data.len() {
                let _ = pair.hosts[0].finish(now, stream);
            }
        }
        pair.after(1);
        let now = pair.now;
        let root = pair.hosts[1].root(other).expect("a root");
        accepted = accepted.or_else(|| pair.hosts[1].accept_substream(now, root));
        if let Some(stream) = accepted {
            let mut buf = [0; 5000];
            match pair.hosts[1].read(now, stream, &mut buf) {
                Ok(0) => break,
                Ok(len) => received.extend_from_slice(&buf[..len]),
                Err(_) => {}
            }
        }
    }
    std::println!(
        "{sent} {:?} {:?} {:?}",
        pair.hosts[0].stream_info(stream),
        pair.hosts[0].session_info(session),
        pair.hosts[1].stats()
    );
    assert_eq!(received.len(), data.len());
    assert!(received == data);
    let back = accepted.expect("accepted");
    pair.hosts[1].write_record(pair.now, back, b"thanks").expect("writes");
    pair.hosts[1].finish(pair.now, back).expect("finishes");
    pair.after(100);
    let mut buf = [0; 100];
    let record = pair.hosts[0].read_record(pair.now, stream, &mut buf).expect("reads");
    assert_eq!((&buf[..record.len], record.end), (&b"thanks"[..], true));
    assert!(pair.events[0].contains(&Event::Stream(session, stream, StreamEvent::Finished)));
    pair.hosts[0].close(pair.now, session, 7, "done").expect("closes");
    pair.after(5000);
    let reason = pair.hosts[1].close_reason(other).expect("a reason");
    assert_eq!(reason.reason(), "done");
    pair.hosts[0].release_session(pair.now, session);
    pair.hosts[1].release_session(pair.now, other);
    pair.after(5000);
    for host in &pair.hosts {
        let stats = host.stats();
        std::println!("{stats:?}");
        assert_eq!((stats.sessions, stats.channels, stats.streams), (0, 0, 0));
        assert_eq!((stats.bytes_held, stats.packets_in_flight, stats.half_open), (0, 0, 0));
    }
}

/// A session that is up, and a stream of it, on the first host.
fn connected(pair: &mut Pair) -> StreamHandle {
    let peer = pair.hosts[1].id();
    let dial = Dial::new(path(2), Some(peer));
    let session = pair.hosts[0].connect(pair.now, dial).expect("dials");
    pair.after(100);
    let root = pair.hosts[0].root(session).expect("a root");
    pair.hosts[0].open_substream(pair.now, root, Open::default()).expect("opens")
}

#[test]
fn a_timeout_says_data_again_and_not_in_crumbs() {
    let mut pair = Pair::new();
    let stream = connected(&mut pair);
    let mut buffer = vec![0; 100_000];
    // Two packets that are lost, the first of them short. (A third tries a longer packet.)
    for len in [1, 1_000] {
        let now = pair.now;
        assert_eq!(pair.hosts[0].write(now, stream, &vec![7; len]), Ok(len));
        while pair.hosts[0].poll_transmit(now, &mut buffer, 64).is_some() {}
    }
    // The probe timeout: both are said again, at once.
    let (mut packets, mut bytes) = (0, 0);
    while packets == 0 {
        pair.now = pair.hosts[0].poll_timeout().expect("a deadline");
        pair.hosts[0].handle_timeout(pair.now);
        while let Some(transmit) = pair.hosts[0].poll_transmit(pair.now, &mut buffer, 64) {
            packets += transmit.len.div_ceil(transmit.segment_len.unwrap_or(transmit.len));
            bytes += transmit.len;
        }
    }
    assert!(bytes > 1_000 && packets <= 3, "{bytes} bytes in {packets} packets");
}

fn take_keys(pair: &mut Pair, side: usize) -> Vec<KeyEpoch> {
    let mut keys = vec![];
    for event in core::mem::take(&mut pair.events[side]) {
        if let Event::Session(session, SessionEvent::Keys) = event {
            while let Some(epoch) = pair.hosts[side].take_key_epoch(session) {
                keys.push(epoch);
            }
        }
    }
    keys
}

#[test]
fn keys_are_handed_out_once_an_epoch_to_those_who_ask_and_open_packets() {
    let mut config = Config::new([1; 32]);
    config.exports_keys = true;
    let mut pair = Pair::new();
    pair.hosts[0] = host_of(1, config);
    let peer = pair.hosts[1].id();
    let dial = Dial::new(path(2), Some(peer));
    let session = pair.hosts[0].connect(pair.now, dial).expect("dials");
    pair.after(100);
    let first = take_keys(&mut pair, 0);
    let epochs: Vec<_> = first.iter().map(|key| (key.direction, key.epoch)).collect();
    assert_eq!(epochs, [(KeyDirection::Send, 0), (KeyDirection::Receive, 0)]);
    assert!(take_keys(&mut pair, 1).is_empty(), "it did not ask");
    let there = pair.hosts[1].session_with(&pair.hosts[0].id()).expect("a session");
    assert_eq!(pair.hosts[1].take_key_epoch(there), None);

    // A packet as it is on the wire.
    let root = pair.hosts[0].root(session).expect("a root");
    let now = pair.now;
    let stream = pair.hosts[0].open_substream(now, root, Open::default()).expect("opens");
    pair.hosts[0].write_record(now, stream, b"in plain sight").expect("writes");
    let mut buffer = [0; 1500];
    let transmit = pair.hosts[0].poll_transmit(now, &mut buffer, 1).expect("a packet");
    let packet = &mut buffer[..transmit.len];
    let header = SealedHeader::parse(packet).expect("a header");
    let (head, sealed) = packet.split_at_mut(header.encoded_len());
    let (body, tag) = sealed.split_last_chunk_mut().expect("a tag");
    let mut nonce = first[0].iv;
    for (byte, number) in nonce.iter_mut().rev().zip(header.widen(0).to_le_bytes()) {
        *byte ^= number;
    }
    let aead = RustCrypto::new(InsecureFixedRng::new(1)).aead(first[0].suite, &first[0].key);
    aead.expect("a cipher").open(&nonce, head, body, tag).expect("opens");
    assert!(body.windows(14).any(|bytes| bytes == b"in plain sight"));

    // The packet is lost, and sent again: by then there are other keys.
    pair.after(1_000);
    pair.hosts[0].update_keys(session);
    pair.hosts[0].write_record(pair.now, stream, b"more").expect("writes");
    pair.after(1_000);
    let epochs: Vec<_> =
        take_keys(&mut pair, 0).iter().map(|key| (key.direction, key.epoch)).collect();
    assert!(epochs.contains(&(KeyDirection::Send, 1)), "{epochs:?}");
    assert!(epochs.iter().all(|(_, epoch)| *epoch == 1) && epochs.len() <= 2, "{epochs:?}");
}

#[test]
fn an_idle_session_costs_at_most_4_kib() {
    type Memory = Storage<'static, RustCrypto<InsecureFixedRng>>;
    std::println!(
        "session {}, channel {}, root {}; with indices and timer {}; negotiation {}",
        size_of::<crate::storage::Row<Session>>(),
        size_of::<crate::storage::Row<ChannelRow<RustCrypto<InsecureFixedRng>>>>(),
        crate::stream::ROOT_BYTES,
        Memory::SESSION_BYTES,
        size_of::<crate::storage::Row<NegotiationRow>>(),
    );
    const { assert!(Memory::SESSION_BYTES <= 4096) };
}
