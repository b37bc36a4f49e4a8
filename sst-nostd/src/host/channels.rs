//! The table of channels: found by the id in a packet's header, scheduled when there may be
//! something to send, woken when something is due.

use crate::channel::{Channel, KeysTold};
use crate::crypto::{Crypto, RandomError};
use crate::id::ChannelId;
use crate::session::{Session, SessionState};
use crate::storage::{HasLink, Link, NONE};
use crate::time::{Duration, Instant};

use super::Host;

/// The list of channels that may have something to send.
pub(super) const READY: usize = 0;

/// So many channels that their peers named alike are found by that name. Names are random: that two
/// are alike is rare, and a third means that peers mean to make the search for it long.
const MAX_NAMED_ALIKE: u32 = 8;

/// No word has come from the peer of a call of this host's. Beside it stands the turn at which
/// FINISH went out.
pub(super) const UNSETTLED: u64 = 1 << 63;

/// A channel and whose it is.
pub struct ChannelRow<C: Crypto> {
    pub(super) channel: Channel<C>,
    /// Index of the session.
    pub(super) session: u32,
    /// The handshake hash, from FINISH on.
    pub(super) hash: Option<[u8; 32]>,
    /// What the peer would put in a LOST packet.
    pub(super) peer_token: Option<[u8; 16]>,
    /// When the row is freed, once the session is over.
    pub(super) ends_at: Option<Instant>,
    /// The turn at which the peer was known to have settled on this channel: where it dialled,
    /// that of the answer; where this host did, that of the first packet from the peer, and
    /// marked [`UNSETTLED`] before.
    pub(super) settled: u64,
    /// Index of the negotiation that keeps FINISH until the peer has it.
    pub(super) negotiation: Option<u32>,
    /// Which keys the application has, if it wants them.
    pub(super) keys_told: KeysTold,
    pub(super) link: Link,
}

impl<C: Crypto> HasLink<READY> for ChannelRow<C> {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl<C: Crypto> ChannelRow<C> {
    /// A channel that is nobody's yet. `peer_token` is what the peer would put in a LOST packet.
    #[inline]
    pub(super) const fn new(
        channel: Channel<C>,
        hash: Option<[u8; 32]>,
        peer_token: Option<[u8; 16]>,
    ) -> Self {
        Self {
            channel,
            session: NONE,
            hash,
            peer_token,
            ends_at: None,
            settled: 0,
            negotiation: None,
            keys_told: KeysTold::NONE,
            link: Link::new(),
        }
    }
}

impl<C: Crypto> Host<'_, C> {
    /// Gives a channel that was made to a session: from now on it is found. False, with nothing
    /// changed, if there is no room to find it.
    pub(super) fn add_channel(&mut self, session: u32, index: u32) -> bool {
        let Some(row) = self.channels.at_mut(index) else { return false };
        let (id, remote_id) = (row.channel.local_id(), row.channel.remote_id());
        if self.by_channel.insert(self.hash.hash_u64(u64::from(id.as_u32())), index).is_err() {
            return false;
        }
        row.session = session;
        let remote_hash = self.hash.hash_u64(u64::from(remote_id.as_u32()));
        let mut alike = 0u32;
        let are_many = |_| {
            alike = alike.saturating_add(1);
            alike >= MAX_NAMED_ALIKE
        };
        if self.by_remote.find(remote_hash, are_many).is_none() {
            let _ = self.by_remote.insert(remote_hash, index);
        }
        self.stats.channels_made = self.stats.channels_made.saturating_add(1);
        true
    }

    /// The channel that packets with this id belong to.
    pub(super) fn find_channel(&mut self, id: ChannelId) -> Option<u32> {
        let is_it = |slot| self.channels.at(slot).is_some_and(|row| row.channel.local_id() == id);
        if !self.found.is_some_and(is_it) {
            let hash = self.hash.hash_u64(u64::from(id.as_u32()));
            self.found = self.by_channel.find(hash, is_it);
        }
        self.found
    }

    /// An id for a new channel: random, and used by no channel or negotiation of this host.
    pub(super) fn new_channel_id(&mut self) -> Result<ChannelId, RandomError> {
        // With 2^32 ids and at most some 10^5 in use, each try succeeds but for one in 10^4.
        for _ in 0..8 {
            let mut bytes = [0; 4];
            self.crypto.random(&mut bytes)?;
            if let Some(id) = ChannelId::new(u32::from_be_bytes(bytes))
                && self.find_channel(id).is_none()
                && self.negotiations.find(id).is_none()
            {
                return Ok(id);
            }
        }
        Err(RandomError)
    }

