//! [`Inner`]: the host, and who waits for it.

use core::task::Waker;

use embassy_sync::waitqueue::WakerRegistration;
use sst_nostd::{Event, Instant, SessionEvent, SessionHandle, SessionState, StreamHandle};

use crate::entropy::BoardHost;
use crate::waiters::{Interest, SessionWaiters, StreamWaiters};

/// What the carrier and all handles of an endpoint share.
pub struct Inner {
    pub(crate) host: BoardHost,
    pub(crate) clock: fn() -> Instant,
    /// The task that carries packets.
    pub(crate) carrier: WakerRegistration,
    pub(crate) accepting: WakerRegistration,
    pub(crate) streams: &'static mut [StreamWaiters],
    pub(crate) sessions: &'static mut [SessionWaiters],
}

impl Inner {
    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    /// A task waits for `interest` on `stream`.
    pub(crate) fn wait(&mut self, stream: StreamHandle, interest: Interest, waker: &Waker) {
        if let Some(waiters) = self.streams.get_mut(stream.index() as usize) {
            waiters.of(interest).register(waker);
        }
    }

    /// A task waits for something that happens to `session`.
    pub(crate) fn wait_session(&mut self, session: SessionHandle, waker: &Waker) {
        if let Some(waiters) = self.sessions.get_mut(session.index() as usize) {
            waiters.waiter.register(waker);
        }
    }

    /// The session is over for those who use it.
    pub(crate) fn is_closed(&self, session: SessionHandle) -> bool {
        let state = self.host.session_state(session);
        matches!(state, None | Some(SessionState::Closing | SessionState::Closed))
    }

    /// Takes every event off the host, and wakes those who wait for it.
    pub(crate) fn tell(&mut self) {
        while let Some(event) = self.host.poll_event() {
            match event {
                Event::Stream(_, stream, event) => {
                    let waiters = self.streams.get_mut(stream.index() as usize);
                    if let (Some(waiters), Some(interest)) = (waiters, Interest::of(event)) {
                        waiters.of(interest).wake();
                    }
                }
                Event::Session(session, event) => self.on_session(session, event),
                // Nobody asks what became of a datagram.
                Event::Datagram(..) => {}
            }
        }
    }

    fn on_session(&mut self, session: SessionHandle, event: SessionEvent) {
        let Some(waiters) = self.sessions.get_mut(session.index() as usize) else { return };
        match event {
            SessionEvent::Incoming => {
                waiters.incoming = Some(session);
                self.accepting.wake();
            }
            SessionEvent::Closed => {
                waiters.waiter.wake();
                // A board has few streams: all look whether it was theirs.
                self.streams.iter_mut().for_each(StreamWaiters::wake_all);
            }
            _ => waiters.waiter.wake(),
        }
    }
}
