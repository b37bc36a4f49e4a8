//! The worst that one packet of an authenticated peer can cost, frame by frame: each row prepares a
//! host, and hands it one counted packet. The first rows are full packets of data, for comparison;
//! the last count all packets of something that is built up and torn down.

use sst_nostd::wire::{
    Attributes, DatagramFrame, Frame, Frames, MAX_FRAMES, Open as WireOpen, ResetFrame, StreamFrame,
};
use sst_nostd::{Open, StreamCode, StreamHandle, StreamId};

use crate::target::{PAYLOAD_LEN, Target, ack_of, bytes, row_begins, row_ends};

/// Streams of a large tree.
const MANY: u64 = 20_000;
/// Full packets of data, of which the mean is what others are compared with.
const PLAIN: u64 = 16;
const MIXTURES: u64 = 8;
const BUFFER: u64 = 256 << 20;

/// One row: prepares a host, and tells the payload of the packet to count.
type Prepare = fn(&mut Target) -> Option<Vec<u8>>;

/// What packets build up, the last of them tears down.
const WHOLES: &[(&str, Prepare)] = &[
    ("a flight of thousands, sent and acknowledged", ack_flight),
    ("a flight of thousands, sent and lost", ack_lost),
    ("1,000 gaps, made and closed", close_gaps),
    ("1,018 streams that wait for one, opened and refused", refused_parent),
    ("20,000 streams, opened and closed", close),
    ("20,000 streams, opened and reset with their parent", reset_parent),
];

const ROWS: &[(&str, Prepare)] = &[
    ("PADDING", |_| Some(vec![0; PAYLOAD_LEN])),
    ("PING", |_| Some(vec![1; PAYLOAD_LEN])),
    ("ACK, repeated", ack_repeated),
    ("ACK of 32 ranges, repeated", ack_ranges),
    ("ACK of a flight of thousands", ack_flight),
    ("ACK that shows thousands lost", ack_lost),
    ("ACK that lets 1,000 writers go on", ack_starved),
    ("CLOSE of 20,000 streams", close),
    ("PATH_CHALLENGE", |_| Some([6; 9].repeat(MAX_FRAMES - 1))),
    ("PATH_RESPONSE", |_| Some([7; 9].repeat(MAX_FRAMES - 1))),
    ("RESET", |it| each(it, reset)),
    ("RESET with OPEN", |it| {
        Some(it.filled(|it| {
            let Frame::Stream(StreamFrame { id, open, .. }) = it.opening(StreamId::ROOT) else {
                return None;
            };
            Some(bytes(&Frame::Reset(ResetFrame { code: CODE, id, final_position: 0, open })))
        }))
    }),
    ("RESET of a parent of 20,000", reset_parent),
    ("STOP", |it| each(it, |id| Frame::Stop { id, code: CODE })),
    ("STREAM_LIMIT", |it| each(it, |id| Frame::StreamLimit { id, limit: 1 << 29 })),
    ("STREAM_BLOCKED", |it| each(it, |id| Frame::StreamBlocked { id, at: 0 })),
    ("CHILD_LIMIT", |it| each(it, |id| Frame::ChildLimit { id, limit: 40_000 })),
    ("CHILD_BLOCKED", |it| each(it, |id| Frame::ChildBlocked { id, at: 0 })),
    ("SESSION_LIMIT", |it| {
        fan(it)?;
        let mut limit = 1 << 27;
        Some(it.filled(|_| {
            limit += 1;
            Some(bytes(&Frame::SessionLimit { limit }))
        }))
    }),
    ("SESSION_BLOCKED", |it| {
        fan(it)?;
        Some(it.filled(|_| Some(bytes(&Frame::SessionBlocked { at: 0 }))))
    }),
    ("PRIORITY", |it| each(it, |id| Frame::Priority { id, priority: 9 })),
    ("PRIORITY of a parent of 20,000", |it| {
        let id = under_one(it)?;
        Some(it.filled(|_| Some(bytes(&Frame::Priority { id, priority: 9 }))))
    }),
    ("DATAGRAM, empty", |it| {
        let frame = Frame::Datagram(DatagramFrame { parent: StreamId::ROOT, data: b"" });
        Some(it.filled(|_| Some(bytes(&frame))))
    }),
    ("DATAGRAM of one byte", |it| {
        let frame = Frame::Datagram(DatagramFrame { parent: StreamId::ROOT, data: b"x" });
        Some(it.filled(|_| Some(bytes(&frame))))
    }),
    ("STREAM that opens", |it| {
        Some(it.filled(|it| {
            let frame = it.opening(StreamId::ROOT);
            Some(bytes(&frame))
        }))
    }),
    ("STREAM that opens below a chain of 20,000", |it| {
        chain(it)?;
        Some(it.filled(|it| {
            let frame = it.opening(it.id(it.opened));
            Some(bytes(&frame))
        }))
    }),
    ("STREAM, empty", |it| each(it, |id| data(id, 0, b""))),
    ("STREAM of one byte", |it| each(it, |id| data(id, 0, b"x"))),
    ("STREAM, records of one byte", |it| {
        each(it, |id| Frame::Stream(StreamFrame { mark: true, ..stream(id, 0, b"x") }))
    }),
    ("STREAM, records of one byte, and one of what is left", |it| {
        let mut payload =
            each(it, |id| Frame::Stream(StreamFrame { mark: true, ..stream(id, 0, b"x") }))?;
        // As long as leaves no room for padding, which would be a frame too many.
        let last = (0..PAYLOAD_LEN).rev().find_map(|len| {
            let last = stream(it.id(MANY), 0, [7; PAYLOAD_LEN].get(..len)?);
            let last = bytes(&Frame::Stream(StreamFrame { mark: true, ..last }));
            (payload.len() + last.len() == PAYLOAD_LEN).then_some(last)
        });
        payload.extend(last?);
        Some(payload)
    }),
    ("STREAM that ends", |it| {
        each(it, |id| Frame::Stream(StreamFrame { fin: true, ..stream(id, 0, b"") }))
    }),
    ("STREAM that makes gaps", |it| {
        fan(it)?;
        gaps(it, 700);
        let (id, mut at) = (it.id(1), 100_000);
        Some(it.filled(|_| {
            at += 2;
            Some(bytes(&data(id, at, b"x")))
        }))
    }),
    ("STREAM far ahead: 25 blocks of memory each", |it| each(it, |id| data(id, 100_000, b"x"))),
    ("STREAM that closes 580 gaps", |it| {
        fan(it)?;
        close_gaps(it)
    }),
    ("STREAM that joins 580 ranges", |it| {
        fan(it)?;
        gaps(it, 1_000);
        Some(bytes(&data(it.id(1), 1, &[0; PAYLOAD_LEN - 12])))
    }),
    ("STREAM whose refusal ends 1,000 others", refused_parent),
];

