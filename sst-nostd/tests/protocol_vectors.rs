//! The worked examples of docs/PROTOCOL.md, which docs/examples/vectors.py computes in Python
//! without this crate: what both compute must agree.

mod values;

use serde_json::Value;
use sst_nostd::bytes::Reader;
use sst_nostd::crypto::kdf::{hash, mac16};
use sst_nostd::wire::negotiation::Init;
use sst_nostd::wire::packet::widen;
use sst_nostd::wire::parameters::{Carrier, Parameters};
use sst_nostd::wire::{Frame, Frames, SealedHeader};
use sst_nostd::{ChannelId, HostId, Writer};
use values::{hex, json, key, list};

const VARINT: &str = include_str!("vectors/protocol/section_02_varint.json");
const IDENTITY: &str = include_str!("vectors/protocol/section_03_identity.json");
const HEADER: &str = include_str!("vectors/protocol/section_04_header.json");
const COOKIE: &str = include_str!("vectors/protocol/section_05_cookie.json");
const HANDSHAKE: &str = include_str!("vectors/protocol/section_05_handshake.json");
const FRAMES: &str = include_str!("vectors/protocol/section_10_frames.json");

// Spec: R-2.2-1, R-2.3-1, R-2.3-2, R-2.3-3.
#[test]
fn varints() {
    let file = json(VARINT);
    for entry in list(&file, "valid") {
        let (bytes, value) = (hex(&entry["bytes"]), entry["value"].as_u64().unwrap());
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.varint(), Ok(value));
        assert!(reader.is_empty());
        let mut space = [0; 9];
        let mut writer = Writer::new(&mut space);
        writer.put_varint(value).unwrap();
        assert_eq!(writer.written(), bytes);
    }
    for entry in list(&file, "invalid") {
        assert!(Reader::new(&hex(&entry["bytes"])).varint().is_err(), "{entry}");
    }
}

// Spec: R-3.2-1.
#[test]
fn identities() {
    for entry in list(&json(IDENTITY), "vectors") {
        let id = HostId::new(key(&entry["public"]));
        let text = entry["text"].as_str().unwrap();
        assert_eq!(id.to_string(), text);
        assert_eq!(text.parse(), Ok(id));
    }
}

// Spec: R-2.2-1, R-4.3-1, R-4.3-3, R-4.3-4, R-4.3-5.
#[test]
fn headers_and_packet_numbers() {
    let file = json(HEADER);
    for entry in list(&file, "vectors") {
        let channel = u32::from_be_bytes(hex(&entry["channel"]).try_into().unwrap());
        let number = entry["packet_number"].as_u64().unwrap();
        let header = SealedHeader::new(
            entry["key_phase"] == 1,
            ChannelId::new(channel).unwrap(),
            number,
            entry["largest_acked"].as_u64().unwrap(),
        );
        let mut space = [0; SealedHeader::MAX_LEN];
        let mut writer = Writer::new(&mut space);
        header.encode(&mut writer).unwrap();
        assert_eq!(writer.written(), hex(&entry["header"]), "{entry}");
        assert_eq!(header.widen(number - 1), number);
    }
    for entry in list(&file, "widening") {
        let field = |name: &str| entry[name].as_u64().unwrap();
        let (low, len) = (field("truncated") as u32, field("length") as usize);
        assert_eq!(widen(low, len, field("largest_opened")), field("packet_number"), "{entry}");
    }
}

// Spec: R-5.5-4.
#[test]
fn checks() {
    let file = json(COOKIE);
    let check_key = hash(&[b"SST1 check", &hex(&file["check"]["responder_public"])]);
    assert_eq!(check_key, key(&file["check"]["check_key"]));
    let cookie = hex(&file["cookie"]["packet"]);
    let (covered, check) = cookie.split_at(21);
    let init_check = hex(&file["cookie"]["init_check"]);
    assert_eq!(mac16(&check_key, &[b"cookie", covered, &init_check]), check);
}

// Spec: R-5.6-2.
#[test]
fn negotiation_packets_and_parameters() {
    for entry in list(&json(HANDSHAKE), "vectors") {
        let packet = hex(&entry["init_with_cookie"]);
        let init = Init::parse(&packet).unwrap();
        assert_eq!(init.noise, hex(&entry["noise_1"]));
        assert_eq!(init.cookie.to_vec(), hex(&entry["cookie"]));
        let offer = hex(&entry["parameters_1"]);
        let offer = Parameters::parse(&offer, Carrier::Init).unwrap().parameters;
        assert_eq!(offer.session_window_bytes, 65_536);
        let answer = hex(&entry["parameters_2"]);
        let answer = Parameters::parse(&answer, Carrier::Reply).unwrap().parameters;
        assert_eq!(answer.channel, ChannelId::new(0xa1b2_c3d4));
        assert_eq!(answer.suite, Some(1));
    }
}

#[test]
fn frames() {
    let file = json(FRAMES);
    for entry in list(&file, "valid") {
        let bytes = hex(&entry["bytes"]);
        let all: Vec<_> = Frames::new(&bytes).collect();
        let [Ok(frame)] = all[..] else { panic!("{entry}: {all:?}") };
        if entry["fields"].get("to_end").is_some() {
            continue; // The encoder writes these with a length.
        }
        let mut space = [0; 256];
        let mut writer = Writer::new(&mut space);
        frame.encode(&mut writer).unwrap();
        assert_eq!(writer.written(), bytes, "{entry}");
        assert_fields(&frame, &entry["fields"]);
    }
    for entry in list(&file, "invalid") {
        assert!(Frames::new(&hex(&entry["bytes"])).any(|frame| frame.is_err()), "{entry}");
    }
    for entry in list(&file, "counted") {
        let bytes = hex(&entry["bytes"]);
        let all: Vec<_> = Frames::new(&bytes).collect();
        assert!(all.iter().all(Result::is_ok) && all.len() as u64 == entry["frames"], "{entry}");
    }
}

/// What the encoder could get wrong twice: the meaning of the fields.
fn assert_fields(frame: &Frame<'_>, fields: &Value) {
    match frame {
        Frame::Stream(stream) => {
            assert_eq!(stream.id.as_u64(), fields["stream"]);
            assert_eq!(stream.offset, fields["offset"]);
            assert_eq!((stream.mark, stream.fin), (fields["mark"] == true, fields["fin"] == true));
            assert_eq!(stream.data, hex(&fields["data"]));
            let parent = stream.open.map(|open| open.parent.as_u64());
            assert_eq!(parent, fields.get("parent").and_then(Value::as_u64));
        }
        Frame::Ack(ack) => {
            let wanted = list(fields, "acknowledged").iter();
            let wanted: Vec<_> =
                wanted.map(|pair| pair[1].as_u64().unwrap()..=pair[0].as_u64().unwrap()).collect();
            assert_eq!(ack.ranges().collect::<Vec<_>>(), wanted);
            assert_eq!(ack.delay_micros, fields["delay_micros"]);
        }
        Frame::Priority { id, priority } => {
            assert_eq!(id.as_u64(), fields["stream"]);
            assert_eq!(*priority, fields["priority"]);
        }
        _ => {}
    }
}
