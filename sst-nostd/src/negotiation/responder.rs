//! [`Responder`]: one answer to a call, from the INIT to the FINISH. Source: `docs/PROTOCOL.md`
//! section 5.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use zeroize::Zeroize;

use crate::bytes::{Full, Writer};
use crate::crypto::{Crypto, KEY_LEN, KeyPair, Suite};
use crate::id::{ChannelId, HostId};
use crate::negotiation::check::ReplyKey;
use crate::negotiation::limits::{HANDSHAKE_TIMEOUT, MAX_EARLY_LEN, MAX_REPLY_LEN};
use crate::negotiation::suite::choose_suite;
use crate::negotiation::{Dropped, Ready, first_rtt, is_same, pattern};
use crate::noise::{Handshake, NoiseError, Role};
use crate::time::Instant;
use crate::wire::negotiation::{CHECK_LEN, Finish, Init, MAX_INIT_BYTES, REPLY_OVERHEAD};
use crate::wire::parameters::{Carrier, MAX_PARAMETERS_LEN, early_in};
use crate::wire::{Frame, Frames, PacketKind, Parameters, Refusal, Suites, TransportCode};

/// What an INIT asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Who calls, if it says so at once (IK). It may be a recording.
    pub peer: Option<HostId>,
    /// What the initiator told us about itself.
    pub parameters: Parameters,
    /// The cipher suite that we chose.
    pub suite: Suite,
}

/// Why a REPLY was not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteReplyError {
    /// The handshake does not go on.
    Noise(NoiseError),
    /// A parameter holds a value that cannot be written, or the reason of a refusal is too long.
    Parameters,
    /// The INIT can only be refused: see [`Responder::offer`].
    Refuse(TransportCode),
    /// The REPLY has been written.
    State,
}

/// One answer to a call. A row of the caller's table: below 2 KiB.
#[derive(Debug)]
pub struct Responder<S: Zeroize = [u8; KEY_LEN]> {
    /// Never moved out of here, which would leave a copy of its secrets: dropped where it is.
    handshake: Option<Handshake<S>>,
    own: HostId,
    channel: ChannelId,
    peer_channel: ChannelId,
    peer_ephemeral: [u8; KEY_LEN],
    offer: Result<Offer, TransportCode>,
    early: heapless::Vec<u8, MAX_EARLY_LEN>,
    reply: [u8; MAX_REPLY_LEN],
    reply_len: usize,
    replied_at: Option<Instant>,
    /// A FINISH does not say which REPLY it answers.
    has_repeated: bool,
    expires_at: Instant,
    agreements: u32,
}

const _: () = assert!(size_of::<Responder>() <= 2048, "a board holds a few");

impl<S: Clone + Zeroize> Responder<S> {
    /// Reads an INIT that a [`Front`](super::Front) let through. `channel` is our name for the
    /// channel, `ephemeral` a secret key that was never used before.
    ///
    /// # Errors
    /// [`Dropped`]: the INIT is not authentic, or of our own identity without an instance.
    pub fn new(
        crypto: &impl Crypto<Secret = S>,
        now: Instant,
        statics: &KeyPair<S>,
        init: &Init<'_>,
        channel: ChannelId,
        ephemeral: [u8; KEY_LEN],
    ) -> Result<Self, Dropped> {
        let mut responder = Self::unread(now, statics, init, channel);
        responder.read(crypto, statics, init, ephemeral)?;
        Ok(responder)
    }

    /// An answer to `init`, which is still to be [`read`](Self::read); until then it offers
    /// nothing. Two steps for who has little stack: a responder is large, and is best in its place
    /// before keys are computed with.
    #[must_use]
    pub fn unread(now: Instant, statics: &KeyPair<S>, init: &Init<'_>, channel: ChannelId) -> Self {
        Self {
            handshake: None,
            own: HostId::new(*statics.public()),
            channel,
            peer_channel: init.channel,
            peer_ephemeral: init.ephemeral(),
            offer: Err(TransportCode::INTERNAL),
            early: heapless::Vec::new(),
            reply: [0; MAX_REPLY_LEN],
            reply_len: 0,
            replied_at: None,
            has_repeated: false,
            expires_at: now.after(HANDSHAKE_TIMEOUT),
            agreements: 0,
        }
    }

