//! One bond with a remote host: its tree of streams, the channel they ride on, and how it ends.
//!
//! A session outlives its channels: streams never learn which channel carried them, and any
//! frame may ride any channel. Today a session has one channel at a time; a second one is
//! another handle beside `channel`, and [`Session::transmit`] already takes the channel as an
//! argument. Source: docs/PROTOCOL.md section 9.

mod close;
mod receipts;
mod receive;
mod transmit;
mod words;

pub use close::{CloseReason, ClosedBy, Ending};
pub use receive::{Applied, Breach, Surroundings};
pub use transmit::Transmitted;
pub use words::{LastWords, Words};

use crate::channel::{Channel, Fate, SentPackets};
use crate::crypto::Crypto;
use crate::id::{HostId, Instance};
use crate::storage::{HasLink, Link};
use crate::stream::{Fate as StreamFate, Streams, Tree};
use crate::time::{Duration, Instant};

/// The list of sessions with events to tell.
pub const SESSION_EVENTS: usize = 0;
/// The list of sessions whose streams are being freed.
pub const DOOMED: usize = 1;

/// How long a graceful close waits without progress (docs/PROTOCOL.md, R-9.3-3).
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// How often CLOSE goes again by the clock, a probe timeout apart (docs/PROTOCOL.md, R-6.12-1).
const CLOSE_REPEATS: u8 = 2;
/// How often it goes, at once, from a process that does not stay to repeat it.
const CLOSES_OF_LEAVER: u8 = 2;
/// No moment comes so late. An option of one would cost every session eight bytes more.
const NEVER: Instant = Instant::from_micros(u64::MAX);

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionState {
    /// This host dialled; the peer has not proved itself yet.
    Connecting,
    /// Streams flow.
    Ready,
    /// This host closes gracefully: what was written is still being delivered.
    Draining,
    /// CLOSE was sent; it is repeated to a peer that goes on sending.
    Closing,
    /// Over. [`CloseReason`] tells why; what had arrived whole can still be read.
    Closed,
}

/// Something the application may want to know of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionEvent {
    /// A peer dialled and has proved its identity.
    Incoming,
    /// The peer that was dialled has proved its identity: streams may be opened.
    Ready,
    /// The session is over.
    Closed,
    /// There are keys to hand out; only if the host's configuration asks for them.
    Keys,
}

/// The events not told yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionEvents {
    /// [`SessionEvent::Incoming`].
    pub incoming: bool,
    /// [`SessionEvent::Ready`].
    pub ready: bool,
    /// [`SessionEvent::Closed`].
    pub closed: bool,
    /// [`SessionEvent::Keys`].
    pub keys: bool,
}

impl SessionEvents {
    /// The next event, in the order they happen.
    pub fn take(&mut self) -> Option<SessionEvent> {
        if core::mem::take(&mut self.keys) {
            // First, because a refused session has keys, too.
            Some(SessionEvent::Keys)
        } else if core::mem::take(&mut self.incoming) {
            Some(SessionEvent::Incoming)
        } else if core::mem::take(&mut self.ready) {
            Some(SessionEvent::Ready)
        } else if core::mem::take(&mut self.closed) {
            Some(SessionEvent::Closed)
        } else {
            None
        }
    }
}

/// One bond with a remote host, which may have several.
pub struct Session {
    /// The peer; unknown while it was dialled by address alone.
    pub peer: Option<HostId>,
    /// Which of the sessions with that peer; `None` for the one without a name.
    pub instance: Option<Instance>,
    /// This host began its first negotiation.
    pub is_own_dial: bool,
    /// Where the session stands.
    pub state: SessionState,
    /// Its streams, once the peer is known.
    pub tree: Option<Tree>,
    /// Index of the channel in use.
    pub channel: Option<u32>,
    /// Index of the negotiation that is to bring a channel.
    pub negotiation: Option<u32>,
    /// Why it ends or ended.
    pub reason: Option<Ending>,
    /// When it waits no longer for deliveries, if it closes gracefully; when CLOSE goes again, if
    /// it is closing; else [`NEVER`].
    acts_at: Instant,
    /// How often CLOSE went again by the clock.
    close_repeats: u8,
    /// How often CLOSE went.
    closes_sent: u8,
    /// The process is about to leave: CLOSE goes twice at once, and nothing is waited for.
    pub is_leaving: bool,
    /// CLOSE must be sent (again).
    pub owes_close: bool,
    /// Packets heard since CLOSE was sent.
    pub heard_since_close: u32,
    /// The application may use the handle: it dialled, or heard of the session.
    pub is_known: bool,
    /// The application let go of it: the row is freed when the session is over.
    pub is_released: bool,
    /// The hash of the source that it is counted for, if the peer dialled.
    pub source: Option<u32>,
    /// When data last came or went, or the session began.
    pub data_at: Instant,
    /// Events not told yet.
    pub events: SessionEvents,
    /// Place in the list of sessions with events.
    pub events_link: Link,
    /// Place in the list of sessions being freed.
    pub doomed_link: Link,
}

impl HasLink<SESSION_EVENTS> for Session {
    fn link(&self) -> &Link {
        &self.events_link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.events_link
    }
}

impl HasLink<DOOMED> for Session {
    fn link(&self) -> &Link {
        &self.doomed_link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.doomed_link
    }
}

impl Session {
    /// A session that no negotiation has brought a channel yet: one that this host dials, or a
    /// peer has just proved.
    #[must_use]
    pub fn new(peer: Option<HostId>, instance: Option<Instance>, is_own_dial: bool) -> Self {
        Self {
            peer,
            instance,
            is_own_dial,
            state: SessionState::Connecting,
            tree: None,
            channel: None,
            negotiation: None,
            reason: None,
            acts_at: NEVER,
            close_repeats: 0,
            closes_sent: 0,
            is_leaving: false,
            owes_close: false,
            heard_since_close: 0,
            is_known: false,
            is_released: false,
            source: None,
            data_at: Instant::ZERO,
            events: SessionEvents::default(),
            events_link: Link::new(),
            doomed_link: Link::new(),
        }
    }

    /// Whether there are events to tell.
    #[must_use]
    pub fn has_events(&self) -> bool {
        self.events != SessionEvents::default()
    }

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

    /// When to call [`check_draining`](Self::check_draining) or
    /// [`repeat_close`](Self::repeat_close) again.
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
    pub fn repeat_close(&mut self, now: Instant, pto: Duration) {
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

    /// A packet came although CLOSE was sent: say it again, ever more rarely.
    pub fn on_heard_while_closing(&mut self) {
        self.heard_since_close = self.heard_since_close.saturating_add(1);
        self.owes_close |= self.heard_since_close.is_power_of_two();
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

    /// Leads what the channel has learnt of its packets' fates to the streams.
    pub fn settle<C: Crypto>(
        &mut self,
        now: Instant,
        channel: &mut Channel<C>,
        sent: &mut SentPackets<'_>,
        streams: &mut Streams<'_>,
    ) {
        while let Some((receipt, fate)) = channel.take_settled(sent) {
            let (Some(tree), Some(receipt)) = (&mut self.tree, receipts::unpack(&receipt)) else {
                continue;
            };
            let fate = match fate {
                Fate::Acked => {
                    if self.state == SessionState::Draining && self.acts_at < NEVER {
                        self.acts_at = now.after(DRAIN_TIMEOUT);
                    }
                    StreamFate::Acked
                }
                Fate::Lost => StreamFate::Lost,
            };
            streams.on_receipt(tree, now, receipt, fate);
        }
        self.after_delivery();
    }
}
