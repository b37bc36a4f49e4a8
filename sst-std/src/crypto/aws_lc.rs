//! [`AwsLc`]: the core's cryptography by aws-lc, which on a computer is two to four times as fast
//! as the portable provider.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::{aead, agreement};
use sst_nostd::crypto::{
    Aead, AgreeError, KEY_LEN, NONCE_LEN, OpenError, RandomError, SharedSecret, TAG_LEN,
};
use sst_nostd::{Crypto, Suite};
use zeroize::Zeroize;

/// Randomness from the operating system; X25519, ChaCha20-Poly1305 and AES-256-GCM from aws-lc.
///
/// # Examples
/// ```
/// use sst_nostd::crypto::{Crypto, Suite};
///
/// let crypto = sst_std::AwsLc::new();
/// assert!(crypto.supports(Suite::ChaCha20Poly1305) && crypto.supports(Suite::Aes256Gcm));
/// ```
#[derive(Debug, Default)]
pub struct AwsLc(());

impl AwsLc {
    /// The provider.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

/// A secret key of [`AwsLc`], loaded once: aws-lc computes the public key of every secret that it
/// loads, at the price of half an agreement. aws-lc erases it with the last clone.
#[derive(Clone)]
pub struct AwsLcSecret(Option<Arc<agreement::PrivateKey>>);

impl Zeroize for AwsLcSecret {
    fn zeroize(&mut self) {
        self.0 = None;
    }
}

impl fmt::Debug for AwsLcSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AwsLcSecret(..)")
    }
}

impl Crypto for AwsLc {
    type Aead = AwsLcAead;
    type Secret = AwsLcSecret;

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        // Not aws-lc's own: at its first use, in every process, that measures jitter for 420
        // million instructions.
        getrandom::fill(out).map_err(|_| RandomError)
    }

    /// Every 32 bytes are an X25519 secret. If aws-lc should ever say no, nothing is agreed on with
    /// this one, and its public key is zero, which no peer accepts.
    fn load(&self, bytes: &[u8; KEY_LEN]) -> AwsLcSecret {
        let key = agreement::PrivateKey::from_private_key(&agreement::X25519, bytes);
        AwsLcSecret(key.ok().map(Arc::new))
    }

    fn public_key(&self, secret: &AwsLcSecret) -> [u8; KEY_LEN] {
        let mut public = [0; KEY_LEN];
        if let Some(key) = secret.0.as_ref().and_then(|key| key.compute_public_key().ok()) {
            copy(&mut public, key.as_ref());
        }
        public
    }

    fn agree(
        &self,
        secret: &AwsLcSecret,
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError> {
        let key = secret.0.as_ref().ok_or(AgreeError)?;
        let peer = agreement::UnparsedPublicKey::new(&agreement::X25519, public);
        let mut output = [0; KEY_LEN];
        // aws-lc refuses a zero output too; `SharedSecret::new` makes sure.
        agreement::agree(key, peer, AgreeError, |shared| {
            copy(&mut output, shared);
            Ok(())
        })?;
        let shared = SharedSecret::new(output);
        output.zeroize();
        shared
    }

    fn aead(&self, suite: Suite, key: &[u8; KEY_LEN]) -> Option<AwsLcAead> {
        let algorithm = match suite {
            Suite::ChaCha20Poly1305 => &CHACHA20_POLY1305,
            Suite::Aes256Gcm => &AES_256_GCM,
        };
        UnboundKey::new(algorithm, key).ok().map(|key| AwsLcAead(Some(LessSafeKey::new(key))))
    }

    fn supports(&self, _suite: Suite) -> bool {
        true
    }

    fn prefers_aes(&self) -> bool {
        has_hardware_aes()
    }
}

/// A packet cipher of [`AwsLc`]. aws-lc erases the key when it is dropped, or put to rest: what it
/// computes from one takes 600 bytes.
pub struct AwsLcAead(Option<LessSafeKey>);

impl Aead for AwsLcAead {
    const RESTS: bool = true;

