//! Limits, not peers: UDP with segmentation offload and nothing else, or with the bare AEAD; and
//! for ping-pong, one packet a call. What protects a receiver is a window of bytes; what is lost
//! is not sent again, but bytes lost do not count.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{
    AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};

use super::packets::Packets;
use super::socket::MAX_PAYLOAD_LEN;
use crate::Fallible;
use crate::measure::Meter;
use crate::task::{Card, Cipher, Figures, Task, Work};
use crate::work::{PING_LEN, pings, rates};

/// Segments in one call, together less than 64 KiB.
const SEGMENTS: usize = 44;
/// Sent and not yet counted by the receiver, at most: a part of its buffer, as the kernel counts
/// more than the bytes.
const WINDOW: u64 = 1 << 20;
const NUMBER_LEN: usize = 8;
const TAG_LEN: usize = 16;
/// After so long without an answer, what is missing is lost.
const LOSS_TIMEOUT: Duration = Duration::from_millis(20);

struct Limit {
    packets: Packets,
    key: Option<LessSafeKey>,
}

pub(super) fn serve(task: &Task) -> Fallible<()> {
    let mut limit = Limit::new(task.cipher)?;
    Card::new(limit.packets.local()?, Vec::new()).announce()?;
    match task.work {
        Work::Pingpong => limit.echo(),
        _ => limit.count(),
    }
}

pub(super) fn drive(task: &Task, card: &Card, server: u32) -> Fallible<Figures> {
    let mut limit = Limit::new(task.cipher)?;
    match task.work {
        Work::Pingpong => limit.ping(task.count, card.address, server),
        Work::Bulk => limit.flood(task.count, card.address, server),
        other => Err(format!("{other:?}: no limit for that").into()),
    }
}

impl Limit {
    fn new(cipher: Cipher) -> Fallible<Self> {
        let algorithm = match cipher {
            Cipher::None => None,
            Cipher::Aes256 => Some(&AES_256_GCM),
            Cipher::Chacha => Some(&CHACHA20_POLY1305),
            Cipher::Aes128 => return Err("compared with AES-256".into()),
        };
        let key = algorithm.map(|algorithm| UnboundKey::new(algorithm, &[7; 32])).transpose()?;
        Ok(Self { packets: Packets::new()?, key: key.map(LessSafeKey::new) })
    }

    /// Opens and counts what comes, and says so after each batch.
    fn count(&mut self) -> Fallible<()> {
        let mut total = 0_u64;
        loop {
            let (mut peer, mut batch) = (None, 0);
            self.packets.receive(|from, packet| {
                peer = Some(from);
                batch += opened_len(self.key.as_ref(), packet).unwrap_or(0);
            })?;
            total += batch;
            match peer {
                Some(peer) => drop(self.packets.socket.send_to(&total.to_be_bytes(), peer)),
                None => self.packets.wait(None)?,
            }
        }
    }

    /// Seals and sends until `bytes` were counted by the receiver.
    fn flood(&mut self, bytes: u64, to: SocketAddr, server: u32) -> Fallible<Figures> {
        let payload_len = self.payload_len() as u64;
        let (mut counted, mut sent, mut written_off) = (0, 0, 0);
        let (mut number, mut batch) = (0_u64, vec![0x5a; SEGMENTS * MAX_PAYLOAD_LEN]);
        let mut heard_at = Instant::now();
        let meter = Meter::start(server);
        while counted < bytes {
            if sent - written_off < counted + WINDOW {
                for packet in batch.chunks_mut(MAX_PAYLOAD_LEN) {
                    seal(self.key.as_ref(), &mut number, packet)?;
                }
                self.packets.send(&batch, MAX_PAYLOAD_LEN, to)?;
                sent += SEGMENTS as u64 * payload_len;
            } else {
                self.packets.wait(Some(LOSS_TIMEOUT))?;
            }
            let before = counted;
            let mut answer = [0; 8];
            while let Ok(8) = self.packets.socket.recv(&mut answer) {
                counted = counted.max(u64::from_be_bytes(answer));
            }
            if counted > before {
                heard_at = Instant::now();
            } else if heard_at.elapsed() > LOSS_TIMEOUT {
                written_off = sent.saturating_sub(counted);
                heard_at = Instant::now();
            }
        }
        Ok(rates(meter.stop(), counted))
    }

    /// Sends back whatever comes, one packet a call.
    fn echo(&self) -> Fallible<()> {
        let socket = &self.packets.socket;
        socket.set_nonblocking(false)?;
        let mut room = [0; MAX_PAYLOAD_LEN];
        loop {
            let (len, peer) = socket.recv_from(&mut room)?;
            socket.send_to(&room[..len], peer)?;
        }
    }

    fn ping(&self, count: u64, to: SocketAddr, server: u32) -> Fallible<Figures> {
        let socket = &self.packets.socket;
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        let mut times = Vec::with_capacity(count as usize);
        let meter = Meter::start(server);
        for _ in 0..count {
            let sent_at = Instant::now();
            socket.send_to(&[0x5a; PING_LEN], to)?;
            socket.recv(&mut [0; PING_LEN])?;
            times.push(sent_at.elapsed());
        }
        Ok(pings(meter.stop(), &mut times))
    }

    const fn payload_len(&self) -> usize {
        match self.key {
            Some(_) => MAX_PAYLOAD_LEN - NUMBER_LEN - TAG_LEN,
            None => MAX_PAYLOAD_LEN,
        }
    }
}

/// A packet: its number, the sealed bytes, the tag.
fn seal(key: Option<&LessSafeKey>, number: &mut u64, packet: &mut [u8]) -> Fallible<()> {
    let Some(key) = key else { return Ok(()) };
    *number += 1;
    let (head, rest) = packet.split_at_mut(NUMBER_LEN);
    head.copy_from_slice(&number.to_be_bytes());
    let (body, tag) = rest.split_at_mut(rest.len() - TAG_LEN);
    let made = key.seal_in_place_separate_tag(nonce(*number), Aad::from(&*head), body)?;
    tag.copy_from_slice(made.as_ref());
    Ok(())
}

/// How many bytes a packet brought; `None` if it was not sealed by the other side.
fn opened_len(key: Option<&LessSafeKey>, packet: &mut [u8]) -> Option<u64> {
    let Some(key) = key else { return Some(packet.len() as u64) };
    let (head, rest) = packet.split_first_chunk_mut::<NUMBER_LEN>()?;
    let nonce = nonce(u64::from_be_bytes(*head));
    let opened = key.open_in_place(nonce, Aad::from(&*head), rest).ok()?;
    Some(opened.len() as u64)
}

fn nonce(number: u64) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[NONCE_LEN - NUMBER_LEN..].copy_from_slice(&number.to_be_bytes());
    Nonce::assume_unique_for_key(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_open_once_sealed_and_not_when_touched() {
        for cipher in [Cipher::Aes256, Cipher::Chacha] {
            let limit = Limit::new(cipher).unwrap();
            let mut packet = vec![0; MAX_PAYLOAD_LEN];
            seal(limit.key.as_ref(), &mut 4, &mut packet).unwrap();
            let mut touched = packet.clone();
            touched[20] ^= 1;
            let len = opened_len(limit.key.as_ref(), &mut packet);
            assert_eq!(len, Some(limit.payload_len() as u64));
            assert_eq!(opened_len(limit.key.as_ref(), &mut touched), None);
        }
    }
}