const CODE: StreamCode = StreamCode::DROPPED;

/// Counts every row, and tells of each in order: what it is, and how many frames the packet has, or
/// how many ranges of packets it names, or how many packets, gaps or streams it brings to an end,
/// each of which took a packet or a frame before.
pub fn run() -> Option<u64> {
    Some(run_with(false)? + run_with(true)?)
}

/// The rows, without a cipher or with one.
fn run_with(has_cipher: bool) -> Option<u64> {
    let new = |buffer| Target::new(buffer, has_cipher);
    let mut plain = new(BUFFER)?;
    let opening = plain.opening(StreamId::ROOT);
    plain.hand(&bytes(&opening));
    for at in 0..PLAIN {
        let len = PAYLOAD_LEN as u64 - 12;
        let frame = data(plain.id(1), at * len, &[7; PAYLOAD_LEN - 12]);
        count("plain", &mut plain, &bytes(&frame));
    }
    for (name, prepare) in ROWS {
        let buffer = if *name == STARVED { STARVED_BUFFER } else { BUFFER };
        let mut target = new(buffer)?;
        let payload = prepare(&mut target)?;
        count(name, &mut target, &payload);
        if *name == STARVED && std::iter::from_fn(|| target.host.poll_event()).count() < 999 {
            eprintln!("worst: the writers did not wait, or do not go on");
            return None;
        }
        if !name.starts_with("CLOSE") && !target.is_alive() {
            eprintln!("worst: {name}: the session ended");
            return None;
        }
    }
    for seed in 1..=MIXTURES {
        let mut target = new(BUFFER)?;
        let payload = mixture(&mut target, seed)?;
        count(&format!("mixture {seed}"), &mut target, &payload);
        if !target.is_alive() {
            eprintln!("worst: mixture {seed}: the session ended");
            return None;
        }
    }
    for (name, prepare) in WHOLES {
        let mut target = new(BUFFER)?;
        target.packets = 0;
        row_begins();
        let payload = prepare(&mut target)?;
        target.hand(&payload);
        for _ in 0..2 * MANY / 64 {
            target.settle();
        }
        row_ends();
        println!("row: {name}; {}; whole", target.packets);
    }
    Some(PLAIN + (ROWS.len() + WHOLES.len()) as u64 + MIXTURES)
}

fn count(name: &str, target: &mut Target, payload: &[u8]) {
    let frames = Frames::new(payload).count() as u64;
    let is_due = target.ended.is_some_and(|ended| ended > 32);
    let (units, kind) = (target.ended.unwrap_or(frames), if is_due { "due" } else { "one" });
    println!("row: {name}; {units}; {kind}");
    target.measure(payload);
}

