//! One stream, looked up once: what an event about it works on.
//!
//! What an event changes of a stream itself is done here, on its row and on what its session draws
//! on. What follows for others, for queues and for the scheduler is not done but answered
//! ([`After`]), and seen to once the event is over ([`TreeMut::with`](super::TreeMut)).

use super::flags::{After, Events, Pending};
use super::party::Party;
use super::row::{Row, StreamHandle};
use super::stores::Stores;
use super::tree::Tree;

/// One stream of a session, with all that it may take and give back.
pub(super) struct StreamMut<'a, 's> {
    pub(super) stream: StreamHandle,
    pub(super) row: &'a mut Row,
    pub(super) party: &'a mut Party,
    pub(super) tree: &'a mut Tree,
    pub(super) stores: &'a mut Stores<'s>,
    /// What follows so far that the row itself does not say.
    pub(super) after: After,
}

impl<'a, 's> StreamMut<'a, 's> {
    /// The stream in `row`, before anything happened to it.
    pub(super) fn new(
        stream: StreamHandle,
        row: &'a mut Row,
        party: &'a mut Party,
        tree: &'a mut Tree,
        stores: &'a mut Stores<'s>,
    ) -> Self {
        Self { stream, row, party, tree, stores, after: After::default() }
    }

    /// Notes something to tell the application.
    pub(super) fn tell(&mut self, event: Events) {
        self.row.tell(event);
    }

    /// Notes a frame that the stream owes its peer.
    pub(super) fn owe(&mut self, frame: Pending) {
        self.row.pending.set(frame);
    }
}
