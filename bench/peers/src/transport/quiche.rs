//! QUIC by quiche, which leaves sockets and waiting to its users: a loop of our own, for one
//! connection, with the same offload as the others. BoringSSL chooses AES-128-GCM and cannot be
//! told otherwise.

use std::fs;
use std::net::SocketAddr;
use std::time::Instant;

use quiche::{Config, Connection, ConnectionId, Error, RecvInfo};

use super::credentials::{Credentials, NAME};
use super::packets::Packets;
use super::socket::MAX_PAYLOAD_LEN;
use crate::Fallible;
use crate::measure::Meter;
use crate::task::{Card, Figures, Task, Work};
use crate::work::{PIECE_LEN, PING_LEN, pings, rates};

const PROTOCOL: &[u8] = b"bench";
const WINDOW: u64 = 8 << 20;
/// Packets in one call.
const SEGMENTS: usize = 44;
/// The client's first stream.
const STREAM: u64 = 0;

/// A connection and its socket.
struct Line {
    packets: Packets,
    connection: Connection,
    local: SocketAddr,
    batch: Vec<u8>,
}

pub(super) fn serve(task: &Task) -> Fallible<()> {
    let mut packets = Packets::new()?;
    let local = packets.local()?;
    let mut config = config()?;
    certify(&mut config)?;
    Card::new(local, Vec::new()).announce()?;
    let (mut first, mut peer) = (Vec::new(), None);
    while peer.is_none() {
        packets.wait(None)?;
        packets.receive(|from, packet| {
            if peer.is_none() {
                (first, peer) = (packet.to_vec(), Some(from));
            }
        })?;
    }
    let peer = peer.ok_or("nobody called")?;
    let id = ConnectionId::from_ref(&[7; 16]);
    let mut connection = quiche::accept(&id, None, local, peer, &mut config)?;
    connection.recv(&mut first, RecvInfo { from: peer, to: local })?;
    let mut line = Line::new(packets, connection)?;
    match task.work {
        Work::Bulk => line.count(),
        _ => line.echo(),
    }
}

pub(super) fn drive(task: &Task, card: &Card, server: u32) -> Fallible<Figures> {
    let packets = Packets::new()?;
    let mut config = config()?;
    config.verify_peer(false);
    let id = ConnectionId::from_ref(&[9; 16]);
    let local = packets.local()?;
    let connection = quiche::connect(Some(NAME), &id, local, card.address, &mut config)?;
    let mut line = Line::new(packets, connection)?;
    while !line.connection.is_established() {
        line.turn()?;
    }
    match task.work {
        Work::Bulk => line.pour(task.count, server),
        Work::Pingpong => line.ping(task.count, server),
        other => Err(format!("{other:?}: not done with quiche").into()),
    }
}

impl Line {
    fn new(packets: Packets, connection: Connection) -> Fallible<Self> {
        let local = packets.local()?;
        let mut line = Self { packets, connection, local, batch: Vec::new() };
        line.flush()?;
        Ok(line)
    }

    /// Sends what there is to send, waits for what comes, takes it.
    fn turn(&mut self) -> Fallible<()> {
        self.flush()?;
        let timeout = self.connection.timeout();
        self.packets.wait(timeout)?;
        let Self { packets, connection, local, .. } = self;
        let mut is_idle = true;
        packets.receive(|from, packet| {
            is_idle = false;
            // A packet that is refused is dropped; the connection tells if it is over.
            let _ = connection.recv(packet, RecvInfo { from, to: *local });
        })?;
        if is_idle {
            connection.on_timeout();
        }
        self.flush()?;
        if self.connection.is_closed() {
            return Err("the connection is closed".into());
        }
        Ok(())
    }

    /// Packets of one length go in one call; a shorter one is the last of its batch.
    fn flush(&mut self) -> Fallible<()> {
        let mut to = self.local;
        let (mut len, mut is_over) = (0, false);
        self.batch.resize(SEGMENTS * MAX_PAYLOAD_LEN, 0);
        while !is_over {
            let (mut filled, mut segment_len) = (len, len);
            len = 0;
            while filled + MAX_PAYLOAD_LEN <= self.batch.len() {
                let (written, info) = match self.connection.send(&mut self.batch[filled..]) {
                    Ok(sent) => sent,
                    Err(Error::Done) => {
                        is_over = true;
                        break;
                    }
                    Err(error) => return Err(error.into()),
                };
                to = info.to;
                if segment_len != 0 && written > segment_len {
                    // The first of the next batch.
                    len = written;
                    break;
                }
                filled += written;
                segment_len = segment_len.max(written);
                if written < segment_len {
                    break;
                }
            }
            if filled > 0 {
                self.packets.send(&self.batch[..filled], segment_len, to)?;
            }
            self.batch.copy_within(filled..filled + len, 0);
        }
        Ok(())
    }

