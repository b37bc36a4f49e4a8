//! [`Outbox`]: what an endpoint sends its packets with: memory for one batch, and the sockets.

use std::task::{Context, Poll};

use sst_nostd::{Codepoint as Ecn, Instant, Path};

use crate::shared::{Inner, More};
use crate::udp::{Outgoing, Sent, Socket};

/// Batches sent before receiving gets its turn.
const MAX_BATCHES: usize = 16;
/// Batches that a task sends before it waits.
const MAX_BATCHES_AT_ONCE: usize = 2;
/// The most that one UDP send carries, headers of either IP version considered.
const LEN: usize = 65_487;

/// The sending ends of the sockets, memory for what is being sent, and what the kernel had no room
/// for.
pub(crate) struct Outbox {
    sockets: Vec<Socket>,
    bytes: Box<[u8]>,
    held: Option<Held>,
}

#[derive(Clone, Copy)]
struct Held {
    socket: usize,
    path: Path,
    ecn: Ecn,
    len: usize,
    segment_len: Option<usize>,
}

impl Outbox {
    pub(crate) fn new(sockets: Vec<Socket>) -> Self {
        Self { sockets, bytes: vec![0; LEN].into_boxed_slice(), held: None }
    }

    /// Sends what the host has, until it has no more, the socket is full, or it is others' turn.
    pub(crate) fn poll_transmit(
        &mut self,
        cx: &mut Context<'_>,
        inner: &mut Inner,
        now: Instant,
    ) -> More {
        for _ in 0..MAX_BATCHES {
            let Some(held) = self.held.take().or_else(|| self.next(inner, now)) else {
                return More::No;
            };
            match self.offer(cx, now, held) {
                Poll::Ready(sent) => note(inner, now, held.path, &sent),
                Poll::Pending => {
                    self.held = Some(held);
                    return More::No;
                }
            }
        }
        More::Now
    }

    /// Sends what the host has without waiting for anything: what does not leave is left to
    /// [`poll_transmit`](Self::poll_transmit).
    pub(crate) fn try_transmit(&mut self, inner: &mut Inner, now: Instant) {
        for _ in 0..MAX_BATCHES_AT_ONCE {
            if self.held.is_some() {
                return;
            }
            let Some(held) = self.next(inner, now) else { return };
            let (Some(socket), Some(bytes)) =
                (self.sockets.get_mut(held.socket), self.bytes.get(..held.len))
            else {
                return;
            };
            let Held { path, ecn, segment_len, .. } = held;
            match socket.send(now, Outgoing { path, ecn, segment_len, bytes }) {
                Ok(sent) => note(inner, now, path, &sent),
                Err(_) => self.held = Some(held),
            }
        }
    }

    /// The next batch that the host has.
    fn next(&mut self, inner: &mut Inner, now: Instant) -> Option<Held> {
        let max_packets = self.sockets.iter().map(Socket::max_segments).min().unwrap_or(1).max(1);
        let transmit = inner.host.poll_transmit(now, &mut self.bytes, max_packets)?;
        inner.used_keys = true;
        Some(Held {
            socket: best(&self.sockets, transmit.path),
            path: transmit.path,
            ecn: transmit.ecn,
            len: transmit.len,
            segment_len: transmit.segment_len,
        })
    }

    /// Pending if the socket is full; the task is then woken when it is not.
    fn offer(&mut self, cx: &mut Context<'_>, now: Instant, held: Held) -> Poll<Sent> {
        let (Some(socket), Some(bytes)) =
            (self.sockets.get_mut(held.socket), self.bytes.get(..held.len))
        else {
            return Poll::Ready(Sent::Taken);
        };
        let Held { path, ecn, segment_len, .. } = held;
        socket.poll_send(cx, now, Outgoing { path, ecn, segment_len, bytes })
    }
}

/// What became of a packet tells of the way to its peer, and of this host's own addresses.
fn note(inner: &mut Inner, now: Instant, path: Path, sent: &Sent) {
    match sent {
        Sent::Taken => inner.refusals.clear(path.peer),
        Sent::Lost(error) => inner.refusals.note(path.peer, error),
        Sent::Unsourced => inner.host.network_changed(now, path.local),
    }
}

/// Which socket a packet for `path` leaves by.
fn best(sockets: &[Socket], path: Path) -> usize {
    if sockets.len() < 2 {
        return 0;
    }
    let scored = sockets.iter().enumerate().rev();
    scored.max_by_key(|(_, socket)| socket.fitness(path)).map_or(0, |(at, _)| at)
}
