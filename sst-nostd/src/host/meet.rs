//! Where negotiations meet sessions: what came of dialling or of being dialled brings a session its
//! channel, or its end; and FINISH, the last packet of the one, is the first of the other.

use crate::channel::Path;
use crate::crypto::Crypto;
use crate::limits::FINISH_BYTES;
use crate::negotiation::{Dropped, Ready};
use crate::recovery::ecn::Codepoint;
use crate::session::{ClosedBy, Ending};
use crate::storage::present;
use crate::time::{Duration, Instant};
use crate::wire::TransportCode;
use crate::wire::negotiation::Finish;

use super::Host;
use super::finish::Origin;
use super::ignored::Ignored;
use super::negotiator::{Answered, Failed, Failure, Proved};
use super::seat::{Seat, Unwelcome};
use super::tables::{Confirm, For};
use super::transmit::Transmit;
use super::wiping::wipe_stack;

/// What must be so of the channel that a call brought.
const ANSWERED: &str = "the channel that a call brought is here as long as the call";

/// The longest that the first packet waits, whatever the configuration says: the peer forgets the
/// negotiation in the end.
const MAX_WAIT: Duration = Duration::from_secs(1);

impl<C: Crypto> Host<'_, C> {
    /// A REPLY: the session that waited for it has its channel, or is over.
    #[inline(never)]
    pub(super) fn on_reply(
        &mut self,
        now: Instant,
        path: Path,
        packet: &[u8],
    ) -> Result<(), Ignored> {
        match self.split().0.on_reply(now, path, packet)? {
            Answered::Failed(failed) => self.on_failed(now, &failed),
            Answered::Proved { negotiation, waits } => {
                let agreed = self.split().0.agree(negotiation);
                wipe_stack();
                match agreed {
                    Ok(ready) => self.on_agreed(now, path, negotiation, waits, &ready),
                    Err(why) => self.on_failed(now, &Failed { waits, why }),
                }
            }
        }
        Ok(())
    }

    /// A call of this host's came to nothing: so does the session that waited for it, or had its
    /// channel by it.
    pub(super) fn on_failed(&mut self, now: Instant, failed: &Failed) {
        let session = match failed.waits {
            For::Session(session) => session,
            For::Channel(channel) => {
                let Some(row) = present(self.bonds.channels.at(channel), ANSWERED) else { return };
                let session = row.session;
                self.remove_channel(now, channel);
                let row = self.bonds.sessions.at(session);
                if row.is_none_or(|row| !row.paths().is_empty()) {
                    // It has another.
                    return;
                }
                session
            }
        };
        let sessions = &mut self.bonds.sessions;
        let reason = failed.why.ending(sessions);
        sessions.end_at_once(session, reason);
    }

    /// A call succeeded: its session has a channel, and is ready.
    #[inline(never)]
    fn on_agreed(&mut self, now: Instant, path: Path, negotiation: u32, waits: For, ready: &Ready) {
        let For::Session(session) = waits else {
            debug_assert!(false, "a call that brought a channel takes no second REPLY");
            return;
        };
        let sessions = &mut self.bonds.sessions;
        // A peer that knows no instances does not echo it.
        let instance = ready.parameters.instance;
        if sessions.find_in(&ready.peer, instance).is_some_and(|other| other != session) {
            let code = TransportCode::DUPLICATE_SESSION;
            let reason = "there is a session with this peer already";
            return sessions.end_at_once(session, Ending::transport(ClosedBy::Local, code, reason));
        }
        if let Some(row) = sessions.at_mut(session) {
            row.end_dial();
        }
        sessions.set_peer(session, ready.peer, instance);
        let channel = self.new_channel(now, path, ready);
        if let Some(channel) = channel.filter(|channel| self.attach(now, session, *channel, ready))
        {
            if let Some(row) = self.bonds.sessions.at_mut(session) {
                row.note_ready();
            }
            return self.hold_first_packet(now, negotiation, channel, ready.hash.is_none());
        }
        let code = TransportCode::NO_CAPACITY;
        let reason = Ending::transport(ClosedBy::Local, code, "no room for a channel");
        self.negotiations.remove(negotiation);
        self.bonds.sessions.end_at_once(session, reason);
    }

    /// The channel that a call of this host's agreed on, which is nobody's yet.
    fn new_channel(&mut self, now: Instant, path: Path, ready: &Ready) -> Option<u32> {
        let secret = self.means.new_channel_secret().ok()?;
        let channel = self.bonds.make_channel(&self.means, now, path, ready, secret);
        wipe_stack();
        channel
    }

    /// The first packet waits a moment for what the application has to say now that its session is
    /// ready. It is FINISH, which stays in the row `negotiation` until the peer is known to have
    /// it; in IK there is none, and only the row's deadline counts.
    fn hold_first_packet(
        &mut self,
        now: Instant,
        negotiation: u32,
        channel: u32,
        has_finish: bool,
    ) {
        let Some(row) = present(self.bonds.channels.at_mut(channel), ANSWERED) else { return };
        let wait = self.means.config.first_packet_wait.min(MAX_WAIT);
        row.channel.hold_first(has_finish, now.after(wait));
        row.negotiation = Some(negotiation);
        let path = row.channel.path();
        self.negotiations.hold_first_packet(negotiation, path, channel);
        if has_finish {
            self.bonds.await_confirmation(channel, self.clock.turn());
        } else {
            self.await_confirmation(negotiation, channel, heapless::Vec::new());
        }
    }

    /// Writes the FINISH of the call in row `negotiation`, which brought `channel`, to the front of
    /// `buffer`, with what frames there are, and keeps it until the peer is known to have it.
    /// `None` if the session is over.
    #[inline(never)]
    pub(super) fn write_finish(
        &mut self,
        now: Instant,
        negotiation: u32,
        channel: u32,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        let crypto = &self.means.crypto;
        let call =
            present(self.negotiations.call_mut(negotiation), "a call that owes FINISH is here");
        let sealed = match call {
            Some(call) => self.bonds.seal_finish(now, crypto, channel, call, buffer),
            None => Err(Failure::NoKeys),
        };
        wipe_stack();
        match sealed {
            Ok(len) => {
                let finish = heapless::Vec::from_slice(buffer.get(..len)?).ok();
                let finish = present(finish, "FINISH is no longer than it may be")?;
                let path = self.await_confirmation(negotiation, channel, finish)?;
                Some(Transmit { path, len, segment_len: None, ecn: Codepoint::NotEct })
            }
            Err(why) => {
                self.on_failed(now, &Failed { waits: For::Channel(channel), why });
                None
            }
        }
    }

    /// The row `negotiation` keeps `finish` until the peer of `channel` is known to have it.
    /// Answers with the channel's path.
    fn await_confirmation(
        &mut self,
        negotiation: u32,
        channel: u32,
        finish: heapless::Vec<u8, FINISH_BYTES>,
    ) -> Option<Path> {
        let (id, path) = self.bonds.await_confirmation(channel, self.clock.turn())?;
        self.negotiations.begin_confirm(negotiation, path, Confirm { finish, channel, id });
        Some(path)
    }

    /// FINISH is to go: it waited long enough for frames, or the channel's probe timeout passed
    /// without a word from the peer.
    pub(super) fn owe_finish(&mut self, channel: u32) {
        match self.bonds.channels.at(channel).and_then(|row| row.negotiation) {
            Some(negotiation) => self.negotiations.owe(negotiation),
            None => self.bonds.on_finish_resent(self.clock.now(), channel),
        }
    }

    /// The peer has FINISH.
    pub(super) fn on_confirmed(&mut self, channel: u32) {
        let row =
            present(self.bonds.channels.at_mut(channel), "a channel that opened a packet is here");
        let Some(row) = row else { return };
        row.settled = row.settled.min(self.clock.next_turn());
        if let Some(negotiation) = row.negotiation.take() {
            self.negotiations.remove(negotiation);
        }
    }

    /// A FINISH: the peer that dialled has proved itself.
    #[inline(never)]
    pub(super) fn on_finish(
        &mut self,
        now: Instant,
        from: Origin,
        packet: &mut [u8],
    ) -> Result<(), Ignored> {
        let finish = Finish::parse(packet).map_err(|error| Ignored::Negotiation(error.into()))?;
        let id = finish.channel;
        let Some(index) = self.negotiations.find(id) else {
            return self.bonds.on_finish_again(now, id);
        };
        let mut read = self.split().0.read_finish(now, index, packet);
        wipe_stack();
        // Not moved: a board's stack has no room for a second one.
        let call = match &mut read {
            Ok(call) => call,
            Err(ignored) => return Err(*ignored),
        };
        if !self.split().0.on_finish(call, packet)? {
            return Ok(());
        }
        self.admit(now, from, call, packet)
    }

    /// A sealed packet for a negotiation: in IK the first one, which proves the peer, if it opens.
    #[inline(never)]
    pub(super) fn on_first_sealed(
        &mut self,
        now: Instant,
        from: Origin,
        index: u32,
        packet: &mut [u8],
    ) -> Result<(), Ignored> {
        match &self.split().0.on_first_sealed(now, from.path, index, packet) {
            Ok(Some(call)) => self.admit(now, from, call, packet),
            Ok(None) => Ok(()),
            Err(ignored) => Err(*ignored),
        }
    }

    /// Lets a peer in that has proved itself by `packet`. Whatever table has no room for it, it
    /// hears so.
    fn admit(
        &mut self,
        now: Instant,
        from: Origin,
        call: &Proved,
        packet: &[u8],
    ) -> Result<(), Ignored> {
        match self.welcome(now, from.path, call) {
            Ok(channel) => {
                let visit = self.bonds.take_first_frames(now, from, channel, call, packet);
                self.stats.on_visit(&visit);
                Ok(())
            }
            Err(Unwelcome::Late) => {
                // The row stays for its time, so that the peer does not hear that its channel is
                // LOST before it has our FINISH.
                if let Some(responder) = self.negotiations.answer_mut(call.negotiation) {
                    let _ = responder.take_unconfirmed();
                }
                Ok(())
            }
            Err(Unwelcome::Reflected) => {
                self.negotiations.remove(call.negotiation);
                Err(Ignored::Negotiation(Dropped::OwnIdentity))
            }
            Err(Unwelcome::Refused(code)) => Err(self.turn_away(now, from.path, call, code)),
        }
    }

    /// Gives a peer that has proved itself its session, and that its channel, which is answered. A
    /// function of its own: it is off the stack again before somebody is turned away.
    #[inline(never)]
    fn welcome(&mut self, now: Instant, path: Path, call: &Proved) -> Result<u32, Unwelcome> {
        let session = match self.bonds.seat(&self.means, now, path, call)? {
            Seat::At(session) => session,
            Seat::Awaited(session) => {
                let row = self.bonds.sessions.at_mut(session);
                let dial = row.and_then(|row| {
                    row.note_ready();
                    row.end_dial()
                });
                if let Some(dial) = dial {
                    self.negotiations.remove(dial);
                }
                session
            }
            Seat::Moved { session, from } => {
                self.remove_channel(now, from);
                session
            }
        };
        let ready = &call.ready;
        let channel = self.bonds.make_channel(&self.means, now, path, ready, call.secret);
        wipe_stack();
        let channel = channel.filter(|channel| self.attach(now, session, *channel, ready));
        let Some(channel) = channel else {
            // A call of this host's own may have waited for this.
            let code = TransportCode::NO_CAPACITY;
            let reason = Ending::transport(ClosedBy::Local, code, "no room for the session");
            self.bonds.sessions.end_at_once(session, reason);
            return Err(Unwelcome::Refused(code));
        };
        self.negotiations.remove(call.negotiation);
        if let Some(row) = self.bonds.channels.at_mut(channel) {
            row.settled = call.answered;
        }
        self.clock.note_call_taken(now);
        if let Some(row) = self.bonds.sessions.at_mut(session) {
            row.note_incoming();
        }
        Ok(channel)
    }

    /// Tells a peer that has proved itself that there is no room for it, or no welcome.
    #[inline(never)]
    fn turn_away(
        &mut self,
        now: Instant,
        path: Path,
        call: &Proved,
        code: TransportCode,
    ) -> Ignored {
        let refused = self.bonds.write_only_close(&mut self.means, now, path, &call.ready, code);
        match refused {
            Some(refused) => self.negotiations.turn_away(now, call.negotiation, path, refused),
            None => self.negotiations.remove(call.negotiation),
        }
        match code {
            TransportCode::IDENTITY_REFUSED => Ignored::NotAccepting,
            _ => Ignored::NoCapacity,
        }
    }

    /// Gives a session the channel that was made in row `channel`. False if something had no room
    /// for it.
    fn attach(&mut self, now: Instant, session: u32, channel: u32, ready: &Ready) -> bool {
        let own = &self.means.identity.id;
        let is_attached = self.bonds.attach_channel(now, own, session, channel, ready);
        self.stats.on_attached(is_attached);
        is_attached
    }

    /// Frees a channel, and the negotiation that kept FINISH for it.
    pub(super) fn remove_channel(&mut self, now: Instant, index: u32) {
        self.means.wiping.note();
        if let Some(negotiation) = self.bonds.remove_channel(now, index) {
            self.negotiations.remove(negotiation);
        }
    }
}
