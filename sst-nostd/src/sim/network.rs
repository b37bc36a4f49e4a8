//! Hosts, the links between them, and what is on its way; time moves from one event to the next.

use core::cmp::Reverse;
use core::net::SocketAddr;
use std::collections::{BinaryHeap, VecDeque};
use std::vec;
use std::vec::Vec;

use crate::channel::Path;
use crate::host::{Config, Event, Ignored, Limits};
use crate::recovery::ecn::Codepoint;
use crate::time::{Duration, Instant};

use super::link::{Arrival, Link, LinkConfig};
use super::node::{Node, SimHost};
use super::random::{Random, mix};

/// The simulation begins here, so that clocks can be set back.
pub const START: Instant = Instant::from_micros(1_000_000_000);
/// So many things done by one host at one instant mean that it spins.
const MAX_STEPS_AT_ONCE: u32 = 50_000;

/// A packet as it went out or came in, for tests that look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// When.
    pub at: Instant,
    /// The node that sent it.
    pub node: usize,
    /// Where it seems to come from.
    pub from: SocketAddr,
    /// Where it goes.
    pub to: SocketAddr,
    /// The packet.
    pub packet: Vec<u8>,
}

/// A packet on its way.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct InFlight {
    at: Instant,
    sequence: u64,
    from: SocketAddr,
    to: SocketAddr,
    ecn: u8,
    packet: Vec<u8>,
}

/// Hosts and links.
pub struct Network {
    now: Instant,
    nodes: Vec<Node>,
    links: Vec<Link>,
    /// The link from one node to another.
    routes: Vec<Vec<usize>>,
    in_flight: BinaryHeap<Reverse<InFlight>>,
    sequence: u64,
    events: VecDeque<(usize, Event)>,
    random: Random,
    trace: u64,
    spinning: Option<usize>,
    /// Every packet sent, if wanted.
    pub log: Option<Vec<Logged>>,
    /// What a host made of the last packet it was handed.
    pub last_result: Result<(), Ignored>,
}

