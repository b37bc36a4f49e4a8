//! An SST host whose packets travel over a page's data channel: what the browser's package is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sst_std::{Carrier, Config, Endpoint, Identity, Surroundings};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::page::{Page, now};

/// What the only peer is called on this side. Nothing is ever sent there.
const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);
/// The size of packet that the gateway carries.
const PACKET_BYTES: usize = 1_200;

/// An endpoint, and whoever brings it new pages.
pub(crate) struct Host {
    pub(crate) endpoint: Endpoint,
    pages: mpsc::Sender<Page>,
}

impl Host {
    pub(crate) fn new(page: Page) -> Self {
        Self::with_patience(page, crate::page::DEADLINE)
    }

    /// One that gives up connecting after `patience`.
    pub(crate) fn with_patience(page: Page, patience: Duration) -> Self {
        let mut config = Config::new(Identity::generate().unwrap());
        config.connect_timeout = patience;
        let origin = now();
        let clock = Arc::new(move || origin.elapsed());
        let surroundings = Surroundings { clock, local: Vec::new(), seed: None };
        let (endpoint, carrier) = Endpoint::detached(config, surroundings).unwrap();
        let (pages, new_pages) = mpsc::channel(1);
        tokio::spawn(carry(carrier, page, new_pages, origin));
        Self { endpoint, pages }
    }

    /// A session with the host `id`, or with whom it may be.
    pub(crate) async fn connect(
        &self,
        id: Option<sst_std::HostId>,
    ) -> Result<sst_std::Session, sst_std::ConnectError> {
        timeout(crate::page::DEADLINE, self.endpoint.connect_to(id, PEER)).await.unwrap()
    }

    /// Goes on over another page.
    pub(crate) async fn replace(&self, page: Page) {
        self.pages.send(page).await.expect("the host has ended");
    }
}

/// Carries packets between an endpoint and its page, until the endpoint has ended.
async fn carry(
    mut carrier: Carrier,
    page: Page,
    mut new_pages: mpsc::Receiver<Page>,
    origin: std::time::Instant,
) {
    let (mut page, mut buffer) = (Some(page), [0; PACKET_BYTES]);
    while !carrier.has_ended() {
        carrier.turn();
        while let Some((_, len)) = carrier.poll_transmit(&mut buffer) {
            // No page, or one that has too many: the network loses packets, too.
            let _ = page.as_ref().is_some_and(|page| page.try_send(&buffer[..len]));
        }
        let due = carrier.poll_timeout().map(|at| at.saturating_sub(origin.elapsed()));
        tokio::select! {
            () = std::future::poll_fn(|cx| carrier.poll_work(cx)) => {}
            packet = next(&mut page) => match packet {
                Some(mut packet) => carrier.handle_packet(PEER, &mut packet),
                None => page = None,
            },
            Some(other) = new_pages.recv() => page = Some(other),
            () = sleep(due.unwrap_or(Duration::from_secs(3_600))) => {}
        }
    }
}

async fn next(page: &mut Option<Page>) -> Option<Vec<u8>> {
    match page {
        Some(page) => page.next().await,
        None => std::future::pending().await,
    }
}
