//! What a host has to tell its application.

use crate::session::SessionEvent;
use crate::stream::{DatagramOutcome, DatagramTicket, StreamEvent, StreamHandle};

use super::tables::SessionHandle;

/// Something happened. Events are kept in the rows they are about: none is lost, and none is
/// queued twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// To a session.
    Session(SessionHandle, SessionEvent),
    /// To a stream of a session.
    Stream(SessionHandle, StreamHandle, StreamEvent),
    /// To a datagram sent with [`send_tracked_datagram`]: what became of it. Once for each ticket,
    /// and even after its session was released, unless it was forgotten.
    ///
    /// [`send_tracked_datagram`]: super::Host::send_tracked_datagram
    Datagram(DatagramTicket, DatagramOutcome),
}
