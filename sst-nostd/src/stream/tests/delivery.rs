//! Bytes arrive whole and in order, whatever happens on the way.

use super::*;

/// The byte at a position, so that a byte out of place shows.
fn byte(position: usize) -> u8 {
    (position as u32).wrapping_mul(2_654_435_761).to_be_bytes()[1]
}

fn bytes(range: core::ops::Range<usize>) -> Vec<u8> {
    range.map(byte).collect()
}

// Spec: R-7.6-1, R-7.7-3, R-10.1-5, R-10.2-1.
#[test]
fn bytes_arrive_whole_and_in_order_through_a_storm() {
    for_seeds(300, |seed| arrive(Pair::new(seed)));
}

/// Every set of ranges of both hosts is full most of the time.
// Spec: R-7.6-1, R-7.6-6.
#[test]
fn bytes_arrive_whole_with_little_room_for_gaps() {
    let config =
        StreamConfig { stream_window: 8000, session_window: 8000, send_buffer: 8000, ..CONFIG };
    for_seeds(300, |seed| {
        let limits = StreamLimits { range_rows: 2 + (seed % 8) as u32, ..ROOMY };
        let mut pair = Pair::with(seed, config, &limits);
        (pair.least_bytes, pair.most_bytes) = (20, 20 + (seed % 3) * 30);
        arrive(pair);
    });
}

// Spec: R-6.6-3.
#[test]
fn a_probe_says_the_lowest_positions_whatever_the_packet_that_it_repeats_said() {
    let mut pair = Pair::new(1);
    let (one, _) = pair.join();
    (pair.least_bytes, pair.most_bytes) = (1000, 1000);
    let End { streams, tree } = &mut pair.ends[0];
    let written = streams.of(tree).write(one, &bytes(0..1800), WriteOptions::default());
    assert_eq!(written, Ok(1800));
    while pair.send(0) {}
    let [_, second] = &pair.air[..] else { panic!("{} packets", pair.air.len()) };
    let receipts = second.receipts.clone().expect("the first copy");
    pair.air.clear();
    for receipt in receipts {
        let End { streams, tree } = &mut pair.ends[0];
        streams.of(tree).on_probe(receipt, false);
    }
    assert!(pair.send(0));
    let frames = Frames::new(&pair.air[0].bytes).map(|frame| frame.expect("well-formed"));
    let said: Vec<_> = frames
        .filter_map(|frame| match frame {
            Frame::Stream(frame) => Some((frame.offset, frame.data.to_vec())),
            _ => None,
        })
        .collect();
    let [(start, sent)] = &said[..] else { panic!("{said:?}") };
    assert_eq!((*start, &sent[..]), (0, &bytes(0..sent.len())[..]));
    // As many as the repeated packet had: 1,800 less what the first one took.
    assert!((700..1000).contains(&sent.len()), "{} bytes", sent.len());
}

// Spec: R-6.6-3.
#[test]
fn a_probe_says_all_frames_of_a_packet_that_holds_the_lowest_positions() {
    let mut pair = Pair::new(1);
    let (one, _) = pair.join();
    (pair.least_bytes, pair.most_bytes) = (1000, 1000);
    let mark = WriteOptions { mark: true };
    for record in [&bytes(0..20)[..], &bytes(20..500)] {
        let End { streams, tree } = &mut pair.ends[0];
        assert_eq!(streams.of(tree).write(one, record, mark), Ok(record.len()));
    }
    assert!(pair.send(0));
    let first = pair.air.remove(0);
    let receipts = first.receipts.expect("the first copy");
    assert_eq!(receipts.len(), 2, "one for each record");
    for receipt in receipts {
        let End { streams, tree } = &mut pair.ends[0];
        streams.of(tree).on_probe(receipt, false);
    }
    assert!(pair.send(0));
    let said = |packet: &[u8]| {
        let frames = Frames::new(packet).map(|frame| frame.expect("well-formed"));
        let lens = frames.map(|frame| match frame {
            Frame::Stream(frame) => frame.data.len(),
            _ => 0,
        });
        lens.sum::<usize>()
    };
    assert_eq!((said(&first.bytes), said(&pair.air[0].bytes)), (500, 500));
}

/// Bytes are written, carried through a storm, and read.
fn arrive(mut pair: Pair) {
    pair.weather = STORM;
    let (one, two) = pair.join();
    let len = pair.random.below(20_000) as usize;
    let (mut written, mut read, mut ended) = (0, 0, false);
    for _ in 0..200_000 {
        let end = (written + pair.random.below(4000) as usize).min(len);
        let End { streams, tree } = &mut pair.ends[0];
        if written < len {
            match streams.of(tree).write(one, &bytes(written..end), WriteOptions::default()) {
                Ok(taken) => written += taken,
                Err(error) => assert_eq!(error, WriteError::Blocked),
            }
            if written == len {
                pair.ends[0].finish(one);
            }
        } else if len == 0 && pair.ends[0].info(one).send_state == SendState::Open {
            pair.ends[0].finish(one);
        }
        for _ in 0..pair.random.below(8) {
            pair.step();
        }
        let room = 1 + pair.random.below(3000) as usize;
        match pair.read(1, two, room) {
            Ok(got) if got.is_empty() => ended = true,
            Ok(got) => {
                assert_eq!(got, bytes(read..read + got.len()));
                read += got.len();
            }
            Err(error) => assert_eq!(error, ReadError::Blocked),
        }
        if ended {
            break;
        }
    }
    assert!(ended && read == len, "{read} of {len}");
    pair.release(0, one);
    pair.release(1, two);
    pair.run();
    pair.assert_clean();
}

