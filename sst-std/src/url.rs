//! [`Url`]: `sst://HOST-ID@address:port/path`, who to talk to, where, and about what.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use sst_nostd::{HostId, HostIdError};

/// The UDP port of a URL that names none.
pub const DEFAULT_PORT: u16 = 8661;
/// How the `%` before an interface's name is written in a URL.
const ESCAPED_PERCENT: &str = "%25";

/// An SST address: an identity, the place to find it, and a path for the service.
///
/// # Examples
/// ```
/// use sst_std::{Identity, Url};
///
/// let id = Identity::generate()?.id();
/// let url: Url = format!("sst://{id}@[::1]:4000/photos/a%20b.jpg").parse()?;
/// assert_eq!((url.id(), url.port(), url.path()), (id, 4000, "photos/a b.jpg"));
/// assert_eq!(url.to_string().parse::<Url>()?, url);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    id: HostId,
    host: String,
    port: u16,
    path: String,
}

/// Why a text is not a [`Url`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// A `%` in the path without two hexadecimal digits, or bytes that are not UTF-8.
    #[error("the path of the URL has a bad % escape")]
    Escape,
    /// Nothing between `@` and the port.
    #[error("the URL has no address after the @")]
    Host,
    /// The host id is wrong.
    #[error("the URL's host id is wrong: {0}")]
    Id(HostIdError),
    /// No `@`.
    #[error("the URL has no identity: it should be sst://ID@ADDRESS:PORT/PATH")]
    MissingId,
    /// Not a number from 1 to 65535.
    #[error("the URL's port is not a number from 1 to 65535")]
    Port,
    /// Not `sst://` at the beginning.
    #[error("not an SST URL: it should be sst://ID@ADDRESS:PORT/PATH")]
    Scheme,
}

impl Url {
    /// The URL of `path` (not escaped, no `/` in front) on the host `id` at `address`.
    #[must_use]
    pub fn new(id: HostId, address: SocketAddr, path: &str) -> Self {
        let path = path.trim_start_matches('/').into();
        let mut host = address.ip().to_string();
        if let SocketAddr::V6(v6) = address
            && v6.scope_id() != 0
        {
            host = format!("{host}%{}", v6.scope_id());
        }
        Self { id, host, port: address.port(), path }
    }

    /// The same host with another path.
    #[must_use]
    pub fn with_path(&self, path: &str) -> Self {
        Self { path: path.trim_start_matches('/').into(), ..self.clone() }
    }

    /// The same address on the link of the interface `name`: an address that begins with `fe80`
    /// means nothing without it.
    #[must_use]
    pub fn with_interface(&self, name: &str) -> Self {
        let address = self.host.split_once('%').map_or(self.host.as_str(), |(address, _)| address);
        Self { host: format!("{address}%{name}"), ..self.clone() }
    }

    /// Looks the address up, and gives the one to be tried first. A numeric address asks no one.
    ///
    /// # Errors
    /// What the resolver said, or [`io::ErrorKind::NotFound`].
    pub async fn resolve(&self) -> io::Result<SocketAddr> {
        let nothing =
            || io::Error::new(io::ErrorKind::NotFound, format!("{} has no address", self.host));
        self.resolve_all().await?.first().copied().ok_or_else(nothing)
    }

    /// Looks all addresses up that are to be tried, in their order. There is at least one.
    ///
    /// # Errors
    /// What the resolver said, or [`io::ErrorKind::NotFound`].
    pub async fn resolve_all(&self) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        self.look_up().await
    }

    #[cfg(feature = "net")]
    async fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        let found = tokio::net::lookup_host((self.host.as_str(), self.port)).await?;
        let found = crate::addresses::in_turn(found);
        if found.is_empty() {
            let problem = format!("{} has no address", self.host);
            return Err(io::Error::new(io::ErrorKind::NotFound, problem));
        }
        Ok(found)
    }

    #[cfg(not(feature = "net"))]
    async fn look_up(&self) -> io::Result<Vec<SocketAddr>> {
        let problem = format!("{} is a name, and here is nothing to look it up", self.host);
        Err(io::Error::new(io::ErrorKind::Unsupported, problem))
    }

    /// Who must answer.
    #[must_use]
    pub const fn id(&self) -> HostId {
        self.id
    }

    /// A numeric address or a name, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port; [`DEFAULT_PORT`] if the URL names none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The path with its escapes undone, without the `/` in front.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for Url {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, host, port, path } = self;
        if host.contains(':') {
            let host = host.replace('%', ESCAPED_PERCENT);
            write!(out, "sst://{id}@[{host}]:{port}/")?;
        } else {
            write!(out, "sst://{id}@{host}:{port}/")?;
        }
        for byte in path.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=:@".contains(&byte) {
                write!(out, "{}", char::from(byte))?;
            } else {
                write!(out, "%{byte:02X}")?;
            }
        }
        Ok(())
    }
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let rest = text.strip_prefix("sst://").ok_or(UrlError::Scheme)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (id, place) = authority.split_once('@').ok_or(UrlError::MissingId)?;
        let id = id.parse().map_err(UrlError::Id)?;
        let (host, port) = split_port(place)?;
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        Ok(Self { id, host: scoped(host), port, path: unescape(path)? })
    }
}

