//! `CipherState` and `SymmetricState` (Noise sections 5.1 and 5.2): the running hash, the chaining
//! key, and the cipher under the latest key.

use zeroize::Zeroize;

use super::error::NoiseError;
use crate::crypto::{Aead, Crypto, KEY_LEN, NONCE_LEN, SharedSecret, Suite, TAG_LEN, kdf};

/// A key and the number of times it was used. Without a key, text passes in the clear.
#[derive(Clone)]
struct CipherState {
    key: Option<[u8; KEY_LEN]>,
    nonce: u64,
}

impl CipherState {
    const EMPTY: Self = Self { key: None, nonce: 0 };

    fn set_key(&mut self, key: [u8; KEY_LEN]) {
        self.key.zeroize();
        self.key = Some(key);
        self.nonce = 0;
    }

    /// Seals `in_out` in place; no tag if there is no key.
    fn seal(
        &mut self,
        crypto: &impl Crypto,
        associated: &[u8],
        in_out: &mut [u8],
    ) -> Result<Option<[u8; TAG_LEN]>, NoiseError> {
        let Some(key) = &self.key else { return Ok(None) };
        let aead = crypto.aead(Suite::ChaCha20Poly1305, key).ok_or(NoiseError::Suite)?;
        let next = self.next_nonce()?;
        let tag = aead.seal(&nonce_bytes(self.nonce), associated, in_out);
        self.nonce = next;
        tag.map(Some).ok_or(NoiseError::TooLong)
    }

    /// Opens `in_out` in place; only if there is a key is there a tag.
    fn open(
        &mut self,
        crypto: &impl Crypto,
        associated: &[u8],
        in_out: &mut [u8],
        tag: Option<&[u8; TAG_LEN]>,
    ) -> Result<(), NoiseError> {
        let Some(key) = &self.key else { return Ok(()) };
        let tag = tag.ok_or(NoiseError::TooShort)?;
        let aead = crypto.aead(Suite::ChaCha20Poly1305, key).ok_or(NoiseError::Suite)?;
        let next = self.next_nonce()?;
        aead.open(&nonce_bytes(self.nonce), associated, in_out, tag)
            .map_err(|_| NoiseError::Open)?;
        self.nonce = next;
        Ok(())
    }

    /// The framework reserves the last nonce. No pattern here uses a key more than twice.
    fn next_nonce(&self) -> Result<u64, NoiseError> {
        self.nonce.checked_add(1).ok_or(NoiseError::TooLong)
    }
}

/// The symmetric half of a handshake. Erased when dropped.
#[derive(Clone)]
pub(super) struct SymmetricState {
    chaining_key: [u8; KEY_LEN],
    hash: [u8; KEY_LEN],
    cipher: CipherState,
}

impl SymmetricState {
    /// The state of a protocol whose name is longer than a hash, as all of ours are.
    pub(super) fn new(protocol_name: &str) -> Self {
        let hash = kdf::hash(&[protocol_name.as_bytes()]);
        Self { chaining_key: hash, hash, cipher: CipherState::EMPTY }
    }

    /// Mixes the result of an agreement into the chaining key, and keys the cipher anew.
    pub(super) fn mix_key(&mut self, secret: &SharedSecret) {
        let [chaining_key, key] = kdf::hkdf2(&self.chaining_key, secret.as_bytes());
        self.chaining_key = chaining_key;
        self.cipher.set_key(key);
    }

    /// Mixes the parts, one after the other, into the hash.
    pub(super) fn mix_hash(&mut self, data: &[&[u8]]) {
        let mut state = kdf::Hasher::new();
        state.update(&self.hash);
        data.iter().for_each(|part| state.update(part));
        self.hash = state.finish();
    }

