//! A lossy link in one process: a UDP socket that passes packets on, late, at a rate, or not.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::net::UdpSocket;
use tokio::time::sleep_until;

/// What the link does to packets.
#[derive(Clone, Copy)]
pub(crate) struct Conditions {
    pub(crate) delay: Duration,
    pub(crate) bits_per_second: u64,
    /// Of a thousand packets, so many are lost by chance.
    pub(crate) loss_per_mille: u64,
    /// Packets that wait for the link; more are lost.
    pub(crate) queue_packets: usize,
}

/// What went over a link.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) lost: AtomicU64,
}

/// One direction.
struct Line {
    waiting: VecDeque<(Instant, Vec<u8>, SocketAddr)>,
    is_free_at: Instant,
}

/// Starts a link to `server`; what comes to the address it returns goes there, and back.
pub(crate) async fn start(
    server: SocketAddr,
    conditions: Conditions,
) -> std::io::Result<(SocketAddr, Arc<Traffic>)> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let address = socket.local_addr()?;
    let traffic = Arc::new(Traffic::default());
    tokio::spawn(run(socket, server, conditions, traffic.clone()));
    Ok((address, traffic))
}

#[allow(clippy::disallowed_methods, reason = "a command has a clock")]
async fn run(socket: UdpSocket, server: SocketAddr, conditions: Conditions, traffic: Arc<Traffic>) {
    let mut lines = [(); 2].map(|()| Line { waiting: VecDeque::new(), is_free_at: Instant::now() });
    let (mut client, mut buffer, mut noise) = (None, vec![0; 65_536], 0x9e37_79b9_7f4a_7c15);
    loop {
        let due = lines.iter().filter_map(|line| Some(line.waiting.front()?.0)).min();
        let far = Instant::now() + Duration::from_secs(3_600);
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                let Ok((len, from)) = received else { continue };
                let (line, to) = if from == server {
                    (&mut lines[0], client)
                } else {
                    client = Some(from);
                    (&mut lines[1], Some(server))
                };
                let Some(to) = to else { continue };
                traffic.packets.fetch_add(1, Ordering::Relaxed);
                traffic.bytes.fetch_add(len as u64, Ordering::Relaxed);
                let by_chance = draw(&mut noise) % 1_000 < conditions.loss_per_mille;
                if by_chance || line.waiting.len() >= conditions.queue_packets {
                    traffic.lost.fetch_add(1, Ordering::Relaxed);
                } else {
                    line.take(&buffer[..len], to, conditions);
                }
            }
            () = sleep_until(due.unwrap_or(far).into()) => {}
        }
        let now = Instant::now();
        for line in &mut lines {
            while line.waiting.front().is_some_and(|(at, ..)| *at <= now) {
                if let Some((_, packet, to)) = line.waiting.pop_front() {
                    let _ = socket.try_send_to(&packet, to);
                }
            }
        }
    }
}

impl Line {
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    fn take(&mut self, packet: &[u8], to: SocketAddr, conditions: Conditions) {
        let nanos = packet.len() as u64 * 8 * 1_000_000_000 / conditions.bits_per_second.max(1);
        self.is_free_at = self.is_free_at.max(Instant::now()) + Duration::from_nanos(nanos);
        self.waiting.push_back((self.is_free_at + conditions.delay, packet.to_vec(), to));
    }
}

/// Xorshift: the same losses every time.
fn draw(noise: &mut u64) -> u64 {
    *noise ^= *noise << 13;
    *noise ^= *noise >> 7;
    *noise ^= *noise << 17;
    *noise >> 11
}
