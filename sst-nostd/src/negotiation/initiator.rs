//! [`Initiator`]: one call, from the first INIT to FINISH. Source: `docs/PROTOCOL.md` section 5.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, MAX_VARINT_LEN, Writer};
use crate::crypto::Crypto;
use crate::id::{ChannelId, HostId, Instance, StreamId};
use crate::negotiation::call::{Answer, Call, CallError, FinishError, ReplyError, TimerVerdict};
use crate::negotiation::check::{CheckKey, write_checked};
use crate::negotiation::grease::put_grease;
use crate::negotiation::limits::{
    EARLY_OVERHEAD, FIRST_RESEND_TIMEOUT, HANDSHAKE_TIMEOUT, MAX_COOKIES, MAX_EARLY_LEN,
    MAX_FINISH_PAYLOAD_LEN, MAX_INIT_NOISE_LEN, MAX_RESEND_TIMEOUT, VERSION_PATIENCE,
};
use crate::negotiation::suite::{accepted_suite, offered_suites};
use crate::negotiation::{Dropped, Ready, first_rtt, is_same, number};
use crate::noise::{Handshake, Pattern, Role};
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{
    CHECK_LEN, COOKIE_LEN, Cookie, Init, MAX_VERSIONS, MIN_INIT_BYTES, REPLY_OVERHEAD, Reply,
    VERSION, Version, init_prologue,
};
use crate::wire::parameters::{Carrier, MAX_PARAMETERS_LEN, Suites, channel_in, put_end};
use crate::wire::{
    CloseCause, CloseFrame, DatagramFrame, Frame, PacketError, PacketKind, Parameters,
    ParametersError, TransportCode,
};

/// A CLOSE frame without a reason.
const MAX_BARE_CLOSE_LEN: usize = 2 + MAX_VARINT_LEN;

#[derive(Debug)]
enum Phase {
    /// INITs go out.
    Calling,
    /// A REPLY came in.
    Answered(Answer),
    /// A REPLY came in that will not do, and the responder can be told why.
    Rejected(ChannelId, TransportCode),
    /// Finished, or failed.
    Over,
}

/// One call. A row of the caller's table: below 2 KiB.
#[derive(Debug)]
pub struct Initiator {
    phase: Phase,
    /// Never moved out of here, which would leave a copy of its secrets: dropped where it is.
    handshake: Option<Handshake>,
    pattern: Pattern,
    own: HostId,
    channel: ChannelId,
    instance: Option<Instance>,
    suites: Suites,
    check_key: CheckKey,
    noise: [u8; MAX_INIT_NOISE_LEN],
    noise_len: usize,
    cookie: [u8; COOKIE_LEN],
    /// Of the INIT sent last.
    init_check: Option<[u8; CHECK_LEN]>,
    called_at: Instant,
    /// An INIT went out twice, so that a REPLY does not say which it answers.
    has_resent: bool,
    cookie_count: u8,
    resend_timeout: Duration,
    resend_at: Instant,
    give_up_at: Instant,
    peer_versions: [u8; MAX_VERSIONS],
    peer_version_count: usize,
}

const _: () = assert!(size_of::<Initiator>() <= 2048, "a board holds a few");

