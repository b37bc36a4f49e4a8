//! The default provider: ChaCha20-Poly1305 by RustCrypto, X25519 by dalek, the caller's randomness.
//!
//! AES is left out: in software it is either slow or not constant-time.

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use rand_core::TryCryptoRng;
use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use super::{
    Aead, AgreeError, Crypto, KEY_LEN, NONCE_LEN, OpenError, RandomError, SharedSecret, Suite,
    TAG_LEN,
};

/// Portable cryptography with the caller's generator of random bytes.
pub struct RustCrypto<R> {
    rng: R,
}

impl<R: TryCryptoRng> RustCrypto<R> {
    /// A provider that draws its randomness from `rng`.
    #[must_use]
    pub const fn new(rng: R) -> Self {
        Self { rng }
    }
}

impl<R: TryCryptoRng> Crypto for RustCrypto<R> {
    type Aead = ChaCha;
    type Secret = [u8; KEY_LEN];

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.rng.try_fill_bytes(out).map_err(|_| RandomError)
    }

    fn load(&self, bytes: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        *bytes
    }

    /// By the ladder that agreements use: the Edwards arithmetic that would be faster costs flash.
    fn public_key(&self, secret: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        x25519(*secret, X25519_BASEPOINT_BYTES)
    }

    fn agree(
        &self,
        secret: &[u8; KEY_LEN],
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError> {
        SharedSecret::new(x25519(*secret, *public))
    }

    fn aead(&self, suite: Suite, key: &[u8; KEY_LEN]) -> Option<ChaCha> {
        match suite {
            Suite::ChaCha20Poly1305 => Some(ChaCha(ChaCha20Poly1305::new(key.into()))),
            Suite::Aes256Gcm => None,
        }
    }

    fn supports(&self, suite: Suite) -> bool {
        suite == Suite::ChaCha20Poly1305
    }
}

/// ChaCha20-Poly1305 under one key (RFC 8439). Erases the key when dropped.
pub struct ChaCha(ChaCha20Poly1305);

impl Aead for ChaCha {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        let tag = self.0.encrypt_inout_detached(nonce.into(), associated, in_out.into());
        tag.ok().map(Into::into)
    }

    /// Verifies before it decrypts: after a failure `in_out` is the ciphertext as it came.
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        self.0
            .decrypt_inout_detached(nonce.into(), associated, in_out.into(), tag.into())
            .map_err(|_| OpenError)
    }
}

#[cfg(test)]
#[path = "rustcrypto_tests.rs"]
mod tests;
