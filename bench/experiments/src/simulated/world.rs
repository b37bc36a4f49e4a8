//! [`World`]: a client and a server on one path of the simulator; the client fetches objects, each
//! on a substream of its own, and may change their priorities while they come.

use std::time::Duration;

use sst_nostd::sim::{LinkConfig, Network, SimHost};
use sst_nostd::{
    Config, Dial, Event, Instant, Limits, Open, SessionEvent, StreamEvent, StreamHandle,
};

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;
/// What a request must have: the bytes wanted, and their priority.
const REQUEST_BYTES: usize = 5;
/// What the server reads of one at once.
const PIECE_BYTES: usize = 128;
/// What the server writes at once.
const CHUNK_BYTES: usize = 16_384;

/// Bytes that came together, in the order they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) at: Instant,
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

/// An object on its way to the client.
pub(crate) struct Fetch {
    stream: StreamHandle,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) received: u64,
    pub(crate) ended: Option<Instant>,
}

impl Fetch {
    /// Bytes that were there at a moment.
    pub(crate) fn received_by(&self, at: Instant) -> u64 {
        self.chunks.iter().filter(|chunk| chunk.at <= at).map(|chunk| chunk.len).sum()
    }
}

/// What the server knows of a stream.
struct Serve {
    stream: StreamHandle,
    /// The download that a message on this stream is about.
    about: Option<StreamHandle>,
    request: Vec<u8>,
    left: usize,
    is_writable: bool,
}

/// Two hosts, and a session between them.
pub(crate) struct World {
    pub(crate) net: Network,
    /// The client takes bytes as they come, in order or not.
    pub(crate) takes_unordered: bool,
    /// How long requests are, if that is more than they need.
    pub(crate) request_bytes: usize,
    pub(crate) fetches: Vec<Fetch>,
    serves: Vec<Serve>,
}

/// The identity of a node.
pub(crate) fn secret(seed: u64, node: usize) -> [u8; 32] {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    secret[8] = node as u8;
    secret
}

impl World {
    /// Two hosts that have met; `down` leads to the client, `up` to the server. They meet before
    /// the links lose anything.
    pub(crate) fn new(
        seed: u64,
        links: [&LinkConfig; 2],
        change: impl Fn(&mut Config),
    ) -> Result<Self, String> {
        Self::with_limits(seed, links, change, Limits::of(4, 1024, 64 << 20))
    }

    /// The same, with so much memory.
    pub(crate) fn with_limits(
        seed: u64,
        [down, up]: [&LinkConfig; 2],
        change: impl Fn(&mut Config),
        limits: Limits,
    ) -> Result<Self, String> {
        let faultless = |link: &LinkConfig| LinkConfig { loss_ppm: 0, ..link.clone() };
        let net = hosts(seed, [&faultless(down), &faultless(up)], change, limits);
        let mut world = Self::meet(net)?;
        world.net.run_for(Duration::from_secs(1));
        world.net.link_mut(SERVER, CLIENT).config = down.clone();
        world.net.link_mut(CLIENT, SERVER).config = up.clone();
        Ok(world)
    }

    /// Dials, and is ready when the client is.
    pub(crate) fn meet(mut net: Network) -> Result<Self, String> {
        let dial = Dial::new(net.path_to(SERVER), Some(net.node(SERVER).host.id()));
        let (host, now) = net.host(CLIENT);
        host.connect(now, dial).map_err(|error| format!("{error:?}"))?;
        let until = net.now().after(Duration::from_secs(60));
        let is_ready = std::iter::from_fn(|| net.next_event(until))
            .any(|told| matches!(told, (CLIENT, Event::Session(_, SessionEvent::Ready))));
        if !is_ready {
            return Err("the hosts did not meet".into());
        }
        let (fetches, serves) = (vec![], vec![]);
        Ok(Self { net, takes_unordered: false, request_bytes: REQUEST_BYTES, fetches, serves })
    }

