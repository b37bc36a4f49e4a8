//! Frames as a whole: round trips, truncation, and random bytes.

use std::vec::Vec;

use super::*;
use crate::bytes::{Full, MAX_VARINT, Reader, Writer};
use crate::id::{Side, StreamId};
use crate::wire::close::MAX_REASON_LEN;

/// A small generator of bytes (xorshift64*), so that a seed names a test run.
struct Xorshift(u64);

impl Xorshift {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn encoded(frame: &Frame<'_>) -> Vec<u8> {
    let mut space = [0; 512];
    let mut writer = Writer::new(&mut space);
    frame.encode(&mut writer).unwrap();
    writer.written().to_vec()
}

fn parsed(bytes: &[u8]) -> Result<(Frame<'_>, usize), FrameError> {
    let mut reader = Reader::new(bytes);
    let frame = Frame::parse(&mut reader)?;
    Ok((frame, reader.position()))
}

const LONG: &[u8] = &[0x5a; 300];

/// Every kind of frame, with the values at the limits of its fields.
fn samples() -> Vec<Frame<'static>> {
    let numbers = [0, 127, 128, (1 << 14) - 1, 1 << 14, 1 << 35, 1 << 56, MAX_VARINT];
    let ids = [id(1, Side::Small), id(1, Side::Large), id(8000, Side::Small), last()];
    let mut frames = std::vec![
        Frame::Padding,
        Frame::Ping,
        Frame::PathChallenge([1, 2, 3, 4, 5, 6, 7, 8]),
        Frame::PathResponse([0xff; 8]),
    ];
    for number in numbers {
        frames.push(Frame::SessionLimit { limit: number });
        frames.push(Frame::SessionBlocked { at: number });
        frames.extend(ids.into_iter().flat_map(|id| numbered(id, number)));
        let id = StreamId::ROOT;
        frames.push(Frame::ChildLimit { id, limit: number });
        frames.push(Frame::ChildBlocked { id, at: number });
        for reason in ["", "went away", core::str::from_utf8(&[b'r'; MAX_REASON_LEN]).unwrap()] {
            let cause = CloseCause::Application(number);
            frames.push(Frame::Close(CloseFrame { cause, reason }));
            let cause = CloseCause::Transport(TransportCode::new(number));
            frames.push(Frame::Close(CloseFrame { cause, reason }));
        }
    }
    for parent in [StreamId::ROOT].into_iter().chain(ids) {
        for data in [&b""[..], b"x", &LONG[..127], &LONG[..128], LONG] {
            frames.push(Frame::Datagram(DatagramFrame { parent, data }));
            frames.extend(streams(parent, data));
        }
    }
    frames
}

fn id(counter: u64, side: Side) -> StreamId {
    StreamId::new(counter, side).unwrap()
}

fn last() -> StreamId {
    id(StreamId::MAX_COUNTER, Side::Large)
}

fn opens(parent: StreamId) -> [Option<Open>; 4] {
    let open = |datagram, service, priority| {
        Some(Open { parent, attributes: Attributes { datagram, service }, priority })
    };
    [None, open(false, false, None), open(true, false, Some(-128)), open(false, true, Some(127))]
}

fn numbered(id: StreamId, number: u64) -> Vec<Frame<'static>> {
    let code = StreamCode::new(number);
    let mut frames = std::vec![
        Frame::Stop { id, code },
        Frame::StreamLimit { id, limit: number },
        Frame::StreamBlocked { id, at: number },
        Frame::ChildLimit { id, limit: number },
        Frame::ChildBlocked { id, at: number },
        Frame::Priority { id, priority: number as i8 },
    ];
    for open in opens(last()) {
        frames.push(Frame::Reset(ResetFrame { id, code, final_position: number, open }));
    }
    frames
}

