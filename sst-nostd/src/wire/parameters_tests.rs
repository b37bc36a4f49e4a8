//! Lists of parameters: round trips, and every rule broken once.

use std::vec::Vec;

use super::*;
use crate::bytes::MAX_VARINT;
use crate::wire::TransportCode;
use crate::wire::refusal::MAX_REFUSAL_LEN;

fn largest() -> Parameters {
    Parameters {
        channel: ChannelId::new(u32::MAX),
        idle_timeout: None,
        max_ack_delay: MAX_ACK_DELAY,
        session_window_bytes: MAX_VARINT,
        stream_window_bytes: MAX_VARINT,
        root_child_credit: MAX_VARINT,
        child_credit: MAX_VARINT,
        max_packet_bytes: u16::MAX,
        max_datagram_bytes: MAX_VARINT,
        suites: Suites::default(),
        suite: Some(2),
        id_window: MAX_VARINT,
        reset_token: Some([7; 16]),
        took_call: false,
        instance: Instance::new([9; 8]),
    }
}

fn encoded(parameters: &Parameters) -> Vec<u8> {
    let mut space = [0; MAX_PARAMETERS_LEN];
    let mut writer = Writer::new(&mut space);
    parameters.encode(&mut writer).unwrap();
    writer.written().to_vec()
}

fn init(bytes: &[u8]) -> Result<Parameters, ParametersError> {
    Parameters::parse(bytes, Carrier::Init).map(|parsed| parsed.parameters)
}

#[test]
fn lists_round_trip_and_stay_within_their_length() {
    let reply = largest();
    let bytes = encoded(&reply);
    let parsed = Parameters::parse(&bytes, Carrier::Reply).unwrap();
    assert_eq!((parsed.parameters, parsed.refusal), (reply, None));

    let suites = Suites::new(&[2, 1, 3, 4, 5, 6, 7, 8]).unwrap();
    let offer = Parameters { channel: None, suite: None, suites, took_call: true, ..reply };
    let idle_timeout = Some(Duration::from_millis(MAX_VARINT / 1000));
    for idle_timeout in [None, Some(Duration::from_millis(1)), idle_timeout] {
        let offer = Parameters { idle_timeout, ..offer };
        assert_eq!(init(&encoded(&offer)), Ok(offer));
    }
    let both = Parameters { suites, took_call: true, ..reply };
    assert!(encoded(&both).len() + 8 <= MAX_PARAMETERS_LEN);
}

// Spec: R-5.7-10, R-5.9-1.
#[test]
fn defaults_cost_nothing() {
    assert!(encoded(&Parameters::default()).is_empty());
    assert_eq!(init(&[]), Ok(Parameters::default()));
    assert_eq!(init(&[0, 0xff, 0xff]), Ok(Parameters::default()));
}

#[test]
fn a_list_that_does_not_fit_puts_nothing() {
    let whole = encoded(&largest()).len();
    for len in 0..whole {
        let mut space = std::vec![0; len];
        let mut writer = Writer::new(&mut space);
        assert_eq!(largest().encode(&mut writer), Err(Full));
        assert_eq!(writer.position(), 0);
    }
}

#[test]
fn every_truncation_is_refused_or_a_shorter_list() {
    let bytes = encoded(&Parameters { channel: None, suite: None, ..largest() });
    let whole = (0..bytes.len()).filter(|len| init(&bytes[..*len]).is_ok()).count();
    assert_eq!(whole, 11, "one list after each entry but the last, and the empty one");
}

// Spec: R-5.9-1, R-5.9-2, R-5.9-3.
#[test]
fn unknown_even_types_are_skipped_and_odd_ones_refused() {
    assert_eq!(init(&[0x70, 2, 9, 9, 0x0c, 1, 5]).unwrap().child_credit, 5);
    assert_eq!(init(&[0x71, 0]), Err(ParametersError::Mandatory));
    assert_eq!(ParametersError::Mandatory.code(), TransportCode::MANDATORY_EXTENSION);
    assert_eq!(init(&[0x70, 0, 0x70, 0]), Err(ParametersError::Duplicate));
    assert_eq!(init(&[0x0c, 1, 5, 0x0c, 1, 5]), Err(ParametersError::Duplicate));
    let many: Vec<u8> = (0..33).flat_map(|n| [0x80, 0x80 + 2 * n, 0]).collect();
    assert_eq!(init(&many), Err(ParametersError::TooMany));
    assert!(init(&many[..32 * 3]).is_ok());
}

