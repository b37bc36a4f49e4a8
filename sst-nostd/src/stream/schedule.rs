//! Who has something to send: keeps the tree's two heaps true.

use crate::storage::NONE;

use super::Streams;
use super::flags::{Pending, State};
use super::gaps::Kind;
use super::row::{Row, StreamHandle};
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
}

impl Streams<'_> {
    /// What `stream` could send.
    pub(super) fn work(&self, tree: &Tree, stream: StreamHandle) -> Work {
        let Some(row) = self.rows.get(stream) else { return Work::Idle };
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

    /// Puts `stream` among those ready to send, or those waiting for session credit, if it has
    /// something to send and is not there already.
    pub(super) fn schedule(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let work = self.work(tree, stream);
        if work == Work::Idle {
            return;
        }
        let index = stream.index();
        let Some(row) = self.rows.at(index) else { return };
        let is_urgent = row.sendable().has_any(SMALL_FRAMES);
        let (was_urgent, tick) = (row.is_urgent(), row.node.tick());
        let mut turn = None;
        if tree.ready.is_member(&self.rows, index) {
            let was_blocked = self.is_blocked(tree, stream);
            if work != Work::Ready || !(was_blocked || is_urgent && !was_urgent) {
                return;
            }
            // Who has a small frame to send does not lose its turn for it.
            turn = Some(tick).filter(|_| !was_blocked);
            self.unschedule(tree, stream);
        }
        self.schedule_in_turn(tree, stream, work, turn);
    }

    /// Puts `stream` among those it belongs to by its work: in the turn that it had, or last of
    /// its level.
    fn schedule_in_turn(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        work: Work,
        turn: Option<u64>,
    ) {
        let index = stream.index();
        let Some(row) = self.rows.at_mut(index) else { return };
        row.state.clear(State::CREDIT_BLOCKED);
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
        let root = if work == Work::Ready { &mut tree.ready } else { &mut tree.blocked };
        root.push(&mut self.rows, index, level, turn);
    }

    /// The first of those ready has sent its small frames: its data wait for their turn.
    pub(super) fn calm(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(turn) = self.rows.get(stream).map(|row| row.node.tick()) else { return };
        self.unschedule(tree, stream);
        match self.work(tree, stream) {
            Work::Idle => {}
            work => self.schedule_in_turn(tree, stream, work, Some(turn)),
        }
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

    /// Lets everyone who waited for session credit compete again.
    pub(super) fn on_session_credit(&mut self, tree: &mut Tree) {
        tree.ready.append(&mut self.rows, &mut tree.blocked);
    }

    /// Whether `stream` waits for session credit.
    fn is_blocked(&self, tree: &Tree, stream: StreamHandle) -> bool {
        !tree.blocked.is_empty()
            && self.rows.get(stream).is_some_and(|row| row.state.has(State::CREDIT_BLOCKED))
    }

    /// Whether positions of the row are to be sent again.
    pub(super) fn has_lost(&self, row: &Row) -> bool {
        self.set_of(row.gaps, Kind::Lost) != NONE
    }
}
