//! What a negotiation leaves behind: a session gains a channel, and a tree if it has none.

use crate::channel::{Channel, ChannelSecrets, ChannelStart, Path, Permit};
use crate::crypto::Crypto;
use crate::id::{HostId, Side};
use crate::negotiation::Ready;
use crate::noise::Role;
use crate::session::{Session, SessionState};
use crate::stream::Allowance;
use crate::time::{Duration, Instant};
use crate::wire::{CloseCause, CloseFrame, Frame, Parameters, TransportCode};

use super::Host;
use super::negotiations::MAX_FINISH_BYTES;

impl<C: Crypto> Host<'_, C> {
    pub(super) fn new_session(&mut self, peer: &HostId) -> Option<u32> {
        let session = Session::new(Some(*peer), SessionState::Connecting);
        let index = self.sessions.insert(session).ok()?.index();
        self.index_session(index);
        Some(index)
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
        let mut channel = self.new_channel(now, path, ready, sample);
        self.attach_channel(now, session, &mut channel, ready)
    }

    /// The same for a channel that was made already, and is taken from where it is: a board's stack
    /// has no room for several of them.
    #[inline(never)]
    pub(super) fn attach_channel(
        &mut self,
        now: Instant,
        session: u32,
        channel: &mut Option<Channel<C>>,
        ready: &Ready,
    ) -> bool {
        let Some(side) = Side::of(&self.id, &ready.peer) else { return false };
        if self.sessions.at(session).is_none_or(|row| row.tree.is_none()) {
            let allowance = allowance(&ready.parameters);
            let Some(tree) = self.streams.plant(session, side, allowance, now) else {
                return false;
            };
            if let Some(row) = self.sessions.at_mut(session) {
                row.tree = Some(tree);
            }
        }
        let Some(channel) = channel.take() else { return false };
        let channel = self.add_channel(session, channel, ready.split.hash, &ready.parameters);
        let (Some(channel), Some(row)) = (channel, self.sessions.at_mut(session)) else {
            return false;
        };
        row.channel = Some(channel);
        if row.state == SessionState::Connecting {
            row.state = SessionState::Ready;
        }
        self.stats.handshakes = self.stats.handshakes.saturating_add(1);
        self.schedule_channel(channel);
        self.note_keys(channel);
        true
    }

    /// The channel that a negotiation agreed on; `None` without randomness.
    #[inline(never)]
    pub(super) fn new_channel(
        &mut self,
        now: Instant,
        path: Path,
        ready: &Ready,
        sample: Option<Duration>,
    ) -> Option<Channel<C>> {
        let mut local_secret = [0; 16];
        self.crypto.random(&mut local_secret).ok()?;
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
            local_secret,
            measured_rtt: sample,
            peer_max_ack_delay: ready.parameters.max_ack_delay,
            peer_max_packet_len: usize::from(ready.parameters.max_packet_bytes),
        };
        let config = self.config.channel(&ready.parameters);
        Channel::new(&self.crypto, &config, now, start).ok()
    }

    /// The one packet of a channel that is not to be: CLOSE with `code`.
    pub(super) fn write_only_close(
        &mut self,
        now: Instant,
        channel: &mut Channel<C>,
        code: TransportCode,
    ) -> Option<heapless::Vec<u8, MAX_FINISH_BYTES>> {
        let mut buffer = [0; MAX_FINISH_BYTES];
        let permit = Permit::AckOnly;
        let mut builder =
            channel.begin_packet(&self.crypto, now, permit, &mut buffer, &self.sent).ok()?;
        let close = CloseFrame { cause: CloseCause::Transport(code), reason: "" };
        if builder.add_frame(&Frame::Close(close)).is_err() {
            builder.abandon(&mut self.sent);
            return None;
        }
        let info = channel.finish_packet(now, builder, &mut self.sent).ok()?;
        heapless::Vec::from_slice(buffer.get(..info.len)?).ok()
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
