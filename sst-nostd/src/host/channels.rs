//! Channels in a session's life: how they are named, scheduled, and ended.

use crate::crypto::{Crypto, RandomError};
use crate::id::ChannelId;
use crate::session::{Session, SessionState, Surroundings, linger, pto};
use crate::time::Instant;

use super::Host;

impl<C: Crypto> Host<'_, C> {
    /// An id for a new channel: random, and used by no channel or negotiation of this host.
    pub(super) fn new_channel_id(&mut self) -> Result<ChannelId, RandomError> {
        // With 2^32 ids and at most some 10^5 in use, each try succeeds but for one in 10^4.
        for _ in 0..8 {
            let mut bytes = [0; 4];
            self.crypto.random(&mut bytes)?;
            if let Some(id) = ChannelId::new(u32::from_be_bytes(bytes))
                && self.channels.find(id).is_none()
                && self.negotiations.find(id).is_none()
            {
                return Ok(id);
            }
        }
        Err(RandomError)
    }

    /// The channel may have something to send, or another deadline.
    pub(super) fn schedule_channel(&mut self, index: u32) {
        self.channels.queue(index);
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
            session.note_keys();
        }
        self.sessions.note_events(session);
    }

    /// Sets the channel's timer to its next deadline.
    pub(super) fn renew_channel_timer(&mut self, index: u32) {
        let Some(row) = self.channels.at(index) else { return };
        let acts_at = self.sessions.at(row.session).and_then(Session::acts_at);
        self.channels.renew_timer(index, acts_at);
    }

    /// Frees a channel; what was in flight is given back to the streams as lost.
    pub(super) fn remove_channel(&mut self, now: Instant, index: u32) {
        self.note_secrets();
        let Some(row) = self.channels.at_mut(index) else { return };
        if let Some((session, words)) = self.sessions.with_words(row.session) {
            let mut around = Surroundings {
                channel: &mut row.channel,
                sent: &mut self.sent,
                streams: &mut self.streams,
                words,
            };
            session.remove_channel(now, index, &mut around);
        } else {
            row.channel.retire(&mut self.sent);
        }
        // Without a session, nobody wants the receipts; they must leave the table all the same.
        while row.channel.take_settled(&mut self.sent).is_some() {}
        let negotiation = row.negotiation;
        self.channels.remove(index);
        if let Some(negotiation) = negotiation {
            self.negotiations.remove(negotiation);
        }
    }

    /// Closing began, perhaps: then the application hears at once that the session is over, and
    /// the channel stays for three probe timeouts, to repeat CLOSE if need be.
    pub(super) fn after_begin_close(&mut self, now: Instant, session: u32) {
        let Some(row) = self.sessions.at_mut(session) else { return };
        let Some(index) = row.paths().carrier() else { return };
        let is_closing = row.state() == SessionState::Closing;
        if is_closing && let Some(tree) = row.tree_mut() {
            self.streams.abandon_datagrams(tree);
        }
        if is_closing
            && let Some(channel) = self.channels.at_mut(index)
            && channel.ends_at.is_none()
        {
            channel.ends_at = Some(now.after(linger(&channel.channel)));
            row.plan_repeats(now, pto(&channel.channel));
            self.sessions.note_events(session);
        }
        // Its timer is set anew when it has nothing more to send.
        self.schedule_channel(index);
    }
}
