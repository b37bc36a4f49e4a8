//! [`Dialer`] and [`Connection`]: what all protocols but UDP have alike.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use sst_std::{Config, Endpoint, Identity, OpenOptions, Session, Url};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::address::{Far, Protocol};
use crate::certificate::{self, NAME};
use crate::exchange::{Reader, Writer};

/// As patient as the most patient of them.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(60);

/// Makes connections by one protocol.
pub(crate) struct Dialer {
    far: Far,
    protocol: Protocol,
    ways: Ways,
}

/// What is made once, and not for every connection.
struct Ways {
    sst: Endpoint,
    tls: Arc<ClientConfig>,
    quic: quinn::Endpoint,
}

/// A connection to the server. Over TCP, it is one stream and no more.
pub(crate) enum Connection {
    Sst(Session),
    Quic(quinn::Connection),
    One(Option<(Reader, Writer)>),
}

impl Dialer {
    pub(crate) async fn new(protocol: Protocol, far: &Far) -> io::Result<Self> {
        if protocol == Protocol::Udp {
            return Err(io::Error::other("there are no connections over UDP"));
        }
        let (tls, quic_config) = certificate::client(&far.certificate)?;
        let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
        let mut quic = quinn::Endpoint::client(any)?;
        quic.set_default_client_config(quic_config);
        let mut config = Config::new(Identity::generate().map_err(io::Error::other)?);
        config.bind = vec![any];
        config.connect_timeout = CONNECT_TIMEOUT;
        let sst = Endpoint::bind(config).await.map_err(io::Error::other)?;
        Ok(Self { far: far.clone(), protocol, ways: Ways { sst, tls, quic } })
    }

    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let address = self.far.of(self.protocol);
        match self.protocol {
            Protocol::Sst => {
                let url = Url::new(self.far.id, address, "");
                let session = self.ways.sst.connect(&url).await.map_err(io::Error::other)?;
                Ok(Connection::Sst(session))
            }
            Protocol::Quic => {
                let connecting = self.ways.quic.connect(address, NAME).map_err(io::Error::other)?;
                Ok(Connection::Quic(connecting.await?))
            }
            _ => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                self.one(stream).await.map(Some).map(Connection::One)
            }
        }
    }

    async fn one(&self, stream: TcpStream) -> io::Result<(Reader, Writer)> {
        if self.protocol == Protocol::Tcp {
            let (reader, writer) = stream.into_split();
            return Ok((Box::new(reader), Box::new(writer)));
        }
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let stream = TlsConnector::from(self.ways.tls.clone()).connect(name, stream).await?;
        let (reader, writer) = tokio::io::split(stream);
        Ok((Box::new(reader), Box::new(writer)))
    }
}

impl Connection {
    /// A new stream; the only one, if it has no more.
    pub(crate) async fn open(&mut self) -> io::Result<(Reader, Writer)> {
        match self {
            Self::Sst(session) => {
                let opened = session.open_substream(OpenOptions::new()).await;
                let (reader, writer) = opened.map_err(io::Error::other)?.split();
                Ok((Box::new(reader), Box::new(writer)))
            }
            Self::Quic(connection) => {
                let (writer, reader) = connection.open_bi().await?;
                Ok((Box::new(reader), Box::new(writer)))
            }
            Self::One(stream) => stream.take().ok_or(io::Error::other("it has one stream only")),
        }
    }

    /// Ends it at once, with a word to the other side.
    pub(crate) fn end(self) {
        match self {
            Self::Sst(session) => session.abort(0, ""),
            Self::Quic(connection) => connection.close(0_u8.into(), b""),
            Self::One(_) => {}
        }
    }
}