    /// Moves `plaintext` to the front of `out`, sealed if there is a key; returns what is left.
    pub(super) fn seal_and_hash<'o>(
        &mut self,
        crypto: &impl Crypto,
        plaintext: &[u8],
        out: &'o mut [u8],
    ) -> Result<&'o mut [u8], NoiseError> {
        let (text, rest) =
            out.split_at_mut_checked(plaintext.len()).ok_or(NoiseError::BufferTooSmall)?;
        text.copy_from_slice(plaintext);
        self.seal_in_place(crypto, text, rest)
    }

    /// Seals `text` where it stands, and puts the tag, if there is a key, at the front of `rest`;
    /// returns what is left.
    pub(super) fn seal_in_place<'o>(
        &mut self,
        crypto: &impl Crypto,
        text: &mut [u8],
        rest: &'o mut [u8],
    ) -> Result<&'o mut [u8], NoiseError> {
        if rest.len() < self.tag_len() {
            // Sealed twice with one nonce, the text would be readable again.
            return Err(NoiseError::BufferTooSmall);
        }
        let Some(tag) = self.cipher.seal(crypto, &self.hash, text)? else {
            self.mix_hash(&[text]);
            return Ok(rest);
        };
        let (slot, rest) = rest.split_first_chunk_mut().ok_or(NoiseError::BufferTooSmall)?;
        *slot = tag;
        self.mix_hash(&[text, &tag]);
        Ok(rest)
    }

    /// Opens `sealed` (text, then the tag if there is a key) into `out`, which is as long as the
    /// text. After an error `out` holds no plaintext.
    pub(super) fn open_and_hash(
        &mut self,
        crypto: &impl Crypto,
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<(), NoiseError> {
        let (text, tag) = match self.has_key() {
            true => sealed
                .split_last_chunk()
                .map(|(text, tag)| (text, Some(tag)))
                .ok_or(NoiseError::TooShort)?,
            false => (sealed, None),
        };
        if text.len() != out.len() {
            return Err(NoiseError::BufferTooSmall);
        }
        out.copy_from_slice(text);
        self.cipher.open(crypto, &self.hash, out, tag)?;
        self.mix_hash(&[sealed]);
        Ok(())
    }

    /// Bytes that sealing adds now.
    pub(super) const fn tag_len(&self) -> usize {
        if self.has_key() { TAG_LEN } else { 0 }
    }

    /// The hash of everything so far.
    pub(super) const fn hash(&self) -> &[u8; KEY_LEN] {
        &self.hash
    }

    /// A key for a purpose that is not the framework's, of those who know all that was agreed on so
    /// far. What the framework mixes into the chaining key is of 32 bytes or of none: this is of
    /// more.
    pub(super) fn side_key(&self, label: &[u8]) -> [u8; KEY_LEN] {
        kdf::hmac(&self.chaining_key, &[label, &self.hash])
    }

    /// The two keys of the transport: initiator to responder, responder to initiator.
    pub(super) fn split(&self) -> [[u8; KEY_LEN]; 2] {
        kdf::hkdf2(&self.chaining_key, &[])
    }

    const fn has_key(&self) -> bool {
        self.cipher.key.is_some()
    }
}

impl Drop for SymmetricState {
    fn drop(&mut self) {
        self.chaining_key.zeroize();
        self.hash.zeroize();
        self.cipher.key.zeroize();
    }
}

/// The nonce of ChaChaPoly: four zero bytes, then the count, little-endian (Noise section 12.3).
fn nonce_bytes(count: u64) -> [u8; NONCE_LEN] {
    (u128::from(count) << 32).to_le_bytes().first_chunk().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_zeros_then_the_count_little_endian() {
        let nonce = nonce_bytes(0x0102_0304_0506_0708);
        assert_eq!(nonce, [0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(nonce_bytes(u64::MAX), [0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255]);
    }

    #[test]
    fn names_are_longer_than_a_hash_so_that_they_are_hashed() {
        for pattern in crate::noise::Pattern::ALL {
            assert!(pattern.name().len() > KEY_LEN);
        }
    }

    #[test]
    fn the_last_nonce_is_never_used() {
        let cipher = CipherState { key: Some([1; 32]), nonce: u64::MAX };
        assert_eq!(cipher.next_nonce(), Err(NoiseError::TooLong));
    }

    #[test]
    fn mixing_parts_is_mixing_them_joined() {
        let (mut parts, mut joined) = (SymmetricState::new("x"), SymmetricState::new("x"));
        parts.mix_hash(&[b"a", b"", b"bc"]);
        joined.mix_hash(&[b"abc"]);
        assert_eq!(parts.hash(), joined.hash());
        assert_ne!(parts.hash(), SymmetricState::new("x").hash());
    }
}
