//! [`Initiator`]: one call, from the first INIT to FINISH. Source: `docs/PROTOCOL.md` section 5.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, MAX_VARINT_LEN, Writer};
use crate::crypto::{Crypto, KEY_LEN, TAG_LEN};
use crate::id::{ChannelId, HostId, Instance, StreamId};
use crate::negotiation::call::{Answer, Call, CallError, FinishError, ReplyError, TimerVerdict};
use crate::negotiation::check::{CheckKey, ReplyKey, write_checked};
use crate::negotiation::grease::put_grease;
use crate::negotiation::limits::{
    EARLY_OVERHEAD, FINISH_HEAD_LEN, HANDSHAKE_TIMEOUT, MAX_EARLY_LEN, MAX_FINISH_PAYLOAD_LEN,
    MAX_INIT_NOISE_LEN,
};
use crate::negotiation::routes::Routes;
use crate::negotiation::suite::{accepted_suite, offered_suites};
use crate::negotiation::{Dropped, Ready, first_rtt, is_same, number};
use crate::noise::{Handshake, Pattern, Role};
use crate::path::Path;
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{
    CHECK_LEN, Cookie, Init, MAX_VERSIONS, MIN_INIT_BYTES, REPLY_OVERHEAD, Reply, VERSION, Version,
    init_prologue,
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
    /// The keys are agreed on. FINISH, to this channel, is still without frames.
    Agreed(ChannelId),
    /// A REPLY came in that will not do, and the responder can be told why.
    Rejected(ChannelId, TransportCode),
    /// Finished, or failed.
    Over,
}

/// One call. A row of the caller's table: below 2 KiB, and more where many paths are tried.
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
    /// As the handshake, dropped where it is.
    reply_key: Option<ReplyKey>,
    /// The Noise message of INIT; once there are keys, the beginning of that of FINISH.
    noise: [u8; MAX_INIT_NOISE_LEN],
    noise_len: usize,
    routes: Routes,
    /// The check of the INIT without a cookie, which is the same on every path.
    plain_check: Option<[u8; CHECK_LEN]>,
    give_up_at: Instant,
    peer_versions: [u8; MAX_VERSIONS],
    peer_version_count: usize,
}

