//! Being dialled: from an INIT to a peer that has proved itself.

use core::ops::Range;

use zeroize::Zeroize;

use crate::channel::{Opened, Path};
use crate::crypto::{Crypto, KEY_LEN, KeyPair};
use crate::id::ChannelId;
use crate::negotiation::{self, Ready, Responder, Verdict, WriteReplyError};
use crate::storage::present;
use crate::time::Instant;
use crate::wire::negotiation::Init;
use crate::wire::{Frame, Frames, Refusal};

use super::super::config::Accepting;
use super::super::ignored::Ignored;
use super::super::tables::{Kind, NegotiationRow, Negotiations};
use super::super::wiping::wipe_stack;
use super::{BEGUN, FOUND, Negotiator};

/// The largest FINISH payload that is read.
const MAX_PAYLOAD_BYTES: usize = 1200;

/// A peer that dialled and has proved itself. The negotiation's row stays until the peer has a
/// session, or is turned away.
pub(in crate::host) struct Proved {
    /// The negotiation's row.
    pub(in crate::host) negotiation: u32,
    pub(in crate::host) ready: Ready,
    /// The host's turn when it answered the call.
    pub(in crate::host) answered: u64,
    /// What makes the random choices of its channel.
    pub(in crate::host) secret: [u8; 16],
    /// Where in the packet the frames are that proved it.
    pub(in crate::host) frames: Range<usize>,
    /// The number of that packet, if it was a sealed one and no FINISH.
    pub(in crate::host) sealed: Option<u64>,
}

impl<C: Crypto> Negotiator<'_, '_, C> {
    /// An INIT: answered, once it is worth the work, for a channel of which no name is one that
    /// `is_taken`.
    #[inline(never)]
    pub(in crate::host) fn on_init(
        &mut self,
        now: Instant,
        path: Path,
        packet: &[u8],
        is_taken: impl FnMut(ChannelId) -> bool,
    ) -> Result<(), Ignored> {
        match self.means.config.accepting {
            Accepting::Expected if self.rows.has_own_dials() => {}
            Accepting::Everyone => {}
            Accepting::Expected | Accepting::Nobody => return Err(Ignored::NotAccepting),
        }
        let half_open = self.rows.half_open();
        let crypto = &mut self.means.crypto;
        let mut answer = [0; 64];
        let front = &mut self.door.front;
        match front.check_init(crypto, now, packet, path.peer, half_open, &mut answer) {
            Verdict::Accept(init) => self.answer(now, path, &init, is_taken),
            Verdict::Drop(reason) => Err(Ignored::Negotiation(reason)),
            Verdict::SendCookie(len) => {
                self.stats.cookies_sent = self.stats.cookies_sent.saturating_add(1);
                self.door.outbox.push_from(path, &answer, len);
                Ok(())
            }
            Verdict::SendVersion(len) => {
                self.door.outbox.push_from(path, &answer, len);
                Ok(())
            }
        }
    }

    /// Answers an INIT that passed the front: with the REPLY it had before, or a new one.
    /// Where many are half-open, not for a source that has more of them than are free.
    fn answer(
        &mut self,
        now: Instant,
        path: Path,
        init: &Init<'_>,
        is_taken: impl FnMut(ChannelId) -> bool,
    ) -> Result<(), Ignored> {
        if let Some(index) = self.rows.find_repeated(init) {
            self.rows.owe_reply(index, path);
            return Ok(());
        }
        if self.rows.is_own_init(init) {
            return Err(Ignored::Negotiation(negotiation::Dropped::OwnIdentity));
        }
        if !self.rows.has_room_for(path.peer.ip()) {
            return Err(Ignored::NoCapacity);
        }
        let channel = self.new_channel_id(is_taken).map_err(|_| Ignored::NoCapacity)?;
        self.means.wiping.note();
        let ephemeral = self.new_ephemeral().map_err(|_| Ignored::NoCapacity)?;
        let index = self.rows.insert(now, channel, path).ok_or(Ignored::NoCapacity)?;
        let read = self.read_init(now, index, init, channel, ephemeral).map_err(Some);
        wipe_stack();
        let written = read.and_then(|()| self.write_reply(now, path, index, channel));
        wipe_stack();
        if let Err(ignored) = written {
            self.rows.remove(index);
            return ignored.map_or(Ok(()), Err);
        }
        let (from, turn) = (path.peer.ip(), self.clock.next_turn());
        let noted = self.rows.note_answered(index, init, from, turn);
        noted.map_err(|_| Ignored::NoCapacity)?;
        if self.means.config.takes_replayable {
            self.rows.note_replayable(index);
        }
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
        let (crypto, statics) = (&self.means.crypto, &self.means.identity.statics);
        plant_answer(self.rows, now, index, statics, init, channel);
        let responder = present(self.rows.answer_mut(index), BEGUN).ok_or(Ignored::NoCapacity)?;
        responder.read(crypto, statics, init, ephemeral).map_err(Ignored::Negotiation)
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
        let parameters = self.means.parameters(channel);
        let crypto = &self.means.crypto;
        let responder = present(self.rows.answer_mut(index), BEGUN);
        let responder = responder.ok_or(Some(Ignored::NoCapacity))?;
        let accepted = responder.accept(crypto, now, &parameters).map(|_| ());
        self.stats.on_curve(responder.curve_operations());
        if let Err(WriteReplyError::Refuse(code)) = accepted {
            let refusal = Refusal { code, reason: "" };
            let reply = responder.refuse(crypto, &refusal);
            self.door.outbox.push(path, reply.map_err(|_| Some(Ignored::NoCapacity))?);
            return Err(None);
        }
        Ok(())
    }

