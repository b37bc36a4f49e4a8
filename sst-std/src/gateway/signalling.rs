//! [`Signalling`]: what a gateway does when it is asked to, without the HTTP around it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sst_nostd::{Crypto, HostId};
use tokio::net::UdpSocket;

use super::answer::Answerer;
use super::counts::{Counts, GatewayStats};
use super::error::GatewayError;
use super::files::Files;
use super::origin::Origins;
use super::peer::{self, Peer};
use super::peers::{Peers, Token};
use super::places::{NoPlace, Places};
use super::settings::Settings;
use super::ways::Ways;
use crate::crypto::AwsLc;
use crate::url::Url;

/// Connections of HTTP at once. A page needs a handful, for seconds.
const MAX_CONNECTIONS: usize = 128;
/// How long a target's name may take to be looked up.
const LOOKUP: Duration = Duration::from_secs(5);

/// A gateway's parts, shared by everything that runs.
pub(super) struct Signalling {
    pub(super) peers: Arc<Peers>,
    /// Of connections of HTTP.
    pub(super) connections: Arc<Places>,
    pub(super) origins: Origins,
    pub(super) files: Option<Files>,
    counts: Arc<Counts>,
    answerer: Answerer,
    settings: Settings,
}

/// The two ends of a connection of HTTP.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// Where the page is, or the proxy in front of the gateway.
    pub(super) from: IpAddr,
    /// Where the gateway was asked.
    pub(super) local: IpAddr,
}

/// Why a page does not get what it asked for.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("peers of this gateway: {0}")]
    Full(#[from] NoPlace),
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
            peers: Peers::new(Places::new(settings.max_peers, &settings.proxies)),
            connections: Places::new(MAX_CONNECTIONS, &settings.proxies),
            origins: Origins::new(&settings.origins),
            files: settings.files.clone().map(Files::new).transpose()?,
            counts: Arc::default(),
            answerer: Answerer::new()?,
            settings,
        })
    }

    /// Answers an offer that came in over HTTP: the peer's name and the answer.
    pub(super) async fn offer(
        &self,
        to: Option<&str>,
        offer: &str,
        ends: Ends,
    ) -> Result<(Token, String), Refusal> {
        let target = self.target(to)?;
        let seat = self.peers.admit(ends.from, token())?;
        let host = tokio::time::timeout(LOOKUP, target.resolve()).await;
        let host = host.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        let host = socket_to(host.map_err(Refusal::Lookup)?).await.map_err(Refusal::Socket)?;
        let page = Ways::bind(ends.local, self.settings.address).await;
        let page = page.map_err(Refusal::Socket)?;
        let made = self.answerer.answer(offer, page.addresses(), peer::now());
        let (rtc, answer) = made.map_err(Refusal::Offer)?;
        let token = seat.token();
        let peer = Peer::new(rtc, page, host, self.counts.clone());
        let (setup, idle) = (self.settings.setup_timeout, self.settings.idle_timeout);
        tokio::spawn(peer.run(seat, setup, idle));
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
