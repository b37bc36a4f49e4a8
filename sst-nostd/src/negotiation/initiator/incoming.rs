//! What comes back to a call: REPLY, COOKIE and VERSION.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use zeroize::Zeroize;

use super::{Initiator, Phase};
use crate::crypto::Crypto;
use crate::id::{ChannelId, HostId};
use crate::negotiation::call::{Answer, ReplyError};
use crate::negotiation::suite::accepted_suite;
use crate::negotiation::{Dropped, first_rtt, is_same};
use crate::path::Path;
use crate::time::{Duration, Instant};
use crate::wire::negotiation::{CHECK_LEN, Cookie, MIN_INIT_BYTES, Reply, VERSION, Version};
use crate::wire::parameters::{Carrier, channel_in};
use crate::wire::{PacketError, Parameters, ParametersError, TransportCode};

impl<S: Clone + Zeroize> Initiator<S> {
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
    /// [`Initiator::agree`].
    ///
    /// # Errors
    /// [`ReplyError`]: the call goes on, or is over.
    pub fn handle_reply(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
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
        crypto: &impl Crypto<Secret = S>,
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
