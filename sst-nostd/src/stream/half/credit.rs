//! What a session lets its peer send: credit for all streams together, and a window for each.
//!
//! Two things are kept apart. The session's credit follows what *arrived*, not what was read: a
//! reader that pauses holds what its stream's window let in, and the credit goes on for the others.
//! And the session's *budget* bounds what is unread and what may still come, together. So that
//! readers that pause cannot use up the budget, windows of streams grow only while their readers
//! keep up, and by half of the budget in all: each has at most what is left of that half, as in
//! [`Shares`](crate::storage::Shares) with α = 1. The other half is for first windows and for those
//! who read. Source: docs/PROTOCOL.md section 7.5.

use crate::time::{Duration, Instant, micros};

use crate::stream::bound::Bound;
use crate::stream::flags::{Events, Pending, State};
use crate::stream::party::Party;
use crate::stream::row::Receiving;
use crate::stream::stores::Stores;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tree::Tree;

impl Tree {
    /// What has arrived and was neither taken nor thrown away.
    #[must_use]
    pub const fn unread(&self) -> u64 {
        self.received.saturating_sub(self.consumed)
    }

    /// Whether at most half a window is left to the peer, whoever holds the rest.
    const fn is_short(&self) -> bool {
        let left = self.receive_limit.saturating_sub(self.received);
        left.saturating_mul(2) <= self.receive_window
    }

    /// Whether half a window was used up sooner than the peer could hear of more.
    fn is_soon(&self, since: Duration) -> bool {
        micros(since) < micros(self.round_trip).saturating_mul(2)
    }

    /// Raises the limit to a window ahead of what arrived, within the budget. Where that is less
    /// than the peer has left anyway it waits for more, so that frames are not sent for crumbs.
    /// The window only says how often limits are told; what bounds memory is the budget.
    fn renew_credit(&mut self, now: Instant, budget: u64) -> bool {
        let wanted = self.received.saturating_add(self.receive_window);
        let limit = wanted.min(self.consumed.saturating_add(budget));
        let left = self.receive_limit.saturating_sub(self.received);
        let more = limit.saturating_sub(self.receive_limit);
        if more == 0 || more < left.min(self.receive_window / 4) {
            return false;
        }
        if self.is_soon(now.since(self.raised_at)) {
            self.receive_window = self.receive_window.saturating_mul(2).min(budget);
        }
        self.raised_at = now;
        self.receive_limit = limit;
        self.owes_session_limit = true;
        true
    }

    /// Widens the window of a stream whose reader took half of it sooner than the peer could send
    /// more: to twice as much, as long as the session has room for it.
    fn widen(&mut self, half: &mut Receiving, first: u32, max: u32, budget: u64) {
        let wider = u64::from(half.window.saturating_sub(first));
        let others = self.widened.saturating_sub(wider);
        let free = (budget / 2).saturating_sub(others);
        let most = u32::try_from(free / 2).unwrap_or(u32::MAX).saturating_add(first).min(max);
        half.window = half.window.saturating_mul(2).min(most).max(half.window);
        self.widened = others.saturating_add(u64::from(half.window.saturating_sub(first)));
    }

    /// Nothing more comes on this half: what its window had grown by is for others.
    pub(in crate::stream) fn narrow(&mut self, half: &mut Receiving, first: u32) {
        let wider = half.window.saturating_sub(first);
        half.window = half.window.saturating_sub(wider);
        self.widened = self.widened.saturating_sub(u64::from(wider));
    }
}

impl Stores<'_> {
    /// What the session may hold unread and let its peer send, together: its configured budget, or
    /// what it holds and has a share in of the pool, if that is less. Never less than the first
    /// window, so that a session whose memory others have goes on as soon as it gets some.
    pub(in crate::stream) fn budget(&self, tree: &Tree, party: &Party) -> u64 {
        let free = u64::from(self.free_blocks(party));
        let room = free.saturating_mul(self.pool.block_len() as u64);
        let most = tree.unread().saturating_add(room).min(self.config.session_budget);
        most.max(self.config.session_window)
    }

    /// Counts positions that were taken, or thrown away, which makes room for as many.
    pub(in crate::stream) fn on_consumed(
        &self,
        tree: &mut Tree,
        party: &Party,
        now: Instant,
        positions: u64,
    ) {
        // Most find enough credit left, and do not ask what there is memory for.
        let budget = tree.is_short().then(|| self.budget(tree, party));
        tree.consumed = tree.consumed.saturating_add(positions);
        if let Some(budget) = budget {
            tree.renew_credit(now, budget);
        }
    }

    /// Counts positions never seen before: the peer may send as many more, as long as there is
    /// memory for them.
    pub(in crate::stream) fn on_received(
        &self,
        tree: &mut Tree,
        party: &Party,
        now: Instant,
        positions: u64,
    ) {
        tree.received = tree.received.saturating_add(positions);
        if tree.is_short() {
            tree.renew_credit(now, self.budget(tree, party));
        }
    }
}

impl StreamMut<'_, '_> {
    /// The peer has something to send and no credit. It gets what there is by now; where there is
    /// none because the budget is used up, the application hears from the root, whose row this is,
    /// that its streams hold all of it: not because the peer says so, which could name any
    /// position.
    pub(in crate::stream) fn on_session_blocked(&mut self, now: Instant, at: u64) {
        let budget = self.stores.budget(self.tree, self.party);
        self.tree.renew_credit(now, budget);
        if self.tree.receive_limit > at {
            self.tree.owes_session_limit = true;
        } else if at == self.tree.receive_limit
            && self.tree.consumed.saturating_add(budget) <= self.tree.receive_limit
        {
            self.tell(Events::CROWDED);
        }
    }

    /// The application took `positions`: renew the credit of the stream and of the session.
    pub(in crate::stream) fn on_taken(&mut self, now: Instant, positions: u64) {
        if !self.row.is_datagram_in() {
            self.stores.on_consumed(self.tree, self.party, now, positions);
        }
        let half = &mut self.row.receiving;
        let ahead = half.bound.reach().saturating_sub(half.read);
        let is_open = !self.row.state.has_any(State::FINAL_KNOWN.with(State::STOPPED));
        if !is_open || ahead.saturating_mul(2) > u64::from(half.window) {
            return;
        }
        let now_units = (now.as_micros() >> 10) as u32;
        let since = u64::from(now_units.wrapping_sub(half.raised_at)) << 10;
        if self.tree.is_soon(Duration::from_micros(since)) {
            let budget = self.stores.budget(self.tree, self.party);
            let (first, max) =
                (self.stores.config.stream_window, self.stores.config.max_stream_window);
            self.tree.widen(half, first, max, budget);
        }
        half.raised_at = now_units;
        let limit = half.read.saturating_add(u64::from(half.window));
        half.bound = Bound::limit(half.bound.reach().max(limit));
        self.owe(Pending::STREAM_LIMIT);
    }
}
