//! What a host has to tell its application.

use crate::crypto::Crypto;
use crate::session::SessionEvent;
use crate::stream::{DatagramOutcome, DatagramTicket, StreamEvent, StreamHandle};

use super::Host;
use super::sessions::SessionHandle;

/// Something happened. Events are kept in the rows they are about: none is lost, and none is
/// queued twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// To a session.
    Session(SessionHandle, SessionEvent),
    /// To a stream of a session.
    Stream(SessionHandle, StreamHandle, StreamEvent),
    /// To a datagram sent with
    /// [`send_tracked_datagram`](Host::send_tracked_datagram): what became of it. Once for each
    /// ticket, and even after its session was released, unless it was forgotten.
    Datagram(DatagramTicket, DatagramOutcome),
}

impl<C: Crypto> Host<'_, C> {
    /// The next event; sessions' before streams', so that a session is known before its streams.
    pub fn poll_event(&mut self) -> Option<Event> {
        if let Some((session, event)) = self.sessions.pop_event() {
            return Some(Event::Session(session, event));
        }
        loop {
            let Some((session, stream, event)) = self.streams.poll_event() else {
                let (ticket, outcome) = self.streams.poll_outcome()?;
                return Some(Event::Datagram(ticket, outcome));
            };
            let Some(row) = self.sessions.at(session) else { continue };
            if let (true, Some(handle)) = (row.is_known(), self.sessions.handle_at(session)) {
                return Some(Event::Stream(handle, stream, event));
            }
        }
    }
}
