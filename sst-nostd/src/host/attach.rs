//! What a negotiation leaves behind: a session gains a channel, and a tree if it has none.

use crate::channel::{ChannelSecrets, ChannelStart, Path};
use crate::crypto::Crypto;
use crate::id::{HostId, Side};
use crate::negotiation::Ready;
use crate::noise::Role;
use crate::session::{Session, SessionState};
use crate::stream::Allowance;
use crate::time::{Duration, Instant};
use crate::wire::Parameters;

use super::Host;

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
        ready: Ready,
        sample: Option<Duration>,
    ) -> bool {
        let Some(side) = Side::of(&self.id, &ready.peer) else { return false };
        let mut local_secret = [0; 16];
        if self.crypto.random(&mut local_secret).is_err() {
            return false;
        }
        let is_initiator = ready.role == Role::Initiator;
        let split = &ready.split;
        let (send, receive) = if is_initiator {
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
        if self.sessions.at(session).is_none_or(|row| row.tree.is_none()) {
            let allowance = allowance(&ready.parameters);
            let Some(tree) = self.streams.plant(session, side, allowance, now) else {
                return false;
            };
            if let Some(row) = self.sessions.at_mut(session) {
                row.tree = Some(tree);
            }
        }
        let channel = self.add_channel(now, session, start, split.hash, &ready.parameters);
        let (Some(channel), Some(row)) = (channel, self.sessions.at_mut(session)) else {
            return false;
        };
        row.channel = Some(channel);
        row.state = SessionState::Ready;
        self.stats.handshakes = self.stats.handshakes.saturating_add(1);
        self.schedule_channel(channel);
        self.note_keys(channel);
        true
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
