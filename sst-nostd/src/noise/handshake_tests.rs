//! Handshakes with ourselves: hostile keys, forged messages, wrong use.

use std::vec::Vec;

use super::*;
use crate::crypto::fixtures::{NoRandomness, low_order_points};
use crate::crypto::{RustCrypto, kdf};

/// Handshakes take no randomness from the environment.
const CRYPTO: RustCrypto<NoRandomness> = RustCrypto::new(NoRandomness);

fn pair(seed: u8) -> KeyPair {
    KeyPair::from_secret(&CRYPTO, &kdf::hash(&[&[seed]]))
}

fn initiator(pattern: Pattern, statics: &KeyPair, responder: [u8; 32]) -> Handshake {
    let known = pattern.knows_responder().then_some(responder);
    Handshake::new(pattern, Role::Initiator, &[b"p"], statics, [3; 32], known).unwrap()
}

fn responder(pattern: Pattern, statics: &KeyPair) -> Handshake {
    Handshake::new(pattern, Role::Responder, &[b"p"], statics, [4; 32], None).unwrap()
}

/// Both ends, after `count` messages: the writer of the next, then its reader.
fn ends_after(pattern: Pattern, count: usize) -> (Handshake, Handshake) {
    let (ours, theirs) = (pair(1), pair(2));
    let (mut writer, mut reader) =
        (initiator(pattern, &ours, *theirs.public()), responder(pattern, &theirs));
    for _ in 0..count {
        let message = write(&mut writer, b"payload").unwrap();
        assert_eq!(read(&mut reader, &message).unwrap(), b"payload");
        core::mem::swap(&mut writer, &mut reader);
    }
    (writer, reader)
}

fn write(writer: &mut Handshake, payload: &[u8]) -> Result<Vec<u8>, NoiseError> {
    let mut out = [0; 256];
    let len = writer.write_message(&CRYPTO, payload, &mut out)?;
    Ok(out[..len].to_vec())
}

fn read(reader: &mut Handshake, message: &[u8]) -> Result<Vec<u8>, NoiseError> {
    let mut out = [0; 256];
    let len = reader.read_message(&CRYPTO, message, &mut out)?;
    Ok(out[..len].to_vec())
}

#[test]
fn a_handshake_is_small() {
    assert!(size_of::<Handshake>() < 400, "{}", size_of::<Handshake>());
}

#[test]
fn both_ends_finish_with_the_same_keys_and_know_each_other() {
    for (pattern, agreements) in [(Pattern::Ik, 4), (Pattern::Xk, 3), (Pattern::Xx, 3)] {
        let (one, two) = ends_after(pattern, pattern.message_count());
        assert!(one.is_finished() && two.is_finished());
        assert!(!one.is_our_turn() && !two.is_our_turn());
        assert_eq!((one.agreements(), two.agreements()), (agreements, agreements));
        let (first, second) =
            if one.role() == Role::Initiator { (&one, &two) } else { (&two, &one) };
        assert_eq!(first.remote_static(), Some(*pair(2).public()));
        assert_eq!(second.remote_static(), Some(*pair(1).public()));
        assert_eq!(one.hash(), two.hash());
        let (one, two) = (one.split().unwrap(), two.split().unwrap());
        assert_eq!(one.initiator_to_responder, two.initiator_to_responder);
        assert_eq!(one.responder_to_initiator, two.responder_to_initiator);
        assert_ne!(one.initiator_to_responder, two.responder_to_initiator);
    }
}

