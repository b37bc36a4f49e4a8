//! [`Free`]: cryptography that costs nothing and protects nothing: what the instruction counts
//! leave is the protocol's own.

use sst_nostd::crypto::{
    Aead, AgreeError, Crypto, KEY_LEN, NONCE_LEN, OpenError, RandomError, SharedSecret, Suite,
    TAG_LEN,
};

#[derive(Default)]
pub struct Free {
    /// The number drawn last: what follows depends on it alone.
    pub drawn: u64,
}

pub struct FreeAead;

impl Crypto for Free {
    type Aead = FreeAead;

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        for chunk in out.chunks_mut(8) {
            self.drawn =
                self.drawn.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0x1357_9bdf);
            let bytes = self.drawn.to_be_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
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
        Some(FreeAead)
    }

    fn supports(&self, _suite: Suite) -> bool {
        true
    }
}

impl Aead for FreeAead {
    fn seal(
        &self,
        _nonce: &[u8; NONCE_LEN],
        _associated: &[u8],
        _in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        Some([0; TAG_LEN])
    }

    fn open(
        &self,
        _nonce: &[u8; NONCE_LEN],
        _associated: &[u8],
        _in_out: &mut [u8],
        _tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        Ok(())
    }
}
