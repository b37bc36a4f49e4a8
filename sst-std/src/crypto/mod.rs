//! [`Primitives`]: the cryptography of this crate's hosts: aws-lc where there is an operating
//! system, the core's portable provider elsewhere; and randomness that a test can foretell.

#[cfg(feature = "net")]
mod aws_lc;

#[cfg(feature = "net")]
pub use aws_lc::{AwsLc, AwsLcAead};
use sst_nostd::crypto::{AgreeError, Crypto, Foretold, KEY_LEN, RandomError, SharedSecret, Suite};

#[cfg(feature = "net")]
type Provider = AwsLc;
#[cfg(not(feature = "net"))]
type Provider = sst_nostd::crypto::RustCrypto<getrandom::SysRng>;

/// The provider, and where its random bytes come from.
pub(crate) struct Primitives {
    provider: Provider,
    /// Random bytes that come again with the same seed: for tests only.
    seeded: Option<Foretold>,
}

impl Primitives {
    /// With the system's randomness.
    pub(crate) fn new() -> Self {
        Self { provider: provider(), seeded: None }
    }

    /// With randomness that whoever knows the seed knows, too: for tests only.
    pub(crate) fn foretold(seed: u64) -> Self {
        Self { provider: provider(), seeded: Some(Foretold::new(seed)) }
    }
}

#[cfg(feature = "net")]
const fn provider() -> Provider {
    AwsLc::new()
}

#[cfg(not(feature = "net"))]
const fn provider() -> Provider {
    sst_nostd::crypto::RustCrypto::new(getrandom::SysRng)
}

impl Crypto for Primitives {
    type Aead = <Provider as Crypto>::Aead;

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        match &mut self.seeded {
            Some(seeded) => seeded.fill(&self.provider, out),
            None => self.provider.random(out),
        }
    }

    fn public_key(&self, secret: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        self.provider.public_key(secret)
    }

    fn agree(
        &self,
        secret: &[u8; KEY_LEN],
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError> {
        self.provider.agree(secret, public)
    }

    fn aead(&self, suite: Suite, key: &[u8; KEY_LEN]) -> Option<Self::Aead> {
        self.provider.aead(suite, key)
    }

    fn supports(&self, suite: Suite) -> bool {
        self.provider.supports(suite)
    }

    fn prefers_aes(&self) -> bool {
        self.provider.prefers_aes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(mut primitives: Primitives, len: usize) -> Vec<u8> {
        let mut out = vec![0; len];
        for part in out.chunks_mut(40) {
            primitives.random(part).unwrap();
        }
        out
    }

    #[test]
    fn a_seed_foretells_every_byte_and_no_seed_none() {
        assert_eq!(draw(Primitives::foretold(7), 1_000), draw(Primitives::foretold(7), 1_000));
        assert_ne!(draw(Primitives::foretold(7), 32), draw(Primitives::foretold(8), 32));
        assert_ne!(draw(Primitives::new(), 32), draw(Primitives::new(), 32));
        let drawn = draw(Primitives::foretold(1), 80);
        assert_ne!(drawn[..40], drawn[40..], "the same bytes twice");
    }

    #[test]
    fn this_build_holds_the_conversation_of_every_build() {
        use sst_nostd::host::{Limits, Storage};
        use sst_nostd::transcript::{DIGEST, digest};

        let storage = || Storage::owned(&Limits::of(1, 8, 1 << 16));
        let providers = [Primitives::new(), Primitives::new()];
        assert_eq!(digest(providers, [storage(), storage()]), Ok(DIGEST));
    }
}
