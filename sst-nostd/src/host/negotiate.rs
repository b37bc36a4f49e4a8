//! Negotiations under way, and what becomes of them: a session gains a channel.

use core::fmt;

use crate::channel::{Arrival, ChannelSecrets, ChannelStart, Path};
use crate::crypto::{Crypto, KEY_LEN};
use crate::id::{ChannelId, HostId, Side};
use crate::negotiation::{
    Call, HalfOpen, Initiator, Ready, ReplyError, Responder, TimerVerdict, Verdict, WriteReplyError,
};
use crate::noise::{Pattern, Role};
use crate::recovery::ecn::Codepoint;
use crate::session::{CloseReason, ClosedBy, Session, SessionState};
use crate::storage::{HasLink, Link};
use crate::stream::Allowance;
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{Cookie, Finish, Init, Reply, Version};
use crate::wire::{CloseCause, Parameters, Refusal, TransportCode};

use super::Host;
use super::inbound::Ignored;
use super::outbound::Transmit;
use super::sessions::SessionHandle;

/// The list of negotiations with something to send.
pub(super) const DUE: usize = 0;
/// A FINISH without frames: its header, two encrypted keys and their tags.
const MAX_FINISH_BYTES: usize = 96;
/// The largest FINISH payload that is read.
const MAX_PAYLOAD_BYTES: usize = 1200;

/// Whom to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Where the peer is.
    pub path: Path,
    /// Who it is. `None` asks whoever answers for its identity, which then must be compared
    /// with something: anyone could have answered.
    pub id: Option<HostId>,
}

/// Why nobody was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// A table of this host is full: let go of sessions first.
    NoCapacity,
    /// The identity is this host's own.
    OwnIdentity,
    /// This host's parameters cannot be expressed.
    Parameters,
    /// Randomness failed: no keys can be made.
    Random,
}

/// One negotiation.
pub struct NegotiationRow {
    kind: Kind,
    path: Path,
    /// When the packet that is being answered went out, if it was the only one.
    sent_at: Option<Instant>,
    sends: u32,
    /// The hash of the INIT's ephemeral key, under which a repeated INIT is found.
    init_hash: Option<u32>,
    link: Link,
}

enum Kind {
    /// This host dials, for the session with this index.
    Call(Initiator, u32),
    /// A peer dials.
    Answer(Responder),
    /// FINISH, until the peer has it, for the channel with this index.
    Confirm(heapless::Vec<u8, MAX_FINISH_BYTES>, u32, ChannelId),
}

impl HasLink<DUE> for NegotiationRow {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

impl fmt::Debug for NegotiationRow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("NegotiationRow").field("path", &self.path).finish_non_exhaustive()
    }
}

impl NegotiationRow {
    const fn new(kind: Kind, path: Path) -> Self {
        Self { kind, path, sent_at: None, sends: 0, init_hash: None, link: Link::new() }
    }

    /// The channel it is for, as this host named it.
    const fn channel(&self) -> ChannelId {
        match &self.kind {
            Kind::Call(initiator, _) => initiator.channel(),
            Kind::Answer(responder) => responder.channel(),
            Kind::Confirm(_, _, id) => *id,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match &self.kind {
            Kind::Call(initiator, _) => initiator.deadline(),
            Kind::Answer(responder) => Some(responder.expires_at()),
            Kind::Confirm(..) => None,
        }
    }
}

impl<C: Crypto> Host<'_, C> {
    /// Dials a peer. The session may be used once [`SessionEvent::Ready`] comes; a session that
    /// exists with the same peer is answered instead of a second one.
    ///
    /// [`SessionEvent::Ready`]: crate::session::SessionEvent::Ready
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(&mut self, now: Instant, dial: Dial) -> Result<SessionHandle, ConnectError> {
        let now = self.clock(now);
        if let Some(session) = dial.id.and_then(|id| self.reuse(&id)) {
            return Ok(session);
        }
        let channel = self.new_channel_id().map_err(|_| ConnectError::Random)?;
        let ephemeral = self.new_ephemeral().ok_or(ConnectError::Random)?;
        let mut parameters = self.config.parameters();
        parameters.reset_token = Some(self.reset_key.token(channel));
        let pattern = if dial.id.is_some() { Pattern::Xk } else { Pattern::Xx };
        let call = Call {
            pattern,
            statics: &self.statics,
            peer: dial.id,
            parameters: &parameters,
            channel,
            ephemeral: &ephemeral,
        };
        let initiator = Initiator::new(&self.crypto, now, &call).map_err(call_error)?;
        let session = Session::new(dial.id, SessionState::Connecting);
        let session = self.sessions.insert(session).map_err(|_| ConnectError::NoCapacity)?;
        let row = NegotiationRow::new(Kind::Call(initiator, session.index()), dial.path);
        let Some(negotiation) = self.add_negotiation(row) else {
            self.sessions.remove(session);
            return Err(ConnectError::NoCapacity);
        };
        if let Some(row) = self.sessions.get_mut(session) {
            row.is_known = true;
            row.negotiation = Some(negotiation);
        }
        self.index_session(session.index());
        self.due.push_back(&mut self.negotiations, negotiation);
        self.stats.dialled = self.stats.dialled.saturating_add(1);
        Ok(session)
    }

