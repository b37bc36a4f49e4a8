//! TLS 1.3 for TCP and for QUIC: a certificate of our own, the curve of SST, no resumption.

use std::io;
use std::sync::Arc;

use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::version::TLS13;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};

/// Whom the client expects.
pub(crate) const NAME: &str = "traffic";

/// The server's side: of TLS, of QUIC, and the certificate.
pub(crate) fn server() -> io::Result<(Arc<ServerConfig>, quinn::ServerConfig, Vec<u8>)> {
    let own = rcgen::generate_simple_self_signed([NAME.to_string()]).map_err(io::Error::other)?;
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .map_err(io::Error::other)?;
    config.send_tls13_tickets = 0;
    let quic = QuicServerConfig::try_from(config.clone()).map_err(io::Error::other)?;
    let quic = quinn::ServerConfig::with_crypto(Arc::new(quic));
    Ok((Arc::new(config), quic, own.cert.der().to_vec()))
}

/// The client's side: of TLS, and of QUIC.
pub(crate) fn client(certificate: &[u8]) -> io::Result<(Arc<ClientConfig>, quinn::ClientConfig)> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.to_vec())).map_err(io::Error::other)?;
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    let quic = QuicClientConfig::try_from(config.clone()).map_err(io::Error::other)?;
    Ok((Arc::new(config), quinn::ClientConfig::new(Arc::new(quic))))
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    Arc::new(provider)
}