    fn seal(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let associated = aead::Aad::from(associated);
        let tag = self.0.as_ref()?.seal_in_place_separate_tag(nonce, associated, in_out).ok()?;
        tag.as_ref().try_into().ok()
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let associated = aead::Aad::from(associated);
        let key = self.0.as_ref().ok_or(OpenError)?;
        let opened = key.open_in_place_separate_tag(nonce, associated, tag, in_out);
        match opened {
            Ok(_) => Ok(()),
            Err(_) => {
                // aws-lc decrypts and verifies at once; what it left is not to be seen.
                in_out.fill(0);
                Err(OpenError)
            }
        }
    }

    fn rest(&mut self) {
        self.0 = None;
    }

    fn is_resting(&self) -> bool {
        self.0.is_none()
    }
}

impl fmt::Debug for AwsLcAead {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AwsLcAead(..)")
    }
}

fn copy(to: &mut [u8; KEY_LEN], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(target_arch = "x86_64")]
fn has_hardware_aes() -> bool {
    std::arch::is_x86_feature_detected!("aes") && std::arch::is_x86_feature_detected!("pclmulqdq")
}

#[cfg(target_arch = "aarch64")]
fn has_hardware_aes() -> bool {
    std::arch::is_aarch64_feature_detected!("aes")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn has_hardware_aes() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use sst_nostd::RustCrypto;

    use super::*;

    /// The portable provider wants a generator; these tests never draw from it.
    struct NoRandom;

    impl rand_core::TryRng for NoRandom {
        type Error = fmt::Error;

        fn try_next_u32(&mut self) -> Result<u32, fmt::Error> {
            Err(fmt::Error)
        }

        fn try_next_u64(&mut self) -> Result<u64, fmt::Error> {
            Err(fmt::Error)
        }

        fn try_fill_bytes(&mut self, _out: &mut [u8]) -> Result<(), fmt::Error> {
            Err(fmt::Error)
        }
    }

    impl rand_core::TryCryptoRng for NoRandom {}

    fn portable() -> impl Crypto {
        RustCrypto::new(NoRandom)
    }

    fn random<const N: usize>() -> [u8; N] {
        let mut out = [0; N];
        AwsLc::new().random(&mut out).unwrap();
        out
    }

    /// The worked packets of docs/PROTOCOL.md, which Python seals.
    #[test]
    fn packets_of_both_suites_are_sealed_as_the_specification_shows() {
        const FILE: &str = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../sst-nostd/tests/vectors/protocol/section_06_packet.json"
        ));
        let file: serde_json::Value = serde_json::from_str(FILE).unwrap();
        let bytes = |value: &serde_json::Value| {
            let text = value.as_str().unwrap();
            let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
            (0..text.len()).step_by(2).map(byte).collect::<Vec<u8>>()
        };
        let mut suites = Vec::new();
        for entry in file["vectors"].as_array().unwrap() {
            let suite = Suite::try_from(entry["suite"].as_u64().unwrap() as u8).unwrap();
            let aead = AwsLc::new().aead(suite, &bytes(&entry["key"]).try_into().unwrap()).unwrap();
            let (header, mut body) = (bytes(&entry["header"]), bytes(&entry["frames"]));
            let nonce = bytes(&entry["nonce"]).try_into().unwrap();
            let tag = aead.seal(&nonce, &header, &mut body).unwrap();
            assert_eq!([header, body, tag.to_vec()].concat(), bytes(&entry["packet"]));
            suites.push(suite);
        }
        suites.dedup();
        assert_eq!(suites, [Suite::ChaCha20Poly1305, Suite::Aes256Gcm]);
    }

    #[test]
    fn both_providers_seal_alike_and_open_each_other() {
        let (ours, theirs) = (AwsLc::new(), portable());
        let suites = [Suite::ChaCha20Poly1305, Suite::Aes256Gcm];
        let shared = suites.into_iter().filter(|&suite| theirs.supports(suite));
        let mut tried = 0;
        for suite in shared {
            for len in [0, 1, 15, 16, 17, 1_100, 16_000] {
                let (key, nonce, associated) = (random::<32>(), random::<12>(), random::<9>());
                let plain = vec![len as u8; len];
                let (ours, theirs) =
                    (ours.aead(suite, &key).unwrap(), theirs.aead(suite, &key).unwrap());
                let (mut a, mut b) = (plain.clone(), plain.clone());
                let tag_a = ours.seal(&nonce, &associated, &mut a).unwrap();
                let tag_b = theirs.seal(&nonce, &associated, &mut b).unwrap();
                assert_eq!((&a, tag_a), (&b, tag_b));
                theirs.open(&nonce, &associated, &mut a, &tag_a).unwrap();
                ours.open(&nonce, &associated, &mut b, &tag_b).unwrap();
                assert_eq!((&a, &b), (&plain, &plain));
                tried += 1;
            }
        }
        assert!(tried >= 7);
    }

    #[test]
    fn a_wrong_tag_is_refused_and_leaves_no_plaintext() {
        for suite in [Suite::ChaCha20Poly1305, Suite::Aes256Gcm] {
            let aead = AwsLc::new().aead(suite, &random()).unwrap();
            let mut text = *b"attack at dawn";
            let mut tag = aead.seal(&[1; 12], b"", &mut text).unwrap();
            tag[3] ^= 1;
            assert_eq!(aead.open(&[1; 12], b"", &mut text, &tag), Err(OpenError));
            assert_eq!(text, [0; 14]);
        }
    }

    #[test]
    fn a_cipher_at_rest_does_nothing_and_takes_no_more_room_in_its_row() {
        assert_eq!(size_of::<AwsLcAead>(), size_of::<LessSafeKey>());
        let mut aead = AwsLc::new().aead(Suite::Aes256Gcm, &[7; 32]).unwrap();
        let mut text = *b"attack at dawn";
        let tag = aead.seal(&[1; 12], b"", &mut text).unwrap();
        let sealed = text;
        assert!(AwsLcAead::RESTS && !aead.is_resting());
        aead.rest();
        assert!(aead.is_resting());
        assert_eq!(aead.open(&[1; 12], b"", &mut text, &tag), Err(OpenError));
        assert_eq!((text, aead.seal(&[2; 12], b"", &mut text)), (sealed, None));
    }

    #[test]
    fn both_providers_agree_about_keys() {
        let (ours, theirs) = (AwsLc::new(), portable());
        for _ in 0..20 {
            let (a, b) = (random::<32>(), random::<32>());
            let (loaded_a, loaded_b) = (ours.load(&a), theirs.load(&b));
            let (public_a, public_b) = (ours.public_key(&loaded_a), theirs.public_key(&loaded_b));
            assert_eq!(public_a, theirs.public_key(&theirs.load(&a)));
            let one = ours.agree(&loaded_a, &public_b).unwrap();
            let other = theirs.agree(&loaded_b, &public_a).unwrap();
            assert_eq!(one.as_bytes(), other.as_bytes());
        }
    }

    #[test]
    fn a_secret_agrees_as_often_as_wanted_until_it_is_erased() {
        let crypto = AwsLc::new();
        let (mut secret, public) =
            (crypto.load(&random()), crypto.public_key(&crypto.load(&random())));
        let clone = secret.clone();
        let [one, two] = [&secret, &clone].map(|secret| crypto.agree(secret, &public).unwrap());
        assert_eq!(one.as_bytes(), two.as_bytes());
        secret.zeroize();
        assert!(crypto.agree(&secret, &public).is_err());
        assert_eq!(crypto.public_key(&secret), [0; 32]);
        assert!(crypto.agree(&clone, &public).is_ok());
        assert_eq!(format!("{clone:?}"), "AwsLcSecret(..)");
    }

    #[test]
    fn a_point_of_low_order_is_refused() {
        let mut one = [0; 32];
        one[0] = 1;
        for public in [[0; 32], one] {
            assert!(AwsLc::new().agree(&AwsLc::new().load(&random()), &public).is_err());
        }
    }
}
