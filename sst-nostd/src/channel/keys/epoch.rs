//! The chain of secrets of one direction, and the key of one epoch.
//!
//! An epoch's key and iv come from its secret, the next secret from the one before, so that a
//! stolen key does not open what was sealed before it. One bit of the header, the key phase, is the
//! epoch's lowest bit.

use zeroize::{Zeroize, zeroize_stack};

use crate::crypto::kdf::{expand_label, expand_labels};
use crate::crypto::{Aead, Crypto, KEY_LEN, NONCE_LEN, Suite};

/// How deep on the stack the derivation of a key goes, in bytes.
pub(super) const DERIVATION_BYTES: usize = 2 << 10;

/// A key in the open, on its way to [`KeyEpoch`](super::super::KeyEpoch).
pub(in crate::channel) struct Exported {
    pub(in crate::channel) epoch: u64,
    pub(in crate::channel) suite: Suite,
    pub(in crate::channel) key: [u8; KEY_LEN],
    pub(in crate::channel) iv: [u8; NONCE_LEN],
}

/// What seals and opens the packets of one epoch.
pub(super) struct EpochKey<A> {
    pub(super) aead: A,
    iv: [u8; NONCE_LEN],
}

impl<A> EpochKey<A> {
    pub(super) fn nonce(&self, number: u64) -> [u8; NONCE_LEN] {
        let mut nonce = self.iv;
        for (byte, number) in nonce.iter_mut().rev().zip(number.to_le_bytes()) {
            *byte ^= number;
        }
        nonce
    }
}

/// The secret of one epoch, from which its key and the next secret come. Erased when dropped.
pub(super) struct Secret(pub(super) [u8; KEY_LEN]);

impl Secret {
    pub(super) fn key<C: Crypto>(&self, crypto: &C, suite: Suite) -> Option<EpochKey<C::Aead>> {
        let mut exported = self.export(0, suite);
        let aead = crypto.aead(suite, &exported.key);
        exported.key.zeroize();
        Some(EpochKey { aead: aead?, iv: exported.iv })
    }

    /// Makes the cipher of `key`, which is this secret's, again if it was put to rest.
    #[inline]
    pub(super) fn wake<C: Crypto>(&self, crypto: &C, suite: Suite, key: &mut EpochKey<C::Aead>) {
        if C::Aead::RESTS && key.aead.is_resting() {
            self.remake(crypto, suite, key);
            zeroize_stack::<DERIVATION_BYTES>();
        }
    }

    #[inline(never)]
    fn remake<C: Crypto>(&self, crypto: &C, suite: Suite, key: &mut EpochKey<C::Aead>) {
        // Without memory for it, it stays at rest: what it is asked to do fails.
        if let Some(made) = self.key(crypto, suite) {
            *key = made;
        }
    }

    pub(super) fn export(&self, epoch: u64, suite: Suite) -> Exported {
        let [key, long_iv] = expand_labels(&self.0, [&b"sst key"[..], b"sst iv"]);
        let mut iv = [0; NONCE_LEN];
        iv.iter_mut().zip(long_iv).for_each(|(to, from)| *to = from);
        Exported { epoch, suite, key, iv }
    }

    pub(super) fn next(&self) -> Self {
        Self(expand_label(&self.0, b"sst next", b""))
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
