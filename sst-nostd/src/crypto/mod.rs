//! The cryptography and randomness the core asks of its environment, as traits, and what is built
//! on them.
//!
//! The hash is not a choice: every suite uses BLAKE2s, so [`kdf`] is plain functions. Key agreement
//! is X25519 in every suite. Only the cipher that seals packets is negotiated ([`Suite`]).

#[cfg(all(test, feature = "rustcrypto"))]
pub(crate) mod fixtures;
mod foretold;
#[cfg(not(feature = "internals"))]
pub(crate) mod kdf;
#[cfg(feature = "internals")]
pub mod kdf;
#[cfg(feature = "insecure-test-hooks")]
mod null;
#[cfg(feature = "rustcrypto")]
mod rustcrypto;

use core::fmt;

use zeroize::Zeroize;

pub use foretold::{Foretold, Rehearsed};
#[cfg(feature = "insecure-test-hooks")]
pub use null::{InsecureFixedRng, InsecureNullAead, InsecureNullCrypto, insecure_checksum};
#[cfg(feature = "rustcrypto")]
pub use rustcrypto::{ChaCha, RustCrypto};

/// Length of keys, public keys, shared secrets and hashes, in bytes.
pub const KEY_LEN: usize = 32;
/// Length of an authentication tag, in bytes.
pub const TAG_LEN: usize = 16;
/// Length of an AEAD nonce, in bytes.
pub const NONCE_LEN: usize = 12;

/// What the environment provides: random bytes, X25519 and at least one AEAD.
///
/// Every provider must support [`Suite::ChaCha20Poly1305`]: negotiations are sealed with it.
pub trait Crypto {
    /// A keyed cipher. It must erase its key when dropped.
    type Aead: Aead;
    /// An X25519 secret key, ready to compute with: `[u8; 32]`, or what a library makes of it once.
    type Secret: Clone + Zeroize;

    /// Fills `out` with bytes that no one else can predict.
    ///
    /// # Errors
    /// [`RandomError`] if there is no entropy now. `out` must then not be used.
    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError>;

    /// Makes a secret key of any 32 bytes. Clamping happens here or where it is used.
    fn load(&self, bytes: &[u8; KEY_LEN]) -> Self::Secret;

    /// The X25519 public key of `secret` (RFC 7748 section 6.1).
    fn public_key(&self, secret: &Self::Secret) -> [u8; KEY_LEN];

    /// X25519 of our `secret` and the peer's `public` key.
    ///
    /// # Errors
    /// [`AgreeError`] if `public` is a point of low order, so that anyone could know the result.
    /// [`SharedSecret::new`] makes that check: there is no other way to make a `SharedSecret`.
    fn agree(
        &self,
        secret: &Self::Secret,
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError>;

    /// The cipher of `suite` under `key`, or `None` if `suite` is not supported.
    fn aead(&self, suite: Suite, key: &[u8; KEY_LEN]) -> Option<Self::Aead>;

    /// True if [`Crypto::aead`] knows `suite`.
    fn supports(&self, suite: Suite) -> bool;

    /// True if AES is done by hardware here, so that it is both fast and constant-time.
    fn prefers_aes(&self) -> bool {
        false
    }
}

/// Authenticated encryption with associated data, in place, with the tag apart (RFC 5116).
pub trait Aead {
    /// Whether it keeps memory outside of its value that it can give up. Then a channel that was
    /// silent for a while lets its ciphers [`rest`](Self::rest), and has [`Crypto::aead`] make them
    /// again for the next packet.
    const RESTS: bool = false;

    /// Encrypts `in_out` and returns the tag over it and `associated`.
    ///
    /// `None` if a length is beyond what the cipher can do; `in_out` is then unchanged.
    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]>;

    /// Checks `tag` in constant time, then decrypts `in_out`.
    ///
    /// # Errors
    /// [`OpenError`] if the tag is not the one for these inputs. `in_out` then holds no plaintext:
    /// either the ciphertext as it came (the provider verified before it decrypted) or zeros (the
    /// provider did both at once, and wiped).
    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError>;

    /// Erases the key and frees what there is outside of the value. It seals and opens nothing any
    /// more.
    fn rest(&mut self) {}

    /// Whether it was put to rest.
    fn is_resting(&self) -> bool {
        false
    }
}

/// A cipher for packets, by its number on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Suite {
    /// ChaCha20-Poly1305 (RFC 8439). Every host has it.
    ChaCha20Poly1305 = 1,
    /// AES-256-GCM (NIST SP 800-38D). For hosts whose hardware does AES.
    Aes256Gcm = 2,
}

