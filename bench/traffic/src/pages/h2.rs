//! HTTP/2 by the crate h2, over TLS 1.3: one connection, a stream for each request.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::http::{body, check, request, response};
use crate::address::Far;
use crate::certificate::{self, NAME};

const PORT: u16 = 7_006;
/// More than any page has: browsers allow some MiB.
const WINDOW: u32 = 4 << 20;

/// A browser with one connection.
pub(crate) struct H2 {
    address: SocketAddr,
    tls: TlsConnector,
    requests: Option<SendRequest<Bytes>>,
}

impl H2 {
    pub(crate) fn new(far: &Far) -> io::Result<Self> {
        let tls = TlsConnector::from(certificate::client(&far.certificate)?.0);
        Ok(Self { address: SocketAddr::new(far.address, PORT), tls, requests: None })
    }

    /// Fetches all of them at once.
    pub(crate) async fn fetch(&mut self, objects: &[u64]) -> io::Result<()> {
        let mut requests = match self.requests.take() {
            Some(requests) => requests,
            None => self.connect().await?,
        };
        let mut replies = JoinSet::new();
        for &bytes in objects {
            requests = requests.ready().await.map_err(io::Error::other)?;
            let sent = requests.send_request(request(bytes)?, true);
            replies.spawn(receive(sent.map_err(io::Error::other)?.0, bytes));
        }
        while let Some(done) = replies.join_next().await {
            done??;
        }
        self.requests = Some(requests);
        Ok(())
    }

    async fn connect(&self) -> io::Result<SendRequest<Bytes>> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let stream = self.tls.connect(name, stream).await?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (requests, connection) = builder.handshake(stream).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(requests)
    }
}

async fn receive(response: ResponseFuture, bytes: u64) -> io::Result<()> {
    let mut body = response.await.map_err(io::Error::other)?.into_body();
    let mut came = 0;
    while let Some(piece) = body.data().await {
        let len = piece.map_err(io::Error::other)?.len();
        came += len as u64;
        body.flow_control().release_capacity(len).map_err(io::Error::other)?;
    }
    check(bytes, came)
}

/// Answers for ever.
pub(crate) async fn serve(far: std::net::IpAddr, tls: Arc<ServerConfig>) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::new(far, PORT)).await?;
    let acceptor = TlsAcceptor::from(tls);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, acceptor.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: TlsAcceptor) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = acceptor.accept(stream).await?;
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
    let mut connection = builder.handshake(stream).await.map_err(io::Error::other)?;
    while let Some(asked) = connection.accept().await {
        let (request, reply) = asked.map_err(io::Error::other)?;
        answer(reply, body(request.uri()))?;
    }
    Ok(())
}

/// The whole body at once: the crate holds what does not fit the windows.
fn answer(mut reply: SendResponse<Bytes>, body: Bytes) -> io::Result<()> {
    let mut stream = reply.send_response(response()?, false).map_err(io::Error::other)?;
    stream.send_data(body, true).map_err(io::Error::other)
}
