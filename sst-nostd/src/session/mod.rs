//! One bond with a remote host: its tree of streams, the channel they ride on, and how it ends.
//!
//! A session outlives its channels: streams never learn which channel carried them, and any
//! frame may ride any channel. Today a session has one channel at a time; a second one has its
//! place in [`Paths`], and whatever a packet does here is told its channel. Source:
//! docs/PROTOCOL.md section 9.

mod close;
mod ending;
mod events;
mod paths;
mod receipts;
mod receive;
mod settle;
mod transmit;
mod words;

pub use close::{Breach, CloseReason, ClosedBy, Ending, KEYS_SPENT};
pub use ending::{DRAIN_TIMEOUT, linger, pto};
pub use events::SessionEvent;
pub use paths::Paths;
pub use receive::{Packet, Surroundings, Visit};
pub use transmit::Transmitted;
pub use words::{LastWords, Words};

use crate::id::{HostId, Instance};
use crate::storage::{HasLink, Link};
use crate::stream::Tree;
use crate::time::{Duration, Instant};

use ending::{Aftermath, NEVER};
use events::SessionEvents;

/// The list of sessions with events to tell.
pub const SESSION_EVENTS: usize = 0;
/// The list of sessions to be looked after: those that a verb touched, or whose streams are being
/// freed.
pub const TENDED: usize = 1;

/// What must be so of a session that is open, or has a channel.
const PLANTED: &str = "a session with a channel has a tree";

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

/// One bond with a remote host, which may have several.
pub struct Session {
    /// The peer; unknown while it was dialled by address alone.
    peer: Option<HostId>,
    /// Which of the sessions with that peer; `None` for the one without a name.
    instance: Option<Instance>,
    /// This host began its first negotiation.
    is_own_dial: bool,
    /// Where the session stands.
    state: SessionState,
    /// Its streams, once the peer is known.
    tree: Option<Tree>,
    /// Its channels.
    paths: Paths,
    /// Index of the negotiation that is to bring a channel.
    negotiation: Option<u32>,
    /// Why it ends or ended.
    reason: Option<Ending>,
    /// When it waits no longer for deliveries, if it closes gracefully; when CLOSE goes again, if
    /// it is closing; else [`NEVER`].
    acts_at: Instant,
    /// How often CLOSE went again by the clock.
    close_repeats: u8,
    /// How often CLOSE went.
    closes_sent: u8,
    /// The process is about to leave: CLOSE goes twice at once, and nothing is waited for.
    is_leaving: bool,
    /// What of that which follows from its end was done.
    aftermath: Aftermath,
    /// CLOSE must be sent (again).
    owes_close: bool,
    /// Packets heard since CLOSE was sent.
    heard_since_close: u32,
    /// The application may use the handle: it dialled, or heard of the session.
    is_known: bool,
    /// The application let go of it: the row is freed when the session is over.
    is_released: bool,
    /// The hash of the source that it is counted for, if the peer dialled.
    source: Option<u32>,
    /// When data last came or went, or the session began.
    data_at: Instant,
    /// Events not told yet.
    events: SessionEvents,
    /// Place in the list of sessions with events.
    events_link: Link,
    /// Place in the list of sessions to be looked after.
    tended_link: Link,
}

impl HasLink<SESSION_EVENTS> for Session {
    fn link(&self) -> &Link {
        &self.events_link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.events_link
    }
}

impl HasLink<TENDED> for Session {
    fn link(&self) -> &Link {
        &self.tended_link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.tended_link
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
            paths: Paths::new(),
            negotiation: None,
            reason: None,
            acts_at: NEVER,
            close_repeats: 0,
            closes_sent: 0,
            is_leaving: false,
            aftermath: Aftermath::None,
            owes_close: false,
            heard_since_close: 0,
            is_known: false,
            is_released: false,
            source: None,
            data_at: Instant::ZERO,
            events: SessionEvents::default(),
            events_link: Link::new(),
            tended_link: Link::new(),
        }
    }

    /// The peer; unknown while it was dialled by address alone.
    #[must_use]
    pub const fn peer(&self) -> Option<&HostId> {
        self.peer.as_ref()
    }

    /// Which of the sessions with that peer; `None` for the one without a name.
    #[must_use]
    pub const fn instance(&self) -> Option<Instance> {
        self.instance
    }

    /// The peer has proved itself, in that instance. True if nobody knew before who it is.
    pub const fn set_peer(&mut self, peer: HostId, instance: Option<Instance>) -> bool {
        self.instance = instance;
        self.peer.replace(peer).is_none()
    }

    /// Whether this host began its first negotiation.
    #[must_use]
    pub const fn is_own_dial(&self) -> bool {
        self.is_own_dial
    }

    /// Where it stands.
    #[inline]
    #[must_use]
    pub const fn state(&self) -> SessionState {
        self.state
    }

    /// Whether it is up or coming up.
    #[must_use]
    pub const fn is_living(&self) -> bool {
        !matches!(self.state, SessionState::Closing | SessionState::Closed)
    }

    /// Why it ends or ended.
    #[must_use]
    pub const fn reason(&self) -> Option<&Ending> {
        self.reason.as_ref()
    }

    /// Its streams, once the peer is known.
    #[inline]
    #[must_use]
    pub const fn tree(&self) -> Option<&Tree> {
        self.tree.as_ref()
    }

    /// Its streams, once the peer is known.
    #[inline]
    pub const fn tree_mut(&mut self) -> Option<&mut Tree> {
        self.tree.as_mut()
    }

    /// Gives it its streams.
    pub fn plant(&mut self, tree: Tree) {
        debug_assert!(self.tree.is_none(), "a session has one tree");
        self.tree = Some(tree);
    }

    /// Its channels.
    #[inline]
    #[must_use]
    pub const fn paths(&self) -> &Paths {
        &self.paths
    }

    /// It has a channel, in row `channel`, and so it is up.
    pub fn add_channel(&mut self, channel: u32) {
        self.paths.add(channel);
        if self.state == SessionState::Connecting {
            self.state = SessionState::Ready;
        }
    }

    /// The application dials: it has the handle, and waits for the negotiation in that row.
    pub const fn begin_dial(&mut self, negotiation: u32) {
        self.is_known = true;
        self.negotiation = Some(negotiation);
    }

    /// Row of the negotiation that is to bring a channel.
    #[must_use]
    pub const fn dial(&self) -> Option<u32> {
        self.negotiation
    }

    /// No negotiation is waited for any more; answers with its row.
    pub const fn end_dial(&mut self) -> Option<u32> {
        self.negotiation.take()
    }

    /// It is counted for a source, where the peer dialled.
    pub const fn note_guest(&mut self, now: Instant, source: u32) {
        self.source = Some(source);
        self.data_at = now;
    }

    /// The hash of the source that it was counted for and is no more.
    pub const fn take_source(&mut self) -> Option<u32> {
        self.source.take()
    }

    /// The hash of the source that it is counted for, if the peer dialled.
    #[must_use]
    pub const fn source(&self) -> Option<u32> {
        self.source
    }

    /// Whether it is up and has no streams, and no data came or went for so long.
    #[must_use]
    pub fn is_quiet(&self, now: Instant, timeout: Duration) -> bool {
        let has_streams = self.tree.as_ref().is_none_or(|tree| tree.stream_count() > 0);
        let is_ready = self.state == SessionState::Ready;
        is_ready && !has_streams && now.since(self.data_at) >= timeout
    }
}