    /// The root of the session at one of the two.
    pub(crate) fn root(&mut self, node: usize) -> Result<StreamHandle, String> {
        let peer = self.net.node(1 - node).host.id();
        let host = &self.net.node(node).host;
        let session = host.session_with(&peer).ok_or("no session")?;
        host.root(session).ok_or_else(|| "no root".into())
    }

    /// Asks for an object on a fresh substream; tells its number.
    pub(crate) fn fetch(&mut self, bytes: usize, priority: i8) -> Result<usize, String> {
        let root = self.root(CLIENT)?;
        let (host, now) = self.net.host(CLIENT);
        let open = Open { priority: Some(priority), ..Open::default() };
        let stream = host.open_substream(now, root, open).map_err(|e| format!("{e:?}"))?;
        let mut request = (bytes as u32).to_be_bytes().to_vec();
        request.push(priority.cast_unsigned());
        request.resize(self.request_bytes.max(REQUEST_BYTES), 0);
        host.write(now, stream, &request).map_err(|error| format!("{error:?}"))?;
        host.finish(now, stream).map_err(|error| format!("{error:?}"))?;
        if self.takes_unordered {
            // From now on it is told of what comes out of order, too.
            let _ = host.read_unordered(now, stream, &mut []);
        }
        self.fetches.push(Fetch { stream, chunks: vec![], received: 0, ended: None });
        Ok(self.fetches.len() - 1)
    }

    /// Tells the server another priority for an object, by a message on a child of its stream.
    pub(crate) fn tell_priority(&mut self, fetch: usize, priority: i8) -> Result<(), String> {
        let (host, now) = self.net.host(CLIENT);
        let open = Open { priority: Some(i8::MAX), ..Open::default() };
        let stream = self.fetches[fetch].stream;
        let child = host.open_substream(now, stream, open).map_err(|e| format!("{e:?}"))?;
        let message = [priority.cast_unsigned()];
        host.write(now, child, &message).map_err(|error| format!("{error:?}"))?;
        host.finish(now, child).map_err(|error| format!("{error:?}"))?;
        host.release(now, child);
        Ok(())
    }

    /// Asks the server's host, without its application, for another priority of an object.
    pub(crate) fn request_priority(&mut self, fetch: usize, priority: i8) -> Result<(), String> {
        let stream = self.fetches[fetch].stream;
        let (host, now) = self.net.host(CLIENT);
        host.request_priority(now, stream, priority).map_err(|error| format!("{error:?}"))
    }

    /// Runs until `until`, or until every object is there.
    pub(crate) fn run(&mut self, until: Instant) -> Result<(), String> {
        while self.fetches.is_empty() || self.fetches.iter().any(|fetch| fetch.ended.is_none()) {
            let Some((node, event)) = self.next_event(until) else { break };
            match (node, event) {
                (_, Event::Session(_, SessionEvent::Closed)) => return Err("closed".into()),
                (CLIENT, Event::Stream(_, stream, StreamEvent::Readable)) => self.take(stream),
                (SERVER, Event::Stream(_, stream, event)) => self.serve(stream, event),
                _ => {}
            }
        }
        if self.net.spinning().is_some() { Err("a host spins".into()) } else { Ok(()) }
    }

    /// The server answers when it has heard all there is to hear at a moment, as its tasks would.
    fn next_event(&mut self, until: Instant) -> Option<(usize, Event)> {
        let event = self.net.next_event(self.net.now());
        if event.is_some() {
            return event;
        }
        let (host, now) = self.net.host(SERVER);
        for serve in self.serves.iter_mut().filter(|serve| serve.is_writable) {
            serve.write(host, now);
        }
        self.net.next_event(until)
    }

    /// When so much of all that arrived was there.
    pub(crate) fn arrived_at(&self, share: f64) -> Instant {
        let chunks = self.fetches.iter().flat_map(|fetch| &fetch.chunks);
        let mut chunks: Vec<(Instant, u64)> = chunks.map(|chunk| (chunk.at, chunk.len)).collect();
        chunks.sort_unstable();
        let wanted = chunks.iter().map(|chunk| chunk.1).sum::<u64>() as f64 * share;
        let mut sum = 0;
        let is_enough = |chunk: &&(Instant, u64)| {
            sum += chunk.1;
            sum as f64 >= wanted
        };
        chunks.iter().find(is_enough).map_or(self.net.now(), |chunk| chunk.0)
    }

