//! Everything made of BLAKE2s (RFC 7693): hashes, keyed tags, HMAC, the Noise HKDF, labelled keys.

use blake2::digest::block_api::{Block, Buffer, UpdateCore, VariableOutputCore};
use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Output, Update};
use blake2::{Blake2s128, Blake2s256, Blake2sMac, Blake2sVarCore};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::KEY_LEN;

/// Block length of BLAKE2s, in bytes: what HMAC pads its key to.
const BLOCK_LEN: usize = 64;
/// What HMAC pads its key with, for its two hashes.
const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;

/// BLAKE2s-256 of the parts, one after the other.
#[must_use]
pub fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut state = Hasher::new();
    parts.iter().for_each(|part| state.update(part));
    state.finish()
}

/// BLAKE2s-256 of bytes that come in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Blake2s256);

impl Hasher {
    /// The hash of nothing so far.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes at the end.
    pub fn update(&mut self, bytes: &[u8]) {
        feed(&mut self.0, bytes);
    }

    /// The hash of all that was added.
    #[must_use]
    pub fn finish(self) -> [u8; 32] {
        self.0.finalize_fixed().into()
    }
}

/// Keyed BLAKE2s of the parts, one after the other, with a 16-byte output (RFC 7693 section 2.9).
///
/// The parts are not separated: a caller whose parts vary in length must make them unambiguous. A
/// key of more than 32 bytes, which BLAKE2s does not take, is hashed first, as HMAC does; an empty
/// key makes it a plain 16-byte hash.
#[must_use]
pub fn mac16(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    if key.is_empty() {
        return absorb(Blake2s128::default(), parts);
    }
    if let Ok(state) = Blake2sMac::<U16>::new_from_slice(key) {
        return absorb(state, parts);
    }
    let mut short = hash(&[key]);
    let state = Blake2sMac::<U16>::new(&short.into());
    short.zeroize();
    absorb(state, parts)
}

/// HMAC-BLAKE2s of the parts, one after the other (RFC 2104).
#[must_use]
pub fn hmac(key: &[u8; KEY_LEN], parts: &[&[u8]]) -> [u8; 32] {
    let [mut inner_pad, mut outer_pad] = [INNER, OUTER].map(|pad| key_block(key, pad));
    let mut inner = Hasher::new();
    inner.update(&inner_pad);
    parts.iter().for_each(|part| inner.update(part));
    let mut inner_hash = inner.finish();
    let tag = hash(&[&outer_pad, &inner_hash]);
    inner_pad.zeroize();
    outer_pad.zeroize();
    inner_hash.zeroize();
    tag
}

/// HMAC-BLAKE2s under a key that is kept as the states of two hashes after their first blocks: each
/// message but the first then costs two compressions instead of four. Erased when dropped.
struct Kept {
    inner: Blake2sVarCore,
    outer: Blake2sVarCore,
}

impl Kept {
    fn new(key: &[u8; KEY_LEN]) -> Self {
        let [inner, outer] = [INNER, OUTER].map(|pad| {
            let mut block = Block::<Blake2sVarCore>::from(key_block(key, pad));
            let mut state = Blake2sVarCore::new_with_params(&[], &[], 0, KEY_LEN);
            state.update_blocks(core::slice::from_ref(&block));
            block.zeroize();
            state
        });
        Self { inner, outer }
    }

    /// What HKDF makes its outputs with.
    fn extracted(chaining_key: &[u8; KEY_LEN], input: &[u8]) -> Self {
        let mut extracted = hmac(chaining_key, &[input]);
        let kept = Self::new(&extracted);
        extracted.zeroize();
        kept
    }

    /// [`hmac`] of the parts, which are not all empty: of nothing, the key's block would be the
    /// last one, which is hashed in another way.
    fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut inner_hash = finish(&self.inner, parts);
        let tag = finish(&self.outer, &[&inner_hash]);
        inner_hash.zeroize();
        tag
    }
}

/// The hash of what `state` has taken, and the parts after it.
fn finish(state: &Blake2sVarCore, parts: &[&[u8]]) -> [u8; 32] {
    let (mut state, mut buffer) = (state.clone(), Buffer::<Blake2sVarCore>::default());
    for piece in parts.iter().flat_map(|part| part.chunks(BLOCK_LEN - 1)) {
        buffer.digest_blocks(piece, |blocks| state.update_blocks(blocks));
    }
    let mut hash = Output::<Blake2sVarCore>::default();
    state.finalize_variable_core(&mut buffer, &mut hash);
    hash.into()
}

/// The first block of one of HMAC's hashes.
fn key_block(key: &[u8; KEY_LEN], pad: u8) -> [u8; BLOCK_LEN] {
    let mut block = [pad; BLOCK_LEN];
    for (byte, key) in block.iter_mut().zip(key) {
        *byte ^= key;
    }
    block
}