    /// The session with `id`, if one is up or coming up.
    fn reuse(&mut self, id: &HostId) -> Option<SessionHandle> {
        let session = self.session_with(id)?;
        let row = self.sessions.get_mut(session)?;
        row.is_known = true;
        row.is_released = false;
        if row.state == SessionState::Ready {
            row.events.ready = true;
            self.note_session_event(session.index());
        }
        Some(session)
    }

    /// An INIT: answered, once it is worth the work.
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
        match self.front.check_init(now, packet, path.peer, half_open, &mut answer) {
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
                Kind::Answer(responder) => responder.is_repeat(init, path.peer),
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
        let responder =
            Responder::new(&self.crypto, now, &self.statics, init, path.peer, channel, ephemeral);
        let mut responder = responder.map_err(Ignored::Negotiation)?;
        let mut parameters = self.config.parameters();
        parameters.reset_token = Some(self.reset_key.token(channel));
        if let Err(WriteReplyError::Refuse(code)) = responder.accept(&self.crypto, &parameters) {
            let refusal = Refusal { code, reason: "" };
            responder.refuse(&self.crypto, &refusal).map_err(|_| Ignored::NoCapacity)?;
        }
        self.stats.curve_operations =
            self.stats.curve_operations.saturating_add(u64::from(responder.curve_operations()));
        let mut row = NegotiationRow::new(Kind::Answer(responder), path);
        row.init_hash = Some(hash);
        let index = self.add_negotiation(row).ok_or(Ignored::NoCapacity)?;
        self.due.push_back(&mut self.negotiations, index);
        Ok(())
    }

    /// A COOKIE: the INIT goes out again with it.
    pub(super) fn on_cookie(&mut self, now: Instant, packet: &[u8]) -> Result<(), Ignored> {
        let cookie = Cookie::parse(packet).map_err(|error| Ignored::Negotiation(error.into()))?;
        let index = self.find_negotiation(cookie.channel).ok_or(Ignored::UnknownChannel)?;
        let Some(row) = self.negotiations.at_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        let Kind::Call(initiator, _) = &mut row.kind else { return Err(Ignored::UnknownChannel) };
        if initiator.handle_cookie(packet).map_err(Ignored::Negotiation)? {
            self.due.push_back(&mut self.negotiations, index);
        }
        self.renew_negotiation_timer(index);
        let _ = now;
        Ok(())
    }

    /// A VERSION: the peer speaks none of ours.
    pub(super) fn on_version(&mut self, now: Instant, packet: &[u8]) -> Result<(), Ignored> {
        let version = Version::parse(packet).map_err(|error| Ignored::Negotiation(error.into()))?;
        let index = self.find_negotiation(version.channel).ok_or(Ignored::UnknownChannel)?;
        let Some(row) = self.negotiations.at_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        let Kind::Call(initiator, session) = &mut row.kind else {
            return Err(Ignored::UnknownChannel);
        };
        let session = *session;
        let refused = initiator.handle_version(packet).map_err(Ignored::Negotiation)?;
        let reason = "the peer speaks no version of the protocol that this host does";
        self.fail_call(now, session, CloseReason::transport(ClosedBy::Peer, refused.code, reason));
        Ok(())
    }

