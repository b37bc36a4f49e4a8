//! Time passes: what is due is done, and no more than that.

use crate::crypto::Crypto;
use crate::session::{ClosedBy, Ending, SessionState, Surroundings};
use crate::time::Instant;
use crate::wire::TransportCode;

use super::Host;

impl<C: Crypto> Host<'_, C> {
    /// Does what is due at `now`. Then poll for packets and events.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.let_time_pass(now);
        self.wipe_after_verb();
    }

    #[inline(never)]
    fn let_time_pass(&mut self, now: Instant) {
        let now = self.advance(now);
        while let Some(index) = self.channels.pop_expired(now) {
            self.on_channel_timeout(now, index);
        }
        while let Some(index) = self.negotiations.pop_expired(now) {
            self.on_negotiation_timeout(now, index);
        }
        while let Some((session, stream)) = self.streams.take_expired(now) {
            let Some(row) = self.sessions.at_mut(session) else { continue };
            let Some(tree) = row.tree_mut() else { continue };
            self.streams.expire(tree, stream);
            if let Some(channel) = row.paths().carrier() {
                self.schedule_channel(channel);
            }
        }
        self.reap();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens before.
    /// Ask after the other polls have nothing more.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if self.sessions.next_doomed().is_some() {
            return Some(self.clock.now());
        }
        let times = [
            self.channels.next_timeout(),
            self.negotiations.next_timeout(),
            self.streams.next_expiry(),
        ];
        times.into_iter().flatten().min()
    }

    fn on_channel_timeout(&mut self, now: Instant, index: u32) {
        let Some(row) = self.channels.at_mut(index) else { return };
        let session = row.session;
        if row.ends_at.is_some_and(|at| at <= now) {
            self.finish_closing(now, index, session);
            return;
        }
        if row.channel.is_expired(now) {
            let reason = "nothing was heard from the peer for the idle timeout";
            let reason = Ending::transport(ClosedBy::Timeout, TransportCode::NONE, reason);
            if let Some(row) = self.sessions.at_mut(session) {
                row.on_over(reason);
            }
            self.remove_channel(now, index);
            self.after_over(session);
            return;
        }
        if let Some((session, words)) = self.sessions.with_words(session) {
            let mut around = Surroundings {
                channel: &mut row.channel,
                sent: &mut self.sent,
                streams: &mut self.streams,
                words,
            };
            session.on_timeout(now, &mut around);
        }
        if self.sessions.at(session).is_some_and(|row| row.state() == SessionState::Closing) {
            self.sessions.note_events(session);
            self.after_begin_close(now, session);
        }
        self.schedule_channel(index);
    }

    /// CLOSE has been said often enough.
    fn finish_closing(&mut self, now: Instant, index: u32, session: u32) {
        if let Some(row) = self.sessions.at_mut(session) {
            let code = TransportCode::NONE;
            row.on_over(Ending::transport(ClosedBy::Local, code, ""));
        }
        self.remove_channel(now, index);
        self.after_over(session);
    }

    /// A session is over: its peer may have another, the application hears of it.
    pub(super) fn after_over(&mut self, session: u32) {
        let Some(row) = self.sessions.at_mut(session) else { return };
        if row.state() != SessionState::Closed {
            return;
        }
        if let Some(tree) = row.tree_mut() {
            self.streams.abandon_datagrams(tree);
        }
        let negotiation = row.end_dial();
        self.sessions.unlist(session);
        if let Some(negotiation) = negotiation {
            self.negotiations.remove(negotiation);
        }
        self.sessions.note_events(session);
        self.forget_if_over(session);
    }

    /// Frees a session that is over and that nobody holds.
    pub(super) fn forget_if_over(&mut self, session: u32) {
        let Some(row) = self.sessions.at(session) else { return };
        let is_over = row.state() == SessionState::Closed
            || (row.state() == SessionState::Connecting && row.dial().is_none());
        if is_over && !row.is_held() && row.paths().is_empty() {
            self.sessions.unlist(session);
            self.sessions.doom(session);
        }
    }

    /// Frees the streams of sessions that are gone, a step at a time.
    fn reap(&mut self) {
        let Some(index) = self.sessions.next_doomed() else { return };
        let Some(row) = self.sessions.at_mut(index) else { return };
        let is_done = row.tree_mut().is_none_or(|tree| self.streams.tear_down(tree));
        if is_done {
            self.sessions.remove(index);
        }
    }

    /// A peer that dialled is ready: the application hears of it, unless it waited for it.
    pub(super) fn note_incoming(&mut self, session: u32) {
        if let Some(row) = self.sessions.at_mut(session) {
            row.note_incoming();
        }
        self.sessions.note_events(session);
    }
}
