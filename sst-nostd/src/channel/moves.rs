//! A channel whose peer, or whose own host, is found at another address.

use core::net::IpAddr;

use super::Channel;
use super::early::Situation;
use super::finish::Finish;
use super::flight::Flight;
use super::paths::Moved;
use crate::crypto::Crypto;
use crate::path::Path;
use crate::time::Instant;

impl<C: Crypto> Channel<C> {
    /// A packet of `len` bytes opened that came on `path`: what it says about addresses counts
    /// before the frames in it do. A PATH_RESPONSE could else come too early for its own address.
    pub fn on_arrival(&mut self, now: Instant, path: Path, len: usize, is_highest: bool) {
        let timeout = self.pto_base();
        let at = Situation { now, next_number: self.next_number, timeout };
        let moved = self.paths.on_packet(&at, path, len, is_highest);
        self.note_move(now, moved);
    }

    /// A challenge arrived on `path`: the answer goes back there.
    pub fn on_path_challenge(&mut self, path: Path, data: [u8; 8]) {
        self.paths.on_challenge(path, data);
    }

    /// An answer arrived on `path`. Returns whether it proves the path and the channel moved.
    pub fn on_path_response(&mut self, now: Instant, path: Path, data: [u8; 8]) -> bool {
        let Some(before) = self.paths.on_response(path, data) else { return false };
        self.note_move(now, if path.is_same_route(&before) { Moved::Port } else { Moved::Route });
        true
    }

    /// This host's own addresses have changed; `gone`, if it is known, is one that it has no more.
    /// The peer is asked at once whether it can be heard, and hears where this host is now.
    pub fn on_network_changed(&mut self, now: Instant, gone: Option<IpAddr>) {
        if !self.paths.on_network_changed(gone) {
            return;
        }
        self.flight.on_network_changed(now);
        self.spaced_probes = None;
        if self.finish == Finish::Waiting {
            self.finish = Finish::Owed;
        } else {
            self.probes_owed = self.probes_owed.max(1);
        }
    }

    /// The channel has moved to another path, or to another port of the peer's.
    pub(super) fn note_move(&mut self, now: Instant, moved: Moved) {
        if moved == Moved::Nowhere {
            return;
        }
        if moved != Moved::Route {
            self.flight.on_port_change(self.next_number, now, moved == Moved::Back);
            // What is gone is looked for once the packet that showed the change was applied.
            self.loss_at = Some(now);
        } else {
            let rtt = self.config.initial_rtt;
            self.flight =
                Flight::new(&self.config, self.max_packet_len, rtt, self.next_number, now);
        }
        // What is in flight went elsewhere: an acknowledgement from here shows that it is lost.
        if !self.in_flight.is_empty() {
            self.probes_owed = self.probes_owed.max(1);
        }
        self.totals.moves = self.totals.moves.saturating_add(1);
    }
}
