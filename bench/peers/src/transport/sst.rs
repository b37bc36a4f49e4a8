//! SST by `sst-std`.

use bytes::Bytes;
use sst_std::{Config, CookieMode, Endpoint, HostId, Identity, Listener, OpenOptions, Suite};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Guest, Session, Stream, Transport};
use crate::Fallible;
use crate::task::{Card, Cipher, Task, Work};

pub(crate) struct Sst;

pub(crate) struct SstGuest {
    session: sst_std::Session,
    listener: Listener,
}

pub(crate) struct SstClient {
    endpoint: Endpoint,
    card: Card,
}

pub(crate) struct SstSession(sst_std::Session);

pub(crate) struct SstStream(sst_std::Stream);

/// How far ahead a client may open streams.
const BACKLOG: u32 = 256;

impl Transport for Sst {
    type Server = Endpoint;
    type Arrival = sst_std::Session;
    type Guest = SstGuest;
    type Client = SstClient;
    type Session = SstSession;

    /// Two identities have one session.
    const HAS_ONE_SESSION: bool = true;

    async fn serve(task: &Task) -> Fallible<(Endpoint, Card)> {
        let mut config = config(task)?;
        config.accept = true;
        if task.work != Work::IdleStreams {
            config.max_sessions = 16_384;
        }
        config.shares_by_source = false;
        config.backlog = config.max_sessions;
        let endpoint = Endpoint::bind(config).await?;
        let address = *endpoint.local_addrs().first().ok_or("bound to nothing")?;
        let card = Card::new(address, endpoint.id().as_bytes().to_vec());
        Ok((endpoint, card))
    }

    async fn accept(server: &mut Endpoint) -> Option<sst_std::Session> {
        server.accept().await
    }

    async fn meet(session: sst_std::Session) -> Fallible<SstGuest> {
        let listener = session.listen(BACKLOG);
        Ok(SstGuest { session, listener })
    }

    async fn client(task: &Task, card: &Card) -> Fallible<SstClient> {
        let endpoint = Endpoint::bind(config(task)?).await?;
        Ok(SstClient { endpoint, card: card.clone() })
    }

    async fn connect(client: &SstClient) -> Fallible<SstSession> {
        let id = client.card.key.as_slice().try_into().map_err(|_| "not an identity")?;
        let id = Some(HostId::new(id));
        Ok(SstSession(client.endpoint.connect_to(id, client.card.address).await?))
    }
}

impl Guest for SstGuest {
    type Stream = SstStream;

    async fn accept(&mut self) -> Option<SstStream> {
        self.listener.accept().await.map(SstStream)
    }

    async fn receive_datagram(&mut self) -> Option<usize> {
        self.session.recv_datagram().await.ok().map(|bytes| bytes.len())
    }
}

impl Session for SstSession {
    type Stream = SstStream;

    async fn open(&self) -> Fallible<SstStream> {
        Ok(SstStream(self.0.open_substream(OpenOptions::new()).await?))
    }

    async fn send_datagram(&self, bytes: Bytes) -> Fallible<()> {
        self.0.send_datagram(&bytes, None).await?;
        Ok(())
    }

    fn close(self) {
        self.0.abort(0, "measured");
    }
}

impl Stream for SstStream {
    async fn send(&mut self, bytes: Bytes) -> Fallible<()> {
        Ok(self.0.write_all(&bytes).await?)
    }

    async fn send_last(&mut self, bytes: Bytes) -> Fallible<()> {
        Ok(self.0.write_last(&bytes).await?)
    }

    async fn finish(&mut self) -> Fallible<()> {
        Ok(self.0.start_finish()?)
    }

    async fn read(&mut self, room: &mut [u8]) -> Fallible<usize> {
        Ok(self.0.read(room).await?)
    }
}

fn config(task: &Task) -> Fallible<Config> {
    let mut config = Config::new(Identity::generate()?);
    config.bind = vec!["127.0.0.1:0".parse()?];
    config.suite = match task.cipher {
        Cipher::Aes256 => Some(Suite::Aes256Gcm),
        Cipher::Chacha => Some(Suite::ChaCha20Poly1305),
        other => return Err(format!("SST has no {other:?}").into()),
    };
    // As it is by default with the peers. With the default here, a hundred calls at once of one
    // address would be taken for a flood.
    config.cookies = CookieMode::Never;
    if task.is_idle() {
        config.idle_timeout = None;
    }
    if task.work == Work::IdleStreams {
        // One of several sessions may hold no more than half of the streams that there can be.
        config.max_sessions = 1;
        config.max_streams = task.streams();
    }
    Ok(config)
}
