//! What the application may ask of sessions.

use core::net::IpAddr;

use crate::channel::{ChannelStats, KeyEpoch};
use crate::crypto::Crypto;
use crate::id::{HostId, Instance};
use crate::session::{CloseReason, ClosedBy, Ending, SessionState};
use crate::stream::{StreamHandle, Tree};
use crate::time::Instant;
use crate::wire::{CloseCause, TransportCode};

use super::Host;
use super::events::Event;
use super::tables::SessionHandle;

/// There is no such session (any more).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSession;

/// One session, seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// Where it stands.
    pub state: SessionState,
    /// The peer, once known.
    pub peer: Option<HostId>,
    /// Which of the sessions with that peer; `None` for the one without a name.
    pub instance: Option<Instance>,
    /// Living streams, the root not counted.
    pub streams: u32,
    /// Positions that arrived and nobody took yet, over all its streams.
    pub unread: u64,
    /// Stateless datagrams that arrived and were dropped, as nobody took them in time.
    pub dropped_datagrams: u64,
    /// The channel that carries its streams, while it has one.
    pub channel: Option<ChannelStats>,
    /// Where the peer is, while there is a channel.
    pub path: Option<crate::channel::Path>,
    /// The handshake hash of the channel: the same on both sides, different for every channel.
    /// `None` at the host that dialled until FINISH has gone out, up to
    /// [`Config::first_packet_wait`](super::Config::first_packet_wait) after the session is ready.
    pub handshake_hash: Option<[u8; 32]>,
}

