//! [`World`]: a client and a server on one path of the simulator; the client fetches objects, each
//! on a substream of its own, and may change their priorities while they come.

use std::time::Duration;

use sst_nostd::host::{Config, Dial, Event, Limits, SessionHandle};
use sst_nostd::session::SessionEvent;
use sst_nostd::sim::{LinkConfig, Network};
use sst_nostd::stream::{Open, StreamEvent, StreamHandle};
use sst_nostd::time::Instant;

pub(crate) const CLIENT: usize = 0;
pub(crate) const SERVER: usize = 1;
/// A request: the bytes wanted, and their priority.
const REQUEST_BYTES: usize = 5;
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

/// What the server knows of a stream.
struct Serve {
    stream: StreamHandle,
    /// The download that a message on this stream is about.
    about: Option<StreamHandle>,
    request: Vec<u8>,
    left: usize,
    is_finished: bool,
}

/// Two hosts, and a session between them.
pub(crate) struct World {
    pub(crate) net: Network,
    /// The session, as the client and as the server knows it.
    pub(crate) sessions: [SessionHandle; 2],
    /// The client takes bytes as they come, in order or not.
    pub(crate) takes_unordered: bool,
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
        [down, up]: [&LinkConfig; 2],
        change: impl Fn(&mut Config),
    ) -> Result<Self, String> {
        let mut net = Network::new(seed);
        for node in [CLIENT, SERVER] {
            let mut config = Config::large(secret(seed, node));
            change(&mut config);
            net.add_node(config, Limits::of(4, 1024, 64 << 20));
        }
        let faultless = |link: &LinkConfig| LinkConfig { loss_ppm: 0, ..link.clone() };
        net.link_mut(SERVER, CLIENT).config = faultless(down);
        net.link_mut(CLIENT, SERVER).config = faultless(up);
        let sessions = meet(&mut net)?;
        net.run_for(Duration::from_secs(1));
        net.link_mut(SERVER, CLIENT).config = down.clone();
        net.link_mut(CLIENT, SERVER).config = up.clone();
        Ok(Self { net, sessions, takes_unordered: false, fetches: vec![], serves: vec![] })
    }

    /// Asks for an object on a fresh substream; tells its number.
    pub(crate) fn fetch(&mut self, bytes: usize, priority: i8) -> Result<usize, String> {
        let (host, now) = self.net.host(CLIENT);
        let root = host.root(self.sessions[CLIENT]).ok_or("no root")?;
        let open = Open { priority: Some(priority), ..Open::default() };
        let stream = host.open_substream(now, root, open).map_err(|e| format!("{e:?}"))?;
        let mut request = (bytes as u32).to_be_bytes().to_vec();
        request.push(priority.cast_unsigned());
        host.write(now, stream, &request).map_err(|error| format!("{error:?}"))?;
        host.finish(now, stream).map_err(|error| format!("{error:?}"))?;
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

    /// Runs until `until`, or until every object is there.
    pub(crate) fn run(&mut self, until: Instant) -> Result<(), String> {
        while self.fetches.is_empty() || self.fetches.iter().any(|fetch| fetch.ended.is_none()) {
            let Some((node, event)) = self.net.next_event(until) else { break };
            match (node, event) {
                (_, Event::Session(_, SessionEvent::Closed)) => return Err("closed".into()),
                (CLIENT, Event::Stream(_, stream, StreamEvent::Readable)) => self.take(stream),
                (SERVER, Event::Stream(_, stream, event)) => self.serve(stream, event),
                _ => {}
            }
        }
        if self.net.spinning().is_some() { Err("a host spins".into()) } else { Ok(()) }
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
                let request = vec![];
                let serve = Serve { stream: child, about, request, left: 0, is_finished: false };
                self.serves.push(serve);
            }
            return;
        }
        let Some(serve) = self.serves.iter_mut().find(|serve| serve.stream == stream) else {
            return;
        };
        if event == StreamEvent::Readable {
            let mut buffer = [0; REQUEST_BYTES];
            while let Ok(len @ 1..) = host.read(now, stream, &mut buffer) {
                serve.request.extend_from_slice(&buffer[..len]);
            }
            let (of, priority) = match (serve.about, serve.request.as_slice()) {
                (Some(about), &[priority]) => (about, priority),
                (None, &[a, b, c, d, priority]) => {
                    serve.left = u32::from_be_bytes([a, b, c, d]) as usize;
                    serve.request.clear();
                    (stream, priority)
                }
                _ => return,
            };
            let _ = host.set_priority(now, of, Some(priority.cast_signed()));
        }
        while serve.left > 0 {
            let chunk = [0x5a; CHUNK_BYTES];
            let Ok(taken) = host.write(now, stream, &chunk[..serve.left.min(CHUNK_BYTES)]) else {
                return;
            };
            serve.left -= taken;
        }
        if serve.about.is_none() && !serve.is_finished {
            serve.is_finished = host.finish(now, stream).is_ok();
        }
    }
}

/// Dials, and waits until both know.
fn meet(net: &mut Network) -> Result<[SessionHandle; 2], String> {
    let dial = Dial { path: net.path_to(SERVER), id: Some(net.node(SERVER).host.id()) };
    let (host, now) = net.host(CLIENT);
    let ours = host.connect(now, dial).map_err(|error| format!("{error:?}"))?;
    let until = net.now().after(Duration::from_secs(10));
    while let Some((node, event)) = net.next_event(until) {
        if let (SERVER, Event::Session(theirs, SessionEvent::Incoming)) = (node, event) {
            return Ok([ours, theirs]);
        }
    }
    Err("the hosts did not meet".into())
}
