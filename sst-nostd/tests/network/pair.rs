//! Two hosts and what the tests do with them.

use std::time::Duration;

use sst_nostd::sim::{LinkConfig, Network};
use sst_nostd::{
    Config, Dial, Event, Instant, Limits, Open, SessionEvent, SessionHandle, StreamEvent,
    StreamHandle,
};

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn secret(seed: u64, node: u64) -> [u8; 32] {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    secret[8] = node as u8;
    secret
}

/// 10 Mbit/s, 15 ms each way, a queue of 25 packets.
pub(crate) fn usual_link() -> LinkConfig {
    LinkConfig::limited(15 * MS, 10_000_000, 25)
}

pub(crate) struct Pair {
    pub(crate) net: Network,
    pub(crate) session: Option<SessionHandle>,
    pub(crate) incoming: Option<SessionHandle>,
}

impl Pair {
    pub(crate) fn new(seed: u64, link: &LinkConfig) -> Self {
        Self::with(seed, link, |_, _| {})
    }

    pub(crate) fn with(seed: u64, link: &LinkConfig, change: impl Fn(usize, &mut Config)) -> Self {
        let mut net = Network::new(seed);
        for node in 0..2 {
            let mut config = Config::large(secret(seed, node));
            change(node as usize, &mut config);
            net.add_node(config, Limits::of(16, 256, 32 << 20));
        }
        net.connect_nodes(0, 1, link);
        Self { net, session: None, incoming: None }
    }

    pub(crate) fn dial(&mut self) -> SessionHandle {
        let id = Some(self.net.node(1).host.id());
        let dial = Dial::new(self.net.path_to(1), id);
        let (host, now) = self.net.host(0);
        let session = host.connect(now, dial).expect("dials");
        self.session = Some(session);
        session
    }

    /// Dials and waits until the session is ready; tells how long it took.
    pub(crate) fn connect(&mut self, within: Duration) -> Option<Duration> {
        let begun = self.net.now();
        self.dial();
        let until = begun.after(within);
        while let Some((node, event)) = self.net.next_event(until) {
            match event {
                Event::Session(session, SessionEvent::Incoming) if node == 1 => {
                    self.incoming = Some(session);
                }
                Event::Session(_, SessionEvent::Ready) if node == 0 => {
                    return Some(self.net.now().since(begun));
                }
                _ => {}
            }
        }
        None
    }

    /// Dials, waits, and sees to it that the other side knows too.
    pub(crate) fn connected(seed: u64, link: &LinkConfig) -> Self {
        Self::new(seed, link).up()
    }

    pub(crate) fn up(mut self) -> Self {
        self.connect(10 * SECOND).expect("connects");
        let until = self.net.now().after(SECOND);
        while self.incoming.is_none() {
            match self.net.next_event(until) {
                Some((1, Event::Session(session, SessionEvent::Incoming))) => {
                    self.incoming = Some(session);
                }
                Some(_) => {}
                None => panic!(
                    "nobody came: {:?} {:?}",
                    self.net.node(0).host.close_reason(self.session.expect("dialled")),
                    self.net.node(1).host.stats()
                ),
            }
        }
        self
    }
}

pub(crate) fn byte_at(position: usize) -> u8 {
    ((position * 31) % 251) as u8
}

/// Bytes from one node to another over one stream.
pub(crate) struct Transfer {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) total: usize,
    pub(crate) sent: usize,
    pub(crate) received: usize,
    pub(crate) begun: Instant,
    pub(crate) ended: Option<Instant>,
    stream: StreamHandle,
    pub(crate) accepted: Option<StreamHandle>,
    is_finished: bool,
}

impl Transfer {
    /// Opens a stream under the root of `session`, a session of `from`.
    pub(crate) fn begin(
        net: &mut Network,
        from: usize,
        to: usize,
        session: SessionHandle,
        total: usize,
    ) -> Self {
        let begun = net.now();
        let (host, now) = net.host(from);
        let root = host.root(session).expect("a root");
        let stream = host.open_substream(now, root, Open::default()).expect("opens");
        let mut transfer = Self {
            from,
            to,
            total,
            sent: 0,
            received: 0,
            begun,
            ended: None,
            stream,
            accepted: None,
            is_finished: false,
        };
        transfer.write(net);
        transfer
    }

    pub(crate) fn run(&mut self, net: &mut Network, until: Instant) {
        while self.ended.is_none() {
            let Some((node, event)) = net.next_event(until) else { break };
            self.on_event(net, node, &event);
        }
        assert_eq!(net.spinning(), None, "a host spins");
    }

    pub(crate) fn on_event(&mut self, net: &mut Network, node: usize, event: &Event) {
        let Event::Stream(_, stream, event) = *event else { return };
        if node == self.from && stream == self.stream && event == StreamEvent::Writable {
            self.write(net);
        }
        if node == self.to && event == StreamEvent::Child && self.accepted.is_none() {
            let (host, now) = net.host(node);
            self.accepted = host.accept_substream(now, stream);
        }
        if node == self.to && Some(stream) == self.accepted && event == StreamEvent::Readable {
            self.read(net);
        }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.ended.expect("the transfer ended").since(self.begun)
    }

    fn write(&mut self, net: &mut Network) {
        let (host, now) = net.host(self.from);
        while self.sent < self.total {
            let end = self.total.min(self.sent + 16_384);
            let chunk: Vec<u8> = (self.sent..end).map(byte_at).collect();
            match host.write(now, self.stream, &chunk) {
                Ok(taken) => self.sent += taken,
                Err(_) => return,
            }
        }
        if !self.is_finished {
            self.is_finished = host.finish(now, self.stream).is_ok();
        }
    }

    fn read(&mut self, net: &mut Network) {
        let at = net.now();
        let (host, now) = net.host(self.to);
        let Some(stream) = self.accepted else { return };
        let mut buffer = [0; 16_384];
        while let Ok(len) = host.read(now, stream, &mut buffer) {
            if len == 0 {
                assert_eq!(self.received, self.total);
                self.ended = Some(at);
                host.release(now, stream);
                break;
            }
            for (offset, byte) in buffer[..len].iter().enumerate() {
                assert_eq!(*byte, byte_at(self.received + offset));
            }
            self.received += len;
        }
    }
}

/// Sends so much from the first node to the second, and tells how long it took.
pub(crate) fn transfer_time(pair: &mut Pair, total: usize, within: Duration) -> Duration {
    let session = pair.session.expect("a session");
    let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, total);
    let until = pair.net.now().after(within);
    transfer.run(&mut pair.net, until);
    if transfer.ended.is_none() {
        let info = pair.net.node(0).host.session_info(session);
        panic!("{} of {total} after {within:?}; {info:?}", transfer.received);
    }
    transfer.elapsed()
}

pub(crate) fn millis(duration: Duration) -> u128 {
    duration.as_millis()
}