impl Initiator {
    /// Begins a call: the first handshake message is made here, once, and sent as often as needed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn new(crypto: &impl Crypto, now: Instant, call: &Call<'_>) -> Result<Self, CallError> {
        Self::with_early(crypto, now, call, b"")
    }

    /// Begins a call that carries data before anything is agreed, in IK. DANGER: whoever records
    /// the INIT can have the peer hear them again, and whoever gets the peer's static secret can
    /// read them.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn with_early(
        crypto: &impl Crypto,
        now: Instant,
        call: &Call<'_>,
        early: &[u8],
    ) -> Result<Self, CallError> {
        let Call { pattern, statics, peer, channel, ephemeral, .. } = *call;
        let own = HostId::new(*statics.public());
        let instance = call.parameters.instance;
        if instance.is_none() && peer.is_some_and(|peer| is_same(&peer, &own)) {
            return Err(CallError::OwnIdentity);
        }
        let suites = offered_suites(crypto);
        let mut list = [0; MAX_PARAMETERS_LEN + EARLY_OVERHEAD + MAX_EARLY_LEN];
        let list = encode_offer(call, suites, early, &mut list)?;
        let noise_len = pattern.message_overhead(0).saturating_add(list.len());
        let prologue = init_prologue(number(pattern), channel, noise_len);
        let peer_key = peer.map(|peer| *peer.as_bytes());
        let mut handshake = Handshake::new(
            pattern,
            Role::Initiator,
            &[b"SST1", &prologue],
            statics,
            *ephemeral,
            peer_key,
        )?;
        let mut noise = [0; MAX_INIT_NOISE_LEN];
        let noise_len = handshake.write_message(crypto, list, &mut noise)?;
        Ok(Self {
            phase: Phase::Calling,
            handshake: Some(handshake),
            pattern,
            own,
            channel,
            instance,
            suites,
            check_key: CheckKey::new(peer.as_ref()),
            noise,
            noise_len,
            cookie: [0; COOKIE_LEN],
            init_check: None,
            called_at: now,
            has_resent: false,
            cookie_count: 0,
            resend_timeout: FIRST_RESEND_TIMEOUT,
            resend_at: now,
            give_up_at: now.after(HANDSHAKE_TIMEOUT),
            peer_versions: [0; MAX_VERSIONS],
            peer_version_count: 0,
        })
    }

    /// Writes the INIT to the front of `out`; says how long it is. Always the same bytes, but for
    /// the cookie.
    ///
    /// # Errors
    /// [`Full`] if `out` is too small for it.
    pub fn write_init(&mut self, now: Instant, out: &mut [u8]) -> Result<usize, Full> {
        let noise = self.noise.get(..self.noise_len).ok_or(Full)?;
        let (pattern, channel, cookie) = (number(self.pattern), self.channel, self.cookie);
        let init = Init { pattern, channel, noise, cookie, check: [0; CHECK_LEN] };
        let (len, check) = write_checked(
            out,
            |writer| init.encode(MIN_INIT_BYTES, writer),
            |covered| self.check_key.init(covered),
        )?;
        if self.init_check.is_none() {
            self.give_up_at = now.after(HANDSHAKE_TIMEOUT);
        }
        self.init_check = Some(check);
        self.called_at = now;
        self.resend_at = now.after(self.resend_timeout);
        Ok(len)
    }

    /// Takes a COOKIE. [`Initiator::write_init`] is to be sent at once, now with the cookie.
    ///
    /// # Errors
    /// [`Dropped`]: it is not the answer to our last INIT, or we have obeyed enough of them.
    pub fn handle_cookie(&mut self, packet: &[u8]) -> Result<(), Dropped> {
        let cookie = Cookie::parse(packet)?;
        let init_check = self.init_check_for(cookie.channel)?;
        if !self.check_key.is_cookie(packet, &init_check) {
            return Err(Dropped::Check);
        }
        if self.cookie_count >= MAX_COOKIES {
            return Err(Dropped::TooMany);
        }
        self.cookie_count = self.cookie_count.saturating_add(1);
        self.cookie = cookie.cookie;
        self.resend_timeout = FIRST_RESEND_TIMEOUT;
        Ok(())
    }

    /// Takes a VERSION. If it is genuine, the peer does not speak our version, and the call fails
    /// in a second: whoever forged the packet would have to keep back the REPLY as well.
    ///
    /// # Errors
    /// [`Dropped`]: it is not the answer to our last INIT, or it lists our version.
    pub fn handle_version(&mut self, now: Instant, packet: &[u8]) -> Result<(), Dropped> {
        let version = Version::parse(packet)?;
        let init_check = self.init_check_for(version.channel)?;
        if !self.check_key.is_version(packet, &init_check) {
            return Err(Dropped::Check);
        }
        if version.versions.contains(&VERSION) {
            return Err(Dropped::Version);
        }
        let count = version.versions.len();
        let places = self.peer_versions.get_mut(..count).ok_or(Dropped::Full)?;
        places.copy_from_slice(version.versions);
        self.peer_version_count = count;
        self.give_up_at = self.give_up_at.min(now.after(VERSION_PATIENCE));
        Ok(())
    }

    /// Takes a REPLY. After it, the caller decides about the peer and calls [`Initiator::finish`].
    ///
    /// # Errors
    /// [`ReplyError`]: the call goes on, or is over.
    pub fn handle_reply(
        &mut self,
        crypto: &impl Crypto,
        now: Instant,
        packet: &[u8],
    ) -> Result<Answer, ReplyError> {
        let reply = Reply::parse(packet)?;
        if packet.len() >= MIN_INIT_BYTES {
            return Err(PacketError::Length.into());
        }
        if reply.channel != self.channel {
            return Err(Dropped::Channel.into());
        }
        let (Phase::Calling, Some(handshake)) = (&self.phase, &mut self.handshake) else {
            return Err(Dropped::State.into());
        };
        // However many false ones came: whoever sees the INIT could else stop the call with them.
        let mut list = [0; MIN_INIT_BYTES];
        let list_len = handshake.read_message(crypto, reply.noise, &mut list)?;
        let list = list.get(..list_len).unwrap_or_default();
        let peer = handshake.remote_static().map(HostId::new);
        let rtt = first_rtt(now, self.called_at, self.has_resent);
        let peer = peer.ok_or(Dropped::State)?;
        let answer = self.read_answer(crypto, peer, rtt, list);
        match (&answer, channel_in(list)) {
            (Ok(answer), _) => self.phase = Phase::Answered(*answer),
            (Err(ReplyError::Parameters(error)), Some(channel)) => {
                self.phase = Phase::Rejected(channel, error.code());
            }
            (Err(ReplyError::Suite), Some(channel)) => {
                self.phase = Phase::Rejected(channel, TransportCode::SUITE);
            }
            (Err(_), _) => self.end(),
        }
        answer
    }

    /// Ends the call. Writes the FINISH with `payload` (frames) to the front of `out` and says how
    /// long it is; in IK there is none, and its length is 0.
    ///
    /// The caller keeps the FINISH, and sends the same bytes again until a sealed packet of the
    /// peer opens: to make a second one would be to use a key twice.
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn finish(
        &mut self,
        crypto: &impl Crypto,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<(Ready, usize), FinishError> {
        let (Phase::Answered(answer), Some(handshake)) = (&self.phase, &mut self.handshake) else {
            return Err(FinishError::NotAnswered);
        };
        let len = match (handshake.is_finished(), payload.len()) {
            (true, 0) => 0,
            (false, ..=MAX_FINISH_PAYLOAD_LEN) => {
                write_finish(handshake, crypto, answer.peer_channel, payload, out)?
            }
            _ => return Err(FinishError::Payload),
        };
        let ready = Ready {
            split: handshake.split()?,
            peer: answer.peer,
            parameters: answer.parameters,
            suite: answer.suite,
            channel: self.channel,
            peer_channel: answer.peer_channel,
            role: Role::Initiator,
            rtt: Some(answer.rtt),
            confirm_by: self.give_up_at,
            is_confirmed: true,
        };
        self.end();
        Ok((ready, len))
    }

    /// Writes a FINISH that tells the peer why its REPLY will not do, to the front of `out`; says
    /// how long it is. To be sent once. 0 if there is nothing to send: in IK, or if the peer did
    /// not even name its channel, the peer forgets the call by itself.
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn write_rejection(
        &mut self,
        crypto: &impl Crypto,
        out: &mut [u8],
    ) -> Result<usize, FinishError> {
        let (Phase::Rejected(channel, code), Some(handshake)) = (&self.phase, &mut self.handshake)
        else {
            return Ok(0);
        };
        let mut len = 0;
        if !handshake.is_finished() {
            let mut payload = [0; MAX_BARE_CLOSE_LEN];
            let mut writer = Writer::new(&mut payload);
            let close = CloseFrame { cause: CloseCause::Transport(*code), reason: "" };
            Frame::Close(close).encode(&mut writer)?;
            len = write_finish(handshake, crypto, *channel, writer.written(), out)?;
        }
        self.end();
        Ok(len)
    }

    /// Does what the time asks for.
    pub fn handle_timeout(&mut self, now: Instant) -> TimerVerdict {
        match self.deadline() {
            Some(_) if now >= self.give_up_at => {
                self.end();
                TimerVerdict::GiveUp
            }
            Some(deadline) if now >= deadline => {
                if self.init_check.is_some() {
                    let longer = self.resend_timeout.saturating_mul(5).checked_div(4);
                    let longer = longer.unwrap_or(MAX_RESEND_TIMEOUT);
                    self.resend_timeout = longer.min(MAX_RESEND_TIMEOUT);
                    self.has_resent = true;
                }
                self.resend_at = now.after(self.resend_timeout);
                TimerVerdict::Resend
            }
            _ => TimerVerdict::Wait,
        }
    }

    /// When [`Initiator::handle_timeout`] has something to do; `None` once the peer has answered.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Calling => Some(self.resend_at.min(self.give_up_at)),
            Phase::Answered(..) | Phase::Rejected(..) | Phase::Over => None,
        }
    }

    /// The channel as we named it: REPLY, COOKIE and VERSION packets carry it.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// True if `init` is the one of this call: a host that gets it has its own packets reflected.
    #[must_use]
    pub fn is_of(&self, init: &Init<'_>) -> bool {
        self.channel == init.channel && self.noise.get(..self.noise_len) == Some(init.noise)
    }

    /// The versions that the peer speaks, if it told us that ours is not among them.
    #[must_use]
    pub fn peer_versions(&self) -> &[u8] {
        self.peer_versions.get(..self.peer_version_count).unwrap_or_default()
    }

    /// True if the call was finished, or failed.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over | Phase::Rejected(..))
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.handshake = None;
    }

    fn init_check_for(&self, channel: ChannelId) -> Result<[u8; CHECK_LEN], Dropped> {
        if channel != self.channel {
            return Err(Dropped::Channel);
        }
        match self.phase {
            Phase::Calling => self.init_check.ok_or(Dropped::State),
            Phase::Answered(..) | Phase::Rejected(..) | Phase::Over => Err(Dropped::State),
        }
    }

    fn read_answer(
        &self,
        crypto: &impl Crypto,
        peer: HostId,
        rtt: Duration,
        list: &[u8],
    ) -> Result<Answer, ReplyError> {
        let parsed = Parameters::parse(list, Carrier::Reply).map_err(ReplyError::Parameters)?;
        if let Some(refusal) = parsed.refusal {
            return Err(ReplyError::Refused(refusal.into()));
        }
        let parameters = parsed.parameters;
        let (Some(peer_channel), Some(suite)) = (parameters.channel, parameters.suite) else {
            return Err(ReplyError::Parameters(ParametersError::Missing));
        };
        if parameters.instance.is_some_and(|echoed| Some(echoed) != self.instance) {
            return Err(ReplyError::Parameters(ParametersError::Illegal));
        }
        if parameters.instance.is_none() && is_same(&peer, &self.own) {
            return Err(ReplyError::OwnIdentity);
        }
        let suite = accepted_suite(crypto, &self.suites, suite).ok_or(ReplyError::Suite)?;
        Ok(Answer { peer, peer_channel, parameters, suite, rtt })
    }
}