fn streams(parent: StreamId, data: &'static [u8]) -> Vec<Frame<'static>> {
    let mut frames = Vec::new();
    for open in opens(parent) {
        for (mark, fin) in [(false, false), (true, false), (false, true), (true, true)] {
            for offset in [0, 1, 1 << 34, MAX_VARINT - 301] {
                let id = id(77, Side::Large);
                frames.push(Frame::Stream(StreamFrame { id, offset, data, mark, fin, open }));
            }
        }
    }
    frames
}

#[test]
fn every_frame_round_trips_and_leaves_what_follows_it() {
    for frame in samples() {
        let mut bytes = encoded(&frame);
        assert_eq!(parsed(&bytes), Ok((frame, bytes.len())));
        let len = bytes.len();
        // Runs of padding, and of PING, are one frame.
        bytes.push(if frame == Frame::Ping { 0x00 } else { 0x01 });
        assert_eq!(parsed(&bytes), Ok((frame, len)));
        if let Frame::Datagram(datagram) = frame {
            assert_eq!(datagram.encoded_len(), len);
        }
    }
}

#[test]
fn runs_of_frames_without_content_are_one_frame() {
    assert_eq!(parsed(&[0; 1_400]), Ok((Frame::Padding, 1_400)));
    assert_eq!(parsed(&[1; 1_400]), Ok((Frame::Ping, 1_400)));
    assert_eq!(parsed(&[1, 1, 1, 0]), Ok((Frame::Ping, 3)));
}

// Spec: R-10.1-1.
#[test]
fn every_frame_cut_short_is_truncated() {
    for frame in samples() {
        let bytes = encoded(&frame);
        for len in 0..bytes.len() {
            assert_eq!(parsed(&bytes[..len]), Err(FrameError::Truncated), "{frame:?} {len}");
        }
    }
}

#[test]
fn a_frame_without_space_puts_nothing() {
    for frame in samples() {
        let whole = encoded(&frame).len();
        for len in 0..whole {
            let mut space = [0; 512];
            let mut writer = Writer::new(&mut space[..len]);
            assert_eq!(frame.encode(&mut writer), Err(Full), "{frame:?} {len}");
            assert_eq!(writer.position(), 0);
        }
    }
}

// Spec: R-9.6-3, R-10.1-1.
#[test]
fn every_first_byte_is_a_frame_or_an_unknown_type() {
    for first in 0..=255_u8 {
        let mut bytes = [0; 64];
        bytes[..2].copy_from_slice(&[first, 2]);
        let is_known = matches!(first, 0..=7 | 0x10..=0x1b | 0x20..=0x3f);
        match parsed(&bytes) {
            // As an acknowledgement it is one of packet 2.
            Ok((_, len)) => assert!(is_known && len > 0),
            Err(error) => assert_eq!((error, is_known), (FrameError::Type(first), false)),
        }
    }
}

#[test]
fn only_acks_padding_and_closes_need_no_answer() {
    for frame in samples() {
        let silent = matches!(frame, Frame::Padding | Frame::Close(_));
        assert_eq!(frame.is_ack_eliciting(), !silent);
    }
    let (ack, _) = parsed(&[0x02, 5, 0, 0, 0]).unwrap();
    assert!(matches!(ack, Frame::Ack(_)) && !ack.is_ack_eliciting());
}

// Spec: R-2.3-2, R-2.3-3, R-9.2-1, R-9.6-3, R-10.1-1, R-10.1-4, R-10.16-2.
#[test]
fn malformed_frames_are_refused_for_what_is_wrong() {
    for (bytes, error) in [
        (&[][..], FrameError::Truncated),
        (&[0x12, 1, 0], FrameError::StreamId),
        (&[0x10, 0, 0, 0], FrameError::Root),
        (&[0x12, 0, 0], FrameError::Root),
        (&[0x13, 0, 0], FrameError::Root),
        (&[0x14, 0, 0], FrameError::Root),
        (&[0x19, 0, 0], FrameError::Root),
        (&[0x20, 0], FrameError::Root),
        (&[0x1b, 1, 0], FrameError::StreamId),
        (&[0x28, 2, 1, 0], FrameError::StreamId),
        (&[0x28, 2, 0, 8], FrameError::Attributes),
        (&[0x11, 2, 0, 0, 0, 0x80], FrameError::Attributes),
        (&[0x17, 0x80, 0], FrameError::Varint),
        (&[0x17, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0], FrameError::Varint),
        (&[0x04, 0, 1, 0xff], FrameError::Reason),
        (&[0x22, 2, 5, b'a'], FrameError::Truncated),
        (&[0x08], FrameError::Type(8)),
        (&[0x40], FrameError::Type(0x40)),
    ] {
        assert_eq!(parsed(bytes), Err(error), "{bytes:x?}");
    }
    assert_eq!(FrameError::Root.code(), TransportCode::STREAM_ID);
    assert_eq!(FrameError::Varint.code(), TransportCode::FRAME_ENCODING);
    let mut long = std::vec![0x05, 0, 0x80, 129];
    long.extend([b'a'; 129]);
    assert_eq!(parsed(&long), Err(FrameError::Reason));
    long[3] = 128;
    assert_eq!(parsed(&long).map(|(_, len)| len), Ok(4 + 128));
}

#[test]
fn frames_end_at_the_end_or_after_the_first_error() {
    let mut space = [0; 64];
    let mut writer = Writer::new(&mut space);
    Frame::Ping.encode(&mut writer).unwrap();
    writer.put_zeros(10).unwrap();
    let last = DatagramFrame { parent: StreamId::ROOT, data: b"last" };
    last.encode_last(&mut writer).unwrap();
    let all: Result<Vec<_>, _> = Frames::new(writer.written()).collect();
    assert_eq!(all.unwrap(), [Frame::Ping, Frame::Padding, Frame::Datagram(last)]);
    let mut frames = Frames::new(&[0x01, 0x99, 0x01]);
    assert_eq!(frames.next(), Some(Ok(Frame::Ping)));
    assert_eq!(frames.next(), Some(Err(FrameError::Type(0x99))));
    assert_eq!(frames.next(), None);
    let mut short = [0; 5];
    assert_eq!(last.encode_last(&mut Writer::new(&mut short)), Err(Full));
}

// Spec: R-10.1-8.
#[test]
fn a_packet_has_so_many_frames_and_one_ack() {
    let fit = [Frame::Priority { id: StreamId::from_u64(7).unwrap(), priority: 0 }; MAX_FRAMES];
    let fit: Vec<u8> = fit.iter().flat_map(encoded).collect();
    assert_eq!(Frames::new(&fit).filter(Result::is_ok).count(), MAX_FRAMES);
    // A run counts as one; two runs as two.
    for (end, answer) in [(&[][..], None), (&[0, 0], Some(Err(FrameError::TooMany)))] {
        let packet = [&fit[3..], &[1, 1, 1], end].concat();
        let mut frames = Frames::new(&packet);
        assert_eq!(frames.by_ref().take(MAX_FRAMES).filter(Result::is_ok).count(), MAX_FRAMES);
        assert_eq!((frames.next(), frames.next()), (answer, None));
    }
    let acks = [2, 9, 0, 0, 1, 3, 9, 0, 0, 1, 0, 0, 0];
    let mut frames = Frames::new(&acks);
    assert!(matches!(frames.next(), Some(Ok(Frame::Ack(_)))));
    assert_eq!((frames.next(), frames.next()), (Some(Err(FrameError::SecondAck)), None));
}

// Spec: R-10.1-6.
#[test]
fn random_bytes_parse_to_frames_that_survive_another_round() {
    let mut random = Xorshift(0x5557_2026);
    let mut parsed_count = 0;
    let frames = samples();
    for round in 0..60_000 {
        let mut bytes: Vec<u8> = if round % 2 == 0 {
            (0..random.below(48)).map(|_| random.next() as u8).collect()
        } else {
            encoded(&frames[random.below(frames.len() as u64) as usize])
        };
        for _ in 0..random.below(3) {
            let at = random.below(bytes.len().max(1) as u64) as usize;
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
        for frame in Frames::new(&bytes).flatten() {
            let again = encoded(&frame);
            assert_eq!(parsed(&again), Ok((frame, again.len())), "seed 0x5557_2026");
            parsed_count += 1;
            if let Frame::Ack(ack) = frame {
                let ranges: Vec<_> = ack.ranges().collect();
                assert!(ranges.windows(2).all(|pair| pair[1].end() + 1 < *pair[0].start()));
            }
        }
    }
    assert!(parsed_count > 10_000, "{parsed_count}");
}

#[test]
fn random_packets_never_panic() {
    let mut random = Xorshift(42);
    for _ in 0..60_000 {
        let len = if random.below(3) == 0 { random.below(1300) } else { random.below(80) };
        let mut bytes: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = [0, 0x41, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6][random.below(8) as usize];
        }
        let _ = SealedHeader::parse(&bytes).map(|header| header.widen(random.next()));
        let _ = negotiation::Init::parse(&bytes);
        let _ = negotiation::Reply::parse(&bytes);
        let _ = negotiation::Finish::parse(&bytes);
        let _ = negotiation::Cookie::parse(&bytes);
        let _ = negotiation::Version::parse(&bytes);
        let _ = negotiation::Lost::parse(&bytes);
        for carrier in [parameters::Carrier::Init, parameters::Carrier::Reply] {
            if let Ok(parsed) = Parameters::parse(&bytes, carrier) {
                let mut space = [0; parameters::MAX_PARAMETERS_LEN];
                let mut writer = Writer::new(&mut space);
                parsed.parameters.encode(&mut writer).unwrap();
            }
        }
    }
}

/// The table of docs/PROTOCOL.md section 10.3.
// Spec: R-5.7-1, R-10.3-1.
#[test]
fn acknowledgements_and_answers_about_paths_have_no_place_in_finish() {
    for frame in samples() {
        let is_excluded = matches!(frame, Frame::PathResponse(_));
        assert_eq!(frame.is_for_finish(), !is_excluded, "{frame:?}");
    }
    for bytes in [&[0x02, 5, 0, 0, 0][..], &[0x03, 5, 0, 0, 0, 1, 1, 1]] {
        assert!(!parsed(bytes).unwrap().0.is_for_finish());
    }
}
