//! The vectors of the wire format, parsed and encoded again.

use serde_json::Value;
use sst_nostd::bytes::Reader;
use sst_nostd::crypto::kdf;
use sst_nostd::wire::negotiation::{Cookie, Finish, Init, Lost, Reply, Version, split_check};
use sst_nostd::wire::packet::{PacketError, widen};
use sst_nostd::wire::parameters::{Carrier, Parsed};
use sst_nostd::wire::{
    Attributes, CloseFrame, DatagramFrame, EcnCounts, Frame, Open, Parameters, Refusal, ResetFrame,
    SealedHeader, StreamFrame, Suites,
};
use sst_nostd::{
    ChannelId, CloseCause, Duration, HostId, Instance, StreamCode, StreamId, TransportCode, Writer,
    micros,
};

/// The cases of a file, one after the other, each with what it is called.
fn cases(text: &str) -> Vec<(String, Value)> {
    let cases: Vec<Value> = serde_json::from_str(text).unwrap();
    assert!(cases.len() > 5);
    let name = |case: &Value| format!("{} / {}", text_of(case, "section"), text_of(case, "name"));
    cases.into_iter().map(|case| (name(&case), case)).collect()
}

fn text_of<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn bytes_of(value: &Value, key: &str) -> Vec<u8> {
    let digits = text_of(value, key).as_bytes();
    let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

fn array_of<const N: usize>(value: &Value, key: &str) -> [u8; N] {
    bytes_of(value, key).try_into().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

fn number_of(value: &Value, key: &str) -> u64 {
    number(&value[key])
}

fn flag_of(value: &Value, key: &str) -> bool {
    value[key].as_bool().unwrap()
}

fn stream_of(value: &Value, key: &str) -> StreamId {
    StreamId::from_u64(number_of(value, key)).unwrap()
}

fn channel_of(value: &Value) -> ChannelId {
    ChannelId::new(number_of(value, "channel") as u32).unwrap()
}

/// True if `error`, printed, is the variant of that name.
fn is_named(error: impl std::fmt::Debug, case: &Value) -> bool {
    let printed = format!("{error:?}");
    printed.split(['(', ' ']).next() == Some(text_of(case, "error"))
}

fn encoded<E: std::fmt::Debug>(encode: impl Fn(&mut Writer<'_>) -> Result<(), E>) -> Vec<u8> {
    let mut space = [0; 2000];
    let mut writer = Writer::new(&mut space);
    encode(&mut writer).unwrap();
    writer.written().to_vec()
}

#[test]
fn varints() {
    for (name, case) in cases(include_str!("vectors/wire/varints.json")) {
        let bytes = bytes_of(&case, "hex");
        match Reader::new(&bytes).varint() {
            Ok(value) => {
                assert_eq!(value, number_of(&case["fields"], "value"), "{name}");
                assert_eq!(encoded(|writer| writer.put_varint(value)), bytes, "{name}");
            }
            Err(error) => assert!(is_named(error, &case), "{name}: {error:?}"),
        }
    }
}

#[test]
fn frames() {
    for (name, case) in cases(include_str!("vectors/wire/frames.json")) {
        let bytes = bytes_of(&case, "hex");
        let mut reader = Reader::new(&bytes);
        match Frame::parse(&mut reader) {
            Ok(frame) => {
                assert!(reader.is_empty(), "{name}");
                assert!(case["error"].is_null(), "{name}: {frame:?}");
                check_frame(&frame, &case["fields"], &name);
                let again = encoded(|writer| frame.encode(writer));
                assert_eq!(again == bytes, case["canonical"].is_null(), "{name}");
            }
            Err(error) => assert!(is_named(error, &case), "{name}: {error:?}"),
        }
    }
}

fn check_frame(frame: &Frame<'_>, fields: &Value, name: &str) {
    if let Frame::Ack(ack) = frame {
        let range = |pair: &Value| number(&pair[0])..=number(&pair[1]);
        let ranges: Vec<_> = fields["ranges"].as_array().unwrap().iter().map(range).collect();
        assert!(ack.ranges().eq(ranges), "{name}");
        assert_eq!(ack.delay_micros, number_of(fields, "delay_micros"), "{name}");
        let counts = fields["ecn"].as_array().map(|counts| EcnCounts {
            ect0: number(&counts[0]),
            ect1: number(&counts[1]),
            ce: number(&counts[2]),
        });
        assert_eq!(ack.ecn, counts, "{name}");
        return;
    }
    let data = if fields["data"].is_null() { Vec::new() } else { bytes_of(fields, "data") };
    assert_eq!(*frame, frame_of(fields, &data), "{name}");
}

fn frame_of<'a>(fields: &'a Value, data: &'a [u8]) -> Frame<'a> {
    let id = || stream_of(fields, "id");
    let value = || number_of(fields, "value");
    match text_of(fields, "frame") {
        "PADDING" => Frame::Padding,
        "PING" => Frame::Ping,
        "CLOSE" => {
            let code = number_of(fields, "code");
            let cause = match text_of(fields, "by") {
                "transport" => CloseCause::Transport(TransportCode::new(code)),
                _ => CloseCause::Application(code),
            };
            Frame::Close(CloseFrame { cause, reason: text_of(fields, "reason") })
        }
        "PATH_CHALLENGE" => Frame::PathChallenge(data.try_into().unwrap()),
        "PATH_RESPONSE" => Frame::PathResponse(data.try_into().unwrap()),
        "RESET" => Frame::Reset(ResetFrame {
            id: id(),
            code: StreamCode::new(number_of(fields, "code")),
            final_position: number_of(fields, "final"),
            open: open_of(&fields["open"]),
        }),
        "STOP" => Frame::Stop { id: id(), code: StreamCode::new(value()) },
        "STREAM_LIMIT" => Frame::StreamLimit { id: id(), limit: value() },
        "STREAM_BLOCKED" => Frame::StreamBlocked { id: id(), at: value() },
        "CHILD_LIMIT" => Frame::ChildLimit { id: id(), limit: value() },
        "CHILD_BLOCKED" => Frame::ChildBlocked { id: id(), at: value() },
        "SESSION_LIMIT" => Frame::SessionLimit { limit: value() },
        "SESSION_BLOCKED" => Frame::SessionBlocked { at: value() },
        "PRIORITY" => {
            let priority = fields["priority"].as_i64().unwrap() as i8;
            Frame::Priority { id: id(), priority }
        }
        "DATAGRAM" => Frame::Datagram(DatagramFrame { parent: stream_of(fields, "parent"), data }),
        "STREAM" => Frame::Stream(StreamFrame {
            id: id(),
            offset: number_of(fields, "offset"),
            data,
            mark: flag_of(fields, "mark"),
            fin: flag_of(fields, "fin"),
            open: open_of(&fields["open"]),
        }),
        other => panic!("{other}"),
    }
}

fn open_of(fields: &Value) -> Option<Open> {
    fields.as_object()?;
    let attributes =
        Attributes { datagram: flag_of(fields, "datagram"), service: flag_of(fields, "service") };
    let priority = fields["priority"].as_i64().map(|priority| priority as i8);
    Some(Open { parent: stream_of(fields, "parent"), attributes, priority })
}

#[test]
fn sealed_headers() {
    for (name, case) in cases(include_str!("vectors/wire/sealed.json")) {
        let bytes = bytes_of(&case, "hex");
        match SealedHeader::parse(&bytes) {
            Ok(header) => {
                let fields = &case["fields"];
                let expected = SealedHeader {
                    key_phase: flag_of(fields, "key_phase"),
                    channel: channel_of(fields),
                    number: number_of(fields, "number") as u32,
                    number_len: number_of(fields, "number_len") as usize,
                };
                assert_eq!(header, expected, "{name}");
                let again = encoded(|writer| header.encode(writer));
                assert_eq!(again, bytes[..header.encoded_len()], "{name}");
            }
            Err(error) => assert!(is_named(error, &case), "{name}: {error:?}"),
        }
    }
}

#[test]
fn widening() {
    for (name, case) in cases(include_str!("vectors/wire/widening.json")) {
        let fields = &case["fields"];
        let bytes = bytes_of(&case, "hex");
        let low = bytes.iter().fold(0, |low, byte| low << 8 | u32::from(*byte));
        let wide = widen(low, bytes.len(), number_of(fields, "highest"));
        assert_eq!(wide, number_of(fields, "number"), "{name}");
    }
}

#[test]
fn parameters() {
    for (name, case) in cases(include_str!("vectors/wire/parameters.json")) {
        let bytes = bytes_of(&case, "hex");
        let holder = if case["error"].is_null() { &case["fields"] } else { &case };
        let carrier = match text_of(holder, "carrier") {
            "INIT" => Carrier::Init,
            _ => Carrier::Reply,
        };
        match Parameters::parse(&bytes, carrier) {
            Ok(parsed) => {
                assert!(case["error"].is_null(), "{name}: {parsed:?}");
                assert_eq!(parsed, parameters_of(&case["fields"]), "{name}");
                let again = match parsed.refusal {
                    Some(refusal) => encoded(|writer| refusal.encode(writer)),
                    None => encoded(|writer| parsed.parameters.encode(writer)),
                };
                assert_eq!(again == bytes, case["canonical"].is_null(), "{name}");
            }
            Err(error) => assert!(is_named(error, &case), "{name}: {error:?}"),
        }
    }
}

fn parameters_of(fields: &Value) -> Parsed<'_> {
    let idle_timeout = Duration::from_millis(number_of(fields, "idle_millis"));
    let parameters = Parameters {
        channel: fields["channel"].as_u64().and_then(|number| ChannelId::new(number as u32)),
        idle_timeout: Some(idle_timeout).filter(|timeout| micros(*timeout) > 0),
        max_ack_delay: Duration::from_micros(number_of(fields, "ack_delay_micros")),
        session_window_bytes: number_of(fields, "session_window"),
        stream_window_bytes: number_of(fields, "stream_window"),
        root_child_credit: number_of(fields, "root_child_credit"),
        child_credit: number_of(fields, "child_credit"),
        max_packet_bytes: number_of(fields, "max_packet") as u16,
        max_datagram_bytes: number_of(fields, "max_datagram"),
        suites: Suites::new(&bytes_of(fields, "suites")).unwrap(),
        suite: fields["suite"].as_u64().map(|suite| suite as u8),
        id_window: number_of(fields, "id_window"),
        reset_token: fields["reset_token"].as_str().map(|_| array_of(fields, "reset_token")),
        took_call: fields["took_call"].as_bool().unwrap_or_default(),
        instance: fields["instance"]
            .as_str()
            .and_then(|_| Instance::new(array_of(fields, "instance"))),
    };
    let refusal = &fields["refusal"];
    let refusal = refusal.as_object().map(|_| Refusal {
        code: TransportCode::new(number_of(refusal, "code")),
        reason: text_of(refusal, "reason"),
    });
    Parsed { parameters, refusal }
}

#[test]
fn negotiation_packets() {
    for (name, case) in cases(include_str!("vectors/wire/negotiation.json")) {
        let bytes = bytes_of(&case, "hex");
        let outcome = match bytes[0] {
            0xc1 => check_init(&bytes, &case["fields"]),
            0xc2 => Reply::parse(&bytes).map(|reply| {
                check_message(&case["fields"], reply.channel, reply.noise);
                assert_eq!(reply.check, array_of(&case["fields"], "check"));
                encoded(|writer| reply.encode(writer))
            }),
            0xc3 => Finish::parse(&bytes).map(|finish| {
                check_message(&case["fields"], finish.channel, finish.noise);
                encoded(|writer| finish.encode(writer))
            }),
            0xc4 => check_cookie(&bytes, &case["fields"]),
            0xc5 => check_version(&bytes, &case["fields"]),
            _ => check_lost(&bytes, &case["fields"]),
        };
        match outcome {
            Ok(again) => assert_eq!(again, bytes, "{name}"),
            Err(error) => assert!(is_named(error, &case), "{name}: {error:?}"),
        }
    }
}

fn check_init(bytes: &[u8], fields: &Value) -> Result<Vec<u8>, PacketError> {
    let init = Init::parse(bytes)?;
    assert_eq!(init.pattern as u64, number_of(fields, "pattern"));
    assert_eq!(init.cookie, array_of(fields, "cookie"));
    assert_eq!(init.prologue(), array_of(fields, "prologue"));
    check_message(fields, init.channel, init.noise);
    let (covered, check) = split_check(bytes)?;
    assert_eq!((*check, init.check), (mac(fields, &[covered]), array_of(fields, "check")));
    let packet_bytes = number_of(fields, "packet_bytes") as usize;
    Ok(encoded(|writer| init.encode(packet_bytes, writer)))
}

fn check_message(fields: &Value, channel: ChannelId, noise: &[u8]) {
    assert_eq!(channel, channel_of(fields));
    assert_eq!(noise, bytes_of(fields, "noise"));
}

fn check_cookie(bytes: &[u8], fields: &Value) -> Result<Vec<u8>, PacketError> {
    let cookie = Cookie::parse(bytes)?;
    assert_eq!(cookie.channel, channel_of(fields));
    assert_eq!(cookie.cookie, array_of(fields, "cookie"));
    let (covered, check) = split_check(bytes)?;
    let init_check = bytes_of(fields, "init_check");
    assert_eq!(*check, mac(fields, &[b"cookie", covered, &init_check]));
    Ok(encoded(|writer| cookie.encode(writer)))
}

fn check_version(bytes: &[u8], fields: &Value) -> Result<Vec<u8>, PacketError> {
    let version = Version::parse(bytes)?;
    assert_eq!(version.channel, channel_of(fields));
    assert_eq!(version.versions, bytes_of(fields, "versions"));
    let (covered, check) = split_check(bytes)?;
    let init_check = bytes_of(fields, "init_check");
    assert_eq!(*check, mac(fields, &[b"version", covered, &init_check]));
    Ok(encoded(|writer| version.encode(writer)))
}

fn check_lost(bytes: &[u8], fields: &Value) -> Result<Vec<u8>, PacketError> {
    let lost = Lost::parse(bytes)?;
    let key = kdf::hash(&[b"SST1 reset", &bytes_of(fields, "secret")]);
    assert_eq!(lost.channel, channel_of(fields));
    assert_eq!(lost.token, kdf::mac16(&key, &[&lost.channel.to_bytes()]));
    Ok(encoded(|writer| lost.encode(writer)))
}

fn mac(fields: &Value, parts: &[&[u8]]) -> [u8; 16] {
    let key = kdf::hash(&[b"SST1 check", &bytes_of(fields, "check_for")]);
    kdf::mac16(&key, parts)
}

#[test]
fn host_ids() {
    for (name, case) in cases(include_str!("vectors/wire/host_ids.json")) {
        if case["error"].is_null() {
            let (id, text) = (HostId::new(array_of(&case, "hex")), &case["fields"]);
            assert_eq!(id.to_string(), text_of(text, "text"), "{name}");
            assert_eq!(text_of(text, "text").parse(), Ok(id), "{name}");
        } else {
            let error = HostId::parse(text_of(&case, "text")).unwrap_err();
            assert!(is_named(error, &case), "{name}: {error:?}");
        }
    }
}
