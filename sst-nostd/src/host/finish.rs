//! FINISH, the last packet of a negotiation and the first of a channel: what the channel and its
//! session have to do with it, at either end.

use crate::channel::Path;
use crate::crypto::Crypto;
use crate::id::ChannelId;
use crate::limits::FINISH_BYTES;
use crate::negotiation::limits::FINISH_HEAD_LEN;
use crate::negotiation::{FinishError, Initiator};
use crate::recovery::ecn::Codepoint;
use crate::session::{Breach, Packet, Visit};
use crate::storage::present;
use crate::time::Instant;
use crate::wire::{Frames, TransportCode};

use super::bonds::Bonds;
use super::ignored::Ignored;
use super::negotiator::{Failure, Proved};
use super::tables::UNSETTLED;

/// What must be so of the channel that a negotiation names.
const ANSWERED: &str = "the channel that a call brought is here as long as the call";

/// Where a packet came from, and the mark on it.
#[derive(Clone, Copy)]
pub(super) struct Origin {
    pub(super) path: Path,
    pub(super) codepoint: Codepoint,
}

impl<C: Crypto> Bonds<'_, C> {
    /// Seals the FINISH of the call that brought `channel`, with what frames there are, to the
    /// front of `buffer`, and records it; says how long it is. A function of its own, because of
    /// the secrets that it leaves on the stack.
    #[inline(never)]
    pub(super) fn seal_finish(
        &mut self,
        now: Instant,
        crypto: &C,
        channel: u32,
        call: &mut Initiator<C::Secret>,
        buffer: &mut [u8],
    ) -> Result<usize, Failure> {
        let bond = self.bond(channel).ok_or(Failure::NoKeys)?;
        let around = bond.around;
        let room = buffer.len().min(FINISH_BYTES);
        let out = buffer.get_mut(..room).unwrap_or_default();
        // It could not be sent again if it were lost, so it is not sent at all.
        let builder = around.channel.begin_finish(out, FINISH_HEAD_LEN, around.sent);
        let mut builder = builder.map_err(|_| Failure::NoRoom)?;
        bond.session.fill_finish(now, &mut builder, around.sent, around.streams);
        let mut hash = None;
        let seal = |frames_len, out: &mut [u8]| {
            let (len, sealed) = call.seal_finish(crypto, frames_len, out)?;
            hash = Some(sealed);
            Ok::<_, FinishError>(len)
        };
        let sealed = around.channel.seal_finish(now, builder, around.sent, seal);
        let len = sealed.map_err(|error| error.map_or(Failure::NoRoom, |_| Failure::NoKeys))?;
        if let Some(row) = present(self.channels.at_mut(channel), ANSWERED) {
            row.hash = hash;
        }
        Ok(len)
    }

    /// The call that brought `channel` stays until the peer is known to have its FINISH, which went
    /// out, or waits to, at that turn. Answers with the channel's id and path.
    pub(super) fn await_confirmation(
        &mut self,
        channel: u32,
        turn: u64,
    ) -> Option<(ChannelId, Path)> {
        let row = present(self.channels.at_mut(channel), ANSWERED)?;
        row.settled = UNSETTLED | turn;
        self.sessions.touch(row.session);
        Some((row.channel.local_id(), row.channel.path()))
    }

    /// FINISH went again for the channel in row `index`, as far as it can.
    pub(super) fn on_finish_resent(&mut self, now: Instant, index: u32) {
        if let Some(row) = present(self.channels.at_mut(index), ANSWERED) {
            row.channel.on_finish_resent(now, &mut self.sent);
        }
    }

    /// The frames of the packet by which a peer proved itself go to the session that it got. A
    /// function of its own: what it needs on the stack is not there when somebody is turned away.
    #[inline(never)]
    pub(super) fn take_first_frames(
        &mut self,
        now: Instant,
        from: Origin,
        channel: u32,
        call: &Proved,
        packet: &[u8],
    ) -> Visit {
        let payload = present(packet.get(call.frames.clone()), "frames are within their packet")
            .unwrap_or_default();
        let Some(row) =
            present(self.channels.at_mut(channel), "a peer that was let in has a channel")
        else {
            return Visit::default();
        };
        let mut first = Packet {
            number: 0,
            is_highest: true,
            codepoint: from.codepoint,
            path: from.path,
            len: packet.len(),
            proves_finish: false,
            payload,
        };
        if let Some(number) = call.sealed {
            row.channel.on_opened(now, number, packet.len());
            first.number = number;
            return self.receive(now, channel, &first);
        }
        row.channel.on_finish_received(now, from.codepoint);
        let session = row.session;
        self.sessions.touch(session);
        if !is_payload_for_finish(payload) {
            let rule = "FINISH acknowledges nothing";
            let breach = Breach { code: TransportCode::PROTOCOL, rule };
            let is_breach = self.sessions.close_for(session, &breach);
            return Visit { is_breach, ..Visit::default() };
        }
        if payload.is_empty() {
            return Visit::default();
        }
        // Its mark was counted above.
        first.codepoint = Codepoint::NotEct;
        first.len = payload.len();
        self.receive(now, channel, &first)
    }

    /// A FINISH for the channel `id` that was taken before: the peer has not heard so.
    /// It was not opened and may come from anywhere: the answer goes to the validated address.
    pub(super) fn on_finish_again(&mut self, now: Instant, id: ChannelId) -> Result<(), Ignored> {
        let index = self.channels.find(id).ok_or(Ignored::UnknownChannel)?;
        let row = present(self.channels.at_mut(index), "a channel that was found is here");
        let row = row.ok_or(Ignored::UnknownChannel)?;
        row.channel.on_finish_repeated(now);
        self.sessions.touch(row.session);
        Ok(())
    }
}

/// Whether all frames of a FINISH may be there. What does not parse is for others to find: that
/// fault counts more.
fn is_payload_for_finish(payload: &[u8]) -> bool {
    let is_whole = Frames::new(payload).all(|frame| frame.is_ok());
    !is_whole || Frames::new(payload).flatten().all(|frame| frame.is_for_finish())
}
