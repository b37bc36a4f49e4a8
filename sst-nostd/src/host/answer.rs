//! Being dialled: from an INIT to a session that is ready.

use zeroize::Zeroize;

use crate::channel::{Opened, Path};
use crate::crypto::{Crypto, KEY_LEN, KeyPair};
use crate::id::ChannelId;
use crate::negotiation::{self, Ready, Responder, Verdict, WriteReplyError};
use crate::recovery::ecn::Codepoint;
use crate::session::{Breach, Packet};
use crate::time::Instant;
use crate::wire::negotiation::{Finish, Init};
use crate::wire::{Frame, Frames, Refusal, TransportCode};

use super::Host;
use super::config::Accepting;
use super::inbound::Ignored;
use super::tables::{Kind, NegotiationRow, Negotiations};
use super::wiping::wipe_stack;

/// The largest FINISH payload that is read.
const MAX_PAYLOAD_BYTES: usize = 1200;

impl<C: Crypto> Host<'_, C> {
    /// An INIT: answered, once it is worth the work.
    #[inline(never)]
    pub(super) fn on_init(
        &mut self,
        now: Instant,
        path: Path,
        packet: &[u8],
    ) -> Result<(), Ignored> {
        match self.means.config.accepting {
            Accepting::Expected if self.negotiations.has_own_dials() => {}
            Accepting::Everyone => {}
            Accepting::Expected | Accepting::Nobody => return Err(Ignored::NotAccepting),
        }
        let half_open = self.negotiations.half_open();
        let mut answer = [0; 64];
        match self.door.front.check_init(
            &mut self.means.crypto,
            now,
            packet,
            path.peer,
            half_open,
            &mut answer,
        ) {
            Verdict::Accept(init) => self.answer(now, path, &init),
            Verdict::Drop(reason) => Err(Ignored::Negotiation(reason)),
            Verdict::SendCookie(len) => {
                self.stats.cookies_sent = self.stats.cookies_sent.saturating_add(1);
                self.door.outbox.push(path, answer.get(..len).unwrap_or_default());
                Ok(())
            }
            Verdict::SendVersion(len) => {
                self.door.outbox.push(path, answer.get(..len).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Answers an INIT that passed the front: with the REPLY it had before, or a new one.
    /// Where many are half-open, not for a source that has more of them than are free.
    fn answer(&mut self, now: Instant, path: Path, init: &Init<'_>) -> Result<(), Ignored> {
        if let Some(index) = self.negotiations.find_repeated(init) {
            self.negotiations.owe_reply(index, path);
            return Ok(());
        }
        if self.negotiations.is_own_init(init) {
            return Err(Ignored::Negotiation(negotiation::Dropped::OwnIdentity));
        }
        if !self.negotiations.has_room_for(path.peer.ip()) {
            return Err(Ignored::NoCapacity);
        }
        let channel = self.new_channel_id().map_err(|_| Ignored::NoCapacity)?;
        self.note_secrets();
        let ephemeral = self.new_ephemeral().map_err(|_| Ignored::NoCapacity)?;
        let index = self.negotiations.insert(now, channel, path).ok_or(Ignored::NoCapacity)?;
        let read = self.read_init(now, index, init, channel, ephemeral).map_err(Some);
        wipe_stack();
        let written = read.and_then(|()| self.write_reply(now, path, index, channel));
        wipe_stack();
        if let Err(ignored) = written {
            self.negotiations.remove(index);
            return ignored.map_or(Ok(()), Err);
        }
        let (from, turn) = (path.peer.ip(), self.clock.next_turn());
        let noted = self.negotiations.note_answered(index, init, from, turn);
        noted.map_err(|_| Ignored::NoCapacity)?;
        self.note_replayable(index, channel);
        Ok(())
    }

    /// Reads an INIT into row `index`. A function of its own, as the next: what they need on the
    /// stack they do not need at the same time.
    #[inline(never)]
    fn read_init(
        &mut self,
        now: Instant,
        index: u32,
        init: &Init<'_>,
        channel: ChannelId,
        ephemeral: [u8; KEY_LEN],
    ) -> Result<(), Ignored> {
        let statics = &self.means.identity.statics;
        plant_answer(&mut self.negotiations, now, index, statics, init, channel);
        let responder = self.negotiations.answer_mut(index).ok_or(Ignored::NoCapacity)?;
        responder.read(&self.means.crypto, statics, init, ephemeral).map_err(Ignored::Negotiation)
    }

    /// Writes the REPLY of the negotiation in row `index`.
    ///
    /// # Errors
    /// Nothing is to be kept of the negotiation, which was refused, or is ignored.
    #[inline(never)]
    fn write_reply(
        &mut self,
        now: Instant,
        path: Path,
        index: u32,
        channel: ChannelId,
    ) -> Result<(), Option<Ignored>> {
        let responder = self.negotiations.answer_mut(index).ok_or(Some(Ignored::NoCapacity))?;
        let parameters = self.means.parameters(channel);
        let accepted = responder.accept(&self.means.crypto, now, &parameters).map(|_| ());
        self.stats.curve_operations =
            self.stats.curve_operations.saturating_add(u64::from(responder.curve_operations()));
        if let Err(WriteReplyError::Refuse(code)) = accepted {
            let refusal = Refusal { code, reason: "" };
            let reply = responder.refuse(&self.means.crypto, &refusal);
            self.door.outbox.push(path, reply.map_err(|_| Some(Ignored::NoCapacity))?);
            return Err(None);
        }
        Ok(())
    }

    /// A FINISH: the peer that dialled has proved itself.
    #[inline(never)]
    pub(super) fn on_finish(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        packet: &mut [u8],
    ) -> Result<(), Ignored> {
        let finish = Finish::parse(packet).map_err(|error| Ignored::Negotiation(error.into()))?;
        let id = finish.channel;
        let Some(index) = self.negotiations.find(id) else {
            return self.on_finish_again(now, id);
        };
        let read = self.read_finish(now, index, packet);
        wipe_stack();
        let Proved { ready, answered, len } = read?;
        self.note_secrets();
        let payload = packet.get(..len).unwrap_or_default();
        if is_rejection(payload) {
            self.negotiations.remove(index);
            return Ok(());
        }
        let secret = self.means.new_channel_secret().map_err(|_| Ignored::NoCapacity)?;
        let Some(session) = self.seat_call(now, path, index, &ready, answered)? else {
            return Ok(());
        };
        let channel = self.bonds.make_channel(&self.means, now, path, &ready, secret);
        wipe_stack();
        self.welcome(now, (path, index), session, channel, &ready, answered)?;
        self.on_finish_payload(now, path, ecn, session, payload);
        Ok(())
    }

    /// Opens a FINISH; its payload is then at the front of `packet`. A function of its own, because
    /// what it needs on the stack is gone again before the channel is made.
    #[inline(never)]
    fn read_finish(
        &mut self,
        now: Instant,
        index: u32,
        packet: &mut [u8],
    ) -> Result<Proved, Ignored> {
        let Some(row) = self.negotiations.at_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        let Kind::Answer(responder) = &mut row.kind else {
            // The answer to each is a packet.
            row.may_try(now).map_err(Ignored::Negotiation)?;
            if let Kind::Refused(refused) = &mut row.kind {
                refused.on_finish(now, row.begun_at);
                self.negotiations.owe(index);
            }
            return Err(Ignored::NoCapacity);
        };
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let before = responder.curve_operations();
        let result = responder.handle_finish(&self.means.crypto, now, packet, &mut payload);
        let operations = responder.curve_operations().saturating_sub(before);
        self.stats.curve_operations =
            self.stats.curve_operations.saturating_add(u64::from(operations));
        let (ready, len) = result.map_err(Ignored::Negotiation)?;
        let full = Ignored::Negotiation(negotiation::Dropped::Full);
        packet.get_mut(..len).ok_or(full)?.copy_from_slice(payload.get(..len).ok_or(full)?);
        Ok(Proved { ready, answered: row.answered, len })
    }

    /// A sealed packet for a negotiation: in IK the first one, which proves the peer, if it opens.
    #[inline(never)]
    pub(super) fn on_first_sealed(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        index: u32,
        packet: &mut [u8],
    ) -> Result<(), Ignored> {
        let row = self.negotiations.at_mut(index).ok_or(Ignored::UnknownChannel)?;
        row.may_try(now).map_err(Ignored::Negotiation)?;
        let NegotiationRow { kind: Kind::Answer(responder), answered, .. } = row else {
            return Err(Ignored::UnknownChannel);
        };
        // With the other patterns it has overtaken FINISH.
        let ready = responder.unconfirmed().ok_or(Ignored::UnknownChannel)?;
        let answered = *answered;
        let secret = self.means.new_channel_secret().map_err(|_| Ignored::NoCapacity)?;
        let opened = self.open_first(now, path, &ready, secret, packet);
        wipe_stack();
        let opened = opened?;
        let payload = packet.get(opened.payload).unwrap_or_default();
        if is_rejection(payload) {
            self.negotiations.remove(index);
            return Ok(());
        }
        let Some(session) = self.seat_call(now, path, index, &ready, answered)? else {
            if let Some(responder) = self.negotiations.answer_mut(index) {
                let _ = responder.take_unconfirmed();
            }
            return Ok(());
        };
        let channel = self.bonds.make_channel(&self.means, now, path, &ready, secret);
        wipe_stack();
        self.welcome(now, (path, index), session, channel, &ready, answered)?;
        let Some(channel) = channel else { return Ok(()) };
        if let Some(row) = self.bonds.channels.at_mut(channel) {
            row.channel.on_opened(now, opened.number, packet.len());
        }
        let packet = Packet {
            number: opened.number,
            is_highest: true,
            codepoint: ecn,
            path,
            len: packet.len(),
            proves_finish: false,
            payload,
        };
        self.on_payload(now, channel, &packet);
        Ok(())
    }

    /// Opens the first sealed packet of a channel that has no row yet: there may be none before the
    /// peer has its seat, and it has none before the packet has opened.
    #[inline(never)]
    fn open_first(
        &self,
        now: Instant,
        path: Path,
        ready: &Ready,
        secret: [u8; 16],
        packet: &mut [u8],
    ) -> Result<Opened, Ignored> {
        let mut channel = self.means.new_channel(now, path, ready, secret);
        let channel = channel.as_mut().map_err(|_| Ignored::NoCapacity)?;
        channel.open(&self.means.crypto, now, packet).map_err(Ignored::Channel)
    }

    /// The frames that FINISH carried, which is packet 0.
    fn on_finish_payload(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        session: u32,
        payload: &[u8],
    ) {
        let Some(index) = self.bonds.sessions.at(session).and_then(|row| row.paths().carrier())
        else {
            return;
        };
        if let Some(row) = self.bonds.channels.at_mut(index) {
            row.channel.on_finish_received(now, ecn);
        }
        if !is_payload_for_finish(payload) {
            let rule = "FINISH acknowledges nothing";
            self.close_for(session, &Breach { code: TransportCode::PROTOCOL, rule });
        } else if !payload.is_empty() {
            let packet = Packet {
                number: 0,
                is_highest: true,
                // Its mark was counted above.
                codepoint: Codepoint::NotEct,
                path,
                len: payload.len(),
                proves_finish: false,
                payload,
            };
            self.on_payload(now, index, &packet);
        }
        self.bonds.sessions.touch(session);
    }

    /// A FINISH that was taken before: the peer has not heard so.
    /// It was not opened and may come from anywhere: the answer goes to the validated address.
    fn on_finish_again(&mut self, now: Instant, id: ChannelId) -> Result<(), Ignored> {
        let index = self.bonds.channels.find(id).ok_or(Ignored::UnknownChannel)?;
        let row = self.bonds.channels.at_mut(index).ok_or(Ignored::UnknownChannel)?;
        row.channel.on_finish_repeated(now);
        self.bonds.sessions.touch(row.session);
        Ok(())
    }
}

/// What a FINISH that opened leaves.
struct Proved {
    ready: Ready,
    /// The host's turn when it answered the call.
    answered: u64,
    /// How long the frames are that it carried.
    len: usize,
}

/// Whether a FINISH says that the initiator wants no session after all.
fn is_rejection(payload: &[u8]) -> bool {
    Frames::new(payload).any(|frame| matches!(frame, Ok(Frame::Close(_))))
}

/// Whether all frames of a FINISH may be there. What does not parse is for others to find: that
/// fault counts more.
fn is_payload_for_finish(payload: &[u8]) -> bool {
    let is_whole = Frames::new(payload).all(|frame| frame.is_ok());
    !is_whole || Frames::new(payload).flatten().all(|frame| frame.is_for_finish())
}

/// Makes row `index` an answer to `init`, not read yet. A function of its own: what it moves is off
/// the stack again before keys are computed with.
#[inline(never)]
fn plant_answer<S: Clone + Zeroize>(
    negotiations: &mut Negotiations<'_, S>,
    now: Instant,
    index: u32,
    statics: &KeyPair<S>,
    init: &Init<'_>,
    channel: ChannelId,
) {
    negotiations.begin_answer(index, Responder::unread(now, statics, init, channel));
}
