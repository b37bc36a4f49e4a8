//! How halves end, who hears of it, and that nothing stays behind.

use crate::wire::{ResetFrame, StreamFrame};

use super::*;

#[test]
fn a_finished_stream_is_forgotten_by_both() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].write(one, b"question");
    pair.ends[0].finish(one);
    pair.run();
    assert_eq!(pair.read(1, two, 99).unwrap(), b"question");
    assert_eq!(pair.read(1, two, 99).unwrap(), b"");
    pair.ends[1].write(two, b"answer");
    pair.ends[1].finish(two);
    pair.run();
    assert_eq!(pair.read(0, one, 99).unwrap(), b"answer");
    assert!(pair.ends[0].events().contains(&(one, StreamEvent::Finished)));
    assert_eq!(pair.ends[0].info(one).send_state, SendState::Delivered);
    pair.release(0, one);
    pair.release(1, two);
    pair.assert_clean();
    assert!(pair.is_quiet(), "nothing was left to say");
}

#[test]
fn the_end_is_told_with_the_last_bytes_and_only_with_them() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let read_on = |pair: &mut Pair| {
        let (End { streams, tree }, mut buf) = (&mut pair.ends[1], [0; 4]);
        streams.of(tree).read_on(pair.now, two, &mut buf).map(|read| (read.len, read.finished))
    };
    pair.ends[0].write(one, b"open");
    pair.run();
    assert_eq!(read_on(&mut pair), Ok((4, false)));
    assert_eq!(read_on(&mut pair), Err(ReadError::Blocked));
    pair.ends[0].write(one, b"last one");
    pair.ends[0].finish(one);
    pair.run();
    assert_eq!(read_on(&mut pair), Ok((4, false)), "four bytes more");
    assert_eq!(read_on(&mut pair), Ok((4, true)));
    assert_eq!(read_on(&mut pair), Ok((0, true)));
}

#[test]
fn a_reset_reaches_the_reader_with_its_code_and_returns_the_credit() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].write(one, &[1; 1500]);
    pair.run();
    pair.reset(0, one, 77);
    pair.run();
    assert_eq!(pair.read(1, two, 99), Err(ReadError::Reset(StreamCode::new(77))));
    assert!(pair.ends[1].events().contains(&(two, StreamEvent::Reset(StreamCode::new(77)))));
    let tree = &pair.ends[1].tree;
    assert_eq!((tree.received, tree.consumed), (1500, 1500));
    let written = pair.ends[0].streams.of(&mut pair.ends[0].tree).write(
        one,
        b"more",
        WriteOptions::default(),
    );
    assert_eq!(written, Err(WriteError::Finished));
}

#[test]
fn a_stop_is_answered_with_its_own_code() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].write(one, &[1; 500]);
    pair.stop(1, two, 9);
    pair.run();
    let stopped = StreamEvent::Stopped(StreamCode::new(9));
    assert!(pair.ends[0].events().contains(&(one, stopped)));
    assert_eq!(pair.ends[1].info(two).receive_state, ReceiveState::Reset(StreamCode::new(9)));
    assert_eq!(pair.ends[0].info(one).send_state, SendState::Reset);
    pair.release(0, one);
    pair.release(1, two);
    pair.run();
    pair.assert_clean();
}

#[test]
fn a_stop_of_what_was_delivered_changes_nothing() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].write(one, b"all");
    pair.ends[0].finish(one);
    pair.run();
    let id = pair.ends[0].info(one).id;
    pair.hear(0, &Frame::Stop { id, code: StreamCode::new(1) }).unwrap();
    assert_eq!(pair.ends[0].info(one).send_state, SendState::Delivered);
    assert_eq!(pair.read(1, two, 9).unwrap(), b"all");
}

#[test]
fn a_reset_behind_all_of_the_data_takes_nothing_back() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].write(one, b"kept");
    pair.ends[0].finish(one);
    pair.run();
    let id = pair.ends[0].info(one).id;
    let code = StreamCode::new(3);
    let reset = |final_position| ResetFrame { id, code, final_position, open: None };
    assert_eq!(pair.hear(1, &Frame::Reset(reset(3))), Err(Fault::FinalSize));
    assert_eq!(pair.hear(1, &Frame::Reset(reset(5))), Err(Fault::FinalSize));
    pair.hear(1, &Frame::Reset(reset(4))).unwrap();
    assert_eq!(pair.read(1, two, 9).unwrap(), b"kept");
    assert_eq!(pair.read(1, two, 9).unwrap(), b"");
    pair.audit();
}

