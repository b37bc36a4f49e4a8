//! Two boards without an executor, joined by a wire in memory: one says something, the other says
//! it again. `cargo run -p adapter-smoltcp --example two_boards`
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "it runs on a host, and may stop where something is not as it should be"
)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use adapter_smoltcp::Node;
use rand_core::{TryCryptoRng, TryRng};
use smoltcp::iface::{Config as InterfaceConfig, Interface, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata, Socket};
use smoltcp::wire::{EthernetAddress, IpCidr};
use sst_nostd::{
    Config, Dial, Duration, Event, Host, Instant, Limits, Open, Path, RustCrypto, SessionEvent,
    Storage, StreamEvent,
};

const PORT: u16 = 8661;
const PACKET_BYTES: usize = 1200;
const WORDS: &[u8] = b"no executor, no futures, no allocator needed";

type Frames = Rc<RefCell<VecDeque<Vec<u8>>>>;
type Board = Node<'static, Cable, RustCrypto<Counter>>;

fn main() {
    let (there, back) = (Frames::default(), Frames::default());
    let mut near = board(1, Cable { incoming: back.clone(), outgoing: there.clone() });
    let mut far = board(2, Cable { incoming: there, outgoing: back });
    let peer = SocketAddr::from((Ipv4Addr::new(10, 0, 0, 2), PORT));
    let dial = Dial::new(Path { local: None, peer }, Some(far.host.id()));
    let mut now = Instant::from_micros(1);
    near.host.connect(now, dial).expect("dials");
    let mut answer = Vec::new();
    while answer.len() < WORDS.len() {
        assert!(now < Instant::from_micros(10_000_000), "nothing came back");
        ask(&mut near, now, &mut answer);
        say_again(&mut far, now);
        let next = [near.poll(now), far.poll(now)].into_iter().flatten().min();
        let soon = now.after(Duration::from_millis(1));
        now = next.map_or(soon, |next| next.max(now.after(Duration::from_micros(1))).min(soon));
    }
    assert_eq!(answer, WORDS);
    println!("after {} ms: {}", now.as_micros() / 1000, String::from_utf8_lossy(&answer));
}

/// What the one that dials does.
fn ask(board: &mut Board, now: Instant, answer: &mut Vec<u8>) {
    while let Some(event) = board.host.poll_event() {
        match event {
            Event::Session(session, SessionEvent::Ready) => {
                let root = board.host.root(session).expect("a ready session has one");
                let stream = board.host.open_substream(now, root, Open::default()).expect("opens");
                assert_eq!(board.host.write(now, stream, WORDS), Ok(WORDS.len()));
            }
            Event::Stream(_, stream, StreamEvent::Readable) => {
                let mut piece = [0; 64];
                while let Ok(len @ 1..) = board.host.read(now, stream, &mut piece) {
                    answer.extend(&piece[..len]);
                }
            }
            _ => {}
        }
    }
}

/// What the other does.
fn say_again(board: &mut Board, now: Instant) {
    while let Some(event) = board.host.poll_event() {
        match event {
            Event::Session(session, SessionEvent::Incoming) => {
                let root = board.host.root(session).expect("a session that came has one");
                board.host.listen(now, root, 4).expect("listens");
            }
            Event::Stream(_, parent, StreamEvent::Child) => {
                while board.host.accept_substream(now, parent).is_some() {}
            }
            Event::Stream(_, stream, StreamEvent::Readable) => {
                let mut piece = [0; 64];
                while let Ok(len @ 1..) = board.host.read(now, stream, &mut piece) {
                    assert_eq!(board.host.write(now, stream, &piece[..len]), Ok(len));
                }
            }
            _ => {}
        }
    }
}

/// A board with this number. It owns its memory because there is some; a real one lends statics.
fn board(number: u8, mut cable: Cable) -> Board {
    let start = smoltcp::time::Instant::ZERO;
    let hardware = EthernetAddress([2, 0, 0, 0, 0, number]);
    let mut interface = Interface::new(InterfaceConfig::new(hardware.into()), &mut cable, start);
    interface.update_ip_addrs(|addresses| {
        let address = Ipv4Addr::new(10, 0, 0, number);
        addresses.push(IpCidr::new(address.into(), 24)).expect("has room for one");
    });
    let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; 4], vec![0; 4 * PACKET_BYTES]);
    let mut socket = Socket::new(buffer(), buffer());
    socket.bind(PORT).expect("binds");
    let mut config = Config::new([number; 32]);
    config.max_packet_bytes = PACKET_BYTES;
    let storage = Storage::owned(&Limits::of(2, 8, 65_536));
    let crypto = RustCrypto::new(Counter(u64::from(number)));
    let host = Host::new(config, storage, crypto, Instant::ZERO).expect("starts");
    let packet = vec![0; PACKET_BYTES].leak();
    Node::new(cable, interface, SocketSet::new(Vec::new()), socket, packet, host)
}

/// One end of the wire.
struct Cable {
    incoming: Frames,
    outgoing: Frames,
}

struct Incoming(Vec<u8>);
struct Outgoing(Frames);

impl Device for Cable {
    type RxToken<'a> = Incoming;
    type TxToken<'a> = Outgoing;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Incoming, Outgoing)> {
        let frame = self.incoming.borrow_mut().pop_front()?;
        Some((Incoming(frame), Outgoing(self.outgoing.clone())))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Outgoing> {
        Some(Outgoing(self.outgoing.clone()))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl RxToken for Incoming {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl TxToken for Outgoing {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut frame = vec![0; len];
        let answer = write(&mut frame);
        self.0.borrow_mut().push_back(frame);
        answer
    }
}

/// Numbers in a row: two boards in one process protect nothing.
struct Counter(u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|number| number as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Ok(self.0 >> 16)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            *byte = self.try_next_u64()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}
