//! Being dialled: from an INIT to a session that is ready.

use crate::channel::{Arrival, Channel, Path};
use crate::crypto::Crypto;
use crate::id::{ChannelId, HostId};
use crate::negotiation::{HalfOpen, Ready, Responder, Verdict, WriteReplyError};
use crate::recovery::ecn::Codepoint;
use crate::session::{Breach, CloseReason, ClosedBy, SessionState};
use crate::time::Instant;
use crate::wire::negotiation::{Finish, Init};
use crate::wire::{Frame, Frames, Refusal, TransportCode};

use super::Host;
use super::channels::{UNSETTLED, linger};
use super::inbound::Ignored;
use super::negotiations::{Kind, NegotiationRow, TurnedAway};

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
        if !self.config.is_accepting {
            return Err(Ignored::NotAccepting);
        }
        let half_open = HalfOpen {
            count: self.negotiations.len() as usize,
            limit: self.negotiations.limit() as usize,
        };
        let mut answer = [0; 64];
        match self.front.check_init(
            &mut self.crypto,
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
                self.outbox.push(path, answer.get(..len).unwrap_or_default());
                Ok(())
            }
            Verdict::SendVersion(len) => {
                self.outbox.push(path, answer.get(..len).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Answers an INIT that passed the front: with the REPLY it had before, or a new one.
    fn answer(&mut self, now: Instant, path: Path, init: &Init<'_>) -> Result<(), Ignored> {
        let hash = self.hash.hash_bytes(&init.ephemeral());
        let repeated = self.by_call.find(hash, |slot| {
            self.negotiations.at(slot).is_some_and(|row| match &row.kind {
                Kind::Answer(responder) => responder.is_repeat(init),
                _ => false,
            })
        });
        if let Some(index) = repeated {
            self.due.push_back(&mut self.negotiations, index);
            return Ok(());
        }
        if self.negotiations.is_full() {
            return Err(Ignored::NoCapacity);
        }
        let channel = self.new_channel_id().map_err(|_| Ignored::NoCapacity)?;
        let ephemeral = self.new_ephemeral().ok_or(Ignored::NoCapacity)?;
        let responder = Responder::new(&self.crypto, now, &self.statics, init, channel, ephemeral);
        let mut responder = responder.map_err(Ignored::Negotiation)?;
        let mut parameters = self.config.parameters();
        parameters.reset_token = Some(self.reset_key.token(channel));
        let accepted = responder.accept(&self.crypto, now, &parameters).map(|_| ());
        self.stats.curve_operations =
            self.stats.curve_operations.saturating_add(u64::from(responder.curve_operations()));
        if let Err(WriteReplyError::Refuse(code)) = accepted {
            // Nothing is kept of a negotiation that was refused.
            let refusal = Refusal { code, reason: "" };
            let reply = responder.refuse(&self.crypto, &refusal);
            self.outbox.push(path, reply.map_err(|_| Ignored::NoCapacity)?);
            return Ok(());
        }
        let mut row = NegotiationRow::new(Kind::Answer(responder), path, now);
        row.init_hash = Some(hash);
        self.turn = self.turn.saturating_add(1);
        row.answered = self.turn;
        let index = self.add_negotiation(row).ok_or(Ignored::NoCapacity)?;
        self.note_replayable(index, channel);
        self.due.push_back(&mut self.negotiations, index);
        Ok(())
    }

    /// A FINISH: the peer that dialled has proved itself.
    #[inline(never)]
    pub(super) fn on_finish(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        packet: &[u8],
    ) -> Result<(), Ignored> {
        let finish = Finish::parse(packet).map_err(|error| Ignored::Negotiation(error.into()))?;
        let Some(index) = self.find_negotiation(finish.channel) else {
            return self.on_finish_again(now, path, finish.channel);
        };
        let Some(row) = self.negotiations.at_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        let Kind::Answer(responder) = &mut row.kind else {
            if let Kind::Refused(refused) = &mut row.kind {
                refused.on_finish(now, row.begun_at);
                self.due.push_back(&mut self.negotiations, index);
            }
            return Err(Ignored::NoCapacity);
        };
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let before = responder.curve_operations();
        let result = responder.handle_finish(&self.crypto, now, packet, &mut payload);
        let operations = responder.curve_operations().saturating_sub(before);
        self.stats.curve_operations =
            self.stats.curve_operations.saturating_add(u64::from(operations));
        let (ready, len) = result.map_err(Ignored::Negotiation)?;
        let answered = row.answered;
        let payload = payload.get(..len).unwrap_or_default();
        if is_rejection(payload) {
            self.remove_negotiation(index);
            return Ok(());
        }
        let mut channel = self.new_channel(now, path, &ready, ready.rtt);
        let Some(session) = self.settle_call(now, index, &mut channel, &ready, answered)? else {
            return Ok(());
        };
        self.on_finish_payload(now, path, ecn, session, payload);
        Ok(())
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
        let Some(NegotiationRow { kind: Kind::Answer(responder), answered, .. }) =
            self.negotiations.at(index)
        else {
            return Err(Ignored::UnknownChannel);
        };
        // With the other patterns it has overtaken FINISH.
        let ready = responder.unconfirmed().ok_or(Ignored::UnknownChannel)?;
        let answered = *answered;
        let mut channel = self.new_channel(now, path, &ready, None);
        let made = channel.as_mut().ok_or(Ignored::NoCapacity)?;
        let opened = made.open(&self.crypto, now, packet).map_err(Ignored::Channel)?;
        let payload = packet.get(opened.payload).unwrap_or_default();
        if is_rejection(payload) {
            self.remove_negotiation(index);
            return Ok(());
        }
        let Some(session) = self.settle_call(now, index, &mut channel, &ready, answered)? else {
            if let Some(NegotiationRow { kind: Kind::Answer(responder), .. }) =
                self.negotiations.at_mut(index)
            {
                let _ = responder.take_unconfirmed();
            }
            return Ok(());
        };
        let Some(channel) = self.sessions.at(session).and_then(|row| row.channel) else {
            return Ok(());
        };
        let arrival = Arrival {
            number: opened.number,
            is_highest: true,
            is_ack_eliciting: false,
            has_data: false,
            codepoint: ecn,
            path,
            len: packet.len(),
        };
        self.on_payload(now, channel, arrival, payload);
        Ok(())
    }

    /// A peer's call is complete: the session that it gets, with its channel; `None` if it gets
    /// none because another call with the peer stays.
    fn settle_call(
        &mut self,
        now: Instant,
        index: u32,
        channel: &mut Option<Channel<C>>,
        ready: &Ready,
        answered: u64,
    ) -> Result<Option<u32>, Ignored> {
        if channel.is_none() {
            return Err(Ignored::NoCapacity);
        }
        let session = match self.seat(now, &ready.peer, answered) {
            Seat::At(session) => session,
            // The row stays for its time, so that the peer does not hear that its channel is
            // LOST before it has our FINISH.
            Seat::Late => return Ok(None),
            Seat::Full => return Err(self.turn_away(now, index, channel)),
        };
        if self.channels.is_full() {
            // A call of this host's own may have waited for this.
            let code = TransportCode::NO_CAPACITY;
            let reason = CloseReason::transport(ClosedBy::Local, code, "no room for a channel");
            self.end_at_once(session, reason);
            return Err(self.turn_away(now, index, channel));
        }
        self.remove_negotiation(index);
        if !self.attach_channel(now, session, channel, ready) {
            let code = TransportCode::NO_CAPACITY;
            let reason = CloseReason::transport(ClosedBy::Local, code, "no room for streams");
            self.end_at_once(session, reason);
            return Err(Ignored::NoCapacity);
        }
        if let Some(channel) = self.sessions.at(session).and_then(|row| row.channel)
            && let Some(row) = self.channels.at_mut(channel)
        {
            row.settled = answered;
        }
        self.note_incoming(session);
        Ok(Some(session))
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
        let Some(index) = self.sessions.at(session).and_then(|row| row.channel) else { return };
        if let Some(row) = self.channels.at_mut(index) {
            row.channel.on_finish_received(now, ecn);
        }
        if !is_payload_for_finish(payload) {
            let rule = "FINISH acknowledges nothing";
            self.close_for(now, session, &Breach { code: TransportCode::PROTOCOL, rule });
        } else if !payload.is_empty() {
            let arrival = Arrival {
                number: 0,
                is_highest: true,
                is_ack_eliciting: true,
                has_data: false,
                // Its mark was counted above.
                codepoint: Codepoint::NotEct,
                path,
                len: payload.len(),
            };
            self.on_payload(now, index, arrival, payload);
        }
        self.schedule_channel(index);
    }

    /// A FINISH that was taken before: the peer has not heard so.
    fn on_finish_again(&mut self, now: Instant, path: Path, id: ChannelId) -> Result<(), Ignored> {
        let index = self.find_channel(id).ok_or(Ignored::UnknownChannel)?;
        let row = self.channels.at_mut(index).ok_or(Ignored::UnknownChannel)?;
        if row.channel.path() != path {
            return Err(Ignored::UnknownChannel);
        }
        row.channel.on_finish_repeated(now);
        self.schedule_channel(index);
        Ok(())
    }

    /// Tells a peer that has proved itself that there is no room for it.
    fn turn_away(&mut self, now: Instant, index: u32, channel: &mut Option<Channel<C>>) -> Ignored {
        let Some(channel) = channel else { return Ignored::NoCapacity };
        let (id, path) = (channel.local_id(), channel.path());
        let linger = linger(channel);
        let close = self.write_only_close(now, channel, TransportCode::NO_CAPACITY);
        match (close, self.negotiations.at_mut(index)) {
            (Some(close), Some(row)) => {
                let mut refused = TurnedAway { close, channel: id, linger, until: now };
                refused.on_finish(now, row.begun_at);
                row.kind = Kind::Refused(refused);
                row.path = path;
                self.due.push_back(&mut self.negotiations, index);
                self.renew_negotiation_timer(index);
            }
            _ => self.remove_negotiation(index),
        }
        Ignored::NoCapacity
    }

    /// The session that a peer which has just proved itself gets. Both hosts may have dialled at
    /// once; docs/PROTOCOL.md section 5.11 says who gives way.
    fn seat(&mut self, now: Instant, peer: &HostId, answered: u64) -> Seat {
        let Some(session) = self.find_session(peer) else { return self.new_seat(peer) };
        let Some(row) = self.sessions.at_mut(session) else { return Seat::Full };
        if row.state == SessionState::Connecting {
            // Our call has not been answered: theirs was quicker.
            let negotiation = row.negotiation.take();
            row.events.ready = row.is_known;
            if let Some(negotiation) = negotiation {
                self.remove_negotiation(negotiation);
            }
            self.note_session_event(session);
            return Seat::At(session);
        }
        let channel = row.channel;
        let settled =
            channel.and_then(|index| self.channels.at(index)).map_or(0, |row| row.settled);
        match channel {
            // Both have dialled, and neither knows which call the other takes.
            Some(_) if settled == UNSETTLED && self.id < *peer => Seat::Late,
            Some(channel) if settled == UNSETTLED => {
                self.remove_channel(now, channel);
                Seat::At(session)
            }
            // The peer has settled on the session since we answered this call of its.
            Some(_) if settled > answered => Seat::Late,
            _ => {
                self.replace(now, session);
                self.new_seat(peer)
            }
        }
    }

    fn new_seat(&mut self, peer: &HostId) -> Seat {
        self.new_session(peer).map_or(Seat::Full, Seat::At)
    }

    /// The peer has started anew: what it knew of the old session is gone. If not, as with two
    /// hosts that share an identity, the other one hears why.
    fn replace(&mut self, now: Instant, session: u32) {
        let code = TransportCode::REPLACED;
        let reason = CloseReason::transport(ClosedBy::Peer, code, "the peer dialled anew");
        let Some(row) = self.sessions.at_mut(session) else { return };
        if row.channel.is_none() {
            return self.end_at_once(session, reason);
        }
        row.begin_close(reason, false);
        self.note_session_event(session);
        self.after_begin_close(now, session);
    }
}

/// Where a peer that has just proved itself belongs.
enum Seat {
    /// In this session.
    At(u32),
    /// There is no room for another session.
    Full,
    /// Nowhere: another negotiation with it stays.
    Late,
}

/// Whether a FINISH says that the initiator wants no session after all.
fn is_rejection(payload: &[u8]) -> bool {
    Frames::new(payload).any(|frame| matches!(frame, Ok(Frame::Close(_))))
}

/// Whether all frames of a FINISH may be there. What does not parse is for others to find.
fn is_payload_for_finish(payload: &[u8]) -> bool {
    Frames::new(payload).flatten().all(|frame| frame.is_for_finish())
}