#[test]
fn final_positions_must_agree() {
    let mut pair = Pair::new(1);
    let (one, _) = pair.join();
    let id = pair.ends[0].info(one).id;
    let frame = |offset, data, fin| {
        Frame::Stream(StreamFrame { id, offset, data, mark: false, fin, open: None })
    };
    pair.hear(1, &frame(10, b"0123456789", false)).unwrap();
    let reset = ResetFrame { id, code: StreamCode::new(0), final_position: 19, open: None };
    assert_eq!(pair.hear(1, &Frame::Reset(reset)), Err(Fault::FinalSize));
    assert_eq!(pair.hear(1, &frame(0, b"", true)), Err(Fault::FinalSize));
    pair.hear(1, &frame(20, b"0123456789", true)).unwrap();
    assert_eq!(pair.hear(1, &frame(30, b"x", false)), Err(Fault::FinalSize));
    assert_eq!(pair.hear(1, &frame(29, b"x", false)), Ok(()));
    assert_eq!(pair.hear(1, &frame(20, b"", true)), Err(Fault::FinalSize));
    pair.audit();
}

#[test]
fn a_fin_ahead_of_its_data_does_not_stand_for_it() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let id = pair.ends[0].info(one).id;
    let frame = |offset, data, fin| {
        Frame::Stream(StreamFrame { id, offset, data, mark: false, fin, open: None })
    };
    pair.hear(1, &frame(4, b"", true)).unwrap();
    assert_eq!(pair.read(1, two, 9), Err(ReadError::Blocked));
    assert_eq!(pair.ends[1].info(two).receive_state, ReceiveState::SizeKnown);
    pair.hear(1, &frame(0, b"da", false)).unwrap();
    assert_eq!(pair.read(1, two, 9).unwrap(), b"da");
    pair.hear(1, &frame(2, b"ta", false)).unwrap();
    assert_eq!(pair.ends[1].info(two).receive_state, ReceiveState::Whole);
    assert_eq!(pair.read(1, two, 9).unwrap(), b"ta");
    assert_eq!(pair.read(1, two, 9).unwrap(), b"");
    assert_eq!(pair.ends[1].streams.stores.gaps.len(), 0);
}

#[test]
fn a_dropped_handle_resets_and_stops_but_a_finished_half_is_delivered() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].write(one, b"finished");
    pair.ends[0].finish(one);
    pair.release(0, one);
    pair.ends[1].write(two, b"unwanted");
    pair.run();
    assert_eq!(pair.read(1, two, 99).unwrap(), b"finished");
    let dropped = StreamEvent::Stopped(StreamCode::DROPPED);
    assert!(pair.ends[1].events().contains(&(two, dropped)));
    pair.release(1, two);
    pair.run();
    pair.assert_clean();

    let (one, two) = pair.join();
    pair.ends[0].write(one, b"unfinished");
    pair.release(0, one);
    pair.run();
    assert_eq!(pair.read(1, two, 99), Err(ReadError::Reset(StreamCode::DROPPED)));
    pair.release(1, two);
    pair.run();
    pair.assert_clean();
}

#[test]
fn lost_limits_and_stops_of_a_stopped_stream_say_nothing_false() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.stop(1, two, 5_000_000);
    let End { streams, tree } = &mut pair.ends[1];
    // A limit sent before the stop, and lost: the row holds the code by now.
    streams.of(tree).on_receipt(Receipt::StreamLimit(two), Fate::Lost);
    pair.run();
    assert_eq!(pair.ends[0].info(one).send_state, SendState::Reset);
    pair.audit();
}

#[test]
fn an_acknowledged_fin_does_not_stand_for_a_reset() {
    let mut pair = Pair::new(1);
    let (one, _) = pair.join();
    pair.ends[0].write(one, b"data");
    pair.ends[0].finish(one);
    pair.reset(0, one, 1);
    let End { streams, tree } = &mut pair.ends[0];
    let receipt = |fin| Receipt::Stream { stream: one, start: 4, len: 0, fin, open: false };
    streams.rows.get_mut(one).unwrap().state.set(State::FIN_ACKED);
    streams.of(tree).on_receipt(receipt(false), Fate::Acked);
    assert!(!pair.ends[0].events().contains(&(one, StreamEvent::Finished)));
    assert!(!pair.ends[0].tree.is_drained());
    pair.run();
    assert!(pair.ends[0].tree.is_drained());
}

