//! The session of a peer whose call is complete: a new one, one that there is, or none.

use crate::channel::Path;
use crate::crypto::{Crypto, kdf};
use crate::negotiation::{Dropped, Ready};
use crate::session::{Breach, ClosedBy, Ending, Packet, Session, SessionState, Visit};
use crate::time::Instant;
use crate::wire::TransportCode;

use super::Host;
use super::config::Accepting;
use super::inbound::Ignored;
use super::tables::UNSETTLED;

impl<C: Crypto> Host<'_, C> {
    /// A peer's call is complete: the session that it gets; `None` if it gets none because another
    /// call with the peer stays. The negotiation's row stays until the session has all it needs, so
    /// that the peer can be turned away if there is no room for something.
    pub(super) fn seat_call(
        &mut self,
        now: Instant,
        path: Path,
        index: u32,
        ready: &Ready,
        answered: u64,
    ) -> Result<Option<u32>, Ignored> {
        match self.seat(now, path, ready, answered) {
            Seat::At(session) => Ok(Some(session)),
            // The row stays for its time, so that the peer does not hear that its channel is
            // LOST before it has our FINISH.
            Seat::Late => Ok(None),
            Seat::Refused(code) => Err(self.turn_away(now, path, index, ready, code)),
            Seat::Reflected => {
                self.negotiations.remove(index);
                Err(Ignored::Negotiation(Dropped::OwnIdentity))
            }
        }
    }

    /// Gives the session of a peer whose call is complete its channel, and tells of it. Whatever
    /// table has no room for it, the peer hears so.
    pub(super) fn welcome(
        &mut self,
        now: Instant,
        call: (Path, u32),
        session: u32,
        channel: Option<u32>,
        ready: &Ready,
        answered: u64,
    ) -> Result<(), Ignored> {
        if !channel.is_some_and(|channel| self.attach(now, session, channel, ready)) {
            // A call of this host's own may have waited for this.
            let code = TransportCode::NO_CAPACITY;
            let reason = Ending::transport(ClosedBy::Local, code, "no room for the session");
            self.bonds.sessions.end_at_once(session, reason);
            let (path, index) = call;
            return Err(self.turn_away(now, path, index, ready, code));
        }
        self.negotiations.remove(call.1);
        if let Some(row) = channel.and_then(|channel| self.bonds.channels.at_mut(channel)) {
            row.settled = answered;
        }
        self.clock.note_call_taken(now);
        if let Some(row) = self.bonds.sessions.at_mut(session) {
            row.note_incoming();
        }
        Ok(())
    }

    /// Tells a peer that has proved itself that there is no room for it, or no welcome.
    #[inline(never)]
    fn turn_away(
        &mut self,
        now: Instant,
        path: Path,
        index: u32,
        ready: &Ready,
        code: TransportCode,
    ) -> Ignored {
        let refused = self.bonds.write_only_close(&mut self.means, now, path, ready, code);
        match refused {
            Some(refused) => self.negotiations.turn_away(now, index, path, refused),
            None => self.negotiations.remove(index),
        }
        match code {
            TransportCode::IDENTITY_REFUSED => Ignored::NotAccepting,
            _ => Ignored::NoCapacity,
        }
    }

    /// The session that a peer which has just proved itself gets, in the instance that it named.
    /// Both hosts may have dialled at once; docs/PROTOCOL.md section 5.11 says who gives way.
    fn seat(&mut self, now: Instant, path: Path, ready: &Ready, answered: u64) -> Seat {
        let session = self.bonds.sessions.find_in(&ready.peer, ready.parameters.instance);
        if self.is_reflected(session, ready) {
            return Seat::Reflected;
        }
        if self.means.config.accepting == Accepting::Expected && !self.is_expected(session) {
            return Seat::Refused(TransportCode::IDENTITY_REFUSED);
        }
        let Some(session) = session else { return self.new_seat(now, path, ready) };
        let Some(row) = self.bonds.sessions.at_mut(session) else { return NO_ROOM };
        if row.state() == SessionState::Connecting {
            // Our call has not been answered: theirs was quicker.
            let negotiation = row.end_dial();
            row.note_ready();
            if let Some(negotiation) = negotiation {
                self.negotiations.remove(negotiation);
            }
            return Seat::At(session);
        }
        let channel = row.paths().carrier();
        match self.rival(channel, ready, answered) {
            Rival::Stays => Seat::Late,
            Rival::GivesWay(channel) => {
                self.remove_channel(now, channel);
                Seat::At(session)
            }
            Rival::IsOld => {
                self.replace(session);
                self.new_seat(now, path, ready)
            }
        }
    }

    /// What becomes of the channel that the session with a peer has, now that a call of the peer's
    /// is complete which this host `answered` at that turn.
    fn rival(&self, channel: Option<u32>, ready: &Ready, answered: u64) -> Rival {
        let Some(channel) = channel else { return Rival::IsOld };
        let Some(row) = self.bonds.channels.at(channel) else { return Rival::IsOld };
        if row.settled & UNSETTLED == 0 {
            // The peer may have settled on the session since we answered this call of its.
            return if row.settled > answered { Rival::Stays } else { Rival::IsOld };
        }
        // Both have dialled, and neither knows which call the other takes.
        if self.means.identity.id < ready.peer {
            return Rival::Stays;
        }
        // A peer that dialled when our FINISH was on its way, and says that it took a call, may
        // have had a session by it: what its application read there must not come again.
        let finish_at = row.settled & !UNSETTLED;
        let may_know = !row.channel.is_first_held();
        if may_know && answered > finish_at && ready.parameters.took_call {
            return Rival::IsOld;
        }
        Rival::GivesWay(channel)
    }

    /// Gives a session the channel that was made in row `channel`.
    pub(super) fn attach(
        &mut self,
        now: Instant,
        session: u32,
        channel: u32,
        ready: &Ready,
    ) -> bool {
        let own = &self.means.identity.id;
        let is_attached = self.bonds.attach_channel(now, own, session, channel, ready);
        if is_attached {
            self.stats.channels_made = self.stats.channels_made.saturating_add(1);
            self.stats.handshakes = self.stats.handshakes.saturating_add(1);
        }
        is_attached
    }

    /// Frees a channel, and the negotiation that kept FINISH for it.
    pub(super) fn remove_channel(&mut self, now: Instant, index: u32) {
        self.note_secrets();
        if let Some(negotiation) = self.bonds.remove_channel(now, index) {
            self.negotiations.remove(negotiation);
        }
    }

    /// Shows an opened packet to the session that its channel, in row `index`, belongs to.
    pub(super) fn on_payload(&mut self, now: Instant, index: u32, packet: &Packet<'_>) {
        let visit = self.bonds.receive(now, index, packet);
        self.stats.on_visit(&visit);
    }

    /// Closes a session whose peer broke the protocol, or whose keys may not be used any more.
    pub(super) fn close_for(&mut self, session: u32, breach: &Breach) {
        let is_breach = self.bonds.sessions.close_for(session, breach);
        self.stats.on_visit(&Visit { is_breach, ..Visit::default() });
    }

    fn new_seat(&mut self, now: Instant, path: Path, ready: &Ready) -> Seat {
        let from = path.peer.ip();
        if !self.has_seat(now, from, &ready.peer) {
            return NO_ROOM;
        }
        let session = Session::new(Some(ready.peer), ready.parameters.instance, false);
        let Ok(session) = self.bonds.sessions.insert(session) else { return NO_ROOM };
        let session = session.index();
        self.bonds.sessions.note_guest(now, session, from);
        Seat::At(session)
    }

    /// Whether a call that is complete is one of this host's own, which it named itself: somebody
    /// brought its packets back.
    fn is_reflected(&self, session: Option<u32>, ready: &Ready) -> bool {
        let row = session.and_then(|session| self.bonds.sessions.at(session));
        kdf::equal(ready.peer.as_bytes(), self.means.identity.id.as_bytes())
            && row.is_some_and(Session::is_own_dial)
    }

    /// Whether this host is dialling for the session, too, so that a call for it is expected.
    fn is_expected(&self, session: Option<u32>) -> bool {
        let Some(row) = session.and_then(|session| self.bonds.sessions.at(session)) else {
            return false;
        };
        let channel = row.paths().carrier().and_then(|channel| self.bonds.channels.at(channel));
        row.dial().is_some() || channel.is_some_and(|row| row.settled & UNSETTLED != 0)
    }

    /// The peer has started anew: what it knew of the old session is gone. If not, as with two
    /// hosts that share an identity, the other one hears why.
    fn replace(&mut self, session: u32) {
        let code = TransportCode::REPLACED;
        let reason = Ending::transport(ClosedBy::Peer, code, "the peer dialled anew");
        let Some(row) = self.bonds.sessions.at_mut(session) else { return };
        if row.paths().is_empty() {
            return self.bonds.sessions.end_at_once(session, reason);
        }
        row.begin_close(reason, false);
        self.bonds.sessions.touch(session);
    }
}

/// The channel that a session had before another call of its peer was complete.
enum Rival {
    /// It stays, and the call counts for nothing.
    Stays,
    /// The session moves from it to that of the call.
    GivesWay(u32),
    /// Its session is over.
    IsOld,
}

/// There is no room for another session.
const NO_ROOM: Seat = Seat::Refused(TransportCode::NO_CAPACITY);

/// Where a peer that has just proved itself belongs.
enum Seat {
    /// In this session.
    At(u32),
    /// Nowhere: it is told so with this code.
    Refused(TransportCode),
    /// Nowhere: the call is one of this host's own.
    Reflected,
    /// Nowhere: another negotiation with it stays.
    Late,
}
