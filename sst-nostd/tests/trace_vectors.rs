//! Exchanges of packets that docs/examples/vectors.py computes in Python without this crate: a
//! loss, key updates that cross, negotiations that come to nothing.

mod values;

use std::collections::BTreeSet;

use serde_json::Value;
use sst_nostd::crypto::{Aead, KeyPair, kdf};
use sst_nostd::noise::{Handshake, Pattern, Role};
use sst_nostd::wire::negotiation::{Finish, Init, Reply};
use sst_nostd::wire::parameters::{Carrier, Parameters};
use sst_nostd::wire::{Frame, Frames, SealedHeader};
use sst_nostd::{CloseCause, Crypto, RustCrypto, Suite, TransportCode};
use values::{NoRandomness, hex, json, key, list};

const TRACES: &str = include_str!("vectors/protocol/section_06_traces.json");
const ENDS: &str = include_str!("vectors/protocol/section_05_ends.json");

/// Opens a packet with the keys of its direction and epoch; its number, and its frames.
fn open(split: &[u8; 32], epoch: u64, highest: u64, packet: &[u8]) -> (u64, Vec<u8>) {
    let mut secret = kdf::expand_label(split, b"sst secret", &[1]);
    for _ in 0..epoch {
        secret = kdf::expand_label(&secret, b"sst next", b"");
    }
    let key = kdf::expand_label(&secret, b"sst key", b"");
    let iv = kdf::expand_label(&secret, b"sst iv", b"");
    let header = SealedHeader::parse(packet).unwrap();
    assert_eq!(header.key_phase, epoch % 2 == 1);
    let number = header.widen(highest);
    let mut nonce: [u8; 12] = iv[..12].try_into().unwrap();
    for (byte, part) in nonce[4..].iter_mut().zip(number.to_be_bytes()) {
        *byte ^= part;
    }
    let (head, sealed) = packet.split_at(header.encoded_len());
    let (body, tag) = sealed.split_last_chunk().unwrap();
    let mut body = body.to_vec();
    let aead = RustCrypto::new(NoRandomness).aead(Suite::ChaCha20Poly1305, &key).unwrap();
    aead.open(&nonce, head, &mut body, tag).unwrap();
    (number, body)
}

/// What one host has heard of the other.
#[derive(Default)]
struct Heard {
    numbers: Vec<u64>,
    epoch: u64,
    text: Vec<(u64, u8)>,
}

/// Plays a trace: every packet opens, and every ACK tells what did arrive.
fn play(file: &Value, name: &str) -> [Heard; 2] {
    let mut heard = [Heard::default(), Heard::default()];
    for entry in list(file, name) {
        let to = usize::from(entry["from"] == "initiator");
        let direction =
            ["key_responder_to_initiator", "key_initiator_to_responder"].map(|name| &file[name]);
        let highest = heard[to].numbers.iter().copied().max().unwrap_or(0);
        let epoch = entry["epoch"].as_u64().unwrap();
        let (number, frames) = open(&key(direction[to]), epoch, highest, &hex(&entry["packet"]));
        assert_eq!(
            (number, &frames),
            (entry["packet_number"].as_u64().unwrap(), &hex(&entry["frames"]))
        );
        let from = &heard[1 - to];
        for frame in Frames::new(&frames) {
            if let Frame::Ack(ack) = frame.unwrap() {
                let told: BTreeSet<u64> = ack.ranges().flatten().collect();
                assert_eq!(told, from.numbers.iter().copied().collect(), "{number}");
            }
        }
        if entry["is_lost"] == true {
            continue;
        }
        heard[to].numbers.push(number);
        heard[to].epoch = epoch;
        for frame in Frames::new(&frames).flatten() {
            if let Frame::Stream(stream) = frame {
                heard[to].text.extend((stream.offset..).zip(stream.data.iter().copied()));
            }
        }
    }
    heard
}

// Spec: R-4.3-5, R-6.5-8, R-6.6-4.
#[test]
fn a_loss_is_told_by_gaps_and_mended_in_a_new_packet() {
    let file = json(TRACES);
    let [initiator, responder] = play(&file, "loss");
    let mut text = initiator.text;
    text.sort_unstable();
    let text: Vec<u8> = text.into_iter().map(|(_, byte)| byte).collect();
    assert_eq!(text, file["text"].as_str().unwrap().as_bytes());
    assert_eq!((initiator.numbers, responder.numbers.len()), (vec![1, 3, 4, 6, 7], 4));
}

// Spec: R-6.8-4, R-13.13-1.
#[test]
fn updates_that_cross_move_both_directions_by_one() {
    let file = json(TRACES);
    let heard = play(&file, "crossing_updates");
    assert_eq!(heard.map(|heard| heard.epoch), [1, 1]);
}

// Spec: R-5.7-12, R-5.9-2, R-5.9-4, R-5.9-5.
#[test]
fn negotiations_end_by_refusal_and_by_close_in_finish() {
    let file = json(ENDS);
    let crypto = RustCrypto::new(NoRandomness);
    for entry in list(&file, "vectors") {
        let keys = |name: &str| KeyPair::from_secret(&crypto, &key(&entry[name]));
        let (ours, theirs) = (keys("initiator_static_secret"), keys("responder_static_secret"));
        let packet = hex(&entry["init"]);
        let init = Init::parse(&packet).unwrap();
        let begin = |role, statics, secret: &str, peer| {
            let parts = [b"SST1".as_slice(), &init.prologue()];
            Handshake::new(Pattern::Xk, role, &parts, statics, key(&entry[secret]), peer).unwrap()
        };
        let peer = Some(*theirs.public());
        let mut one = begin(Role::Initiator, &ours, "initiator_ephemeral_secret", peer);
        let mut two = begin(Role::Responder, &theirs, "responder_ephemeral_secret", None);
        let (mut out, mut back) = ([0; 600], [0; 600]);
        let len = one.write_message(&crypto, b"", &mut out).unwrap();
        assert_eq!(&out[..len], init.noise);
        two.read_message(&crypto, init.noise, &mut back).unwrap();
        let list = hex(&entry["parameters_2"]);
        let len = two.write_message(&crypto, &list, &mut out).unwrap();
        let reply = hex(&entry["reply"]);
        assert_eq!(out[..len], *Reply::parse(&reply).unwrap().noise);
        one.read_message(&crypto, &out[..len], &mut back).unwrap();
        let parsed = Parameters::parse(&list, Carrier::Reply);
        if entry["finish"].is_null() {
            let refusal = parsed.unwrap().refusal.unwrap();
            assert_eq!((refusal.code, refusal.reason), (TransportCode::SUITE, "no common suite"));
            continue;
        }
        let frames = hex(&entry["frames_0"]);
        let Some(Ok(Frame::Close(close))) = Frames::new(&frames).next() else { panic!("{entry}") };
        assert_eq!(close.cause, CloseCause::Transport(parsed.unwrap_err().code()));
        let len = one.write_message(&crypto, &frames, &mut out).unwrap();
        assert_eq!(&out[..len], Finish::parse(&hex(&entry["finish"])).unwrap().noise);
    }
}