    /// A REPLY: the peer has proved itself, and this host goes on with FINISH.
    pub(super) fn on_reply(
        &mut self,
        now: Instant,
        path: Path,
        packet: &[u8],
    ) -> Result<(), Ignored> {
        let reply = Reply::parse(packet).map_err(|error| Ignored::Negotiation(error.into()))?;
        let index = self.find_negotiation(reply.channel).ok_or(Ignored::UnknownChannel)?;
        let Some(row) = self.negotiations.at_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        let sample = row.sent_at.filter(|_| row.sends == 1).map(|sent_at| now.since(sent_at));
        let Kind::Call(initiator, session) = &mut row.kind else {
            return Err(Ignored::UnknownChannel);
        };
        let session = *session;
        let answer = initiator.handle_reply(&self.crypto, packet);
        self.stats.curve_operations = self.stats.curve_operations.saturating_add(3);
        match answer {
            Ok(_) => {}
            Err(ReplyError::Dropped(reason)) => return Err(Ignored::Negotiation(reason)),
            Err(error) => {
                self.fail_call(now, session, reply_reason(&error));
                return Ok(());
            }
        }
        let mut finish = [0; MAX_FINISH_BYTES];
        let finished = initiator.finish(&self.crypto, &[], &mut finish);
        let Ok((ready, len)) = finished else {
            let code = TransportCode::INTERNAL;
            self.fail_call(now, session, CloseReason::transport(ClosedBy::Local, code, "no keys"));
            return Ok(());
        };
        self.on_call_ready(now, path, session, index, ready, sample);
        self.keep_finish(now, index, session, finish.get(..len).unwrap_or_default());
        Ok(())
    }

    /// A call succeeded: its session is ready.
    fn on_call_ready(
        &mut self,
        now: Instant,
        path: Path,
        session: u32,
        negotiation: u32,
        ready: Ready,
        sample: Option<Duration>,
    ) {
        let peer = ready.peer;
        let other = self.find_session(&peer).filter(|other| *other != session);
        if other.is_some() {
            let code = TransportCode::DUPLICATE_SESSION;
            let reason = "there is a session with this peer already";
            self.fail_call(now, session, CloseReason::transport(ClosedBy::Local, code, reason));
            return;
        }
        if let Some(row) = self.sessions.at_mut(session) {
            row.negotiation = None;
            let was_unknown = row.peer.is_none();
            row.peer = Some(peer);
            if was_unknown {
                self.index_session(session);
            }
        }
        if !self.attach(now, path, session, ready, sample) {
            let code = TransportCode::NO_CAPACITY;
            let reason = CloseReason::transport(ClosedBy::Local, code, "no room for a channel");
            self.remove_negotiation(negotiation);
            self.end_at_once(session, reason);
            return;
        }
        if let Some(row) = self.sessions.at_mut(session) {
            row.events.ready = true;
        }
        self.note_session_event(session);
    }

    /// Keeps FINISH until the peer is known to have it, and sends it.
    fn keep_finish(&mut self, now: Instant, negotiation: u32, session: u32, finish: &[u8]) {
        let Some(channel) = self.sessions.at(session).and_then(|row| row.channel) else { return };
        let Some(row) = self.channels.at_mut(channel) else { return };
        let id = row.channel.local_id();
        row.channel.on_finish_sent(now, finish.len(), core::iter::empty(), &mut self.sent);
        row.negotiation = Some(negotiation);
        if let Some(row) = self.negotiations.at_mut(negotiation) {
            let finish = heapless::Vec::from_slice(finish).unwrap_or_default();
            row.kind = Kind::Confirm(finish, channel, id);
            row.sends = 0;
        }
        self.due.push_back(&mut self.negotiations, negotiation);
        self.renew_negotiation_timer(negotiation);
        self.schedule_channel(channel);
    }