    /// The channel may have something to send, or another deadline.
    pub(super) fn schedule_channel(&mut self, index: u32) {
        self.ready.push_back(&mut self.channels, index);
    }

    /// If keys are handed out: has the application told of those it does not have.
    pub(super) fn note_keys(&mut self, index: u32) {
        if !self.config.exports_keys {
            return;
        }
        let Some(row) = self.channels.at(index) else { return };
        let session = row.session;
        // Who is told of keys is told the hash with them.
        if row.hash.is_some()
            && row.keys_told.is_behind(&row.channel)
            && let Some(session) = self.sessions.at_mut(session)
        {
            session.events.keys = true;
        }
        self.note_session_event(session);
    }

    /// Sets the channel's timer to its next deadline.
    pub(super) fn renew_channel_timer(&mut self, index: u32) {
        let Some(row) = self.channels.at(index) else { return };
        let acts_at = self.sessions.at(row.session).and_then(Session::acts_at);
        let of_channel = row.ends_at.or_else(|| row.channel.deadline());
        let deadline = match (of_channel, acts_at) {
            (Some(channel), Some(session)) => Some(channel.min(session)),
            (channel, session) => channel.or(session),
        };
        // The timers have a slot for every row.
        let _ = self.channel_timers.set(index, deadline);
    }

    /// Frees a channel; what was in flight is given back to the streams as lost.
    pub(super) fn remove_channel(&mut self, now: Instant, index: u32) {
        self.note_secrets();
        let Some(row) = self.channels.at_mut(index) else { return };
        row.channel.retire(&mut self.sent);
        if let Some(session) = self.sessions.at_mut(row.session) {
            if let (SessionState::Closed, Some(tree)) = (session.state, &mut session.tree) {
                // Of a datagram in flight nothing is known: it is not lost.
                self.streams.abandon_datagrams(tree);
            }
            session.settle(now, &mut row.channel, &mut self.sent, &mut self.streams);
            if session.channel == Some(index) {
                session.channel = None;
            }
        }
        // Without a session, nobody wants the receipts; they must leave the table all the same.
        while row.channel.take_settled(&mut self.sent).is_some() {}
        let negotiation = row.negotiation;
        let (id, remote_id) = (row.channel.local_id(), row.channel.remote_id());
        self.by_channel.remove(self.hash.hash_u64(u64::from(id.as_u32())), index);
        self.by_remote.remove(self.hash.hash_u64(u64::from(remote_id.as_u32())), index);
        self.ready.remove(&mut self.channels, index);
        let _ = self.channel_timers.set(index, None);
        self.channels.discard_at(index);
        if let Some(negotiation) = negotiation {
            self.negotiations.remove(negotiation);
        }
    }

    /// Closing began, perhaps: then the application hears at once that the session is over, and
    /// the channel stays for three probe timeouts, to repeat CLOSE if need be.
    pub(super) fn after_begin_close(&mut self, now: Instant, session: u32) {
        let Some(row) = self.sessions.at_mut(session) else { return };
        let Some(index) = row.channel else { return };
        if row.state == SessionState::Closing
            && let Some(tree) = &mut row.tree
        {
            self.streams.abandon_datagrams(tree);
        }
        if row.state == SessionState::Closing
            && let Some(channel) = self.channels.at_mut(index)
            && channel.ends_at.is_none()
        {
            channel.ends_at = Some(now.after(linger(&channel.channel)));
            row.plan_repeats(now, pto(&channel.channel));
            self.note_session_event(session);
        }
        // Its timer is set anew when it has nothing more to send.
        self.schedule_channel(index);
    }
}

/// No probe timeout is longer (docs/PROTOCOL.md, R-6.6-2).
const MAX_PTO: Duration = Duration::from_secs(10);

/// A probe timeout, by which the end of a channel is counted.
pub(super) fn pto<C: Crypto>(channel: &Channel<C>) -> Duration {
    channel.pto_base().min(MAX_PTO)
}

/// How long packets of a closed channel may still be about: three probe timeouts.
pub(super) fn linger<C: Crypto>(channel: &Channel<C>) -> Duration {
    pto(channel).saturating_mul(3)
}
