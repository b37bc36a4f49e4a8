//! Dialling: from [`Host::connect`] to a session that is ready.

use crate::channel::Path;
use crate::crypto::{Crypto, KEY_LEN, RandomError};
use crate::id::{ChannelId, HostId, Instance};
use crate::limits::FINISH_BYTES;
use crate::negotiation::limits::FINISH_HEAD_LEN;
use crate::negotiation::{Call, CallError, FinishError, Initiator, Ready, ReplyError};
use crate::noise::Pattern;
use crate::recovery::ecn::Codepoint;
use crate::session::{ClosedBy, Ending, Session};
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{Reply, VERSION};
use crate::wire::{CloseCause, PacketError, TransportCode};

use super::Host;
use super::dial::{ConnectError, Dial, InstanceWish};
use super::inbound::Ignored;
use super::outbound::Transmit;
use super::tables::SessionHandle;
use super::tables::{
    BARE_FINISH_BYTES, Confirm, Kind, NegotiationRow, Negotiations, Sessions, UNSETTLED, may_try,
};
use super::wiping::wipe_stack;

/// What is new in a call of this host's.
struct Wish<'a> {
    pattern: Pattern,
    peer: Option<HostId>,
    instance: Option<Instance>,
    channel: ChannelId,
    ephemeral: [u8; KEY_LEN],
    early: &'a [u8],
}

/// The longest that the first packet waits, whatever the configuration says: the peer forgets the
/// negotiation in the end.
const MAX_WAIT: Duration = Duration::from_secs(1);

