//! The wire between QEMU and this machine: it answers ARP for 10.0.2.2, passes UDP on between the
//! board and sockets of 127.0.0.1 with the same port, and spoils some of it, by a seed.
#![allow(clippy::disallowed_methods, reason = "a wire has a clock")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use sst_std::DEFAULT_PORT;

const BOARD_MAC: [u8; 6] = [0x02, 0x53, 0x53, 0x54, 0x00, 0x01];
const HOST_MAC: [u8; 6] = [0x02, 0x53, 0x53, 0x54, 0x00, 0x02];
const BOARD: [u8; 4] = [10, 0, 2, 15];
const HOST: [u8; 4] = [10, 0, 2, 2];
const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const UDP: u8 = 17;
/// A frame that is held back waits up to this long, in microseconds: several others pass it.
const MAX_HELD_MICROS: u64 = 20_000;

/// What the wire does to frames, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    pub(crate) seed: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) held: u64,
}

/// The wire's end on this machine.
pub(crate) struct Wire {
    port: Arc<UdpSocket>,
    link: Arc<Link>,
}

/// Frames to the board, whole and at once.
struct Link {
    socket: UnixDatagram,
    board: PathBuf,
}

enum Packet {
    FromBoard(Vec<u8>),
    ToBoard(SocketAddr, Vec<u8>),
}

impl Wire {
    pub(crate) fn new(ours: &Path, theirs: &Path, faults: Faults) -> Self {
        let link =
            Arc::new(Link { socket: UnixDatagram::bind(ours).unwrap(), board: theirs.into() });
        let port = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        let (told, packets) = mpsc::channel();
        let (frames, tell) = (link.clone(), told.clone());
        thread::spawn(move || {
            let mut frame = [0; 2048];
            while let Ok(len) = frames.socket.recv(&mut frame) {
                let frame = &frame[..len];
                match u16::from_be_bytes([frame[12], frame[13]]) {
                    ARP => frames.answer_arp(frame),
                    IPV4 if tell.send(Packet::FromBoard(frame.to_vec())).is_err() => return,
                    _ => {}
                }
            }
        });
        let socket = port.clone();
        thread::spawn(move || {
            let mut packet = [0; 2048];
            while let Ok((len, from)) = socket.recv_from(&mut packet) {
                if told.send(Packet::ToBoard(from, packet[..len].to_vec())).is_err() {
                    return;
                }
            }
        });
        let (socket, frames) = (port.clone(), link.clone());
        thread::spawn(move || carry(&packets, &socket, &frames, faults));
        Self { port, link }
    }

    /// The board's port, as this machine sees it.
    pub(crate) fn port(&self) -> u16 {
        self.port.local_addr().unwrap().port()
    }

    /// Sends the board a UDP packet from `port`, past all faults.
    pub(crate) fn inject(&self, port: u16, payload: &[u8]) {
        self.link.send_udp(port, payload);
    }

    /// Sends the board any frame.
    pub(crate) fn inject_frame(&self, frame: &[u8]) {
        self.link.send(frame);
    }
}

/// Passes packets on, spoiled or not, as they fall due.
fn carry(packets: &mpsc::Receiver<Packet>, port: &UdpSocket, link: &Link, faults: Faults) {
    let mut random = faults.seed | 1;
    let mut waiting: BinaryHeap<Reverse<(Instant, u64)>> = BinaryHeap::new();
    let mut bodies = std::collections::HashMap::new();
    let mut count = 0;
    loop {
        let now = Instant::now();
        let due =
            waiting.peek().map_or(Duration::from_secs(1), |first| first.0.0 - now.min(first.0.0));
        match packets.recv_timeout(due) {
            Ok(packet) => {
                let packet = Arc::new(packet);
                let mut happens = |thousandths| next(&mut random) % 1000 < thousandths;
                let (is_lost, is_doubled, is_held) =
                    (happens(faults.lost), happens(faults.doubled), happens(faults.held));
                let copies = if is_lost { 0 } else { 1 + usize::from(is_doubled) };
                for copy in 0..copies {
                    let is_held = is_held || copy > 0;
                    let micros = if is_held { next(&mut random) % MAX_HELD_MICROS } else { 0 };
                    count += 1;
                    waiting.push(Reverse((Instant::now() + Duration::from_micros(micros), count)));
                    bodies.insert(count, packet.clone());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        while waiting.peek().is_some_and(|first| first.0.0 <= Instant::now()) {
            let Some(Reverse((_, number))) = waiting.pop() else { break };
            match bodies.remove(&number).as_deref() {
                Some(Packet::FromBoard(frame)) => pass_on(frame, port),
                Some(Packet::ToBoard(from, payload)) => link.send_udp(from.port(), payload),
                None => {}
            }
        }
    }
}

/// UDP of the board, to the same port of this machine.
fn pass_on(frame: &[u8], port: &UdpSocket) {
    let [ip, udp] = [14, 34];
    if frame.len() < 42 || frame[ip + 9] != UDP || frame[ip + 16..ip + 20] != HOST {
        return;
    }
    let to = u16::from_be_bytes([frame[udp + 2], frame[udp + 3]]);
    let len = usize::from(u16::from_be_bytes([frame[udp + 4], frame[udp + 5]]));
    let _ = port.send_to(&frame[udp + 8..udp + len], ("127.0.0.1", to));
}

impl Link {
    fn send(&self, frame: &[u8]) {
        // Not there yet, or gone already: frames get lost.
        let _ = self.socket.send_to(frame, &self.board);
    }

    fn answer_arp(&self, frame: &[u8]) {
        let (asks, wanted) = (frame[21] == 1, &frame[38..42]);
        if !asks || wanted != HOST {
            return;
        }
        let mut answer = ethernet(ARP);
        answer.extend([0, 1, 8, 0, 6, 4, 0, 2]);
        answer.extend(HOST_MAC.iter().chain(&HOST).chain(&BOARD_MAC).chain(&BOARD));
        self.send(&answer);
    }

    fn send_udp(&self, from_port: u16, payload: &[u8]) {
        let udp_len = 8 + payload.len() as u16;
        let mut ip = vec![0x45, 0];
        ip.extend((20 + udp_len).to_be_bytes());
        ip.extend([0, 0, 0x40, 0, 64, UDP, 0, 0]);
        ip.extend(HOST.iter().chain(&BOARD));
        let sum: u32 =
            ip.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
        let sum = (sum & 0xffff) + (sum >> 16);
        ip[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
        let mut frame = ethernet(IPV4);
        frame.extend(ip);
        frame.extend([from_port, DEFAULT_PORT, udp_len, 0].iter().flat_map(|n| n.to_be_bytes()));
        frame.extend(payload);
        self.send(&frame);
    }
}

fn ethernet(kind: u16) -> Vec<u8> {
    BOARD_MAC.into_iter().chain(HOST_MAC).chain(kind.to_be_bytes()).collect()
}

/// Xorshift.
pub(crate) fn next(random: &mut u64) -> u64 {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    *random
}
