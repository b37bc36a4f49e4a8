//! HTTP/2 by the crate h2, over rustls.

use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::{Connection, SendResponse};
use h2::{RecvStream, SendStream};
use http::{Request, Response};
use rustls::pki_types::ServerName;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::credentials::{self, Credentials, NAME};
use super::{Guest, Session, Stream, Transport, tcp};
use crate::Fallible;
use crate::task::{Card, Task};

pub(crate) struct H2;

pub(crate) struct H2Client {
    tls: TlsConnector,
    card: Card,
}

pub(crate) struct H2Session(SendRequest<Bytes>);

/// A request and its reply, as either side has it.
pub(crate) struct H2Stream {
    sending: Sending,
    /// Kept until it is known whether more follows, so that the end is in the same frame.
    pending: Option<Bytes>,
    incoming: Option<ResponseFuture>,
    body: Option<RecvStream>,
    /// What was received and did not fit the reader's room.
    rest: Bytes,
}

enum Sending {
    Reply(SendResponse<Bytes>),
    Body(SendStream<Bytes>),
}

const PROTOCOL: &str = "h2";
const STREAM_WINDOW: u32 = 1 << 20;

impl Transport for H2 {
    type Server = (TcpListener, TlsAcceptor);
    type Arrival = (TcpStream, TlsAcceptor);
    type Guest = Connection<TlsStream<TcpStream>, Bytes>;
    type Client = H2Client;
    type Session = H2Session;

    async fn serve(task: &Task) -> Fallible<(Self::Server, Card)> {
        let (listener, mut card) = tcp::listen()?;
        let own = Credentials::generate()?;
        let tls = TlsAcceptor::from(Arc::new(own.server(task.cipher, PROTOCOL)?));
        card.key = own.certificate;
        Ok(((listener, tls), card))
    }

    async fn accept((listener, tls): &mut Self::Server) -> Option<Self::Arrival> {
        Some((listener.accept().await.ok()?.0, tls.clone()))
    }

    async fn meet((stream, tls): Self::Arrival) -> Fallible<Self::Guest> {
        stream.set_nodelay(true)?;
        let stream = tls.accept(stream).await?;
        let mut builder = h2::server::Builder::new();
        builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(STREAM_WINDOW);
        Ok(builder.max_concurrent_streams(1_000).handshake(stream).await?)
    }

    async fn client(task: &Task, card: &Card) -> Fallible<H2Client> {
        let tls = credentials::client(task.cipher, PROTOCOL, &card.key)?;
        Ok(H2Client { tls: TlsConnector::from(Arc::new(tls)), card: card.clone() })
    }

    async fn connect(client: &H2Client) -> Fallible<H2Session> {
        let stream = TcpStream::connect(client.card.address).await?;
        stream.set_nodelay(true)?;
        let stream = client.tls.connect(ServerName::try_from(NAME)?, stream).await?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(STREAM_WINDOW).initial_connection_window_size(STREAM_WINDOW);
        let (requests, connection) = builder.handshake(stream).await?;
        tokio::spawn(connection);
        Ok(H2Session(requests))
    }
}

impl Guest for Connection<TlsStream<TcpStream>, Bytes> {
    type Stream = H2Stream;

    async fn accept(&mut self) -> Option<H2Stream> {
        let (request, reply) = Self::accept(self).await?.ok()?;
        Some(H2Stream {
            sending: Sending::Reply(reply),
            pending: None,
            incoming: None,
            body: Some(request.into_body()),
            rest: Bytes::new(),
        })
    }
}

impl Session for H2Session {
    type Stream = H2Stream;

    async fn open(&self) -> Fallible<H2Stream> {
        let mut requests = self.0.clone().ready().await?;
        let request = Request::post("https://localhost/").body(())?;
        let (incoming, body) = requests.send_request(request, false)?;
        Ok(H2Stream {
            sending: Sending::Body(body),
            pending: None,
            incoming: Some(incoming),
            body: None,
            rest: Bytes::new(),
        })
    }

    fn close(self) {}
}

impl H2Stream {
    fn send_pending(&mut self, is_last: bool) -> Fallible<()> {
        if let Sending::Reply(reply) = &mut self.sending {
            self.sending = Sending::Body(reply.send_response(Response::new(()), false)?);
        }
        match (&mut self.sending, self.pending.take()) {
            (Sending::Body(body), Some(bytes)) => Ok(body.send_data(bytes, is_last)?),
            (Sending::Body(body), None) if is_last => Ok(body.send_data(Bytes::new(), true)?),
            _ => Ok(()),
        }
    }
}

impl Stream for H2Stream {
    async fn send(&mut self, bytes: Bytes) -> Fallible<()> {
        if self.pending.is_some() {
            self.send_pending(false)?;
        }
        self.pending = Some(bytes);
        Ok(())
    }

    async fn finish(&mut self) -> Fallible<()> {
        self.send_pending(true)
    }

    async fn read(&mut self, room: &mut [u8]) -> Fallible<usize> {
        if let Some(incoming) = self.incoming.take() {
            self.body = Some(incoming.await?.into_body());
        }
        let body = self.body.as_mut().ok_or("no body")?;
        while self.rest.is_empty() {
            match body.data().await.transpose()? {
                Some(bytes) => self.rest = bytes,
                None => return Ok(0),
            }
            body.flow_control().release_capacity(self.rest.len())?;
        }
        let bytes = self.rest.split_to(self.rest.len().min(room.len()));
        room[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}
