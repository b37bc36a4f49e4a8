//! Priorities: set at any time, inherited by children that set none, followed live.
//!
//! A change travels down the tree in small steps, so that a parent of 100,000 costs no packet
//! more than a step's worth of time, and depth costs no stack.

use crate::storage::present;
use crate::stream::flags::{After, Pending, State};
use crate::stream::receipt::Fate;
use crate::stream::row::{Rows, StreamHandle};
use crate::stream::stores::Stores;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tree::Tree;

/// How many streams one call brings up to date. At about 50 ns each, a few microseconds.
const STEP: usize = 64;

impl StreamMut<'_, '_> {
    /// The peer asks for a priority. Only noted here, as one packet may ask for hundreds: all that
    /// follows is worked out a step at a time, once for each packet
    /// ([`settle_priorities`](Tree::settle_priorities)).
    pub(in crate::stream) fn on_priority(&mut self, priority: i8) {
        if !self.row.state.has(State::PRIORITY_FIXED) {
            self.row.own_priority = Some(priority);
            self.after.set(After::INHERIT);
        }
    }

    /// What became of a request of this host's. A newer one waited for that: else it could be
    /// overtaken, and undone.
    pub(in crate::stream) fn on_priority_settled(&mut self, fate: Fate) {
        self.row.state.clear(State::PRIORITY_SENT);
        if fate == Fate::Lost {
            self.owe(Pending::PRIORITY);
        }
    }
}

impl Tree {
    /// Marks the priority of `stream` to be worked out again.
    pub(in crate::stream) fn inherit(&mut self, rows: &mut Rows<'_>, stream: StreamHandle) {
        self.stale.push_back(rows, stream.index());
    }

    /// Works out stale priorities, a step's worth; `true` if some are left.
    pub(in crate::stream) fn settle_priorities(
        &mut self,
        rows: &mut Rows<'_>,
        stores: &Stores<'_>,
    ) -> bool {
        for _ in 0..STEP {
            let Some(index) = self.stale.pop_front(rows) else { return false };
            if let Some(stream) = rows.handle_at(index) {
                self.settle_priority(rows, stores, stream);
            }
        }
        !self.stale.is_empty()
    }

    /// Works out one priority; if it changed, the first child is next, and if this stream was
    /// reached from its parent, so is its sibling.
    fn settle_priority(&mut self, rows: &mut Rows<'_>, stores: &Stores<'_>, stream: StreamHandle) {
        let row = rows.get(stream);
        let Some(row) = present(row, "a stream in a queue is here") else { return };
        let parent = row.parent();
        let inherited = parent.and_then(|parent| rows.get(parent)).map(|row| row.priority);
        let Some(row) = rows.get_mut(stream) else { return };
        let priority = row.own_priority.or(inherited).unwrap_or(row.priority);
        let has_changed = priority != row.priority;
        row.priority = priority;
        if has_changed {
            self.unschedule(rows, stream);
            self.schedule(rows, stores, stream);
            self.walk_children(rows, stores, stream);
        }
        self.walk_on(rows, stores, stream);
    }

    /// Goes on with the children of `stream`.
    fn walk_children(&mut self, rows: &mut Rows<'_>, stores: &Stores<'_>, stream: StreamHandle) {
        let Some(nursery) = rows.get(stream).map(|row| row.nursery) else { return };
        let first = stores.nurseries.at(nursery).and_then(|nursery| nursery.children.front());
        if let Some(first) = first.and_then(|index| rows.handle_at(index)) {
            self.walk(rows, first);
        }
    }

    /// Hands a walk that has come to `stream` on to its next sibling.
    pub(in crate::stream) fn walk_on(
        &mut self,
        rows: &mut Rows<'_>,
        stores: &Stores<'_>,
        stream: StreamHandle,
    ) {
        let row = rows.get_mut(stream);
        let Some(row) = present(row, "a walk is at a living stream") else { return };
        if !row.state.take(State::WALKS_SIBLINGS) {
            return;
        }
        let parent = row.parent().filter(|parent| rows.get(*parent).is_some());
        if let Some(next) = parent.and_then(|parent| next_sibling(rows, stores, parent, stream)) {
            self.walk(rows, next);
        }
    }

    fn walk(&mut self, rows: &mut Rows<'_>, stream: StreamHandle) {
        if let Some(row) = rows.get_mut(stream) {
            row.state.set(State::WALKS_SIBLINGS);
            self.inherit(rows, stream);
        }
    }
}

fn next_sibling(
    rows: &Rows<'_>,
    stores: &Stores<'_>,
    parent: StreamHandle,
    stream: StreamHandle,
) -> Option<StreamHandle> {
    let nursery = stores.nurseries.at(rows.get(parent)?.nursery)?;
    let next = nursery.children.after(rows, stream.index())?;
    rows.handle_at(next)
}
