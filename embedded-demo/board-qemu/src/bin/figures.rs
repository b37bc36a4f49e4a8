//! Counts what the core costs on a Cortex-M4, in instructions: two hosts in one image, who hand
//! packets to each other. Run it with `-icount shift=6,align=off,sleep=off`; prints a line for each
//! figure.
#![no_std]
#![no_main]

use core::hint::black_box;
use core::net::{Ipv4Addr, SocketAddr};

use board_qemu::counter::Counter;
use board_qemu::{semihosting, uart};
use face::{Entropy, Memory, NoEntropy, Provider};
use sst_nostd::crypto::Aead;
use sst_nostd::transcript::{self, Scripted};
use sst_nostd::{
    Codepoint, Config, Crypto, Dial, Duration, Host, Instant, Open, Path, SessionHandle,
    StreamHandle, Suite,
};
use static_cell::StaticCell;

type FigureHost = Host<'static, Provider<Entropy>>;
type Rows = Memory<2, 8, 64, 32>;

const PACKET_BYTES: usize = 1200;
/// Packets counted in each direction.
const PACKETS: u64 = 64;
/// The time one packet takes from host to host.
const DELAY: Duration = Duration::from_millis(1);

/// One host, and the instructions it has used.
struct Node {
    host: FigureHost,
    path: Path,
    used: u64,
}

/// Both, and the packet between them.
struct Pair {
    near: Node,
    far: Node,
    now: Instant,
    packet: &'static mut [u8; PACKET_BYTES],
}

#[cortex_m_rt::entry]
fn main() -> ! {
    uart::start();
    seal_alone();
    let has_talked = talk().is_some();
    let is_faithful = transcript();
    let is_sound = memory_is_sound();
    uart::print(if is_sound { "memory is sound" } else { "memory is copied wrongly" });
    uart::print_args(format_args!(
        "transcript {}",
        if is_faithful { "as foretold" } else { "differs" }
    ));
    semihosting::exit(usize::from(!has_talked || !is_faithful || !is_sound))
}

fn show(name: &str, value: u64) {
    uart::print_args(format_args!("figure {name} {value}"));
}

/// What the cipher costs by itself.
fn seal_alone() {
    static TEXT: StaticCell<[u8; PACKET_BYTES]> = StaticCell::new();

    let text = TEXT.init_with(|| [7; PACKET_BYTES]);
    let crypto = Provider::new(Entropy::new(random));
    let Some(cipher) = crypto.aead(Suite::ChaCha20Poly1305, &[1; 32]) else { return };
    let counter = Counter::start();
    let tag = cipher.seal(&[2; 12], b"", black_box(text));
    show("seal", counter.instructions());
    let Some(tag) = tag else { return };
    let counter = Counter::start();
    let _ = black_box(cipher.open(&[2; 12], b"", black_box(text), &tag));
    show("open", counter.instructions());
    let counter = Counter::start();
    black_box(crypto.public_key(black_box(&[9; 32])));
    show("x25519", counter.instructions());
}

/// Whether this build sends the packets that every build must send (docs/SCENARIOS.md).
fn transcript() -> bool {
    type Foretold = Scripted<Provider<Entropy>>;
    static CALLER: Memory<1, 16, 128, 32, Foretold> = Memory::new();
    static ANSWERER: Memory<1, 16, 128, 32, Foretold> = Memory::new();

    let providers = [(); 2].map(|()| Provider::new(Entropy::new(random)));
    match transcript::digest(providers, [CALLER.lend(), ANSWERER.lend()]) {
        Ok(digest) => digest == transcript::DIGEST,
        Err(stuck) => {
            uart::print(stuck.0);
            false
        }
    }
}

/// Whether `bulk-memory` does what it should: every short length, at every alignment.
fn memory_is_sound() -> bool {
    const LEN: usize = 96;
    let numbers = core::array::from_fn::<u8, LEN, _>(|at| at as u8);
    (0..40).all(|len| {
        (0..64).all(|place| {
            let (from, to) = (8 + place / 8, 8 + place % 8);
            let is_inside = |at: usize| (to..to + len).contains(&at);
            let mut copied = [0xee; LEN];
            let mut moved = numbers;
            let mut filled = numbers;
            if let (Some(to), Some(from)) =
                (copied.get_mut(to..to + len), numbers.get(from..from + len))
            {
                black_box(to).copy_from_slice(black_box(from));
            }
            black_box(&mut moved).copy_within(from..from + len, to);
            black_box(&mut filled).iter_mut().skip(to).take(len).for_each(|byte| *byte = 7);
            (0..LEN).all(|at| {
                let number = (at + from).wrapping_sub(to) as u8;
                let wanted =
                    if is_inside(at) { [number, number, 7] } else { [0xee, at as u8, at as u8] };
                [copied.get(at), moved.get(at), filled.get(at)] == wanted.each_ref().map(Some)
            })
        })
    })
}

fn talk() -> Option<()> {
    static NEAR: Rows = Rows::new();
    static FAR: Rows = Rows::new();
    static PACKET: StaticCell<[u8; PACKET_BYTES]> = StaticCell::new();

    let now = Instant::from_micros(1_000_000);
    let near = Node::new(&NEAR, 1, now)?;
    let far = Node::new(&FAR, 2, now)?;
    let mut pair = Pair { near, far, now, packet: PACKET.init_with(|| [0; PACKET_BYTES]) };
    let id = pair.far.host.id();
    let dial = Dial::new(pair.far.path, Some(id));
    let session = count(&mut pair.near.used, || pair.near.host.connect(now, dial)).ok()?;
    pair.settle();
    show("handshake-dialling", pair.near.used);
    show("handshake-answering", pair.far.used);
    pair.bulk(session)
}

