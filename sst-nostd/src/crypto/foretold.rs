//! [`Foretold`]: a key stream for random bytes, so that a conversation comes again byte for byte.

use super::{Aead, Crypto, KEY_LEN, NONCE_LEN, RandomError, Suite};

/// Random bytes that follow from a seed: ChaCha20's key stream under a key made of it. Every
/// provider gives the same.
///
/// DANGER: whoever knows the seed knows every key made of these bytes. For tests only.
///
/// # Examples
/// ```
/// use sst_nostd::crypto::{Crypto, Foretold};
///
/// fn draw(crypto: &impl Crypto) -> [u8; 32] {
///     let mut drawn = [0; 32];
///     Foretold::new(7).fill(crypto, &mut drawn).expect("every provider has the cipher");
///     drawn // the same in every run
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Foretold {
    seed: u64,
    draws: u64,
}

impl Foretold {
    /// The bytes of a seed, from the beginning.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, draws: 0 }
    }

    /// The next bytes. Each draw has a key stream of its own, whatever its length.
    ///
    /// # Errors
    /// [`RandomError`] if the provider lacks ChaCha20-Poly1305, which none may.
    pub fn fill(&mut self, crypto: &impl Crypto, out: &mut [u8]) -> Result<(), RandomError> {
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
