//! The end of a call: the keys are agreed on, and FINISH is made, or says why there is none.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use zeroize::Zeroize;

use super::{Initiator, Phase};
use crate::bytes::{MAX_VARINT_LEN, Writer};
use crate::crypto::{Crypto, KEY_LEN, TAG_LEN};
use crate::id::ChannelId;
use crate::negotiation::Ready;
use crate::negotiation::call::FinishError;
use crate::negotiation::limits::{FINISH_HEAD_LEN, MAX_FINISH_PAYLOAD_LEN};
use crate::noise::{Handshake, Role};
use crate::wire::negotiation::REPLY_OVERHEAD;
use crate::wire::{CloseCause, CloseFrame, Frame, PacketKind};

/// A CLOSE frame without a reason.
const MAX_BARE_CLOSE_LEN: usize = 2 + MAX_VARINT_LEN;

impl<S: Clone + Zeroize> Initiator<S> {
    /// Agrees with the peer, who has answered. What is left of the call is to send FINISH, which
    /// [`Initiator::seal_finish`] makes once its frames are known; in IK there is none, and the
    /// call is over.
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn agree(&mut self, crypto: &impl Crypto<Secret = S>) -> Result<Ready, FinishError> {
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
        crypto: &impl Crypto<Secret = S>,
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
    pub fn agree_and_seal(
        &mut self,
        crypto: &impl Crypto<Secret = S>,
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
        crypto: &impl Crypto<Secret = S>,
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
}

fn write_finish<S: Clone + Zeroize>(
    handshake: &mut Handshake<S>,
    crypto: &impl Crypto<Secret = S>,
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
