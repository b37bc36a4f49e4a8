//! QUIC by s2n-quic: with rustls, so that its cipher can be chosen, or with its default, s2n-tls.

use std::time::Duration;

use bytes::Bytes;
use s2n_quic::application::Error as Code;
use s2n_quic::client::{Client, Connect};
use s2n_quic::connection::{Connection, Handle, StreamAcceptor};
use s2n_quic::provider::limits::Limits;
use s2n_quic::provider::{io, tls};
use s2n_quic::server::Server;
use s2n_quic::stream::BidirectionalStream;
use tokio::io::AsyncReadExt;

use super::credentials::{self, Credentials, NAME};
use super::socket::{MAX_PAYLOAD_LEN, udp};
use super::{Guest, Session, Stream, Transport};
use crate::Fallible;
use crate::task::{Card, Peer, Task, Work};

pub(crate) struct S2n;

pub(crate) struct S2nGuest {
    /// Ends the connection when dropped.
    _handle: Handle,
    streams: StreamAcceptor,
}

pub(crate) struct S2nClient {
    client: Client,
    card: Card,
}

pub(crate) struct S2nSession {
    handle: Handle,
    _streams: StreamAcceptor,
}

const PROTOCOL: &str = "h3";
const WINDOW: u64 = 8 << 20;
/// IPv4 and UDP.
const HEADERS_LEN: u16 = 28;

impl Transport for S2n {
    type Server = Server;
    type Arrival = Connection;
    type Guest = S2nGuest;
    type Client = S2nClient;
    type Session = S2nSession;

    async fn serve(task: &Task) -> Fallible<(Server, Card)> {
        let own = Credentials::generate()?;
        let builder = Server::builder().with_io(sockets()?)?.with_limits(limits(task)?)?;
        let server = if task.peer == Peer::S2nTls {
            let tls = tls::s2n_tls::Server::builder()
                .with_certificate(own.certificate_pem.as_str(), own.key_pem.as_str())?
                .build()?;
            builder.with_tls(tls)?.start()?
        } else {
            let tls = tls::rustls::Server::from(own.server(task.cipher, PROTOCOL)?);
            builder.with_tls(tls)?.start()?
        };
        let key = if task.peer == Peer::S2nTls {
            own.certificate_pem.into_bytes()
        } else {
            own.certificate
        };
        let card = Card::new(server.local_addr()?, key);
        Ok((server, card))
    }

    async fn accept(server: &mut Server) -> Option<Connection> {
        server.accept().await
    }

    async fn meet(connection: Connection) -> Fallible<S2nGuest> {
        let (_handle, streams) = connection.split();
        Ok(S2nGuest { _handle, streams })
    }

    async fn client(task: &Task, card: &Card) -> Fallible<S2nClient> {
        let builder = Client::builder().with_io(sockets()?)?.with_limits(limits(task)?)?;
        let client = if task.peer == Peer::S2nTls {
            let trusted = std::str::from_utf8(&card.key)?;
            let tls = tls::s2n_tls::Client::builder().with_certificate(trusted)?.build()?;
            builder.with_tls(tls)?.start()?
        } else {
            let tls = credentials::client(task.cipher, PROTOCOL, &card.key)?;
            builder.with_tls(tls::rustls::Client::from(tls))?.start()?
        };
        Ok(S2nClient { client, card: card.clone() })
    }

    async fn connect(client: &S2nClient) -> Fallible<S2nSession> {
        let connect = Connect::new(client.card.address).with_server_name(NAME);
        let (handle, _streams) = client.client.connect(connect).await?.split();
        Ok(S2nSession { handle, _streams })
    }
}

impl Guest for S2nGuest {
    type Stream = BidirectionalStream;

    async fn accept(&mut self) -> Option<BidirectionalStream> {
        self.streams.accept_bidirectional_stream().await.ok().flatten()
    }
}

impl Session for S2nSession {
    type Stream = BidirectionalStream;

    async fn open(&self) -> Fallible<BidirectionalStream> {
        Ok(self.handle.clone().open_bidirectional_stream().await?)
    }

    fn close(self) {
        self.handle.close(Code::UNKNOWN);
    }
}

impl Stream for BidirectionalStream {
    async fn send(&mut self, bytes: Bytes) -> Fallible<()> {
        Ok(Self::send(self, bytes).await?)
    }

    async fn finish(&mut self) -> Fallible<()> {
        Ok(Self::finish(self)?)
    }

    async fn read(&mut self, room: &mut [u8]) -> Fallible<usize> {
        Ok(AsyncReadExt::read(self, room).await?)
    }

    async fn skip(&mut self, _room: &mut [u8]) -> Fallible<usize> {
        Ok(self.receive().await?.map_or(0, |bytes| bytes.len()))
    }
}

fn sockets() -> Fallible<io::tokio::Provider> {
    let mtu = MAX_PAYLOAD_LEN as u16 + HEADERS_LEN;
    let builder = io::tokio::Provider::builder().with_rx_socket(udp()?)?;
    Ok(builder.with_max_mtu(mtu)?.with_initial_mtu(mtu)?.build()?)
}

fn limits(task: &Task) -> Fallible<Limits> {
    let mut limits = Limits::new()
        .with_max_open_remote_bidirectional_streams(task.streams().into())?
        .with_max_open_local_bidirectional_streams(task.streams().into())?;
    if task.work == Work::Bulk {
        limits = limits
            .with_data_window(2 * WINDOW)?
            .with_bidirectional_local_data_window(WINDOW)?
            .with_bidirectional_remote_data_window(WINDOW)?
            .with_max_send_buffer_size(WINDOW as u32)?;
    }
    if task.is_idle() {
        limits = limits.with_max_idle_timeout(Duration::ZERO)?;
    }
    Ok(limits)
}
