//! One stream, looked up once: what an event about it works on.
//!
//! What an event changes of a stream itself is done here, on its row and on what its session draws
//! on. What follows for others, for queues and for the scheduler is not done but answered
//! ([`After`]), and [`Streams::with`] sees to it once the event is over.

use crate::storage::NONE;

use super::Streams;
use super::flags::{After, Events, Pending, State};
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

impl<'s> Streams<'s> {
    /// Looks `stream` up. Whoever changes it sees to what [`StreamMut::finish`] answers.
    pub(super) fn look_up<'a>(
        &'a mut self,
        tree: &'a mut Tree,
        stream: StreamHandle,
    ) -> Option<StreamMut<'a, 's>> {
        let row = self.rows.get_mut(stream)?;
        let party = self.parties.at_mut(row.party);
        debug_assert!(party.is_some(), "the session of a stream has its accounts");
        let stores = &mut self.stores;
        Some(StreamMut { stream, row, party: party?, tree, stores, after: After::default() })
    }

    /// Lets `event` change `stream`, and sees to all that follows. `None` if it is gone.
    pub(super) fn with<R>(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        event: impl FnOnce(&mut StreamMut<'_, 's>) -> R,
    ) -> Option<R> {
        let mut one = self.look_up(tree, stream)?;
        let answer = event(&mut one);
        let after = one.finish();
        if !after.is_empty() {
            self.see_to(tree, stream, after);
        }
        Some(answer)
    }
}

impl StreamMut<'_, '_> {
    /// Notes something to tell the application.
    pub(super) fn tell(&mut self, event: Events) {
        self.row.tell(event);
    }

    /// Notes a frame that the stream owes its peer.
    pub(super) fn owe(&mut self, frame: Pending) {
        self.row.pending.set(frame);
    }

    /// Brings the stream's accounts up to date, and tells what is left to see to: what the event
    /// said, and what the row says by now.
    pub(super) fn finish(mut self) -> After {
        if self.row.gaps != NONE {
            self.tidy_gaps();
        }
        self.count_busy();
        let (row, mut after) = (self.row, self.after);
        if row.has_untold() {
            after.set(After::TELL);
        }
        if self.stores.is_misplaced(row, self.tree) {
            after.set(After::SCHEDULE);
        }
        if row.is_over() {
            after.set(After::FREE);
        }
        after
    }

    /// Keeps count of the streams of the session that have something not acknowledged yet.
    fn count_busy(&mut self) {
        let is_busy = self.row.is_busy();
        if is_busy == self.row.state.has(State::BUSY) {
            return;
        }
        if is_busy {
            self.row.state.set(State::BUSY);
            self.tree.busy = self.tree.busy.saturating_add(1);
        } else {
            self.row.state.clear(State::BUSY);
            self.tree.busy = self.tree.busy.saturating_sub(1);
        }
    }
}
