//! Cryptography that protects nothing, for fuzzers and outside test tools. Never ship it.
//!
//! A fuzzer cannot guess a real tag, so it would never get past the first check. Here anyone can
//! compute the tag ([`insecure_checksum`]), ciphertext is plaintext, and random bytes are the same
//! in every run.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

use super::{
    Aead, AgreeError, Crypto, KEY_LEN, NONCE_LEN, OpenError, RandomError, SharedSecret, Suite,
    TAG_LEN,
};

/// A provider without any security, the same in every run of a seed.
#[derive(Clone, Debug)]
pub struct InsecureNullCrypto {
    rng: InsecureFixedRng,
}

impl InsecureNullCrypto {
    /// A provider whose random bytes follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { rng: InsecureFixedRng::new(seed) }
    }
}

impl Crypto for InsecureNullCrypto {
    type Aead = InsecureNullAead;
    type Secret = [u8; KEY_LEN];

    fn random(&mut self, out: &mut [u8]) -> Result<(), RandomError> {
        self.rng.fill(out);
        Ok(())
    }

    fn load(&self, bytes: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        *bytes
    }

    /// The secret itself.
    fn public_key(&self, secret: &[u8; KEY_LEN]) -> [u8; KEY_LEN] {
        *secret
    }

    /// The sum of the two, byte by byte, made odd so that it is never zero: both ends agree, in no
    /// time. An all-zero public key is refused, so that refusal can be reached.
    fn agree(
        &self,
        secret: &[u8; KEY_LEN],
        public: &[u8; KEY_LEN],
    ) -> Result<SharedSecret, AgreeError> {
        let mut sum = *public;
        if sum == [0; KEY_LEN] {
            return Err(AgreeError);
        }
        for (byte, ours) in sum.iter_mut().zip(secret) {
            *byte = byte.wrapping_add(*ours) | 1;
        }
        SharedSecret::new(sum)
    }

    fn aead(&self, _suite: Suite, _key: &[u8; KEY_LEN]) -> Option<InsecureNullAead> {
        Some(InsecureNullAead)
    }

    fn supports(&self, _suite: Suite) -> bool {
        true
    }
}

/// A cipher that leaves the text as it is. Its tag is [`insecure_checksum`], whatever the key and
/// the nonce.
#[derive(Clone, Copy, Debug)]
pub struct InsecureNullAead;

impl Aead for InsecureNullAead {
    fn seal(
        &self,
        _nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Option<[u8; TAG_LEN]> {
        Some(insecure_checksum(associated, in_out))
    }

    /// There is no ciphertext: after a failure the text is wiped, as a careful provider's would be.
    fn open(
        &self,
        _nonce: &[u8; NONCE_LEN],
        associated: &[u8],
        in_out: &mut [u8],
        tag: &[u8; TAG_LEN],
    ) -> Result<(), OpenError> {
        if insecure_checksum(associated, in_out) == *tag {
            return Ok(());
        }
        in_out.fill(0);
        Err(OpenError)
    }
}

/// The tag of [`InsecureNullAead`]: two 64-bit FNV-1a sums, little-endian, of `associated` and of
/// `text`.
#[must_use]
pub fn insecure_checksum(associated: &[u8], text: &[u8]) -> [u8; TAG_LEN] {
    let sums = u128::from(fnv(associated)) | u128::from(fnv(text)) << 64;
    sums.to_le_bytes()
}

/// The same bytes in every run of a seed, so that ephemeral keys are known in advance.
///
/// The stream does not depend on how it is cut into requests. It calls itself cryptographic so that
/// a real provider can be tested with it; it is not.
#[derive(Clone, Debug)]
pub struct InsecureFixedRng {
    seed: u64,
    position: u64,
}

impl InsecureFixedRng {
    /// The stream of `seed`, from its start.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, position: 0 }
    }

    /// Fills `out` with the next bytes of the stream.
    pub fn fill(&mut self, out: &mut [u8]) {
        for byte in out {
            let word = scramble(self.seed, self.position >> 3);
            *byte = (word >> ((self.position & 7) << 3)) as u8;
            self.position = self.position.wrapping_add(1);
        }
    }
}

impl TryRng for InsecureFixedRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for InsecureFixedRng {}

/// The word at `index` of the SplitMix64 sequence of `seed`.
const fn scramble(seed: u64, index: u64) -> u64 {
    let step = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = seed.wrapping_add(step);
    let word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_agree_and_zero_is_refused() {
        let mut crypto = InsecureNullCrypto::new(1);
        let (mut a, mut b) = ([0; 32], [0; 32]);
        crypto.random(&mut a).unwrap();
        crypto.random(&mut b).unwrap();
        let ours = crypto.agree(&a, &crypto.public_key(&b)).unwrap();
        let theirs = crypto.agree(&b, &crypto.public_key(&a)).unwrap();
        assert_eq!(ours.as_bytes(), theirs.as_bytes());
        assert_eq!(crypto.agree(&a, &[0; 32]).unwrap_err(), AgreeError);
    }

    #[test]
    fn text_passes_through_and_a_wrong_checksum_wipes_it() {
        let mut text = *b"text";
        let tag = InsecureNullAead.seal(&[0; 12], b"head", &mut text).unwrap();
        assert_eq!((&text, tag), (b"text", insecure_checksum(b"head", b"text")));
        InsecureNullAead.open(&[9; 12], b"head", &mut text, &tag).unwrap();
        let failed = InsecureNullAead.open(&[9; 12], b"heap", &mut text, &tag);
        assert_eq!((failed, text), (Err(OpenError), [0; 4]));
    }

    #[test]
    fn random_bytes_follow_from_the_seed_however_they_are_asked_for() {
        let (mut whole, mut pieces) = ([0; 64], [0; 64]);
        InsecureFixedRng::new(5).fill(&mut whole);
        let mut rng = InsecureFixedRng::new(5);
        for piece in pieces.chunks_mut(7) {
            rng.fill(piece);
        }
        assert_eq!(whole, pieces);
        InsecureFixedRng::new(6).fill(&mut pieces);
        assert_ne!(whole, pieces);
    }

    /// The well-known first words of SplitMix64 from seed 1234567.
    #[test]
    fn the_generator_is_splitmix64() {
        let words = [6_457_827_717_110_365_317, 3_203_168_211_198_807_973];
        for (index, word) in (0..).zip(words) {
            assert_eq!(scramble(1_234_567, index), word);
        }
    }
}
