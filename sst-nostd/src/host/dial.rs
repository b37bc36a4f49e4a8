//! What a dial may ask for.

use crate::channel::Path;
use crate::id::{HostId, Instance};

/// Whom to dial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Where the peer is.
    pub path: Path,
    /// Who it is. `None` asks whoever answers for its identity, which then must be compared
    /// with something: anyone could have answered.
    pub id: Option<HostId>,
    /// Which session with it.
    pub instance: InstanceWish,
}

impl Dial {
    /// A dial to `id` at `path`, in the instance that suits the host.
    #[must_use]
    pub const fn new(path: Path, id: Option<HostId>) -> Self {
        Self { path, id, instance: InstanceWish::Usual }
    }
}

/// Which session with a peer a dial is for. An *instance* names one of several that two identities
/// have; the one without a name is theirs in common, and whoever dials it anew replaces it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InstanceWish {
    /// What suits the host: one that accepts everyone takes the session without an instance, or one
    /// that it has begun; one that does not gets a session of its own with each dial.
    #[default]
    Usual,
    /// The session without an instance.
    Unnamed,
    /// A new session, beside all others.
    Fresh,
    /// The session with this instance, on which both hosts agreed before.
    Named(Instance),
}

/// Why nobody was dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectError {
    /// A table of this host is full: let go of sessions first.
    NoCapacity,
    /// The identity is this host's own, and the dial is for the session without an instance.
    OwnIdentity,
    /// This host's parameters cannot be expressed.
    Parameters,
    /// Randomness failed: no keys can be made.
    Random,
}
