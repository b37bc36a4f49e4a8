//! Time passes: what is due is done, and no more than that.

use crate::crypto::Crypto;
use crate::storage::present;
use crate::time::Instant;

use super::Host;

impl<C: Crypto> Host<'_, C> {
    /// Does what is due at `now`. Then poll for packets and events.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.let_time_pass(now);
        self.means.wiping.wipe_after_verb();
    }

    #[inline(never)]
    fn let_time_pass(&mut self, now: Instant) {
        let now = self.advance(now);
        while let Some(index) = self.bonds.channels.pop_expired(now) {
            if self.bonds.on_channel_timeout(now, index) {
                self.remove_channel(now, index);
            }
        }
        while let Some(index) = self.negotiations.pop_expired(now) {
            if let Some(failed) = self.split().0.on_timeout(now, index) {
                self.on_failed(now, &failed);
            }
        }
        while let Some((session, stream)) = self.bonds.streams.take_expired(now) {
            let row = present(self.bonds.sessions.at_mut(session), "a stream has its session");
            let tree = row.and_then(|row| present(row.tree_mut(), "a stream has its tree"));
            let Some(tree) = tree else { continue };
            self.bonds.streams.of(tree).expire(stream);
            self.bonds.sessions.touch(session);
        }
        self.look_after_touched();
        self.bonds.reap();
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens before.
    /// Ask after the other polls have nothing more.
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        if self.bonds.sessions.next_doomed().is_some() {
            return Some(self.clock.now());
        }
        let times = [
            self.bonds.channels.next_timeout(),
            self.negotiations.next_timeout(),
            self.bonds.streams.next_expiry(),
        ];
        times.into_iter().flatten().min()
    }
}
