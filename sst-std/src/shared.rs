//! [`Shared`]: the host behind its lock, used by the driver and by every handle.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
#[cfg(feature = "net")]
use std::task::Context;
use std::task::Waker;

use sst_nostd::{
    CloseCause, CloseReason, ClosedBy, Duration, Event, Host, HostId, Instance, InstanceWish,
    Instant, SessionEvent, SessionHandle, SessionState, StreamEvent,
};
use tracing::{debug, info};

use crate::addresses::Refusals;
use crate::alarm::Alarms;
#[cfg(feature = "net")]
use crate::at_once::{Gathered, Scene};
use crate::clock::Clock;
use crate::config::Config;
#[cfg(feature = "net")]
use crate::config::MAX_BUSY_POLL;
use crate::crypto::Primitives;
use crate::delivery::Deliveries;
use crate::error::{By, Code, SessionClosed};
use crate::incoming::Waiting;
#[cfg(feature = "net")]
use crate::intake::Intake;
use crate::key_log::KeyLog;
#[cfg(feature = "net")]
use crate::outbox::Outbox;
use crate::waiters::{Interest, Slots};

pub(crate) type StdHost = Host<'static, Primitives>;

/// What an endpoint, its driver, its sessions and its streams have in common.
pub(crate) struct Shared {
    pub(crate) id: HostId,
    pub(crate) local: Vec<SocketAddr>,
    pub(crate) clock: Clock,
    pub(crate) connect_timeout: Duration,
    pub(crate) instance: InstanceWish,
    /// What the driver receives with, as long as there is one with sockets. Locked before `inner`.
    #[cfg(feature = "net")]
    pub(crate) intake: Mutex<Option<Intake>>,
    /// How long a task that waits for an answer looks out for it before it sleeps.
    #[cfg(feature = "net")]
    pub(crate) busy_poll: Duration,
    inner: Mutex<Inner>,
}

/// Dropped when no endpoint, session or stream is left: then the driver ends.
pub(crate) struct Lifeline(pub(crate) Arc<Shared>);

/// The host, and who waits for it.
pub(crate) struct Inner {
    pub(crate) host: StdHost,
    pub(crate) slots: Slots,
    pub(crate) deliveries: Deliveries,
    pub(crate) incoming: Waiting,
    pub(crate) alarms: Alarms,
    pub(crate) driver: Option<Waker>,
    /// What the driver sends with, as long as there is one with sockets.
    #[cfg(feature = "net")]
    pub(crate) outbox: Option<Box<Outbox>>,
    /// Whether a task may send by itself.
    #[cfg(feature = "net")]
    pub(crate) scene: Scene,
    #[cfg(feature = "net")]
    pub(crate) gathered: Gathered,
    /// Whether a packet was sealed, or a timer served, since this was last taken back: then keys
    /// may be on the stack.
    pub(crate) used_keys: bool,
    /// Where packets could not be sent to.
    pub(crate) refusals: Refusals,
    pub(crate) phase: Phase,
    allow: Option<Vec<HostId>>,
    key_log: Option<KeyLog>,
}

/// Whether the host may have something new to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Acted {
    No,
    Yes,
}

/// Whether there is more to do without waiting.
#[cfg(feature = "net")]
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum More {
    No,
    Now,
}

/// How far an endpoint is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Open,
    /// No new sessions.
    Closing,
    /// The driver should end.
    Stopping,
    /// The driver has ended.
    Stopped,
}

impl Shared {
    pub(crate) fn new(
        host: StdHost,
        clock: Clock,
        local: Vec<SocketAddr>,
        config: Config,
        key_log: Option<KeyLog>,
    ) -> Self {
        let id = host.id();
        let inner = Inner {
            host,
            slots: Slots::new(config.max_buffer_bytes),
            deliveries: Deliveries::default(),
            incoming: Waiting::new(&config),
            alarms: Alarms::default(),
            driver: None,
            #[cfg(feature = "net")]
            outbox: None,
            #[cfg(feature = "net")]
            scene: Scene::default(),
            #[cfg(feature = "net")]
            gathered: Gathered::default(),
            used_keys: false,
            refusals: Refusals::default(),
            phase: Phase::Open,
            allow: config.allow,
            key_log,
        };
        let (connect_timeout, instance) = (config.connect_timeout, config.instance);
        Self {
            id,
            local,
            clock,
            connect_timeout,
            instance,
            #[cfg(feature = "net")]
            intake: Mutex::default(),
            #[cfg(feature = "net")]
            busy_poll: config.busy_poll.min(MAX_BUSY_POLL),
            inner: Mutex::new(inner),
        }
    }

