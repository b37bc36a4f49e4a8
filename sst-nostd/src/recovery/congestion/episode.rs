//! One reduction of the window: which losses belong to it, and how to take it back.

use crate::time::Instant;

use super::Congestion;

/// The newest reduction. Losses of packets sent before it was made belong to it and cause no
/// other (RFC 9002 section 7.3.2); `S` is what the controller was before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Episode<S> {
    at: Option<Instant>,
    /// Losses of this episode not yet seen to be spurious.
    losses: u64,
    before: Option<S>,
}

impl<S: Copy> Episode<S> {
    pub(super) const fn new() -> Self {
        Self { at: None, losses: 0, before: None }
    }

    /// It is `now`. A clock that went backward must not leave an episode in the future, which
    /// would cover every packet for as long.
    pub(super) fn on_time(&mut self, now: Instant) {
        self.at = self.at.map(|at| at.min(now));
    }

    /// Whether a packet sent at `sent_at` was sent before the reduction.
    pub(super) fn covers(&self, sent_at: Instant) -> bool {
        self.at.is_some_and(|at| sent_at <= at)
    }

    /// Takes note of congestion. Returns whether it begins a new episode, which calls for a
    /// reduction from the state `before`.
    pub(super) fn begins(&mut self, congestion: &Congestion, before: S) -> bool {
        self.on_time(congestion.now);
        if self.covers(congestion.sent_at) {
            self.losses = self.losses.saturating_add(congestion.lost_packets);
            if congestion.ecn {
                self.before = None;
            }
            return false;
        }
        self.at = Some(congestion.now);
        self.losses = congestion.lost_packets;
        // Marks are never spurious.
        self.before = (!congestion.ecn).then_some(before);
        true
    }

    /// A loss was spurious. Returns the state to go back to when it was the last real one.
    pub(super) fn undo(&mut self, sent_at: Instant) -> Option<S> {
        if !self.covers(sent_at) || self.losses == 0 {
            return None;
        }
        self.losses = self.losses.saturating_sub(1);
        if self.losses > 0 {
            return None;
        }
        let before = self.before.take()?;
        self.at = None;
        Some(before)
    }

    /// Persistent congestion: what follows starts afresh, and nothing is taken back.
    pub(super) fn clear(&mut self) {
        *self = Self::new();
    }
}
