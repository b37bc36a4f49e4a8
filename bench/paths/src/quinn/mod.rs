//! [`Pair`]: two endpoints of quinn-proto in one thread, driven as its own driver does and as
//! [`crate::pair`] drives hosts: packets in batches, and a little time with each.

mod greeting;
mod keys;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use quinn_proto::{
    ClientConfig, Connection, ConnectionHandle, DatagramEvent, Dir, Endpoint, EndpointConfig,
    MtuDiscoveryConfig, ReadError, ReadableError, ServerConfig, StreamId, TransportConfig, VarInt,
};
use sst_nostd::crypto::Suite;

use crate::work::{
    AT_ONCE, BATCH_LEN, CHUNK_LEN, Carried, DATAGRAM_LEN, Hosts, MAX_TURNS, PING_LEN, REPLY_LEN,
    REQUEST_LEN,
};
use greeting::Greetings;
use keys::Opaque;

/// Packets of a batch: as many as quinn asks for.
const MAX_SEGMENTS: usize = 10;
/// From one batch to the next.
const FLIGHT: Duration = Duration::from_micros(100);
/// The largest packet of Ethernet, from the beginning.
const MTU: u16 = 1_472;
/// Streams that the peer may have open at once.
const MAX_STREAMS: u32 = 256;
const STREAM_WINDOW: u32 = 8 << 20;
const DATAGRAM_BUFFER: usize = 4 << 20;

pub struct Pair {
    hosts: [Host; 2],
    now: Instant,
    batch: Vec<u8>,
    stream: Option<StreamId>,
    carried: Carried,
}

struct Host {
    endpoint: Endpoint,
    connection: Option<(ConnectionHandle, Connection)>,
}

impl Pair {
    /// Two endpoints whose packets are sealed by `suite`, or by nothing.
    pub fn new(suite: Option<Suite>) -> Option<Self> {
        let mut server = ServerConfig::new(Arc::new(Greetings(suite)), Arc::new(Opaque));
        server.transport_config(transport());
        let host = |server| {
            let mut config = EndpointConfig::new(Arc::new(Opaque));
            config.rng_seed(Some([7; 32]));
            Host { endpoint: Endpoint::new(Arc::new(config), server, true, None), connection: None }
        };
        let mut hosts = [host(None), host(Some(Arc::new(server)))];
        let mut client = ClientConfig::new(Arc::new(Greetings(suite)));
        client.transport_config(transport());
        let now = Instant::now();
        let connection = hosts[0].endpoint.connect(now, client, address(1), "localhost").ok()?;
        hosts[0].connection = Some(connection);
        let batch = Vec::with_capacity(BATCH_LEN);
        Some(Self { hosts, now, batch, stream: None, carried: Carried::default() })
    }

    /// What both have to say now goes over; due timers ring.
    fn turn(&mut self) {
        for from in [0, 1] {
            while self.carry(from) {}
        }
        self.now += FLIGHT;
        for host in &mut self.hosts {
            host.wake(self.now);
        }
    }

    /// One batch from `from` to the other.
    fn carry(&mut self, from: usize) -> bool {
        let Self { hosts, now, batch, carried, .. } = self;
        let [client, server] = hosts;
        let (sender, receiver) = if from == 0 { (client, server) } else { (server, client) };
        let Some((_, connection)) = &mut sender.connection else { return false };
        batch.clear();
        let Some(sent) = connection.poll_transmit(*now, MAX_SEGMENTS, batch) else {
            return false;
        };
        // As quinn takes what the kernel has put together.
        let mut received = BytesMut::from(&batch[..sent.size]);
        let segment_len = sent.segment_size.unwrap_or(sent.size).max(1);
        while !received.is_empty() {
            carried.packets += 1;
            let packet = received.split_to(segment_len.min(received.len()));
            receiver.receive(*now, address(from), packet);
        }
        true
    }

    fn connection(&mut self, host: usize) -> Option<&mut Connection> {
        self.hosts[host].connection.as_mut().map(|(_, connection)| connection)
    }

    fn write(&mut self, host: usize, stream: StreamId, bytes: &[u8]) -> Option<usize> {
        self.connection(host)?.send_stream(stream).write(bytes).ok()
    }

    fn finish(&mut self, host: usize, stream: StreamId) -> Option<()> {
        self.connection(host)?.send_stream(stream).finish().ok()
    }

    /// Reads what there is; how much, and whether it is all.
    fn read(&mut self, host: usize, stream: StreamId) -> Option<(usize, bool)> {
        let mut receiving = self.connection(host)?.recv_stream(stream);
        let mut chunks = match receiving.read(true) {
            Ok(chunks) => chunks,
            Err(ReadableError::ClosedStream | ReadableError::IllegalOrderedRead) => return None,
        };
        let mut len = 0;
        let is_at_end = loop {
            match chunks.next(usize::MAX) {
                Ok(Some(chunk)) => len += chunk.bytes.len(),
                Ok(None) => break true,
                Err(ReadError::Blocked) => break false,
                Err(ReadError::Reset(_)) => return None,
            }
        };
        let _ = chunks.finalize();
        Some((len, is_at_end))
    }

    /// Reads the first of `streams` that are at their ends, and takes them off.
    fn read_ended(
        &mut self,
        host: usize,
        streams: &mut VecDeque<(StreamId, usize)>,
    ) -> Option<Vec<(StreamId, usize)>> {
        let mut ended = Vec::new();
        while let Some((stream, len)) = streams.front_mut() {
            let (more, is_at_end) = self.read(host, *stream)?;
            *len += more;
            if !is_at_end {
                break;
            }
            ended.extend(streams.pop_front());
        }
        Some(ended)
    }