    /// What is received with. Nobody who has [the lock](Self::lock) may ask for it.
    #[cfg(feature = "net")]
    pub(crate) fn intake(&self) -> MutexGuard<'_, Option<Intake>> {
        self.intake.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock. The host has no broken states, so a panic elsewhere does not poison it.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the host, then has the driver look what there is to send and to tell.
    pub(crate) fn act<T>(&self, action: impl FnOnce(&mut Inner, Instant) -> T) -> T {
        let now = self.clock.now();
        let mut inner = self.lock();
        let answer = action(&mut inner, now);
        self.acted(inner);
        answer
    }

    /// Lets the host go after something was done to it.
    fn acted(&self, mut inner: MutexGuard<'_, Inner>) {
        let driver = inner.driver.take();
        drop(inner);
        self.tell(driver);
    }

    /// Has the driver look what there is to do. One with sockets may be told a little later
    /// ([`gathering`](crate::gathering)); a carrier is told at once.
    pub(crate) fn tell(&self, driver: Option<Waker>) {
        match driver {
            #[cfg(feature = "net")]
            Some(driver) if matches!(self.clock, Clock::System(_)) => crate::gather::wake(driver),
            Some(driver) => driver.wake(),
            None => {}
        }
    }
}

impl Inner {
    /// Why `session` ended, as well as it is known.
    pub(crate) fn closed(&self, session: SessionHandle) -> SessionClosed {
        match self.host.close_reason(session) {
            Some(reason) => translate(&reason),
            None => SessionClosed::endpoint_gone(),
        }
    }

    /// Whether the session is over for those who use it: at the latest, CLOSE is about to go out.
    pub(crate) fn is_closed(&self, session: SessionHandle) -> bool {
        matches!(self.state(session), None | Some(SessionState::Closing | SessionState::Closed))
    }

    /// Whether the session is over for the host as well: CLOSE has been said often enough.
    pub(crate) fn is_over(&self, session: SessionHandle) -> bool {
        matches!(self.state(session), None | Some(SessionState::Closed))
    }

    pub(crate) fn state(&self, session: SessionHandle) -> Option<SessionState> {
        self.host.session_info(session).map(|info| info.state)
    }

    pub(crate) fn instance(&self, session: SessionHandle) -> Option<Instance> {
        self.host.session_info(session)?.instance
    }

    pub(crate) fn peer(&self, session: SessionHandle) -> Option<HostId> {
        self.host.session_info(session).and_then(|info| info.peer)
    }

    /// Positions that arrived in the session and nobody took yet.
    pub(crate) fn unread(&self, session: SessionHandle) -> u64 {
        self.host.session_info(session).map_or(0, |info| info.unread)
    }

    /// Whether the session became crowded since this was last asked, and still is: once something
    /// is read its peer goes on, and would say so if it could not.
    pub(crate) fn take_crowded(&mut self, session: SessionHandle) -> bool {
        let unread = self.unread(session);
        self.slots.take_crowded(session).is_some_and(|then| unread >= then)
    }

    /// Every session that is not over, held by someone or not.
    pub(crate) fn unfinished_sessions(&self) -> Vec<SessionHandle> {
        self.host.unfinished_sessions().collect()
    }

    /// Serves the timers that are due, and takes every event off the host. Tasks to wake go to
    /// `woken`, for after the lock.
    pub(crate) fn turn(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        if self.host.poll_timeout().is_some_and(|at| at <= now) {
            self.host.handle_timeout(now);
            self.used_keys = true;
        }
        self.alarms.ring(now, woken);
        if self.phase == Phase::Stopping {
            for session in self.unfinished_sessions() {
                let _ = self.host.shut_down(now, session, false);
            }
        }
        // Before sending, because a refused session has something to be told.
        self.drain_events(now, woken);
    }

    /// Sends what there is to send; the task is woken when a socket that was full is not.
    #[cfg(feature = "net")]
    pub(crate) fn poll_transmit(&mut self, cx: &mut Context<'_>, now: Instant) -> More {
        let Some(mut outbox) = self.outbox.take() else { return More::No };
        let more = outbox.poll_transmit(cx, self, now);
        self.outbox = Some(outbox);
        more
    }

    /// When the next turn is due.
    pub(crate) fn poll_timeout(&mut self) -> Option<Instant> {
        [self.host.poll_timeout(), self.alarms.next()].into_iter().flatten().min()
    }