    /// Opens a FINISH for the negotiation in row `index`; its payload is then at the front of
    /// `packet`. A function of its own, because what it needs on the stack is gone again before the
    /// channel is made.
    #[inline(never)]
    pub(in crate::host) fn read_finish(
        &mut self,
        now: Instant,
        index: u32,
        packet: &mut [u8],
    ) -> Result<Proved, Ignored> {
        let row = present(self.rows.at_mut(index), FOUND).ok_or(Ignored::UnknownChannel)?;
        let Kind::Answer(responder) = &mut row.kind else {
            // The answer to each is a packet.
            row.may_try(now).map_err(Ignored::Negotiation)?;
            if let Kind::Refused(refused) = &mut row.kind {
                refused.on_finish(now, row.begun_at);
                self.rows.owe(index);
            }
            return Err(Ignored::NoCapacity);
        };
        let mut payload = [0; MAX_PAYLOAD_BYTES];
        let before = responder.curve_operations();
        let result = responder.handle_finish(&self.means.crypto, now, packet, &mut payload);
        self.stats.on_curve(responder.curve_operations().saturating_sub(before));
        let (ready, len) = result.map_err(Ignored::Negotiation)?;
        let full = Ignored::Negotiation(negotiation::Dropped::Full);
        packet.get_mut(..len).ok_or(full)?.copy_from_slice(payload.get(..len).ok_or(full)?);
        let (answered, frames) = (row.answered, 0..len);
        Ok(Proved { negotiation: index, ready, answered, secret: [0; 16], frames, sealed: None })
    }

    /// The peer has proved itself by a FINISH. False if it wants no session after all.
    pub(in crate::host) fn on_finish(
        &mut self,
        call: &mut Proved,
        packet: &[u8],
    ) -> Result<bool, Ignored> {
        self.means.wiping.note();
        if is_rejection(frames_of(packet, &call.frames)) {
            self.rows.remove(call.negotiation);
            return Ok(false);
        }
        call.secret = self.means.new_channel_secret().map_err(|_| Ignored::NoCapacity)?;
        Ok(true)
    }

    /// A sealed packet for the negotiation in row `index`: in IK the first one, which proves the
    /// peer, if it opens. `None` if it says that it wants no session after all.
    #[inline(never)]
    pub(in crate::host) fn on_first_sealed(
        &mut self,
        now: Instant,
        path: Path,
        index: u32,
        packet: &mut [u8],
    ) -> Result<Option<Proved>, Ignored> {
        self.means.wiping.note();
        let row = present(self.rows.at_mut(index), FOUND).ok_or(Ignored::UnknownChannel)?;
        row.may_try(now).map_err(Ignored::Negotiation)?;
        let NegotiationRow { kind: Kind::Answer(responder), answered, .. } = row else {
            // Anyone may name the channel of another negotiation.
            return Err(Ignored::UnknownChannel);
        };
        // With the other patterns it has overtaken FINISH.
        let ready = responder.unconfirmed().ok_or(Ignored::UnknownChannel)?;
        let answered = *answered;
        let secret = self.means.new_channel_secret().map_err(|_| Ignored::NoCapacity)?;
        let opened = self.open_first(now, path, &ready, secret, packet);
        wipe_stack();
        let Opened { payload: frames, number, .. } = opened?;
        if is_rejection(frames_of(packet, &frames)) {
            self.rows.remove(index);
            return Ok(None);
        }
        let sealed = Some(number);
        Ok(Some(Proved { negotiation: index, ready, answered, secret, frames, sealed }))
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
}

/// The frames of a packet that opened.
fn frames_of<'p>(packet: &'p [u8], frames: &Range<usize>) -> &'p [u8] {
    present(packet.get(frames.clone()), "frames are within their packet").unwrap_or_default()
}

/// Whether a FINISH says that the initiator wants no session after all.
fn is_rejection(payload: &[u8]) -> bool {
    Frames::new(payload).any(|frame| matches!(frame, Ok(Frame::Close(_))))
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
