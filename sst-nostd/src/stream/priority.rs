//! Priorities: set at any time, inherited by children that set none, followed live.
//!
//! A change travels down the tree in small steps, so that a parent of 100,000 costs no packet
//! more than a step's worth of time, and depth costs no stack.

use super::Streams;
use super::flags::{After, Pending, State};
use super::receipt::Fate;
use super::row::StreamHandle;
use super::stream_mut::StreamMut;
use super::tree::Tree;

/// How many streams one call brings up to date. At about 50 ns each, a few microseconds.
const STEP: usize = 64;

impl StreamMut<'_, '_> {
    /// The peer asks for a priority. Only noted here, as one packet may ask for hundreds: all that
    /// follows is worked out a step at a time, once for each packet
    /// ([`settle_priorities`](Streams::settle_priorities)).
    pub(super) fn on_priority(&mut self, priority: i8) {
        if !self.row.state.has(State::PRIORITY_FIXED) {
            self.row.own_priority = Some(priority);
            self.after.set(After::INHERIT);
        }
    }

    /// What became of a request of this host's. A newer one waited for that: else it could be
    /// overtaken, and undone.
    pub(super) fn on_priority_settled(&mut self, fate: Fate) {
        self.row.state.clear(State::PRIORITY_SENT);
        if fate == Fate::Lost {
            self.owe(Pending::PRIORITY);
        }
    }
}

impl Streams<'_> {
    /// Sets the priority of `stream`; `None` inherits it from the parent again. Streams below
    /// that set none of their own follow. `false` if there is no such stream.
    pub fn set_priority(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        priority: Option<i8>,
    ) -> bool {
        let Some(row) = self.rows.get_mut(stream) else { return false };
        row.own_priority = priority;
        self.inherit(tree, stream);
        self.settle_priorities(tree);
        true
    }

    /// Asks the peer to give what it sends on `stream` this priority.
    pub fn request_priority(
        &mut self,
        tree: &mut Tree,
        stream: StreamHandle,
        priority: i8,
    ) -> bool {
        let asked = self.with(tree, stream, |one| {
            let one_way = State::DATAGRAM.with(State::LOCAL);
            if one.row.state.has(State::ROOT) || one.row.state.has(one_way) {
                return false;
            }
            one.row.wanted_priority = priority;
            one.owe(Pending::PRIORITY);
            true
        });
        asked.unwrap_or(false)
    }

    /// Whether the peer's requests for another priority are not heeded.
    pub fn fix_priority(&mut self, stream: StreamHandle, is_fixed: bool) -> bool {
        let Some(row) = self.rows.get_mut(stream) else { return false };
        if is_fixed {
            row.state.set(State::PRIORITY_FIXED);
        } else {
            row.state.clear(State::PRIORITY_FIXED);
        }
        true
    }

    /// Marks the priority of `stream` to be worked out again.
    pub(super) fn inherit(&mut self, tree: &mut Tree, stream: StreamHandle) {
        tree.stale.push_back(&mut self.rows, stream.index());
    }

    /// Works out stale priorities of the session, a step's worth; `true` if some are left. To be
    /// called once for each packet taken in; each [`fill`](Self::fill) does so too.
    pub fn settle_priorities(&mut self, tree: &mut Tree) -> bool {
        for _ in 0..STEP {
            let Some(index) = tree.stale.pop_front(&mut self.rows) else { return false };
            if let Some(stream) = self.rows.handle_at(index) {
                self.settle_priority(tree, stream);
            }
        }
        !tree.stale.is_empty()
    }

    /// Works out one priority; if it changed, the first child is next, and if this stream was
    /// reached from its parent, so is its sibling.
    fn settle_priority(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(row) = self.rows.get(stream) else { return };
        let parent = row.parent();
        let inherited = parent.and_then(|parent| self.rows.get(parent)).map(|row| row.priority);
        let Some(row) = self.rows.get_mut(stream) else { return };
        let priority = row.own_priority.or(inherited).unwrap_or(row.priority);
        let has_changed = priority != row.priority;
        row.priority = priority;
        if has_changed {
            self.unschedule(tree, stream);
            self.schedule(tree, stream);
            self.walk_children(tree, stream);
        }
        self.walk_on(tree, stream);
    }

    /// Goes on with the children of `stream`.
    fn walk_children(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(nursery) = self.rows.get(stream).map(|row| row.nursery) else { return };
        let first = self.stores.nurseries.at(nursery).and_then(|nursery| nursery.children.front());
        if let Some(first) = first.and_then(|index| self.rows.handle_at(index)) {
            self.walk(tree, first);
        }
    }

    /// Hands a walk that has come to `stream` on to its next sibling.
    pub(super) fn walk_on(&mut self, tree: &mut Tree, stream: StreamHandle) {
        let Some(row) = self.rows.get_mut(stream) else { return };
        if !row.state.take(State::WALKS_SIBLINGS) {
            return;
        }
        let parent = row.parent().filter(|parent| self.rows.get(*parent).is_some());
        if let Some(next) = parent.and_then(|parent| self.next_sibling(parent, stream)) {
            self.walk(tree, next);
        }
    }

    fn walk(&mut self, tree: &mut Tree, stream: StreamHandle) {
        if let Some(row) = self.rows.get_mut(stream) {
            row.state.set(State::WALKS_SIBLINGS);
            self.inherit(tree, stream);
        }
    }

    fn next_sibling(&self, parent: StreamHandle, stream: StreamHandle) -> Option<StreamHandle> {
        let nursery = self.stores.nurseries.at(self.rows.get(parent)?.nursery)?;
        let next = nursery.children.after(&self.rows, stream.index())?;
        self.rows.handle_at(next)
    }
}