    /// The client reads.
    fn take(&mut self, stream: StreamHandle) {
        let at = self.net.now();
        let Some(fetch) = self.fetches.iter_mut().find(|fetch| fetch.stream == stream) else {
            return;
        };
        let (host, now) = self.net.host(CLIENT);
        let mut buffer = [0; CHUNK_BYTES];
        loop {
            let taken = if self.takes_unordered {
                host.read_unordered(now, stream, &mut buffer)
            } else {
                let taken = host.read(now, stream, &mut buffer);
                taken.map(|len| (len > 0).then_some((fetch.received, len)))
            };
            match taken {
                Ok(Some((offset, len))) => {
                    fetch.chunks.push(Chunk { at, offset, len: len as u64 });
                    fetch.received += len as u64;
                }
                Ok(None) => {
                    fetch.ended = Some(at);
                    host.release(now, stream);
                    return;
                }
                Err(_) => return,
            }
        }
    }

    fn serve(&mut self, stream: StreamHandle, event: StreamEvent) {
        let (host, now) = self.net.host(SERVER);
        if event == StreamEvent::Child {
            let is_download = self.serves.iter().any(|serve| serve.stream == stream);
            let about = is_download.then_some(stream);
            while let Some(child) = host.accept_substream(now, stream) {
                self.serves.push(Serve::new(child, about));
            }
            return;
        }
        let Some(serve) = self.serves.iter_mut().find(|serve| serve.stream == stream) else {
            return;
        };
        match event {
            StreamEvent::Readable => serve.read(host, now),
            StreamEvent::Writable => serve.is_writable = true,
            _ => {}
        }
    }
}

impl Serve {
    fn new(stream: StreamHandle, about: Option<StreamHandle>) -> Self {
        Self { stream, about, request: vec![], left: 0, is_writable: false }
    }

    /// Takes what there is of a request or of a message, and does what it says once it is whole.
    fn read(&mut self, host: &mut SimHost, now: Instant) {
        let mut buffer = [0; PIECE_BYTES];
        loop {
            match host.read(now, self.stream, &mut buffer) {
                Ok(0) => break,
                Ok(len) => self.request.extend_from_slice(&buffer[..len]),
                Err(_) => return,
            }
        }
        let (of, priority) = match (self.about, self.request.as_slice()) {
            (Some(about), &[priority]) => (about, priority),
            (None, &[a, b, c, d, priority, ..]) => {
                self.left = u32::from_be_bytes([a, b, c, d]) as usize;
                self.is_writable = true;
                self.request.clear();
                (self.stream, priority)
            }
            _ => return,
        };
        let _ = host.set_priority(now, of, Some(priority.cast_signed()));
    }

    fn write(&mut self, host: &mut SimHost, now: Instant) {
        self.is_writable = false;
        while self.left > 0 {
            let chunk = [0x5a; CHUNK_BYTES];
            match host.write(now, self.stream, &chunk[..self.left.min(CHUNK_BYTES)]) {
                Ok(taken) => self.left -= taken,
                Err(_) => return,
            }
        }
        let _ = host.finish(now, self.stream);
    }
}

/// A client and a server who do not know each other yet.
pub(crate) fn hosts(
    seed: u64,
    [down, up]: [&LinkConfig; 2],
    change: impl Fn(&mut Config),
    limits: Limits,
) -> Network {
    let mut net = Network::new(seed);
    for node in [CLIENT, SERVER] {
        let mut config = Config::large(secret(seed, node));
        change(&mut config);
        net.add_node(config, limits);
    }
    net.link_mut(SERVER, CLIENT).config = down.clone();
    net.link_mut(CLIENT, SERVER).config = up.clone();
    net
}