impl<C: Crypto> Host<'_, C> {
    /// The root stream of a session: where its streams begin.
    #[must_use]
    pub fn root(&self, session: SessionHandle) -> Option<StreamHandle> {
        self.bonds.sessions.get(session)?.tree().map(Tree::root)
    }

    /// What there is to know about a session.
    #[must_use]
    pub fn session_info(&self, session: SessionHandle) -> Option<SessionInfo> {
        let row = self.bonds.sessions.get(session)?;
        let channel = self.bonds.carrier(row);
        Some(SessionInfo {
            state: row.state(),
            peer: row.peer().copied(),
            instance: row.instance(),
            streams: row.tree().map_or(0, Tree::stream_count),
            unread: row.tree().map_or(0, Tree::unread),
            dropped_datagrams: row.tree().map_or(0, Tree::dropped_datagrams),
            channel: channel.map(|channel| channel.channel.stats()),
            path: channel.map(|channel| channel.channel.path()),
            handshake_hash: channel.and_then(|channel| channel.hash),
        })
    }

    /// Fills `largest` with the streams of a session that hold most of what is unread, most first,
    /// and tells how many there are. For when [`StreamEvent::Crowded`](crate::stream::StreamEvent)
    /// was told: looks at each stream of the host.
    pub fn largest_unread(
        &self,
        session: SessionHandle,
        largest: &mut [(StreamHandle, u64)],
    ) -> usize {
        let tree = self.bonds.sessions.get(session).and_then(|row| row.tree());
        tree.map_or(0, |tree| self.bonds.streams.largest_unread(tree, largest))
    }

    /// Where a session stands: what [`session_info`](Self::session_info) tells first.
    #[must_use]
    pub fn session_state(&self, session: SessionHandle) -> Option<SessionState> {
        Some(self.bonds.sessions.get(session)?.state())
    }

    /// Why a session is closing or closed.
    #[must_use]
    pub fn close_reason(&self, session: SessionHandle) -> Option<CloseReason> {
        Some(self.bonds.sessions.get(session)?.reason()?.reason(self.bonds.sessions.words()))
    }

    /// The next event; sessions' before streams', so that a session is known before its streams.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.bonds.poll_event()
    }

    /// A living session with a peer, if there is one; of several, any.
    #[must_use]
    pub fn session_with(&self, peer: &HostId) -> Option<SessionHandle> {
        let index = self.bonds.sessions.find(peer, |_| true)?;
        self.bonds.sessions.handle_at(index)
    }

    /// How many sessions with a peer take a row here, those whose CLOSE is being repeated included.
    /// Looks at each of them.
    #[must_use]
    pub fn sessions_with(&self, peer: &HostId) -> u32 {
        let mut count = 0_u32;
        self.bonds.sessions.for_each_with(peer, |_, _| count = count.saturating_add(1));
        count
    }

    /// Every session that is not over, those whose CLOSE may have to be repeated included. Looks
    /// at all sessions: for the end of a host.
    pub fn unfinished_sessions(&self) -> impl Iterator<Item = SessionHandle> {
        let is_unfinished = |index: &u32| {
            self.bonds.sessions.at(*index).is_some_and(|row| row.state() != SessionState::Closed)
        };
        let used = (0..self.bonds.sessions.used()).filter(is_unfinished);
        used.filter_map(|index| self.bonds.sessions.handle_at(index))
    }

    /// Closes gracefully: no new streams, what was written is delivered, then the peer hears
    /// `code` and `reason`; or once nothing was delivered for 10 s. Without effect on a session
    /// that is closing already.
    ///
    /// # Errors
    /// [`UnknownSession`].
    pub fn close(
        &mut self,
        now: Instant,
        session: SessionHandle,
        code: u64,
        reason: &str,
    ) -> Result<(), UnknownSession> {
        let cause = CloseCause::Application(code.min(crate::bytes::MAX_VARINT));
        self.bonds.sessions.get(session).ok_or(UnknownSession)?;
        let words = self.bonds.sessions.keep_words(reason);
        let ended = self.end(now, session, Ending { by: ClosedBy::Local, cause, words }, true);
        self.look_after_touched();
        ended
    }

    /// Closes at once: what is not delivered is lost.
    ///
    /// # Errors
    /// [`UnknownSession`].
    pub fn abort(
        &mut self,
        now: Instant,
        session: SessionHandle,
        code: u64,
        reason: &str,
    ) -> Result<(), UnknownSession> {
        let cause = CloseCause::Application(code.min(crate::bytes::MAX_VARINT));
        self.bonds.sessions.get(session).ok_or(UnknownSession)?;
        let words = self.bonds.sessions.keep_words(reason);
        let ended = self.end(now, session, Ending { by: ClosedBy::Local, cause, words }, false);
        self.look_after_touched();
        ended
    }

    /// Ends a session because this host goes away: gracefully as [`close`](Self::close) does, or
    /// at once. CLOSE then goes twice, and the session is over with the second: whoever leaves
    /// cannot repeat it to a peer that missed it, and so waits for nothing.
    ///
    /// # Errors
    /// [`UnknownSession`].
    pub fn shut_down(
        &mut self,
        now: Instant,
        session: SessionHandle,
        is_graceful: bool,
    ) -> Result<(), UnknownSession> {
        let code = TransportCode::SHUTDOWN;
        let reason = Ending::transport(ClosedBy::Local, code, "host shut down");
        self.bonds.sessions.get_mut(session).ok_or(UnknownSession)?.leave();
        self.end(now, session, reason, is_graceful)?;
        self.bonds.on_leaving(now, session.index());
        self.look_after_touched();
        Ok(())
    }

    /// Turns a peer away because of who it is.
    ///
    /// # Errors
    /// [`UnknownSession`].
    pub fn refuse(&mut self, now: Instant, session: SessionHandle) -> Result<(), UnknownSession> {
        let code = TransportCode::IDENTITY_REFUSED;
        let reason = Ending::transport(ClosedBy::Local, code, "this identity is not allowed");
        let ended = self.end(now, session, reason, false);
        self.look_after_touched();
        ended
    }

    /// Turns a peer away because the application has no room for it.
    ///
    /// # Errors
    /// [`UnknownSession`].
    pub fn decline(&mut self, now: Instant, session: SessionHandle) -> Result<(), UnknownSession> {
        let code = TransportCode::NO_CAPACITY;
        let reason = Ending::transport(ClosedBy::Local, code, "too many wait to be accepted");
        let ended = self.end(now, session, reason, false);
        self.look_after_touched();
        ended
    }

    /// Lets go of a session: an open one is closed at once; a closed one is forgotten.
    pub fn release_session(&mut self, now: Instant, session: SessionHandle) {
        let code = TransportCode::NONE;
        let reason = Ending::transport(ClosedBy::Local, code, "");
        let _ = self.end(now, session, reason, false);
        if let Some(row) = self.bonds.sessions.get_mut(session) {
            row.release();
            self.bonds.sessions.silence(session.index());
        }
        self.look_after_touched();
    }

    /// Keeps the path open after this much silence; `None` keeps quiet.
    pub fn set_keep_alive(
        &mut self,
        session: SessionHandle,
        timeout: Option<crate::time::Duration>,
    ) {
        if self.bonds.sessions.get(session).is_some_and(|row| !row.paths().is_empty()) {
            let index = session.index();
            self.bonds.for_each_channel(index, |row| row.channel.set_keep_alive(timeout));
            self.bonds.sessions.touch(index);
            self.look_after_touched();
        }
    }

    /// Begins a new epoch of keys as soon as one may.
    pub fn update_keys(&mut self, session: SessionHandle) {
        if self.bonds.sessions.get(session).is_some() {
            self.bonds.for_each_channel(session.index(), |row| row.channel.update_keys());
        }
    }

    /// The next packet key of a session that was not handed out, after
    /// [`SessionEvent::Keys`](crate::session::SessionEvent::Keys); call until `None`. Always `None`
    /// unless [`Config::exports_keys`](super::Config::exports_keys), which says why that is
    /// dangerous.
    pub fn take_key_epoch(&mut self, session: SessionHandle) -> Option<KeyEpoch> {
        if !self.means.config.exports_keys {
            return None;
        }
        let paths = *self.bonds.sessions.get(session)?.paths();
        paths.all().find_map(|channel| {
            let row = self.bonds.channels.at_mut(channel)?;
            row.hash?;
            row.keys_told.take(&row.channel)
        })
    }

    /// This host's own addresses may have changed; `gone`, if it is known, is one that it has no
    /// more. Every peer that could miss this host (with `gone`: whose packets came there) is sent a
    /// packet at once, from wherever the system then sends, and dials in progress
    /// go on there. Nothing is lost by calling this too often but a small packet for each session.
    ///
    /// Work in proportion to the sessions there are.
    pub fn network_changed(&mut self, now: Instant, gone: Option<IpAddr>) {
        let now = self.advance(now);
        self.bonds.on_network_changed(now, gone);
        self.negotiations.on_network_changed(now);
        self.look_after_touched();
    }

    /// Ends a session for a reason of this host's.
    pub(super) fn end(
        &mut self,
        now: Instant,
        session: SessionHandle,
        reason: Ending,
        is_graceful: bool,
    ) -> Result<(), UnknownSession> {
        let now = self.advance(now);
        let row = self.bonds.sessions.get_mut(session).ok_or(UnknownSession)?;
        if row.state() == SessionState::Connecting {
            // Nobody else knows of it.
            row.on_over(reason);
        } else {
            row.begin_close(reason, is_graceful);
            row.check_draining(now);
        }
        self.bonds.sessions.touch(session.index());
        Ok(())
    }
}
