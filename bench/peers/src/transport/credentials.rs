//! TLS 1.3 with one cipher, one curve (SST's), a certificate made for the day, no resumption.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, cipher_suite};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedCipherSuite};

use crate::Fallible;
use crate::task::Cipher;

/// Whom the client expects.
pub(crate) const NAME: &str = "localhost";

/// A server's certificate and its key.
pub(crate) struct Credentials {
    pub(crate) certificate: Vec<u8>,
    key: Vec<u8>,
    pub(crate) certificate_pem: String,
    pub(crate) key_pem: String,
}

impl Credentials {
    /// New ones: ECDSA with P-256.
    pub(crate) fn generate() -> Fallible<Self> {
        let own = rcgen::generate_simple_self_signed([NAME.to_owned()])?;
        Ok(Self {
            certificate: own.cert.der().to_vec(),
            key: own.signing_key.serialize_der(),
            certificate_pem: own.cert.pem(),
            key_pem: own.signing_key.serialize_pem(),
        })
    }

    /// The server's side. `protocol` is for ALPN.
    pub(crate) fn server(&self, cipher: Cipher, protocol: &str) -> Fallible<ServerConfig> {
        let certificate = CertificateDer::from(self.certificate.clone());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.key.clone()));
        let mut config = ServerConfig::builder_with_provider(provider(cipher)?)
            .with_protocol_versions(&[&TLS13])?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)?;
        config.send_tls13_tickets = 0;
        config.alpn_protocols = vec![protocol.into()];
        Ok(config)
    }
}

/// The client's side: trusts one certificate.
pub(crate) fn client(cipher: Cipher, protocol: &str, trusted: &[u8]) -> Fallible<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(trusted.to_vec()))?;
    let mut config = ClientConfig::builder_with_provider(provider(cipher)?)
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![protocol.into()];
    Ok(config)
}

/// What QUIC seals its first packets with, whatever comes after.
pub(crate) fn initial() -> Fallible<rustls::quic::Suite> {
    let suite = cipher_suite::TLS13_AES_128_GCM_SHA256.tls13();
    Ok(suite.and_then(|suite| suite.quic_suite()).ok_or("rustls without QUIC")?)
}

fn provider(cipher: Cipher) -> Fallible<Arc<CryptoProvider>> {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites = vec![suite(cipher)?];
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    Ok(Arc::new(provider))
}

fn suite(cipher: Cipher) -> Fallible<SupportedCipherSuite> {
    match cipher {
        Cipher::Aes128 => Ok(cipher_suite::TLS13_AES_128_GCM_SHA256),
        Cipher::Aes256 => Ok(cipher_suite::TLS13_AES_256_GCM_SHA384),
        Cipher::Chacha => Ok(cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
        Cipher::None => Err("TLS always has a cipher".into()),
    }
}