fn encode_offer<'a>(
    call: &Call<'_>,
    suites: Suites,
    early: &[u8],
    out: &'a mut [u8],
) -> Result<&'a [u8], CallError> {
    if early.len() > MAX_EARLY_LEN || !early.is_empty() && call.pattern != Pattern::Ik {
        return Err(CallError::Early);
    }
    let is_sealed = call.pattern.knows_responder();
    let reset_token = call.parameters.reset_token.filter(|_| is_sealed);
    let offer = Parameters { channel: None, suite: None, suites, reset_token, ..*call.parameters };
    offer.check().map_err(|_| CallError::Parameters)?;
    let mut writer = Writer::new(out);
    offer.encode(&mut writer).map_err(|_| CallError::Parameters)?;
    put_grease(call.ephemeral, &mut writer).map_err(|_| CallError::Parameters)?;
    if !early.is_empty() {
        let datagram = DatagramFrame { parent: StreamId::ROOT, data: early };
        put_end(&mut writer)
            .and_then(|()| datagram.encode_last(&mut writer))
            .map_err(|_| CallError::Early)?;
    }
    Ok(writer.into_written())
}

fn write_finish(
    handshake: &mut Handshake,
    crypto: &impl Crypto,
    channel: ChannelId,
    payload: &[u8],
    out: &mut [u8],
) -> Result<usize, FinishError> {
    let overhead = handshake.message_overhead(handshake.message_index());
    let mut writer = Writer::new(out);
    writer.put_u8(PacketKind::Finish.first_byte())?;
    writer.put_u32(channel.as_u32())?;
    let space = writer.take_mut(overhead.saturating_add(payload.len()))?;
    let len = handshake.write_message(crypto, payload, space)?;
    Ok(len.saturating_add(REPLY_OVERHEAD))
}
