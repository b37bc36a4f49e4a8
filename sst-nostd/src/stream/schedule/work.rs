//! What a stream could put in a packet now, by its row and what hangs on it.

use crate::storage::NONE;

use crate::stream::flags::{Pending, State};
use crate::stream::row::Row;
use crate::stream::stores::Stores;
use crate::stream::tree::Tree;

/// What a stream could put in a packet now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stream) enum Work {
    /// Nothing.
    Idle,
    /// Only new positions, which need credit of the session.
    NeedsCredit,
    /// Something that needs no more credit than there is.
    Ready,
}

/// Frames about a stream that wait until the peer has acknowledged its OPEN.
pub(in crate::stream) const AFTER_OPEN: Pending = Pending::STOP
    .with(Pending::STREAM_LIMIT)
    .with(Pending::CHILD_LIMIT)
    .with(Pending::CHILD_BLOCKED)
    .with(Pending::STREAM_BLOCKED)
    .with(Pending::PRIORITY);

/// Frames that go before all data, whatever the priority of the stream that owes them: a limit
/// or an end that waits behind this host's data would hold up the peer's.
pub(in crate::stream) const SMALL_FRAMES: Pending = AFTER_OPEN.with(Pending::RESET);
/// The level of streams that owe such frames: above every priority.
pub(super) const URGENT_LEVEL: i32 = i8::MAX as i32 + 1;

impl Row {
    /// Whether it is scheduled for its small frames only.
    pub(in crate::stream) const fn is_urgent(&self) -> bool {
        self.node.level() == URGENT_LEVEL
    }

    /// Whether the peer is known to know the stream.
    pub(in crate::stream) const fn is_known(&self) -> bool {
        !self.state.has(State::LOCAL) || self.state.has(State::OPENED)
    }

    /// The frames owed that may be sent now.
    pub(in crate::stream) fn sendable(&self) -> Pending {
        let mut pending = self.pending;
        if !self.is_known() {
            // Datagrams of a stream that the peer does not know would be dropped.
            pending.clear(AFTER_OPEN.with(Pending::DATAGRAM));
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
    pub(in crate::stream) const fn has_new(&self) -> bool {
        !self.state.has(State::SEND_RESET)
            && self.sending.next < self.sending.written
            && self.sending.next < self.sending.bound.reach()
    }

    /// Whether it has nothing to send by its row alone: all is sent, nothing is owed, and it has no
    /// row of gaps in which more could be noted.
    const fn is_quiet(&self) -> bool {
        self.pending.is_empty() && self.sending.next >= self.sending.written && self.gaps == NONE
    }

    /// Whether it waits for session credit.
    pub(super) const fn is_blocked(&self, tree: &Tree) -> bool {
        !tree.blocked.is_empty() && self.state.has(State::CREDIT_BLOCKED)
    }
}

impl Stores<'_> {
    /// What a stream could send.
    pub(in crate::stream) fn work(&self, row: &Row, tree: &Tree) -> Work {
        if !row.sendable().is_empty() || self.has_lost(row) {
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
    pub(in crate::stream) fn is_misplaced(&self, row: &Row, tree: &Tree) -> bool {
        if !row.node.is_member() {
            return !row.is_quiet() && self.work(row, tree) != Work::Idle;
        }
        // One that is there goes elsewhere if it waited for credit, or owes a small frame by now.
        let has_small = row.pending.has_any(SMALL_FRAMES) && !row.is_urgent();
        (row.is_blocked(tree) || has_small && row.sendable().has_any(SMALL_FRAMES))
            && self.work(row, tree) == Work::Ready
    }
}