// Spec: R-5.9-3.
#[test]
fn values_outside_their_limits_are_refused() {
    for (bytes, error) in [
        (&[0x0e, 2, 0x84, 0xaf][..], ParametersError::Illegal),
        (&[0x0e, 3, 0xc1, 0x00, 0x00], ParametersError::Illegal),
        (&[0x04, 4, 0xe0 | 1, 0, 0, 0], ParametersError::Illegal),
        (&[0x12, 0], ParametersError::Illegal),
        (&[0x12, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9], ParametersError::Illegal),
        (&[0x06, 2, 0x80, 0x01], ParametersError::Encoding),
        (&[0x06, 2, 0x01, 0x01], ParametersError::Encoding),
        (&[0x06, 0], ParametersError::Encoding),
        (&[0x16, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], ParametersError::Encoding),
        (&[0x01, 4, 0, 0, 0, 1], ParametersError::Misplaced),
        (&[0x13, 1, 1], ParametersError::Misplaced),
        (&[0x17, 1, 1], ParametersError::Misplaced),
    ] {
        assert_eq!(init(bytes), Err(error), "{bytes:x?}");
    }
    assert_eq!(init(&[0x0e, 2, 0x84, 0xb0]).unwrap().max_packet_bytes, 1200);
    let reply = |bytes| Parameters::parse(bytes, Carrier::Reply);
    assert_eq!(reply(&[0x01, 4, 0, 0, 0, 1]), Err(ParametersError::Missing));
    assert_eq!(reply(&[0x13, 1, 1]), Err(ParametersError::Missing));
    assert_eq!(reply(&[0x12, 1, 1]), Err(ParametersError::Misplaced));
    assert_eq!(reply(&[0x01, 4, 0, 0, 0, 0]), Err(ParametersError::Illegal));
    assert_eq!(reply(&[0x01, 3, 0, 0, 1]), Err(ParametersError::Encoding));
    assert!(reply(&[0x01, 4, 0, 0, 0, 1, 0x13, 1, 9]).is_ok());
}

// Spec: R-5.6-2, R-5.9-3.
#[test]
fn refusals_round_trip_up_to_their_length() {
    let reason = str::from_utf8(&[b'x'; MAX_REFUSAL_LEN]).unwrap();
    for (code, reason) in [(TransportCode::NONE, ""), (TransportCode::SHUTDOWN, reason)] {
        let refusal = Refusal { code, reason };
        let mut space = [0; 128];
        let mut writer = Writer::new(&mut space);
        refusal.encode(&mut writer).unwrap();
        let parsed = Parameters::parse(writer.written(), Carrier::Reply).unwrap();
        assert_eq!(parsed.refusal, Some(refusal));
    }
    let long = str::from_utf8(&[b'x'; 65]).unwrap();
    let refusal = Refusal { code: TransportCode::NONE, reason: long };
    assert_eq!(refusal.encode(&mut Writer::new(&mut [0; 128])), Err(Full));
    let broken = [0x17, 2, 0, 0xff];
    assert_eq!(Parameters::parse(&broken, Carrier::Reply), Err(ParametersError::Illegal));
}

#[test]
fn the_channel_is_found_in_a_list_that_is_refused() {
    let channel = ChannelId::new(0x0102_0304);
    assert_eq!(channel_in(&[0x71, 0, 0x01, 4, 1, 2, 3, 4, 0xff]), channel);
    assert_eq!(channel_in(&[0x71, 0, 0x00, 0x01, 4, 1, 2, 3, 4]), None);
    assert_eq!(channel_in(&[0x01, 4, 0, 0, 0, 0]), None);
    assert_eq!(channel_in(&[0x01, 3, 0, 0, 1]), None);
    assert_eq!(channel_in(&[]), None);
}

#[test]
fn an_idle_timeout_longer_than_the_clock_goes_is_told_as_it_is() {
    let idle_timeout = Some(Duration::from_millis(MAX_VARINT));
    let ours = Parameters { idle_timeout, ..Parameters::default() };
    let mut space = [0; 128];
    let mut writer = Writer::new(&mut space);
    ours.encode(&mut writer).unwrap();
    let parsed = Parameters::parse(writer.written(), Carrier::Init).unwrap();
    assert_eq!(parsed.parameters.idle_timeout, idle_timeout);
}
