//! [`Primitives`]: the cryptography of this crate's hosts: aws-lc where there is an operating
//! system, the core's portable provider elsewhere; and randomness that a test can foretell.

#[cfg(feature = "net")]
mod aws_lc;

#[cfg(feature = "net")]
pub use aws_lc::{AwsLc, AwsLcAead, AwsLcSecret};
use sst_nostd::Suite;
use sst_nostd::crypto::Rehearsed;

#[cfg(feature = "net")]
type Provider = AwsLc;
#[cfg(not(feature = "net"))]
type Provider = sst_nostd::RustCrypto<getrandom::SysRng>;

/// The cryptography of this crate's hosts: the provider, and its random bytes or a test's.
pub(crate) type Primitives = Rehearsed<Provider>;

/// With the system's randomness.
#[cfg(feature = "net")]
pub(crate) const fn primitives() -> Primitives {
    Primitives::new(AwsLc::new())
}

/// With the system's randomness.
#[cfg(not(feature = "net"))]
pub(crate) const fn primitives() -> Primitives {
    Primitives::new(sst_nostd::RustCrypto::new(getrandom::SysRng))
}

/// Liking best the suite that the configuration names, if it does.
pub(crate) fn liking(primitives: Primitives, suite: Option<Suite>) -> Primitives {
    match suite {
        Some(suite) => primitives.preferring(suite),
        None => primitives,
    }
}

#[cfg(test)]
mod tests {
    use sst_nostd::Crypto;

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
        assert_eq!(draw(primitives().foretold(7), 1_000), draw(primitives().foretold(7), 1_000));
        assert_ne!(draw(primitives().foretold(7), 32), draw(primitives().foretold(8), 32));
        assert_ne!(draw(primitives(), 32), draw(primitives(), 32));
        let drawn = draw(primitives().foretold(1), 80);
        assert_ne!(drawn[..40], drawn[40..], "the same bytes twice");
    }

    /// Spec: R-5.9-6.
    #[test]
    fn a_configuration_that_names_a_suite_likes_it_best() {
        let likes_aes = |suite| liking(primitives(), suite).prefers_aes();
        assert!(!likes_aes(Some(Suite::ChaCha20Poly1305)));
        assert_eq!(likes_aes(Some(Suite::Aes256Gcm)), primitives().supports(Suite::Aes256Gcm));
        assert_eq!(likes_aes(None), primitives().prefers_aes());
    }

    #[test]
    fn this_build_holds_the_conversation_of_every_build() {
        use sst_nostd::transcript::{DIGEST, digest};
        use sst_nostd::{Limits, Storage};

        let storage = || Storage::owned(&Limits::of(1, 8, 1 << 16));
        let providers = [primitives(), primitives()];
        assert_eq!(digest(providers, [storage(), storage()]), Ok(DIGEST));
    }
}