    /// A FINISH: the peer that dialled has proved itself.
    pub(super) fn on_finish(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        packet: &[u8],
    ) -> Result<(), Ignored> {
        let finish = Finish::parse(packet).map_err(|error| Ignored::Negotiation(error.into()))?;
        let Some(index) = self.find_negotiation(finish.channel) else {
            return self.on_finish_again(now, path, ecn, finish.channel);
        };
        let Some(row) = self.negotiations.at_mut(index) else {
            return Err(Ignored::UnknownChannel);
        };
        let Kind::Answer(responder) = &mut row.kind else { return Err(Ignored::UnknownChannel) };
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let before = responder.curve_operations();
        let result = responder.handle_finish(&self.crypto, packet, &mut payload);
        let operations = responder.curve_operations().saturating_sub(before);
        self.stats.curve_operations =
            self.stats.curve_operations.saturating_add(u64::from(operations));
        let (ready, len) = result.map_err(Ignored::Negotiation)?;
        self.remove_negotiation(index);
        let session = self.seat(now, &ready.peer).ok_or(Ignored::NoCapacity)?;
        if !self.attach(now, path, session, ready, None) {
            self.forget_if_over(session);
            return Err(Ignored::NoCapacity);
        }
        self.note_incoming(session);
        let payload = payload.get(..len).unwrap_or_default();
        self.on_finish_payload(now, path, ecn, session, payload);
        Ok(())
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
        if !payload.is_empty() {
            let arrival = Arrival {
                number: 0,
                is_highest: true,
                is_ack_eliciting: true,
                codepoint: ecn,
                path,
                len: payload.len(),
            };
            self.on_payload(now, index, arrival, payload);
        }
        self.schedule_channel(index);
    }

    /// A FINISH that was taken before: the peer has not heard so.
    fn on_finish_again(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        id: ChannelId,
    ) -> Result<(), Ignored> {
        let index = self.find_channel(id).ok_or(Ignored::UnknownChannel)?;
        let row = self.channels.at_mut(index).ok_or(Ignored::UnknownChannel)?;
        if row.channel.path() != path {
            return Err(Ignored::UnknownChannel);
        }
        row.channel.on_finish_received(now, ecn);
        self.schedule_channel(index);
        Ok(())
    }

    /// The session that a peer which has just proved itself gets. Both hosts may have dialled at
    /// once; docs/PROTOCOL.md section 5 says who gives way.
    fn seat(&mut self, now: Instant, peer: &HostId) -> Option<u32> {
        let Some(session) = self.find_session(peer) else { return self.new_session(peer) };
        let row = self.sessions.at_mut(session)?;
        match (row.state, row.channel, row.negotiation) {
            (SessionState::Connecting, _, negotiation) => {
                // Our call has not been answered: theirs was quicker.
                row.negotiation = None;
                row.events.ready = row.is_known;
                if let Some(negotiation) = negotiation {
                    self.remove_negotiation(negotiation);
                }
                self.note_session_event(session);
                Some(session)
            }
            (SessionState::Ready, Some(channel), _) if !self.is_confirmed(channel) => {
                if self.id < *peer {
                    return None;
                }
                self.remove_channel(now, channel);
                Some(session)
            }
            _ => {
                self.replace(now, session);
                self.new_session(peer)
            }
        }
    }

    fn is_confirmed(&self, channel: u32) -> bool {
        self.channels.at(channel).is_some_and(|row| row.channel.is_confirmed())
    }

    fn new_session(&mut self, peer: &HostId) -> Option<u32> {
        let session = Session::new(Some(*peer), SessionState::Connecting);
        let index = self.sessions.insert(session).ok()?.index();
        self.index_session(index);
        Some(index)
    }

    /// The peer has started anew: what it knew of the old session is gone.
    fn replace(&mut self, now: Instant, session: u32) {
        let code = TransportCode::REPLACED;
        let reason = CloseReason::transport(ClosedBy::Peer, code, "the peer dialled anew");
        if let Some(row) = self.sessions.at_mut(session) {
            row.on_over(reason);
        }
        if let Some(channel) = self.sessions.at(session).and_then(|row| row.channel) {
            self.remove_channel(now, channel);
        }
        self.after_over(session);
    }

