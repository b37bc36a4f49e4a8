//! [`Far`]: where the server is, and what has to be known about it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use clap::ValueEnum;
use sst_std::HostId;

/// A way to talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Protocol {
    Quic,
    Sst,
    Tcp,
    Tls,
    Udp,
}

/// What a server says first, and a client is told: its address, who it is to SST, and the
/// certificate that TLS and QUIC are to trust.
#[derive(Clone, Debug)]
pub(crate) struct Far {
    pub(crate) address: IpAddr,
    pub(crate) id: HostId,
    pub(crate) certificate: Vec<u8>,
}

impl Protocol {
    /// Each has a port of its own.
    pub(crate) const fn port(self) -> u16 {
        match self {
            Self::Sst => 7_001,
            Self::Tcp => 7_002,
            Self::Tls => 7_003,
            Self::Quic => 7_004,
            Self::Udp => 7_005,
        }
    }
}

impl Far {
    pub(crate) const fn of(&self, protocol: Protocol) -> SocketAddr {
        SocketAddr::new(self.address, protocol.port())
    }
}

impl fmt::Display for Far {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}/{}/", self.address, self.id)?;
        self.certificate.iter().try_for_each(|byte| write!(to, "{byte:02x}"))
    }
}

impl FromStr for Far {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or("not what a server said");
        let address = next()?.parse().map_err(|_| "no address")?;
        let id = next()?.parse().map_err(|_| "no host")?;
        let digits = next()?;
        let byte = |at| digits.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        let certificate = (0..digits.len()).step_by(2).map(byte).collect::<Option<_>>();
        Ok(Self { address, id, certificate: certificate.ok_or("no certificate")? })
    }
}
