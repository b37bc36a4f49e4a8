//! [`Seeded`]: a key stream for random bytes, so that a conversation comes again byte for byte.

use sst_nostd::crypto::{Aead, Crypto, KEY_LEN, NONCE_LEN, RandomError, Suite};

/// ChaCha20's key stream under a key made of the seed; each draw has a nonce of its own.
pub(super) struct Seeded {
    seed: u64,
    draws: u64,
}

impl Seeded {
    pub(super) const fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// The next bytes.
    pub(super) fn fill(&mut self, crypto: &impl Crypto, out: &mut [u8]) -> Result<(), RandomError> {
        let key = padded::<KEY_LEN>(self.seed);
        let aead = crypto.aead(Suite::ChaCha20Poly1305, &key).ok_or(RandomError)?;
        out.fill(0);
        let sealed = aead.seal(&padded::<NONCE_LEN>(self.draws), &[], out);
        self.draws = self.draws.wrapping_add(1);
        sealed.map(|_| ()).ok_or(RandomError)
    }
}

/// The number's bytes, little-endian, and zeros.
fn padded<const LEN: usize>(number: u64) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    for (to, from) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *to = from;
    }
    bytes
}
