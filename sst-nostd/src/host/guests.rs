//! Which of those who dial get a session while there is not room for all, and which sessions give
//! way to them.
//!
//! A source has no more sessions than are free when it asks for one more: one address alone gets
//! half of the table, and one that has none gets even the last row. Where hardly a row is left, a
//! session gives way that has no streams, was quiet for a while, and whose source has more
//! sessions than that of the newcomer. What the host dials itself is counted for nobody.

use core::net::IpAddr;

use crate::crypto::Crypto;
use crate::id::HostId;
use crate::negotiation::Source;
use crate::session::{ClosedBy, Ending, Session, SessionState};
use crate::storage::may_join;
use crate::time::{Duration, Instant};
use crate::wire::TransportCode;

use super::Host;

/// How long a session without streams must have been quiet to give way to another: longer than
/// most pauses of those who come back.
const QUIET_TIMEOUT: Duration = Duration::from_secs(10);
/// How many sessions are looked at for one that gives way, each time one is wanted: work for some
/// microseconds. The next look begins where this one ended.
const MAX_LOOKED_AT: u32 = 16;
/// Sessions give way from when one row in so many is left, so that those who come find one free.
const SCARCE_DIVISOR: u32 = 64;

impl<C: Crypto> Host<'_, C> {
    /// Whether a session for a peer at `from` has a place. If hardly any is left, another session
    /// is asked to give way: to this peer, if it tries again, or to the next.
    pub(super) fn has_seat(&mut self, now: Instant, from: IpAddr, peer: &HostId) -> bool {
        let free = self.sessions.limit().saturating_sub(self.sessions.len());
        let held = self.guests.held(self.source_of(from));
        if free <= self.sessions.limit().checked_div(SCARCE_DIVISOR).unwrap_or(0) {
            self.make_way(now, held);
        }
        let is_within_share = !self.config.shares_by_source || may_join(held, free);
        free > 0 && is_within_share && self.is_within_cap(now, peer)
    }

    /// Whether an identity may have one more session by dialling: fewer than so many, or one of
    /// them is quiet and gives way at once. A command that was killed leaves such sessions.
    fn is_within_cap(&mut self, now: Instant, peer: &HostId) -> bool {
        let (mut count, mut quiet) = (0_u32, None);
        let _ = self.by_peer.find(self.hash.hash_bytes(peer.as_bytes()), |session| {
            let is_one = |row: &&Session| row.peer.as_ref() == Some(peer) && !row.is_own_dial;
            if let Some(row) = self.sessions.at(session).filter(is_one) {
                count = count.saturating_add(u32::from(row.state == SessionState::Ready));
                quiet = quiet.or_else(|| is_quiet(row, now).then_some(session));
            }
            false
        });
        if count < self.config.max_sessions_per_peer {
            return true;
        }
        let Some(session) = quiet else { return false };
        self.end_for_another(now, session);
        true
    }

    /// Counts a session that a peer at `from` was given.
    pub(super) fn note_guest(&mut self, now: Instant, session: u32, from: IpAddr) {
        let source = self.source_of(from);
        if let Some(row) = self.sessions.at_mut(session)
            && self.guests.add(source).is_ok()
        {
            row.source = Some(source);
            row.data_at = now;
        }
    }

    /// A session's row is about to be freed.
    pub(super) fn forget_guest(&mut self, session: u32) {
        if let Some(source) = self.sessions.at_mut(session).and_then(|row| row.source.take()) {
            self.guests.take_away(source);
        }
    }

    fn source_of(&self, from: IpAddr) -> u32 {
        Source::of(from).hash(&self.hash)
    }

    /// Ends a quiet session of a source that has more than `held`, if a few looks find one.
    fn make_way(&mut self, now: Instant, held: u32) {
        for _ in 0..MAX_LOOKED_AT.min(self.sessions.used()) {
            let session = self.looked_at;
            let next = session.saturating_add(1);
            self.looked_at = if next < self.sessions.used() { next } else { 0 };
            let Some(row) = self.sessions.at(session) else { continue };
            let Some(source) = row.source.filter(|_| is_quiet(row, now)) else { continue };
            if self.guests.held(source) > held {
                return self.end_for_another(now, session);
            }
        }
    }

    fn end_for_another(&mut self, now: Instant, session: u32) {
        let reason = "room was needed for others, and this session had no streams";
        let code = TransportCode::NO_CAPACITY;
        if let Some(row) = self.sessions.at_mut(session) {
            row.begin_close(Ending::transport(ClosedBy::Local, code, reason), false);
        }
        self.note_session_event(session);
        self.after_begin_close(now, session);
    }
}

/// Whether a session has no streams, and no data came or went for long.
fn is_quiet(row: &Session, now: Instant) -> bool {
    let is_ready = row.state == SessionState::Ready;
    let has_streams = row.tree.as_ref().is_none_or(|tree| tree.stream_count() > 0);
    is_ready && !has_streams && now.since(row.data_at) >= QUIET_TIMEOUT
}