    fn count(&mut self) -> Fallible<()> {
        let (mut room, mut total) = (vec![0; PIECE_LEN], 0_u64);
        loop {
            self.turn()?;
            loop {
                match self.connection.stream_recv(STREAM, &mut room) {
                    Ok((len, is_last)) => {
                        total += len as u64;
                        if is_last {
                            self.connection.stream_send(STREAM, &total.to_be_bytes(), true)?;
                            break;
                        }
                    }
                    Err(_) => break,
                }
            }
            self.flush()?;
        }
    }

    fn pour(&mut self, bytes: u64, server: u32) -> Fallible<Figures> {
        let meter = Meter::start(server);
        let piece = vec![0x5a; PIECE_LEN];
        let mut rest = bytes;
        while rest > 0 {
            let len = rest.min(PIECE_LEN as u64);
            match self.connection.stream_send(STREAM, &piece[..len as usize], len == rest) {
                Ok(taken) => rest -= taken as u64,
                Err(Error::Done) => self.turn()?,
                Err(error) => return Err(error.into()),
            }
        }
        let counted = self.read::<8>()?;
        if u64::from_be_bytes(counted) != bytes {
            return Err("the server received another number of bytes".into());
        }
        Ok(rates(meter.stop(), bytes))
    }

    fn echo(&mut self) -> Fallible<()> {
        let mut room = [0; PING_LEN];
        loop {
            self.turn()?;
            while let Ok((len, _)) = self.connection.stream_recv(STREAM, &mut room) {
                self.connection.stream_send(STREAM, &room[..len], false)?;
            }
            self.flush()?;
        }
    }

    fn ping(&mut self, count: u64, server: u32) -> Fallible<Figures> {
        let mut times = Vec::with_capacity(count as usize);
        let meter = Meter::start(server);
        for _ in 0..count {
            let sent_at = Instant::now();
            self.connection.stream_send(STREAM, &[0x5a; PING_LEN], false)?;
            self.read::<PING_LEN>()?;
            times.push(sent_at.elapsed());
        }
        Ok(pings(meter.stop(), &mut times))
    }

    fn read<const N: usize>(&mut self) -> Fallible<[u8; N]> {
        let (mut room, mut filled) = ([0; N], 0);
        while filled < N {
            match self.connection.stream_recv(STREAM, &mut room[filled..]) {
                Ok((len, _)) => filled += len,
                Err(_) => self.turn()?,
            }
        }
        Ok(room)
    }
}

fn config() -> Fallible<Config> {
    let mut config = Config::new(quiche::PROTOCOL_VERSION)?;
    config.set_application_protos(&[PROTOCOL])?;
    config.set_max_recv_udp_payload_size(MAX_PAYLOAD_LEN);
    config.set_max_send_udp_payload_size(MAX_PAYLOAD_LEN);
    config.set_initial_max_data(2 * WINDOW);
    config.set_initial_max_stream_data_bidi_local(WINDOW);
    config.set_initial_max_stream_data_bidi_remote(WINDOW);
    config.set_initial_max_streams_bidi(100);
    config.set_max_connection_window(2 * WINDOW);
    config.set_max_stream_window(WINDOW);
    // Nothing here waits for the time a packet is due.
    config.enable_pacing(false);
    Ok(config)
}

/// BoringSSL wants files.
fn certify(config: &mut Config) -> Fallible<()> {
    let own = Credentials::generate()?;
    let folder = std::env::temp_dir();
    let [certificate, key] =
        ["cert", "key"].map(|what| folder.join(format!("peers-{}.{what}", std::process::id())));
    fs::write(&certificate, own.certificate_pem)?;
    fs::write(&key, own.key_pem)?;
    let (certificate_name, key_name) = (certificate.to_string_lossy(), key.to_string_lossy());
    let loaded = config
        .load_cert_chain_from_pem_file(&certificate_name)
        .and_then(|()| config.load_priv_key_from_pem_file(&key_name));
    fs::remove_file(&certificate)?;
    fs::remove_file(&key)?;
    Ok(loaded?)
}