    /// What goes with the end of whoever drives the host; the phase as it was.
    pub(crate) fn end_if_stopping(&mut self, woken: &mut Vec<Waker>) -> Phase {
        let phase = self.phase;
        if phase == Phase::Stopping {
            self.phase = Phase::Stopped;
            self.slots.wake_accepting(woken);
        }
        if phase != Phase::Open {
            self.slots.wake_ending(woken);
        }
        phase
    }

    /// Nobody drives the host any more: every session ends, and everyone hears of it.
    pub(crate) fn abandon(&mut self, now: Instant, woken: &mut Vec<Waker>) {
        if self.phase != Phase::Stopped {
            self.phase = Phase::Stopping;
        }
        self.turn(now, woken);
        self.end_if_stopping(woken);
    }

    /// Takes every event off the host. Tasks to wake go to `woken`, for after the lock.
    pub(crate) fn drain_events(&mut self, now: Instant, woken: &mut Vec<Waker>) -> Acted {
        let mut acted = Acted::No;
        while let Some(event) = self.host.poll_event() {
            match event {
                Event::Stream(session, _, StreamEvent::Crowded) => {
                    let unread = self.unread(session);
                    self.slots.on_crowded(session, unread, woken);
                }
                Event::Stream(_, stream, event) => {
                    self.slots.wake(stream, Interest::of(event), woken);
                }
                Event::Session(session, event) => {
                    self.on_session(now, session, event, woken);
                    acted = Acted::Yes;
                }
                Event::Datagram(ticket, outcome) => {
                    self.deliveries.settle(ticket, outcome, woken);
                }
            }
        }
        acted
    }

    /// A handle of `session` is gone; with the last, the session ends if it has not ended.
    pub(crate) fn drop_session(
        &mut self,
        now: Instant,
        session: SessionHandle,
        woken: &mut Vec<Waker>,
    ) {
        if self.slots.let_go(session, woken) {
            self.host.release_session(now, session);
        }
    }

    fn on_session(
        &mut self,
        now: Instant,
        session: SessionHandle,
        event: SessionEvent,
        woken: &mut Vec<Waker>,
    ) {
        match event {
            SessionEvent::Keys => self.on_keys(session),
            SessionEvent::Incoming => self.on_incoming(now, session, woken),
            SessionEvent::Closed => {
                info!(session = session.index(), reason = %self.closed(session), "session closed");
                self.slots.close(session, woken);
            }
            _ => self.slots.wake_session(session, woken),
        }
    }

    fn on_incoming(&mut self, now: Instant, session: SessionHandle, woken: &mut Vec<Waker>) {
        self.slots.add_session(session);
        let peer = self.peer(session);
        let is_allowed = match (&self.allow, &peer) {
            (None, _) => true,
            (Some(allowed), Some(peer)) => allowed.contains(peer),
            (Some(_), None) => false,
        };
        let is_welcome = is_allowed && self.phase == Phase::Open;
        // The queue's handle was the only one of each session that ended there.
        for ended in self.incoming.take_ended(&self.host) {
            self.drop_session(now, ended, woken);
        }
        if is_welcome && self.incoming.push(&self.host, session) {
            info!(session = session.index(), ?peer, "session accepted");
            self.slots.wake_accepting(woken);
        } else if is_welcome {
            debug!(session = session.index(), ?peer, "too many wait to be accepted");
            let _ = self.host.decline(now, session);
            self.drop_session(now, session, woken);
        } else {
            debug!(session = session.index(), ?peer, "session refused");
            let _ = self.host.refuse(now, session);
            self.drop_session(now, session, woken);
        }
    }

    fn on_keys(&mut self, session: SessionHandle) {
        let info = self.host.session_info(session);
        let Some(hash) = info.and_then(|info| info.handshake_hash) else { return };
        while let Some(epoch) = self.host.take_key_epoch(session) {
            if let Some(log) = &mut self.key_log {
                log.write(&epoch, &hash);
            }
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.0.act(|inner, _| {
            if inner.phase != Phase::Stopped {
                inner.phase = Phase::Stopping;
            }
        });
    }
}

/// The core's reason in this crate's words.
fn translate(reason: &CloseReason) -> SessionClosed {
    let by = match reason.by {
        ClosedBy::Local => By::Local,
        ClosedBy::Peer => By::Peer,
        ClosedBy::Timeout => By::Timeout,
    };
    let code = match reason.cause {
        CloseCause::Application(code) => Code::Application(code),
        CloseCause::Transport(code) => Code::Transport(code.as_u64()),
    };
    SessionClosed::new(by, code, reason.reason())
}
