//! What docs/TESTING.md, "Past the crypto", says an outside tool can do.
#![cfg(not(target_arch = "wasm32"))]

use std::net::{Ipv4Addr, SocketAddr};

use sst_nostd::crypto::{InsecureNullCrypto, insecure_checksum};
use sst_nostd::wire::negotiation::Finish;
use sst_nostd::wire::{CloseFrame, Frame, SealedHeader};
use sst_nostd::{
    ChannelDropped as Dropped, CloseCause, Codepoint, Config, Dial, Duration, Event, Host, Ignored,
    Instant, Limits, Path, SessionEvent, SessionHandle, Storage, TransportCode, Writer,
};

type NullHost = Host<'static, InsecureNullCrypto>;

const NOW: Instant = Instant::from_micros(1_000_000);

fn host(seed: u8) -> NullHost {
    let storage = Storage::owned(&Limits::of(2, 8, 1 << 16));
    let crypto = InsecureNullCrypto::new(seed.into());
    // Time stands still.
    let config = Config { first_packet_wait: Duration::ZERO, ..Config::new([seed; 32]) };
    Host::new(config, storage, crypto, NOW).expect("a host")
}

fn path(port: u16) -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) }
}

/// Two hosts that have met, the one that was dialled first, and a packet header for it.
fn meet() -> (NullHost, SessionHandle, SealedHeader) {
    let (mut dialler, mut dialled) = (host(1), host(2));
    // With this provider the public key is the secret.
    assert_eq!(dialled.id().as_bytes(), &[2; 32]);
    let dial = Dial::new(path(2), Some(dialled.id()));
    let session = dialler.connect(NOW, dial).expect("dials");
    let (mut channel, mut buffer) = (None, [0; 2000]);
    for _ in 0..4 {
        while let Some(transmit) = dialler.poll_transmit(NOW, &mut buffer, 1) {
            let packet = &mut buffer[..transmit.len];
            channel = channel.or(Finish::parse(packet).ok().map(|finish| finish.channel));
            dialled.handle_packet(NOW, path(1), Codepoint::NotEct, packet).expect("wanted");
        }
        while let Some(transmit) = dialled.poll_transmit(NOW, &mut buffer, 1) {
            let packet = &mut buffer[..transmit.len];
            dialler.handle_packet(NOW, path(2), Codepoint::NotEct, packet).expect("wanted");
        }
    }
    assert_eq!(dialler.poll_event(), Some(Event::Session(session, SessionEvent::Ready)));
    let Some(Event::Session(session, SessionEvent::Incoming)) = dialled.poll_event() else {
        panic!("nobody came")
    };
    let channel = channel.expect("FINISH names the channel");
    (dialled, session, SealedHeader { key_phase: false, channel, number: 999, number_len: 4 })
}

/// A sealed packet that only [`InsecureNullCrypto`] takes for one.
fn forge(header: &SealedHeader, frame: &Frame<'_>) -> Vec<u8> {
    let mut buffer = [0; 1200];
    let mut writer = Writer::new(&mut buffer);
    header.encode(&mut writer).expect("fits");
    frame.encode(&mut writer).expect("fits");
    let (head, text) = writer.split_at(header.encoded_len());
    let tag = insecure_checksum(head, text);
    writer.put_bytes(&tag).expect("fits");
    writer.written().to_vec()
}

#[test]
fn hosts_without_cryptography_meet_and_believe_forged_packets() {
    let (mut host, session, header) = meet();
    let cause = CloseCause::Application(7);
    let mut packet = forge(&header, &Frame::Close(CloseFrame { cause, reason: "forged" }));
    assert_eq!(host.handle_packet(NOW, path(1), Codepoint::NotEct, &mut packet), Ok(()));
    let reason = host.close_reason(session).expect("it is closed");
    assert_eq!((reason.cause, reason.reason()), (cause, "forged"));
}

#[test]
fn a_forged_frame_that_breaks_the_protocol_closes_the_session() {
    let (mut host, session, header) = meet();
    let mut packet = forge(&header, &Frame::Padding);
    // 0x3f is no frame.
    let text = header.encoded_len();
    packet[text] = 0x3f;
    let tag = insecure_checksum(&packet[..text], &packet[text..=text]);
    packet[text + 1..].copy_from_slice(&tag);
    assert_eq!(host.handle_packet(NOW, path(1), Codepoint::NotEct, &mut packet), Ok(()));
    let cause = host.close_reason(session).expect("it closes").cause;
    assert_eq!(cause, CloseCause::Transport(TransportCode::FRAME_ENCODING));
}

#[test]
fn a_wrong_checksum_is_a_wrong_tag() {
    let (mut host, session, header) = meet();
    let mut packet = forge(&header, &Frame::Ping);
    if let Some(last) = packet.last_mut() {
        *last ^= 1;
    }
    let result = host.handle_packet(NOW, path(1), Codepoint::NotEct, &mut packet);
    assert!(matches!(result, Err(Ignored::Channel(Dropped::Unauthentic))), "{result:?}");
    assert_eq!(host.close_reason(session), None);
}
