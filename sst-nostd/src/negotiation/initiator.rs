//! [`Initiator`]: one call, from the first INIT to the FINISH.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, Writer};
use crate::crypto::Crypto;
use crate::id::{ChannelId, HostId};
use crate::negotiation::call::{Answer, Call, CallError, FinishError, ReplyError, TimerVerdict};
use crate::negotiation::check::{CheckKey, write_checked};
use crate::negotiation::limits::{
    FIRST_RESEND_TIMEOUT, HANDSHAKE_TIMEOUT, MAX_FALSE_REPLIES, MAX_FINISH_PAYLOAD_LEN,
    MAX_INIT_NOISE_LEN, MAX_PROMPT_RESENDS, MAX_RESEND_TIMEOUT,
};
use crate::negotiation::suite::{accepted_suite, offered_suites};
use crate::negotiation::{Dropped, Ready, Refused, number};
use crate::noise::{Handshake, Pattern, Role};
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{
    CHECK_LEN, COOKIE_LEN, Cookie, Init, MIN_INIT_BYTES, REPLY_OVERHEAD, Reply, VERSION, Version,
    init_prologue,
};
use crate::wire::parameters::{Carrier, MAX_PARAMETERS_LEN, Suites};
use crate::wire::{PacketError, PacketKind, Parameters, ParametersError, TransportCode};

#[derive(Debug)]
enum Phase {
    /// INITs go out.
    Calling(Handshake),
    /// A REPLY came in.
    Answered(Handshake, Answer),
    /// Finished, or failed.
    Over,
}

/// One call. A row of the caller's table: below 2 KiB.
#[derive(Debug)]
pub struct Initiator {
    phase: Phase,
    pattern: Pattern,
    own: HostId,
    channel: ChannelId,
    suites: Suites,
    check_key: CheckKey,
    noise: [u8; MAX_INIT_NOISE_LEN],
    noise_len: usize,
    cookie: [u8; COOKIE_LEN],
    has_called: bool,
    /// Of the INIT sent last, unless a cookie has answered it.
    init_check: Option<[u8; CHECK_LEN]>,
    prompt_resends: u8,
    false_replies: u8,
    resend_timeout: Duration,
    resend_at: Instant,
    give_up_at: Instant,
}

const _: () = assert!(size_of::<Initiator>() <= 2048, "a board holds a few");

