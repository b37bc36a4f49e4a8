//! The answering side, of every protocol at once.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use sst_std::{Algorithm, Config, Endpoint, Identity, Session};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio_rustls::TlsAcceptor;

use crate::address::{Far, Protocol};
use crate::certificate;
use crate::exchange::{HEADER_LEN, answer, parse};
use crate::pages;

/// Children a session may open before they are accepted.
const BACKLOG: u32 = 256;
/// The longest UDP datagram.
const MAX_DATAGRAM_LEN: usize = 65_507;

/// Answers until killed; what clients need to know is printed when it is there.
pub(crate) async fn run(address: IpAddr, algorithm: Algorithm) -> io::Result<String> {
    let at = |protocol: Protocol| SocketAddr::new(address, protocol.port());
    let (tls, quic, certificate) = certificate::server()?;
    let mut config = Config::new(Identity::generate().map_err(io::Error::other)?);
    (config.accept, config.algorithm) = (true, algorithm);
    config.bind = vec![at(Protocol::Sst)];
    let endpoint = Endpoint::bind(config).await.map_err(io::Error::other)?;
    let far = Far { address, id: endpoint.id(), certificate };
    let tcp = TcpListener::bind(at(Protocol::Tcp)).await?;
    let tls_tcp = TcpListener::bind(at(Protocol::Tls)).await?;
    let web = pages::serve(address, tls.clone(), quic.clone());
    let quic = quinn::Endpoint::server(quic, at(Protocol::Quic))?;
    let udp = UdpSocket::bind(at(Protocol::Udp)).await?;
    println!("{far}");
    io::stdout().flush()?;
    let acceptor = TlsAcceptor::from(tls);
    tokio::try_join!(
        sessions(endpoint),
        connections(tcp, None),
        connections(tls_tcp, Some(acceptor)),
        quic_connections(quic),
        datagrams(udp),
        web,
    )?;
    Ok(String::new())
}

async fn sessions(endpoint: Endpoint) -> io::Result<()> {
    while let Some(session) = endpoint.accept().await {
        tokio::spawn(streams(session));
    }
    Ok(())
}

async fn streams(session: Session) {
    let mut listener = session.listen(BACKLOG);
    while let Some(stream) = listener.accept().await {
        let (reader, writer) = stream.split();
        tokio::spawn(answer(Box::new(reader), Box::new(writer)));
    }
}

async fn connections(listener: TcpListener, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream, acceptor.clone()));
    }
}

async fn connection(stream: TcpStream, acceptor: Option<TlsAcceptor>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match acceptor {
        Some(acceptor) => {
            let (reader, writer) = tokio::io::split(acceptor.accept(stream).await?);
            answer(Box::new(reader), Box::new(writer)).await
        }
        None => {
            let (reader, writer) = stream.into_split();
            answer(Box::new(reader), Box::new(writer)).await
        }
    }
}

async fn quic_connections(endpoint: quinn::Endpoint) -> io::Result<()> {
    while let Some(incoming) = endpoint.accept().await {
        tokio::spawn(async move {
            let Ok(connection) = incoming.await else { return };
            while let Ok((writer, reader)) = connection.accept_bi().await {
                tokio::spawn(answer(Box::new(reader), Box::new(writer)));
            }
        });
    }
    Ok(())
}

async fn datagrams(socket: UdpSocket) -> io::Result<()> {
    let socket = Arc::new(socket);
    let mut request = vec![0; MAX_DATAGRAM_LEN];
    loop {
        let (len, from) = socket.recv_from(&mut request).await?;
        let Some((reply, rest)) = request.get(..len).and_then(parse) else { continue };
        if rest + HEADER_LEN == len as u64 {
            let reply = vec![0xa5; MAX_DATAGRAM_LEN.min(reply as usize)];
            // Too long for a datagram is the same as lost.
            let _ = socket.send_to(&reply, from).await;
        }
    }
}