impl Node {
    fn new(rows: &'static Rows, number: u8, now: Instant) -> Option<Self> {
        let mut config = Config::new([number; 32]);
        config.max_packet_bytes = PACKET_BYTES;
        config.streams.stream_window = 4096;
        config.first_packet_wait = Duration::ZERO;
        let crypto = Provider::new(Entropy::new(random));
        let host = Host::new(config, rows.lend(), crypto, now).ok()?;
        let peer = SocketAddr::from((Ipv4Addr::new(10, 0, 0, number), 8661));
        Some(Self { host, path: Path { local: None, peer }, used: 0 })
    }
}

impl Pair {
    /// Has both say everything there is to say, and lets a moment pass.
    fn settle(&mut self) {
        for _ in 0..8 {
            self.now = self.now.after(DELAY);
            for node in [&mut self.near, &mut self.far] {
                let now = self.now;
                if node.host.poll_timeout().is_some_and(|at| at <= now) {
                    count(&mut node.used, || node.host.handle_timeout(now));
                }
            }
            while carry(self.now, &mut self.near, &mut self.far, self.packet) > 0 {}
            while carry(self.now, &mut self.far, &mut self.near, self.packet) > 0 {}
        }
    }

    /// Full packets from near to far, and the acknowledgements back.
    fn bulk(&mut self, session: SessionHandle) -> Option<()> {
        let root = self.near.host.root(session)?;
        let stream = self.near.host.open_substream(self.now, root, Open::default()).ok()?;
        self.near.host.write_record(self.now, stream, b"begin").ok()?;
        let far_session = self.far.host.session_with(&self.near.host.id())?;
        let far_root = self.far.host.root(far_session)?;
        self.far.host.listen(self.now, far_root, 4).ok()?;
        self.settle();
        let far_stream = self.far.host.accept_substream(self.now, far_root)?;
        while self.far.host.read(self.now, far_stream, self.packet).is_ok() {}
        self.settle();
        (self.near.used, self.far.used) = (0, 0);
        let mut sums = [0; 4];
        for _ in 0..PACKETS {
            self.full_packet(stream, far_stream, &mut sums)?;
        }
        let [out, into, ack_out, ack_in] = sums.map(|sum| sum / PACKETS);
        show("packet-out", out);
        show("packet-in", into);
        show("ack-out", ack_out);
        show("ack-in", ack_in);
        Some(())
    }

    /// One packet of data, there; whatever it brings about, back.
    fn full_packet(
        &mut self,
        stream: StreamHandle,
        far_stream: StreamHandle,
        sums: &mut [u64; 4],
    ) -> Option<()> {
        static DATA: [u8; 1150] = [5; 1150];

        let [out, into, ack_out, ack_in] = sums;
        self.now = self.now.after(DELAY);
        let (now, near, far) = (self.now, &mut self.near, &mut self.far);
        count(out, || near.host.write(now, stream, &DATA)).ok()?;
        let sent = count(out, || near.host.poll_transmit(now, self.packet, 1))?;
        let packet = self.packet.get_mut(..sent.len)?;
        count(into, || far.host.handle_packet(now, near.path, Codepoint::NotEct, packet)).ok()?;
        while far.host.poll_event().is_some() {}
        let mut read = 0;
        while let Ok(len) = count(into, || far.host.read(now, far_stream, self.packet)) {
            read += len;
        }
        if sent.len < PACKET_BYTES - 60 || read != DATA.len() {
            uart::print_args(format_args!("a packet of {}, {read} read", sent.len));
        }
        // What is left to be said comes a moment later: acknowledgements, and credit.
        for _ in 0..4 {
            self.now = self.now.after(DELAY).after(Duration::from_millis(25));
            let now = self.now;
            count(ack_out, || self.far.host.handle_timeout(now));
            while let Some(sent) =
                count(ack_out, || self.far.host.poll_transmit(now, self.packet, 1))
            {
                let packet = self.packet.get_mut(..sent.len)?;
                let path = self.far.path;
                let _ = count(ack_in, || {
                    self.near.host.handle_packet(now, path, Codepoint::NotEct, packet)
                });
            }
            count(out, || self.near.host.handle_timeout(now));
            while self.near.host.poll_event().is_some() {}
            while carry(now, &mut self.near, &mut self.far, self.packet) > 0 {}
        }
        Some(())
    }
}

/// One packet from `from` to `to`; how long it was, or 0.
fn carry(now: Instant, from: &mut Node, to: &mut Node, packet: &mut [u8]) -> usize {
    let Some(sent) = count(&mut from.used, || from.host.poll_transmit(now, packet, 1)) else {
        return 0;
    };
    let packet = packet.get_mut(..sent.len).unwrap_or_default();
    let path = from.path;
    let _ = count(&mut to.used, || to.host.handle_packet(now, path, Codepoint::NotEct, packet));
    while count(&mut to.used, || to.host.poll_event()).is_some() {}
    sent.len
}

fn count<T>(sum: &mut u64, act: impl FnOnce() -> T) -> T {
    let counter = Counter::start();
    let answer = act();
    *sum += counter.instructions();
    answer
}

/// The same bytes in every run: this image protects nothing.
fn random(bytes: &mut [u8]) -> Result<(), NoEntropy> {
    static STATE: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(1);

    use core::sync::atomic::Ordering::Relaxed;
    for byte in bytes {
        let state = STATE.load(Relaxed).wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        STATE.store(state, Relaxed);
        *byte = (state >> 24) as u8;
    }
    Ok(())
}
