//! What a host works with: who it is, what it was told to do, and its primitives. No table is
//! here, so whatever works on rows may be lent this beside them.

use zeroize::Zeroize;

use crate::channel::{Channel, ChannelSecrets, ChannelSeed, ChannelStart, Path, UnsupportedSuite};
use crate::crypto::{Crypto, KEY_LEN, KeyPair, RandomError};
use crate::id::{ChannelId, HostId, Instance};
use crate::negotiation::{Ready, ResetKey};
use crate::noise::Role;
use crate::time::Instant;
use crate::wire::Parameters;

use super::config::Config;
use super::wiping::Wiping;

/// A host's identity, and what it can prove with it.
pub(super) struct Identity<S: Zeroize> {
    pub(super) statics: KeyPair<S>,
    pub(super) id: HostId,
    /// Makes the tokens by which peers believe this host that it has lost a channel.
    pub(super) reset_key: ResetKey,
}

/// Identity, choices and primitives.
pub(super) struct Means<C: Crypto> {
    pub(super) config: Config,
    pub(super) crypto: C,
    pub(super) identity: Identity<C::Secret>,
    /// Whether secrets were computed with.
    pub(super) wiping: Wiping,
}

impl<C: Crypto> Means<C> {
    /// An id for a new channel: random, and not one that `is_taken`.
    pub(super) fn new_channel_id(
        &mut self,
        mut is_taken: impl FnMut(ChannelId) -> bool,
    ) -> Result<ChannelId, RandomError> {
        // With 2^32 ids and at most some 10^5 in use, each try succeeds but for one in 10^4.
        for _ in 0..8 {
            let mut bytes = [0; 4];
            self.crypto.random(&mut bytes)?;
            if let Some(id) = ChannelId::new(u32::from_be_bytes(bytes))
                && !is_taken(id)
            {
                return Ok(id);
            }
        }
        Err(RandomError)
    }

    /// An instance that nobody else has.
    pub(super) fn new_instance(&mut self) -> Result<Instance, RandomError> {
        let mut bytes = [0; Instance::LEN];
        self.crypto.random(&mut bytes)?;
        Instance::new(bytes).ok_or(RandomError)
    }

    /// The secret half of a negotiation that begins.
    pub(super) fn new_ephemeral(&mut self) -> Result<[u8; KEY_LEN], RandomError> {
        let mut ephemeral = [0; KEY_LEN];
        self.crypto.random(&mut ephemeral)?;
        Ok(ephemeral)
    }

    /// What makes the next channel's random choices.
    pub(super) fn new_channel_secret(&mut self) -> Result<[u8; 16], RandomError> {
        let mut secret = [0; 16];
        self.crypto.random(&mut secret)?;
        Ok(secret)
    }

    /// What this host says of itself in the negotiation of `channel`.
    pub(super) fn parameters(&self, channel: ChannelId) -> Parameters {
        let mut parameters = self.config.parameters();
        parameters.reset_token = Some(self.identity.reset_key.token(channel));
        parameters
    }

    /// The channel that a negotiation agreed on, where it is needed without a row.
    pub(super) fn new_channel(
        &self,
        now: Instant,
        path: Path,
        ready: &Ready,
        secret: [u8; 16],
    ) -> Result<Channel<C>, UnsupportedSuite> {
        let seed = self.new_channel_seed(now, path, ready, secret)?;
        Ok(Channel::grown(&self.config.channel(&ready.parameters), now, seed))
    }

    /// What the channel that a negotiation agreed on grows from.
    #[inline(never)]
    pub(super) fn new_channel_seed(
        &self,
        now: Instant,
        path: Path,
        ready: &Ready,
        secret: [u8; 16],
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
            local_secret: secret,
            measured_rtt: ready.rtt,
            peer_max_ack_delay: ready.parameters.max_ack_delay,
            peer_max_packet_len: usize::from(ready.parameters.max_packet_bytes),
        };
        ChannelSeed::new(&self.crypto, now, &start)
    }
}