impl Network {
    /// A network without hosts.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            now: START,
            nodes: vec![],
            links: vec![],
            routes: vec![],
            in_flight: BinaryHeap::new(),
            sequence: 0,
            events: VecDeque::new(),
            random: Random::new(seed),
            trace: seed,
            spinning: None,
            log: None,
            last_result: Ok(()),
        }
    }

    /// Adds a host; it is linked to all others by clean links without delay.
    pub fn add_node(&mut self, config: Config, limits: Limits) -> usize {
        let index = self.nodes.len();
        let random = self.random.fork();
        self.nodes.push(Node::new(index, config, limits, random, self.now));
        self.routes.push(vec![usize::MAX; index]);
        for from in 0..=index {
            let clean = self.add_link(LinkConfig::clean(Duration::ZERO));
            self.routes[from].push(clean);
            if from < index {
                self.routes[index][from] = self.add_link(LinkConfig::clean(Duration::ZERO));
            }
        }
        index
    }

    /// Adds a link that leads nowhere yet.
    pub fn add_link(&mut self, config: LinkConfig) -> usize {
        self.links.push(Link::new(config));
        self.links.len() - 1
    }

    /// Leads what one node sends another over a link; several pairs may share one.
    pub fn set_route(&mut self, from: usize, to: usize, link: usize) {
        self.routes[from][to] = link;
    }

    /// Makes both directions between two nodes such links.
    pub fn connect_nodes(&mut self, a: usize, b: usize, config: &LinkConfig) {
        self.link_mut(a, b).config = config.clone();
        self.link_mut(b, a).config = config.clone();
    }

    /// The link from one node to another.
    pub fn link_mut(&mut self, from: usize, to: usize) -> &mut Link {
        &mut self.links[self.routes[from][to]]
    }

    /// All links.
    pub fn links_mut(&mut self) -> &mut [Link] {
        &mut self.links
    }

    /// The simulation's time.
    #[must_use]
    pub const fn now(&self) -> Instant {
        self.now
    }

    /// How many nodes there are.
    #[must_use]
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// A node, to look at.
    #[must_use]
    pub fn node(&self, node: usize) -> &Node {
        &self.nodes[node]
    }

    /// A node, to change; its host is asked for packets and events afterwards.
    pub fn node_mut(&mut self, node: usize) -> &mut Node {
        self.nodes[node].is_dirty = true;
        &mut self.nodes[node]
    }

    /// A host, and the time to tell it.
    pub fn host(&mut self, node: usize) -> (&mut SimHost, Instant) {
        let now = self.now;
        let node = &mut self.nodes[node];
        node.is_dirty = true;
        let local = node.read_clock(now);
        (&mut node.host, local)
    }

    /// Where others reach a node that is not behind a NAT.
    #[must_use]
    pub fn path_to(&self, node: usize) -> Path {
        Path { local: None, peer: self.nodes[node].address }
    }

    /// The host forgets everything but who it is.
    pub fn restart(&mut self, node: usize) {
        let now = self.now;
        self.events.retain(|(of, _)| *of != node);
        self.node_mut(node).restart(now);
    }

    /// A number that is the same for two runs in which the same happened.
    #[must_use]
    pub const fn trace(&self) -> u64 {
        self.trace
    }

    /// The host that did so much at one instant that it must be going in circles.
    #[must_use]
    pub const fn spinning(&self) -> Option<usize> {
        self.spinning
    }

    /// Hands a packet to whoever is at `to`, now, as if it came from `from`.
    pub fn inject(&mut self, from: SocketAddr, to: SocketAddr, packet: &[u8]) {
        self.deliver(from, to, Codepoint::NotEct, packet.to_vec());
        self.drain_all();
    }

    /// Runs until some host has something to tell, or until `until`.
    pub fn next_event(&mut self, until: Instant) -> Option<(usize, Event)> {
        loop {
            self.drain_all();
            if self.spinning.is_some() {
                return None;
            }
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            let arrival_at = self.in_flight.peek().map(|packet| packet.0.at);
            let due = self.nodes.iter().enumerate();
            let due = due.filter_map(|(index, node)| Some((node.due_at?, index))).min();
            let next = arrival_at.into_iter().chain(due.map(|(at, _)| at)).min();
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = self.now.max(until);
                return None;
            };
            self.now = self.now.max(next);
            if arrival_at == Some(next) {
                self.deliver_next();
            } else if let Some((_, index)) = due {
                let (host, local) = self.host(index);
                host.handle_timeout(local);
                self.count_step(index);
            }
        }
    }

    /// Runs until `until`, whatever the hosts have to tell; hands back what they told.
    pub fn run_until(&mut self, until: Instant) -> Vec<(usize, Event)> {
        let mut told = vec![];
        while let Some(event) = self.next_event(until) {
            told.push(event);
        }
        told
    }

    /// Runs for so long; hands back what hosts told.
    pub fn run_for(&mut self, duration: Duration) -> Vec<(usize, Event)> {
        self.run_until(self.now.after(duration))
    }

    fn deliver_next(&mut self) {
        if let Some(Reverse(packet)) = self.in_flight.pop() {
            let InFlight { from, to, ecn, packet, .. } = packet;
            self.deliver(from, to, codepoint(ecn), packet);
        }
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, ecn: Codepoint, mut packet: Vec<u8>) {
        let at = self.nodes.iter().position(|node| match &node.nat {
            Some(nat) => nat.admits(to),
            None => node.is_at(to),
        });
        let Some(index) = at else { return };
        if self.nodes[index].hears_only.is_some_and(|only| only != from.ip()) {
            return;
        }
        let local = self.nodes[index].tells_local.then(|| to.ip());
        let path = Path { local, peer: from };
        let (host, local) = self.host(index);
        self.last_result = host.handle_packet(local, path, ecn, &mut packet);
        self.count_step(index);
    }

    fn drain_all(&mut self) {
        for index in 0..self.nodes.len() {
            if self.nodes[index].is_dirty && self.spinning.is_none() {
                self.drain(index);
            }
        }
    }

    /// Takes from a host what it wants to send and tell.
    fn drain(&mut self, index: usize) {
        let now = self.now;
        let mut buffer = core::mem::take(&mut self.nodes[index].buffer);
        loop {
            let node = &mut self.nodes[index];
            node.is_dirty = false;
            let local = node.read_clock(now);
            let segments = node.max_segments;
            let Some(transmit) = node.host.poll_transmit(local, &mut buffer, segments) else {
                break;
            };
            if self.count_step(index) {
                break;
            }
            let packets = &buffer[..transmit.len];
            for packet in packets.chunks(transmit.segment_len.unwrap_or(transmit.len).max(1)) {
                self.send(index, transmit.path, transmit.ecn, packet);
            }
        }
        let node = &mut self.nodes[index];
        node.buffer = buffer;
        while let Some(event) = node.host.poll_event() {
            self.events.push_back((index, event));
            self.trace = mix(self.trace ^ event_hash(&event));
            if node.step(now) > MAX_STEPS_AT_ONCE {
                self.spinning = Some(index);
                break;
            }
        }
        node.renew_due(now);
    }

    fn send(&mut self, index: usize, path: Path, ecn: Codepoint, packet: &[u8]) {
        let (now, to) = (self.now, path.peer);
        let node = &mut self.nodes[index];
        let Some(inner) = node.source(path.local) else { return };
        let from = node.nat.as_mut().map_or(inner, |nat| nat.translate(now));
        self.trace =
            packet.chunks(64).filter_map(|chunk| chunk.first_chunk()).fold(
                mix(self.trace ^ now.as_micros() ^ (packet.len() as u64) << 48),
                |sum, part| mix(sum ^ u64::from_be_bytes(*part)),
            );
        if let Some(log) = &mut self.log {
            log.push(Logged { at: now, node: index, from, to, packet: packet.to_vec() });
        }
        let target = self.nodes.iter().position(|node| match &node.nat {
            Some(nat) => nat.is_outer(to),
            None => node.is_at(to),
        });
        let Some(target) = target else { return };
        let link = self.routes[index][target];
        let arrivals = self.links[link].carry(now, packet.len(), ecn, &mut self.random);
        for arrival in arrivals.into_iter().flatten() {
            self.fly(from, to, arrival, packet);
        }
    }

    fn fly(&mut self, from: SocketAddr, to: SocketAddr, arrival: Arrival, packet: &[u8]) {
        let mut packet = packet.to_vec();
        if let Some(bit) = arrival.flipped_bit {
            packet[(bit / 8) as usize] ^= 1 << (bit % 8);
        }
        self.sequence += 1;
        let (sequence, ecn) = (self.sequence, bits(arrival.ecn));
        self.in_flight.push(Reverse(InFlight { at: arrival.at, sequence, from, to, ecn, packet }));
    }

    /// Counts one thing that a host did; true if it was one too many.
    fn count_step(&mut self, index: usize) -> bool {
        let now = self.now;
        let is_spinning = self.nodes[index].step(now) > MAX_STEPS_AT_ONCE;
        if is_spinning {
            self.spinning = Some(index);
        }
        is_spinning
    }
}

fn event_hash(event: &Event) -> u64 {
    match event {
        Event::Session(session, _) => u64::from(session.index()) << 8 | 1,
        Event::Stream(_, stream, _) => u64::from(stream.index()) << 8 | 2,
        Event::Datagram(ticket, _) => u64::from(ticket.index()) << 8 | 3,
    }
}

/// The bits of the IP header.
const fn bits(ecn: Codepoint) -> u8 {
    match ecn {
        Codepoint::NotEct => 0,
        Codepoint::Ect1 => 1,
        Codepoint::Ect0 => 2,
        Codepoint::Ce => 3,
    }
}

const fn codepoint(bits: u8) -> Codepoint {
    match bits {
        1 => Codepoint::Ect1,
        2 => Codepoint::Ect0,
        3 => Codepoint::Ce,
        _ => Codepoint::NotEct,
    }
}
