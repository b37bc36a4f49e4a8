//! The session of a peer whose call is complete: a new one, one that there is, or none.

use crate::channel::Path;
use crate::crypto::{Crypto, kdf};
use crate::session::{ClosedBy, Ending, Session, SessionState};
use crate::storage::present;
use crate::time::Instant;
use crate::wire::TransportCode;

use super::bonds::Bonds;
use super::config::Accepting;
use super::means::Means;
use super::negotiator::Proved;
use super::tables::{ChannelRow, UNSETTLED};

/// Where a peer that has just proved itself belongs.
pub(super) enum Seat {
    /// In this session.
    At(u32),
    /// In this session, which waits for a call of this host's: theirs was quicker.
    Awaited(u32),
    /// In the session of this channel, which gives way.
    Moved { session: u32, from: u32 },
}

/// Why it belongs nowhere.
pub(super) enum Unwelcome {
    /// Another negotiation with it stays.
    Late,
    /// The call is one of this host's own.
    Reflected,
    /// It is told so with this code.
    Refused(TransportCode),
}

/// There is no room for another session.
const NO_ROOM: Unwelcome = Unwelcome::Refused(TransportCode::NO_CAPACITY);

/// The channel that a session had before another call of its peer was complete.
enum Rival {
    /// It stays, and the call counts for nothing.
    Stays,
    /// The session moves from it to that of the call.
    GivesWay(u32),
    /// Its session is over.
    IsOld,
}

impl<C: Crypto> Bonds<'_, C> {
    /// The session that a peer which has just proved itself gets, in the instance that it named.
    /// Both hosts may have dialled at once; docs/PROTOCOL.md section 5.11 says who gives way.
    pub(super) fn seat(
        &mut self,
        means: &Means<C>,
        now: Instant,
        path: Path,
        call: &Proved,
    ) -> Result<Seat, Unwelcome> {
        let ready = &call.ready;
        let session = self.sessions.find_in(&ready.peer, ready.parameters.instance);
        let row = session.and_then(|session| self.sessions.at(session));
        if is_reflected(means, row, call) {
            return Err(Unwelcome::Reflected);
        }
        let is_expected = row.is_some_and(|row| self.is_expected(row));
        if means.config.accepting == Accepting::Expected && !is_expected {
            return Err(Unwelcome::Refused(TransportCode::IDENTITY_REFUSED));
        }
        let (Some(session), Some(row)) = (session, row) else {
            return self.new_seat(means, now, path, call);
        };
        if row.state() == SessionState::Connecting {
            return Ok(Seat::Awaited(session));
        }
        match self.rival(means, row, call) {
            Rival::Stays => Err(Unwelcome::Late),
            Rival::GivesWay(from) => Ok(Seat::Moved { session, from }),
            Rival::IsOld => {
                self.replace(session);
                self.new_seat(means, now, path, call)
            }
        }
    }

    /// What becomes of the channels that a session has, now that a call of its peer's is complete.
    /// The one that it settled on last counts, and before all one that it may not know yet.
    fn rival(&self, means: &Means<C>, session: &Session, call: &Proved) -> Rival {
        let Some((channel, row)) = self.channels_of(session).max_by_key(|(_, row)| row.settled)
        else {
            return Rival::IsOld;
        };
        if row.settled & UNSETTLED == 0 {
            // The peer may have settled on the session since we answered this call of its.
            return if row.settled > call.answered { Rival::Stays } else { Rival::IsOld };
        }
        // Both have dialled, and neither knows which call the other takes.
        if means.identity.id < call.ready.peer {
            return Rival::Stays;
        }
        // A peer that dialled when our FINISH was on its way, and says that it took a call, may
        // have had a session by it: what its application read there must not come again.
        let finish_at = row.settled & !UNSETTLED;
        let may_know = !row.channel.is_first_held();
        if may_know && call.answered > finish_at && call.ready.parameters.took_call {
            return Rival::IsOld;
        }
        Rival::GivesWay(channel)
    }

    fn new_seat(
        &mut self,
        means: &Means<C>,
        now: Instant,
        path: Path,
        call: &Proved,
    ) -> Result<Seat, Unwelcome> {
        let (peer, from) = (call.ready.peer, path.peer.ip());
        if !self.sessions.has_seat(now, from, &peer, &means.config) {
            return Err(NO_ROOM);
        }
        let session = Session::new(Some(peer), call.ready.parameters.instance, false);
        let Ok(session) = self.sessions.insert(session) else { return Err(NO_ROOM) };
        self.sessions.note_guest(now, session.index(), from);
        Ok(Seat::At(session.index()))
    }

    /// Whether this host is dialling for the session, too, so that a call for it is expected.
    fn is_expected(&self, session: &Session) -> bool {
        let is_unsettled = |(_, row): (u32, &ChannelRow<C>)| row.settled & UNSETTLED != 0;
        session.dial().is_some() || self.channels_of(session).any(is_unsettled)
    }

    /// The peer has started anew: what it knew of the old session is gone. If not, as with two
    /// hosts that share an identity, the other one hears why.
    fn replace(&mut self, session: u32) {
        let code = TransportCode::REPLACED;
        let reason = Ending::transport(ClosedBy::Peer, code, "the peer dialled anew");
        let row = present(self.sessions.at_mut(session), "a session that was found is here");
        let Some(row) = row else { return };
        if row.paths().is_empty() {
            return self.sessions.end_at_once(session, reason);
        }
        row.begin_close(reason, false);
        self.sessions.touch(session);
    }
}

/// Whether a call that is complete is one of this host's own, which it named itself: somebody
/// brought its packets back.
fn is_reflected<C: Crypto>(means: &Means<C>, session: Option<&Session>, call: &Proved) -> bool {
    kdf::equal(call.ready.peer.as_bytes(), means.identity.id.as_bytes())
        && session.is_some_and(Session::is_own_dial)
}