    /// Reads the INIT that an [`unread`](Self::unread) answer is to, `init` again.
    ///
    /// # Errors
    /// As of [`new`](Self::new); the answer is then of no use.
    pub fn read(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        statics: &KeyPair<S>,
        init: &Init<'_>,
        ephemeral: [u8; KEY_LEN],
    ) -> Result<(), Dropped> {
        let handshake = Handshake::new(
            pattern(init.pattern),
            Role::Responder,
            &[b"SST1", &init.prologue()],
            statics,
            ephemeral,
            None,
        )?;
        let handshake = self.handshake.insert(handshake);
        let mut list = [0; MAX_INIT_BYTES];
        let list_len = handshake.read_message(crypto, init.noise, &mut list)?;
        let peer = handshake.remote_static().map(HostId::new);
        let list = list.get(..list_len).unwrap_or_default();
        self.agreements = handshake.agreements();
        self.offer = read_offer(crypto, peer, list);
        let has_instance = self.offer.is_ok_and(|offer| offer.parameters.instance.is_some());
        if !has_instance && peer.is_some_and(|peer| is_same(&peer, &self.own)) {
            return Err(Dropped::OwnIdentity);
        }
        self.early = peer.map(|_| read_early(list)).unwrap_or_default();
        Ok(())
    }

    /// Makes the REPLY that accepts the offer. The channel, the suite and the instance, which is
    /// that of the offer, are filled in here.
    ///
    /// # Errors
    /// [`WriteReplyError`].
    pub fn accept(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        now: Instant,
        parameters: &Parameters,
    ) -> Result<&[u8], WriteReplyError> {
        let offer = self.offer.map_err(WriteReplyError::Refuse)?;
        let (channel, suite) = (Some(self.channel), Some(offer.suite.into()));
        let (suites, instance) = (Suites::default(), offer.parameters.instance);
        let parameters = Parameters { channel, suite, suites, instance, ..*parameters };
        parameters.check().map_err(|_| WriteReplyError::Parameters)?;
        self.write_reply(crypto, |writer| parameters.encode(writer))?;
        self.replied_at = Some(now);
        Ok(self.reply())
    }

    /// Makes the REPLY that refuses. The negotiation is over: send it and throw the row away.
    ///
    /// # Errors
    /// [`WriteReplyError`].
    pub fn refuse(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        refusal: &Refusal<'_>,
    ) -> Result<&[u8], WriteReplyError> {
        self.write_reply(crypto, |writer| refusal.encode(writer))?;
        self.handshake = None;
        Ok(self.reply())
    }

    /// The REPLY once more, for a repeated INIT.
    pub fn repeat(&mut self, now: Instant) -> &[u8] {
        self.replied_at = Some(now);
        self.has_repeated = true;
        self.reply()
    }

    /// The keys that there are right after the REPLY: in IK, which has no FINISH. The row stays
    /// until they are confirmed, to answer a repeated INIT.
    #[must_use]
    pub fn unconfirmed(&self) -> Option<Ready> {
        let handshake = self.handshake.as_ref().filter(|handshake| handshake.is_finished())?;
        let peer = HostId::new(handshake.remote_static()?);
        self.ready(handshake, peer).ok()
    }

    /// Takes the keys right after the REPLY: in IK, which has no FINISH. From then on, nothing but
    /// a repeated INIT is answered.
    pub fn take_unconfirmed(&mut self) -> Option<Ready> {
        let ready = self.unconfirmed()?;
        self.handshake = None;
        Some(ready)
    }

    /// Takes a FINISH. Says how many bytes of frames are now at the front of `payload_out`, which
    /// takes any if it is as long as the packet.
    ///
    /// # Errors
    /// [`Dropped`]: it is not the end of this negotiation; the true one may still come.
    pub fn handle_finish(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        now: Instant,
        packet: &[u8],
        payload_out: &mut [u8],
    ) -> Result<(Ready, usize), Dropped> {
        let finish = Finish::parse(packet)?;
        if finish.channel != self.channel {
            return Err(Dropped::Channel);
        }
        let handshake = self.handshake.as_mut().ok_or(Dropped::State)?;
        let read = handshake.read_message(crypto, finish.noise, payload_out);
        self.agreements = handshake.agreements();
        let payload_len = read?;
        let ready = self.proved(now);
        self.handshake = None;
        Ok((ready?, payload_len))
    }

    /// What the INIT asked for; or why it must be refused.
    ///
    /// # Errors
    /// The code for [`Responder::refuse`].
    pub const fn offer(&self) -> Result<Offer, TransportCode> {
        self.offer
    }

    /// The data that the INIT carried, from whoever sent it first: it may be a recording. Empty
    /// if there are none.
    #[must_use]
    pub fn early(&self) -> &[u8] {
        &self.early
    }

    /// The REPLY. Empty before it is made.
    #[must_use]
    pub fn reply(&self) -> &[u8] {
        self.reply.get(..self.reply_len).unwrap_or_default()
    }

