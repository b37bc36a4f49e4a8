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
    for_seeds(300, |seed| {
        let mut pair = Pair::new(seed);
        pair.weather = STORM;
        let (one, two) = pair.join();
        let len = pair.random.below(20_000) as usize;
        let (mut written, mut read, mut ended) = (0, 0, false);
        for _ in 0..200_000 {
            let end = (written + pair.random.below(4000) as usize).min(len);
            let End { streams, tree } = &mut pair.ends[0];
            if written < len {
                match streams.write(tree, one, &bytes(written..end), WriteOptions::default()) {
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
    });
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
                match streams.write(tree, one, &chunk, WriteOptions::default()) {
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