impl<C: Crypto> Host<'_, C> {
    /// Dials a peer. The session may be used once [`SessionEvent::Ready`] comes. If there is a
    /// session with the peer that [`Dial::instance`] asks for, it is answered instead of a new one.
    ///
    /// [`SessionEvent::Ready`]: crate::session::SessionEvent::Ready
    ///
    /// # Errors
    /// [`ConnectError`].
    pub fn connect(&mut self, now: Instant, dial: Dial) -> Result<SessionHandle, ConnectError> {
        let pattern = if dial.id.is_some() { Pattern::Xk } else { Pattern::Xx };
        let session = self.connect_by(now, dial, pattern, b"");
        self.look_after_touched();
        self.wipe_after_verb();
        session
    }

    /// Dials a peer with a first packet that can be replayed and has no forward secrecy (IK): who
    /// records it, and gets the peer's secret one day, learns who dialled. In return, there is one
    /// packet less, and `early` goes with it: at most
    /// [`MAX_EARLY_LEN`](crate::negotiation::limits::MAX_EARLY_LEN) bytes that the peer may get at
    /// once ([`Host::poll_replayable`]), more than once, or never; nothing tells which. Only for
    /// those who asked for it in these words.
    ///
    /// # Errors
    /// [`ConnectError`]; [`ConnectError::Parameters`] if the dial names no identity or `early` is
    /// too long.
    pub fn connect_replayable(
        &mut self,
        now: Instant,
        dial: Dial,
        early: &[u8],
    ) -> Result<SessionHandle, ConnectError> {
        if dial.id.is_none() {
            return Err(ConnectError::Parameters);
        }
        let session = self.connect_by(now, dial, Pattern::Ik, early);
        self.look_after_touched();
        self.wipe_after_verb();
        session
    }

    #[inline(never)]
    fn connect_by(
        &mut self,
        now: Instant,
        dial: Dial,
        pattern: Pattern,
        early: &[u8],
    ) -> Result<SessionHandle, ConnectError> {
        let now = self.advance(now);
        let instance = dial.instance.instance(&mut self.means)?;
        let takes_own = dial.instance == InstanceWish::Usual && instance.is_none();
        let reused = dial.id.and_then(|id| self.bonds.sessions.reuse(&id, instance, takes_own));
        if let Some(session) = reused {
            return Ok(session);
        }
        if matches!(dial.instance, InstanceWish::Named(_))
            && dial.id == Some(self.means.identity.id)
        {
            // Two hosts with one identity would both be the one that dialled first.
            return Err(ConnectError::OwnIdentity);
        }
        self.note_secrets();
        let channel = self.new_channel_id().map_err(|_| ConnectError::Random)?;
        let ephemeral = self.new_ephemeral().map_err(|_| ConnectError::Random)?;
        let session = Session::new(dial.id, instance, true);
        let session = self.bonds.sessions.insert(session).map_err(|_| ConnectError::NoCapacity)?;
        let Some(negotiation) = self.negotiations.insert(now, channel, dial.path) else {
            self.bonds.sessions.remove(session.index());
            return Err(ConnectError::NoCapacity);
        };
        let wish = Wish { pattern, peer: dial.id, instance, channel, ephemeral, early };
        let begun = self.begin_call(now, negotiation, session.index(), &wish);
        wipe_stack();
        if let Err(error) = begun {
            self.negotiations.remove(negotiation);
            self.bonds.sessions.remove(session.index());
            return Err(error);
        }
        if let Some(row) = self.bonds.sessions.get_mut(session) {
            row.begin_dial(negotiation);
        }
        self.negotiations.owe(negotiation);
        self.stats.dialled = self.stats.dialled.saturating_add(1);
        Ok(session)
    }

    /// Makes the first message of the call in row `index`. A function of its own: it needs much of
    /// the stack.
    #[inline(never)]
    fn begin_call(
        &mut self,
        now: Instant,
        index: u32,
        session: u32,
        wish: &Wish<'_>,
    ) -> Result<(), ConnectError> {
        let path = self.negotiations.at(index).ok_or(ConnectError::NoCapacity)?.path;
        let mut parameters = self.means.parameters(wish.channel);
        parameters.instance = wish.instance;
        parameters.took_call = self.clock.took_call_lately(now);
        let call = Call {
            pattern: wish.pattern,
            path,
            statics: &self.means.identity.statics,
            peer: wish.peer,
            parameters: &parameters,
            channel: wish.channel,
            ephemeral: &wish.ephemeral,
        };
        plant_call(&mut self.negotiations, &self.means.crypto, now, index, session, &call)?;
        let (initiator, _) = self.negotiations.call_mut(index).ok_or(ConnectError::NoCapacity)?;
        initiator.write_first(&self.means.crypto, &call, wish.early).map_err(call_error)
    }

    /// A REPLY: the peer has proved itself, and this host goes on with FINISH, in a moment.
    #[inline(never)]
    pub(super) fn on_reply(
        &mut self,
        now: Instant,
        path: Path,
        packet: &[u8],
    ) -> Result<(), Ignored> {
        let reply = Reply::parse(packet).map_err(malformed)?;
        let index = self.find_call(reply.channel)?;
        let (initiator, _) = self.negotiations.call_mut(index).ok_or(Ignored::UnknownChannel)?;
        // What one hash shows to be false costs no more, and uses up none of the tries.
        initiator.expects_reply(path, packet).map_err(Ignored::Negotiation)?;
        self.note_secrets();
        let read = self.read_reply(now, path, index, packet);
        wipe_stack();
        let Some(session) = read? else { return Ok(()) };
        let (initiator, _) = self.negotiations.call_mut(index).ok_or(Ignored::UnknownChannel)?;
        let agreed = initiator.agree(&self.means.crypto);
        wipe_stack();
        let Ok(ready) = agreed else {
            let code = TransportCode::INTERNAL;
            self.bonds
                .sessions
                .end_at_once(session, Ending::transport(ClosedBy::Local, code, "no keys"));
            return Ok(());
        };
        self.on_call_ready(now, path, session, index, &ready);
        self.hold_first_packet(now, index, session, ready.hash.is_none());
        Ok(())
    }

    /// Opens the REPLY to the call in row `index`: its session; `None` if the call is over. A
    /// function of its own, because what it needs on the stack is gone again before the channel is
    /// made.
    #[inline(never)]
    fn read_reply(
        &mut self,
        now: Instant,
        path: Path,
        index: u32,
        packet: &[u8],
    ) -> Result<Option<u32>, Ignored> {
        let row = self.negotiations.at_mut(index).ok_or(Ignored::UnknownChannel)?;
        let NegotiationRow { kind: Kind::Call(initiator, session), trials, .. } = row else {
            return Err(Ignored::UnknownChannel);
        };
        may_try(trials, now).map_err(Ignored::Negotiation)?;
        let session = *session;
        let answer = initiator.handle_reply(&self.means.crypto, now, path, packet);
        self.stats.curve_operations = self.stats.curve_operations.saturating_add(3);
        match answer {
            Ok(_) => Ok(Some(session)),
            Err(ReplyError::Dropped(reason)) => Err(Ignored::Negotiation(reason)),
            Err(error) => {
                let mut rejection = [0; BARE_FINISH_BYTES];
                let len =
                    initiator.write_rejection(&self.means.crypto, &mut rejection).unwrap_or(0);
                if let Some(rejection) = rejection.get(..len).filter(|bytes| !bytes.is_empty()) {
                    self.door.outbox.push(path, rejection);
                }
                let reason = reply_reason(&error, &mut self.bonds.sessions);
                self.bonds.sessions.end_at_once(session, reason);
                Ok(None)
            }
        }
    }

    /// A call succeeded: its session is ready.
    #[inline(never)]
    fn on_call_ready(
        &mut self,
        now: Instant,
        path: Path,
        session: u32,
        negotiation: u32,
        ready: &Ready,
    ) {
        let peer = ready.peer;
        // A peer that knows no instances does not echo it.
        let instance = ready.parameters.instance;
        let other = self.bonds.sessions.find_in(&peer, instance).filter(|other| *other != session);
        if other.is_some() {
            let code = TransportCode::DUPLICATE_SESSION;
            let reason = "there is a session with this peer already";
            self.bonds
                .sessions
                .end_at_once(session, Ending::transport(ClosedBy::Local, code, reason));
            return;
        }
        if let Some(row) = self.bonds.sessions.at_mut(session) {
            row.end_dial();
        }
        self.bonds.sessions.set_peer(session, peer, instance);
        if !self.attach_new(now, path, session, ready) {
            let code = TransportCode::NO_CAPACITY;
            let reason = Ending::transport(ClosedBy::Local, code, "no room for a channel");
            self.negotiations.remove(negotiation);
            self.bonds.sessions.end_at_once(session, reason);
            return;
        }
        if let Some(row) = self.bonds.sessions.at_mut(session) {
            row.note_ready();
        }
    }

    /// Gives a session the channel that a negotiation agreed on.
    fn attach_new(&mut self, now: Instant, path: Path, session: u32, ready: &Ready) -> bool {
        let Ok(secret) = self.means.new_channel_secret() else { return false };
        let channel = self.bonds.make_channel(&self.means, now, path, ready, secret);
        wipe_stack();
        channel.is_some_and(|channel| self.attach(now, session, channel, ready))
    }

    /// The first packet waits a moment for what the application has to say now that its session is
    /// ready. It is FINISH, which stays in the row `negotiation` until the peer is known to have
    /// it; in IK there is none, and only the row's deadline counts.
    fn hold_first_packet(
        &mut self,
        now: Instant,
        negotiation: u32,
        session: u32,
        has_finish: bool,
    ) {
        let Some(channel) = self.bonds.sessions.at(session).and_then(|row| row.paths().carrier())
        else {
            return;
        };
        let Some(row) = self.bonds.channels.at_mut(channel) else { return };
        let (id, path) = (row.channel.local_id(), row.channel.path());
        row.channel
            .hold_first(has_finish, now.after(self.means.config.first_packet_wait.min(MAX_WAIT)));
        row.negotiation = Some(negotiation);
        row.settled = UNSETTLED | self.clock.turn();
        self.negotiations.hold_first_packet(negotiation, path);
        if !has_finish {
            let finish = heapless::Vec::new();
            let confirm = Confirm { finish, channel, id };
            self.negotiations.begin_confirm(negotiation, path, confirm);
        }
    }

    /// Writes the FINISH of the call in row `negotiation`, for `session`, to the front of `buffer`,
    /// with what frames there are, and keeps it until the peer is known to have it. `None` if the
    /// session is over.
    #[inline(never)]
    pub(super) fn write_finish(
        &mut self,
        now: Instant,
        negotiation: u32,
        session: u32,
        buffer: &mut [u8],
    ) -> Option<Transmit> {
        let channel = self.bonds.sessions.at(session)?.paths().carrier()?;
        let sealed = self.seal_finish(now, negotiation, (session, channel), buffer);
        wipe_stack();
        let len = match sealed {
            Ok(len) => len,
            Err(reason) => {
                self.remove_channel(now, channel);
                self.bonds.sessions.end_at_once(session, reason);
                return None;
            }
        };
        let row = self.bonds.channels.at_mut(channel)?;
        row.settled = UNSETTLED | self.clock.turn();
        let (id, path) = (row.channel.local_id(), row.channel.path());
        let finish = heapless::Vec::from_slice(buffer.get(..len)?).unwrap_or_default();
        let confirm = Confirm { finish, channel, id };
        self.negotiations.begin_confirm(negotiation, path, confirm);
        self.bonds.sessions.touch(session);
        Some(Transmit { path, len, segment_len: None, ecn: Codepoint::NotEct })
    }

    /// Seals FINISH with what frames there are, and records it; says how long it is. A function of
    /// its own, because of the secrets that it leaves on the stack.
    #[inline(never)]
    fn seal_finish(
        &mut self,
        now: Instant,
        negotiation: u32,
        (session, channel): (u32, u32),
        buffer: &mut [u8],
    ) -> Result<usize, Ending> {
        let failed = |code, words| Ending::transport(ClosedBy::Local, code, words);
        let no_keys = failed(TransportCode::INTERNAL, "no keys");
        let rows = (
            self.negotiations.at_mut(negotiation),
            self.bonds.channels.at_mut(channel),
            self.bonds.sessions.at_mut(session),
        );
        let (Some(call), Some(row), Some(session)) = rows else { return Err(no_keys) };
        let Kind::Call(initiator, _) = &mut call.kind else { return Err(no_keys) };
        let room = buffer.len().min(FINISH_BYTES);
        let out = buffer.get_mut(..room).unwrap_or_default();
        // It could not be sent again if it were lost, so it is not sent at all.
        let no_room = failed(TransportCode::NO_CAPACITY, "no room for its packets");
        let mut builder = row
            .channel
            .begin_finish(out, FINISH_HEAD_LEN, &self.bonds.sent)
            .map_err(|_| no_room)?;
        session.fill_finish(now, &mut builder, &mut self.bonds.sent, &mut self.bonds.streams);
        let crypto = &self.means.crypto;
        let seal = |frames_len, out: &mut [u8]| {
            let (len, hash) = initiator.seal_finish(crypto, frames_len, out)?;
            row.hash = Some(hash);
            Ok::<_, FinishError>(len)
        };
        let sealed = row.channel.seal_finish(now, builder, &mut self.bonds.sent, seal);
        sealed.map_err(|error| error.map_or(no_room, |_| no_keys))
    }

    /// An id for a new channel: used by no channel or negotiation of this host.
    pub(super) fn new_channel_id(&mut self) -> Result<ChannelId, RandomError> {
        let (channels, negotiations) = (&mut self.bonds.channels, &self.negotiations);
        self.means
            .new_channel_id(|id| channels.find(id).is_some() || negotiations.find(id).is_some())
    }

    /// The secret half of a negotiation that begins.
    pub(super) fn new_ephemeral(&mut self) -> Result<[u8; KEY_LEN], RandomError> {
        let ephemeral = self.means.new_ephemeral()?;
        self.stats.curve_operations = self.stats.curve_operations.saturating_add(1);
        Ok(ephemeral)
    }

    /// FINISH is to go: it waited long enough for frames, or the channel's probe timeout passed
    /// without a word from the peer.
    pub(super) fn owe_finish(&mut self, channel: u32) {
        match self.bonds.channels.at(channel).and_then(|row| row.negotiation) {
            Some(negotiation) => self.negotiations.owe(negotiation),
            None => {
                if let Some(row) = self.bonds.channels.at_mut(channel) {
                    row.channel.on_finish_resent(self.clock.now(), &mut self.bonds.sent);
                }
            }
        }
    }

    /// The peer has FINISH.
    pub(super) fn on_confirmed(&mut self, channel: u32) {
        let Some(row) = self.bonds.channels.at_mut(channel) else { return };
        row.settled = row.settled.min(self.clock.next_turn());
        let negotiation = row.negotiation.take();
        if let Some(negotiation) = negotiation {
            self.negotiations.remove(negotiation);
        }
    }

    /// Nobody answered the call, or only in versions of the protocol that this host does not speak.
    pub(super) fn on_call_given_up(&mut self, index: u32) {
        let Some((initiator, session)) = self.negotiations.call_mut(index) else { return };
        let versions = initiator.peer_versions();
        let words = (!versions.is_empty()).then(|| about_versions(versions));
        let reason = if let Some(words) = words {
            let cause = CloseCause::Transport(TransportCode::VERSION);
            Ending { by: ClosedBy::Peer, cause, words: self.bonds.sessions.keep_words(&words) }
        } else {
            let reason = "no answer: is the address right, the host up, the identity its own?";
            Ending::transport(ClosedBy::Timeout, TransportCode::NONE, reason)
        };
        self.bonds.sessions.end_at_once(session, reason);
    }

    /// The peer answered the call, and then never a packet: it may not have FINISH.
    pub(super) fn on_never_confirmed(&mut self, now: Instant, channel: u32) {
        let Some(session) = self.bonds.channels.at(channel).map(|row| row.session) else { return };
        let reason = "the peer answered the call and was not heard again";
        let reason = Ending::transport(ClosedBy::Timeout, TransportCode::NONE, reason);
        self.remove_channel(now, channel);
        self.bonds.sessions.end_at_once(session, reason);
    }

    /// The negotiation of a call for the channel this host named `id`.
    pub(super) fn find_call(&self, id: ChannelId) -> Result<u32, Ignored> {
        self.negotiations.find(id).ok_or(Ignored::UnknownChannel)
    }
}

