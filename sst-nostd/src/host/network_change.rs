//! This host moves: its own addresses change, mostly without a word from anybody.

use core::net::IpAddr;

use crate::crypto::Crypto;
use crate::time::Instant;

use super::Host;

impl<C: Crypto> Host<'_, C> {
    /// This host's own addresses may have changed; `gone`, if it is known, is one that it has no
    /// more. Every peer that could miss this host (with `gone`: whose packets came there) is sent a
    /// packet at once, from wherever the system then sends, and dials in progress
    /// go on there. Nothing is lost by calling this too often but a small packet for each session.
    ///
    /// Work in proportion to the sessions there are.
    pub fn network_changed(&mut self, now: Instant, gone: Option<IpAddr>) {
        let now = self.advance(now);
        for index in 0..self.channels.used() {
            let Some(row) = self.channels.at_mut(index) else { continue };
            if row.ends_at.is_none() {
                row.channel.on_network_changed(now, gone);
                self.sessions.touch(row.session);
            }
        }
        for index in 0..self.negotiations.used() {
            if let Some((initiator, _)) = self.negotiations.call_mut(index) {
                initiator.on_network_changed(now);
                self.negotiations.renew_timer(index);
            }
        }
        self.look_after_touched();
    }
}
