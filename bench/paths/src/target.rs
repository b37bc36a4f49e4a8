//! [`Target`]: a host with a session whose peer seals whatever is asked of it. Nothing but what a
//! packet may say holds the peer back.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};

use sst_nostd::crypto::{Aead, KEY_LEN, NONCE_LEN, Rehearsed, TAG_LEN};
use sst_nostd::wire::negotiation::Reply;
use sst_nostd::wire::{Attributes, Frame, MAX_FRAMES, Open, ResetFrame, SealedHeader, StreamFrame};
use sst_nostd::{
    ChannelId, Codepoint, Config, Crypto, Dial, Duration, Host, Instant, Limits, Path,
    SessionHandle, Side, Storage, StreamCode, StreamHandle, StreamId, Suite, Transmit, Writer,
};

use crate::free::{Free, FreeAead};

pub type FreeHost = Host<'static, Rehearsed<Free>>;

/// A full packet, in bytes of UDP payload.
pub const PACKET_LEN: usize = 1_200;
/// Header of four bytes of number, and tag.
const OVERHEAD: usize = 9 + TAG_LEN;
/// What frames there is room for.
pub const PAYLOAD_LEN: usize = PACKET_LEN - OVERHEAD;

pub struct Target {
    pub host: FreeHost,
    pub session: SessionHandle,
    pub root: StreamHandle,
    pub now: Instant,
    /// The peer's side of streams, and how many it has opened.
    side: Side,
    pub opened: u64,
    /// How many it opened before.
    first: u64,
    channel: ChannelId,
    number: u64,
    /// Numbers of packets the host sent that the peer has not acknowledged.
    pub heard: VecDeque<u64>,
    highest: u64,
    /// How many ranges the packet to count names, or how many packets, gaps or streams it brings to
    /// an end, each of which took a packet or a frame before; where that is not its frames.
    pub ended: Option<u64>,
    /// Packets that the host took and sent.
    pub packets: u64,
    buffer: Vec<u8>,
    cipher: FreeAead,
}

/// The host takes a packet. By the names of these three the instruction counter finds what is to be
/// counted.
#[inline(never)]
pub fn host_takes(host: &mut FreeHost, now: Instant, packet: &mut [u8]) {
    let _ = host.handle_packet(now, path(), Codepoint::NotEct, packet);
}

/// The host makes the packet that is sent next.
#[inline(never)]
pub fn host_sends(host: &mut FreeHost, now: Instant, out: &mut [u8]) -> Option<Transmit> {
    host.poll_transmit(now, out, 1)
}

/// The host does what is due.
#[inline(never)]
pub fn host_waits(host: &mut FreeHost, now: Instant) {
    host.handle_timeout(now);
}

/// Here the count of a row begins.
#[inline(never)]
pub fn row_begins() {
    std::hint::black_box("begins");
}

/// Here it ends.
#[inline(never)]
pub fn row_ends() {
    std::hint::black_box("ends");
}

impl Target {
    /// Two hosts meet; then the one that dialled is replaced by who seals as told.
    pub fn new(buffer_bytes: u64, has_cipher: bool) -> Option<Self> {
        let mut hosts = [1, 2].map(|number| {
            let mut config = Config::large([number; 32]);
            config.cookies = sst_nostd::CookieMode::Never;
            config.max_packet_bytes = PACKET_LEN;
            config.idle_timeout = None;
            config.streams.root_children = 30_000;
            config.streams.children = 30_000;
            config.streams.session_window = 64 << 20;
            config.streams.stream_window = 16 << 20;
            config.streams.send_buffer = 16 << 20;
            let storage = Storage::owned(&Limits::of(2, 64_000, buffer_bytes));
            Host::new(config, storage, Rehearsed::new(Free::new(has_cipher)), Instant::ZERO).ok()
        });
        let (mut dialler, mut host) = (hosts[0].take()?, hosts[1].take()?);
        let (mut now, mut channel) = (Instant::ZERO, None);
        dialler.connect(now, Dial::new(path(), Some(host.id()))).ok()?;
        let mut buffer = vec![0; 64 * 1024];
        for _ in 0..4 {
            while let Some(sent) = dialler.poll_transmit(now, &mut buffer, 1) {
                let packet = &mut buffer[..sent.len];
                let _ = host.handle_packet(now, path(), Codepoint::NotEct, packet);
            }
            while let Some(sent) = host.poll_transmit(now, &mut buffer, 1) {
                let packet = &mut buffer[..sent.len];
                channel = Reply::parse(packet).ok().map(|reply| reply.channel).or(channel);
                let _ = dialler.handle_packet(now, path(), Codepoint::NotEct, packet);
            }
            now = now.after(Duration::from_millis(30));
            for host in [&mut dialler, &mut host] {
                host.handle_timeout(now);
            }
        }
        let session = host.session_with(&dialler.id())?;
        let root = host.root(session)?;
        host.listen(now, root, 30_000).ok()?;
        let side = Side::of(&dialler.id(), &host.id(), true);
        let (heard, channel) = (VecDeque::new(), channel?);
        let mut target = Self {
            host,
            session,
            root,
            now,
            side,
            opened: 0,
            first: 0,
            channel,
            number: 100,
            heard,
            highest: 0,
            ended: None,
            packets: 0,
            buffer,
            cipher: Free::new(has_cipher).aead(Suite::ChaCha20Poly1305, &[0; KEY_LEN])?,
        };
        target.settle();
        target.use_memory();
        Some(target)
    }

