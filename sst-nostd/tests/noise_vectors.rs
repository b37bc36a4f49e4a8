//! Published vectors of the Noise patterns, byte for byte, in both roles, transport included.

mod values;

use serde_json::Value;
use sst_nostd::crypto::{Aead, KeyPair};
use sst_nostd::noise::{Handshake, Pattern, Role, Split};
use sst_nostd::{Crypto, RustCrypto, Suite};
use values::{NoRandomness, hex, json, list};

const VECTORS: &str = include_str!("vectors/noise/noise-25519-chachapoly-blake2s.json");

const CRYPTO: RustCrypto<NoRandomness> = RustCrypto::new(NoRandomness);

fn field(vector: &Value, name: &str) -> Option<Vec<u8>> {
    vector.get(name).map(hex)
}

fn key(vector: &Value, name: &str) -> Option<[u8; 32]> {
    field(vector, name).map(|bytes| bytes.try_into().unwrap())
}

/// Payloads and ciphertexts, in order.
fn messages(vector: &Value) -> Vec<(Vec<u8>, Vec<u8>)> {
    let list = vector["messages"].as_array().unwrap();
    list.iter().map(|m| (field(m, "payload").unwrap(), field(m, "ciphertext").unwrap())).collect()
}

fn pattern_of(vector: &Value) -> Pattern {
    let name = vector["protocol_name"].as_str().unwrap();
    Pattern::ALL.into_iter().find(|pattern| pattern.name() == name).unwrap()
}

fn end(vector: &Value, role: Role) -> Handshake {
    let prefix = if role == Role::Initiator { "init" } else { "resp" };
    let named = |name: &str| format!("{prefix}_{name}");
    let secret = key(vector, &named("static")).unwrap();
    let prologue = field(vector, &named("prologue")).unwrap();
    let ephemeral = key(vector, &named("ephemeral")).unwrap();
    let statics = KeyPair::from_secret(&CRYPTO, &secret);
    let known = key(vector, &named("remote_static"));
    Handshake::new(pattern_of(vector), role, &[&prologue], &statics, ephemeral, known).unwrap()
}

/// The `nonce`th transport message under `key`, by Noise section 5.1.
fn seal(key: &[u8; 32], nonce: u64, payload: &[u8]) -> Vec<u8> {
    let mut full_nonce = [0; 12];
    full_nonce[4..].copy_from_slice(&nonce.to_le_bytes());
    let mut text = payload.to_vec();
    let aead = CRYPTO.aead(Suite::ChaCha20Poly1305, key).unwrap();
    let tag = aead.seal(&full_nonce, &[], &mut text).unwrap();
    text.extend(tag);
    text
}

fn check_transport(split: &Split, first: usize, messages: &[(Vec<u8>, Vec<u8>)]) -> usize {
    let mut sent = [0, 0];
    for (index, (payload, ciphertext)) in (first..).zip(messages) {
        let keys = [&split.initiator_to_responder, &split.responder_to_initiator];
        let nonce = &mut sent[index % 2];
        assert_eq!(&seal(keys[index % 2], *nonce, payload), ciphertext, "message {index}");
        *nonce += 1;
    }
    messages.len()
}

fn vectors() -> Vec<Value> {
    list(&json(VECTORS), "vectors").to_vec()
}

// Spec: R-5.2-1, R-5.7-11, R-13.1-1.
#[test]
fn every_message_of_every_vector_is_written_and_read() {
    let mut transport_messages = 0;
    for vector in vectors() {
        let (mut initiator, mut responder) =
            (end(&vector, Role::Initiator), end(&vector, Role::Responder));
        let messages = messages(&vector);
        let (handshake, transport) = messages.split_at(pattern_of(&vector).message_count());
        for (index, (payload, ciphertext)) in handshake.iter().enumerate() {
            let (writer, reader) = if index % 2 == 0 {
                (&mut initiator, &mut responder)
            } else {
                (&mut responder, &mut initiator)
            };
            let mut out = [0; 1024];
            let len = writer.write_message(&CRYPTO, payload, &mut out).unwrap();
            assert_eq!(&out[..len], ciphertext, "{} message {index}", vector["protocol_name"]);
            assert_eq!(len, payload.len() + writer.message_overhead(index));
            let len = reader.read_message(&CRYPTO, ciphertext, &mut out).unwrap();
            assert_eq!(&out[..len], payload);
        }
        assert_eq!(initiator.hash(), responder.hash());
        if let Some(hash) = key(&vector, "handshake_hash") {
            assert_eq!(initiator.hash(), hash);
        }
        for end in [initiator, responder] {
            transport_messages +=
                check_transport(&end.split().unwrap(), handshake.len(), transport);
        }
    }
    assert_eq!(transport_messages, 2 * (3 + 4 + 3 + 2 + 2 + 2));
}

#[test]
fn there_are_vectors_from_two_sources_for_every_pattern() {
    for pattern in Pattern::ALL {
        for source in ["cacophony", "snow"] {
            let found = vectors()
                .iter()
                .filter(|vector| pattern_of(vector) == pattern && vector["source"] == source)
                .count();
            assert_eq!(found, 1, "{pattern:?} {source}");
        }
    }
}
