//! [`Initiator`]: one call, from the first INIT to FINISH. Source: `docs/PROTOCOL.md` section 5.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod finish;
mod incoming;

use zeroize::Zeroize;

use crate::bytes::{Full, Writer};
use crate::crypto::{Crypto, KEY_LEN};
use crate::id::{ChannelId, HostId, Instance, StreamId};
use crate::negotiation::call::{Answer, Call, CallError, TimerVerdict};
use crate::negotiation::check::{CheckKey, ReplyKey, write_checked};
use crate::negotiation::grease::put_grease;
use crate::negotiation::limits::{
    EARLY_OVERHEAD, HANDSHAKE_TIMEOUT, MAX_EARLY_LEN, MAX_INIT_NOISE_LEN,
};
use crate::negotiation::routes::Routes;
use crate::negotiation::suite::offered_suites;
use crate::negotiation::{is_same, number};
use crate::noise::{Handshake, Pattern, Role};
use crate::path::Path;
use crate::time::Instant;
use crate::wire::negotiation::{CHECK_LEN, Init, MAX_VERSIONS, MIN_INIT_BYTES, init_prologue};
use crate::wire::parameters::{MAX_PARAMETERS_LEN, put_end};
use crate::wire::{DatagramFrame, Parameters, Suites, TransportCode};

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
pub struct Initiator<S: Zeroize = [u8; KEY_LEN]> {
    phase: Phase,
    /// Never moved out of here, which would leave a copy of its secrets: dropped where it is.
    handshake: Option<Handshake<S>>,
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

impl<S: Clone + Zeroize> Initiator<S> {
    /// Begins a call: the first handshake message is made here, once, and sent as often as needed.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn new(
        crypto: &impl Crypto<Secret = S>,
        now: Instant,
        call: &Call<'_, S>,
    ) -> Result<Self, CallError> {
        Self::with_early(crypto, now, call, b"")
    }

    /// Begins a call that carries data before anything is agreed, in IK. DANGER: whoever records
    /// the INIT can have the peer hear them again, and whoever gets the peer's static secret can
    /// read them.
    ///
    /// # Errors
    /// [`CallError`].
    pub fn with_early(
        crypto: &impl Crypto<Secret = S>,
        now: Instant,
        call: &Call<'_, S>,
        early: &[u8],
    ) -> Result<Self, CallError> {
        let mut initiator = Self::unwritten(crypto, now, call)?;
        initiator.write_first(crypto, call, early)?;
        Ok(initiator)
    }

    /// A call whose first message is to be written by [`write_first`](Self::write_first). Two steps
    /// for who has little stack: an initiator is large, and is best in its place before keys are
    /// computed with.
    ///
    /// # Errors
    /// [`CallError::OwnIdentity`].
    pub fn unwritten(
        crypto: &impl Crypto<Secret = S>,
        now: Instant,
        call: &Call<'_, S>,
    ) -> Result<Self, CallError> {
        let Call { pattern, peer, channel, ephemeral, .. } = *call;
        let own = HostId::new(*call.statics.public());
        let instance = call.parameters.instance;
        if instance.is_none() && peer.is_some_and(|peer| is_same(&peer, &own)) {
            return Err(CallError::OwnIdentity);
        }
        Ok(Self {
            phase: Phase::Calling,
            reply_key: None,
            handshake: None,
            pattern,
            own,
            channel,
            instance,
            suites: offered_suites(crypto),
            check_key: CheckKey::new(peer.as_ref()),
            noise: [0; MAX_INIT_NOISE_LEN],
            noise_len: 0,
            routes: Routes::new(now, call.path, ephemeral),
            plain_check: None,
            give_up_at: now.after(HANDSHAKE_TIMEOUT),
            peer_versions: [0; MAX_VERSIONS],
            peer_version_count: 0,
        })
    }

    /// Writes the first message of an [`unwritten`](Self::unwritten) call; `call` is the same.
    ///
    /// # Errors
    /// [`CallError`]; the call is then of no use.
    pub fn write_first(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        call: &Call<'_, S>,
        early: &[u8],
    ) -> Result<(), CallError> {
        let mut list = [0; MAX_PARAMETERS_LEN + EARLY_OVERHEAD + MAX_EARLY_LEN];
        let list = encode_offer(call, self.suites, early, &mut list)?;
        let noise_len = call.pattern.message_overhead(0).saturating_add(list.len());
        let prologue = init_prologue(number(call.pattern), call.channel, noise_len);
        let handshake = Handshake::new(
            call.pattern,
            Role::Initiator,
            &[b"SST1", &prologue],
            call.statics,
            *call.ephemeral,
            call.peer.map(|peer| *peer.as_bytes()),
        )?;
        let handshake = self.handshake.insert(handshake);
        self.noise_len = handshake.write_message(crypto, list, &mut self.noise)?;
        self.reply_key = Some(ReplyKey::of(handshake));
        Ok(())
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
}

fn encode_offer<'a, S: Zeroize>(
    call: &Call<'_, S>,
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
