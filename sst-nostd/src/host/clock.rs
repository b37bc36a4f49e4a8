//! When and in which order things happened to a host.

use crate::negotiation::limits::HANDSHAKE_TIMEOUT;
use crate::time::Instant;

/// The caller's time, which never goes back, and turns, which tell what came first even while time
/// stands still.
pub(super) struct Clock {
    /// The latest moment any caller told.
    now: Instant,
    /// Calls answered and confirmed so far.
    turn: u64,
    /// When a peer's call was taken last.
    took_call_at: Option<Instant>,
}

impl Clock {
    pub(super) const fn new(now: Instant) -> Self {
        Self { now, turn: 0, took_call_at: None }
    }

    /// A caller says that it is `now`: what the host takes for now.
    pub(super) fn advance(&mut self, now: Instant) -> Instant {
        self.now = self.now.max(now);
        self.now
    }

    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    /// A call is answered or confirmed: this happens in a turn of its own.
    pub(super) const fn next_turn(&mut self) -> u64 {
        self.turn = self.turn.saturating_add(1);
        self.turn
    }

    pub(super) const fn turn(&self) -> u64 {
        self.turn
    }

    /// A peer's call was taken.
    pub(super) const fn note_call_taken(&mut self, now: Instant) {
        self.took_call_at = Some(now);
    }

    /// Whether a peer's call was taken so lately that its own dial may still be under way.
    pub(super) fn took_call_lately(&self, now: Instant) -> bool {
        self.took_call_at.is_some_and(|at| now.since(at) <= HANDSHAKE_TIMEOUT)
    }
}
