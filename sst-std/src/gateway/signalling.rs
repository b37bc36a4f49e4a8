//! [`Signalling`]: what a gateway does when it is asked to, without the HTTP around it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sst_nostd::crypto::Crypto;
use sst_nostd::id::HostId;
use tokio::net::UdpSocket;

use super::answer::Answerer;
use super::counts::{Counts, GatewayStats};
use super::error::GatewayError;
use super::files::Files;
use super::origin::Origins;
use super::peer::{self, Peer};
use super::peers::{Peers, Token};
use super::settings::Settings;
use crate::crypto::AwsLc;
use crate::url::Url;

/// How long a target's name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(5);

/// A gateway's parts, shared by everything that runs.
pub(super) struct Signalling {
    pub(super) peers: Arc<Peers>,
    pub(super) origins: Origins,
    pub(super) files: Option<Files>,
    counts: Arc<Counts>,
    answerer: Answerer,
    settings: Settings,
}

/// Why a page does not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("no more than {0} peers at once; try again later")]
    Full(usize),
    #[error("the host's address is not known now: {0}")]
    Lookup(std::io::Error),
    #[error("the offer is not understood: {0}")]
    Offer(String),
    #[error("the gateway has no socket left: {0}")]
    Socket(std::io::Error),
    #[error("this gateway does not lead to that host")]
    UnknownHost,
    #[error("say which host with ?to=IDENTITY; GET /sst lists them")]
    WhichHost,
}

impl Signalling {
    pub(super) fn new(settings: Settings) -> Result<Self, GatewayError> {
        Ok(Self {
            peers: Peers::new(settings.max_peers),
            origins: Origins::new(&settings.origins),
            files: settings.files.clone().map(Files::new).transpose()?,
            counts: Arc::default(),
            answerer: Answerer::new()?,
            settings,
        })
    }

    /// Answers an offer that came in over HTTP at `local`: the peer's name and the answer.
    pub(super) async fn offer(
        &self,
        to: Option<&str>,
        offer: &str,
        local: IpAddr,
    ) -> Result<(Token, String), Refusal> {
        let target = self.target(to)?;
        let place = self.peers.admit(token()).ok_or(Refusal::Full(self.settings.max_peers))?;
        let host = tokio::time::timeout(LOOKUP, target.resolve()).await;
        let host = host.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        let host = socket_to(host.map_err(Refusal::Lookup)?).await.map_err(Refusal::Socket)?;
        let address = self.settings.address.unwrap_or(local).to_canonical();
        let page = UdpSocket::bind((address, 0)).await.map_err(Refusal::Socket)?;
        let page_addr = page.local_addr().map_err(Refusal::Socket)?;
        let made = self.answerer.answer(offer, page_addr, peer::now());
        let (rtc, answer) = made.map_err(Refusal::Offer)?;
        let token = place.token();
        let peer = Peer::new(rtc, page, page_addr, host, self.counts.clone());
        let (setup, idle) = (self.settings.setup_timeout, self.settings.idle_timeout);
        tokio::spawn(peer.run(place, setup, idle));
        self.counts.answered.add(1);
        Ok((token, answer))
    }

    pub(super) fn count_refusal(&self) {
        self.counts.refused.add(1);
    }

    pub(super) fn hosts(&self) -> impl Iterator<Item = HostId> {
        self.settings.targets.iter().map(Url::id)
    }

    pub(super) fn stats(&self) -> GatewayStats {
        self.counts.stats(self.peers.len())
    }

    /// The target a page means; the only one if it does not say.
    fn target(&self, to: Option<&str>) -> Result<&Url, Refusal> {
        match (to, self.settings.targets.as_slice()) {
            (None, [only]) => Ok(only),
            (None, _) => Err(Refusal::WhichHost),
            (Some(to), targets) => {
                let id: HostId = to.parse().map_err(|_| Refusal::UnknownHost)?;
                targets.iter().find(|target| target.id() == id).ok_or(Refusal::UnknownHost)
            }
        }
    }
}

/// A socket of its own for each peer: a host tells peers apart by their addresses. Being connected,
/// it takes packets of nobody else.
async fn socket_to(host: SocketAddr) -> std::io::Result<UdpSocket> {
    let any = if host.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(host).await?;
    Ok(socket)
}

/// A name that cannot be guessed. Should the system have no randomness, names are taken already.
fn token() -> Token {
    let mut bytes = [0; 16];
    let _ = AwsLc::new().random(&mut bytes);
    Token::from_be_bytes(bytes)
}
