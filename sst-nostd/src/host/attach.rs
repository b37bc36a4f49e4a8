//! The channels of sessions: a session gains one, and a tree if it has none, when a negotiation is
//! done; and loses it again.

use crate::channel::{
    Channel, ChannelSecrets, ChannelSeed, ChannelStart, Path, Permit, UnsupportedSuite,
};
use crate::crypto::{Crypto, KEY_LEN, RandomError};
use crate::id::{ChannelId, HostId, Instance, Side};
use crate::negotiation::Ready;
use crate::noise::Role;
use crate::session::{Session, Surroundings, linger};
use crate::stream::Allowance;
use crate::time::{Duration, Instant};
use crate::wire::{CloseCause, CloseFrame, Frame, Parameters, TransportCode};

use super::Host;
use super::tables::{BARE_FINISH_BYTES, ChannelRow, TurnedAway};
use super::wiping::wipe_stack;

impl<C: Crypto> Host<'_, C> {
    /// A session that a peer began.
    pub(super) fn new_session(&mut self, peer: &HostId, instance: Option<Instance>) -> Option<u32> {
        let session = Session::new(Some(*peer), instance, false);
        Some(self.sessions.insert(session).ok()?.index())
    }

    /// Gives a session the channel that a negotiation agreed on, and a tree if it has none.
    pub(super) fn attach(
        &mut self,
        now: Instant,
        path: Path,
        session: u32,
        ready: &Ready,
        sample: Option<Duration>,
    ) -> bool {
        let Some(secret) = self.new_channel_secret() else { return false };
        let channel = self.make_channel(now, path, ready, sample, secret);
        wipe_stack();
        channel.is_some_and(|channel| self.attach_channel(now, session, channel, ready))
    }

    /// Gives a session the channel that was made in row `channel`. If there is no room for its
    /// streams, or to find the channel again, the row is free again.
    #[inline(never)]
    pub(super) fn attach_channel(
        &mut self,
        now: Instant,
        session: u32,
        channel: u32,
        ready: &Ready,
    ) -> bool {
        if !self.plant_tree(now, session, ready) || self.channels.give(channel, session).is_err() {
            self.channels.discard(channel);
            return false;
        }
        self.stats.channels_made = self.stats.channels_made.saturating_add(1);
        let Some(row) = self.sessions.at_mut(session) else { return false };
        row.add_channel(channel);
        self.stats.handshakes = self.stats.handshakes.saturating_add(1);
        self.sessions.touch(session);
        true
    }

    /// Frees a channel; what was in flight is given back to the streams as lost.
    pub(super) fn remove_channel(&mut self, now: Instant, index: u32) {
        self.note_secrets();
        let Some(row) = self.channels.at_mut(index) else { return };
        if let Some((session, words)) = self.sessions.with_words(row.session) {
            let mut around = Surroundings {
                channel: &mut row.channel,
                sent: &mut self.sent,
                streams: &mut self.streams,
                words,
            };
            session.remove_channel(now, index, &mut around);
        } else {
            row.channel.retire(&mut self.sent);
        }
        // Without a session, nobody wants the receipts; they must leave the table all the same.
        while row.channel.take_settled(&mut self.sent).is_some() {}
        let (session, negotiation) = (row.session, row.negotiation);
        self.sessions.touch(session);
        self.channels.remove(index);
        if let Some(negotiation) = negotiation {
            self.negotiations.remove(negotiation);
        }
    }

    /// Gives a session its tree, if it has none. False if there is no room for it.
    #[inline(never)]
    fn plant_tree(&mut self, now: Instant, session: u32, ready: &Ready) -> bool {
        let Some(row) = self.sessions.at(session) else { return false };
        if row.tree().is_none() {
            let side = Side::of(&self.identity.id, &ready.peer, row.is_own_dial());
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

    /// An id for a new channel: random, and used by no channel or negotiation of this host.
    pub(super) fn new_channel_id(&mut self) -> Result<ChannelId, RandomError> {
        // With 2^32 ids and at most some 10^5 in use, each try succeeds but for one in 10^4.
        for _ in 0..8 {
            let mut bytes = [0; 4];
            self.crypto.random(&mut bytes)?;
            if let Some(id) = ChannelId::new(u32::from_be_bytes(bytes))
                && self.channels.find(id).is_none()
                && self.negotiations.find(id).is_none()
            {
                return Ok(id);
            }
        }
        Err(RandomError)
    }

    /// The secret half of a negotiation that begins.
    pub(super) fn new_ephemeral(&mut self) -> Option<[u8; KEY_LEN]> {
        let mut ephemeral = [0; KEY_LEN];
        self.crypto.random(&mut ephemeral).ok()?;
        self.stats.curve_operations = self.stats.curve_operations.saturating_add(1);
        Some(ephemeral)
    }

    /// What makes the next channel's random choices; `None` without randomness.
    pub(super) fn new_channel_secret(&mut self) -> Option<[u8; 16]> {
        let mut secret = [0; 16];
        self.crypto.random(&mut secret).ok()?;
        Some(secret)
    }

    /// Makes the channel that a negotiation agreed on in a row of its own, nobody's yet and not to
    /// be found: a board's stack has no room to hand it about. `None` if every row is taken.
    #[inline(never)]
    pub(super) fn make_channel(
        &mut self,
        now: Instant,
        path: Path,
        ready: &Ready,
        sample: Option<Duration>,
        secret: [u8; 16],
    ) -> Option<u32> {
        if self.channels.is_full() {
            return None;
        }
        let seed = self.new_channel_seed(now, path, ready, sample, secret).ok()?;
        wipe_stack();
        self.grow_channel(now, ready, seed)
    }

    #[inline(never)]
    fn grow_channel(&mut self, now: Instant, ready: &Ready, seed: ChannelSeed<C>) -> Option<u32> {
        let config = self.config.channel(&ready.parameters);
        let channel = Channel::grown(&config, now, seed);
        let row = ChannelRow::new(channel, ready.hash, ready.parameters.reset_token);
        self.channels.insert(row).ok()
    }

    /// The channel that a negotiation agreed on, where it is needed without a row.
    pub(super) fn new_channel(
        &self,
        now: Instant,
        path: Path,
        ready: &Ready,
        sample: Option<Duration>,
        local_secret: [u8; 16],
    ) -> Result<Channel<C>, UnsupportedSuite> {
        let seed = self.new_channel_seed(now, path, ready, sample, local_secret)?;
        Ok(Channel::grown(&self.config.channel(&ready.parameters), now, seed))
    }

    #[inline(never)]
    fn new_channel_seed(
        &self,
        now: Instant,
        path: Path,
        ready: &Ready,
        sample: Option<Duration>,
        local_secret: [u8; 16],
    ) -> Result<ChannelSeed<C>, UnsupportedSuite> {
        let split = &ready.split;
        let (send, receive) = if ready.role == Role::Initiator {
            (&split.initiator_to_responder, &split.responder_to_initiator)
        } else {
            (&split.responder_to_initiator, &split.initiator_to_responder)
        };
        let start = ChannelStart {
            secrets: ChannelSecrets::from_split(send, receive, ready.suite),
            local_id: ready.channel,
            remote_id: ready.peer_channel,
            path,
            answers: ready.role == Role::Responder,
            local_secret,
            measured_rtt: sample,
            peer_max_ack_delay: ready.parameters.max_ack_delay,
            peer_max_packet_len: usize::from(ready.parameters.max_packet_bytes),
        };
        ChannelSeed::new(&self.crypto, now, &start)
    }

    /// The one packet of a channel that is not to be, CLOSE with `code`; and how long it is kept.
    pub(super) fn write_only_close(
        &mut self,
        now: Instant,
        path: Path,
        ready: &Ready,
        code: TransportCode,
    ) -> Option<TurnedAway> {
        let secret = self.new_channel_secret()?;
        let mut channel = self.new_channel(now, path, ready, ready.rtt, secret);
        let channel = channel.as_mut().ok()?;
        let mut buffer = [0; BARE_FINISH_BYTES];
        let permit = Permit::AckOnly;
        let mut builder =
            channel.begin_packet(&self.crypto, now, permit, &mut buffer, &self.sent).ok()?;
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