// Spec: R-7.5-4.
#[test]
fn a_writer_is_woken_when_there_is_room_again() {
    for_seeds(50, |seed| {
        let mut pair = Pair::new(seed);
        pair.weather = STORM;
        let (one, two) = pair.join();
        let (mut written, mut read, mut may_write) = (0, 0, true);
        for _ in 0..100_000 {
            while may_write && written < 30_000 {
                let End { streams, tree } = &mut pair.ends[0];
                let chunk = bytes(written..written + 700);
                match streams.of(tree).write(one, &chunk, WriteOptions::default()) {
                    Ok(taken) => {
                        written += taken;
                        // The rest waits for the event.
                        may_write = taken == 700;
                    }
                    Err(error) => {
                        assert_eq!(error, WriteError::Blocked);
                        may_write = false;
                    }
                }
            }
            pair.step();
            may_write |= pair.ends[0].events().contains(&(one, StreamEvent::Writable));
            if pair.ends[1].events().contains(&(two, StreamEvent::Readable)) {
                while let Ok(got) = pair.read(1, two, 500) {
                    assert_eq!(got, bytes(read..read + got.len()));
                    read += got.len();
                }
            }
            if read >= 30_000 {
                return;
            }
        }
        panic!("asleep after {written}, {read}");
    });
}

/// A queue that overflows drops every other packet of a round trip.
// Spec: R-6.6-4, R-7.6-6.
#[test]
fn hundreds_of_gaps_cost_what_was_lost_and_no_more() {
    let config = StreamConfig {
        stream_window: 60_000,
        session_window: 60_000,
        send_buffer: 60_000,
        ..CONFIG
    };
    let mut pair = Pair::with(1, config, &ROOMY);
    (pair.least_bytes, pair.most_bytes) = (100, 100);
    let (from, to) = pair.join();
    assert_eq!(pair.ends[0].write(from, &[7; 60_000]), 60_000);
    while pair.send(0) {}
    let sent = pair.air.len();
    assert!(sent > 600);
    for packet in (0..sent).rev().step_by(2) {
        let lost = pair.air.remove(packet);
        pair.fates.push((0, lost.receipts.unwrap(), Fate::Lost));
    }
    while pair.deliver() {}
    while pair.report() {}
    assert_eq!(pair.turned_down, 0);
    let mut again = 0;
    while pair.send(0) {
        again += 1;
    }
    assert!(again <= sent.div_ceil(2) + 1, "{again} of {sent}");
    pair.run();
    assert_eq!(pair.read(1, to, 60_000).map(|bytes| bytes.len()), Ok(60_000));
}

/// Without room to note what need not be sent again, some of it is sent again; but what is
/// acknowledged meanwhile is let go, and zeros must not go in its place.
// Spec: R-6.6-4, R-7.6-3.
#[test]
fn what_was_acknowledged_while_it_was_owed_is_not_sent_again() {
    let config = StreamConfig {
        stream_window: 12_000,
        session_window: 12_000,
        send_buffer: 12_000,
        ..CONFIG
    };
    // A row of ranges for each set, and no more.
    let limits = StreamLimits { range_rows: 4, block_bytes: 64, ..ROOMY };
    let mut pair = Pair::with(1, config, &limits);
    (pair.least_bytes, pair.most_bytes) = (100, 100);
    let (from, to) = pair.join();
    let written = pair.ends[0].write(from, &bytes(0..11_500));
    while pair.send(0) {}
    assert!(pair.air.len() >= 110, "{} of {written}", pair.air.len());
    let (odd, even) = split_in_turn(core::mem::take(&mut pair.air));
    pair.air = odd;
    while pair.deliver() {}
    for lost in even {
        pair.fates.push((0, lost.receipts.unwrap(), Fate::Lost));
    }
    while pair.report() {}
    let mut read = vec![];
    while read.len() < written {
        pair.send(0);
        pair.deliver();
        pair.report();
        pair.audit();
        if let Ok(got) = pair.read(1, to, 12_000) {
            read.extend(got);
        }
    }
    assert_eq!(read, bytes(0..written));
}

/// The second, fourth and so on, and the first, third and so on.
fn split_in_turn(packets: Vec<pair::Packet>) -> (Vec<pair::Packet>, Vec<pair::Packet>) {
    let mut both = (vec![], vec![]);
    for (index, packet) in packets.into_iter().enumerate() {
        let half = if index % 2 == 1 { &mut both.0 } else { &mut both.1 };
        half.push(packet);
    }
    both
}
