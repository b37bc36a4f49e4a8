//! Who a host is.

use zeroize::Zeroize;

use crate::crypto::KeyPair;
use crate::id::HostId;
use crate::negotiation::ResetKey;

/// A host's identity, and what it can prove with it.
pub(super) struct Identity<S: Zeroize> {
    pub(super) statics: KeyPair<S>,
    pub(super) id: HostId,
    /// Makes the tokens by which peers believe this host that it has lost a channel.
    pub(super) reset_key: ResetKey,
}