/// The first two outputs of HKDF (Noise Protocol Framework, section 4.3).
#[must_use]
pub fn hkdf2(chaining_key: &[u8; KEY_LEN], input: &[u8]) -> [[u8; 32]; 2] {
    let extracted = Kept::extracted(chaining_key, input);
    let first = extracted.tag(&[&[1]]);
    let second = extracted.tag(&[&first, &[2]]);
    [first, second]
}

/// The three outputs of HKDF (Noise Protocol Framework, section 4.3).
#[must_use]
pub fn hkdf3(chaining_key: &[u8; KEY_LEN], input: &[u8]) -> [[u8; 32]; 3] {
    let extracted = Kept::extracted(chaining_key, input);
    let first = extracted.tag(&[&[1]]);
    let second = extracted.tag(&[&first, &[2]]);
    let third = extracted.tag(&[&second, &[3]]);
    [first, second, third]
}

/// A key for one purpose: the first output of Noise's HKDF with `secret` as the chaining key and
/// the label, a zero byte and the context as the input. Labels hold no zero byte, so no two pairs
/// of label and context give one input.
///
/// Source: docs/PROTOCOL.md section 6, key schedule.
#[must_use]
pub fn expand_label(secret: &[u8; KEY_LEN], label: &[u8], context: &[u8]) -> [u8; 32] {
    first_output(hmac(secret, &[label, &[0], context]))
}

/// [`expand_label`] for several labels without a context, for less.
#[must_use]
pub fn expand_labels<const N: usize>(secret: &[u8; KEY_LEN], labels: [&[u8]; N]) -> [[u8; 32]; N] {
    let kept = Kept::new(secret);
    labels.map(|label| first_output(kept.tag(&[label, &[0]])))
}

/// The first output of HKDF, of what it extracted.
fn first_output(mut extracted: [u8; 32]) -> [u8; 32] {
    let key = hmac(&extracted, &[&[1]]);
    extracted.zeroize();
    key
}

