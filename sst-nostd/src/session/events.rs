//! What a session has to tell the application, kept as bits in its row, and whether the application
//! wants to hear.

use super::{Session, SessionState};

/// Something the application may want to know of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A peer dialled and has proved its identity.
    Incoming,
    /// The peer that was dialled has proved its identity: streams may be opened.
    Ready,
    /// The session is over.
    Closed,
    /// There are keys to hand out; only if the host's configuration asks for them.
    Keys,
}

/// The events not told yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SessionEvents {
    /// [`SessionEvent::Incoming`].
    pub(super) incoming: bool,
    /// [`SessionEvent::Ready`].
    pub(super) ready: bool,
    /// [`SessionEvent::Closed`].
    pub(super) closed: bool,
    /// [`SessionEvent::Keys`].
    pub(super) keys: bool,
}

impl SessionEvents {
    /// The next event, in the order they happen.
    pub(super) fn take(&mut self) -> Option<SessionEvent> {
        if core::mem::take(&mut self.keys) {
            // First, because a refused session has keys, too.
            Some(SessionEvent::Keys)
        } else if core::mem::take(&mut self.incoming) {
            Some(SessionEvent::Incoming)
        } else if core::mem::take(&mut self.ready) {
            Some(SessionEvent::Ready)
        } else if core::mem::take(&mut self.closed) {
            Some(SessionEvent::Closed)
        } else {
            None
        }
    }
}

impl Session {
    /// The application may use the handle: it dialled, or heard of the session.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.is_known
    }

    /// Whether the application holds the handle: until it lets go, the row stays.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.is_known && !self.is_released
    }

    /// The application dialled and is answered with this session, which is ready or will be.
    pub fn adopt(&mut self) {
        self.is_known = true;
        self.is_released = false;
        self.events.ready |= self.state == SessionState::Ready;
    }

    /// The application lets go of it, and wants to hear no more: the row is freed when the session
    /// is over.
    pub fn release(&mut self) {
        self.is_released = true;
        self.events = SessionEvents::default();
    }

    /// A peer that dialled is ready: the application hears of it, unless it waited for it.
    pub const fn note_incoming(&mut self) {
        if !self.is_known {
            self.is_known = true;
            self.events.incoming = true;
        }
    }

    /// The peer that the application dialled is ready.
    pub const fn note_ready(&mut self) {
        self.events.ready = self.is_known;
    }

    /// There are keys that the application has not seen: it hears so, unless it let go of the
    /// session.
    pub const fn note_keys(&mut self) {
        self.events.keys = !self.is_released;
    }

    /// The next event to tell.
    pub fn take_event(&mut self) -> Option<SessionEvent> {
        self.events.take()
    }

    /// Whether it is up, and there is nothing to tell of it.
    #[inline]
    #[must_use]
    pub fn is_calm(&self) -> bool {
        self.state == SessionState::Ready && !self.has_events()
    }

    /// Whether there are events to tell.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.events != SessionEvents::default()
    }
}