    /// Has the host take memory and give it back: what was never used is cleared when it is first
    /// taken, once in a process's life.
    fn use_memory(&mut self) {
        let Frame::Stream(opening) = self.opening(StreamId::ROOT) else { return };
        let far = StreamFrame { offset: (16 << 20) - 2, data: b"x", ..opening };
        self.hand(&bytes(&Frame::Stream(far)));
        let code = StreamCode::DROPPED;
        let reset = ResetFrame { id: opening.id, code, final_position: far.offset + 1, open: None };
        self.hand(&bytes(&Frame::Reset(reset)));
        if let Some(child) = self.host.accept_substream(self.now, self.root) {
            self.host.release(self.now, child);
        }
        self.settle();
        let ack = self.ack_heard();
        self.hand(&ack);
        self.first = self.opened;
        self.opened = 0;
    }

    /// The id of the peer's stream, counted from 1.
    pub fn id(&self, counter: u64) -> StreamId {
        StreamId::new(self.first + counter, self.side).expect("a counter")
    }

    /// The OPEN of the peer's next stream.
    pub fn opening(&mut self, parent: StreamId) -> Frame<'static> {
        self.opened += 1;
        let open = Some(Open { parent, attributes: Attributes::default(), priority: None });
        let id = self.id(self.opened);
        Frame::Stream(StreamFrame { id, offset: 0, data: b"", mark: false, fin: false, open })
    }

    /// A packet of such frames, as many as fit; `next` is asked until it has none.
    pub fn filled(&mut self, mut next: impl FnMut(&mut Self) -> Option<Vec<u8>>) -> Vec<u8> {
        let mut payload = Vec::new();
        // The padding is one, too.
        for _ in 1..MAX_FRAMES {
            if payload.len() >= PAYLOAD_LEN - 64 {
                break;
            }
            let Some(frame) = next(self) else { break };
            if payload.len() + frame.len() > PAYLOAD_LEN {
                break;
            }
            payload.extend(frame);
        }
        payload
    }

    /// The packet around a payload, filled up with padding.
    pub fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        self.number += 1;
        let number = self.number as u32;
        let header =
            SealedHeader { key_phase: false, channel: self.channel, number, number_len: 4 };
        let mut packet = vec![0; PACKET_LEN];
        header.encode(&mut Writer::new(&mut packet)).expect("room");
        let (head, body) = packet.split_at_mut(9);
        let (body, tag) = body.split_last_chunk_mut().expect("room");
        body[..payload.len()].copy_from_slice(payload);
        *tag = self.cipher.seal(&[0; NONCE_LEN], head, body).expect("a short packet");
        packet
    }

    /// Hands the host a packet, and takes what it sends; a packet of frames that do not fit is a
    /// mistake here.
    pub fn hand(&mut self, payload: &[u8]) {
        let mut packet = self.seal(payload);
        host_takes(&mut self.host, self.now, &mut packet);
        self.packets += 1;
        self.settle();
    }

    /// Hands the host a packet, counted together with the packet that it sends next.
    pub fn measure(&mut self, payload: &[u8]) {
        let mut packet = self.seal(payload);
        row_begins();
        host_takes(&mut self.host, self.now, &mut packet);
        let _ = host_sends(&mut self.host, self.now, &mut self.buffer);
        row_ends();
    }

    /// Takes all the host has to send; time passes.
    pub fn settle(&mut self) {
        while let Some(sent) = host_sends(&mut self.host, self.now, &mut self.buffer) {
            self.packets += 1;
            if let Ok(header) = SealedHeader::parse(&self.buffer[..sent.len]) {
                let number = header.widen(self.highest);
                self.highest = self.highest.max(number);
                self.heard.push_back(number);
            }
        }
        while self.host.poll_event().is_some() {}
        self.now = self.now.after(Duration::from_millis(1));
        if self.host.poll_timeout().is_some_and(|at| at <= self.now) {
            host_waits(&mut self.host, self.now);
        }
    }

    /// Acknowledges all that was heard, in as many ranges as that has, up to 32.
    pub fn ack_heard(&mut self) -> Vec<u8> {
        let numbers: Vec<u64> = self.heard.drain(..).collect();
        ack_of(&numbers)
    }

    /// Whether the session still is one: what was measured else is a breach.
    pub fn is_alive(&self) -> bool {
        self.host.root(self.session).is_some() && self.host.stats().breaches == 0
    }
}

/// An ACK of these numbers, ascending: of the highest 32 runs.
pub fn ack_of(numbers: &[u64]) -> Vec<u8> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &number in numbers.iter().rev() {
        match runs.last_mut() {
            Some((first, _)) if *first == number + 1 => *first = number,
            _ => runs.push((number, number)),
        }
    }
    runs.truncate(32);
    let mut out = vec![0; 1_000];
    let mut writer = Writer::new(&mut out);
    let Some(&(mut lowest, largest)) = runs.first() else { return vec![1] };
    writer.put_u8(2).expect("room");
    for value in [largest, 0, runs.len() as u64 - 1, largest - lowest] {
        writer.put_varint(value).expect("room");
    }
    for &(first, last) in &runs[1..] {
        writer.put_varint(lowest - last - 2).expect("room");
        writer.put_varint(last - first).expect("room");
        lowest = first;
    }
    writer.written().to_vec()
}

/// A frame in bytes.
pub fn bytes(frame: &Frame<'_>) -> Vec<u8> {
    let mut out = vec![0; 2_000];
    let mut writer = Writer::new(&mut out);
    frame.encode(&mut writer).expect("room");
    writer.written().to_vec()
}

fn path() -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)) }
}
