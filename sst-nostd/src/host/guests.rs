//! Which of those who dial get a session while there is not room for all, and which sessions give
//! way to them.
//!
//! A source has no more sessions than are free when it asks for one more: one address alone gets
//! half of the table, and one that has none gets even the last row. Where hardly a row is left, a
//! session gives way that has no streams, was quiet for a while, and whose source has more
//! sessions than that of the newcomer. What the host dials itself is counted for nobody.

use core::net::IpAddr;

use crate::id::HostId;
use crate::session::{ClosedBy, Ending, SessionState};
use crate::storage::may_join;
use crate::time::Instant;
use crate::wire::TransportCode;

use super::config::Config;
use super::tables::{QUIET_TIMEOUT, Sessions};

/// Sessions give way from when one row in so many is left, so that those who come find one free.
const SCARCE_DIVISOR: u32 = 64;

impl Sessions<'_> {
    /// Whether a session for a peer at `from` has a place. If hardly any is left, another session
    /// is asked to give way: to this peer, if it tries again, or to the next.
    pub(super) fn has_seat(
        &mut self,
        now: Instant,
        from: IpAddr,
        peer: &HostId,
        config: &Config,
    ) -> bool {
        let free = self.limit().saturating_sub(self.len());
        let held = self.held_by(from);
        if free <= self.limit().checked_div(SCARCE_DIVISOR).unwrap_or(0) {
            self.make_way(now, held);
        }
        let is_within_share = !config.shares_by_source || may_join(held, free);
        free > 0 && is_within_share && self.is_within_cap(now, peer, config.max_sessions_per_peer)
    }

    /// Whether an identity may have one more session by dialling: fewer than `cap`, or one of
    /// them is quiet and gives way at once. A command that was killed leaves such sessions.
    fn is_within_cap(&mut self, now: Instant, peer: &HostId, cap: u32) -> bool {
        let (mut count, mut quiet) = (0_u32, None);
        self.for_each_with(peer, |session, row| {
            if !row.is_own_dial() {
                count = count.saturating_add(u32::from(row.state() == SessionState::Ready));
                quiet = quiet.or_else(|| row.is_quiet(now, QUIET_TIMEOUT).then_some(session));
            }
        });
        if count < cap {
            return true;
        }
        let Some(session) = quiet else { return false };
        self.end_for_another(session);
        true
    }

    /// Ends a quiet session of a source that has more than `held`, if a few looks find one.
    fn make_way(&mut self, now: Instant, held: u32) {
        if let Some(session) = self.find_quiet(now, held) {
            self.end_for_another(session);
        }
    }

    fn end_for_another(&mut self, session: u32) {
        let reason = "room was needed for others, and this session had no streams";
        let code = TransportCode::NO_CAPACITY;
        if let Some(row) = self.at_mut(session) {
            row.begin_close(Ending::transport(ClosedBy::Local, code, reason), false);
        }
        self.touch(session);
    }
}
