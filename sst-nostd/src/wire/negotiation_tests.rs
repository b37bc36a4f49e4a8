//! Negotiation packets: round trips, and every rule broken once.

use std::vec::Vec;

use super::*;
use crate::bytes::{Full, Writer};

fn some_channel() -> ChannelId {
    ChannelId::new(0x0a0b_0c0d).unwrap()
}

fn packet(encode: impl Fn(&mut Writer<'_>) -> Result<(), Full>) -> Vec<u8> {
    let mut space = [0; 1500];
    let mut writer = Writer::new(&mut space);
    encode(&mut writer).unwrap();
    let bytes = writer.written().to_vec();
    for len in 0..bytes.len() {
        let mut short = std::vec![0; len];
        let mut writer = Writer::new(&mut short);
        assert_eq!(encode(&mut writer), Err(Full));
        assert_eq!(writer.position(), 0);
    }
    bytes
}

// Spec: R-5.2-2, R-5.4-1.
#[test]
fn inits_round_trip_from_the_smallest_to_the_largest() {
    for pattern in [PatternNumber::Xk, PatternNumber::Xx, PatternNumber::Ik] {
        for (noise_len, packet_bytes, total) in
            [(96, 0, 512), (470, 512, 512), (471, 512, 513), (100, 1200, 1200), (1158, 0, 1200)]
        {
            let noise: Vec<u8> = (0..noise_len).map(|n| n as u8 | 1).collect();
            let (cookie, check) = ([5; 16], [6; 16]);
            let init = Init { pattern, channel: some_channel(), noise: &noise, cookie, check };
            let bytes = packet(|writer| init.encode(packet_bytes, writer));
            assert_eq!(bytes.len(), total);
            assert_eq!(Init::parse(&bytes), Ok(init));
            assert_eq!(init.prologue(), bytes[..10]);
            assert_eq!(init.ephemeral(), noise[..32]);
        }
    }
    let noise = [0; 1159];
    let pattern = PatternNumber::Xk;
    let init =
        Init { pattern, channel: some_channel(), noise: &noise, cookie: [0; 16], check: [0; 16] };
    assert_eq!(init.encode(0, &mut Writer::new(&mut [0; 1500])), Err(Full));
}

// Spec: R-4.1-1, R-5.4-1, R-5.4-3, R-5.4-4.
#[test]
fn inits_that_break_a_rule_are_refused_for_it() {
    let (pattern, channel) = (PatternNumber::Xk, some_channel());
    let (cookie, check) = ([5; 16], [6; 16]);
    let init = Init { pattern, channel, noise: &[9; 100], cookie, check };
    let bytes = packet(|writer| init.encode(0, writer));
    let with = |changes: &[(usize, u8)]| {
        let mut bytes = bytes.clone();
        changes.iter().for_each(|(at, byte)| bytes[*at] = *byte);
        Init::parse(&bytes).map(|_| ())
    };
    assert_eq!(with(&[(0, 0xc2)]), Err(PacketError::Kind));
    assert_eq!(with(&[(1, 2)]), Err(PacketError::Version(2)));
    assert_eq!(with(&[(1, 0)]), Err(PacketError::Version(0)));
    assert_eq!(with(&[(2, 0)]), Err(PacketError::Pattern));
    assert_eq!(with(&[(2, 4)]), Err(PacketError::Pattern));
    assert_eq!(with(&[(3, 1)]), Err(PacketError::Reserved));
    assert_eq!(with(&[(4, 0), (5, 0), (6, 0), (7, 0)]), Err(PacketError::Channel));
    assert_eq!(with(&[(9, 101)]), Ok(()));
    assert_eq!(with(&[(9, 99)]), Err(PacketError::Padding));
    assert_eq!(with(&[(9, 47)]), Err(PacketError::Length));
    assert_eq!(with(&[(8, 2)]), Err(PacketError::Length));
    assert_eq!(with(&[(110, 1)]), Err(PacketError::Padding));
    assert_eq!(with(&[(479, 1)]), Err(PacketError::Padding));
    assert_eq!(with(&[(480, 1), (496, 1)]), Ok(()));
    for (pattern, least) in [(1, 48), (2, 32), (3, 96)] {
        // A message shorter than its tags would be followed by what is no padding here.
        assert_eq!(with(&[(2, pattern), (9, least)]), Err(PacketError::Padding));
        assert_eq!(with(&[(2, pattern), (9, least - 1)]), Err(PacketError::Length));
    }
    for len in 0..512 {
        assert_eq!(Init::parse(&bytes[..len]), Err(PacketError::Length));
    }
    let mut long = bytes;
    long.resize(1201, 0);
    assert_eq!(Init::parse(&long), Err(PacketError::Length));
}

// Spec: R-5.4-2, R-5.4-3.
#[test]
fn another_version_shows_its_outline_whatever_is_in_it() {
    let mut bytes = [0xee; 600];
    bytes[..8].copy_from_slice(&[0xc1, 9, 7, 0, 0x0a, 0x0b, 0x0c, 0x0d]);
    let outline = InitOutline::parse(&bytes).unwrap();
    assert_eq!((outline.version, outline.pattern, outline.channel), (9, 7, some_channel()));
    assert_eq!((outline.covered.len(), outline.check), (584, &[0xee; 16]));
    assert_eq!(Init::parse(&bytes), Err(PacketError::Version(9)));
}

// Spec: R-4.1-1, R-4.1-4, R-5.7-5.
#[test]
fn the_other_packets_round_trip_and_have_one_length() {
    let channel = some_channel();
    let reply = Reply { channel, noise: &[1; 48], check: [2; 16] };
    let bytes = packet(|writer| reply.encode(writer));
    assert_eq!(Reply::parse(&bytes), Ok(reply));
    assert_eq!(Reply::parse(&bytes[..68]), Err(PacketError::Length));

    let finish = Finish { channel, noise: &[1; 64] };
    let bytes = packet(|writer| finish.encode(writer));
    assert_eq!(Finish::parse(&bytes), Ok(finish));
    assert_eq!(Finish::parse(&bytes[..68]), Err(PacketError::Length));
    let finish = Finish { channel, noise: &[1; 1195] };
    let mut bytes = packet(|writer| finish.encode(writer));
    assert_eq!((Finish::parse(&bytes), bytes.len()), (Ok(finish), 1200));
    bytes.push(1);
    assert_eq!(Finish::parse(&bytes), Err(PacketError::Length));

    let cookie = Cookie { channel, cookie: [1; 16], check: [2; 16] };
    let mut bytes = packet(|writer| cookie.encode(writer));
    assert_eq!((Cookie::parse(&bytes), bytes.len()), (Ok(cookie), COOKIE_PACKET_LEN));
    assert_eq!(Cookie::parse(&bytes[..36]), Err(PacketError::Length));
    bytes.push(0);
    assert_eq!(Cookie::parse(&bytes), Err(PacketError::Length));

    let lost = Lost { channel, token: [3; 16] };
    let mut bytes = packet(|writer| lost.encode(writer));
    assert_eq!((Lost::parse(&bytes), bytes.len()), (Ok(lost), LOST_PACKET_LEN));
    assert_eq!(Lost::parse(&bytes[..20]), Err(PacketError::Length));
    bytes.push(0);
    assert_eq!(Lost::parse(&bytes), Err(PacketError::Length));

    for count in 1..=8 {
        let version = Version { channel, versions: &[1; 8][..count], check: [2; 16] };
        let mut bytes = packet(|writer| version.encode(writer));
        assert_eq!(Version::parse(&bytes), Ok(version));
        bytes.push(0);
        assert_eq!(Version::parse(&bytes), Err(PacketError::Length));
    }
    for versions in [&[][..], &[1; 9]] {
        let version = Version { channel, versions, check: [2; 16] };
        assert_eq!(version.encode(&mut Writer::new(&mut [0; 64])), Err(Full));
    }
}

/// The table of docs/PROTOCOL.md section 4.1: each size at its limits and beyond them.
// Spec: R-4.1-1, R-4.1-4, R-5.4-1, R-5.7-5.
#[test]
fn packets_of_sizes_outside_the_table_are_refused() {
    let of = |first: u8, len: usize| {
        let mut bytes = std::vec![0; len];
        bytes[..5].copy_from_slice(&[first, 1, 1, 0, 1]);
        if first == 0xc1 {
            bytes[..10].copy_from_slice(&[first, 1, 1, 0, 0, 0, 0, 1, 0, 48]);
        }
        if first == 0xc5 {
            bytes[5] = (len - 22) as u8;
        }
        bytes
    };
    let is_taken = |first: u8, len: usize| {
        let bytes = of(first, len);
        match first {
            0xc1 => Init::parse(&bytes).is_ok(),
            0xc2 => Reply::parse(&bytes).is_ok(),
            0xc3 => Finish::parse(&bytes).is_ok(),
            0xc4 => Cookie::parse(&bytes).is_ok(),
            0xc5 => Version::parse(&bytes).is_ok(),
            0xc6 => Lost::parse(&bytes).is_ok(),
            _ => crate::wire::SealedHeader::parse(&bytes).is_ok(),
        }
    };
    for (first, least, most) in [
        (0x00, 22, 65_527),
        (0xc1, 512, 1200),
        (0xc2, 69, 1199),
        (0xc3, 69, 1200),
        (0xc4, 37, 37),
        (0xc5, 23, 30),
        (0xc6, 21, 21),
    ] {
        assert!(is_taken(first, least) && is_taken(first, most), "{first:#x}");
        assert!(!is_taken(first, least - 1), "{first:#x}");
        // What is longer than a UDP payload does not come; a REPLY is held against its INIT.
        assert!(matches!(first, 0x00 | 0xc2) || !is_taken(first, most + 1), "{first:#x}");
    }
}
