//! How a session ends: gracefully or at once, with CLOSE said again until the peer can have heard.

use crate::channel::Channel;
use crate::crypto::Crypto;
use crate::stream::Tree;
use crate::time::{Duration, Instant};

use super::close::Breach;
use super::{Ending, Session, SessionState};

/// How long a graceful close waits without progress (docs/PROTOCOL.md, R-9.3-3).
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often CLOSE goes again by the clock, a probe timeout apart (docs/PROTOCOL.md, R-6.12-1).
const CLOSE_REPEATS: u8 = 2;
/// How often it goes, at once, from a process that does not stay to repeat it.
const CLOSES_OF_LEAVER: u8 = 2;
/// No moment comes so late. An option of one would cost every session eight bytes more.
pub(super) const NEVER: Instant = Instant::from_micros(u64::MAX);

/// What followed from the end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aftermath {
    /// Nothing yet.
    None,
    /// Its peer may have another session, and its dial is over.
    WoundUp,
    /// Its row waits to be freed.
    Doomed,
}

/// No probe timeout is longer (docs/PROTOCOL.md, R-6.6-2).
const MAX_PTO: Duration = Duration::from_secs(10);

/// A probe timeout, by which the end of a channel is counted.
pub fn pto<C: Crypto>(channel: &Channel<C>) -> Duration {
    channel.pto_base().min(MAX_PTO)
}

/// How long packets of a closed channel may still be about: three probe timeouts.
pub fn linger<C: Crypto>(channel: &Channel<C>) -> Duration {
    pto(channel).saturating_mul(3)
}

impl Session {
    /// CLOSE is to be sent now. For the application, the session is over.
    fn go_closing(&mut self) {
        self.state = SessionState::Closing;
        self.acts_at = NEVER;
        self.owes_close = true;
        self.events.ready = false;
        self.events.closed = self.is_known && !self.is_released;
    }

    /// Begins to close: gracefully, delivering what was written, or at once.
    pub fn begin_close(&mut self, reason: Ending, is_graceful: bool) {
        let is_open = matches!(self.state, SessionState::Ready | SessionState::Draining);
        if !is_open {
            return;
        }
        self.reason = Some(reason);
        if let Some(tree) = &mut self.tree {
            tree.begin_close();
        }
        let is_drained = self.tree.as_ref().is_none_or(Tree::is_drained);
        if is_graceful && !is_drained {
            self.state = SessionState::Draining;
        } else {
            self.go_closing();
        }
    }

    /// Ends a session whose peer broke the protocol, or whose keys may not be used any more. False
    /// if it was ending already.
    pub fn close_for(&mut self, breach: &Breach) -> bool {
        if matches!(self.state, SessionState::Closing | SessionState::Closed) {
            return false;
        }
        self.begin_close(breach.reason(), false);
        true
    }

    /// This host goes away: CLOSE goes twice at once, and nothing is waited for.
    pub const fn leave(&mut self) {
        self.is_leaving = true;
    }

    /// Closes at once if what was to be delivered has made no progress for too long; else tells
    /// when to ask again.
    pub fn check_draining(&mut self, now: Instant) -> Option<Instant> {
        if self.state != SessionState::Draining {
            return None;
        }
        self.acts_at = self.acts_at.min(now.after(DRAIN_TIMEOUT));
        if self.acts_at <= now {
            self.go_closing();
        }
        self.acts_at()
    }

    /// When the end of the session has something to do: to wait for deliveries no longer, or to
    /// say CLOSE again.
    #[must_use]
    pub fn acts_at(&self) -> Option<Instant> {
        Some(self.acts_at).filter(|at| *at < NEVER)
    }

    /// CLOSE is being sent: it goes again after `pto`, and once more, since nobody acknowledges it.
    pub fn plan_repeats(&mut self, now: Instant, pto: Duration) {
        if self.state == SessionState::Closing && self.close_repeats < CLOSE_REPEATS {
            self.acts_at = now.after(pto);
        }
    }

    /// Says CLOSE again if it is time to.
    pub(super) fn repeat_close(&mut self, now: Instant, pto: Duration) {
        if self.state != SessionState::Closing || self.acts_at > now {
            return;
        }
        self.owes_close = true;
        self.close_repeats = self.close_repeats.saturating_add(1);
        self.acts_at = NEVER;
        self.plan_repeats(now, pto);
    }

    /// Whether a process that is about to leave has said CLOSE often enough; if not, it is owed.
    pub fn has_taken_leave(&mut self) -> bool {
        if !self.is_leaving || self.state != SessionState::Closing {
            return false;
        }
        self.owes_close |= self.closes_sent < CLOSES_OF_LEAVER;
        !self.owes_close
    }

    /// Graceful closing goes on to CLOSE once everything is delivered.
    pub fn after_delivery(&mut self) {
        let is_drained = self.tree.as_ref().is_none_or(Tree::is_drained);
        if self.state == SessionState::Draining && is_drained {
            self.go_closing();
        }
    }

    /// Whether it is over and what follows from that is to be done: true once.
    pub const fn wind_up(&mut self) -> bool {
        let is_over = matches!(self.state, SessionState::Closed);
        let is_new = is_over && matches!(self.aftermath, Aftermath::None);
        if is_new {
            self.aftermath = Aftermath::WoundUp;
        }
        is_new
    }

    /// Whether its row is to be freed by now, once its streams are: true once.
    pub const fn doom(&mut self) -> bool {
        let is_new = self.is_forgotten() && !matches!(self.aftermath, Aftermath::Doomed);
        if is_new {
            self.aftermath = Aftermath::Doomed;
        }
        is_new
    }

    /// Whether it is over, or never began, and nothing is left that needs its row.
    const fn is_forgotten(&self) -> bool {
        let is_over = match self.state {
            SessionState::Closed => true,
            SessionState::Connecting => self.negotiation.is_none(),
            SessionState::Ready | SessionState::Draining | SessionState::Closing => false,
        };
        is_over && !self.is_held() && self.paths.is_empty()
    }

    /// A packet came although CLOSE was sent: say it again, ever more rarely.
    pub(super) fn on_heard_while_closing(&mut self) {
        self.heard_since_close = self.heard_since_close.saturating_add(1);
        self.owes_close |= self.heard_since_close.is_power_of_two();
    }

    /// Its channel in that row is about to go, for `reason`: with the last one, the session is
    /// over.
    pub fn on_channel_over(&mut self, channel: u32, reason: Ending) {
        if self.paths.is_only(channel) {
            self.on_over(reason);
        }
    }

    /// The session is over; `reason` stands unless this host had one of its own before.
    pub fn on_over(&mut self, reason: Ending) {
        if self.state == SessionState::Closed {
            return;
        }
        let was_told = self.state == SessionState::Closing;
        self.state = SessionState::Closed;
        self.acts_at = NEVER;
        self.owes_close = false;
        self.reason.get_or_insert(reason);
        if let Some(tree) = &mut self.tree {
            tree.begin_close();
        }
        self.events.closed |= self.is_known && !self.is_released && !was_told;
        self.events.ready = false;
    }
}
