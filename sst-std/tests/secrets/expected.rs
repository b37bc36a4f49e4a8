//! The secrets of a session, from the randomness of its hosts: docs/PROTOCOL.md sections 5.3
//! and 6.2, written out a second time.

use sst_nostd::crypto::Foretold;
use sst_nostd::crypto::kdf::{expand_label, hash, hkdf2, hmac};
use sst_nostd::{Crypto, Suite};
use sst_std::AwsLc;

/// The static secrets and the seeds of the client and the server.
pub(super) const CLIENT: ([u8; 32], u64) = ([0xc1; 32], 1001);
pub(super) const SERVER: ([u8; 32], u64) = ([0x5e; 32], 2002);

/// How many draws of a host are looked at to find its ephemeral key.
const MAX_DRAWS: usize = 64;

/// Bytes that must not be found, and what they are.
pub(super) struct Secret {
    pub(super) name: String,
    pub(super) bytes: [u8; 32],
}

impl Secret {
    /// Whether a session in use needs it.
    pub(super) fn is_of_epoch(&self) -> bool {
        self.name.starts_with("epoch")
    }
}

/// All that must be forgotten of the session whose ephemeral public keys are these.
pub(super) fn secrets_of(suite: Suite, first: [u8; 32], second: [u8; 32]) -> Vec<Secret> {
    let crypto = AwsLc::new();
    let mut all = Vec::new();
    let client = ephemeral(&crypto, CLIENT.1, first);
    let server = ephemeral(&crypto, SERVER.1, second);
    add(&mut all, "ephemeral of the client", client);
    add(&mut all, "ephemeral of the server", server);
    let server_static = crypto.public_key(&crypto.load(&SERVER.0));
    let agree = |secret, public| crypto.agree(&crypto.load(secret), public);
    let agreements = [
        ("es", agree(&client, &server_static)),
        ("ee", agree(&client, &second)),
        ("se", agree(&CLIENT.0, &second)),
    ];
    let mut chaining_key = hash(&[b"Noise_XK_25519_ChaChaPoly_BLAKE2s"]);
    for (token, shared) in agreements {
        let shared = *shared.unwrap().as_bytes();
        add(&mut all, &format!("agreement {token}"), shared);
        add(&mut all, &format!("HKDF's key of {token}"), hmac(&chaining_key, &[&shared]));
        let [next, key] = hkdf2(&chaining_key, &shared);
        chaining_key = next;
        add(&mut all, &format!("chaining key after {token}"), next);
        add(&mut all, &format!("cipher key after {token}"), key);
    }
    add(&mut all, "HKDF's key of Split", hmac(&chaining_key, &[]));
    for (way, key) in ["out", "back"].into_iter().zip(hkdf2(&chaining_key, &[])) {
        add(&mut all, &format!("Split's key {way}"), key);
        let mut secret = expand_label(&key, b"sst secret", &[suite.into()]);
        for epoch in 0..4 {
            add(&mut all, &format!("epoch {epoch} secret {way}"), secret);
            let key = expand_label(&secret, b"sst key", b"");
            all.push(Secret { name: format!("epoch {epoch} key {way}"), bytes: key });
            secret = expand_label(&secret, b"sst next", b"");
        }
    }
    all
}

/// Adds a secret, also as HMAC pads it.
fn add(all: &mut Vec<Secret>, name: &str, bytes: [u8; 32]) {
    for (form, pad) in [("", 0), (", padded within", 0x36), (", padded without", 0x5c)] {
        all.push(Secret { name: format!("{name}{form}"), bytes: bytes.map(|byte| byte ^ pad) });
    }
}

/// The secret of this public key, among what the host with this seed drew.
fn ephemeral(crypto: &AwsLc, seed: u64, public: [u8; 32]) -> [u8; 32] {
    let mut drawn = Foretold::new(seed);
    (0..MAX_DRAWS)
        .map(|_| {
            let mut secret = [0; 32];
            drawn.fill(crypto, &mut secret).unwrap();
            secret
        })
        .find(|secret| crypto.public_key(&crypto.load(secret)) == public)
        .expect("the host drew its ephemeral key")
}

/// The packet keys in a key log: the fifth word of each line.
pub(super) fn keys_in(log: &str) -> Vec<Secret> {
    let byte = |text: &str, at: usize| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap();
    let key = |line: &str| {
        let key = line.split(' ').nth(4).unwrap();
        let bytes = std::array::from_fn(|at| byte(key, at));
        Secret { name: format!("packet key {}", &line[..line.len().min(20)]), bytes }
    };
    log.lines().map(key).collect()
}
