//! [`Settings`]: what a gateway is told, and the limits it has without being told.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::error::GatewayError;
use crate::url::Url;

/// The largest packet that is carried, in bytes. Every SST host can be reached with packets of this
/// size, and a data channel's message of it fits one UDP packet on common paths.
pub const MAX_PACKET_BYTES: usize = 1_200;

/// What a gateway is told.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settings {
    /// Where to listen for HTTP.
    pub listen: SocketAddr,
    /// The hosts that pages may reach, and no others.
    pub targets: Vec<Url>,
    /// The IP that pages are told to send WebRTC packets to; `None` is the one where their HTTP
    /// connection arrived and, if that is a loopback address, another of this machine beside it.
    /// The gateway must have it itself.
    pub address: Option<IpAddr>,
    /// A directory to serve to browsers, such as the page.
    pub files: Option<PathBuf>,
    /// Other origins whose pages may use this gateway, as `https://example.org`; `*` is all.
    /// Pages that the gateway serves itself always may.
    pub origins: Vec<String>,
    /// Peers at once; more are refused. Each has two or three sockets, a task, and up to about
    /// 300 KB. One address has no more of them than are free, so 33 of 64.
    pub max_peers: usize,
    /// Servers in front of the gateway, each for many pages: their addresses may have all places.
    pub proxies: Vec<IpAddr>,
    /// A peer that carried no packet for so long ends.
    pub idle_timeout: Duration,
    /// A peer whose data channel is not open by then ends.
    pub setup_timeout: Duration,
}

impl Settings {
    /// A gateway at `listen` to `targets`: same-origin pages only, 64 peers, two minutes idle.
    #[must_use]
    pub fn new(listen: SocketAddr, targets: Vec<Url>) -> Self {
        Self {
            listen,
            targets,
            address: None,
            files: None,
            origins: Vec::new(),
            max_peers: 64,
            proxies: Vec::new(),
            // Far longer than a session's own 30 s: hosts decide when sessions end, not gateways.
            idle_timeout: Duration::from_secs(120),
            // Twenty times what a slow path needs; short enough that offers of nobody leave soon.
            setup_timeout: Duration::from_secs(15),
        }
    }

    /// Whether a gateway could do this at all.
    pub(super) async fn check(&self) -> Result<(), GatewayError> {
        if self.targets.is_empty() {
            return Err(GatewayError::NoTarget);
        }
        for (index, target) in self.targets.iter().enumerate() {
            let id = target.id();
            if self.targets.iter().take(index).any(|earlier| earlier.id() == id) {
                return Err(GatewayError::TwoTargets { id });
            }
            let url = target.clone();
            target.resolve().await.map_err(|source| GatewayError::Target { url, source })?;
        }
        if let Some(path) = self.files.clone().filter(|path| !path.is_dir()) {
            return Err(GatewayError::Files { path });
        }
        let is_origin = |text: &str| {
            let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            text == "*" || rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        };
        if let Some(origin) = self.origins.iter().find(|text| !is_origin(text)) {
            return Err(GatewayError::Origin { origin: origin.clone() });
        }
        Ok(())
    }
}