#[test]
fn a_lifetime_ends_what_is_not_delivered_only() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let (three, four) = pair.join();
    for stream in [one, three] {
        let End { streams, tree } = &mut pair.ends[0];
        assert!(streams.set_lifetime(pair.now, stream, Some(Duration::from_secs(60))));
        streams.of(tree).write(stream, b"data", WriteOptions::default()).unwrap();
    }
    pair.ends[0].finish(one);
    pair.run();
    assert_eq!(pair.ends[0].streams.take_expired(pair.now), None);
    pair.now = pair.now.after(Duration::from_secs(60));
    let End { streams, tree } = &mut pair.ends[0];
    while let Some((session, stream)) = streams.take_expired(pair.now) {
        assert_eq!(session, 7);
        streams.of(tree).expire(stream);
    }
    assert_eq!(streams.next_expiry(), None);
    pair.run();
    assert_eq!(pair.read(1, two, 9).unwrap(), b"data");
    assert_eq!(pair.read(1, four, 9), Err(ReadError::Reset(StreamCode::EXPIRED)));
    let End { streams, tree } = &mut pair.ends[0];
    let late = streams.of(tree).write(three, b"more", WriteOptions::default());
    assert_eq!(late, Err(WriteError::Expired));
    let events = pair.ends[0].events();
    assert!(events.contains(&(three, StreamEvent::Expired)));
    assert!(events.contains(&(one, StreamEvent::Finished)));
    assert!(!events.contains(&(one, StreamEvent::Expired)));
}

#[test]
fn a_stream_given_up_before_its_first_frame_is_announced() {
    let mut pair = Pair::new(1);
    let root = pair.ends[0].root();
    let one = pair.ends[0].open(root);
    pair.ends[0].write(one, b"never sent");
    pair.release(0, one);
    let two = pair.ends[0].open(root);
    pair.run();
    assert!(pair.ends[0].streams.info(two).is_some());
    let root = pair.ends[1].root();
    let first = pair.ends[1].accept(root);
    assert_eq!(pair.read(1, first, 9), Err(ReadError::Reset(StreamCode::DROPPED)));
    assert_eq!(pair.ends[1].tree.received, 0);
    let second = pair.ends[1].accept(root);
    pair.release(1, first);
    pair.release(1, second);
    pair.release(0, two);
    pair.run();
    pair.assert_clean();
}

#[test]
fn a_stream_that_was_stopped_has_no_limit_any_more() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    assert_eq!(pair.ends[0].info(one).send_limit, Some(2000));
    pair.stop(1, two, 77);
    pair.run();
    assert_eq!(pair.ends[0].info(one).send_limit, None);
    let End { streams, tree } = &mut pair.ends[0];
    let stopped = streams.of(tree).write(one, b"x", WriteOptions::default());
    assert_eq!(stopped, Err(WriteError::Stopped(StreamCode::new(77))));
    assert_eq!(pair.read(1, two, 1), Err(ReadError::Reset(StreamCode::new(77))), "its answer");
    let (one, two) = pair.join();
    pair.reset(0, one, 5);
    pair.run();
    assert_eq!(pair.ends[0].info(one).send_limit, None);
    assert_eq!(pair.read(1, two, 1), Err(ReadError::Reset(StreamCode::new(5))));
    assert_eq!(pair.ends[1].info(two).receive_state, ReceiveState::Reset(StreamCode::new(5)));
}

/// The end goes with the last bytes, and only with the last.
// Spec: R-7.7-1.
#[test]
fn the_end_is_taken_with_all_of_the_bytes_or_not_at_all() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let (mut left, mut read) = (5000, 0);
    while left > 0 {
        let End { streams, tree } = &mut pair.ends[0];
        match streams.of(tree).write_last(one, &vec![1; left]) {
            Ok(taken) => left -= taken,
            Err(error) => assert_eq!(error, WriteError::Blocked),
        }
        let is_open = pair.ends[0].info(one).send_state == SendState::Open;
        assert_eq!(is_open, left > 0);
        pair.run();
        read += pair.read(1, two, 5000).map_or(0, |got| got.len());
    }
    loop {
        pair.run();
        match pair.read(1, two, 5000).unwrap() {
            got if got.is_empty() => break,
            got => read += got.len(),
        }
    }
    assert_eq!(read, 5000);
    let End { streams, tree } = &mut pair.ends[0];
    assert_eq!(streams.of(tree).write_last(one, &[]), Err(WriteError::Finished));
}