    /// True if `init` is the one that this answers, wherever it comes from: the same channel and
    /// the same ephemeral key. The answer is [`Responder::repeat`].
    #[must_use]
    pub fn is_repeat(&self, init: &Init<'_>) -> bool {
        self.peer_channel == init.channel && self.peer_ephemeral == init.ephemeral()
    }

    /// When the row is to be thrown away.
    #[must_use]
    pub const fn expires_at(&self) -> Instant {
        self.expires_at
    }

    /// The channel as we named it: a FINISH carries it.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// The key of the REPLY's check, before it is made.
    #[cfg(test)]
    pub(super) fn reply_key(&self) -> ReplyKey {
        ReplyKey::of(self.handshake.as_ref().unwrap())
    }

    /// How many operations on the curve this has cost: agreements, and the ephemeral public key.
    #[must_use]
    pub fn curve_operations(&self) -> u32 {
        self.agreements.saturating_add(u32::from(self.reply_len > 0))
    }

    fn write_reply(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
        encode: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    ) -> Result<&[u8], WriteReplyError> {
        let Some(handshake) = self.handshake.as_mut().filter(|_| self.reply_len == 0) else {
            return Err(WriteReplyError::State);
        };
        let mut list = [0; MAX_PARAMETERS_LEN];
        let mut list = Writer::new(&mut list);
        encode(&mut list).map_err(|_| WriteReplyError::Parameters)?;
        let mut writer = Writer::new(&mut self.reply);
        writer.put_u8(PacketKind::Reply.first_byte())?;
        writer.put_u32(self.peer_channel.as_u32())?;
        let space_len = writer.remaining_len();
        let space = writer.take_mut(space_len)?;
        let key = ReplyKey::of(handshake);
        let len = handshake.write_message(crypto, list.written(), space)?;
        self.agreements = handshake.agreements();
        let covered_len = len.saturating_add(REPLY_OVERHEAD);
        let (covered, rest) = self.reply.split_at_mut_checked(covered_len).ok_or(Full)?;
        *rest.first_chunk_mut::<CHECK_LEN>().ok_or(Full)? = key.check(covered);
        self.reply_len = covered_len.saturating_add(CHECK_LEN);
        Ok(self.reply())
    }

    /// What a FINISH that was read leaves.
    fn proved(&self, now: Instant) -> Result<Ready, Dropped> {
        let handshake = self.handshake.as_ref().ok_or(Dropped::State)?;
        let peer = handshake.remote_static().map(HostId::new);
        let has_instance = self.offer.is_ok_and(|offer| offer.parameters.instance.is_some());
        let peer = peer.filter(|peer| has_instance || !is_same(peer, &self.own));
        let peer = peer.ok_or(Dropped::OwnIdentity)?;
        let rtt = self.replied_at.map(|sent_at| first_rtt(now, sent_at, self.has_repeated));
        Ok(Ready { rtt, is_confirmed: true, ..self.ready(handshake, peer)? })
    }

    /// Without a round trip time, and unconfirmed.
    fn ready(&self, handshake: &Handshake<S>, peer: HostId) -> Result<Ready, Dropped> {
        let offer = self.offer.map_err(|_| Dropped::State)?;
        Ok(Ready {
            split: handshake.split()?,
            hash: Some(handshake.hash()),
            peer,
            parameters: offer.parameters,
            suite: offer.suite,
            channel: self.channel,
            peer_channel: self.peer_channel,
            role: Role::Responder,
            rtt: None,
            confirm_by: self.expires_at,
            is_confirmed: false,
        })
    }
}

impl From<NoiseError> for WriteReplyError {
    fn from(error: NoiseError) -> Self {
        Self::Noise(error)
    }
}

impl From<Full> for WriteReplyError {
    fn from(_: Full) -> Self {
        Self::Parameters
    }
}

/// The datagram of the root behind the list, if it is there and not too long.
fn read_early(list: &[u8]) -> heapless::Vec<u8, MAX_EARLY_LEN> {
    match Frames::new(early_in(list)).next() {
        Some(Ok(Frame::Datagram(frame))) if frame.parent.is_root() => {
            heapless::Vec::from_slice(frame.data).unwrap_or_default()
        }
        _ => heapless::Vec::new(),
    }
}

fn read_offer(
    crypto: &impl Crypto,
    peer: Option<HostId>,
    list: &[u8],
) -> Result<Offer, TransportCode> {
    let parsed = Parameters::parse(list, Carrier::Init).map_err(|error| error.code())?;
    let parameters = parsed.parameters;
    let suite = choose_suite(crypto, &parameters.suites)?;
    Ok(Offer { peer, parameters, suite })
}
