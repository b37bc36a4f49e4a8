//! Whatever a peer sends, nothing panics, and what is refused changes nothing.

use crate::id::StreamId;
use crate::wire::{Attributes, DatagramFrame, Open as WireOpen, ResetFrame, StreamFrame};

use super::*;

fn number(random: &mut Random) -> u64 {
    match random.below(6) {
        0 => 0,
        1..4 => random.below(3000),
        4 => (1 << 62) - 1 - random.below(3),
        _ => random.next() >> (2 + random.below(60)),
    }
}

fn id(random: &mut Random) -> StreamId {
    let value = if random.chance(900) { random.below(24) } else { number(random) };
    StreamId::from_u64(value).unwrap_or(StreamId::ROOT)
}

fn open(random: &mut Random) -> Option<WireOpen> {
    random.chance(500).then(|| WireOpen {
        parent: if random.chance(400) { StreamId::ROOT } else { id(random) },
        attributes: Attributes { datagram: random.chance(200), service: random.chance(50) },
        priority: random.chance(300).then(|| random.next() as i8),
    })
}

fn frame<'a>(random: &mut Random, data: &'a [u8]) -> Frame<'a> {
    let id = id(random);
    let code = StreamCode::new(number(random));
    let data = &data[..random.below(data.len() as u64) as usize];
    match random.below(16) {
        0 => Frame::Reset(ResetFrame {
            id,
            code,
            final_position: number(random),
            open: open(random),
        }),
        1 => Frame::Stop { id, code },
        2 => Frame::StreamLimit { id, limit: number(random) },
        3 => Frame::StreamBlocked { id, at: number(random) },
        4 => Frame::ChildLimit { id, limit: number(random) },
        5 => Frame::ChildBlocked { id, at: number(random) },
        6 => Frame::SessionLimit { limit: number(random) },
        7 => Frame::SessionBlocked { at: number(random) },
        8 => Frame::Priority { id, priority: random.next() as i8 },
        9 => Frame::Datagram(DatagramFrame { parent: id, data }),
        _ => Frame::Stream(StreamFrame {
            id,
            offset: number(random).min((1 << 61) - 1),
            data,
            mark: random.chance(200),
            fin: random.chance(200),
            open: open(random),
        }),
    }
}

/// What a fault must leave as it was.
fn sketch(end: &End) -> std::string::String {
    use std::fmt::Write;
    let mut sketch = std::format!("{:?}", end.tree);
    let rows = &end.streams.rows;
    for row in (0..rows.limit()).filter_map(|index| rows.at(index)) {
        let id = row.id;
        write!(sketch, "{id} {:?} {:?} {:?}", row.state, row.sending, row.receiving).unwrap();
    }
    sketch
}

#[test]
fn arbitrary_frames_never_panic_and_faults_change_nothing() {
    let data = [0x5a; 1300];
    for_seeds(3000, |seed| {
        let mut random = Random::new(seed);
        let tiny = StreamLimits {
            sessions: 1,
            streams: 1 + random.below(8) as u32,
            parents: 1 + random.below(3) as u32,
            gapped: random.below(3) as u32,
            range_rows: random.below(3) as u32,
            blocks: random.below(8) as u32,
            block_bytes: 64,
            tracked_datagrams: 1,
        };
        let limits = if random.chance(500) { tiny } else { ROOMY };
        let mut pair = Pair::with(seed, CONFIG, &limits);
        let mut held = vec![pair.ends[0].root()];
        for _ in 0..120 {
            let frame = frame(&mut random, &data);
            let before = sketch(&pair.ends[0]);
            let result = pair.hear(0, &frame);
            let is_new = matches!(
                &frame,
                Frame::Stream(StreamFrame { open: Some(_), .. })
                    | Frame::Reset(ResetFrame { open: Some(_), .. })
            );
            if result.is_err_and(|fault| fault != Fault::NoCapacity) && !is_new {
                assert_eq!(sketch(&pair.ends[0]), before, "{result:?} {frame:?}");
            }
            let stream = random.pick(&held).unwrap();
            let End { streams, tree } = &mut pair.ends[0];
            match random.below(8) {
                0 => held.extend(streams.of(tree).accept_substream(stream)),
                1 => held.extend(pair.ends[0].try_open(stream)),
                2 => _ = streams.of(tree).write(stream, &data, WriteOptions { mark: true }),
                3 => _ = pair.read(0, stream, 100),
                4 => _ = streams.of(tree).recv_datagram(pair.now, stream, &mut [0; 1300]),
                5 if random.chance(300) => pair.release(0, stream),
                6 => {
                    pair.send(0);
                    pair.air.clear();
                }
                _ => {}
            }
            while pair.ends[0].streams.poll_event().is_some() {}
            audit::audit(&pair.ends[0].streams, &pair.ends[0].tree);
        }
        let End { streams, tree } = &mut pair.ends[0];
        while !streams.of(tree).tear_down() {}
        assert!(streams.is_empty() && streams.ids.len() == 0);
        assert_eq!(streams.stores.pool.used_blocks(), 0);
    });
}
