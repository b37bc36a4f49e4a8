//! What follows from what a verb did.
//!
//! A verb changes sessions, and says of which it has to do with ([`Sessions::touch`]). What that
//! leads to is told by how they stand when the verb is done, and done here, for each of them once:
//! nobody on the way has to remember it.
//!
//! [`Sessions::touch`]: super::tables::Sessions::touch

use crate::crypto::Crypto;
use crate::session::{Session, SessionState, linger, pto};
use crate::storage::present;
use crate::time::Instant;

use super::bonds::{Bonds, LISTED, OWNED};

/// What must be so of the sessions that are looked after.
const TOUCHED: &str = "a session that was touched is here";

/// What looking after sessions goes by.
#[derive(Clone, Copy)]
pub(super) struct Care {
    pub(super) now: Instant,
    /// The application wants packet keys.
    pub(super) exports_keys: bool,
}

impl<C: Crypto> Bonds<'_, C> {
    /// Looks after the session in row `index`: its channels look for something to send and for
    /// their next deadline, whatever else there is to do. Answers with the negotiation that was to
    /// bring it a channel, if it is over and nobody waits for that any more.
    #[inline]
    pub(super) fn look_after(&mut self, index: u32, care: Care) -> Option<u32> {
        let session = present(self.sessions.at(index), TOUCHED)?;
        if !session.is_calm() || care.exports_keys {
            return self.look_after_change(index, care);
        }
        for channel in session.paths().all() {
            self.channels.queue(channel);
        }
        None
    }

    /// Does what the state of the session in row `index` asks for, and has its events told.
    #[inline(never)]
    fn look_after_change(&mut self, index: u32, care: Care) -> Option<u32> {
        let session = present(self.sessions.at_mut(index), TOUCHED)?;
        session.after_delivery();
        let mut dial = None;
        match session.state() {
            SessionState::Ready | SessionState::Draining => {}
            SessionState::Closing => self.look_after_closing(index, care.now),
            SessionState::Connecting | SessionState::Closed => dial = self.look_after_over(index),
        }
        if care.exports_keys {
            self.note_keys(index);
        }
        if let Some(paths) = self.sessions.note_events(index) {
            for channel in paths.all() {
                self.channels.queue(channel);
            }
        }
        dial
    }

    /// For the application, the session is over; its channels stay for three probe timeouts, to
    /// repeat CLOSE if need be.
    #[inline(never)]
    fn look_after_closing(&mut self, index: u32, now: Instant) {
        let Some(session) = present(self.sessions.at_mut(index), TOUCHED) else { return };
        if let Some(tree) = session.tree_mut() {
            self.streams.of(tree).abandon_datagrams();
        }
        for channel in session.paths().all() {
            let Some(row) = present(self.channels.at_mut(channel), LISTED) else { continue };
            if row.ends_at.is_none() {
                row.ends_at = Some(now.after(linger(&row.channel)));
                session.plan_repeats(now, pto(&row.channel));
            }
        }
    }

    /// The session is over, and its peer may have another; or it never began. Once it has no
    /// channel and nobody holds it, it is freed. Answers with its negotiation, which is over too.
    #[inline(never)]
    fn look_after_over(&mut self, index: u32) -> Option<u32> {
        let session = present(self.sessions.at_mut(index), TOUCHED)?;
        let mut dial = None;
        if session.wind_up() {
            if let Some(tree) = session.tree_mut() {
                self.streams.of(tree).abandon_datagrams();
            }
            dial = session.end_dial();
            self.sessions.unlist(index);
        }
        self.sessions.doom_if_forgotten(index);
        dial
    }

    /// Where keys are handed out, the application hears of those that it does not have.
    #[inline(never)]
    fn note_keys(&mut self, index: u32) {
        let Some(session) = present(self.sessions.at_mut(index), TOUCHED) else { return };
        for channel in session.paths().all() {
            // Who is told of keys is told the hash with them.
            let is_behind = |row: &super::ChannelRow<C>| {
                row.hash.is_some() && row.keys_told.is_behind(&row.channel)
            };
            if present(self.channels.at(channel), LISTED).is_some_and(is_behind) {
                session.note_keys();
            }
        }
    }

    /// The channel in row `index` has nothing to send until its next deadline.
    pub(super) fn renew_channel_timer(&mut self, index: u32) {
        let Some(row) = present(self.channels.at(index), "a channel in the queue is here") else {
            return;
        };
        let acts_at = present(self.sessions.at(row.session), OWNED).and_then(Session::acts_at);
        self.channels.renew_timer(index, acts_at);
    }

    /// Frees the streams of sessions that are gone, a step at a time.
    pub(super) fn reap(&mut self) {
        let Some(index) = self.sessions.next_doomed() else { return };
        let Some(row) = present(self.sessions.at_mut(index), "the doomed are here") else { return };
        if row.tree_mut().is_none_or(|tree| self.streams.of(tree).tear_down()) {
            self.sessions.remove(index);
        }
    }
}