impl From<Suite> for u8 {
    fn from(suite: Suite) -> Self {
        suite as Self
    }
}

impl TryFrom<u8> for Suite {
    type Error = UnknownSuite;

    fn try_from(number: u8) -> Result<Self, UnknownSuite> {
        match number {
            1 => Ok(Self::ChaCha20Poly1305),
            2 => Ok(Self::Aes256Gcm),
            _ => Err(UnknownSuite),
        }
    }
}

/// The number names no [`Suite`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSuite;

/// The environment has no random bytes to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomError;

/// The peer's public key is a point of low order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreeError;

/// The tag does not belong to the text, the associated data, the nonce and the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenError;

/// The result of a key agreement. Never all zeros; erased when dropped.
pub struct SharedSecret([u8; KEY_LEN]);

impl SharedSecret {
    /// Takes the output of X25519, unless it is all zeros. The check is constant-time.
    ///
    /// # Errors
    /// [`AgreeError`] for all zeros: the public key was of low order (RFC 7748 section 6.1).
    pub fn new(mut output: [u8; KEY_LEN]) -> Result<Self, AgreeError> {
        let secret = Self(output);
        output.zeroize();
        if kdf::equal(&secret.0, &[0; KEY_LEN]) { Err(AgreeError) } else { Ok(secret) }
    }

    /// The secret itself.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl Drop for SharedSecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for SharedSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SharedSecret(..)")
    }
}

/// An X25519 secret key with its public key. The secret is erased when dropped.
///
/// Kept together because deriving the public key costs as much as an agreement: a host does it once
/// for its static key, not once for each negotiation.
#[derive(Clone)]
pub struct KeyPair<S: Zeroize = [u8; KEY_LEN]> {
    secret: S,
    public: [u8; KEY_LEN],
}

impl<S: Clone + Zeroize> KeyPair<S> {
    /// The pair of `secret`, which may be any 32 random bytes.
    #[must_use]
    pub fn from_secret(crypto: &impl Crypto<Secret = S>, secret: &[u8; KEY_LEN]) -> Self {
        let secret = crypto.load(secret);
        Self { public: crypto.public_key(&secret), secret }
    }

    /// A new pair.
    ///
    /// # Errors
    /// [`RandomError`] from the environment.
    pub fn generate(crypto: &mut impl Crypto<Secret = S>) -> Result<Self, RandomError> {
        let mut secret = [0; KEY_LEN];
        let filled = crypto.random(&mut secret);
        let pair = filled.map(|()| Self::from_secret(crypto, &secret));
        secret.zeroize();
        pair
    }

    /// The secret half.
    #[must_use]
    pub const fn secret(&self) -> &S {
        &self.secret
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &[u8; KEY_LEN] {
        &self.public
    }
}

#[cfg(test)]
impl KeyPair {
    /// A pair whose halves do not belong together, as a hostile peer would have.
    pub(crate) const fn forged(secret: [u8; KEY_LEN], public: [u8; KEY_LEN]) -> Self {
        Self { secret, public }
    }
}

impl<S: Zeroize> Drop for KeyPair<S> {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

impl<S: Zeroize> fmt::Debug for KeyPair<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_keep_their_numbers_and_others_are_unknown() {
        for number in 0..=255u8 {
            match Suite::try_from(number) {
                Ok(suite) => assert_eq!(u8::from(suite), number),
                Err(UnknownSuite) => assert!(!(1..=2).contains(&number)),
            }
        }
        assert_eq!(u8::from(Suite::ChaCha20Poly1305), 1);
        assert_eq!(u8::from(Suite::Aes256Gcm), 2);
    }

    // Spec: R-5.3-1.
    #[test]
    fn only_all_zeros_is_refused_as_a_shared_secret() {
        assert_eq!(SharedSecret::new([0; 32]).unwrap_err(), AgreeError);
        for at in 0..32 {
            let mut output = [0; 32];
            output[at] = 1;
            assert_eq!(SharedSecret::new(output).unwrap().as_bytes(), &output);
        }
    }

    // Spec: R-13.18-1.
    #[test]
    fn debug_output_shows_no_secrets() {
        let text = std::format!("{:?}", KeyPair::forged([0xab; 32], [1; 32]));
        assert!(!text.contains("171"), "{text}");
        let text = std::format!("{:?}", SharedSecret::new([0xab; 32]).unwrap());
        assert!(!text.contains("171"), "{text}");
    }
}
