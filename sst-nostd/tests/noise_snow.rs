//! Live handshakes with an independent implementation, `snow`, in both roles.
#![cfg(not(target_arch = "wasm32"))]

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};
use snow::{Builder, HandshakeState};
use sst_nostd::crypto::{Aead, KeyPair};
use sst_nostd::noise::{Handshake, Pattern, Role};
use sst_nostd::{Crypto, RustCrypto, Suite};

const PROLOGUE: &[u8] = b"both ends say this";
const ROUNDS: u64 = 8;

/// Repeatable bytes: xorshift64.
struct Repeatable(u64);

impl TryRng for Repeatable {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for byte in out {
            *byte = self.try_next_u64()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Repeatable {}

/// One handshake of ours with one of snow's.
struct Match {
    crypto: RustCrypto<Repeatable>,
    ours: Handshake,
    snow: HandshakeState,
    snow_public: [u8; 32],
    our_public: [u8; 32],
}

fn new_match(pattern: Pattern, role: Role, seed: u64) -> Match {
    let mut crypto = RustCrypto::new(Repeatable(seed));
    let statics = KeyPair::generate(&mut crypto).unwrap();
    let theirs = KeyPair::generate(&mut crypto).unwrap();
    let mut ephemeral = [0; 32];
    crypto.random(&mut ephemeral).unwrap();
    let knows = pattern.knows_responder();
    let known = (knows && role == Role::Initiator).then_some(*theirs.public());
    let parts: [&[u8]; 2] = [&PROLOGUE[..4], &PROLOGUE[4..]];
    let ours = Handshake::new(pattern, role, &parts, &statics, ephemeral, known).unwrap();

    let mut builder = Builder::new(pattern.name().parse().unwrap());
    builder = builder.prologue(PROLOGUE).unwrap().local_private_key(theirs.secret()).unwrap();
    let snow = if role == Role::Initiator {
        builder.build_responder().unwrap()
    } else {
        if knows {
            builder = builder.remote_public_key(statics.public()).unwrap();
        }
        builder.build_initiator().unwrap()
    };
    Match { crypto, ours, snow, snow_public: *theirs.public(), our_public: *statics.public() }
}

impl Match {
    fn play(&mut self) {
        let mut index = 0;
        while !self.ours.is_finished() {
            let mut len = [0];
            self.crypto.random(&mut len).unwrap();
            let mut payload = vec![0; usize::from(len[0])];
            self.crypto.random(&mut payload).unwrap();
            let (mut message, mut read) = ([0; 1024], [0; 1024]);
            let (message_len, payload_len) = if self.ours.is_our_turn() {
                let len = self.ours.write_message(&self.crypto, &payload, &mut message).unwrap();
                (len, self.snow.read_message(&message[..len], &mut read).unwrap())
            } else {
                let len = self.snow.write_message(&payload, &mut message).unwrap();
                let message = &message[..len];
                (len, self.ours.read_message(&self.crypto, message, &mut read).unwrap())
            };
            assert_eq!(&read[..payload_len], payload);
            assert_eq!(message_len, payload.len() + self.ours.message_overhead(index));
            index += 1;
        }
    }

    /// What snow seals our keys open, and what our keys seal snow opens.
    fn check_transport(self) {
        let role = self.ours.role();
        let split = self.ours.split().unwrap();
        let (sending, receiving) = match role {
            Role::Initiator => (&split.initiator_to_responder, &split.responder_to_initiator),
            Role::Responder => (&split.responder_to_initiator, &split.initiator_to_responder),
        };
        let mut snow = self.snow.into_transport_mode().unwrap();
        let (mut message, mut read) = ([0; 64], [0; 64]);

        let len = snow.write_message(b"from snow", &mut message).unwrap();
        let (text, tag) = message[..len].split_last_chunk().unwrap();
        let mut text = text.to_vec();
        let aead = self.crypto.aead(Suite::ChaCha20Poly1305, receiving).unwrap();
        aead.open(&[0; 12], &[], &mut text, tag).unwrap();
        assert_eq!(text, b"from snow");

        let mut text = b"from us".to_vec();
        let aead = self.crypto.aead(Suite::ChaCha20Poly1305, sending).unwrap();
        let tag = aead.seal(&[0; 12], &[], &mut text).unwrap();
        text.extend(tag);
        let len = snow.read_message(&text, &mut read).unwrap();
        assert_eq!(&read[..len], b"from us");
    }
}

fn plays_with_snow(pattern: Pattern) {
    for role in [Role::Initiator, Role::Responder] {
        for round in 1..=ROUNDS {
            let mut game = new_match(pattern, role, round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            game.play();
            assert!(game.snow.is_handshake_finished());
            assert_eq!(game.ours.hash(), game.snow.get_handshake_hash());
            assert_eq!(game.ours.remote_static(), Some(game.snow_public));
            assert_eq!(game.snow.get_remote_static(), Some(&game.our_public[..]));
            game.check_transport();
        }
    }
}

// Spec: R-5.2-1, R-5.7-11, R-13.1-1.
#[test]
fn ik_plays_with_snow_in_both_roles() {
    plays_with_snow(Pattern::Ik);
}

// Spec: R-5.2-1, R-5.7-11, R-13.1-1.
#[test]
fn xk_plays_with_snow_in_both_roles() {
    plays_with_snow(Pattern::Xk);
}

// Spec: R-5.2-1, R-5.7-11, R-13.1-1.
#[test]
fn xx_plays_with_snow_in_both_roles() {
    plays_with_snow(Pattern::Xx);
}

/// Junk between messages, in every place, does not disturb a handshake with snow.
#[test]
fn junk_between_messages_is_refused_and_forgotten() {
    for pattern in Pattern::ALL {
        let mut game = new_match(pattern, Role::Initiator, 77);
        let mut out = [0; 256];
        while !game.ours.is_finished() {
            if game.ours.is_our_turn() {
                let len = game.ours.write_message(&game.crypto, b"", &mut out).unwrap();
                game.snow.read_message(&out[..len], &mut []).unwrap();
            } else {
                for len in [0, 31, 32, 48, 96, 200] {
                    let mut junk = vec![0; len];
                    game.crypto.random(&mut junk).unwrap();
                    game.ours.read_message(&game.crypto, &junk, &mut out).unwrap_err();
                }
                let len = game.snow.write_message(b"", &mut out).unwrap();
                game.ours.read_message(&game.crypto, &out[..len], &mut []).unwrap();
            }
        }
        assert_eq!(game.ours.hash(), game.snow.get_handshake_hash());
    }
}