    fn open_request(&mut self) -> Option<StreamId> {
        let stream = self.connection(0)?.streams().open(Dir::Bi)?;
        self.write(0, stream, &[1; REQUEST_LEN])?;
        self.finish(0, stream)?;
        Some(stream)
    }

    fn reply(&mut self, stream: StreamId) -> Option<()> {
        self.write(1, stream, &[2; REPLY_LEN])?;
        self.finish(1, stream)
    }
}

impl Hosts for Pair {
    fn meet(&mut self) -> Option<()> {
        for _ in 0..8 {
            self.turn();
        }
        let stream = self.connection(0)?.streams().open(Dir::Bi)?;
        self.stream = Some(stream);
        self.ping_pong()?;
        // It is known by its number, and no request.
        self.connection(1)?.streams().accept(Dir::Bi)?;
        Some(())
    }

    fn bulk(&mut self, packets: u64) -> Option<()> {
        let stream = self.stream?;
        let chunk = vec![7; CHUNK_LEN];
        let until = self.carried.packets + packets;
        while self.carried.packets < until {
            let _ = self.write(0, stream, &chunk);
            self.turn();
            let (len, _) = self.read(1, stream)?;
            self.carried.bytes += len as u64;
        }
        Some(())
    }

    fn request(&mut self) -> Option<()> {
        let stream = self.open_request()?;
        self.turn();
        let child = self.connection(1)?.streams().accept(Dir::Bi)?;
        let (len, _) = self.read(1, child)?;
        self.reply(child)?;
        self.turn();
        let (reply, _) = self.read(0, stream)?;
        (len == REQUEST_LEN && reply == REPLY_LEN).then_some(())
    }

    fn requests(&mut self) -> Option<()> {
        let (mut waiting, mut serving) = (VecDeque::with_capacity(AT_ONCE), VecDeque::new());
        for _ in 0..AT_ONCE {
            waiting.push_back((self.open_request()?, 0));
        }
        for _ in 0..MAX_TURNS {
            self.turn();
            while let Some(child) = self.connection(1)?.streams().accept(Dir::Bi) {
                serving.push_back((child, 0));
            }
            for (child, len) in self.read_ended(1, &mut serving)? {
                self.reply(child)?;
                if len != REQUEST_LEN {
                    return None;
                }
            }
            let replies = self.read_ended(0, &mut waiting)?;
            if replies.iter().any(|(_, len)| *len != REPLY_LEN) {
                return None;
            }
            if waiting.is_empty() {
                return Some(());
            }
        }
        None
    }

    fn datagram(&mut self) -> Option<()> {
        let bytes = Bytes::copy_from_slice(&[3; DATAGRAM_LEN]);
        self.connection(0)?.datagrams().send(bytes, false).ok()?;
        self.turn();
        let received = self.connection(1)?.datagrams().recv()?;
        (received.len() == DATAGRAM_LEN).then_some(())
    }

    fn ping_pong(&mut self) -> Option<()> {
        let stream = self.stream?;
        self.write(0, stream, &[4; PING_LEN])?;
        self.turn();
        let (there, _) = self.read(1, stream)?;
        self.write(1, stream, &[5; PING_LEN])?;
        self.turn();
        let (back, _) = self.read(0, stream)?;
        (there == PING_LEN && back == PING_LEN).then_some(())
    }

    fn carried(&self) -> Carried {
        self.carried
    }
}

impl Host {
    fn receive(&mut self, now: Instant, from: SocketAddr, packet: BytesMut) {
        let mut reply = Vec::new();
        match self.endpoint.handle(now, from, None, None, packet, &mut reply) {
            Some(DatagramEvent::ConnectionEvent(_, event)) => {
                if let Some((_, connection)) = &mut self.connection {
                    connection.handle_event(event);
                }
            }
            Some(DatagramEvent::NewConnection(incoming)) => {
                self.connection = self.endpoint.accept(incoming, now, &mut reply, None).ok();
            }
            Some(DatagramEvent::Response(_)) | None => {}
        }
        self.tell_endpoint();
    }

    /// What the connection has to tell its endpoint.
    fn tell_endpoint(&mut self) {
        let Some((handle, connection)) = &mut self.connection else { return };
        while let Some(event) = connection.poll_endpoint_events() {
            if let Some(event) = self.endpoint.handle_event(*handle, event) {
                connection.handle_event(event);
            }
        }
    }

    fn wake(&mut self, now: Instant) {
        let Some((_, connection)) = &mut self.connection else { return };
        if connection.poll_timeout().is_some_and(|at| at <= now) {
            connection.handle_timeout(now);
        }
        while connection.poll().is_some() {}
        self.tell_endpoint();
    }
}

fn transport() -> Arc<TransportConfig> {
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(MTU);
    let mut config = TransportConfig::default();
    config.initial_mtu(MTU).mtu_discovery_config(Some(discovery));
    config.max_concurrent_bidi_streams(MAX_STREAMS.into());
    config.stream_receive_window(STREAM_WINDOW.into()).send_window((2 * STREAM_WINDOW).into());
    config.receive_window(VarInt::MAX);
    config.datagram_receive_buffer_size(Some(DATAGRAM_BUFFER));
    Arc::new(config)
}

fn address(host: usize) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 1 + host as u16))
}
