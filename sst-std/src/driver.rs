//! [`Driver`]: the one task of an endpoint. It waits for packets, timers and handles, feeds the
//! host and drains it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use sst_nostd::{Duration, Instant};
use tokio::time::Sleep;
use zeroize::zeroize_stack;

use crate::at_once::{CIPHER_DEPTH_BYTES, Gathered, Scene};
use crate::intake::{Intake, Received};
use crate::outbox::Outbox;
use crate::shared::{Acted, More, Phase, Shared};
use crate::udp::{Receiver, Socket};

/// Far enough for a sleep, and never overflows.
const LONGEST_SLEEP: Duration = Duration::from_secs(365 * 86_400);

/// Shares the host and the sockets with the handles.
pub(crate) struct Driver {
    shared: Arc<Shared>,
    sleep: Pin<Box<Sleep>>,
    sleeps_until: Option<Instant>,
    woken: Vec<Waker>,
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
        *shared.intake() = Some(Intake::new(receivers));
        Self {
            shared,
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            sleeps_until: None,
            woken: Vec::new(),
        }
    }

    /// What there is to receive.
    fn poll_receive(&self, cx: &mut Context<'_>) -> Received {
        let nothing = Received { more: More::No, packets: 0, now: None };
        // A task that looks out for its answer receives, and wakes the driver when it is done:
        // timers and what is to be sent do not wait for that.
        let Ok(mut intake) = self.shared.intake.try_lock() else { return nothing };
        intake.as_mut().map_or(nothing, |intake| intake.poll_receive(cx, &self.shared))
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
        inner.scene = Scene::after(&self.woken);
        inner.gathered = Gathered::default();
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
        *self.shared.intake() = None;
        for waker in self.woken.drain(..) {
            waker.wake();
        }
    }
}