impl Initiator {
    /// Begins a call: the first handshake message is made here, once, and sent as often as needed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn new(crypto: &impl Crypto, now: Instant, call: &Call<'_>) -> Result<Self, CallError> {
        let Call { pattern, statics, peer, parameters, channel, ephemeral } = *call;
        let own = HostId::new(*statics.public());
        if peer == Some(own) {
            return Err(CallError::OwnIdentity);
        }
        let suites = offered_suites(crypto);
        let mut list = [0; MAX_PARAMETERS_LEN];
        let list = encode_offer(parameters, pattern, suites, &mut list)?;
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
            phase: Phase::Calling(handshake),
            pattern,
            own,
            channel,
            suites,
            check_key: CheckKey::new(peer.as_ref()),
            noise,
            noise_len,
            cookie: [0; COOKIE_LEN],
            has_called: false,
            init_check: None,
            prompt_resends: 0,
            false_replies: 0,
            resend_timeout: FIRST_RESEND_TIMEOUT,
            resend_at: now,
            give_up_at: now.after(HANDSHAKE_TIMEOUT),
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
        self.init_check = Some(check);
        self.has_called = true;
        self.resend_at = now.after(self.resend_timeout);
        Ok(len)
    }

    /// Takes a COOKIE. The next INIT carries it; true if that is to be sent at once.
    ///
    /// # Errors
    /// [`Dropped`]: it is not the answer to our last INIT.
    pub fn handle_cookie(&mut self, packet: &[u8]) -> Result<bool, Dropped> {
        let cookie = Cookie::parse(packet)?;
        let init_check = self.init_check_for(cookie.channel)?;
        if !self.check_key.is_cookie(packet, &init_check) {
            return Err(Dropped::Check);
        }
        self.cookie = cookie.cookie;
        // The next INIT has another check, but only once it is sent: one cookie for each.
        self.init_check = None;
        let is_prompt = self.prompt_resends < MAX_PROMPT_RESENDS;
        self.prompt_resends = self.prompt_resends.saturating_add(1);
        if is_prompt {
            self.resend_timeout = FIRST_RESEND_TIMEOUT;
        }
        Ok(is_prompt)
    }

    /// Takes a VERSION. If it is genuine, the peer does not speak our version and the call is over.
    ///
    /// # Errors
    /// [`Dropped`]: it is not the answer to our last INIT, or it lists our version.
    pub fn handle_version(&mut self, packet: &[u8]) -> Result<Refused, Dropped> {
        let version = Version::parse(packet)?;
        let init_check = self.init_check_for(version.channel)?;
        if !self.check_key.is_version(packet, &init_check) {
            return Err(Dropped::Check);
        }
        if version.versions.contains(&VERSION) {
            return Err(Dropped::Version);
        }
        self.phase = Phase::Over;
        Ok(Refused::new(TransportCode::VERSION))
    }

    /// Takes a REPLY. After it, the caller decides about the peer and calls [`Initiator::finish`].
    ///
    /// # Errors
    /// [`ReplyError`]: the call goes on, or is over.
    pub fn handle_reply(
        &mut self,
        crypto: &impl Crypto,
        packet: &[u8],
    ) -> Result<Answer, ReplyError> {
        let reply = Reply::parse(packet)?;
        if packet.len() >= MIN_INIT_BYTES {
            return Err(PacketError::Length.into());
        }
        if reply.channel != self.channel {
            return Err(Dropped::Channel.into());
        }
        let Phase::Calling(handshake) = &mut self.phase else {
            return Err(Dropped::State.into());
        };
        if self.false_replies >= MAX_FALSE_REPLIES {
            return Err(Dropped::TooMany.into());
        }
        let mut list = [0; MIN_INIT_BYTES];
        let read = handshake.read_message(crypto, reply.noise, &mut list);
        let list_len =
            read.inspect_err(|_| self.false_replies = self.false_replies.saturating_add(1))?;
        let key = handshake.remote_static();
        let Phase::Calling(handshake) = core::mem::replace(&mut self.phase, Phase::Over) else {
            return Err(Dropped::State.into());
        };
        let list = list.get(..list_len).unwrap_or_default();
        let peer = key.map(HostId::new).filter(|peer| *peer != self.own);
        let answer = self.read_answer(crypto, peer.ok_or(ReplyError::OwnIdentity)?, list)?;
        self.phase = Phase::Answered(handshake, answer);
        Ok(answer)
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
        let Phase::Answered(handshake, answer) = &mut self.phase else {
            return Err(FinishError::NotAnswered);
        };
        let len = match (handshake.is_finished(), payload.len()) {
            (true, 0) => 0,
            (false, ..=MAX_FINISH_PAYLOAD_LEN) => {
                write_finish(handshake, crypto, answer.peer_channel, payload, out)?
            }
            _ => return Err(FinishError::Payload),
        };
        let answered = core::mem::replace(&mut self.phase, Phase::Over);
        let Phase::Answered(handshake, answer) = answered else {
            return Err(FinishError::NotAnswered);
        };
        let ready = Ready {
            split: handshake.split()?,
            peer: answer.peer,
            parameters: answer.parameters,
            suite: answer.suite,
            channel: self.channel,
            peer_channel: answer.peer_channel,
            role: Role::Initiator,
            is_confirmed: true,
        };
        Ok((ready, len))
    }

    /// Does what the time asks for.
    pub fn handle_timeout(&mut self, now: Instant) -> TimerVerdict {
        match self.deadline() {
            Some(_) if now >= self.give_up_at => {
                self.phase = Phase::Over;
                TimerVerdict::GiveUp
            }
            Some(deadline) if now >= deadline => {
                if self.has_called {
                    let longer = self.resend_timeout.saturating_mul(3).checked_div(2);
                    let longer = longer.unwrap_or(MAX_RESEND_TIMEOUT);
                    self.resend_timeout = longer.min(MAX_RESEND_TIMEOUT);
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
            Phase::Calling(_) => Some(self.resend_at.min(self.give_up_at)),
            Phase::Answered(..) | Phase::Over => None,
        }
    }

    /// The channel as we named it: REPLY, COOKIE and VERSION packets carry it.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// True if the call was finished, or failed.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    fn init_check_for(&self, channel: ChannelId) -> Result<[u8; CHECK_LEN], Dropped> {
        if channel != self.channel {
            return Err(Dropped::Channel);
        }
        match self.phase {
            Phase::Calling(_) => self.init_check.ok_or(Dropped::State),
            Phase::Answered(..) | Phase::Over => Err(Dropped::State),
        }
    }

    fn read_answer(
        &self,
        crypto: &impl Crypto,
        peer: HostId,
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
        let suite = accepted_suite(crypto, &self.suites, suite).ok_or(ReplyError::Suite)?;
        Ok(Answer { peer, peer_channel, parameters, suite })
    }
}

fn encode_offer<'a>(
    parameters: &Parameters,
    pattern: Pattern,
    suites: Suites,
    out: &'a mut [u8],
) -> Result<&'a [u8], CallError> {
    let is_sealed = pattern.knows_responder();
    let reset_token = parameters.reset_token.filter(|_| is_sealed);
    let offer = Parameters { channel: None, suite: None, suites, reset_token, ..*parameters };
    offer.check().map_err(|_| CallError::Parameters)?;
    let mut writer = Writer::new(out);
    offer.encode(&mut writer).map_err(|_| CallError::Parameters)?;
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
