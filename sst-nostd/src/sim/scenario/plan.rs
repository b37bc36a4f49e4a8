//! Which hosts there are, and what is between them.

use core::net::Ipv4Addr;
use std::vec::Vec;

use crate::host::{Accepting, Config, Limits};
use crate::negotiation::CookieMode;
use crate::recovery::congestion::Algorithm;
use crate::sim::link::LinkConfig;
use crate::sim::model::Model;
use crate::sim::nat::Nat;
use crate::sim::network::Network;
use crate::sim::random::Random;
use crate::stream::StreamLimits;
use crate::time::Duration;

use super::{Application, Scenario};

impl Scenario {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut network = Network::new(random.next());
        let hosts = random.pick(&[2, 2, 2, 3, 4]);
        let mut first_secret = None;
        for _ in 0..hosts {
            let mut config = config(&mut random);
            let first = *first_secret.get_or_insert(config.secret);
            if random.one_in(6) {
                config.secret = first;
            }
            if random.one_in(8) {
                config.accepting = Accepting::Expected;
            }
            let node = network.add_node(config, limits(&mut random));
            let segments = random.pick(&[1, 1, 4, 10]);
            network.node_mut(node).max_segments = segments;
            if node > 0 && random.one_in(4) {
                let interval = random.one_in(2).then(|| millis(&mut random, 50, 5000));
                let outer = Ipv4Addr::new(203, 0, 113, node as u8);
                network.node_mut(node).nat = Some(Nat::new(outer.into(), interval));
            }
        }
        for from in 0..hosts {
            for to in 0..from {
                let severity = random.pick(&[0, 0, 1, 1, 2, 3]);
                let most = random.pick(&[10, 40, 150]);
                let delay = millis(&mut random, 0, most);
                for (a, b) in [(from, to), (to, from)] {
                    network.link_mut(a, b).config = link(&mut random, delay, severity);
                }
            }
        }
        let ids = (0..hosts).map(|node| network.node(node).host.id()).collect();
        Self {
            seed,
            network,
            applications: (0..hosts).map(|_| Application::default()).collect(),
            ids,
            bonds: Vec::new(),
            model: Model::default(),
            fault: None,
            is_healing: false,
            bytes: 0,
            datagrams: 0,
            sessions: 0,
            packets: 0,
            random,
        }
    }
}

fn config(random: &mut Random) -> Config {
    let mut secret = [0; 32];
    secret.fill_with(|| random.next() as u8);
    let mut config = if random.one_in(3) { Config::large(secret) } else { Config::new(secret) };
    config.answers_unknown = random.one_in(2);
    config.cookies =
        random.pick(&[CookieMode::Auto, CookieMode::Auto, CookieMode::Always, CookieMode::Never]);
    config.algorithm = random.pick(&[Algorithm::Cubic, Algorithm::NewReno, Algorithm::Tolerant]);
    config.has_ecn = random.one_in(2);
    config.idle_timeout = Some(millis(random, 3000, 30_000));
    config.keep_alive = random.one_in(3).then(|| millis(random, 300, 2000));
    config.ack.every_packets = random.pick(&[1, 2, 2, 10]);
    config.ack.max_ack_delay = millis(random, 0, 50);
    config.max_packet_bytes = random.pick(&[1200, 1472, 1472, 9000]);
    let streams = &mut config.streams;
    if random.one_in(4) {
        streams.stream_window = random.within(1, 3000) as u32;
        streams.session_window = u64::from(streams.stream_window) + random.below(3000);
        streams.send_buffer = random.within(2, 3000) as u32;
    }
    streams.root_children = random.pick(&[0, 1, 3, 16]).max(1);
    streams.children = random.pick(&[1, 2, 4, 16]);
    streams.id_window = random.pick(&[1, 2, 8, 64, 64]);
    streams.datagram_bytes = random.pick(&[0, 100, 4096, 60_000]);
    streams.datagram_queue_bytes = random.pick(&[100, 2000, 4096, 100_000]);
    streams.takes_turns = random.one_in(2);
    config
}

fn limits(random: &mut Random) -> Limits {
    match random.below(3) {
        0 => Limits::of(8, 256, 4 << 20),
        1 => Limits::of(4, 64, 256 << 10),
        _ => Limits {
            sessions: 3,
            channels: 5,
            negotiations: 4,
            sent_packets: random.within(8, 48) as u32,
            sent_receipts: random.within(24, 96) as u32,
            streams: StreamLimits {
                sessions: 3,
                streams: random.within(6, 24) as u32,
                parents: random.within(6, 12) as u32,
                gapped: random.within(4, 12) as u32,
                range_rows: random.within(8, 24) as u32,
                blocks: random.within(64, 256) as u32,
                block_bytes: random.pick(&[256, 512]),
                tracked_datagrams: 8,
            },
        },
    }
}

fn link(random: &mut Random, delay: Duration, severity: u32) -> LinkConfig {
    let mut config = LinkConfig::clean(delay);
    config.mtu_bytes = random.pick(&[1200, 1252, 1400, 1472, 9000]);
    if random.one_in(2) {
        config.bits_per_second = Some(random.pick(&[300_000, 2_000_000, 10_000_000, 100_000_000]));
        config.queue_bytes = random.within(5, 100) * 1500;
    }
    if severity == 0 {
        return config;
    }
    let ppm = severity * 30_000;
    let mut some =
        |most: u32| if random.one_in(2) { random.below(u64::from(most)) as u32 } else { 0 };
    config.loss_ppm = some(ppm * 3);
    config.burst_ppm = some(ppm / 4);
    config.burst_packets = 10;
    config.reorder_ppm = some(ppm * 3);
    config.duplicate_ppm = some(ppm * 2);
    config.corrupt_ppm = some(ppm * 2);
    config.ce_ppm = some(ppm * 3);
    config.bleaches_ecn = some(8) == 1;
    config.reorder_delay = millis(random, 0, 100);
    config.jitter = millis(random, 0, 60);
    config
}

pub(super) fn millis(random: &mut Random, low: u64, high: u64) -> Duration {
    Duration::from_millis(random.within(low, high))
}

/// The same link without its faults.
pub(super) fn healed(config: &LinkConfig) -> LinkConfig {
    LinkConfig {
        bits_per_second: config.bits_per_second,
        queue_bytes: config.queue_bytes.max(30_000),
        mtu_bytes: config.mtu_bytes,
        blackouts: Vec::new(),
        ..LinkConfig::clean(config.delay)
    }
}
