//! Time passes: what is due is done, and no more than that.

use crate::crypto::Crypto;
use crate::session::{ClosedBy, Ending, Surroundings};
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
            self.sessions.touch(session);
        }
        self.look_after_touched();
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
        self.sessions.touch(session);
    }

    /// CLOSE has been said often enough.
    fn finish_closing(&mut self, now: Instant, index: u32, session: u32) {
        if let Some(row) = self.sessions.at_mut(session) {
            let code = TransportCode::NONE;
            row.on_over(Ending::transport(ClosedBy::Local, code, ""));
        }
        self.remove_channel(now, index);
    }
}