    /// Gives a session the channel that a negotiation agreed on, and a tree if it has none.
    fn attach(
        &mut self,
        now: Instant,
        path: Path,
        session: u32,
        ready: Ready,
        sample: Option<Duration>,
    ) -> bool {
        let Some(side) = Side::of(&self.id, &ready.peer) else { return false };
        let mut local_secret = [0; 16];
        if self.crypto.random(&mut local_secret).is_err() {
            return false;
        }
        let is_initiator = ready.role == Role::Initiator;
        let split = &ready.split;
        let (send, receive) = if is_initiator {
            (&split.initiator_to_responder, &split.responder_to_initiator)
        } else {
            (&split.responder_to_initiator, &split.initiator_to_responder)
        };
        let start = ChannelStart {
            secrets: ChannelSecrets::from_split(send, receive, ready.suite),
            local_id: ready.channel,
            remote_id: ready.peer_channel,
            path,
            local_secret,
            measured_rtt: sample,
            peer_max_ack_delay: ready.parameters.max_ack_delay,
            peer_max_packet_len: usize::from(ready.parameters.max_packet_bytes),
        };
        if self.sessions.at(session).is_none_or(|row| row.tree.is_none()) {
            let allowance = allowance(&ready.parameters);
            let Some(tree) = self.streams.plant(session, side, allowance, now) else {
                return false;
            };
            if let Some(row) = self.sessions.at_mut(session) {
                row.tree = Some(tree);
            }
        }
        let channel = self.add_channel(now, session, start, split.hash, &ready.parameters);
        let (Some(channel), Some(row)) = (channel, self.sessions.at_mut(session)) else {
            return false;
        };
        row.channel = Some(channel);
        row.state = SessionState::Ready;
        self.stats.handshakes = self.stats.handshakes.saturating_add(1);
        self.schedule_channel(channel);
        true
    }

    /// What negotiations have to send.
    pub(super) fn transmit_negotiation(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        while let Some(index) = self.due.pop_front(&mut self.negotiations) {
            let Some(row) = self.negotiations.at_mut(index) else { continue };
            let path = row.path;
            let len = match &mut row.kind {
                Kind::Call(initiator, _) => initiator.write_init(now, buffer).ok(),
                Kind::Answer(responder) => copy(responder.reply(), buffer),
                Kind::Confirm(finish, channel, _) => {
                    let len = copy(finish, buffer);
                    if row.sends > 0
                        && let Some(channel) = self.channels.at_mut(*channel)
                    {
                        channel.channel.on_finish_resent(now, &mut self.sent);
                    }
                    len
                }
            };
            row.sent_at = Some(now);
            row.sends = row.sends.saturating_add(1);
            self.renew_negotiation_timer(index);
            if let Some(len) = len.filter(|len| *len > 0) {
                return Some(Transmit { path, len, segment_len: None, ecn: Codepoint::NotEct });
            }
        }
        None
    }

    /// The channel's probe timeout passed without a word from the peer: FINISH goes again.
    pub(super) fn owe_finish(&mut self, channel: u32) {
        match self.channels.at(channel).and_then(|row| row.negotiation) {
            Some(negotiation) => {
                self.due.push_back(&mut self.negotiations, negotiation);
            }
            None => {
                if let Some(row) = self.channels.at_mut(channel) {
                    row.channel.on_finish_resent(self.now, &mut self.sent);
                }
            }
        }
    }

    /// The peer has FINISH.
    pub(super) fn on_confirmed(&mut self, channel: u32) {
        let negotiation = self.channels.at_mut(channel).and_then(|row| row.negotiation.take());
        if let Some(negotiation) = negotiation {
            self.remove_negotiation(negotiation);
        }
    }

    /// A negotiation's time has come.
    pub(super) fn on_negotiation_timeout(&mut self, now: Instant, index: u32) {
        let Some(row) = self.negotiations.at_mut(index) else { return };
        match &mut row.kind {
            Kind::Call(initiator, session) => match initiator.handle_timeout(now) {
                TimerVerdict::GiveUp => {
                    let session = *session;
                    let code = TransportCode::NONE;
                    let reason =
                        "no answer: is the address right, the host up, the identity its own?";
                    let reason = CloseReason::transport(ClosedBy::Timeout, code, reason);
                    self.fail_call(now, session, reason);
                    return;
                }
                TimerVerdict::Resend => {
                    self.due.push_back(&mut self.negotiations, index);
                }
                TimerVerdict::Wait => {}
            },
            Kind::Answer(responder) if responder.expires_at() <= now => {
                self.remove_negotiation(index);
                return;
            }
            Kind::Answer(_) | Kind::Confirm(..) => {}
        }
        self.renew_negotiation_timer(index);
    }

