//! What parses can be encoded, and then parses as the same.

use core::fmt::Debug;

use sst_nostd::bytes::{Full, Reader};
use sst_nostd::wire::negotiation::{Cookie, Finish, Init, InitOutline, Lost, Reply, Version};
use sst_nostd::wire::parameters::{Carrier, channel_in};
use sst_nostd::wire::{Frame, Parameters, SealedHeader};
use sst_nostd::{HostId, ServiceRequest, Writer};

/// The most bytes looked at: more than any packet of the protocol has.
const MAX_BYTES: usize = 2000;
/// Room for whatever was parsed: an encoding may spell out a length that was left out.
const ROOM: usize = MAX_BYTES + 64;

/// Parses `data` but for its first byte, which says as what.
pub fn run(data: &[u8]) {
    let Some((kind, data)) = data.split_first() else { return };
    let data = &data[..data.len().min(MAX_BYTES)];
    match kind % 12 {
        0 => frames(data),
        1 => parameters(data),
        2 => init(data),
        3 => message(data, Reply::parse, Reply::encode),
        4 => message(data, Finish::parse, Finish::encode),
        5 => message(data, Cookie::parse, Cookie::encode),
        6 => message(data, Version::parse, Version::encode),
        7 => message(data, Lost::parse, Lost::encode),
        8 => {
            if let Ok(header) = SealedHeader::parse(data) {
                let encoded = encode(|writer| header.encode(writer)).expect("fits");
                assert_eq!(encoded, data[..header.encoded_len()]);
            }
        }
        9 => host_id(data),
        10 => service(data),
        _ => varints(data),
    }
}

fn encode(put: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Result<Vec<u8>, Full> {
    let mut room = [0; ROOM];
    let mut writer = Writer::new(&mut room);
    put(&mut writer)?;
    Ok(writer.written().to_vec())
}

/// For packets that have one encoding only.
fn message<'a, T: Debug + PartialEq, E>(
    data: &'a [u8],
    parse: impl Fn(&'a [u8]) -> Result<T, E>,
    put: impl Fn(&T, &mut Writer<'_>) -> Result<(), Full>,
) {
    if let Ok(message) = parse(data) {
        let encoded = encode(|writer| put(&message, writer)).expect("what was parsed fits");
        assert_eq!(encoded, data, "{message:?}");
    }
}

fn init(data: &[u8]) {
    let outline = InitOutline::parse(data);
    if let Ok(init) = Init::parse(data) {
        assert!(outline.is_ok());
        let encoded = encode(|writer| init.encode(data.len(), writer)).expect("fits");
        assert_eq!(encoded, data);
        let _ = channel_in(init.noise);
    }
}

fn frames(data: &[u8]) {
    let mut reader = Reader::new(data);
    while let Ok(frame) = Frame::parse(&mut reader) {
        let encoded = encode(|writer| frame.encode(writer)).expect("what was parsed fits");
        let mut again = Reader::new(&encoded);
        assert_eq!(Frame::parse(&mut again).as_ref(), Ok(&frame));
        assert!(again.is_empty(), "{frame:?} is followed by something");
    }
}

fn parameters(data: &[u8]) {
    let Some((carrier, list)) = data.split_first() else { return };
    let carrier = if carrier & 1 == 0 { Carrier::Init } else { Carrier::Reply };
    let Ok(parsed) = Parameters::parse(list, carrier) else { return };
    if let Some(refusal) = parsed.refusal {
        let encoded = encode(|writer| refusal.encode(writer)).expect("fits");
        let again = Parameters::parse(&encoded, carrier).expect("parses");
        assert_eq!(again.refusal, Some(refusal));
        return;
    }
    let encoded = encode(|writer| parsed.parameters.encode(writer)).expect("fits");
    let again = Parameters::parse(&encoded, carrier).expect("parses");
    assert_eq!(again.parameters, parsed.parameters);
}

fn host_id(data: &[u8]) {
    if let Some(key) = data.first_chunk() {
        let id = HostId::new(*key);
        let text = id.to_text();
        assert_eq!(core::str::from_utf8(&text).map(HostId::parse), Ok(Ok(id)));
    }
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(id) = HostId::parse(text)
    {
        let canonical = id.to_text();
        assert_eq!(core::str::from_utf8(&canonical).map(HostId::parse), Ok(Ok(id)));
    }
}

fn service(data: &[u8]) {
    if let Ok(request) = ServiceRequest::parse(data) {
        let encoded = encode(|writer| request.encode(writer)).expect("fits");
        assert_eq!(ServiceRequest::parse(&encoded), Ok(request));
    }
}

fn varints(data: &[u8]) {
    let mut reader = Reader::new(data);
    loop {
        let start = reader.position();
        let Ok(number) = reader.varint() else { return };
        let encoded = encode(|writer| writer.put_varint(number)).expect("fits");
        assert_eq!(encoded, data[start..reader.position()]);
    }
}
