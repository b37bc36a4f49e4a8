//! [`Driver`]: the one task of an endpoint. It waits for packets, timers and handles, feeds the
//! host and drains it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sst_nostd::{Duration, Instant};
use tokio::time::Sleep;
use tracing::trace;
use zeroize::zeroize_stack;

use crate::outbox::Outbox;
use crate::shared::{Acted, More, Phase, Shared};
use crate::udp::{Inbox, Receiver, Socket};

/// Packets taken in before other tasks get their turn, timers and sending included.
const MAX_PACKETS_IN: usize = 64;
/// So few packets take so little time that it need not be asked for again.
const FEW_PACKETS: usize = 4;
/// How deep below a turn ciphers go, in bytes: ChaCha20's leave the key there.
const CIPHER_DEPTH_BYTES: usize = 8 << 10;
/// Far enough for a sleep, and never overflows.
const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 86_400);

/// Receives from the sockets; shares the host with the handles.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    receivers: Vec<Receiver>,
    inbox: Inbox,
    sleep: Pin<Box<Sleep>>,
    sleeps_until: Option<Instant>,
    woken: Vec<Waker>,
}

/// What a turn took in.
struct Received {
    more: More,
    packets: usize,
    /// The time, if it was asked for so lately that it is still right.
    now: Option<Instant>,
}

/// What a turn did besides.
struct Served {
    more: More,
    phase: Phase,
    used_keys: bool,
}

impl Driver {
    pub(crate) fn new(shared: Arc<Shared>, sockets: Vec<(Socket, Receiver)>) -> Self {
        let (senders, receivers) = sockets.into_iter().unzip();
        shared.lock().outbox = Some(Box::new(Outbox::new(senders)));
        Self {
            shared,
            receivers,
            inbox: Inbox::new(),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            sleeps_until: None,
            woken: Vec::new(),
        }
    }

    /// Receives until there is nothing, or others must have a turn; everything received is
    /// answered at once.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Received {
        let (mut packets, mut asked_at) = (0, None);
        for at in 0..self.receivers.len() {
            while packets < MAX_PACKETS_IN {
                let Some(receiver) = self.receivers.get(at) else { break };
                if receiver.poll_receive(cx, &mut self.inbox).is_pending() {
                    break;
                }
                let now = self.shared.clock.now();
                asked_at = Some(now);
                let mut inner = self.shared.lock();
                packets += self.inbox.for_each(receiver, |path, ecn, packet| {
                    if let Err(why) = inner.host.handle_packet(now, path, ecn, packet) {
                        trace!(peer = %path.peer, ?why, "packet dropped");
                    }
                });
            }
        }
        let more = if packets < MAX_PACKETS_IN { More::No } else { More::Now };
        Received { more, packets, now: asked_at.filter(|_| packets <= FEW_PACKETS) }
    }

    /// Timers, sending and news, under one lock.
    fn serve(&mut self, cx: &mut Context<'_>, now: Option<Instant>) -> Served {
        let now = now.unwrap_or_else(|| self.shared.clock.now());
        let mut inner = self.shared.lock();
        inner.driver = Some(cx.waker().clone());
        inner.turn(now, &mut self.woken);
        let mut more = inner.poll_transmit(cx, now);
        // Sending makes room, and that is news.
        if inner.drain_events(now, &mut self.woken) == Acted::Yes {
            more = More::Now;
        }
        let due = inner.poll_timeout();
        let phase = inner.end_if_stopping(&mut self.woken);
        let used_keys = std::mem::take(&mut inner.used_keys);
        drop(inner);
        for waker in self.woken.drain(..) {
            waker.wake();
        }
        if self.poll_sleep(cx, due, now) == More::Now {
            more = More::Now;
        }
        Served { more, phase, used_keys }
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
        let (over, used_keys) = self.get_mut().take_turn(cx);
        if used_keys {
            // The runtime may have this task polled by another thread next time.
            zeroize_stack::<CIPHER_DEPTH_BYTES>();
        }
        over
    }
}

impl Driver {
    /// A turn, and whether keys were used in it. Never inlined, so that what ciphers leave on the
    /// stack lies below whoever calls this.
    #[inline(never)]
    fn take_turn(&mut self, cx: &mut Context<'_>) -> (Poll<()>, bool) {
        let received = self.poll_receive(cx);
        let served = self.serve(cx, received.now);
        let used_keys = received.packets > 0 || served.used_keys;
        if served.phase == Phase::Stopping || served.phase == Phase::Stopped {
            return (Poll::Ready(()), used_keys);
        }
        if received.more == More::Now || served.more == More::Now {
            // Not a loop: other tasks come first, or a flood would be all that happens here.
            cx.waker().wake_by_ref();
        }
        (Poll::Pending, used_keys)
    }
}

impl Drop for Driver {
    /// The runtime ends: whoever waits for something hears of it.
    fn drop(&mut self) {
        let now = self.shared.clock.now();
        let mut inner = self.shared.lock();
        inner.abandon(now, &mut self.woken);
        // Handles may stay; the sockets close.
        inner.outbox = None;
        drop(inner);
        for waker in self.woken.drain(..) {
            waker.wake();
        }
    }
}