const STARVED: &str = "ACK that lets 1,000 writers go on";
const STARVED_BUFFER: u64 = 16 << 20;

fn stream(id: StreamId, offset: u64, data: &[u8]) -> StreamFrame<'_> {
    StreamFrame { id, offset, data, mark: false, fin: false, open: None }
}

fn data(id: StreamId, offset: u64, data: &[u8]) -> Frame<'_> {
    Frame::Stream(stream(id, offset, data))
}

fn reset(id: StreamId) -> Frame<'static> {
    Frame::Reset(ResetFrame { id, code: CODE, final_position: 0, open: None })
}

/// Opens many streams, each under what `parent` answers for its place.
fn grow(target: &mut Target, parent: fn(&Target) -> StreamId) -> Option<()> {
    let end = target.opened + MANY;
    while target.opened < end {
        let payload = target.filled(|it| {
            (it.opened < end).then(|| {
                let frame = it.opening(parent(it));
                bytes(&frame)
            })
        });
        target.hand(&payload);
        let ack = target.ack_heard();
        target.hand(&ack);
    }
    Some(())
}

/// 20,000 children of the root, all accepted.
fn fan(target: &mut Target) -> Option<Vec<StreamHandle>> {
    grow(target, |_| StreamId::ROOT)?;
    let mut accepted = Vec::new();
    while let Some(child) = target.host.accept_substream(target.now, target.root) {
        accepted.push(child);
    }
    target.settle();
    let ack = target.ack_heard();
    target.hand(&ack);
    Some(accepted)
}

/// 20,000 streams, each the child of the one before.
fn chain(target: &mut Target) -> Option<()> {
    grow(target, |it| it.opened.checked_sub(1).map_or(StreamId::ROOT, |_| it.id(it.opened)))
}

/// 20,000 children of one stream, whose id is answered; none is accepted.
fn under_one(target: &mut Target) -> Option<StreamId> {
    let frame = target.opening(StreamId::ROOT);
    target.hand(&bytes(&frame));
    grow(target, |it| it.id(1))?;
    Some(target.id(1))
}

/// A packet of one frame for each stream of a fan, in an order that no cache foresees.
fn each(target: &mut Target, frame: impl Fn(StreamId) -> Frame<'static>) -> Option<Vec<u8>> {
    fan(target)?;
    let mut place = 0;
    Some(target.filled(|it| {
        place = (place + 7_919) % MANY;
        Some(bytes(&frame(it.id(1 + place))))
    }))
}

fn close(target: &mut Target) -> Option<Vec<u8>> {
    fan(target)?;
    let mut close = vec![5, 0, 0];
    close.resize(PAYLOAD_LEN, 0);
    Some(close)
}

fn reset_parent(target: &mut Target) -> Option<Vec<u8>> {
    let first = under_one(target)?;
    Some(bytes(&reset(first)))
}

/// A thousand gaps, of which one packet closes over half.
fn close_gaps(target: &mut Target) -> Option<Vec<u8>> {
    if target.opened == 0 {
        let opening = target.opening(StreamId::ROOT);
        target.hand(&bytes(&opening));
    }
    gaps(target, 1_000);
    target.ended = Some(580);
    Some(bytes(&data(target.id(1), 0, &[0; PAYLOAD_LEN - 12])))
}

/// So many single bytes on stream 1, each behind a gap.
fn gaps(target: &mut Target, count: u64) {
    let (id, mut at) = (target.id(1), 0);
    while at < count {
        let payload = target.filled(|_| {
            (at < count).then(|| {
                at += 1;
                bytes(&data(id, 1 + 2 * at, b"x"))
            })
        });
        target.hand(&payload);
    }
}

/// The host's own stream, on which it may have written all it likes.
fn flight(target: &mut Target) -> Option<()> {
    let stream = target.host.open_substream(target.now, target.root, Open::default()).ok()?;
    for _ in 0..24 {
        while target.host.write(target.now, stream, &[9; 64 * 1024]).is_ok() {}
        for _ in 0..40 {
            target.settle();
        }
        if target.heard.len() > 4_000 {
            return Some(());
        }
        let ack = target.ack_heard();
        target.hand(&ack);
    }
    eprintln!("worst: the flight does not grow");
    None
}

fn ack_repeated(target: &mut Target) -> Option<Vec<u8>> {
    flight(target)?;
    let mut numbers: Vec<u64> = target.heard.drain(..).collect();
    let rest = numbers.split_off(1);
    target.hand(&ack_of(&numbers));
    Some(ack_of(&rest[..1]))
}

fn ack_ranges(target: &mut Target) -> Option<Vec<u8>> {
    flight(target)?;
    let numbers: Vec<u64> = target.heard.iter().copied().step_by(2).take(32).collect();
    target.ended = Some(32);
    // What it ends is due with the first.
    target.hand(&ack_of(&numbers));
    Some(ack_of(&numbers))
}

