//! [`Foretold`]: a key stream for random bytes, so that a conversation comes again byte for byte;
//! [`Rehearsed`]: a provider with it.

use super::{Aead, AgreeError, Crypto, KEY_LEN, NONCE_LEN, RandomError, SharedSecret, Suite};

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

/// A provider as it is, or one that likes another cipher best, or one whose random bytes are
/// foretold and whose ciphers are one.
///
/// DANGER: with a seed, as [`Foretold`]. For tests only.
#[derive(Debug)]
pub struct Rehearsed<C> {
    provider: C,
    foretold: Option<Foretold>,
    only: Option<Suite>,
    preferred: Option<Suite>,
}

impl<C> Rehearsed<C> {
    /// The provider as it is.
    #[must_use]
    pub const fn new(provider: C) -> Self {
        Self { provider, foretold: None, only: None, preferred: None }
    }

    /// With the random bytes of `seed`.
    #[must_use]
    pub fn foretold(self, seed: u64) -> Self {
        Self { foretold: Some(Foretold::new(seed)), ..self }
    }

    /// With no cipher but that of `suite`.
    #[must_use]
    pub fn only(self, suite: Suite) -> Self {
        Self { only: Some(suite), ..self }
    }

    /// Liking this suite best, whatever the hardware does faster. Not for tests alone: a user may
    /// have reasons.
    #[must_use]
    pub fn preferring(self, suite: Suite) -> Self {
        Self { preferred: Some(suite), ..self }
    }

    fn has(&self, suite: Suite) -> bool {
        self.only.is_none_or(|only| only == suite)
    }
}

impl<C: Crypto> Crypto for Rehearsed<C> {
    type Aead = C::Aead;
    type Secret = C::Secret;

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        match &mut self.foretold {
            Some(foretold) => foretold.fill(&self.provider, out),
            None => self.provider.random(out),
        }
    }

    fn load(&self, bytes: &[u8; KEY_LEN]) -> C::Secret {
        self.provider.load(bytes)
    }

    fn public_key(&self, secret: &C::Secret) -> [u8; KEY_LEN] {
        self.provider.public_key(secret)
    }

    fn agree(
        &self,
        secret: &C::Secret,
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError> {
        self.provider.agree(secret, public)
    }

    fn aead(&self, suite: Suite, key: &[u8; KEY_LEN]) -> Option<Self::Aead> {
        if self.has(suite) { self.provider.aead(suite, key) } else { None }
    }

    fn supports(&self, suite: Suite) -> bool {
        self.has(suite) && self.provider.supports(suite)
    }

    fn prefers_aes(&self) -> bool {
        let prefers_aes = match self.preferred {
            Some(suite) => suite == Suite::Aes256Gcm && self.provider.supports(suite),
            None => self.provider.prefers_aes(),
        };
        self.has(Suite::Aes256Gcm) && prefers_aes
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
