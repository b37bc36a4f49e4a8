//! Published vectors, refusals and failures of the default provider.

use super::*;
use crate::crypto::KeyPair;
use crate::crypto::fixtures::{NoRandomness, bytes, key, low_order_points};

/// RFC 8439 section 2.8.2.
const RFC_8439_CIPHERTEXT: &str = "
    d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6
    3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36
    92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc
    3ff4def08e4b7a9de576d26586cec64b6116";

// Spec: R-5.2-1.
#[test]
fn rfc_8439_vector_seals_and_opens() {
    let crypto = RustCrypto::new(NoRandomness);
    let mut secret = [0; 32];
    secret.iter_mut().zip(0x80..).for_each(|(byte, value)| *byte = value);
    let aead = crypto.aead(Suite::ChaCha20Poly1305, &secret).unwrap();
    let nonce = bytes("070000004041424344454647").try_into().unwrap();
    let associated = bytes("50515253c0c1c2c3c4c5c6c7");
    let plaintext = b"Ladies and Gentlemen of the class of '99: If I could offer you only one \
        tip for the future, sunscreen would be it.";
    let mut text = plaintext.to_vec();
    let tag = aead.seal(&nonce, &associated, &mut text).unwrap();
    assert_eq!(text, bytes(RFC_8439_CIPHERTEXT));
    assert_eq!(tag[..], bytes("1ae10b594f09e26a7e902ecbd0600691"));
    aead.open(&nonce, &associated, &mut text, &tag).unwrap();
    assert_eq!(text, plaintext);
}

#[test]
fn a_failed_open_leaves_the_ciphertext_as_it_came() {
    let crypto = RustCrypto::new(NoRandomness);
    let aead = crypto.aead(Suite::ChaCha20Poly1305, &[7; 32]).unwrap();
    let mut text = *b"a secret of some length";
    let tag = aead.seal(&[1; 12], b"head", &mut text).unwrap();
    let sealed = text;
    let mut wrong_tag = tag;
    wrong_tag[15] ^= 1;
    assert_eq!(aead.open(&[1; 12], b"head", &mut text, &wrong_tag), Err(OpenError));
    assert_eq!(aead.open(&[2; 12], b"head", &mut text, &tag), Err(OpenError));
    assert_eq!(aead.open(&[1; 12], b"heap", &mut text, &tag), Err(OpenError));
    assert_eq!(text, sealed);
    aead.open(&[1; 12], b"head", &mut text, &tag).unwrap();
    assert_eq!(&text, b"a secret of some length");
}

/// RFC 7748 sections 5.2 and 6.1: secret, public key, result.
const RFC_7748: [[&str; 3]; 3] = [
    [
        "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
        "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
        "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    ],
    [
        "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
        "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
        "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
    ],
    [
        "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
        "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
        "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742",
    ],
];

#[test]
fn rfc_7748_vectors_agree() {
    let crypto = RustCrypto::new(NoRandomness);
    for [secret, public, result] in RFC_7748 {
        let shared = crypto.agree(&key(secret), &key(public)).unwrap();
        assert_eq!(shared.as_bytes(), &key(result));
    }
    let [[..], [..], [bob, ..]] = RFC_7748;
    let public = key("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    assert_eq!(crypto.public_key(&key(bob)), public);
}

// Spec: R-5.3-1, R-13.6-1.
#[test]
fn every_low_order_point_is_refused() {
    let crypto = RustCrypto::new(NoRandomness);
    let points = low_order_points();
    assert_eq!(points.len(), 14);
    for point in points {
        for secret in [[0; 32], [1; 32], [0xff; 32]] {
            assert_eq!(crypto.agree(&secret, &point).unwrap_err(), AgreeError, "{point:02x?}");
        }
    }
}

#[test]
fn only_chacha_is_supported() {
    let crypto = RustCrypto::new(NoRandomness);
    assert!(crypto.supports(Suite::ChaCha20Poly1305) && !crypto.supports(Suite::Aes256Gcm));
    assert!(crypto.aead(Suite::Aes256Gcm, &[0; 32]).is_none());
    assert!(!crypto.prefers_aes());
}

// Spec: R-3.1-2.
#[test]
fn a_generator_without_entropy_is_an_error_and_makes_no_key() {
    let mut crypto = RustCrypto::new(NoRandomness);
    assert_eq!(crypto.random(&mut [0; 4]), Err(RandomError));
    assert_eq!(KeyPair::generate(&mut crypto).unwrap_err(), RandomError);
}