fn ack_flight(target: &mut Target) -> Option<Vec<u8>> {
    flight(target)?;
    target.ended = Some(target.heard.len() as u64);
    Some(target.ack_heard())
}

fn ack_lost(target: &mut Target) -> Option<Vec<u8>> {
    flight(target)?;
    target.ended = Some(target.heard.len() as u64);
    let last = *target.heard.back()?;
    Some(ack_of(&[last]))
}

/// A thousand streams whose writers wait for room, which one acknowledgement makes.
fn ack_starved(target: &mut Target) -> Option<Vec<u8>> {
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        let Ok(stream) = target.host.open_substream(target.now, target.root, Open::default())
        else {
            target.settle();
            let ack = target.ack_heard();
            target.hand(&ack);
            continue;
        };
        streams.push(stream);
    }
    // The peer has heard of them all.
    for _ in 0..20 {
        target.settle();
    }
    let ack = target.ack_heard();
    target.hand(&ack);
    let (first, others) = streams.split_first()?;
    while target.host.write(target.now, *first, &[9; 64 * 1024]).is_ok() {}
    for stream in others {
        // The first has all the room there is.
        target.host.write(target.now, *stream, &[9; 64 * 1024]).err()?;
    }
    for _ in 0..20 {
        target.settle();
    }
    target.ended = Some(target.heard.len() as u64);
    Some(target.ack_heard())
}

/// A stream that nobody knows yet has a child with a thousand children; then it comes, and is
/// refused, as its own parent is gone.
fn refused_parent(target: &mut Target) -> Option<Vec<u8>> {
    let gone = target.opening(StreamId::ROOT);
    target.hand(&bytes(&gone));
    let gone_id = target.id(1);
    target.hand(&bytes(&Frame::Stream(StreamFrame { fin: true, ..stream(gone_id, 0, b"") })));
    let child = target.host.accept_substream(target.now, target.root)?;
    target.host.release(target.now, child);
    target.settle();
    let ack = target.ack_heard();
    target.hand(&ack);
    let late = target.opening(gone_id);
    let late_id = target.id(2);
    let waiting = target.opening(late_id);
    let waiting_id = target.id(3);
    target.hand(&bytes(&waiting));
    while target.opened < 1_020 {
        let payload = target.filled(|it| {
            (it.opened < 1_020).then(|| {
                let frame = it.opening(waiting_id);
                bytes(&frame)
            })
        });
        target.hand(&payload);
    }
    target.ended = Some(1_018);
    Some(bytes(&late))
}

/// Frames of all kinds, at random, about a large tree with gaps, with much in flight.
fn mixture(target: &mut Target, seed: u64) -> Option<Vec<u8>> {
    fan(target)?;
    gaps(target, 300);
    flight(target)?;
    let numbers: Vec<u64> = target.heard.iter().copied().step_by(3).take(20).collect();
    target.hand(&ack_of(&numbers));
    let mut drawn = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut random = move |bound: u64| {
        drawn ^= drawn << 13;
        drawn ^= drawn >> 7;
        drawn ^= drawn << 17;
        drawn % bound
    };
    let mut has_ack = false;
    Some(target.filled(|it| {
        let id = it.id(2 + random(MANY - 2));
        let attributes = Attributes { datagram: random(4) == 0, ..Attributes::default() };
        let open = Some(WireOpen { parent: StreamId::ROOT, attributes, priority: None });
        Some(match random(16) {
            0 => vec![0],
            1 => vec![1],
            2 if !std::mem::replace(&mut has_ack, true) => ack_of(&numbers),
            2 => vec![1],
            3 => vec![6; 9],
            4 => vec![7; 9],
            5 => bytes(&reset(it.id(2 + random(900)))),
            6 => bytes(&Frame::Stop { id, code: CODE }),
            7 => bytes(&Frame::StreamLimit { id, limit: random(1 << 30) }),
            8 => bytes(&Frame::StreamBlocked { id, at: random(9) }),
            9 => bytes(&Frame::ChildLimit { id, limit: random(1 << 30) }),
            10 => bytes(&Frame::ChildBlocked { id, at: random(9) }),
            11 => bytes(&Frame::SessionLimit { limit: random(1 << 30) }),
            12 => bytes(&Frame::Priority { id, priority: random(100) as i8 }),
            13 => {
                it.opened += 1;
                let id = it.id(it.opened);
                bytes(&Frame::Stream(StreamFrame { open, ..stream(id, 0, b"") }))
            }
            14 => bytes(&Frame::Datagram(DatagramFrame { parent: StreamId::ROOT, data: b"abc" })),
            _ => bytes(&data(it.id(1), 2 * random(2_000), b"x")),
        })
    }))
}