    /// The call came to nothing.
    fn fail_call(&mut self, now: Instant, session: u32, reason: CloseReason) {
        let _ = now;
        self.end_at_once(session, reason);
    }

    /// A session that never had a channel is over.
    fn end_at_once(&mut self, session: u32, reason: CloseReason) {
        if let Some(row) = self.sessions.at_mut(session) {
            row.on_over(reason);
        }
        self.after_over(session);
    }

    fn add_negotiation(&mut self, row: NegotiationRow) -> Option<u32> {
        let id_hash = self.hash.hash_u64(u64::from(row.channel().as_u32()));
        let init_hash = row.init_hash;
        let index = self.negotiations.insert(row).ok()?.index();
        let is_indexed = self.by_call.insert(id_hash, index).is_ok()
            && init_hash.is_none_or(|hash| self.by_call.insert(hash, index).is_ok());
        if !is_indexed {
            self.remove_negotiation(index);
            return None;
        }
        self.renew_negotiation_timer(index);
        Some(index)
    }

    pub(super) fn remove_negotiation(&mut self, index: u32) {
        let Some(row) = self.negotiations.at(index) else { return };
        let id_hash = self.hash.hash_u64(u64::from(row.channel().as_u32()));
        let init_hash = row.init_hash;
        self.by_call.remove(id_hash, index);
        if let Some(hash) = init_hash {
            self.by_call.remove(hash, index);
        }
        self.due.remove(&mut self.negotiations, index);
        let _ = self.negotiation_timers.set(index, None);
        self.negotiations.remove_at(index);
    }

    /// The negotiation for the channel this host named `id`.
    pub(super) fn find_negotiation(&self, id: ChannelId) -> Option<u32> {
        let hash = self.hash.hash_u64(u64::from(id.as_u32()));
        self.by_call
            .find(hash, |slot| self.negotiations.at(slot).is_some_and(|row| row.channel() == id))
    }

    fn renew_negotiation_timer(&mut self, index: u32) {
        let deadline = self.negotiations.at(index).and_then(NegotiationRow::deadline);
        let _ = self.negotiation_timers.set(index, deadline);
    }

    fn new_ephemeral(&mut self) -> Option<[u8; KEY_LEN]> {
        let mut ephemeral = [0; KEY_LEN];
        self.crypto.random(&mut ephemeral).ok()?;
        self.stats.curve_operations = self.stats.curve_operations.saturating_add(1);
        Some(ephemeral)
    }
}

fn copy(bytes: &[u8], to: &mut [u8]) -> Option<usize> {
    to.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(bytes.len())
}

/// What a peer's parameters allow this host's streams.
fn allowance(parameters: &Parameters) -> Allowance {
    Allowance {
        stream_window: parameters.stream_window_bytes,
        session_window: parameters.session_window_bytes,
        root_children: u32::try_from(parameters.root_child_credit).unwrap_or(u32::MAX),
        children: u32::try_from(parameters.child_credit).unwrap_or(u32::MAX),
        id_window: parameters.id_window,
        datagram_bytes: parameters.max_datagram_bytes,
    }
}

const fn call_error(error: crate::negotiation::CallError) -> ConnectError {
    match error {
        crate::negotiation::CallError::OwnIdentity => ConnectError::OwnIdentity,
        _ => ConnectError::Parameters,
    }
}

fn reply_reason(error: &ReplyError) -> CloseReason {
    let peer = ClosedBy::Peer;
    match error {
        ReplyError::Refused(refused) => {
            CloseReason::new(peer, CloseCause::Transport(refused.code), refused.reason())
        }
        ReplyError::Suite => {
            CloseReason::transport(peer, TransportCode::SUITE, "the peer chose a suite not offered")
        }
        _ => CloseReason::transport(
            peer,
            TransportCode::PARAMETERS,
            "the peer's parameters make no sense",
        ),
    }
}