/// An address with the name of an interface, as in `fe80::1%25eth0` (RFC 6874), or as other tools
/// take it: `fe80::1%eth0`.
fn scoped(host: &str) -> String {
    match host.split_once(ESCAPED_PERCENT) {
        Some((address, interface)) if address.contains(':') && !interface.is_empty() => {
            format!("{address}%{interface}")
        }
        _ => host.into(),
    }
}

/// `[v6]:port`, `[v6]`, `host:port` or `host`.
fn split_port(place: &str) -> Result<(&str, u16), UrlError> {
    let (host, port) = match place.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(UrlError::Host)?;
            (host, if port.is_empty() { None } else { Some(port.strip_prefix(':')) })
        }
        None => match place.split_once(':') {
            Some((host, port)) => (host, Some(Some(port))),
            None => (place, None),
        },
    };
    match port {
        None => Ok((host, DEFAULT_PORT)),
        Some(port) => match port.and_then(|port| port.parse().ok()) {
            None | Some(0) => Err(UrlError::Port),
            Some(port) => Ok((host, port)),
        },
    }
}

fn unescape(path: &str) -> Result<String, UrlError> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(), digit()) else { return Err(UrlError::Escape) };
        bytes.push((high << 4 | low) as u8);
    }
    String::from_utf8(bytes).map_err(|_| UrlError::Escape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> HostId {
        HostId::new([7; 32])
    }

    // Spec: R-3.3-2.
    #[test]
    fn urls_round_trip_with_every_kind_of_address_and_path() {
        for place in ["1.2.3.4:5", "[::1]:5", "example.org:5"] {
            for path in ["", "a", "a/b%20c", "%C3%BC/%25/%3F"] {
                let text = format!("sst://{}@{place}/{path}", id());
                let url: Url = text.parse().unwrap();
                assert_eq!(url.to_string(), text);
            }
        }
        let url = Url::new(id(), "[fe80::1]:9".parse().unwrap(), "/x y");
        assert_eq!(url.to_string().parse(), Ok(url.clone()));
        assert_eq!((url.path(), url.host()), ("x y", "fe80::1"));
        let url = Url::new(id(), "[fe80::1%253]:9".parse().unwrap(), "");
        assert_eq!((url.to_string().parse(), url.host()), (Ok(url.clone()), "fe80::1%253"));
        for place in ["[fe80::1%25eth0]", "[fe80::1%eth0]"] {
            let url: Url = format!("sst://{}@{place}/", id()).parse().unwrap();
            assert_eq!(url.host(), "fe80::1%eth0");
            assert_eq!(url.to_string(), format!("sst://{}@[fe80::1%25eth0]:8661/", id()));
        }
    }

    // Spec: R-3.3-1.
    #[test]
    fn the_port_may_be_left_out() {
        for place in ["1.2.3.4", "[::1]", "example.org"] {
            let url: Url = format!("sst://{}@{place}", id()).parse().unwrap();
            assert_eq!((url.port(), url.path()), (DEFAULT_PORT, ""));
        }
    }

    // Spec: R-3.3-2, R-3.3-3.
    #[test]
    fn errors_say_what_is_wrong() {
        let id = id();
        let parse = |text: &str| text.parse::<Url>().unwrap_err();
        assert_eq!(parse("http://x/"), UrlError::Scheme);
        assert_eq!(parse("sst://1.2.3.4:5/"), UrlError::MissingId);
        assert!(matches!(parse("sst://abc@1.2.3.4:5/"), UrlError::Id(_)));
        for place in ["", ":5", "[]:5", "[::1:5"] {
            assert_eq!(parse(&format!("sst://{id}@{place}/")), UrlError::Host, "{place}");
        }
        for port in ["", "0", "65536", "x", "-1", "5x"] {
            assert_eq!(parse(&format!("sst://{id}@h:{port}/")), UrlError::Port, "{port}");
            assert_eq!(parse(&format!("sst://{id}@[::1]:{port}/")), UrlError::Port, "{port}");
        }
        for path in ["%", "%2", "%zz", "%ff", "a%"] {
            assert_eq!(parse(&format!("sst://{id}@h/{path}")), UrlError::Escape, "{path}");
        }
    }
}
