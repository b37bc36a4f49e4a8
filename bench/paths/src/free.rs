//! [`Free`]: cryptography that protects nothing. Either it costs nothing, and the instruction
//! counts leave what is the protocol's own; or packets are sealed and opened by the cipher that
//! they are sealed by on the wire, but with a key that everyone knows.

use sst_nostd::crypto::{
    Aead, AgreeError, KEY_LEN, NONCE_LEN, OpenError, RandomError, SharedSecret, TAG_LEN,
};
use sst_nostd::{Crypto, Suite};
use sst_std::AwsLc;

#[derive(Default)]
pub struct Free {
    /// The number drawn last: what follows depends on it alone.
    pub drawn: u64,
    /// Packets are sealed and opened by ChaCha20-Poly1305.
    pub has_cipher: bool,
}

pub struct FreeAead(Option<<AwsLc as Crypto>::Aead>);

impl Free {
    pub fn new(has_cipher: bool) -> Self {
        Self { drawn: 0, has_cipher }
    }
}

impl Crypto for Free {
    type Aead = FreeAead;
    type Secret = [u8; KEY_LEN];

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        for chunk in out.chunks_mut(8) {
            self.drawn =
                self.drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0x1357_9bdf);
            let bytes = self.drawn.to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }

    fn load(&self, bytes: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        *bytes
    }

    fn public_key(&self, secret: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        *secret
    }

    fn agree(
        &self,
        secret: &[u8; KEY_LEN],
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError> {
        let mut sum = *public;
        for (byte, ours) in sum.iter_mut().zip(secret) {
            *byte = byte.wrapping_add(*ours) | 1;
        }
        SharedSecret::new(sum)
    }

    fn aead(&self, _suite: Suite, _key: &[u8; KEY_LEN]) -> Option<FreeAead> {
        let known = || AwsLc::new().aead(Suite::ChaCha20Poly1305, &[7; KEY_LEN]);
        Some(FreeAead(if self.has_cipher { Some(known()?) } else { None }))
    }

    fn supports(&self, _suite: Suite) -> bool {
        true
    }
}

/// All nonces are this one: who seals for a host need not know which number it expects.
const NONCE: [u8; NONCE_LEN] = [0; NONCE_LEN];

impl Aead for FreeAead {
    fn seal(
        &self,
        _nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        match &self.0 {
            Some(aead) => aead.seal(&NONCE, associated, in_out),
            None => Some([0; TAG_LEN]),
        }
    }

    fn open(
        &self,
        _nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        match &self.0 {
            Some(aead) => aead.open(&NONCE, associated, in_out, tag),
            None => Ok(()),
        }
    }
}
