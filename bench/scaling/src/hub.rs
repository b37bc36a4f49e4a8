//! [`Hub`]: a host that many others call, all in one thread; packets go over at once, and time
//! passes a little with each turn.

use std::net::{Ipv4Addr, SocketAddr};

use sst_nostd::{
    Codepoint, Config, CookieMode, Dial, Duration, Host, Instant, Limits, Open, Path,
    SessionHandle, Storage, StreamHandle,
};

use crate::free::Free;

/// From one turn to the next.
const FLIGHT: Duration = Duration::from_micros(100);
/// Nothing ends by itself while this runs.
const IDLE_TIMEOUT: Duration = Duration::from_secs(86_400);
/// Data of 100,000 streams that hold a block each; resident when used.
const POOL_BYTES: u64 = 2 << 30;
/// What a negotiation takes.
const TURNS_TO_MEET: u32 = 8;

/// One who called.
pub(crate) struct Client {
    host: Host<'static, Free>,
    address: u32,
    session: SessionHandle,
    /// What it sends is lost; what the hub sends it is lost.
    pub(crate) loses: [bool; 2],
}

pub(crate) struct Hub {
    pub(crate) host: Host<'static, Free>,
    pub(crate) clients: Vec<Client>,
    pub(crate) now: Instant,
    calls: u32,
    buffer: Vec<u8>,
}

impl Hub {
    /// A host with room for so many sessions and streams.
    pub(crate) fn new(sessions: u32, streams: u32) -> Self {
        // Each has its share, and one more stays free.
        let limits = Limits::of(sessions, streams.saturating_mul(2), POOL_BYTES);
        let host = host(0, &limits, streams);
        Self { host, clients: vec![], now: Instant::ZERO, calls: 0, buffer: vec![0; 65_536] }
    }

    /// Somebody new calls; the last of the clients.
    pub(crate) fn join(&mut self, streams: u32) -> Option<usize> {
        self.calls += 1;
        let limits = Limits::of(1, streams, if streams > 1_000 { POOL_BYTES } else { 1 << 20 });
        let mut host = host(self.calls, &limits, streams);
        let dial = Dial::new(path(0), Some(self.host.id()));
        let session = host.connect(self.now, dial).ok()?;
        self.clients.push(Client { host, address: self.calls, session, loses: [false; 2] });
        (0..TURNS_TO_MEET).for_each(|_| self.turn());
        let client = self.clients.len() - 1;
        self.root(client).map(|_| client)
    }

    /// A client's root, at the client and here.
    pub(crate) fn root(&self, client: usize) -> Option<[StreamHandle; 2]> {
        let client = self.clients.get(client)?;
        let theirs = self.host.session_with(&client.host.id())?;
        Some([client.host.root(client.session)?, self.host.root(theirs)?])
    }

    /// The client's host.
    pub(crate) fn client(&mut self, client: usize) -> &mut Host<'static, Free> {
        &mut self.clients[client].host
    }

    /// The client hangs up, and all forget.
    pub(crate) fn part(&mut self, client: usize) -> Option<()> {
        let now = self.now;
        let session = self.clients[client].session;
        let theirs = self.host.session_with(&self.clients[client].host.id())?;
        self.client(client).close(now, session, 0, "").ok()?;
        (0..4).for_each(|_| self.turn());
        self.host.release_session(self.now, theirs);
        self.now = self.now.after(Duration::from_secs(5));
        self.turn();
        self.clients.remove(client);
        Some(())
    }

    /// A substream of a client, with a byte to make it known, accepted here: at both ends.
    pub(crate) fn open(&mut self, client: usize, count: usize) -> Option<Vec<[StreamHandle; 2]>> {
        let [root, here] = self.root(client)?;
        let mut opened = vec![];
        let now = self.now;
        let host = self.client(client);
        for _ in 0..count {
            let stream = host.open_substream(now, root, Open::default()).ok()?;
            host.write(now, stream, b"?").ok()?;
            opened.push(stream);
        }
        self.turn();
        self.turn();
        let mut buffer = [0; 8];
        let mut pairs = vec![];
        for stream in opened {
            let child = self.host.accept_substream(self.now, here)?;
            self.host.read(self.now, child, &mut buffer).ok()?;
            pairs.push([stream, child]);
        }
        Some(pairs)
    }

    /// What all have to say now goes over; due timers ring.
    pub(crate) fn turn(&mut self) {
        for client in 0..self.clients.len() {
            while self.carry_here(client) {}
        }
        while self.carry_away() {}
        self.now = self.now.after(FLIGHT);
        let hosts = self.clients.iter_mut().filter(|client| client.loses == [false; 2]);
        for host in hosts.map(|client| &mut client.host).chain([&mut self.host]) {
            if host.poll_timeout().is_some_and(|at| at <= self.now) {
                host.handle_timeout(self.now);
            }
            while host.poll_event().is_some() {}
        }
    }

    fn carry_here(&mut self, client: usize) -> bool {
        let Client { host, address, loses, .. } = &mut self.clients[client];
        let Some(sent) = host.poll_transmit(self.now, &mut self.buffer, 1) else { return false };
        if !loses[0] {
            let packet = &mut self.buffer[..sent.len];
            let _ = self.host.handle_packet(self.now, path(*address), Codepoint::NotEct, packet);
        }
        true
    }

    fn carry_away(&mut self) -> bool {
        let Some(sent) = self.host.poll_transmit(self.now, &mut self.buffer, 1) else {
            return false;
        };
        let is_to = |client: &&mut Client| path(client.address) == sent.path;
        if let Some(client) = self.clients.iter_mut().find(is_to)
            && !client.loses[1]
        {
            let packet = &mut self.buffer[..sent.len];
            let _ = client.host.handle_packet(self.now, path(0), Codepoint::NotEct, packet);
        }
        true
    }
}

fn host(number: u32, limits: &Limits, streams: u32) -> Host<'static, Free> {
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    let mut config = Config::large(secret);
    config.cookies = CookieMode::Never;
    // All clients come from one address.
    config.shares_by_source = false;
    config.idle_timeout = Some(IDLE_TIMEOUT);
    config.streams.root_children = streams;
    // Every host draws numbers of its own, or all would choose the same ids.
    let crypto = Free { drawn: u64::from(number) << 32, ..Free::new(false) };
    Host::new(config, Storage::owned(limits), crypto, Instant::ZERO).expect("a legal configuration")
}

/// Addresses that are all different; 0 is the hub's.
fn path(number: u32) -> Path {
    let address = Ipv4Addr::from_bits(Ipv4Addr::new(10, 0, 0, 1).to_bits() + number);
    Path { local: None, peer: SocketAddr::from((address, 8661)) }
}