#[test]
fn a_message_in_two_halves_is_the_one_written_at_once() {
    for pattern in Pattern::ALL {
        for index in 0..pattern.message_count() {
            let (mut whole, _) = ends_after(pattern, index);
            let (mut writer, mut reader) = ends_after(pattern, index);
            let expected = write(&mut whole, b"frames").unwrap();
            let mut message = [0; 200];
            assert_eq!(
                writer.write_payload(&CRYPTO, &mut [], &mut []),
                Err(NoiseError::NotOurTurn)
            );
            let head_len = writer.write_keys(&CRYPTO, &mut message).unwrap();
            // Nothing else goes between the halves, and the keys are there before the second.
            assert_eq!(write(&mut writer, b""), Err(NoiseError::NotOurTurn));
            assert_eq!(read(&mut writer, &[0; 200]), Err(NoiseError::NotOurTurn));
            let early = writer.split().ok().map(|split| split.initiator_to_responder);
            let (text, rest) = message[head_len..].split_at_mut(6);
            text.copy_from_slice(b"frames");
            if pattern.message_overhead(index) > head_len {
                let short = writer.write_payload(&CRYPTO, text, &mut rest[..15]);
                assert_eq!((short, &*text), (Err(NoiseError::BufferTooSmall), &b"frames"[..]));
            }
            writer.write_payload(&CRYPTO, text, rest).unwrap();
            let len = pattern.message_overhead(index) + 6;
            assert_eq!(message[..len], expected[..]);
            assert_eq!((writer.hash(), writer.message_index()), (whole.hash(), index + 1));
            let keys = writer.split().ok().map(|split| split.initiator_to_responder);
            assert_eq!(early, keys);
            assert_eq!(read(&mut reader, &message[..len]).unwrap(), b"frames");
        }
    }
}

#[test]
fn a_flip_in_any_byte_is_refused_and_changes_nothing() {
    for pattern in Pattern::ALL {
        for index in 0..pattern.message_count() {
            let (mut writer, mut reader) = ends_after(pattern, index);
            let message = write(&mut writer, b"some payload").unwrap();
            let (before, known) = (reader.hash(), reader.remote_static());
            // Nothing seals the first message of XX: a forgery of it is found in the second.
            let sealed = !(pattern == Pattern::Xx && index == 0);
            for at in (0..message.len()).filter(|_| sealed) {
                for bit in [0, 7] {
                    let mut forged = message.clone();
                    forged[at] ^= 1 << bit;
                    // X25519 ignores the top bit of a public key; the hash does not.
                    assert_eq!(read(&mut reader, &forged), Err(NoiseError::Open), "{at}");
                }
                assert_eq!((reader.hash(), reader.remote_static()), (before, known));
                assert_eq!(reader.message_index(), index);
            }
            assert_eq!(read(&mut reader, &message).unwrap(), b"some payload");
            assert_eq!(reader.hash(), writer.hash());
        }
    }
}

