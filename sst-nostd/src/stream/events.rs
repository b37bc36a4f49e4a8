//! What streams have to tell the application. Events are bits in the rows, so however much
//! happens nothing is queued without bound and nothing is lost.

use crate::storage::NONE;
use crate::wire::StreamCode;

use super::Streams;
use super::flags::{Events, State};
use super::row::StreamHandle;

/// Something the application may want to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StreamEvent {
    /// A child waits to be accepted.
    Child,
    /// A child may be opened again, after [`OpenError::Blocked`](super::OpenError::Blocked).
    ChildCredit,
    /// Told of a session's root: the peer has something to send, and streams that nobody reads hold
    /// all that the session may hold (`Host::largest_unread` names them). Reading or stopping them
    /// lets the others go on.
    Crowded,
    /// A datagram waits to be received.
    Datagram,
    /// A datagram may be sent again, after
    /// [`DatagramError::Blocked`](super::DatagramError::Blocked).
    DatagramSpace,
    /// The stream's lifetime ended before everything was delivered; the rest was abandoned.
    Expired,
    /// Everything written, and the end, is acknowledged.
    Finished,
    /// There is something to read, or the end.
    Readable,
    /// The peer reset its half, with this code.
    Reset(StreamCode),
    /// The peer asked this host to stop sending, with this code; the sending half is reset.
    Stopped(StreamCode),
    /// There is room to write again, after
    /// [`WriteError::Blocked`](super::WriteError::Blocked).
    Writable,
}

impl Streams<'_> {
    /// The next event of any stream, with the index of the session it belongs to.
    pub fn poll_event(&mut self) -> Option<(u32, StreamHandle, StreamEvent)> {
        loop {
            let Some(index) = self.eventful.front() else {
                if self.tell_fed() {
                    continue;
                }
                return None;
            };
            if let Some((stream, row)) = self.rows.entry_at_mut(index)
                && let Some(event) = take_event(row)
            {
                let party = row.party;
                if row.events.is_empty() {
                    // What happens next to it waits behind what happened to others before.
                    self.eventful.pop_front(&mut self.rows);
                }
                let session = self.parties.at(party).map_or(NONE, |party| party.session);
                return Some((session, stream, event));
            }
            self.eventful.pop_front(&mut self.rows);
        }
    }
}

/// Takes one event off a row. The order is that of usefulness: news before endings.
fn take_event(row: &mut super::Row) -> Option<StreamEvent> {
    let (stop_code, reset_code) = (row.sending.bound.as_code(), row.receiving.bound.as_code());
    let events = &mut row.events;
    let simple = [
        (Events::CHILD, StreamEvent::Child),
        (Events::DATAGRAM, StreamEvent::Datagram),
        (Events::READABLE, StreamEvent::Readable),
        (Events::WRITABLE, StreamEvent::Writable),
        (Events::CHILD_CREDIT, StreamEvent::ChildCredit),
        (Events::DATAGRAM_SPACE, StreamEvent::DatagramSpace),
        (Events::FINISHED, StreamEvent::Finished),
        (Events::EXPIRED, StreamEvent::Expired),
        (Events::CROWDED, StreamEvent::Crowded),
    ];
    for (bit, event) in simple {
        if events.take(bit) {
            return Some(event);
        }
    }
    if events.take(Events::STOPPED) && row.state.has(State::PEER_STOPPED) {
        return stop_code.map(StreamEvent::Stopped);
    }
    if events.take(Events::RESET) && row.state.has(State::PEER_RESET) {
        return reset_code.map(StreamEvent::Reset);
    }
    None
}
