//! An honest session beside a greedy one at the same host, in random runs: whatever the greedy peer
//! takes and leaves lying, the honest one's requests are answered as if it were alone.

use std::time::Duration;

use sst_nostd::sim::{LinkConfig, Network, Random};
use sst_nostd::{
    Config, DatagramOptions, Dial, Event, Instant, Limits, Open, SessionEvent, SessionHandle,
    StreamHandle,
};

use crate::pair::{MS, SECOND, secret};

const HONEST: usize = 0;
const HUB: usize = 1;
const GREEDY: usize = 2;
/// How often applications look at what there is.
const TICK: Duration = MS.saturating_mul(2);
/// How long each run is.
const LENGTH: Duration = Duration::from_secs(4);
/// Bytes of a request, and of its answer.
const REQUEST_LEN: usize = 2_000;
/// What the hub has for each stream of the greedy peer.
const ANSWER_LEN: usize = 300_000;

/// Two sessions of the hub, and what its application and theirs do.
struct World {
    net: Network,
    random: Random,
    /// By node: its session with the hub, and the hub's with it.
    sessions: [Option<(SessionHandle, SessionHandle)>; 3],
    /// The hub's streams of the greedy peer, and what is still to be written to each.
    served: Vec<(StreamHandle, usize)>,
    /// The greedy peer's own.
    taken: Vec<StreamHandle>,
}

/// One request of the honest peer.
struct Request {
    ours: StreamHandle,
    theirs: Option<StreamHandle>,
    /// Bytes so far: written, come, written back, come back.
    done: [usize; 4],
}

impl World {
    fn new(seed: u64) -> Self {
        let mut net = Network::new(seed);
        for node in 0..3 {
            let config = Config::large(secret(seed, node));
            net.add_node(config, Limits::of(16, 512, 8 << 20));
        }
        for node in [HONEST, GREEDY] {
            net.connect_nodes(node, HUB, &LinkConfig::limited(10 * MS, 50_000_000, 100));
        }
        let random = Random::new(seed);
        Self { net, random, sessions: [None; 3], served: vec![], taken: vec![] }
    }

    fn dial(&mut self, node: usize) {
        let dial = Dial::new(self.net.path_to(HUB), Some(self.net.node(HUB).host.id()));
        let (host, now) = self.net.host(node);
        let ours = host.connect(now, dial).expect("dials");
        let until = now.after(SECOND);
        while let Some((at, event)) = self.net.next_event(until) {
            if let (HUB, Event::Session(theirs, SessionEvent::Incoming)) = (at, event) {
                self.sessions[node] = Some((ours, theirs));
            }
        }
        assert!(self.sessions[node].is_some(), "nobody came");
    }

    fn root(&self, of: usize, with: usize) -> Option<StreamHandle> {
        let (ours, theirs) = self.sessions[if of == HUB { with } else { of }]?;
        self.net.node(of).host.root(if of == HUB { theirs } else { ours })
    }

    /// The greedy peer takes something more, and the hub's application serves it.
    fn greed(&mut self) {
        if let Some(root) = self.root(GREEDY, HUB) {
            let choice = self.random.below(8);
            let len = self.random.within(1, 60_000) as usize;
            let nth = self.random.below(self.taken.len().max(1) as u64) as usize;
            let (host, now) = self.net.host(GREEDY);
            match (choice, self.taken.get(nth).copied()) {
                (0..3, _) => self.taken.extend(host.open_substream(now, root, Open::default())),
                (3, Some(stream)) => _ = host.write(now, stream, &vec![7; len]),
                // It takes a little, so that more is promised.
                (4, Some(stream)) => _ = host.read(now, stream, &mut vec![0; len / 100]),
                (5, Some(stream)) if nth.is_multiple_of(8) => {
                    host.release(now, stream);
                    self.taken.remove(nth);
                }
                (6, _) => {
                    let options = DatagramOptions::default();
                    _ = host.send_datagram_with(now, root, &vec![8; len % 1_100], options, false);
                }
                _ => {}
            }
        }
        if let Some(root) = self.root(HUB, GREEDY) {
            let (host, now) = self.net.host(HUB);
            self.served.extend(host.accept_substream(now, root).map(|it| (it, ANSWER_LEN)));
            for (stream, left) in &mut self.served {
                let some = &[9; 16_384][..(*left).min(16_384)];
                *left -= host.write(now, *stream, some).unwrap_or(0);
            }
        }
    }

    /// Goes on with a request as far as it goes.
    fn serve(&mut self, request: &mut Request) {
        let root = self.root(HUB, HONEST);
        let bytes = [5; REQUEST_LEN];
        let [written, come, back, come_back] = &mut request.done;
        let (host, now) = self.net.host(HONEST);
        *written += host.write(now, request.ours, &bytes[*written..]).unwrap_or(0);
        *come_back += host.read(now, request.ours, &mut bytes.clone()).unwrap_or(0);
        let (host, now) = self.net.host(HUB);
        if request.theirs.is_none() {
            request.theirs = root.and_then(|root| host.accept_substream(now, root));
        }
        let Some(theirs) = request.theirs else { return };
        *come += host.read(now, theirs, &mut bytes.clone()).unwrap_or(0);
        *back += host.write(now, theirs, &bytes[..*come][*back..]).unwrap_or(0);
    }

    /// One request of the honest peer after the other: how long the longest took.
    fn run(&mut self, is_greedy: bool) -> Duration {
        let end = self.net.now().after(LENGTH);
        let mut longest = Duration::ZERO;
        while self.net.now() < end {
            longest = longest.max(self.request(is_greedy));
        }
        longest
    }

    fn request(&mut self, is_greedy: bool) -> Duration {
        let begun = self.net.now();
        let mut request = None;
        while self.net.now().since(begun) < LENGTH {
            let root = self.root(HONEST, HUB).expect("the session lives");
            let (host, now) = self.net.host(HONEST);
            if request.is_none() {
                let opened = host.open_substream(now, root, Open::default()).ok();
                request = opened.map(|ours| Request { ours, theirs: None, done: [0; 4] });
            }
            if let Some(request) = &mut request {
                self.serve(request);
                if request.done[3] == REQUEST_LEN {
                    break;
                }
            }
            if is_greedy {
                self.greed();
            }
            let until: Instant = self.net.now().after(TICK);
            self.net.run_until(until);
        }
        if let Some(Request { ours, theirs, .. }) = request {
            let (host, now) = self.net.host(HONEST);
            host.release(now, ours);
            let (host, now) = self.net.host(HUB);
            theirs.into_iter().for_each(|theirs| host.release(now, theirs));
        }
        self.net.now().since(begun)
    }
}

#[test]
fn a_greedy_peer_stops_nobody() {
    for seed in 0..6 {
        let mut world = World::new(seed);
        world.dial(HONEST);
        let alone = world.run(false);
        world.dial(GREEDY);
        let beside = world.run(true);
        let stats = world.net.node(HUB).host.stats();
        println!(
            "seed {seed}: {alone:?} alone, {beside:?} beside {} streams that hold {} bytes",
            stats.streams, stats.bytes_held
        );
        assert!(beside <= alone * 2, "seed {seed}: {alone:?} alone, {beside:?} beside: {stats:?}");
    }
}
