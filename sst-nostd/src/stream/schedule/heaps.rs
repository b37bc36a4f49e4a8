//! Who has something to send: keeps the tree's two heaps true.

use crate::storage::present;
use crate::stream::flags::State;
use crate::stream::row::{Row, Rows, StreamHandle};
use crate::stream::stores::Stores;
use crate::stream::tree::Tree;

use super::work::{SMALL_FRAMES, URGENT_LEVEL, Work};

/// A place in one of the tree's heaps.
struct Place {
    /// In that of those ready; else in that of those which wait for credit.
    is_ready: bool,
    level: i32,
    turn: u64,
}

impl Stores<'_> {
    /// Where a stream belongs by its work: in the turn that it had, or last of its level. `None` if
    /// it has none.
    fn place(&self, row: &mut Row, tree: &mut Tree, turn: Option<u64>) -> Option<Place> {
        row.state.clear(State::CREDIT_BLOCKED);
        let work = self.work(row, tree);
        if work == Work::Idle {
            return None;
        }
        if work == Work::NeedsCredit {
            row.state.set(State::CREDIT_BLOCKED);
            tree.on_blocked();
        }
        let is_urgent = row.sendable().has_any(SMALL_FRAMES);
        let level = if is_urgent { URGENT_LEVEL } else { i32::from(row.priority) };
        let turn = turn.unwrap_or_else(|| {
            tree.tick = tree.tick.wrapping_add(1);
            tree.tick
        });
        Some(Place { is_ready: work == Work::Ready, level, turn })
    }
}

impl Tree {
    /// Puts `stream` among those ready to send, or those waiting for session credit, if it has
    /// something to send and is not there already.
    pub(super) fn schedule(
        &mut self,
        rows: &mut Rows<'_>,
        stores: &Stores<'_>,
        stream: StreamHandle,
    ) {
        let row = rows.get(stream);
        if row.is_some_and(|row| stores.is_misplaced(row, self)) {
            self.move_to_place(rows, stores, stream);
        }
    }

    /// Puts `stream`, which is not where it belongs, there.
    pub(in crate::stream) fn move_to_place(
        &mut self,
        rows: &mut Rows<'_>,
        stores: &Stores<'_>,
        stream: StreamHandle,
    ) {
        let row = rows.get_mut(stream);
        let Some(row) = present(row, "only a living stream is scheduled") else { return };
        if !row.node.is_member() {
            let place = stores.place(row, self, None);
            return self.put(rows, stream, place);
        }
        // Who has a small frame to send does not lose its turn for it.
        let turn = Some(row.node.tick()).filter(|_| !row.is_blocked(self));
        self.move_in_turn(rows, stores, stream, turn);
    }

    /// The first of those ready has sent its small frames: its data wait for their turn.
    pub(in crate::stream) fn calm(
        &mut self,
        rows: &mut Rows<'_>,
        stores: &Stores<'_>,
        stream: StreamHandle,
    ) {
        let turn = rows.get(stream).map(|row| row.node.tick());
        let Some(turn) = present(turn, "only a living stream is scheduled") else { return };
        self.move_in_turn(rows, stores, stream, Some(turn));
    }

    /// Moves a stream that had its packet behind the others of its level.
    pub(in crate::stream) fn pass_turn(
        &mut self,
        rows: &mut Rows<'_>,
        stores: &Stores<'_>,
        stream: StreamHandle,
    ) {
        self.move_in_turn(rows, stores, stream, None);
    }

    /// Moves `stream` from where it is to where it belongs by its work, if it has any: in the turn
    /// that it had, or last of its level.
    fn move_in_turn(
        &mut self,
        rows: &mut Rows<'_>,
        stores: &Stores<'_>,
        stream: StreamHandle,
        turn: Option<u64>,
    ) {
        self.unschedule(rows, stream);
        let row = rows.get_mut(stream);
        let Some(row) = present(row, "only a living stream is scheduled") else { return };
        let place = stores.place(row, self, turn);
        self.put(rows, stream, place);
    }

    fn put(&mut self, rows: &mut Rows<'_>, stream: StreamHandle, place: Option<Place>) {
        let Some(Place { is_ready, level, turn }) = place else { return };
        if is_ready {
            // Turns are handed out in order, so most come behind the one put there before.
            self.ready.push(rows, stream.index(), level, turn);
        } else {
            self.blocked.push(rows, stream.index(), level, turn);
        }
    }

    /// Takes `stream` out of whichever heap it is in.
    pub(in crate::stream) fn unschedule(&mut self, rows: &mut Rows<'_>, stream: StreamHandle) {
        let index = stream.index();
        if !self.ready.is_member(rows, index) {
            return;
        }
        // Heaps are melded without visiting their members, so a member may believe itself in
        // the other one. Only the root of a heap has to be taken out by name.
        if self.blocked.peek() == Some(index) {
            self.blocked.remove(rows, index);
        } else {
            self.ready.remove(rows, index);
        }
    }

    /// The peer gave the session more credit: everyone who waited for that competes again.
    pub(in crate::stream) fn on_session_limit(&mut self, rows: &mut Rows<'_>, limit: u64) {
        if limit > self.send_limit {
            self.send_limit = limit;
            self.owes_session_blocked = false;
            self.has_told_blocked = false;
            self.ready.append(rows, &mut self.blocked);
        }
    }
}