/// Makes row `index` a call whose first message is not written yet. A function of its own: what it
/// moves is off the stack again before keys are computed with.
#[inline(never)]
fn plant_call<C: Crypto>(
    negotiations: &mut Negotiations<'_, C::Secret>,
    crypto: &C,
    now: Instant,
    index: u32,
    session: u32,
    call: &Call<'_, C::Secret>,
) -> Result<(), ConnectError> {
    let initiator = Initiator::unwritten(crypto, now, call).map_err(call_error)?;
    negotiations.begin_call(index, initiator, session);
    Ok(())
}

const fn call_error(error: CallError) -> ConnectError {
    match error {
        CallError::OwnIdentity => ConnectError::OwnIdentity,
        _ => ConnectError::Parameters,
    }
}

/// Which versions of the protocol the peer says it speaks, and which it was called in.
fn about_versions(versions: &[u8]) -> heapless::String<128> {
    let mut text = heapless::String::new();
    // It takes all of it: 8 numbers of 3 digits at most.
    let _ = text.push_str("the peer speaks of the protocol's versions only ");
    for (index, version) in versions.iter().enumerate() {
        let _ = text.push_str(if index == 0 { "" } else { ", " });
        push_number(&mut text, *version);
    }
    let _ = text.push_str("; it was called in ");
    push_number(&mut text, VERSION);
    text
}

