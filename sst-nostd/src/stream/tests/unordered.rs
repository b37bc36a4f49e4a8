//! Taking bytes as they arrive.

use super::*;

#[test]
fn every_byte_is_taken_once_in_any_order() {
    for_seeds(200, |seed| {
        let mut pair = Pair::new(seed);
        pair.weather = STORM;
        let (one, two) = pair.join();
        let len = 3000;
        let bytes: Vec<u8> = (0..len).map(|i| (i % 253) as u8).collect();
        let (mut sent, mut seen) = (0, vec![false; len]);
        let mixes = pair.random.chance(500);
        for _ in 0..100_000 {
            let End { streams, tree } = &mut pair.ends[0];
            if sent < len {
                let end = (sent + 200).min(len);
                let options = WriteOptions::default();
                sent += streams.of(tree).write(one, &bytes[sent..end], options).unwrap_or(0);
                if sent == len {
                    streams.of(tree).finish(one).unwrap();
                }
            }
            for _ in 0..5 {
                pair.step();
            }
            let mut buf = [0; 150];
            if mixes && pair.random.chance(300) {
                // In order, but for what was taken before.
                let from = pair.ends[1].info(two).read as usize;
                let Ok(got) = pair.read(1, two, 100) else { continue };
                let untaken = (from..len).filter(|at| !seen[*at]).take(got.len());
                for (byte, at) in got.iter().zip(untaken.collect::<Vec<_>>()) {
                    assert_eq!(*byte, bytes[at]);
                    seen[at] = true;
                }
                continue;
            }
            let End { streams, tree } = &mut pair.ends[1];
            match streams.of(tree).read_unordered(pair.now, two, &mut buf) {
                Ok(Some((at, count))) => {
                    let range = at as usize..at as usize + count;
                    assert_eq!(&bytes[range.clone()], &buf[..count]);
                    for seen in &mut seen[range] {
                        assert!(!core::mem::replace(seen, true), "twice");
                    }
                }
                Ok(None) => {
                    assert!(seen.iter().all(|seen| *seen));
                    pair.release(0, one);
                    pair.release(1, two);
                    pair.run();
                    return pair.assert_clean();
                }
                Err(error) => assert_eq!(error, ReadError::Blocked),
            }
            pair.audit();
        }
        panic!("stuck");
    });
}

#[test]
fn what_came_behind_a_gap_can_be_taken_at_once() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let id = pair.ends[0].info(one).id;
    let frame = crate::wire::StreamFrame {
        id,
        offset: 100,
        data: b"late",
        mark: true,
        fin: true,
        open: None,
    };
    pair.hear(1, &Frame::Stream(frame)).unwrap();
    let mut buf = [0; 10];
    let End { streams, tree } = &mut pair.ends[1];
    assert_eq!(streams.of(tree).read(pair.now, two, &mut buf), Err(ReadError::Blocked));
    assert_eq!(streams.of(tree).read_unordered(pair.now, two, &mut buf), Ok(Some((100, 4))));
    let again = streams.of(tree).read_unordered(pair.now, two, &mut buf);
    assert_eq!(again, Err(ReadError::Blocked));
    pair.audit();
}
