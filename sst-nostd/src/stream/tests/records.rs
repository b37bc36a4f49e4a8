//! Marks and the records between them.

use super::*;

#[test]
fn records_arrive_as_they_were_written() {
    for_seeds(200, |seed| {
        let mut pair = Pair::new(seed);
        pair.weather = STORM;
        let (one, two) = pair.join();
        let sizes: Vec<usize> = (0..30)
            .map(|_| [0, 1, 7, 63, 64, 65, 127, 128, 900][pair.random.below(9) as usize])
            .collect();
        let (mut sent, mut got, mut current) = (0, 0, vec![]);
        let mut rest = vec![0; sizes[0]];
        for _ in 0..100_000 {
            if sent < sizes.len() {
                let End { streams, tree } = &mut pair.ends[0];
                let options = WriteOptions { mark: true };
                if let Ok(taken) = streams.of(tree).write(one, &rest, options) {
                    let has_mark = taken == rest.len();
                    rest.drain(..taken);
                    if has_mark {
                        sent += 1;
                        rest = vec![sent as u8; sizes.get(sent).copied().unwrap_or(0)];
                    }
                }
            }
            pair.step();
            let room = 1 + pair.random.below(200) as usize;
            if let Ok((bytes, read)) = pair.read_record(1, two, room) {
                current.extend(bytes);
                if read.end {
                    assert_eq!(core::mem::take(&mut current), vec![got as u8; sizes[got]]);
                    got += 1;
                }
            }
            if got == sizes.len() {
                return;
            }
        }
        panic!("stuck at {got} of {sent}");
    });
}

#[test]
fn empty_records_count() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    for bytes in [&b""[..], b"", b"x", b""] {
        pair.ends[0].record(one, bytes);
    }
    pair.ends[0].finish(one);
    pair.run();
    for bytes in [&b""[..], b"", b"x", b""] {
        let (got, read) = pair.read_record(1, two, 10).unwrap();
        assert_eq!((got.as_slice(), read.end), (bytes, true));
    }
    // The last mark was read with the last record, so the end is here.
    let (got, read) = pair.read_record(1, two, 10).unwrap();
    assert_eq!((got.len(), read.end, read.finished), (0, false, true));
}

#[test]
fn reading_bytes_leaves_marks_out() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    for bytes in [&b"ab"[..], b"", b"cd", b"e"] {
        pair.ends[0].record(one, bytes);
    }
    pair.ends[0].write(one, b"f");
    pair.run();
    assert_eq!(pair.read(1, two, 3).unwrap(), b"abc");
    assert_eq!(pair.read_record(1, two, 9).unwrap().0, b"d");
    assert_eq!(pair.read(1, two, 9).unwrap(), b"ef");
    assert_eq!(pair.read(1, two, 9), Err(ReadError::Blocked));
    // Six bytes and four marks.
    assert_eq!(pair.ends[1].info(two).read, 10);
    pair.audit();
}

#[test]
fn a_record_that_no_mark_ends_is_told_from_one() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].record(one, b"whole");
    pair.ends[0].write(one, b"half");
    pair.ends[0].finish(one);
    pair.run();
    let (_, read) = pair.read_record(1, two, 99).unwrap();
    assert!(read.end && !read.finished);
    let (got, read) = pair.read_record(1, two, 99).unwrap();
    assert_eq!((got.as_slice(), read.end, read.finished), (&b"half"[..], false, true));
}

#[test]
fn a_record_larger_than_every_buffer_passes() {
    let mut pair = Pair::new(3);
    let (one, two) = pair.join();
    let record: Vec<u8> = (0..20_000_u32).map(|i| (i % 251) as u8).collect();
    let (mut sent, mut got) = (0, vec![]);
    for _ in 0..100_000 {
        let End { streams, tree } = &mut pair.ends[0];
        if sent < record.len() {
            let options = WriteOptions { mark: true };
            sent += streams.of(tree).write(one, &record[sent..], options).unwrap_or(0);
        }
        pair.step();
        let Ok((bytes, read)) = pair.read_record(1, two, 300) else { continue };
        got.extend(bytes);
        if read.end {
            return assert_eq!(got, record);
        }
    }
    panic!("stuck at {}", got.len());
}