/// Without formatting, which would bring more code than the number is worth.
fn push_number(text: &mut heapless::String<128>, number: u8) {
    let digits = [number / 100, number / 10 % 10, number % 10];
    let skipped = digits.iter().take(2).take_while(|digit| **digit == 0).count();
    for digit in digits.iter().skip(skipped) {
        let _ = text.push(char::from(b'0'.saturating_add(*digit)));
    }
}

fn reply_reason(error: &ReplyError, words: &mut Sessions<'_>) -> Ending {
    let peer = ClosedBy::Peer;
    match error {
        ReplyError::Refused(refused) => {
            let cause = CloseCause::Transport(refused.code);
            Ending { by: peer, cause, words: words.keep_words(refused.reason()) }
        }
        ReplyError::OwnIdentity => {
            let code = TransportCode::PROTOCOL;
            Ending::transport(ClosedBy::Local, code, "the identity that answered is this host's")
        }
        ReplyError::Suite => {
            Ending::transport(peer, TransportCode::SUITE, "the peer chose a suite not offered")
        }
        ReplyError::Parameters(error) => {
            Ending::transport(peer, error.code(), "the peer's parameters make no sense")
        }
        ReplyError::Dropped(_) => {
            Ending::transport(peer, TransportCode::INTERNAL, "the answer was not one")
        }
    }
}

pub(super) fn malformed(error: PacketError) -> Ignored {
    Ignored::Negotiation(error.into())
}
