//! What follows from what a verb did.
//!
//! A verb changes sessions, and says of which it has to do with ([`Sessions::touch`]). What that
//! leads to is told by how they stand when the verb is done, and done here, for each of them once:
//! nobody on the way has to remember it.
//!
//! [`Sessions::touch`]: super::tables::Sessions::touch

use crate::crypto::Crypto;
use crate::session::{Session, SessionState, linger, pto};

use super::Host;

impl<C: Crypto> Host<'_, C> {
    /// Looks after the sessions that this verb touched: the last act of every verb that changes
    /// anything. Tells whether there were any.
    #[inline]
    pub(super) fn look_after_touched(&mut self) -> bool {
        let Some(first) = self.sessions.pop_touched() else { return false };
        self.look_after(first);
        if self.sessions.has_touched() {
            self.look_after_more();
        }
        true
    }

    #[inline(never)]
    fn look_after_more(&mut self) {
        while let Some(next) = self.sessions.pop_touched() {
            self.look_after(next);
        }
    }

    /// Looks after the session in row `index`: its channels look for something to send and for
    /// their next deadline, whatever else there is to do.
    #[inline]
    pub(super) fn look_after(&mut self, index: u32) {
        let Some(session) = self.sessions.at(index) else { return };
        if !session.is_calm() || self.config.exports_keys {
            return self.look_after_change(index);
        }
        for channel in session.paths().all() {
            self.channels.queue(channel);
        }
    }

    /// Does what the state of the session in row `index` asks for, and has its events told.
    #[inline(never)]
    fn look_after_change(&mut self, index: u32) {
        let Some(session) = self.sessions.at_mut(index) else { return };
        session.after_delivery();
        match session.state() {
            SessionState::Ready | SessionState::Draining => {}
            SessionState::Closing => self.look_after_closing(index),
            SessionState::Connecting | SessionState::Closed => self.look_after_over(index),
        }
        if self.config.exports_keys {
            self.note_keys(index);
        }
        if let Some(paths) = self.sessions.note_events(index) {
            for channel in paths.all() {
                self.channels.queue(channel);
            }
        }
    }

    /// For the application, the session is over; its channels stay for three probe timeouts, to
    /// repeat CLOSE if need be.
    #[inline(never)]
    fn look_after_closing(&mut self, index: u32) {
        let now = self.clock.now();
        let Some(session) = self.sessions.at_mut(index) else { return };
        if let Some(tree) = session.tree_mut() {
            self.streams.abandon_datagrams(tree);
        }
        for channel in session.paths().all() {
            let Some(row) = self.channels.at_mut(channel) else { continue };
            if row.ends_at.is_none() {
                row.ends_at = Some(now.after(linger(&row.channel)));
                session.plan_repeats(now, pto(&row.channel));
            }
        }
    }

    /// The session is over, and its peer may have another; or it never began. Once it has no
    /// channel and nobody holds it, it is freed.
    #[inline(never)]
    fn look_after_over(&mut self, index: u32) {
        let Some(session) = self.sessions.at_mut(index) else { return };
        if session.wind_up() {
            if let Some(tree) = session.tree_mut() {
                self.streams.abandon_datagrams(tree);
            }
            if let Some(negotiation) = session.end_dial() {
                self.negotiations.remove(negotiation);
            }
            self.sessions.unlist(index);
        }
        if self.sessions.at(index).is_some_and(Session::is_forgotten) {
            self.sessions.doom(index);
        }
    }

    /// Where keys are handed out, the application hears of those that it does not have.
    #[inline(never)]
    fn note_keys(&mut self, index: u32) {
        let Some(session) = self.sessions.at_mut(index) else { return };
        for channel in session.paths().all() {
            // Who is told of keys is told the hash with them.
            let is_behind = |row: &super::ChannelRow<C>| {
                row.hash.is_some() && row.keys_told.is_behind(&row.channel)
            };
            if self.channels.at(channel).is_some_and(is_behind) {
                session.note_keys();
            }
        }
    }

    /// The channel in row `index` has nothing to send until its next deadline.
    pub(super) fn renew_channel_timer(&mut self, index: u32) {
        let Some(row) = self.channels.at(index) else { return };
        let acts_at = self.sessions.at(row.session).and_then(Session::acts_at);
        self.channels.renew_timer(index, acts_at);
    }

    /// Frees the streams of sessions that are gone, a step at a time.
    pub(super) fn reap(&mut self) {
        let Some(index) = self.sessions.next_doomed() else { return };
        let Some(row) = self.sessions.at_mut(index) else { return };
        if row.tree_mut().is_none_or(|tree| self.streams.tear_down(tree)) {
            self.sessions.remove(index);
        }
    }
}
