//! What a thief of static secrets cannot do.

use super::pair::{Pair, TO, at, parameters};
use super::*;
use crate::crypto::KeyPair;
use crate::noise::Handshake;
use crate::wire::negotiation::{Finish, Init, Reply, init_prologue};

// Spec: R-13.2-2.
#[test]
fn who_has_a_host_s_secret_cannot_pose_as_others_to_it() {
    for pattern in [Pattern::Xk, Pattern::Xx] {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let stolen = KeyPair::from_secret(&pair.crypto, pair.initiator_keys.secret());
        let thief = KeyPair::from_secret(&pair.crypto, &[0x66; 32]);
        for keys in [&stolen, &thief] {
            let init = Init::parse(&init).unwrap();
            let channel = ChannelId::new(9).unwrap();
            let answer = Responder::new(&pair.crypto, at(0), keys, &init, channel, [0x67; 32]);
            let Ok(mut responder) = answer else {
                assert_eq!(pattern, Pattern::Xk, "who is called is known, and only it can read");
                continue;
            };
            let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap();
            // XX learns who answered: never the one whose secret the thief does not have.
            match pair.initiator.handle_reply(&pair.crypto, at(0), TO, reply) {
                Ok(answer) => assert_eq!(answer.peer.as_bytes(), keys.public()),
                Err(error) => assert_eq!(error, ReplyError::OwnIdentity),
            }
            pair.initiator = Initiator::new(&pair.crypto, at(0), &pair.call(pattern)).unwrap();
            pair.write_init();
        }
    }
}

// Spec: R-13.3-1.
#[test]
fn a_recording_and_both_static_secrets_open_nothing_but_the_first_message() {
    for pattern in [Pattern::Xk, Pattern::Xx, Pattern::Ik] {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let init = pair.pass_front(&init);
        let mut responder = pair.respond(&init).unwrap();
        let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
        pair.initiator.handle_reply(&pair.crypto, at(0), TO, &reply).unwrap();
        let mut finish = [0; 1200];
        let payload: &[u8] = if pattern == Pattern::Ik { b"" } else { b"frames" };
        let (_, len) = pair.initiator.agree_and_seal(&pair.crypto, payload, &mut finish).unwrap();

        // As the responder: message 1 opens, and the keys of message 3 need an ephemeral secret.
        let parsed = Init::parse(&init).unwrap();
        let parts: [&[u8]; 2] = [b"SST1", &parsed.prologue()];
        let (role, keys) = (Role::Responder, &pair.responder_keys);
        let mut thief = Handshake::new(pattern, role, &parts, keys, [0x68; 32], None).unwrap();
        let mut out = [0; 1300];
        thief.read_message(&pair.crypto, parsed.noise, &mut out).unwrap();
        thief.write_message(&pair.crypto, b"", &mut out).unwrap();
        if let Ok(finish) = Finish::parse(&finish[..len]) {
            assert!(thief.read_message(&pair.crypto, finish.noise, &mut out).is_err());
        }

        // As the initiator, with another ephemeral than the one that is gone: message 2.
        let prologue = init_prologue(number(pattern), parsed.channel, parsed.noise.len());
        let parts: [&[u8]; 2] = [b"SST1", &prologue];
        let peer = pattern.knows_responder().then(|| *pair.responder_keys.public());
        let (role, keys) = (Role::Initiator, &pair.initiator_keys);
        let mut thief = Handshake::new(pattern, role, &parts, keys, [0x69; 32], peer).unwrap();
        thief.write_message(&pair.crypto, b"", &mut out).unwrap();
        let reply = Reply::parse(&reply).unwrap();
        assert!(thief.read_message(&pair.crypto, reply.noise, &mut out).is_err());
    }
}

// Spec: R-5.5-7, R-13.18-2.
#[test]
fn secrets_are_compared_by_the_one_function_that_takes_constant_time() {
    let sources = [
        ("check", include_str!("../check.rs")),
        ("cookie", include_str!("../cookie.rs")),
        ("token", include_str!("../token.rs")),
        ("mod", include_str!("../mod.rs")),
    ];
    for (name, source) in sources {
        let source = source.split("#[cfg(all(test").next().unwrap();
        assert!(source.contains("kdf::equal("), "{name}");
        let compares = |line: &&str| line.contains("==") || line.contains("!=");
        for line in source.lines().filter(compares).filter(|line| !line.contains("kdf::equal(")) {
            for secret in ["check", "cookie.", ".token", "as_bytes", ".tag"] {
                assert!(!line.contains(secret), "{name}: {line}");
            }
        }
    }
}
