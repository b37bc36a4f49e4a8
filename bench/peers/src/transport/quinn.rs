//! QUIC by quinn.

use std::sync::Arc;

use bytes::Bytes;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, Incoming, MtuDiscoveryConfig, RecvStream,
    SendStream, ServerConfig, TokioRuntime, TransportConfig,
};

use super::credentials::{self, Credentials, NAME};
use super::socket::{MAX_PAYLOAD_LEN, udp};
use super::{Guest, Session, Stream, Transport};
use crate::Fallible;
use crate::task::{Card, Task, Work};

pub(crate) struct Quinn;

pub(crate) struct QuinnClient {
    endpoint: Endpoint,
    card: Card,
}

pub(crate) struct QuinnStream {
    send: SendStream,
    receive: RecvStream,
}

const PROTOCOL: &str = "bench";
const STREAM_WINDOW: u32 = 8 << 20;
const DATAGRAM_BUFFER: usize = 4 << 20;

impl Transport for Quinn {
    type Server = Endpoint;
    type Arrival = Incoming;
    type Guest = Connection;
    type Client = QuinnClient;
    type Session = Connection;

    async fn serve(task: &Task) -> Fallible<(Endpoint, Card)> {
        let own = Credentials::generate()?;
        let tls = Arc::new(own.server(task.cipher, PROTOCOL)?);
        let tls = QuicServerConfig::with_initial(tls, credentials::initial()?)?;
        let mut config = ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(transport(task)?);
        let endpoint = endpoint(Some(config))?;
        let card = Card::new(endpoint.local_addr()?, own.certificate);
        Ok((endpoint, card))
    }

    async fn accept(server: &mut Endpoint) -> Option<Incoming> {
        server.accept().await
    }

    async fn meet(arrival: Incoming) -> Fallible<Connection> {
        Ok(arrival.await?)
    }

    async fn client(task: &Task, card: &Card) -> Fallible<QuinnClient> {
        let tls = Arc::new(credentials::client(task.cipher, PROTOCOL, &card.key)?);
        let tls = QuicClientConfig::with_initial(tls, credentials::initial()?)?;
        let mut config = ClientConfig::new(Arc::new(tls));
        config.transport_config(transport(task)?);
        let mut endpoint = endpoint(None)?;
        endpoint.set_default_client_config(config);
        Ok(QuinnClient { endpoint, card: card.clone() })
    }

    async fn connect(client: &QuinnClient) -> Fallible<Connection> {
        Ok(client.endpoint.connect(client.card.address, NAME)?.await?)
    }
}

impl Guest for Connection {
    type Stream = QuinnStream;

    async fn accept(&mut self) -> Option<QuinnStream> {
        let (send, receive) = self.accept_bi().await.ok()?;
        Some(QuinnStream { send, receive })
    }

    async fn receive_datagram(&mut self) -> Option<usize> {
        self.read_datagram().await.ok().map(|bytes| bytes.len())
    }
}

impl Session for Connection {
    type Stream = QuinnStream;

    async fn open(&self) -> Fallible<QuinnStream> {
        let (send, receive) = self.open_bi().await?;
        Ok(QuinnStream { send, receive })
    }

    async fn send_datagram(&self, bytes: Bytes) -> Fallible<()> {
        Ok(self.send_datagram_wait(bytes).await?)
    }

    fn close(self) {
        Self::close(&self, 0_u32.into(), b"measured");
    }
}

impl Stream for QuinnStream {
    async fn send(&mut self, bytes: Bytes) -> Fallible<()> {
        Ok(self.send.write_chunk(bytes).await?)
    }

    async fn finish(&mut self) -> Fallible<()> {
        Ok(self.send.finish()?)
    }

    async fn read(&mut self, room: &mut [u8]) -> Fallible<usize> {
        Ok(self.receive.read(room).await?.unwrap_or(0))
    }

    async fn skip(&mut self, _room: &mut [u8]) -> Fallible<usize> {
        let chunk = self.receive.read_chunk(usize::MAX, true).await?;
        Ok(chunk.map_or(0, |chunk| chunk.bytes.len()))
    }
}

fn endpoint(config: Option<ServerConfig>) -> Fallible<Endpoint> {
    let own = EndpointConfig::default();
    Ok(Endpoint::new(own, config, udp()?, Arc::new(TokioRuntime))?)
}

fn transport(task: &Task) -> Fallible<Arc<TransportConfig>> {
    let mut config = TransportConfig::default();
    let mut discovery = MtuDiscoveryConfig::default();
    discovery.upper_bound(MAX_PAYLOAD_LEN as u16);
    config.initial_mtu(MAX_PAYLOAD_LEN as u16).mtu_discovery_config(Some(discovery));
    config.stream_receive_window(STREAM_WINDOW.into());
    config.send_window((2 * STREAM_WINDOW).into());
    if task.work == Work::IdleSessions {
        config.max_concurrent_uni_streams(0_u8.into());
    } else {
        config.max_concurrent_bidi_streams(task.streams().into());
    }
    if task.work == Work::Datagrams {
        config.datagram_receive_buffer_size(Some(DATAGRAM_BUFFER));
        config.datagram_send_buffer_size(DATAGRAM_BUFFER);
    }
    if task.is_idle() {
        config.max_idle_timeout(None);
    }
    Ok(Arc::new(config))
}
