//! Cryptography that protects nothing and cannot panic: the proof is about the core.
//!
//! Every answer depends on every input, so that nothing is optimised away.

use sst_nostd::crypto::{
    Aead, AgreeError, KEY_LEN, NONCE_LEN, OpenError, RandomError, SharedSecret, TAG_LEN,
};
use sst_nostd::{Crypto, Suite};

/// The provider.
pub struct StubCrypto {
    /// Of an xorshift generator.
    pub seed: u64,
}

impl Crypto for StubCrypto {
    type Aead = StubAead;
    type Secret = [u8; KEY_LEN];

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        for byte in out {
            self.seed ^= self.seed << 13;
            self.seed ^= self.seed >> 7;
            self.seed ^= self.seed << 17;
            *byte = self.seed as u8;
        }
        if self.seed == 0 { Err(RandomError) } else { Ok(()) }
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
            *byte = byte.wrapping_add(*ours);
        }
        SharedSecret::new(sum)
    }

    fn aead(&self, suite: Suite, key: &[u8; KEY_LEN]) -> Option<StubAead> {
        self.supports(suite).then_some(StubAead { key: *key })
    }

    fn supports(&self, suite: Suite) -> bool {
        suite == Suite::ChaCha20Poly1305
    }
}

/// Its cipher.
pub struct StubAead {
    key: [u8; KEY_LEN],
}

impl StubAead {
    fn tag(&self, nonce: &[u8; NONCE_LEN], associated: &[u8], text: &[u8]) -> [u8; TAG_LEN] {
        let mut sum = 1u64;
        for byte in self.key.iter().chain(nonce).chain(associated).chain(text) {
            sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        (u128::from(sum) << 64 | u128::from(!sum)).to_le_bytes()
    }

    fn blend(&self, text: &mut [u8]) {
        for (byte, key) in text.iter_mut().zip(self.key.iter().cycle()) {
            *byte ^= *key;
        }
    }
}

impl Aead for StubAead {
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        self.blend(in_out);
        Some(self.tag(nonce, associated, in_out))
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        if self.tag(nonce, associated, in_out) != *tag {
            return Err(OpenError);
        }
        self.blend(in_out);
        Ok(())
    }
}
