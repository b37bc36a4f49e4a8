//! What streams have to tell the application. Events are bits in the rows, so however much
//! happens nothing is queued without bound and nothing is lost.

use crate::storage::{Queue, present};
use crate::wire::StreamCode;

use super::flags::{Events, State};
use super::row::{EVENTS, Row, Rows, StreamHandle};

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

/// Streams with events that the application has not taken.
pub(super) struct EventQueue {
    queue: Queue<EVENTS>,
}

impl EventQueue {
    pub(super) const fn new() -> Self {
        Self { queue: Queue::new() }
    }

    /// Whether nothing waits to be told, for audits.
    #[cfg(all(test, feature = "alloc"))]
    pub(super) const fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Notes something to tell the application about `stream`.
    pub(super) fn tell(&mut self, rows: &mut Rows<'_>, stream: StreamHandle, event: Events) {
        let row = rows.get_mut(stream);
        let Some(row) = present(row, "only a living stream has news") else { return };
        row.tell(event);
        if row.has_untold() {
            self.push(rows, stream);
        }
    }

    /// The row of `stream` has something to tell by now.
    pub(super) fn push(&mut self, rows: &mut Rows<'_>, stream: StreamHandle) {
        self.queue.push_back(rows, stream.index());
    }

    /// `stream` has nothing to tell any more.
    pub(super) fn remove(&mut self, rows: &mut Rows<'_>, stream: StreamHandle) {
        self.queue.remove(rows, stream.index());
    }

    /// The next event of any stream, with the index of the party whose stream it is.
    pub(super) fn pop(&mut self, rows: &mut Rows<'_>) -> Option<(u32, StreamHandle, StreamEvent)> {
        while let Some(index) = self.queue.front() {
            if let Some((stream, row)) = rows.entry_at_mut(index)
                && let Some(event) = take_event(row)
            {
                let party = row.party;
                if row.events.is_empty() {
                    // What happens next to it waits behind what happened to others before.
                    self.queue.pop_front(rows);
                }
                return Some((party, stream, event));
            }
            self.queue.pop_front(rows);
        }
        None
    }
}

/// Takes one event off a row. The order is that of usefulness: news before endings.
fn take_event(row: &mut Row) -> Option<StreamEvent> {
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