const MAX_ROW_BYTES: usize = if cfg!(feature = "large") { 2560 } else { 2048 };
const _: () = assert!(size_of::<Initiator>() <= MAX_ROW_BYTES, "a board holds a few");

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
            reply_key: Some(ReplyKey::of(&handshake)),
            handshake: Some(handshake),
            pattern,
            own,
            channel,
            instance,
            suites,
            check_key: CheckKey::new(peer.as_ref()),
            noise,
            noise_len,
            routes: Routes::new(now, call.path, ephemeral),
            plain_check: None,
            give_up_at: now.after(HANDSHAKE_TIMEOUT),
            peer_versions: [0; MAX_VERSIONS],
            peer_version_count: 0,
        })
    }

    /// Has the peer called at another place too, from `at` on. The first REPLY decides.
    ///
    /// # Errors
    /// [`Full`] if it is tried in [`MAX_ROUTES`](crate::negotiation::limits::MAX_ROUTES) places.
    pub fn add_path(&mut self, now: Instant, path: Path, at: Instant) -> Result<(), Full> {
        self.routes.add(now, path, at)
    }

    /// The next path that an INIT is due on; `None` once the peer has answered.
    #[must_use]
    pub fn due_path(&self) -> Option<Path> {
        self.is_calling().then(|| self.routes.due()).flatten()
    }

    /// Writes the INIT for `path` to the front of `out`; says how long it is. Always the same
    /// bytes, but for the cookie.
    ///
    /// # Errors
    /// [`Full`] if `out` is too small for it, or `path` is not one of this call's.
    pub fn write_init(&mut self, now: Instant, path: Path, out: &mut [u8]) -> Result<usize, Full> {
        let noise = self.noise.get(..self.noise_len).ok_or(Full)?;
        let (pattern, channel) = (number(self.pattern), self.channel);
        let route = self.routes.find_mut(path.peer).ok_or(Full)?;
        let cookie = route.cookie();
        let init = Init { pattern, channel, noise, cookie, check: [0; CHECK_LEN] };
        let (len, check) = write_checked(
            out,
            |writer| init.encode(MIN_INIT_BYTES, writer),
            |covered| self.check_key.init(covered),
        )?;
        route.on_sent(now, check);
        if self.plain_check.is_none() {
            // The first INIT never has a cookie.
            self.give_up_at = now.after(HANDSHAKE_TIMEOUT);
            self.plain_check = Some(check);
        }
        Ok(len)
    }

    /// Takes a COOKIE that came from `path`. Then [`Initiator::due_path`] may have an INIT due at
    /// once, now with the cookie; if COOKIEs came too often, it goes out by the timer.
    ///
    /// # Errors
    /// [`Dropped`]: it answers no INIT that we sent there, or is a copy of one that came before.
    pub fn handle_cookie(&mut self, path: Path, packet: &[u8]) -> Result<(), Dropped> {
        let cookie = Cookie::parse(packet)?;
        let checks = self.checks_on(path, cookie.channel)?;
        if !checks.iter().flatten().any(|check| self.check_key.is_cookie(packet, check)) {
            return Err(Dropped::Check);
        }
        if self.routes.on_cookie(path.peer, cookie.cookie) { Ok(()) } else { Err(Dropped::TooMany) }
    }

    /// Takes a VERSION that came from `path`. It changes nothing but the words in which the call
    /// fails, if it fails: whoever sees an INIT can forge one.
    ///
    /// # Errors
    /// [`Dropped`]: it answers no INIT that we sent there, or it lists our version.
    pub fn handle_version(&mut self, path: Path, packet: &[u8]) -> Result<(), Dropped> {
        let version = Version::parse(packet)?;
        let checks = self.checks_on(path, version.channel)?;
        if !checks.iter().flatten().any(|check| self.check_key.is_version(packet, check)) {
            return Err(Dropped::Check);
        }
        if version.versions.contains(&VERSION) {
            return Err(Dropped::Version);
        }
        let count = version.versions.len();
        let places = self.peer_versions.get_mut(..count).ok_or(Dropped::Full)?;
        places.copy_from_slice(version.versions);
        self.peer_version_count = count;
        Ok(())
    }

    /// Whether a REPLY that came from `path` is worth opening.
    ///
    /// # Errors
    /// [`Dropped`]: the call waits for no REPLY, or for none from there, or for a smaller one; or
    /// its check is wrong, which one hash shows.
    #[inline(never)]
    pub fn expects_reply(&self, path: Path, packet: &[u8]) -> Result<(), Dropped> {
        if packet.len() >= MIN_INIT_BYTES {
            return Err(PacketError::Length.into());
        }
        let Phase::Calling = self.phase else { return Err(Dropped::State) };
        // A true REPLY that somebody copied would else lead all that follows to that address.
        let route = self.routes.find(path.peer).filter(|route| route.check().is_some());
        route.ok_or(Dropped::OtherAddress)?;
        let is_right = self.reply_key.as_ref().is_some_and(|key| key.is_reply(packet));
        if is_right { Ok(()) } else { Err(Dropped::Check) }
    }

    /// Takes a REPLY that came from `path`. After it, the caller decides about the peer and calls
    /// [`Initiator::finish`].
    ///
    /// # Errors
    /// [`ReplyError`]: the call goes on, or is over.
    pub fn handle_reply(
        &mut self,
        crypto: &impl Crypto,
        now: Instant,
        path: Path,
        packet: &[u8],
    ) -> Result<Answer, ReplyError> {
        let reply = Reply::parse(packet)?;
        if reply.channel != self.channel {
            return Err(Dropped::Channel.into());
        }
        self.expects_reply(path, packet)?;
        let route = self.routes.find(path.peer).ok_or(Dropped::OtherAddress)?;
        let (sent_at, has_resent) = route.sent();
        let handshake = self.handshake.as_mut().ok_or(Dropped::State)?;
        // However many false ones came: whoever sees the INIT could else stop the call with them.
        let mut list = [0; MIN_INIT_BYTES];
        let list_len = handshake.read_message(crypto, reply.noise, &mut list)?;
        let list = list.get(..list_len).unwrap_or_default();
        let peer = handshake.remote_static().map(HostId::new);
        let rtt = first_rtt(now, sent_at, has_resent);
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

    /// Agrees with the peer, who has answered. What is left of the call is to send FINISH, which
    /// [`Initiator::seal_finish`] makes once its frames are known; in IK there is none, and the
    /// call is over.
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn agree(&mut self, crypto: &impl Crypto) -> Result<Ready, FinishError> {
        let (Phase::Answered(answer), Some(handshake)) = (&self.phase, &mut self.handshake) else {
            return Err(FinishError::NotAnswered);
        };
        let has_finish = !handshake.is_finished();
        if has_finish {
            self.noise_len = handshake.write_keys(crypto, &mut self.noise)?;
        }
        let ready = Ready {
            split: handshake.split()?,
            hash: (!has_finish).then(|| handshake.hash()),
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
        if has_finish {
            self.phase = Phase::Agreed(answer.peer_channel);
        } else {
            self.end();
        }
        Ok(ready)
    }

    /// Ends the call: makes FINISH of the `frames_len` bytes of frames that stand in `out` after
    /// the first [`FINISH_HEAD_LEN`], from the front of `out` on. Its length, and the handshake
    /// hash.
    ///
    /// The caller keeps the FINISH, and sends the same bytes again until a sealed packet of the
    /// peer opens: to make a second one would be to use a key twice.
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn seal_finish(
        &mut self,
        crypto: &impl Crypto,
        frames_len: usize,
        out: &mut [u8],
    ) -> Result<(usize, [u8; KEY_LEN]), FinishError> {
        let (Phase::Agreed(channel), Some(handshake)) = (&self.phase, &mut self.handshake) else {
            return Err(FinishError::NotAnswered);
        };
        let keys = self.noise.get(..self.noise_len).unwrap_or_default();
        if frames_len > MAX_FINISH_PAYLOAD_LEN {
            return Err(FinishError::Payload);
        }
        let (head, rest) = out.split_at_mut_checked(FINISH_HEAD_LEN).ok_or(FinishError::Full)?;
        let (frames, tag) = rest.split_at_mut_checked(frames_len).ok_or(FinishError::Full)?;
        let tag = tag.get_mut(..TAG_LEN).ok_or(FinishError::Full)?;
        let mut writer = Writer::new(head);
        writer.put_u8(PacketKind::Finish.first_byte())?;
        writer.put_u32(channel.as_u32())?;
        writer.put_bytes(keys)?;
        handshake.write_payload(crypto, frames, tag)?;
        let hash = handshake.hash();
        self.end();
        Ok((FINISH_HEAD_LEN.saturating_add(frames_len).saturating_add(TAG_LEN), hash))
    }

    /// [`Initiator::agree`] and [`Initiator::seal_finish`] in one, for those who have their frames
    /// at hand. In IK there are none, and the length of FINISH is 0.
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn finish(
        &mut self,
        crypto: &impl Crypto,
        payload: &[u8],
        out: &mut [u8],
    ) -> Result<(Ready, usize), FinishError> {
        let (Phase::Answered(_), Some(handshake)) = (&self.phase, &self.handshake) else {
            return Err(FinishError::NotAnswered);
        };
        let has_finish = !handshake.is_finished();
        if payload.len() > if has_finish { MAX_FINISH_PAYLOAD_LEN } else { 0 } {
            return Err(FinishError::Payload);
        }
        let len = FINISH_HEAD_LEN.saturating_add(payload.len()).saturating_add(TAG_LEN);
        if has_finish && out.len() < len {
            return Err(FinishError::Full);
        }
        let ready = self.agree(crypto)?;
        if !has_finish {
            return Ok((ready, 0));
        }
        let frames = out.get_mut(FINISH_HEAD_LEN..).and_then(|out| out.get_mut(..payload.len()));
        frames.ok_or(FinishError::Full)?.copy_from_slice(payload);
        let (len, hash) = self.seal_finish(crypto, payload.len(), out)?;
        Ok((Ready { hash: Some(hash), ..ready }, len))
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

    /// This host's own addresses have changed: [`Initiator::handle_timeout`] is due.
    pub fn on_network_changed(&mut self, now: Instant) {
        self.routes.on_network_changed(now);
    }

    /// Does what the time asks for.
    pub fn handle_timeout(&mut self, now: Instant) -> TimerVerdict {
        match self.deadline() {
            Some(_) if now >= self.give_up_at => {
                self.end();
                TimerVerdict::GiveUp
            }
            Some(_) if self.is_calling() && self.routes.on_timeout(now) => TimerVerdict::Resend,
            _ => TimerVerdict::Wait,
        }
    }

    /// When [`Initiator::handle_timeout`] has something to do; `None` between the peer's answer and
    /// the agreement, and after the call.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Calling => {
                Some(self.routes.deadline().map_or(self.give_up_at, |at| at.min(self.give_up_at)))
            }
            Phase::Agreed(_) => Some(self.give_up_at),
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

    /// True while FINISH waits for [`Initiator::seal_finish`].
    #[must_use]
    pub const fn owes_finish(&self) -> bool {
        matches!(self.phase, Phase::Agreed(_))
    }

    const fn is_calling(&self) -> bool {
        matches!(self.phase, Phase::Calling)
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.handshake = None;
        self.reply_key = None;
    }

    /// The checks that an answer from `path` may refer to: of the INIT sent last there, and of the
    /// one without a cookie.
    fn checks_on(
        &self,
        path: Path,
        channel: ChannelId,
    ) -> Result<[Option<[u8; CHECK_LEN]>; 2], Dropped> {
        if channel != self.channel {
            return Err(Dropped::Channel);
        }
        let Phase::Calling = self.phase else { return Err(Dropped::State) };
        let last = self.routes.find(path.peer).ok_or(Dropped::OtherAddress)?.check();
        let last = last.ok_or(Dropped::State)?;
        Ok([Some(last), self.plain_check.filter(|plain| *plain != last)])
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