#[test]
fn a_forged_first_message_of_xx_is_found_in_the_second() {
    let len = write(&mut ends_after(Pattern::Xx, 0).0, b"hello").unwrap().len();
    for at in 0..len {
        let (mut first, mut second) = ends_after(Pattern::Xx, 0);
        let mut forged = write(&mut first, b"hello").unwrap();
        forged[at] ^= 1;
        read(&mut second, &forged).unwrap();
        let answer = write(&mut second, b"").unwrap();
        assert_eq!(read(&mut first, &answer), Err(NoiseError::Open), "{at}");
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    for pattern in Pattern::ALL {
        for index in 0..pattern.message_count() {
            let (mut writer, mut reader) = ends_after(pattern, index);
            let message = write(&mut writer, b"text").unwrap();
            let overhead = pattern.message_overhead(index);
            assert_eq!(message.len(), overhead + 4);
            for len in 0..overhead {
                assert_eq!(read(&mut reader, &message[..len]), Err(NoiseError::TooShort));
            }
            if overhead > KEY_LEN {
                for len in overhead..message.len() {
                    assert_eq!(read(&mut reader, &message[..len]), Err(NoiseError::Open));
                }
                let mut longer = message.clone();
                longer.push(0);
                assert_eq!(read(&mut reader, &longer), Err(NoiseError::Open));
            }
            assert_eq!(read(&mut reader, &message).unwrap(), b"text");
        }
    }
}

/// For every agreement of every pattern, at both ends: the key of the peer that it uses, replaced.
// Spec: R-5.3-1, R-13.6-1.
#[test]
fn low_order_points_are_refused_in_every_agreement() {
    let agreements = [Token::Ee, Token::Es, Token::Se, Token::Ss];
    for pattern in Pattern::ALL {
        for index in 0..pattern.message_count() {
            let (mut writer, mut reader) = ends_after(pattern, index);
            // As to write a message does.
            writer.load_ephemeral(&CRYPTO);
            reader.load_ephemeral(&CRYPTO);
            let mut whole = ends_after(pattern, index);
            read(&mut whole.1, &write(&mut whole.0, b"").unwrap()).unwrap();
            reader.state.remote_ephemeral = whole.1.state.remote_ephemeral;
            reader.state.remote_static = whole.1.state.remote_static;
            for token in pattern.message(index).iter().filter(|token| agreements.contains(token)) {
                for end in [&writer, &reader] {
                    refuses_low_order(end, *token);
                }
            }
        }
    }
}

fn refuses_low_order(end: &Handshake, token: Token) {
    let mut honest = end.state.clone();
    end.mix_agreement(&mut honest, &CRYPTO, token).unwrap();
    let initiator = end.role == Role::Initiator;
    let ephemeral = match token {
        Token::Ee => true,
        Token::Es => !initiator,
        Token::Se => initiator,
        _ => false,
    };
    for point in low_order_points() {
        let mut state = end.state.clone();
        let slot = if ephemeral { &mut state.remote_ephemeral } else { &mut state.remote_static };
        *slot = Some(point);
        let before = state.symmetric.split();
        let outcome = end.mix_agreement(&mut state, &CRYPTO, token);
        assert_eq!(outcome, Err(NoiseError::Agree), "{:?} {token:?}", end.pattern);
        assert_eq!(state.symmetric.split(), before);
    }
}

// Spec: R-5.3-1, R-13.6-1.
#[test]
fn low_order_ephemerals_on_the_wire_are_refused() {
    for point in low_order_points() {
        for (pattern, index) in [
            (Pattern::Ik, 0),
            (Pattern::Ik, 1),
            (Pattern::Xk, 0),
            (Pattern::Xk, 1),
            (Pattern::Xx, 1),
        ] {
            let (mut writer, mut reader) = ends_after(pattern, index);
            let message = write(&mut writer, b"x").unwrap();
            let mut forged = message.clone();
            forged[..32].copy_from_slice(&point);
            assert_eq!(read(&mut reader, &forged), Err(NoiseError::Agree));
            assert_eq!(read(&mut reader, &message).unwrap(), b"x");
        }
        // The first message of XX agrees on nothing yet: its answer cannot be written.
        let (mut writer, mut reader) = ends_after(Pattern::Xx, 0);
        let mut forged = write(&mut writer, b"x").unwrap();
        forged[..32].copy_from_slice(&point);
        read(&mut reader, &forged).unwrap();
        assert_eq!(write(&mut reader, b""), Err(NoiseError::Agree));
    }
}

// Spec: R-5.3-1, R-13.6-1.
#[test]
fn low_order_statics_on_the_wire_are_refused() {
    for point in low_order_points() {
        let hostile = KeyPair::forged([8; 32], point);
        // The initiator's key: IK's first message, the last of XK and XX.
        for (pattern, last) in [(Pattern::Ik, 0), (Pattern::Xk, 2), (Pattern::Xx, 2)] {
            let theirs = pair(2);
            let mut first = initiator(pattern, &hostile, *theirs.public());
            let mut second = responder(pattern, &theirs);
            for _ in 0..last {
                let message = write(&mut first, b"").unwrap();
                read(&mut second, &message).unwrap();
                core::mem::swap(&mut first, &mut second);
            }
            let message = write(&mut first, b"").unwrap();
            assert_eq!(read(&mut second, &message), Err(NoiseError::Agree), "{pattern:?}");
            assert_eq!(second.remote_static(), None);
        }
        // The responder's key: known beforehand in IK and XK, sent in XX's second message.
        for pattern in [Pattern::Ik, Pattern::Xk] {
            assert_eq!(
                write(&mut initiator(pattern, &pair(1), point), b""),
                Err(NoiseError::Agree)
            );
        }
        let mut first = initiator(Pattern::Xx, &pair(1), [0; 32]);
        let mut second = responder(Pattern::Xx, &hostile);
        read(&mut second, &write(&mut first, b"").unwrap()).unwrap();
        let answer = write(&mut second, b"").unwrap();
        assert_eq!(read(&mut first, &answer), Err(NoiseError::Agree));
        assert_eq!(first.remote_static(), None);
    }
}

#[test]
fn small_buffers_are_refused_before_any_work_and_change_nothing() {
    for pattern in Pattern::ALL {
        for index in 0..pattern.message_count() {
            let (mut writer, mut reader) = ends_after(pattern, index);
            let (work, len) = (writer.agreements(), pattern.message_overhead(index) + 4);
            for short in 0..len {
                let mut out = std::vec![0; short];
                let failed = writer.write_message(&CRYPTO, b"text", &mut out);
                assert_eq!(failed, Err(NoiseError::BufferTooSmall));
            }
            assert_eq!(writer.agreements(), work);
            let message = write(&mut writer, b"text").unwrap();
            let failed = reader.read_message(&CRYPTO, &message, &mut [0; 3]);
            assert_eq!((failed, reader.agreements()), (Err(NoiseError::BufferTooSmall), work));
            assert_eq!(read(&mut reader, &message).unwrap(), b"text");
        }
    }
}

#[test]
fn messages_are_at_most_as_long_as_the_framework_allows() {
    let (mut writer, mut reader) = ends_after(Pattern::Xk, 0);
    let mut out = std::vec![0; 70_000];
    let most = MAX_MESSAGE_LEN - 48;
    let failed = writer.write_message(&CRYPTO, &std::vec![1; most + 1], &mut out);
    assert_eq!(failed, Err(NoiseError::TooLong));
    let len = writer.write_message(&CRYPTO, &std::vec![1; most], &mut out).unwrap();
    assert_eq!(len, MAX_MESSAGE_LEN);
    let mut payload = std::vec![0; 70_000];
    let failed = reader.read_message(&CRYPTO, &out[..=len], &mut payload);
    assert_eq!(failed, Err(NoiseError::TooLong));
    assert_eq!(reader.read_message(&CRYPTO, &out[..len], &mut payload), Ok(most));
}

#[test]
fn out_of_turn_is_an_error() {
    for pattern in Pattern::ALL {
        for index in 0..pattern.message_count() {
            let (mut writer, mut reader) = ends_after(pattern, index);
            assert!(writer.is_our_turn() && !reader.is_our_turn());
            assert_eq!(read(&mut writer, &[0; 200]), Err(NoiseError::NotOurTurn));
            assert_eq!(write(&mut reader, b""), Err(NoiseError::NotOurTurn));
            assert_eq!(writer.split().unwrap_err(), NoiseError::NotFinished);
        }
        let (mut one, mut two) = ends_after(pattern, pattern.message_count());
        assert_eq!(write(&mut one, b""), Err(NoiseError::Finished));
        assert_eq!(read(&mut two, &[0; 200]), Err(NoiseError::Finished));
    }
}

#[test]
fn the_remote_static_key_must_fit_the_pattern() {
    let (ours, known) = (pair(1), Some([9; 32]));
    let new = |pattern, role, known| {
        Handshake::new(pattern, role, &[], &ours, [3; 32], known).map(|_| ())
    };
    for pattern in [Pattern::Ik, Pattern::Xk] {
        assert_eq!(new(pattern, Role::Initiator, None), Err(NoiseError::KeyMissing));
        assert_eq!(new(pattern, Role::Responder, known), Err(NoiseError::KeyUnexpected));
    }
    assert_eq!(new(Pattern::Xx, Role::Initiator, known), Err(NoiseError::KeyUnexpected));
    assert_eq!(new(Pattern::Xx, Role::Responder, known), Err(NoiseError::KeyUnexpected));
}

#[test]
fn prologues_must_match_however_they_are_cut() {
    let (ours, theirs) = (pair(1), pair(2));
    let parts: [&[&[u8]]; 3] = [&[b"ab", b"c"], &[b"abc"], &[b"abd"]];
    let outcomes = parts.map(|prologue| {
        let known = Some(*theirs.public());
        let role = Role::Initiator;
        let mut first =
            Handshake::new(Pattern::Ik, role, &[b"abc"], &ours, [3; 32], known).unwrap();
        let role = Role::Responder;
        let mut second =
            Handshake::new(Pattern::Ik, role, prologue, &theirs, [4; 32], None).unwrap();
        read(&mut second, &write(&mut first, b"").unwrap()).map(|_| ())
    });
    assert_eq!(outcomes, [Ok(()), Ok(()), Err(NoiseError::Open)]);
}
