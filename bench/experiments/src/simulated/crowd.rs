//! [`Crowd`]: senders that share one bottleneck on the simulator, each with a stream without end.

use std::time::Duration;

use sst_nostd::sim::{LinkConfig, Network};
use sst_nostd::{
    Algorithm, Config, Dial, Event, Limits, Open, SessionEvent, StreamEvent, StreamHandle,
};

use super::world::secret;

const CHUNK_BYTES: usize = 65_536;
/// They begin one after the other, as people do.
const BEGIN_EVERY: Duration = Duration::from_millis(100);

/// Senders and one receiver.
pub(super) struct Crowd {
    net: Network,
    /// The stream of each sender, at the sender and at the receiver.
    streams: Vec<[Option<StreamHandle>; 2]>,
    /// Bytes that each brought over.
    pub(super) received: Vec<u64>,
}

impl Crowd {
    /// A sender for each algorithm, all through `link`, and back by a clean one as long.
    pub(super) fn new(
        seed: u64,
        algorithms: &[Algorithm],
        link: &LinkConfig,
    ) -> Result<Self, String> {
        let mut net = Network::new(seed);
        let receiver = algorithms.len();
        for node in 0..=receiver {
            let mut config = Config::large(secret(seed, node));
            config.algorithm = algorithms.get(node).copied().unwrap_or_default();
            net.add_node(config, Limits::of(16, 64, 64 << 20));
        }
        let there = net.add_link(link.clone());
        let back = net.add_link(LinkConfig::clean(link.delay));
        let (streams, received) = (vec![[None; 2]; receiver], vec![0; receiver]);
        let mut crowd = Self { net, streams, received };
        for sender in 0..receiver {
            crowd.net.set_route(sender, receiver, there);
            crowd.net.set_route(receiver, sender, back);
            let id = Some(crowd.net.node(receiver).host.id());
            let path = crowd.net.path_to(receiver);
            let (host, now) = crowd.net.host(sender);
            host.connect(now, Dial::new(path, id)).map_err(|error| format!("{error:?}"))?;
            crowd.run_for(BEGIN_EVERY);
        }
        Ok(crowd)
    }

    /// Lets all of them send.
    pub(super) fn run_for(&mut self, duration: Duration) {
        let receiver = self.receiver();
        let until = self.net.now().after(duration);
        while let Some((node, event)) = self.net.next_event(until) {
            match event {
                Event::Session(session, SessionEvent::Ready) if node != receiver => {
                    let (host, now) = self.net.host(node);
                    let root = host.root(session);
                    let stream =
                        root.and_then(|root| host.open_substream(now, root, Open::default()).ok());
                    self.streams[node][0] = stream;
                    self.write(node);
                }
                Event::Stream(_, _, StreamEvent::Writable) => self.write(node),
                Event::Stream(session, parent, StreamEvent::Child) => {
                    let info = self.net.node(receiver).host.session_info(session);
                    let peer = info.and_then(|info| info.peer);
                    let of = |sender: &usize| Some(self.net.node(*sender).host.id()) == peer;
                    let Some(sender) = (0..receiver).find(of) else { continue };
                    let (host, now) = self.net.host(receiver);
                    self.streams[sender][1] = host.accept_substream(now, parent);
                }
                Event::Stream(_, stream, StreamEvent::Readable) => self.read(stream),
                _ => {}
            }
        }
    }

    fn receiver(&self) -> usize {
        self.streams.len()
    }

    fn write(&mut self, sender: usize) {
        let Some(stream) = self.streams[sender][0] else { return };
        let (host, now) = self.net.host(sender);
        while host.write(now, stream, &[0x5a; CHUNK_BYTES]).is_ok() {}
    }

    fn read(&mut self, stream: StreamHandle) {
        let Some(sender) = self.streams.iter().position(|pair| pair[1] == Some(stream)) else {
            return;
        };
        let receiver = self.receiver();
        let (host, now) = self.net.host(receiver);
        let mut buffer = [0; CHUNK_BYTES];
        while let Ok(len @ 1..) = host.read(now, stream, &mut buffer) {
            self.received[sender] += len as u64;
        }
    }
}
