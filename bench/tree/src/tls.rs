//! TLS 1.3, a certificate of our own, no resumption: every connection pays for its handshake.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

const NAME: &str = "tls-tree";

/// The server's side. Its certificate is new each time, and left at `certificate`.
pub(crate) fn acceptor(certificate: &Path) -> io::Result<TlsAcceptor> {
    let own = rcgen::generate_simple_self_signed([NAME.to_string()]).map_err(io::Error::other)?;
    fs::write(certificate, own.cert.der())?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .map_err(io::Error::other)?;
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The client's side: trusts the certificate at `certificate` and no other.
pub(crate) fn connector(certificate: &Path) -> io::Result<TlsConnector> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(fs::read(certificate)?)).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Whom the client expects.
pub(crate) fn server_name() -> ServerName<'static> {
    ServerName::try_from(NAME).expect("a host name")
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    // The curve of SST, and the cheapest there is.
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    Arc::new(provider)
}
