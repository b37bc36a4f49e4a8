//! Attacks that no host would make: packets by hand.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use sst_nostd::wire::{Attributes, Frame, Open, Parameters, ResetFrame, StreamFrame};
use sst_nostd::{Side, StreamCode, StreamId};

use super::attack::{Arguments, Attack, Outcome, say_holding};
use super::peer::{Dial, Failure, Peer};
use super::whole::get;

/// Sources of half-open negotiations: 127.0.0.2 and so on.
const SOURCES: u8 = 20;
/// Packets a second of one flood: much for a peer, little for a network.
const PACKETS_PER_SECOND: u32 = 4_000;
/// A request for the service `files`, protocol `1`.
const SERVICE: &[u8] = b"\x05files\x011";
/// Fewer streams than a server gives credit for at first.
const GETS_A_SESSION: u32 = 60;
/// How often a session is kept alive.
const ALIVE: Duration = Duration::from_secs(20);

pub(crate) fn run(arguments: &Arguments, server: SocketAddr) -> Outcome {
    let until = now() + arguments.time();
    match arguments.attack {
        Attack::Gets => gets(arguments, server, until),
        Attack::Mute => mute(arguments, server, until),
        Attack::Identities => identities(arguments, server, until),
        Attack::HalfOpen => half_open(arguments, server, until),
        _ => priority(arguments, server, until),
    }
}

#[allow(clippy::disallowed_methods, reason = "an attack ends by the clock")]
fn now() -> Instant {
    Instant::now()
}

fn socket(server: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(any)
}

