//! What follows from an event for others than its stream: one pass, once the event is over.

use crate::storage::NONE;

use crate::stream::flags::{After, State};
use crate::stream::row::StreamHandle;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tree_mut::TreeMut;

impl<'s> TreeMut<'_, 's> {
    /// Lets `event` change `stream`, and sees to all that follows. `None` if it is gone.
    pub(in crate::stream) fn with<R>(
        &mut self,
        stream: StreamHandle,
        event: impl FnOnce(&mut StreamMut<'_, 's>) -> R,
    ) -> Option<R> {
        let mut one = self.look_up(stream)?;
        let answer = event(&mut one);
        let after = one.finish();
        if !after.is_empty() {
            self.see_to(stream, after);
        }
        Some(answer)
    }

    /// Sees to what an event about `stream` left to do.
    pub(in crate::stream) fn see_to(&mut self, stream: StreamHandle, after: After) {
        if after.has(After::WAKE_OPENERS) {
            self.wake_openers();
        }
        if after.has(After::FEED) {
            self.feed_starved();
        }
        let Self { streams, tree } = self;
        if after.has(After::TELL) {
            streams.events.push(&mut streams.rows, stream);
        }
        if after.has(After::FORGET_STARVED) {
            streams.starved.remove(&mut streams.rows, &mut streams.parties, stream);
        }
        if after.has(After::STARVE) {
            streams.starved.push(&mut streams.rows, &mut streams.parties, stream);
        }
        if after.has(After::INHERIT) {
            tree.inherit(&mut streams.rows, stream);
        }
        if after.has(After::FREE) {
            self.free(stream);
        } else if after.has(After::SCHEDULE) {
            tree.move_to_place(&mut streams.rows, &streams.stores, stream);
        }
    }

    /// Frees a stream and all it holds.
    pub(super) fn free(&mut self, stream: StreamHandle) {
        if let Some(parent) = self.remove(stream) {
            // A datagram that was given up before anyone took it.
            self.with(parent, |one| one.on_child_settled());
        }
        self.feed_starved();
    }

    /// Blocks or rows of the session came back: writers that wait may go on.
    pub(super) fn feed_starved(&mut self) {
        let Self { streams, tree } = self;
        let (rows, parties) = (&mut streams.rows, &mut streams.parties);
        streams.starved.feed(rows, parties, &streams.stores, tree.party);
    }
}

impl StreamMut<'_, '_> {
    /// Brings the stream's accounts up to date, and tells what is left to see to: what the event
    /// said, and what the row says by now.
    pub(in crate::stream) fn finish(mut self) -> After {
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
