//! The worked negotiations of docs/PROTOCOL.md, computed in Python, answered by our responder.

mod values;

use sst_nostd::crypto::KeyPair;
use sst_nostd::negotiation::Responder;
use sst_nostd::noise::{Handshake, Pattern, Role};
use sst_nostd::wire::negotiation::{Init, PatternNumber};
use sst_nostd::wire::{Parameters, SealedHeader};
use sst_nostd::{
    ChannelId, HostId, Instant, NegotiationDropped as Dropped, NoiseError, RustCrypto,
};
use values::{NoRandomness, hex, json, key, list};

const HANDSHAKE: &str = include_str!("vectors/protocol/section_05_handshake.json");

fn pattern(number: PatternNumber) -> Pattern {
    match number {
        PatternNumber::Ik => Pattern::Ik,
        PatternNumber::Xk => Pattern::Xk,
        PatternNumber::Xx => Pattern::Xx,
    }
}

/// Plays the example's initiator with bare Noise messages against our responder.
// Spec: R-5.2-1, R-5.2-2, R-5.6-2, R-5.7-1, R-5.7-9, R-5.7-11, R-13.1-1.
#[test]
fn our_responder_answers_the_worked_inits() {
    let crypto = RustCrypto::new(NoRandomness);
    let file = json(HANDSHAKE);
    let vectors = list(&file, "vectors");
    assert_eq!(vectors.len(), 3);
    for entry in vectors {
        let packet = hex(&entry["init"]);
        let init = Init::parse(&packet).unwrap();
        let responder_keys = KeyPair::from_secret(&crypto, &key(&entry["responder_static_secret"]));
        let initiator_keys = KeyPair::from_secret(&crypto, &key(&entry["initiator_static_secret"]));
        let channel = ChannelId::new(0xa1b2_c3d4).unwrap();
        let ephemeral = key(&entry["responder_ephemeral_secret"]);
        let mut responder =
            Responder::new(&crypto, Instant::ZERO, &responder_keys, &init, channel, ephemeral)
                .unwrap();
        let offer = responder.offer().unwrap();
        let initiator_id = HostId::new(*initiator_keys.public());
        let is_ik = init.pattern == PatternNumber::Ik;
        assert_eq!(offer.peer, is_ik.then_some(initiator_id));
        assert_eq!(offer.parameters.suites.as_slice(), [1]);

        let prologue = hex(&entry["prologue"]);
        assert_eq!(prologue[4..], init.prologue());
        let secret = key(&entry["initiator_ephemeral_secret"]);
        let pattern = pattern(init.pattern);
        let peer = pattern.knows_responder().then_some(*responder_keys.public());
        let (role, keys) = (Role::Initiator, &initiator_keys);
        let mut initiator =
            Handshake::new(pattern, role, &[&prologue], keys, secret, peer).unwrap();
        let mut message = [0; 1200];
        let list = hex(&entry["parameters_1"]);
        let len = initiator.write_message(&crypto, &list, &mut message).unwrap();
        assert_eq!(message[..len], hex(&entry["noise_1"]));

        let reply = responder.accept(&crypto, Instant::ZERO, &Parameters::default()).unwrap();
        assert_eq!(reply[5..37], hex(&entry["responder_ephemeral_public"]));
        let noise = &reply[5..reply.len() - 16];
        initiator.read_message(&crypto, noise, &mut [0; 500]).unwrap();
        let ready = if is_ik {
            responder.take_unconfirmed().unwrap()
        } else {
            let mut finish = [0xc3; 200];
            finish[1..5].copy_from_slice(&channel.to_bytes());
            let len = initiator.write_message(&crypto, b"frames", &mut finish[5..]).unwrap() + 5;
            let finish = &finish[..len];
            let mut frames = [0; 200];
            let finished = responder.handle_finish(&crypto, Instant::ZERO, finish, &mut frames);
            let (ready, len) = finished.unwrap();
            assert_eq!(frames[..len], *b"frames");
            ready
        };
        let split = initiator.split().unwrap();
        assert_eq!(ready.hash, Some(initiator.hash()));
        assert_eq!(ready.split.initiator_to_responder, split.initiator_to_responder);
        assert_eq!((ready.peer, ready.peer_channel), (initiator_id, init.channel));
    }
}

// Spec: R-4.1-2, R-5.4-6.
#[test]
fn another_host_does_not_answer_them() {
    let crypto = RustCrypto::new(NoRandomness);
    let file = json(HANDSHAKE);
    for entry in list(&file, "vectors") {
        let packet = hex(&entry["init"]);
        assert!(SealedHeader::parse(&packet).is_err());
        let init = Init::parse(&packet).unwrap();
        let keys = KeyPair::from_secret(&crypto, &[9; 32]);
        let channel = ChannelId::new(1).unwrap();
        let answer = Responder::new(&crypto, Instant::ZERO, &keys, &init, channel, [8; 32]);
        let is_to_anyone = init.pattern == PatternNumber::Xx;
        match answer {
            Ok(_) => assert!(is_to_anyone),
            Err(error) => assert_eq!(error, Dropped::Noise(NoiseError::Open)),
        }
    }
}
