//! HTTP/3 by the crate h3, over quinn: one connection, a stream for each request.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use h3::server::RequestResolver;
use h3_quinn::{BidiStream, OpenStreams};
use tokio::task::JoinSet;

use super::http::{body, check, request, response};
use crate::address::Far;
use crate::certificate::{self, NAME};

const PORT: u16 = 7_007;

/// A browser with one connection.
pub(crate) struct H3 {
    address: SocketAddr,
    endpoint: quinn::Endpoint,
    requests: Option<SendRequest<OpenStreams, Bytes>>,
}

impl H3 {
    pub(crate) fn new(far: &Far) -> io::Result<Self> {
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let mut endpoint = quinn::Endpoint::client(any)?;
        endpoint.set_default_client_config(certificate::client(&far.certificate)?.1);
        Ok(Self { address: SocketAddr::new(far.address, PORT), endpoint, requests: None })
    }

    /// Fetches all of them at once.
    pub(crate) async fn fetch(&mut self, objects: &[u64]) -> io::Result<()> {
        let mut requests = match self.requests.take() {
            Some(requests) => requests,
            None => self.connect().await?,
        };
        let mut replies = JoinSet::new();
        for &bytes in objects {
            let asked = requests.send_request(request(bytes)?).await;
            let mut stream = asked.map_err(io::Error::other)?;
            stream.finish().await.map_err(io::Error::other)?;
            replies.spawn(receive(stream, bytes));
        }
        while let Some(done) = replies.join_next().await {
            done??;
        }
        self.requests = Some(requests);
        Ok(())
    }

    async fn connect(&self) -> io::Result<SendRequest<OpenStreams, Bytes>> {
        let connecting = self.endpoint.connect(self.address, NAME).map_err(io::Error::other)?;
        let connection = h3_quinn::Connection::new(connecting.await?);
        let made = h3::client::new(connection).await;
        let (mut driver, requests) = made.map_err(io::Error::other)?;
        tokio::spawn(async move { poll_fn(|context| driver.poll_close(context)).await });
        Ok(requests)
    }
}

async fn receive(mut from: RequestStream<BidiStream<Bytes>, Bytes>, bytes: u64) -> io::Result<()> {
    from.recv_response().await.map_err(io::Error::other)?;
    let mut came = 0;
    while let Some(piece) = from.recv_data().await.map_err(io::Error::other)? {
        came += piece.remaining() as u64;
    }
    check(bytes, came)
}

/// Answers for ever.
pub(crate) async fn serve(address: IpAddr, config: quinn::ServerConfig) -> io::Result<()> {
    let endpoint = quinn::Endpoint::server(config, SocketAddr::new(address, PORT))?;
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(connection(incoming));
    }
    Ok(())
}

async fn connection(incoming: quinn::Incoming) -> io::Result<()> {
    let connection = h3_quinn::Connection::new(incoming.await?);
    let made = h3::server::Connection::new(connection).await;
    let mut connection = made.map_err(io::Error::other)?;
    while let Some(asked) = connection.accept().await.map_err(io::Error::other)? {
        tokio::spawn(answer(asked));
    }
    Ok(())
}

async fn answer(asked: RequestResolver<h3_quinn::Connection, Bytes>) -> io::Result<()> {
    let (request, mut stream) = asked.resolve_request().await.map_err(io::Error::other)?;
    stream.send_response(response()?).await.map_err(io::Error::other)?;
    stream.send_data(body(request.uri())).await.map_err(io::Error::other)?;
    stream.finish().await.map_err(io::Error::other)
}