/// Sends what `packet` makes at the flood's pace, until the time is up; how many went.
fn flood(
    socket: &UdpSocket,
    server: SocketAddr,
    until: Instant,
    mut packet: impl FnMut(u32) -> Vec<u8>,
) -> u32 {
    let begun = now();
    let mut sent = 0;
    while now() < until {
        let due = begun.elapsed().as_secs_f64() * f64::from(PACKETS_PER_SECOND);
        while f64::from(sent) < due {
            let _ = socket.send_to(&packet(sent), server);
            sent += 1;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    sent
}

/// Asks for a file on many streams, promises to take any number of bytes, acknowledges none: the
/// server keeps what it cannot send. Each 60 streams are a session and an identity of their own.
fn gets(arguments: &Arguments, server: SocketAddr, until: Instant) -> Outcome {
    let socket = socket(server)?;
    let mut peers = Vec::new();
    let mut left = arguments.count(GETS_A_SESSION);
    while left > 0 && now() < until {
        let count = left.min(GETS_A_SESSION);
        peers.push(ask_for(arguments, count, &socket, server)?);
        left -= count;
    }
    say_holding(&format!("gets of {} sessions", peers.len()));
    while now() < until {
        keep_alive(&socket, server, &mut peers);
        std::thread::sleep(Duration::from_millis(500));
    }
    println!("kept");
    Ok(())
}

/// A session that asks for the file so many times.
fn ask_for(
    arguments: &Arguments,
    count: u32,
    socket: &UdpSocket,
    server: SocketAddr,
) -> Result<Peer, Failure> {
    let endless = 1 << 40;
    let parameters = Parameters {
        session_window_bytes: endless,
        stream_window_bytes: endless,
        ..Parameters::default()
    };
    let dial = Dial::offering(arguments.url.id(), &parameters)?;
    let mut peer = dial.finish(socket, server)?;
    let request = get(arguments.url.path(), 0);
    for number in 0..count {
        let Some(id) = stream(number, peer.side) else { break };
        let service = Attributes { service: true, ..Attributes::default() };
        let open = Some(Open { parent: StreamId::ROOT, attributes: service, priority: None });
        let frame = |offset, data, fin| StreamFrame { id, offset, data, mark: true, fin, open };
        let first = frame(0, SERVICE, false);
        let second = frame(SERVICE.len() as u64 + 1, &request, true);
        let frames = [Frame::Stream(first), Frame::Stream(second)];
        socket.send_to(&peer.packet(frames.into_iter()), server)?;
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(peer)
}

/// Challenges, pings, and streams opened and reset, for which the server gives new credit; what
/// the server sends is not even read.
fn mute(arguments: &Arguments, server: SocketAddr, until: Instant) -> Outcome {
    let socket = socket(server)?;
    let mut peer = Dial::new(arguments.url.id())?.finish(&socket, server)?;
    say_holding("a session that acknowledges nothing");
    let side = peer.side;
    let sent = flood(&socket, server, until, |sent| {
        let mut challenge = [0; 8];
        challenge[..4].copy_from_slice(&sent.to_be_bytes());
        match sent % 3 {
            0 => peer.packet([Frame::PathChallenge(challenge), Frame::Ping].into_iter()),
            1 => peer.packet(std::iter::once(Frame::Ping)),
            _ => peer.packet((0..8).filter_map(|at| {
                let id = stream(sent / 3 * 8 + at, side)?;
                Some(Frame::Reset(ResetFrame {
                    id,
                    code: StreamCode::new(0),
                    final_position: 0,
                    open: Some(child_of(StreamId::ROOT)),
                }))
            })),
        }
    });
    println!("kept, {sent} packets");
    Ok(())
}

/// The stream that this side opens after `number` others.
fn stream(number: u32, side: Side) -> Option<StreamId> {
    StreamId::new(u64::from(number) + 1, side)
}

fn child_of(parent: StreamId) -> Open {
    Open { parent, attributes: Attributes::default(), priority: None }
}

/// Sessions of one identity each, all from one address.
fn identities(arguments: &Arguments, server: SocketAddr, until: Instant) -> Outcome {
    let socket = socket(server)?;
    let mut peers: Vec<Peer> = Vec::new();
    let mut said_at = now();
    for _ in 0..arguments.count(4_096) {
        if now() >= until {
            break;
        }
        match Dial::new(arguments.url.id())?.finish(&socket, server) {
            Ok(peer) => peers.push(peer),
            // The server has no place for another, or was not quick enough: go on.
            Err(_) => continue,
        }
        if said_at.elapsed() > ALIVE {
            keep_alive(&socket, server, &mut peers);
            said_at = now();
        }
        if peers.len() == 64 {
            say_holding("64 identities, and more to come");
        }
    }
    say_holding(&format!("{} identities", peers.len()));
    while now() < until {
        keep_alive(&socket, server, &mut peers);
        std::thread::sleep(ALIVE.min(until.saturating_duration_since(now())));
    }
    println!("kept");
    Ok(())
}

fn keep_alive(socket: &UdpSocket, server: SocketAddr, peers: &mut [Peer]) {
    for peer in peers {
        let _ = socket.send_to(&peer.packet(std::iter::once(Frame::Ping)), server);
    }
}

/// Many sources dial, prove their addresses, and never finish.
fn half_open(arguments: &Arguments, server: SocketAddr, until: Instant) -> Outcome {
    let count = arguments.count(200) / u32::from(SOURCES);
    let floods: Vec<_> = (2..SOURCES + 2)
        .map(|last| {
            let id = arguments.url.id();
            std::thread::spawn(move || dial_for_ever(id, server, last, count, until))
        })
        .collect();
    say_holding("20 sources that dial and never finish");
    let mut inits = 0;
    for flood in floods {
        inits += flood.join().map_err(|_| "a source panicked")??;
    }
    println!("kept, {inits} INITs");
    Ok(())
}

/// INITs of one source: so many a second, each with a new identity, and with its cookie once that
/// came. How many were sent.
fn dial_for_ever(
    server: sst_std::HostId,
    address: SocketAddr,
    last: u8,
    per_second: u32,
    until: Instant,
) -> Result<u32, Failure> {
    let source = match address.ip() {
        IpAddr::V4(ip) if ip.is_loopback() => IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)),
        ip if ip.is_ipv4() => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        _ => "::".parse()?,
    };
    let socket = UdpSocket::bind((source, 0))?;
    let pause = Duration::from_secs(1) / per_second.max(1);
    socket.set_read_timeout(Some(pause))?;
    let (mut buffer, mut sent) = ([0; 2_000], 0);
    while now() < until {
        let mut dial = Dial::new(server)?;
        let next = now() + pause;
        socket.send_to(&dial.init(), address)?;
        sent += 1;
        while let Ok((len, _)) = socket.recv_from(&mut buffer) {
            if dial.take_cookie(&buffer[..len]) {
                socket.send_to(&dial.init(), address)?;
                sent += 1;
            }
            if now() >= next {
                break;
            }
        }
    }
    Ok(sent)
}

/// A tree as large as the server's first credit allows, whose priorities then change for ever.
fn priority(arguments: &Arguments, server: SocketAddr, until: Instant) -> Outcome {
    let socket = socket(server)?;
    let mut peer = Dial::new(arguments.url.id())?.finish(&socket, server)?;
    let side = peer.side;
    let id = |number| stream(number, side);
    let count = arguments.count(10_000);
    // 64 under the root, 16 under each of the others, in the order of their numbers.
    let opening = |number: u32| {
        let parent = if number < 64 { StreamId::ROOT } else { id((number - 64) / 16)? };
        let open = Some(child_of(parent));
        Some(Frame::Stream(StreamFrame {
            id: id(number)?,
            offset: 0,
            data: b"x",
            mark: false,
            fin: false,
            open,
        }))
    };
    for first in (0..count).step_by(40) {
        let last = (first + 40).min(count);
        socket.send_to(&peer.packet((first..last).filter_map(opening)), server)?;
        std::thread::sleep(Duration::from_millis(1));
    }
    say_holding(&format!("up to {count} streams"));
    let sent = flood(&socket, server, until, |sent| {
        peer.packet((0..400_u32).filter_map(|at| {
            let number = (sent.wrapping_mul(7_919).wrapping_add(at * 104_729)) % count;
            let priority = if (sent + at) % 2 == 0 { 9 } else { -9 };
            Some(Frame::Priority { id: id(number)?, priority })
        }))
    });
    println!("kept, {sent} packets");
    Ok(())
}