/// True if the two are the same bytes. Takes a time that depends only on the lengths.
#[must_use]
pub fn equal(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

fn absorb<S: Update + FixedOutput<OutputSize = U16>>(mut state: S, parts: &[&[u8]]) -> [u8; 16] {
    for part in parts {
        feed(&mut state, part);
    }
    state.finalize_fixed().into()
}

/// Adds bytes in pieces shorter than a block: in longer ones the compiler does not see that the
/// library's last block exists, and leaves a panic.
fn feed(state: &mut impl Update, bytes: &[u8]) {
    for piece in bytes.chunks(BLOCK_LEN - 1) {
        state.update(piece);
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use blake2::digest::consts::{U20, U28, U32};
    use blake2::{Blake2s, Digest};

    use super::*;

    /// RFC 7693 appendix E: deterministic bytes from a length.
    fn sequence(len: usize) -> Vec<u8> {
        let seed = u32::try_from(len).unwrap();
        let (mut a, mut b) = (0xdead_4badu32.wrapping_mul(seed), 1u32);
        (0..len)
            .map(|_| {
                let sum = a.wrapping_add(b);
                (a, b) = (b, sum);
                (sum >> 24) as u8
            })
            .collect()
    }

    fn plain<S: Default + Update + FixedOutput>(input: &[u8]) -> Vec<u8> {
        let mut state = S::default();
        state.update(input);
        state.finalize_fixed().to_vec()
    }

    fn keyed<S: KeyInit + Update + FixedOutput>(key: &[u8], input: &[u8]) -> Vec<u8> {
        let mut state = S::new_from_slice(key).unwrap();
        state.update(input);
        state.finalize_fixed().to_vec()
    }

    #[test]
    fn rfc_7693_self_test_passes_with_our_hash_and_keyed_tag_in_it() {
        let mut all = Vec::new();
        for output_len in [16usize, 20, 28, 32] {
            let key = sequence(output_len);
            for input_len in [0usize, 3, 64, 65, 255, 1024] {
                let input = sequence(input_len);
                let (left, right) = input.split_at(input_len / 3);
                match output_len {
                    16 => {
                        all.extend(mac16(&[], &[left, right]));
                        all.extend(mac16(&key, &[left, right]));
                    }
                    20 => {
                        all.extend(plain::<Blake2s<U20>>(&input));
                        all.extend(keyed::<Blake2sMac<U20>>(&key, &input));
                    }
                    28 => {
                        all.extend(plain::<Blake2s<U28>>(&input));
                        all.extend(keyed::<Blake2sMac<U28>>(&key, &input));
                    }
                    _ => {
                        all.extend(hash(&[left, right]));
                        all.extend(keyed::<Blake2sMac<U32>>(&key, &input));
                    }
                }
            }
        }
        let expected = [
            0x6a, 0x41, 0x1f, 0x08, 0xce, 0x25, 0xad, 0xcd, 0xfb, 0x02, 0xab, 0xa6, 0x41, 0x45,
            0x1c, 0xec, 0x53, 0xc5, 0x98, 0xb2, 0x4f, 0x4f, 0xc7, 0x87, 0xfb, 0xdc, 0x88, 0x79,
            0x7f, 0x4c, 0x1d, 0xfe,
        ];
        assert_eq!(hash(&[&all]), expected);
    }

    #[test]
    fn rfc_7693_example_of_blake2s() {
        let expected = [
            0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2, 0xe1, 0xa7, 0x2b, 0xa3, 0x4e, 0xeb,
            0x45, 0x2f, 0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6, 0x3a, 0x29, 0x4d, 0x99, 0x9b, 0x4c,
            0x86, 0x67, 0x59, 0x82,
        ];
        assert_eq!(hash(&[b"abc"]), expected);
        assert_eq!(hash(&[b"a", b"", b"bc"]), expected);
    }

    /// Computed with Python's hmac and hashlib.
    #[test]
    fn another_implementation_computes_the_same() {
        let mut key = [0; 32];
        key.iter_mut().zip(0..).for_each(|(byte, value)| *byte = value);
        assert_eq!(hex(&hmac(&key, &[b"S", b"ST"])), HMAC_OF_SST);
        assert_eq!(hex(&expand_label(&key, b"label", b"context")), LABELLED_KEY);
        assert_eq!(hex(&mac16(&key[..20], &[b"SST ", b"packet"])), TAG_UNDER_20_BYTES);
        assert_eq!(hex(&hkdf3(&key, b"input")[2]), THIRD_OUTPUT);
    }

    const HMAC_OF_SST: &str = "8bc51fbe0e5bb88729087c94bc285a1350a9fedc120b724cb87b31ad534a6dad";
    const LABELLED_KEY: &str = "27a7a0a48e628cd9551ff24b7c66460a2f1b7eecae21277e887e18109c0b6728";
    const TAG_UNDER_20_BYTES: &str = "a6ee5b16b17199ac259cbec123116ca1";
    const THIRD_OUTPUT: &str = "9ad858025593be88de0f9442a589cfe84a88dc19e4753d93684d1c5efc4837f9";

    fn hex(bytes: &[u8]) -> std::string::String {
        bytes.iter().map(|byte| std::format!("{byte:02x}")).collect()
    }

    #[test]
    fn tags_take_keys_of_any_length() {
        for len in 0..=200usize {
            let key: Vec<u8> = (0..=255).take(len).collect();
            let mut other = key.clone();
            other.push(7);
            assert_ne!(mac16(&key, &[b"text"]), mac16(&other, &[b"text"]), "{len}");
        }
        let long = [9; 33];
        assert_eq!(mac16(&long, &[b"x"]), mac16(&hash(&[&long]), &[b"x"]));
    }

    #[test]
    fn hkdf_outputs_follow_their_definition() {
        let (key, input) = ([3; 32], b"input");
        let [first, second, third] = hkdf3(&key, input);
        assert_eq!(hkdf2(&key, input), [first, second]);
        let extracted = hmac(&key, &[input]);
        assert_eq!(second, hmac(&extracted, &[&first[..], &[2]]));
        assert_eq!(third, hmac(&extracted, &[&second[..], &[3]]));
    }

    #[test]
    fn label_and_context_cannot_be_shifted_into_each_other() {
        let secret = [1; 32];
        assert_ne!(expand_label(&secret, b"ab", b"c"), expand_label(&secret, b"a", b"bc"));
        assert_ne!(expand_label(&secret, b"ab", b"c"), expand_label(&[2; 32], b"ab", b"c"));
        assert_eq!(expand_label(&secret, b"ab", b"c"), expand_label(&secret, b"ab", b"c"));
    }

    #[test]
    fn labels_together_give_what_each_gives() {
        let [one, two] = expand_labels(&[1; 32], [&b"one"[..], b"two"]);
        assert_eq!(one, expand_label(&[1; 32], b"one", b""));
        assert_eq!(two, expand_label(&[1; 32], b"two", b""));
    }

    #[test]
    fn a_kept_key_gives_what_it_gives_anew() {
        let kept = Kept::new(&[5; 32]);
        for len in 1..200 {
            let text: Vec<u8> = (0..=255).take(len).collect();
            let (left, right) = text.split_at(len / 3);
            assert_eq!(kept.tag(&[left, right]), hmac(&[5; 32], &[&text]), "{len}");
        }
    }

    #[test]
    fn equal_compares_length_and_every_byte() {
        assert!(equal(b"", b"") && equal(b"same", b"same"));
        assert!(!equal(b"same", b"sam") && !equal(b"same", b"samf") && !equal(b"tame", b"same"));
    }

    #[test]
    fn our_hash_is_the_crates_own() {
        assert_eq!(hash(&[b"xyz"])[..], Blake2s256::digest(b"xyz")[..]);
    }
}
