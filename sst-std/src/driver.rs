//! [`Driver`]: the one task of an endpoint. It waits for packets, timers and handles, feeds the
//! host and drains it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sst_nostd::{Codepoint as Ecn, Duration, Instant, Path};
use tokio::time::Sleep;
use tracing::trace;
use zeroize::zeroize_stack;

use crate::shared::{Acted, Inner, Phase, Shared};
use crate::udp::{Inbox, Outgoing, Sent, Socket};

/// Packets taken in before other tasks get their turn, timers and sending included.
const MAX_PACKETS_IN: usize = 64;
/// Batches sent before receiving gets its turn.
const MAX_BATCHES_OUT: usize = 16;
/// The most that one UDP send carries, headers of either IP version considered.
const OUTBOX_LEN: usize = 65_487;
/// How deep below a turn ciphers go, in bytes: ChaCha20's leave the key there.
const CIPHER_DEPTH_BYTES: usize = 8 << 10;
/// Far enough for a sleep, and never overflows.
const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 86_400);

/// Owns the sockets; shares the host with the handles.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    sockets: Vec<Socket>,
    inbox: Inbox,
    outbox: Outbox,
    sleep: Pin<Box<Sleep>>,
    sleeps_until: Option<Instant>,
    woken: Vec<Waker>,
}

/// Memory for what is being sent, and what the kernel had no room for.
struct Outbox {
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

/// Whether there is more to do without waiting.
#[derive(Clone, Copy, PartialEq, Eq)]
enum More {
    No,
    Now,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, sockets: Vec<Socket>) -> Self {
        let outbox = Outbox { bytes: vec![0; OUTBOX_LEN].into_boxed_slice(), held: None };
        Self {
            shared,
            sockets,
            inbox: Inbox::new(),
            outbox,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            sleeps_until: None,
            woken: Vec::new(),
        }
    }

    /// Receives until there is nothing, or others must have a turn; everything received is
    /// answered at once.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> More {
        let mut packets = 0;
        for at in 0..self.sockets.len() {
            while packets < MAX_PACKETS_IN {
                let Some(socket) = self.sockets.get(at) else { break };
                if socket.poll_receive(cx, &mut self.inbox).is_pending() {
                    break;
                }
                let now = self.shared.clock.now();
                let mut inner = self.shared.lock();
                packets += self.inbox.for_each(socket, |path, ecn, packet| {
                    if let Err(why) = inner.host.handle_packet(now, path, ecn, packet) {
                        trace!(peer = %path.peer, ?why, "packet dropped");
                    }
                });
            }
        }
        if packets < MAX_PACKETS_IN { More::No } else { More::Now }
    }

    /// Timers, sending and news, under one lock.
    fn serve(&mut self, cx: &mut Context<'_>) -> (More, Phase) {
        let now = self.shared.clock.now();
        let mut inner = self.shared.lock();
        inner.driver = Some(cx.waker().clone());
        inner.turn(now, &mut self.woken);
        let mut more = self.outbox.poll_transmit(cx, &mut self.sockets, &mut inner, now);
        // Sending makes room, and that is news.
        if inner.drain_events(now, &mut self.woken) == Acted::Yes {
            more = More::Now;
        }
        let due = inner.poll_timeout();
        let phase = inner.end_if_stopping(&mut self.woken);
        drop(inner);
        for waker in self.woken.drain(..) {
            waker.wake();
        }
        (if self.poll_sleep(cx, due, now) == More::Now { More::Now } else { more }, phase)
    }

    /// Has the task woken at `due`, or before: deadlines move away with every packet, and to wake
    /// once too early, now and then, is cheaper than to move a timer each time.
    fn poll_sleep(&mut self, cx: &mut Context<'_>, due: Option<Instant>, now: Instant) -> More {
        let Some(due) = due else { return More::No };
        if due <= now {
            return More::Now;
        }
        if self.sleeps_until.is_none_or(|until| due < until || until <= now) {
            self.sleeps_until = Some(due);
            let until = tokio::time::Instant::now() + due.since(now).min(LONGEST_SLEEP);
            self.sleep.as_mut().reset(until);
        }
        if self.sleep.as_mut().poll(cx).is_ready() {
            self.sleeps_until = None;
            return More::Now;
        }
        More::No
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let over = self.get_mut().take_turn(cx);
        // The runtime may have this task polled by another thread next time.
        zeroize_stack::<CIPHER_DEPTH_BYTES>();
        over
    }
}

impl Driver {
    /// Never inlined, so that what ciphers leave on the stack lies below whoever calls this.
    #[inline(never)]
    fn take_turn(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let received = self.poll_receive(cx);
        let (served, phase) = self.serve(cx);
        if phase == Phase::Stopping || phase == Phase::Stopped {
            return Poll::Ready(());
        }
        if received == More::Now || served == More::Now {
            // Not a loop: other tasks come first, or a flood would be all that happens here.
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Driver {
    /// The runtime ends: whoever waits for something hears of it.
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        self.shared.lock().abandon(now, &mut self.woken);
        for waker in self.woken.drain(..) {
            waker.wake();
        }
    }
}

impl Outbox {
    /// Sends what the host has, until it has no more, the socket is full, or it is others' turn.
    fn poll_transmit(
        &mut self,
        cx: &mut Context<'_>,
        sockets: &mut [Socket],
        inner: &mut Inner,
        now: Instant,
    ) -> More {
        let max_packets = sockets.iter().map(Socket::max_segments).min().unwrap_or(1).max(1);
        for _ in 0..MAX_BATCHES_OUT {
            let held = match self.held.take() {
                Some(held) => held,
                None => match inner.host.poll_transmit(now, &mut self.bytes, max_packets) {
                    Some(transmit) => Held {
                        socket: best(sockets, transmit.path),
                        path: transmit.path,
                        ecn: transmit.ecn,
                        len: transmit.len,
                        segment_len: transmit.segment_len,
                    },
                    None => return More::No,
                },
            };
            match self.offer(cx, now, sockets, held) {
                Poll::Ready(sent) => note(inner, now, held.path, &sent),
                Poll::Pending => {
                    self.held = Some(held);
                    return More::No;
                }
            }
        }
        More::Now
    }

    /// Pending if the socket is full; the task is then woken when it is not.
    fn offer(
        &self,
        cx: &mut Context<'_>,
        now: Instant,
        sockets: &mut [Socket],
        held: Held,
    ) -> Poll<Sent> {
        let (Some(socket), Some(bytes)) =
            (sockets.get_mut(held.socket), self.bytes.get(..held.len))
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
    let scored = sockets.iter().enumerate().rev();
    scored.max_by_key(|(_, socket)| socket.fitness(path)).map_or(0, |(at, _)| at)
}
