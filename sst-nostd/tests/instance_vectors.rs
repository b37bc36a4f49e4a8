//! Negotiations in an instance, which docs/examples/vectors.py computes in Python without this
//! crate: what both compute must agree.

mod values;

use serde_json::Value;
use sst_nostd::crypto::KeyPair;
use sst_nostd::noise::{Handshake, Pattern, Role};
use sst_nostd::wire::parameters::{Carrier, Parameters};
use sst_nostd::wire::{Frame, Frames};
use sst_nostd::{HostId, Instance, RustCrypto, Side};
use values::{NoRandomness, hex, json, key, list};

const INSTANCE: &str = include_str!("vectors/protocol/section_05_instance.json");

/// The whole negotiation again, by this crate's handshake.
fn assert_negotiation(entry: &Value) {
    let crypto = RustCrypto::new(NoRandomness);
    let keys = |name: &str| KeyPair::from_secret(&crypto, &key(&entry[name]));
    let ours = keys("initiator_static_secret");
    let theirs = keys("responder_static_secret");
    let (_, pattern) = [("_XK_", Pattern::Xk), ("_XX_", Pattern::Xx), ("_IK_", Pattern::Ik)]
        .into_iter()
        .find(|(name, _)| entry["protocol"].as_str().unwrap().contains(name))
        .unwrap();
    let prologue = hex(&entry["prologue"]);
    let begin = |role, statics, secret: &str, peer| {
        let ephemeral = key(&entry[secret]);
        Handshake::new(pattern, role, &[&prologue], statics, ephemeral, peer).unwrap()
    };
    let known = pattern.knows_responder().then_some(*theirs.public());
    let mut one = begin(Role::Initiator, &ours, "initiator_ephemeral_secret", known);
    let mut two = begin(Role::Responder, &theirs, "responder_ephemeral_secret", None);
    let messages =
        [("parameters_1", "noise_1"), ("parameters_2", "noise_2"), ("frames_0", "noise_3")];
    for (payload, noise) in messages.into_iter().filter(|(_, noise)| entry[*noise].is_string()) {
        let (mut out, mut back) = ([0; 600], [0; 600]);
        let len = one.write_message(&crypto, &hex(&entry[payload]), &mut out).unwrap();
        assert_eq!(out[..len], hex(&entry[noise]));
        let len = two.read_message(&crypto, &out[..len], &mut back).unwrap();
        assert_eq!(back[..len], hex(&entry[payload]));
        std::mem::swap(&mut one, &mut two);
    }
    for end in [one, two] {
        let split = end.split().unwrap();
        assert_eq!(end.hash(), key(&entry["handshake_hash"]));
        assert_eq!(split.initiator_to_responder, key(&entry["key_initiator_to_responder"]));
    }
}

// Spec: R-5.9-11, R-5.9-12, R-5.11-2, R-7.2-7.
#[test]
fn instances() {
    let file = json(INSTANCE);
    let instance = Instance::new(hex(&file["instance"]).try_into().unwrap());
    let crossing = &file["crossing"];
    let of_crossing = list(crossing, "negotiations");
    for entry in list(&file, "vectors").iter().chain(of_crossing) {
        assert_negotiation(entry);
        let (offer, answer) = (hex(&entry["parameters_1"]), hex(&entry["parameters_2"]));
        let offer = Parameters::parse(&offer, Carrier::Init).unwrap().parameters;
        let answer = Parameters::parse(&answer, Carrier::Reply).unwrap().parameters;
        assert_eq!((offer.instance, answer.instance), (instance, instance));
        let public = |name: &str| HostId::new(key(&entry[name]));
        let (ours, theirs) = (public("initiator_static_public"), public("responder_static_public"));
        let frames = entry.get("frames_0").or(entry.get("initiator_frames_1")).unwrap();
        let frames = hex(frames);
        let Some(Ok(Frame::Stream(first))) = Frames::new(&frames).next() else { panic!("{entry}") };
        assert_eq!(first.id.side(), Side::of(&ours, &theirs, true));
        assert_eq!(first.id.side(), Side::of(&theirs, &ours, false).peer());
    }
    let dialler = |entry: &Value| key(&entry["initiator_static_public"]);
    let stays = &of_crossing[crossing["stays"].as_u64().unwrap() as usize];
    assert!(of_crossing.iter().all(|entry| dialler(stays) <= dialler(entry)));
}
