//! [`Path`]: both ends of a way between two hosts, as a socket sees them.

use core::net::{IpAddr, SocketAddr};

/// Both ends of a path, as the socket sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Path {
    /// The local address packets arrive at, where the socket tells.
    pub local: Option<IpAddr>,
    /// The peer's address and port.
    pub peer: SocketAddr,
}

impl Path {
    /// Whether the two differ in no more than the peer's port: then the route and its qualities
    /// are most likely the same (RFC 9000 section 9.4).
    #[must_use]
    pub fn is_same_route(&self, other: &Self) -> bool {
        self.local == other.local && self.peer.ip() == other.peer.ip()
    }
}
