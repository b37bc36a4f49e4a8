//! Kernel TCP, in the clear or with rustls. A session is its one stream.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::credentials::{self, Credentials, NAME};
use super::{Guest, Session, Stream, Transport};
use crate::Fallible;
use crate::task::{Card, Cipher, Task};

pub(crate) struct Tcp;

pub(crate) struct TcpServer {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

pub(crate) struct TcpClient {
    tls: Option<TlsConnector>,
    card: Card,
}

/// The one stream, until someone takes it.
pub(crate) struct TcpSession(Mutex<Option<TcpLike>>);

/// With TLS or without: one dynamic call a read or write.
pub(crate) struct TcpLike(Pin<Box<dyn ReadWrite>>);

pub(crate) trait ReadWrite: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> ReadWrite for T {}

/// For ALPN.
const PROTOCOL: &str = "bench";
/// The kernel's queue of connections not accepted yet.
const BACKLOG: u32 = 1_024;

impl Transport for Tcp {
    type Server = TcpServer;
    type Arrival = (TcpStream, Option<TlsAcceptor>);
    type Guest = TcpSession;
    type Client = TcpClient;
    type Session = TcpSession;

    async fn serve(task: &Task) -> Fallible<(TcpServer, Card)> {
        let (listener, mut card) = listen()?;
        let mut tls = None;
        if task.cipher != Cipher::None {
            let own = Credentials::generate()?;
            tls = Some(TlsAcceptor::from(Arc::new(own.server(task.cipher, PROTOCOL)?)));
            card.key = own.certificate;
        }
        Ok((TcpServer { listener, tls }, card))
    }

    async fn accept(server: &mut TcpServer) -> Option<Self::Arrival> {
        let (stream, _) = server.listener.accept().await.ok()?;
        Some((stream, server.tls.clone()))
    }

    async fn meet((stream, tls): Self::Arrival) -> Fallible<TcpSession> {
        stream.set_nodelay(true)?;
        match tls {
            Some(tls) => Ok(TcpSession::new(tls.accept(stream).await?)),
            None => Ok(TcpSession::new(stream)),
        }
    }

    async fn client(task: &Task, card: &Card) -> Fallible<TcpClient> {
        let card = card.clone();
        if task.cipher == Cipher::None {
            return Ok(TcpClient { tls: None, card });
        }
        let tls = credentials::client(task.cipher, PROTOCOL, &card.key)?;
        Ok(TcpClient { tls: Some(TlsConnector::from(Arc::new(tls))), card })
    }

    async fn connect(client: &TcpClient) -> Fallible<TcpSession> {
        let stream = TcpStream::connect(client.card.address).await?;
        stream.set_nodelay(true)?;
        match &client.tls {
            Some(tls) => {
                Ok(TcpSession::new(tls.connect(ServerName::try_from(NAME)?, stream).await?))
            }
            None => Ok(TcpSession::new(stream)),
        }
    }
}

impl TcpSession {
    fn new(stream: impl ReadWrite + 'static) -> Self {
        Self(Mutex::new(Some(TcpLike(Box::pin(stream)))))
    }

    fn take(&self) -> Option<TcpLike> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Guest for TcpSession {
    type Stream = TcpLike;

    async fn accept(&mut self) -> Option<TcpLike> {
        self.take()
    }
}

impl Session for TcpSession {
    type Stream = TcpLike;

    async fn open(&self) -> Fallible<TcpLike> {
        self.take().ok_or_else(|| "TCP has one stream".into())
    }

    fn close(self) {}
}

impl Stream for TcpLike {
    async fn send(&mut self, bytes: Bytes) -> Fallible<()> {
        self.0.write_all(&bytes).await?;
        Ok(self.0.flush().await?)
    }

    async fn finish(&mut self) -> Fallible<()> {
        Ok(self.0.shutdown().await?)
    }

    async fn read(&mut self, room: &mut [u8]) -> Fallible<usize> {
        Ok(self.0.read(room).await?)
    }
}

/// A socket with room for a hundred at once, and where it is.
pub(crate) fn listen() -> Fallible<(TcpListener, Card)> {
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind("127.0.0.1:0".parse()?)?;
    let listener = socket.listen(BACKLOG)?;
    let card = Card::new(listener.local_addr()?, Vec::new());
    Ok((listener, card))
}
