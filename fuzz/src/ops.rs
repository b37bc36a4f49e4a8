//! Two hosts with tiny tables, two applications, and a network that does what it likes.

use sst_nostd::{Duration, Instant};

use super::application::Application;
use super::input::{Input, ignore};
use super::world::{NullHost, hand, host, take_packets, wake};

/// Packets under way; more are lost.
const MAX_AIR: usize = 64;

struct World {
    hosts: [NullHost; 2],
    applications: [Application; 2],
    /// Which host each packet goes to.
    air: Vec<(usize, Vec<u8>)>,
    now: Instant,
}

/// Runs the operations in `data`; tells how many bytes arrived as they were sent.
pub fn run(data: &[u8]) -> u64 {
    let mut input = Input::new(data);
    let hosts = [host(1, &mut input), host(2, &mut input)];
    let applications = [Application::with_honest_peer(), Application::with_honest_peer()];
    let mut world = World { hosts, applications, air: vec![], now: Instant::ZERO };
    while !input.is_empty() {
        world.step(&mut input);
    }
    let checked_bytes = world.applications.iter().map(|one| one.checked_bytes).sum();
    world.end();
    checked_bytes
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let side = usize::from(choice & 1);
        match choice >> 1 & 7 {
            0..4 => {
                let peer = 2 - side as u16;
                self.applications[side].act(&mut self.hosts[side], self.now, peer, input);
                self.collect(side, 1 + usize::from(choice >> 6));
            }
            4 => self.deliver(input),
            5 => self.exchange(),
            6 => self.meddle(input),
            _ => {
                let micros = input.size().min(1 << 36);
                self.now = self.now.after(Duration::from_micros(micros));
                self.wake();
            }
        }
    }

    /// What a host has to send goes into the air.
    fn collect(&mut self, side: usize, max: usize) {
        let packets = take_packets(&mut self.hosts[side], self.now, max);
        self.launch(packets);
    }

    fn launch(&mut self, packets: Vec<(u16, Vec<u8>)>) {
        for (port, packet) in packets {
            // Anything else than the two hosts' ports leads nowhere.
            if (1..=2).contains(&port) && self.air.len() < MAX_AIR {
                self.air.push((usize::from(port - 1), packet));
            }
        }
    }

    fn wake(&mut self) {
        for side in 0..2 {
            let packets = wake(&mut self.hosts[side], self.now);
            self.launch(packets);
            self.applications[side].listen(&mut self.hosts[side]);
        }
    }

    /// One packet arrives, be it the oldest or not, and may stay in the air as a copy.
    fn deliver(&mut self, input: &mut Input<'_>) {
        let (place, fate) = (input.byte(), input.byte());
        if self.air.is_empty() {
            return;
        }
        let place = usize::from(place) % self.air.len();
        let (side, packet) =
            if fate & 1 == 0 { self.air.remove(place) } else { self.air[place].clone() };
        self.arrive(side, fate >> 2, &packet);
    }

    fn arrive(&mut self, side: usize, ecn: u8, packet: &[u8]) {
        let from = 2 - side as u16;
        hand(&mut self.hosts[side], self.now, from, ecn, packet);
        self.applications[side].listen(&mut self.hosts[side]);
        self.collect(side, 1);
    }

    /// Everything in the air arrives, and so do the answers, for a few rounds.
    fn exchange(&mut self) {
        for _ in 0..8 {
            for (side, packet) in core::mem::take(&mut self.air) {
                self.arrive(side, 0, &packet);
            }
        }
    }

    /// The network loses, cuts or changes packets.
    fn meddle(&mut self, input: &mut Input<'_>) {
        let (what, place, value) = (input.below(4), input.byte(), input.byte());
        if self.air.is_empty() {
            return;
        }
        let at = usize::from(place) % self.air.len();
        let packet = &mut self.air[at].1;
        match what {
            0 => self.air.clear(),
            1 => ignore(self.air.remove(at)),
            2 => packet.truncate(usize::from(value)),
            _ => {
                let place = usize::from(input.word()) % packet.len().max(1);
                if let Some(byte) = packet.get_mut(place) {
                    *byte ^= value;
                }
            }
        }
    }

    /// Both applications let go of everything: after a while nothing may be left.
    fn end(mut self) {
        for side in 0..2 {
            self.applications[side].leave(&mut self.hosts[side], self.now);
            self.collect(side, 1);
        }
        for _ in 0..4_000 {
            self.exchange();
            self.wake();
            for side in 0..2 {
                self.applications[side].leave(&mut self.hosts[side], self.now);
                self.collect(side, 1);
            }
            let next = self.hosts.iter_mut().filter_map(NullHost::poll_timeout).min();
            let Some(next) = next else { break };
            self.now = self.now.max(next);
        }
        for host in &self.hosts {
            let stats = host.stats();
            let kept = (stats.sessions, stats.channels, stats.streams, stats.half_open);
            assert_eq!(kept, (0, 0, 0, 0), "{stats:?}");
            assert_eq!((stats.bytes_held, stats.packets_in_flight), (0, 0), "{stats:?}");
        }
    }
}
