//! Hosts under test, and what must hold of them after every step.

use std::net::{Ipv4Addr, SocketAddr};

use sst_nostd::StreamLimits;
use sst_nostd::crypto::InsecureNullCrypto;
use sst_nostd::{
    Algorithm, Codepoint, Config, CookieMode, Duration, Host, Instant, Limits, Path, Storage,
};

use super::input::Input;

/// A host past whose cryptography anyone can get.
pub type NullHost = Host<'static, InsecureNullCrypto>;

/// More packets than any step of a test could call for.
const MAX_PACKETS: usize = 20_000;
/// More timeouts than can be due at one moment.
const MAX_TIMEOUTS: usize = 2_000;

/// Tables so small that they fill.
pub const TINY: Limits = Limits {
    sessions: 3,
    channels: 4,
    negotiations: 4,
    sent_packets: 24,
    sent_receipts: 40,
    streams: StreamLimits {
        sessions: 3,
        streams: 14,
        parents: 6,
        gapped: 5,
        range_rows: 7,
        blocks: 40,
        block_bytes: 64,
        tracked_datagrams: 3,
    },
};

/// A host whose choices `input` makes, with the identity of `seed`.
#[must_use]
pub fn host(seed: u8, input: &mut Input<'_>) -> NullHost {
    let mut config = Config::new([seed; 32]);
    let choices = input.byte();
    config.answers_unknown = choices & 1 != 0;
    config.cookies = match choices >> 1 & 3 {
        0 => CookieMode::Always,
        1 => CookieMode::Never,
        _ => CookieMode::Auto,
    };
    config.algorithm = if choices & 8 != 0 { Algorithm::Cubic } else { Algorithm::NewReno };
    config.has_ecn = choices & 16 != 0;
    config.streams.takes_turns = choices & 32 != 0;
    if choices & 64 != 0 {
        config.keep_alive = Some(Duration::from_secs(5));
    } else {
        config.first_packet_wait = Duration::ZERO;
    }
    if choices & 128 != 0 {
        let streams = &mut config.streams;
        streams.stream_window = 1 + u32::from(input.byte());
        streams.session_window = 1 + u64::from(input.byte());
        streams.children = u32::from(input.byte() % 3);
        streams.root_children = u32::from(input.byte() % 5);
        streams.id_window = 1 + u64::from(input.byte() % 8);
        streams.datagram_bytes = u32::from(input.byte()) * 32;
        streams.send_buffer = 2 + u32::from(input.word());
    }
    let crypto = InsecureNullCrypto::new(seed.into());
    Host::new(config, Storage::owned(&TINY), crypto, Instant::ZERO).expect("legal choices")
}

/// The path on which packets of the host on `port` come and go.
#[must_use]
pub fn path(port: u16) -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
}

/// Takes all packets that a host has to send now.
pub fn take_packets(host: &mut NullHost, now: Instant, max: usize) -> Vec<(u16, Vec<u8>)> {
    let mut packets = vec![];
    let mut buffer = vec![0; 4096];
    while let Some(transmit) = host.poll_transmit(now, &mut buffer, max) {
        assert!(packets.len() < MAX_PACKETS, "the host has always more to send");
        assert!(transmit.len > 0 && transmit.len <= buffer.len());
        let segment_len = transmit.segment_len.unwrap_or(transmit.len);
        for packet in buffer[..transmit.len].chunks(segment_len) {
            packets.push((transmit.path.peer.port(), packet.to_vec()));
        }
    }
    packets
}

/// Hands a packet to a host; it may well be ignored.
pub fn hand(host: &mut NullHost, now: Instant, from: u16, ecn: u8, packet: &[u8]) {
    let ecn = match ecn & 3 {
        0 => Codepoint::NotEct,
        1 => Codepoint::Ect0,
        2 => Codepoint::Ect1,
        _ => Codepoint::Ce,
    };
    let _ = host.handle_packet(now, path(from), ecn, &mut packet.to_vec());
}

/// Does what is due and gives what is to be sent; asserts that it is then done.
pub fn wake(host: &mut NullHost, now: Instant) -> Vec<(u16, Vec<u8>)> {
    let mut packets = take_packets(host, now, 1);
    for _ in 0..MAX_TIMEOUTS {
        if host.poll_timeout().is_none_or(|at| at > now) {
            return packets;
        }
        host.handle_timeout(now);
        packets.append(&mut take_packets(host, now, 1));
    }
    panic!("a timeout stays due: {:?} at {now:?}", host.poll_timeout());
}
