//! The channels of sessions: a session gains one, and a tree if it has none, when a negotiation is
//! done; and loses it again.

use crate::channel::{Channel, ChannelSeed, Path, Permit};
use crate::crypto::Crypto;
use crate::id::{HostId, Side};
use crate::negotiation::Ready;
use crate::session::linger;
use crate::storage::present;
use crate::stream::Allowance;
use crate::time::Instant;
use crate::wire::{CloseCause, CloseFrame, Frame, Parameters, TransportCode};

use super::bonds::Bonds;
use super::means::Means;
use super::tables::{BARE_FINISH_BYTES, ChannelRow, TurnedAway};
use super::wiping::wipe_stack;

/// What must be so of the session that gets a channel.
const SEATED: &str = "a session that gets a channel is here";

impl<C: Crypto> Bonds<'_, C> {
    /// Makes the channel that a negotiation agreed on in a row of its own, nobody's yet and not to
    /// be found: a board's stack has no room to hand it about. `None` if every row is taken.
    #[inline(never)]
    pub(super) fn make_channel(
        &mut self,
        means: &Means<C>,
        now: Instant,
        path: Path,
        ready: &Ready,
        secret: [u8; 16],
    ) -> Option<u32> {
        if self.channels.is_full() {
            return None;
        }
        let seed = means.new_channel_seed(now, path, ready, secret).ok()?;
        wipe_stack();
        self.grow_channel(means, now, ready, seed)
    }

    #[inline(never)]
    fn grow_channel(
        &mut self,
        means: &Means<C>,
        now: Instant,
        ready: &Ready,
        seed: ChannelSeed<C>,
    ) -> Option<u32> {
        let config = means.config.channel(&ready.parameters);
        let channel = Channel::grown(&config, now, seed);
        let row = ChannelRow::new(channel, ready.hash, ready.parameters.reset_token);
        self.channels.insert(row).ok()
    }

    /// Gives a session the channel that was made in row `channel`, and a tree if it has none. If
    /// there is no room for its streams, or to find the channel again, the row is free again.
    #[inline(never)]
    pub(super) fn attach_channel(
        &mut self,
        now: Instant,
        own: &HostId,
        session: u32,
        channel: u32,
        ready: &Ready,
    ) -> bool {
        let is_planted = self.plant_tree(now, own, session, ready);
        if !is_planted || self.channels.give(channel, session).is_err() {
            self.channels.discard(channel);
            return false;
        }
        let Some(row) = present(self.sessions.at_mut(session), SEATED) else { return false };
        row.add_channel(channel);
        self.sessions.touch(session);
        true
    }

    /// Frees a channel; what was in flight is given back to the streams as lost. Answers with the
    /// negotiation that kept FINISH for it.
    pub(super) fn remove_channel(&mut self, now: Instant, index: u32) -> Option<u32> {
        let mut bond = self.bond(index)?;
        bond.session.remove_channel(now, index, &mut bond.around);
        let (session, negotiation) =
            self.channels.at(index).map(|row| (row.session, row.negotiation))?;
        self.sessions.touch(session);
        self.channels.remove(index);
        negotiation
    }

    /// Gives a session its tree, if it has none. False if there is no room for it.
    #[inline(never)]
    fn plant_tree(&mut self, now: Instant, own: &HostId, session: u32, ready: &Ready) -> bool {
        let Some(row) = present(self.sessions.at(session), SEATED) else { return false };
        if row.tree().is_none() {
            let side = Side::of(own, &ready.peer, row.is_own_dial());
            let allowance = allowance(&ready.parameters);
            let Some(tree) = self.streams.plant(session, side, allowance, now) else {
                return false;
            };
            if let Some(row) = self.sessions.at_mut(session) {
                row.plant(tree);
            }
        }
        true
    }

    /// The one packet of a channel that is not to be, CLOSE with `code`; and how long it is kept.
    pub(super) fn write_only_close(
        &mut self,
        means: &mut Means<C>,
        now: Instant,
        path: Path,
        ready: &Ready,
        code: TransportCode,
    ) -> Option<TurnedAway> {
        let secret = means.new_channel_secret().ok()?;
        let mut channel = means.new_channel(now, path, ready, secret);
        let channel = channel.as_mut().ok()?;
        let mut buffer = [0; BARE_FINISH_BYTES];
        let permit = Permit::AckOnly;
        let mut builder =
            channel.begin_packet(&means.crypto, now, permit, &mut buffer, &self.sent).ok()?;
        let close = CloseFrame { cause: CloseCause::Transport(code), reason: "" };
        if builder.add_frame(&Frame::Close(close)).is_err() {
            builder.abandon(&mut self.sent);
            return None;
        }
        let info = channel.seal_packet(now, builder, &mut self.sent).ok()?;
        let close = heapless::Vec::from_slice(buffer.get(..info.len)?).ok()?;
        let linger = linger(channel);
        Some(TurnedAway { close, channel: ready.channel, linger, until: now })
    }
}

/// What a peer's parameters allow this host's streams.
fn allowance(parameters: &Parameters) -> Allowance {
    Allowance {
        stream_window: parameters.stream_window_bytes,
        session_window: parameters.session_window_bytes,
        root_children: u32::try_from(parameters.root_child_credit).unwrap_or(u32::MAX),
        children: u32::try_from(parameters.child_credit).unwrap_or(u32::MAX),
        id_window: parameters.id_window,
        datagram_bytes: parameters.max_datagram_bytes,
    }
}
