//! [`Provider`]: the cryptography of boards. A board with hardware for X25519 or for a cipher would
//! change it here.
//!
//! It is the core's own provider but for the cipher, which is put together from generic parts: they
//! are compiled where they meet. Here, alone, they are compiled for speed, and all else for size
//! (`Cargo.toml` of the workspace).
#![no_std]
#![forbid(unsafe_code)]

use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit};
use rand_core::TryCryptoRng;
use sst_nostd::crypto::{
    Aead, AgreeError, KEY_LEN, NONCE_LEN, OpenError, RandomError, SharedSecret, TAG_LEN,
};
use sst_nostd::{Crypto, RustCrypto, Suite};

/// Portable cryptography with the board's random bytes.
pub struct Provider<R>(RustCrypto<R>);

/// ChaCha20-Poly1305 under one key (RFC 8439). Erases the key when dropped.
pub struct Cipher(ChaCha20Poly1305);

impl<R: TryCryptoRng> Provider<R> {
    /// Draws its randomness from `rng`.
    pub const fn new(rng: R) -> Self {
        Self(RustCrypto::new(rng))
    }
}

impl<R: TryCryptoRng> Crypto for Provider<R> {
    type Aead = Cipher;
    type Secret = [u8; KEY_LEN];

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.0.random(out)
    }

    fn load(&self, bytes: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        *bytes
    }

    fn public_key(&self, secret: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        self.0.public_key(secret)
    }

    fn agree(
        &self,
        secret: &[u8; KEY_LEN],
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError> {
        self.0.agree(secret, public)
    }

    fn aead(&self, suite: Suite, key: &[u8; KEY_LEN]) -> Option<Cipher> {
        self.supports(suite).then(|| Cipher(ChaCha20Poly1305::new(key.into())))
    }

    fn supports(&self, suite: Suite) -> bool {
        suite == Suite::ChaCha20Poly1305
    }
}

impl Aead for Cipher {
    #[inline(never)]
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        let sealed = self.0.encrypt_inout_detached(nonce.into(), associated, in_out.into());
        sealed.ok().map(Into::into)
    }

    /// Verifies before it decrypts: after a failure `in_out` is the ciphertext as it came.
    #[inline(never)]
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        let opened =
            self.0.decrypt_inout_detached(nonce.into(), associated, in_out.into(), tag.into());
        opened.map_err(|_| OpenError)
    }
}
