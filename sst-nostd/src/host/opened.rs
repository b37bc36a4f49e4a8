//! Opened packets: each is shown to the session that its channel belongs to.

use crate::crypto::Crypto;
use crate::session::{Breach, Packet, Surroundings, linger};
use crate::time::Instant;

use super::Host;

impl<C: Crypto> Host<'_, C> {
    /// Shows an opened packet to its session, and sees to what comes of it.
    pub(super) fn on_payload(&mut self, now: Instant, index: u32, packet: &Packet<'_>) {
        let Some(row) = self.channels.at_mut(index) else { return };
        let session_index = row.session;
        let Some((session, words)) = self.sessions.with_words(session_index) else { return };
        let mut around = Surroundings {
            channel: &mut row.channel,
            sent: &mut self.sent,
            streams: &mut self.streams,
            words,
        };
        let visit = session.receive(now, packet, &mut around);
        if visit.is_unfinished {
            self.stats.unfinished_packets = self.stats.unfinished_packets.saturating_add(1);
        }
        // A peer that says CLOSE again and again does not keep the channel.
        if visit.is_closed && row.ends_at.is_none() {
            row.ends_at = Some(now.after(linger(&row.channel)));
        }
        if visit.is_breach {
            self.stats.breaches = self.stats.breaches.saturating_add(1);
        }
        self.sessions.touch(session_index);
    }

    /// Closes a session whose peer broke the protocol, or whose keys may not be used any more.
    pub(super) fn close_for(&mut self, session: u32, breach: &Breach) {
        if self.sessions.at_mut(session).is_some_and(|row| row.close_for(breach)) {
            self.stats.breaches = self.stats.breaches.saturating_add(1);
        }
        self.sessions.touch(session);
    }
}
