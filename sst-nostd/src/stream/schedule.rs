//! Who has something to send: keeps the tree's two heaps true.

use crate::storage::NONE;

use super::Streams;
use super::flags::{Pending, State};
use super::row::{NO_NURSERY, Row, StreamHandle};
use super::stores::Stores;
use super::tree::Tree;

/// What a stream could put in a packet now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Nothing.
    Idle,
    /// Only new positions, which need credit of the session.
    NeedsCredit,
    /// Something that needs no more credit than there is.
    Ready,
}

/// Frames about a stream that wait until the peer has acknowledged its OPEN.
pub(super) const AFTER_OPEN: Pending = Pending::STOP
    .with(Pending::STREAM_LIMIT)
    .with(Pending::CHILD_LIMIT)
    .with(Pending::CHILD_BLOCKED)
    .with(Pending::STREAM_BLOCKED)
    .with(Pending::PRIORITY);

/// Frames that go before all data, whatever the priority of the stream that owes them: a limit
/// or an end that waits behind this host's data would hold up the peer's.
pub(super) const SMALL_FRAMES: Pending = AFTER_OPEN.with(Pending::RESET);
/// The level of streams that owe such frames: above every priority.
const URGENT_LEVEL: i32 = i8::MAX as i32 + 1;

/// A place in one of the tree's heaps.
struct Place {
    /// In that of those ready; else in that of those which wait for credit.
    is_ready: bool,
    level: i32,
    turn: u64,
}

impl Row {
    /// Whether it is scheduled for its small frames only.
    pub(super) const fn is_urgent(&self) -> bool {
        self.node.level() == URGENT_LEVEL
    }

    /// Whether the peer is known to know the stream.
    pub(super) const fn is_known(&self) -> bool {
        !self.state.has(State::LOCAL) || self.state.has(State::OPENED)
    }

    /// The frames owed that may be sent now.
    pub(super) fn sendable(&self) -> Pending {
        let mut pending = self.pending;
        if !self.is_known() {
            pending.clear(AFTER_OPEN);
        }
        if self.state.has(State::PRIORITY_SENT) {
            pending.clear(Pending::PRIORITY);
        }
        // A FIN goes out with, or after, the last position.
        if self.sending.next < self.sending.written {
            pending.clear(Pending::FIN);
        }
        pending
    }

    /// Whether there are positions never sent that the stream's own credit covers.
    pub(super) const fn has_new(&self) -> bool {
        !self.state.has(State::SEND_RESET)
            && self.sending.next < self.sending.written
            && self.sending.next < self.sending.bound.reach()
    }

    /// Whether it has nothing to send by its row alone: all is sent, nothing is owed, and it has no
    /// row of gaps and no ledger in which more could be noted.
    const fn is_quiet(&self) -> bool {
        self.pending.is_empty()
            && self.sending.next >= self.sending.written
            && self.gaps == NONE
            && self.nursery >= NO_NURSERY
    }

    /// Whether it waits for session credit.
    const fn is_blocked(&self, tree: &Tree) -> bool {
        !tree.blocked.is_empty() && self.state.has(State::CREDIT_BLOCKED)
    }
}

impl Stores<'_> {
    /// What a stream could send.
    pub(super) fn work(&self, row: &Row, tree: &Tree) -> Work {
        // Datagrams wait for the stream to be known, or they would be dropped.
        let has_datagram = row.is_known()
            && self.nurseries.at(row.nursery).is_some_and(|nursery| !nursery.outgoing.is_empty());
        if !row.sendable().is_empty() || self.has_lost(row) || has_datagram {
            Work::Ready
        } else if row.has_new() {
            // What was sent before has its credit.
            let has_credit = row.sending.next < row.sending.sent_end || tree.send_credit() > 0;
            if has_credit { Work::Ready } else { Work::NeedsCredit }
        } else {
            Work::Idle
        }
    }

    /// Whether a stream has something to send and is not where it belongs for that.
    pub(super) fn is_misplaced(&self, row: &Row, tree: &Tree) -> bool {
        if !row.node.is_member() {
            return !row.is_quiet() && self.work(row, tree) != Work::Idle;
        }
        // One that is there goes elsewhere if it waited for credit, or owes a small frame by now.
        let has_small = row.pending.has_any(SMALL_FRAMES) && !row.is_urgent();
        (row.is_blocked(tree) || has_small && row.sendable().has_any(SMALL_FRAMES))
            && self.work(row, tree) == Work::Ready
    }

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

impl Streams<'_> {
    /// Puts `stream` among those ready to send, or those waiting for session credit, if it has
    /// something to send and is not there already.
    pub(super) fn schedule(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let row = self.rows.get(stream);
        if row.is_some_and(|row| self.stores.is_misplaced(row, tree)) {
            self.move_to_place(tree, stream);
        }
    }

    /// Puts `stream`, which is not where it belongs, there.
    pub(super) fn move_to_place(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        if !row.node.is_member() {
            let place = self.stores.place(row, tree, None);
            return self.put(tree, stream, place);
        }
        // Who has a small frame to send does not lose its turn for it.
        let turn = Some(row.node.tick()).filter(|_| !row.is_blocked(tree));
        self.unschedule(tree, stream);
        self.schedule_in_turn(tree, stream, turn);
    }

    /// Puts `stream` where it belongs by its work, if it has any: in the turn that it had, or last
    /// of its level.
    fn schedule_in_turn(&mut self, tree: &mut Tree, stream: StreamHandle, turn: Option<u64>) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        let place = self.stores.place(row, tree, turn);
        self.put(tree, stream, place);
    }

    fn put(&mut self, tree: &mut Tree, stream: StreamHandle, place: Option<Place>) {
        let Some(Place { is_ready, level, turn }) = place else { return };
        let heap = if is_ready { &mut tree.ready } else { &mut tree.blocked };
        heap.push(&mut self.rows, stream.index(), level, turn);
    }

    /// The first of those ready has sent its small frames: its data wait for their turn.
    pub(super) fn calm(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(turn) = self.rows.get(stream).map(|row| row.node.tick()) else { return };
        self.unschedule(tree, stream);
        self.schedule_in_turn(tree, stream, Some(turn));
    }

    /// Moves a stream that had its packet behind the others of its level.
    pub(super) fn pass_turn(&mut self, tree: &mut Tree, stream: StreamHandle) {
        self.unschedule(tree, stream);
        self.schedule_in_turn(tree, stream, None);
    }

    /// Takes `stream` out of whichever heap it is in.
    pub(super) fn unschedule(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let index = stream.index();
        if !tree.ready.is_member(&self.rows, index) {
            return;
        }
        // Heaps are melded without visiting their members, so a member may believe itself in
        // the other one. Only the root of a heap has to be taken out by name.
        let root =
            if tree.blocked.peek() == Some(index) { &mut tree.blocked } else { &mut tree.ready };
        root.remove(&mut self.rows, index);
    }

    /// The peer gave the session more credit: everyone who waited for that competes again.
    pub(super) fn on_session_limit(&mut self, tree: &mut Tree, limit: u64) {
        if limit > tree.send_limit {
            tree.send_limit = limit;
            tree.owes_session_blocked = false;
            tree.has_told_blocked = false;
            tree.ready.append(&mut self.rows, &mut tree.blocked);
        }
    }
}
