//! [`GatewayError`]: why a gateway cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use sst_nostd::HostId;

use crate::url::Url;

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// WebRTC needs a certificate, and none could be made.
    #[error("no certificate for WebRTC: {problem}")]
    Certificate {
        /// What the library said.
        problem: String,
    },
    /// The directory to serve is none.
    #[error("{}: not a directory", path.display())]
    Files {
        /// What was to be served.
        path: PathBuf,
    },
    /// The address cannot be listened at.
    #[error("cannot listen at {at}: {source}")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is nobody to carry packets to.
    #[error("a gateway needs a host to lead to")]
    NoTarget,
    /// An origin is a scheme, a host and perhaps a port.
    #[error("{origin}: not an origin; it should be like https://example.org, or *")]
    Origin {
        /// What was given.
        origin: String,
    },
    /// A target's name has no address.
    #[error("{url}: {source}")]
    Target {
        /// The target.
        url: Url,
        /// What the resolver said.
        source: io::Error,
    },
    /// Pages choose by identity, so there must not be two of one.
    #[error("{id} is given twice; pages choose a host by its identity")]
    TwoTargets {
        /// The identity.
        id: HostId,
    },
}
