//! [`Gateway`]: browsers reach SST hosts. A page offers WebRTC over HTTP, the gateway answers, and
//! from then on it carries sealed packets between the page's data channel and one host's UDP
//! address. It has no keys and reads nothing of a packet but its size. docs/GATEWAY.md says what
//! pages must do, and what a gateway can and cannot see.

mod answer;
mod counts;
mod error;
mod files;
mod http;
mod origin;
mod peer;
mod peers;
mod places;
mod refusals;
mod settings;
mod signalling;
mod ways;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

pub use counts::GatewayStats;
pub use error::GatewayError;
pub use settings::{MAX_PACKET_BYTES, Settings};

use refusals::Refusals;
use signalling::Signalling;

/// How long a connection of HTTP may last: the largest file at 0.5 Mbit/s. A page that needs more
/// time makes another one; who reads nothing holds its place no longer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// How long the gateway's end waits for its peers to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);
/// A pause when the system has no room for another connection, so as not to ask in a circle.
const PAUSE: Duration = Duration::from_millis(100);

/// A gateway that listens.
///
/// # Examples
/// ```no_run
/// use sst_std::gateway::{Gateway, Settings};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let host = "sst://IDENTITY@192.0.2.7:8661/".parse()?;
/// let gateway = Gateway::bind(Settings::new("127.0.0.1:8662".parse()?, vec![host])).await?;
/// println!("http://{}/", gateway.local_addr());
/// gateway.run().await;
/// # Ok(()) }
/// ```
pub struct Gateway {
    listener: TcpListener,
    local_addr: SocketAddr,
    signalling: Arc<Signalling>,
}

impl Gateway {
    /// Listens for pages, and checks that `settings` can be met.
    ///
    /// # Errors
    /// [`GatewayError`]: no target or a name that has no address, a directory that is none, an
    /// address that is taken.
    pub async fn bind(settings: Settings) -> Result<Self, GatewayError> {
        settings.check().await?;
        let at = settings.listen;
        let listen = |source| GatewayError::Listen { at, source };
        let listener = TcpListener::bind(at).await.map_err(listen)?;
        let local_addr = listener.local_addr().map_err(listen)?;
        Ok(Self { listener, local_addr, signalling: Arc::new(Signalling::new(settings)?) })
    }

    /// Answers pages and carries their packets, until the future is dropped. Packets of peers go
    /// on being carried then, until [`close`](Self::close).
    pub async fn run(&self) {
        let refusals = Refusals::new();
        loop {
            match self.listener.accept().await {
                Ok((connection, from)) => match self.signalling.connections.take(from.ip()) {
                    Ok(place) => {
                        let signalling = self.signalling.clone();
                        tokio::spawn(async move {
                            serve(connection, from, signalling).await;
                            drop(place);
                        });
                    }
                    Err(why) => {
                        self.signalling.count_refusal();
                        refusals.say(connection, why);
                    }
                },
                Err(error) => {
                    tracing::warn!(%error, "no connection accepted");
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// Says goodbye to every peer. Returns when they have gone, or after half a second.
    pub async fn close(&self) {
        let _ = timeout(GOODBYE, self.signalling.peers.end_all()).await;
    }

    /// Where pages find the gateway.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> GatewayStats {
        self.signalling.stats()
    }
}

async fn serve(connection: TcpStream, from: SocketAddr, signalling: Arc<Signalling>) {
    let served = timeout(CONNECTION_TIMEOUT, http::serve(connection, from, signalling)).await;
    match served {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%from, %error, "a connection ended early"),
        Err(_) => tracing::debug!(%from, "a connection took too long"),
    }
}
