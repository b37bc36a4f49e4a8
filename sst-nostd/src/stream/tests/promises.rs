//! The rules of docs/PROTOCOL.md sections 7 and 8 for what goes out and what the application gets.

use super::rules::{ZEROS, data, frames, one, opening, opening_as, ours, reset, theirs};
use super::*;
use crate::id::StreamId;
use crate::wire::{DatagramFrame, Frame, StreamCode, StreamFrame};

const ROOT: StreamId = StreamId::ROOT;
const FAIR: PathQuality = PathQuality { payload_bytes: 100, loss_rate: 0 };

fn has(packets: &[Vec<u8>], wanted: impl Fn(&Frame<'_>) -> bool) -> usize {
    frames(packets).iter().filter(|frame| wanted(frame)).count()
}

/// How many new bytes of streams are in `packets`.
fn bytes_in(packets: &[Vec<u8>]) -> usize {
    let len =
        |frame: &Frame<'_>| if let Frame::Stream(frame) = frame { frame.data.len() } else { 0 };
    frames(packets).iter().map(len).sum()
}

// Spec: R-7.3-1, R-7.3-2, R-7.3-5.
#[test]
fn an_opening_is_announced_at_once_and_repeated_until_it_is_known() {
    let mut end = one();
    let root = end.root();
    let stream = end.open(root);
    let packets = end.speak(None);
    assert_eq!(frames(&packets), [Frame::Stream(opening(ours(1), ROOT))]);
    assert!(end.streams.of(&mut end.tree).request_priority(stream, 3));
    end.write(stream, b"more");
    let packets = end.speak(Some(Fate::Acked));
    let open = opening(ours(1), ROOT).open;
    assert_eq!(
        frames(&packets),
        [Frame::Stream(StreamFrame { open, ..data(ours(1), 0, b"more") })]
    );
    end.write(stream, b"last");
    let packets = end.speak(None);
    let wish = Frame::Priority { id: ours(1), priority: 3 };
    assert_eq!(frames(&packets), [wish, Frame::Stream(data(ours(1), 4, b"last"))]);
}

// Spec: R-7.5-1, R-7.5-3, R-7.5-6.
#[test]
fn a_sender_keeps_to_its_credit_and_says_once_that_it_waits() {
    let mut end = one();
    let root = end.root();
    let stream = end.open(root);
    end.write(stream, &ZEROS[..3000]);
    let id = ours(1);
    let is_blocked = |at: u64| move |frame: &Frame<'_>| *frame == Frame::StreamBlocked { id, at };
    let packets = [end.speak(Some(Fate::Acked)), end.speak(Some(Fate::Acked))].concat();
    assert_eq!((bytes_in(&packets), has(&packets, is_blocked(2000))), (2000, 1));
    for limit in [0, 1999, 2000] {
        assert_eq!(end.hear(Frame::StreamLimit { id, limit }), Ok(()));
        assert!(end.speak(None).is_empty(), "{limit}");
    }
    assert_eq!(end.hear(Frame::StreamLimit { id, limit: 2500 }), Ok(()));
    let packets = end.speak(Some(Fate::Acked));
    assert_eq!(bytes_in(&packets), 500);
}

// Spec: R-7.5-4, R-7.5-6.
#[test]
fn credit_is_renewed_as_it_is_read_and_told_again_to_who_missed_it() {
    let mut end = one();
    end.hear_stream(StreamFrame { data: &ZEROS[..2000], ..opening(theirs(1), ROOT) }).unwrap();
    let root = end.root();
    let child = end.accept(root);
    let id = theirs(1);
    let is_limit =
        |frame: &Frame<'_>| matches!(frame, Frame::StreamLimit { limit, .. } if *limit > 2000);
    assert_eq!(has(&end.speak(Some(Fate::Acked)), is_limit), 0);
    let End { streams, tree } = &mut end;
    assert_eq!(streams.of(tree).read(Instant::ZERO, child, &mut [0; 2000]), Ok(2000));
    assert_eq!(has(&end.speak(Some(Fate::Acked)), is_limit), 1);
    end.hear(Frame::StreamBlocked { id, at: 2000 }).unwrap();
    assert_eq!(has(&end.speak(Some(Fate::Acked)), is_limit), 1);
    end.hear(Frame::StreamBlocked { id, at: 1 << 40 }).unwrap();
    assert_eq!(has(&end.speak(Some(Fate::Acked)), is_limit), 0);
}

// Spec: R-7.7-4, R-7.7-6.
#[test]
fn a_stop_is_answered_by_a_reset_with_its_code_and_nothing_more() {
    let mut end = one();
    let root = end.root();
    let stream = end.open(root);
    end.write(stream, b"12345");
    end.speak(Some(Fate::Acked));
    end.write(stream, b"678");
    let (id, code) = (ours(1), StreamCode::new(99));
    for _ in 0..2 {
        assert_eq!(end.hear(Frame::Stop { id, code }), Ok(()));
    }
    let packets = end.speak(Some(Fate::Lost));
    let reset = Frame::Reset(crate::wire::ResetFrame { code, ..reset(id, 5) });
    assert_eq!(frames(&packets), [reset]);
    assert_eq!(frames(&end.speak(Some(Fate::Acked))), [reset], "until it is acknowledged");
    assert!(end.speak(None).is_empty());
    let End { streams, tree } = &mut end;
    let written = streams.of(tree).write(stream, b"9", WriteOptions::default());
    assert_eq!(written, Err(WriteError::Stopped(code)));
}

// Spec: R-7.7-5, R-11.2-1.
#[test]
fn a_reset_takes_back_what_is_not_whole_and_nothing_else() {
    for is_whole in [true, false] {
        let mut end = one();
        let frame = StreamFrame { data: b"abc", fin: is_whole, ..opening(theirs(1), ROOT) };
        end.hear_stream(frame).unwrap();
        let root = end.root();
        let child = end.accept(root);
        let code = StreamCode::new(1 << 40);
        let cut = crate::wire::ResetFrame { code, ..reset(theirs(1), 3) };
        end.hear(Frame::Reset(cut)).unwrap();
        let End { streams, tree } = &mut end;
        let read = streams.of(tree).read(Instant::ZERO, child, &mut [0; 9]);
        assert_eq!(read, if is_whole { Ok(3) } else { Err(ReadError::Reset(code)) });
        assert_eq!(end.tree.consumed, 3, "the credit comes back");
    }
}

// Spec: R-7.7-7.
#[test]
fn what_arrives_after_a_stop_is_counted_and_thrown_away() {
    let mut end = one();
    end.hear_stream(opening(theirs(1), ROOT)).unwrap();
    let root = end.root();
    let child = end.accept(root);
    let code = StreamCode::new(3);
    let End { streams, tree } = &mut end;
    streams.of(tree).stop(Instant::ZERO, child, code);
    assert_eq!(has(&end.speak(None), |frame| *frame == Frame::Stop { id: theirs(1), code }), 1);
    end.hear_stream(data(theirs(1), 0, &ZEROS[..700])).unwrap();
    end.hear(Frame::Reset(reset(theirs(1), 900))).unwrap();
    assert_eq!((end.tree.received, end.tree.consumed), (900, 900));
    assert_eq!(end.hear_stream(data(theirs(1), 900, b"x")), Err(Fault::FinalSize));
}

// Spec: R-7.7-3, R-7.7-8.
#[test]
fn letting_go_is_not_finishing() {
    let mut end = one();
    let root = end.root();
    let (dropped, finished) = (end.open(root), end.open(root));
    end.write(dropped, b"half");
    end.write(finished, b"all");
    end.speak(Some(Fate::Acked));
    end.finish(finished);
    let End { streams, tree } = &mut end;
    let written = streams.of(tree).write(finished, b"!", WriteOptions::default());
    assert_eq!(written, Err(WriteError::Finished));
    streams.of(tree).release(Instant::ZERO, dropped);
    let packets = end.speak(None);
    let code = StreamCode::DROPPED;
    let cut = crate::wire::ResetFrame { code, ..reset(ours(1), 4) };
    assert_eq!(has(&packets, |frame| *frame == Frame::Reset(cut)), 1);
    assert_eq!(has(&packets, |frame| *frame == Frame::Stop { id: ours(1), code }), 1);
    let end = StreamFrame { fin: true, ..data(ours(2), 3, b"") };
    assert_eq!(has(&packets, |frame| *frame == Frame::Stream(end)), 1);
}

// Spec: R-10.9-1.
#[test]
fn a_stream_given_up_at_birth_is_announced_and_then_stopped() {
    let mut end = one();
    let root = end.root();
    let stream = end.open(root);
    let End { streams, tree } = &mut end;
    streams.of(tree).release(Instant::ZERO, stream);
    let stop = Frame::Stop { id: ours(1), code: StreamCode::DROPPED };
    let packets = end.speak(Some(Fate::Acked));
    let is_reset = |frame: &Frame<'_>| match frame {
        Frame::Reset(reset) => reset.open.is_some() && reset.final_position == 0,
        _ => false,
    };
    assert_eq!((has(&packets, is_reset), has(&packets, |frame| *frame == stop)), (1, 0));
    assert_eq!(has(&end.speak(None), |frame| *frame == stop), 1);
}

// Spec: R-7.11-3, R-13.7-4.
#[test]
fn frames_without_effect_leave_nothing_behind_however_many_come() {
    let mut end = one();
    end.hear_stream(opening(theirs(1), ROOT)).unwrap();
    let root = end.root();
    let stream = end.accept(root);
    end.speak(Some(Fate::Acked));
    let idle = std::format!("{:?}", end.streams.rows.get(stream).unwrap());
    for _ in 0..10_000 {
        end.hear_stream(data(theirs(1), 0, b"")).unwrap();
        end.hear(Frame::StreamLimit { id: theirs(1), limit: 1 }).unwrap();
        end.hear(Frame::SessionLimit { limit: 1 }).unwrap();
        end.hear(Frame::ChildLimit { id: ROOT, limit: 1 }).unwrap();
        end.hear(Frame::Priority { id: theirs(1), priority: 0 }).unwrap();
    }
    assert!(!end.tree.has_work());
    // What is asked again and again is answered once.
    for _ in 0..10_000 {
        end.hear(Frame::StreamBlocked { id: theirs(1), at: 0 }).unwrap();
        end.hear(Frame::SessionBlocked { at: 0 }).unwrap();
        end.hear(Frame::ChildBlocked { id: ROOT, at: 0 }).unwrap();
    }
    let packets = end.speak(Some(Fate::Acked));
    assert_eq!(packets.iter().flat_map(|packet| Frames::new(packet)).count(), 3);
    let row = end.streams.rows.get(stream).unwrap();
    assert_eq!(row.own_priority, Some(0));
    assert_eq!(std::format!("{:?}", row.receiving), receiving_of(&idle));
}

/// The receiving half, out of the description of a row.
fn receiving_of(row: &str) -> &str {
    let from = row.find("Receiving {").unwrap();
    let len = row[from..].find('}').unwrap() + 1;
    &row[from..from + len]
}

// Spec: R-7.2-1, R-7.9-1, R-7.9-2.
#[test]
fn what_expires_is_reset_and_announced_if_nobody_heard_of_it() {
    for is_heard_of in [false, true] {
        let mut end = one();
        let root = end.root();
        let open = Open { lifetime: Some(Duration::from_millis(100)), ..Open::default() };
        let End { streams, tree } = &mut end;
        let stream = streams.of(tree).open_substream(Instant::ZERO, root, open).unwrap();
        end.write(stream, b"late");
        if is_heard_of {
            end.speak(None);
        }
        let at = |millis: u64| Instant::from_micros(millis * 1000);
        assert_eq!(end.streams.take_expired(at(99)), None);
        let (_, expired) = end.streams.take_expired(at(100)).unwrap();
        end.streams.of(&mut end.tree).expire(expired);
        let packets = end.speak(None);
        let [Frame::Reset(frame)] = frames(&packets)[..] else { panic!("{packets:x?}") };
        assert_eq!((frame.id, frame.code), (ours(1), StreamCode::EXPIRED));
        assert_eq!(frame.open.map(|open| open.parent), Some(ROOT), "no opening is acknowledged");
        assert_eq!(frame.final_position, if is_heard_of { 4 } else { 0 });
    }
}

// Spec: R-7.8-1, R-7.8-3.
#[test]
fn what_is_urgent_goes_first_and_children_are_as_urgent_as_their_parents() {
    let mut end = one();
    let root = end.root();
    let urgent = Open { priority: Some(5), ..Open::default() };
    let low = end.open(root);
    let End { streams, tree } = &mut end;
    let high = streams.of(tree).open_substream(Instant::ZERO, root, urgent).unwrap();
    let child = end.open(high);
    end.speak(Some(Fate::Acked));
    assert_eq!([low, high, child].map(|stream| end.info(stream).priority), [0, 5, 5]);
    for stream in [low, high, child] {
        end.write(stream, &ZEROS[..1900]);
    }
    let packets = end.speak(None);
    let mut order: Vec<u64> = vec![];
    for frame in frames(&packets) {
        let Frame::Stream(frame) = frame else { continue };
        order.push(frame.id.counter());
    }
    let last_urgent = order.iter().rposition(|counter| *counter != 1).unwrap();
    let first_other = order.iter().position(|counter| *counter == 1).unwrap();
    assert!(last_urgent < first_other, "{order:?}");
}

// Spec: R-7.6-1, R-7.6-2, R-7.6-4, R-7.6-5.
#[test]
fn records_end_at_marks_and_a_rest_without_a_mark_is_none() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    for record in [&b"hello"[..], b"", b"by"] {
        pair.ends[0].record(one, record);
    }
    pair.ends[0].write(one, b"rest");
    pair.ends[0].finish(one);
    pair.run();
    for (room, bytes, end, finished) in [
        (3, &b"hel"[..], false, false),
        (9, b"lo", true, false),
        (9, b"", true, false),
        (9, b"by", true, false),
        (9, b"rest", false, true),
    ] {
        let (got, read) = pair.read_record(1, two, room).unwrap();
        assert_eq!((&got[..], read.end, read.finished), (bytes, end, finished));
    }
}

// Spec: R-7.1-2, R-7.11-1.
#[test]
fn a_child_outlives_its_parent_and_rests_without_a_packet() {
    let mut pair = Pair::new(2);
    let (one, two) = pair.join();
    let child = pair.ends[0].open(one);
    pair.run();
    let other = pair.ends[1].accept(two);
    pair.release(0, one);
    pair.release(1, two);
    pair.run();
    assert_eq!(pair.ends[0].tree.stream_count(), 1);
    for end in &pair.ends {
        assert!(!end.tree.has_work() && end.streams.next_expiry().is_none());
    }
    pair.ends[0].write(child, b"still here");
    pair.run();
    assert_eq!(pair.read(1, other, 100), Ok(b"still here".to_vec()));
}

// Spec: R-8.1-2, R-8.3-1, R-8.3-3, R-8.3-8.
#[test]
fn the_form_of_a_datagram_follows_from_size_loss_and_wish() {
    use DatagramForm::{Stateless, Substream};
    for (len, loss_rate, reliable, form) in [
        (0, 0, false, Stateless),
        (98, 4096, false, Stateless),
        (99, 0, false, Substream),
        (98, 4097, false, Substream),
        (0, 0, true, Substream),
    ] {
        let mut end = one();
        let root = end.root();
        let path = PathQuality { loss_rate, ..FAIR };
        let options = DatagramOptions { lifetime: None, reliable };
        let End { streams, tree } = &mut end;
        let bytes = &ZEROS[..len];
        let sent = streams.of(tree).send_datagram(Instant::ZERO, root, bytes, options, path);
        assert_eq!(sent, Ok(form), "{len} {loss_rate} {reliable}");
    }
    let mut end = one();
    let root = end.root();
    let parent = end.open(root);
    let send = |end: &mut End| {
        let End { streams, tree } = end;
        let options = DatagramOptions::default();
        streams.of(tree).send_datagram(Instant::ZERO, parent, b"x", options, FAIR)
    };
    assert_eq!(send(&mut end), Ok(Substream), "its parent may not be known");
    end.speak(Some(Fate::Acked));
    assert_eq!(send(&mut end), Ok(Stateless));
}

// Spec: R-8.1-1.
#[test]
fn a_stateless_datagram_is_sent_once() {
    let mut end = one();
    let root = end.root();
    let End { streams, tree } = &mut end;
    let options = DatagramOptions::default();
    streams.of(tree).send_datagram(Instant::ZERO, root, b"x", options, FAIR).unwrap();
    assert_eq!(end.speak(Some(Fate::Lost)).len(), 1);
    assert!(end.speak(None).is_empty());
}

fn received(end: &mut End) -> Option<(usize, DatagramForm)> {
    let root = end.root();
    let End { streams, tree } = end;
    streams.of(tree).recv_datagram(Instant::ZERO, root, &mut [0; 6000]).unwrap()
}

// Spec: R-8.1-2, R-8.2-3, R-8.3-4, R-8.3-8.
#[test]
fn both_forms_arrive_whole_or_not_at_all() {
    let mut end = one();
    for len in [0, 700] {
        let frame = DatagramFrame { parent: ROOT, data: &ZEROS[..len] };
        end.hear(Frame::Datagram(frame)).unwrap();
        assert_eq!(received(&mut end), Some((len, DatagramForm::Stateless)));
    }
    let unknown = DatagramFrame { parent: theirs(9), data: b"x" };
    assert_eq!(end.hear(Frame::Datagram(unknown)), Ok(()));
    end.hear_stream(StreamFrame { fin: true, ..opening_as(theirs(1), ROOT, 1) }).unwrap();
    assert_eq!(received(&mut end), Some((0, DatagramForm::Substream)));
    end.hear_stream(StreamFrame { data: b"abc", ..opening_as(theirs(2), ROOT, 1) }).unwrap();
    assert_eq!(received(&mut end), None);
    end.hear_stream(StreamFrame { fin: true, ..data(theirs(2), 5, b"f") }).unwrap();
    assert_eq!(received(&mut end), None);
    end.hear_stream(data(theirs(2), 3, b"de")).unwrap();
    assert_eq!(received(&mut end), Some((6, DatagramForm::Substream)));
    end.hear_stream(StreamFrame { data: b"abc", ..opening_as(theirs(3), ROOT, 1) }).unwrap();
    end.hear(Frame::Reset(reset(theirs(3), 3))).unwrap();
    assert_eq!(received(&mut end), None);
}

// Spec: R-8.3-5, R-8.3-6.
#[test]
fn a_datagram_is_held_to_the_size_that_was_promised() {
    let mut end = one();
    for (len, answer) in [(5000, Ok(())), (5001, Err(Fault::Protocol))] {
        let frame = DatagramFrame { parent: ROOT, data: &ZEROS[..len] };
        assert_eq!(end.hear(Frame::Datagram(frame)), answer);
    }
    assert_eq!(end.tree.dropped_datagrams(), 1, "the queue takes 4000 bytes");
    for (len, stops) in [(100, 0), (101, 1)] {
        let config = StreamConfig { datagram_bytes: 100, ..CONFIG };
        let mut end = End::new(Side::Small, config, &ROOMY, &CONFIG);
        let whole = StreamFrame { fin: true, ..opening_as(theirs(1), ROOT, 1) };
        assert_eq!(end.hear_stream(StreamFrame { data: &ZEROS[..len], ..whole }), Ok(()));
        let (id, code) = (theirs(1), StreamCode::NO_CAPACITY);
        // The end is known with the refusal: nothing is left to stop.
        let refused = received(&mut end).is_none();
        assert_eq!(refused, stops == 1);
        assert_eq!(has(&end.speak(None), |frame| *frame == Frame::Stop { id, code }), 0);
        let mut end = End::new(Side::Small, config, &ROOMY, &CONFIG);
        let part = opening_as(theirs(1), ROOT, 1);
        assert_eq!(end.hear_stream(StreamFrame { data: &ZEROS[..len], ..part }), Ok(()));
        assert_eq!(has(&end.speak(None), |frame| *frame == Frame::Stop { id, code }), stops);
    }
}

// Spec: R-8.2-1, R-8.2-2.
#[test]
fn a_datagram_has_one_half_and_no_marks() {
    let fault = Err(Fault::StreamState);
    let (id, code) = (theirs(1), StreamCode::new(1));
    for frame in [
        Frame::Stop { id, code },
        Frame::StreamLimit { id, limit: 9 },
        Frame::Priority { id, priority: 1 },
    ] {
        let mut end = one();
        end.hear_stream(StreamFrame { data: b"x", ..opening_as(id, ROOT, 1) }).unwrap();
        assert_eq!(end.hear(frame), fault, "{frame:?}");
    }
    let marked = StreamFrame { mark: true, ..opening_as(id, ROOT, 1) };
    assert_eq!(one().hear_stream(marked), Err(Fault::Protocol));
    let id = ours(1);
    for (frame, answer) in [
        (Frame::Stream(data(id, 0, b"x")), fault),
        (Frame::Reset(reset(id, 0)), fault),
        (Frame::StreamBlocked { id, at: 9 }, fault),
        (Frame::Stop { id, code }, Ok(())),
    ] {
        let mut end = one();
        let root = end.root();
        let options = DatagramOptions { lifetime: None, reliable: true };
        let End { streams, tree } = &mut end;
        streams.of(tree).send_datagram(Instant::ZERO, root, b"x", options, FAIR).unwrap();
        assert_eq!(end.hear(frame), answer, "{frame:?}");
    }
}

// Spec: R-7.8-4.
#[test]
fn who_has_no_priority_follows_the_parent_and_who_has_one_does_not() {
    let mut end = one();
    let root = end.root();
    let parent = end.open(root);
    let child = end.open(parent);
    let grandchild = end.open(child);
    let End { streams, tree } = &mut end;
    let fixed = Open { priority: Some(0), ..Open::default() };
    let fixed = streams.of(tree).open_substream(Instant::ZERO, parent, fixed).unwrap();
    assert!(streams.of(tree).set_priority(parent, Some(9)));
    while streams.of(tree).settle_priorities() {}
    let found = [parent, child, grandchild, fixed].map(|stream| end.info(stream).priority);
    assert_eq!(found, [9, 9, 9, 0]);
}

#[test]
fn a_wish_for_a_priority_is_obeyed() {
    let mut end = one();
    let root = end.root();
    let stream = end.open(root);
    assert_eq!(end.hear(Frame::Priority { id: ours(1), priority: -7 }), Ok(()));
    while end.streams.of(&mut end.tree).settle_priorities() {}
    assert_eq!(end.info(stream).priority, -7);
}

// Spec: R-7.2-2, R-7.2-1.
#[test]
fn no_more_streams_are_opened_ahead_than_the_peer_can_tell_apart() {
    let peer = StreamConfig { id_window: 2, ..CONFIG };
    let mut end = End::new(Side::Small, CONFIG, &ROOMY, &peer);
    let root = end.root();
    let opened = [end.open(root), end.open(root)];
    let ids = opened.map(|stream| end.info(stream).id.counter());
    assert_eq!(ids, [1, 2]);
    assert_eq!(end.try_open(root), Err(OpenError::Blocked));
    end.speak(Some(Fate::Acked));
    assert!(end.try_open(root).is_ok());
}

// Spec: R-7.11-2.
#[test]
fn a_child_there_is_no_room_for_is_refused_and_the_session_goes_on() {
    let limits = StreamLimits { streams: 2, ..ROOMY };
    let mut end = End::new(Side::Small, CONFIG, &limits, &CONFIG);
    for counter in 1..=3 {
        assert_eq!(end.hear_stream(opening(theirs(counter), ROOT)), Ok(()));
    }
    let packets = end.speak(None);
    let code = StreamCode::NO_CAPACITY;
    for (counter, times) in [(1, 0), (2, 1), (3, 1)] {
        let id = theirs(counter);
        let cut = crate::wire::ResetFrame { code, ..reset(id, 0) };
        assert_eq!(has(&packets, |frame| *frame == Frame::Reset(cut)), times, "{counter}");
        assert_eq!(has(&packets, |frame| *frame == Frame::Stop { id, code }), times, "{counter}");
    }
}

// Spec: R-7.10-1, R-10.16-4.
#[test]
fn who_wants_pieces_as_they_come_gets_them_with_their_place() {
    let mut end = one();
    end.hear_stream(opening(theirs(1), ROOT)).unwrap();
    assert_eq!(end.hear_stream(data(theirs(1), 0, b"")), Ok(()), "nothing, and no harm");
    let root = end.root();
    let child = end.accept(root);
    end.hear_stream(data(theirs(1), 5, b"fgh")).unwrap();
    let (mut buf, now) = ([0; 9], Instant::ZERO);
    let End { streams, tree } = &mut end;
    assert_eq!(streams.of(tree).read_unordered(now, child, &mut buf), Ok(Some((5, 3))));
    assert_eq!(&buf[..3], b"fgh");
    let blocked = streams.of(tree).read_unordered(now, child, &mut buf);
    assert_eq!(blocked, Err(ReadError::Blocked));
    end.hear_stream(data(theirs(1), 0, b"abcde")).unwrap();
    let End { streams, tree } = &mut end;
    assert_eq!(streams.of(tree).read_unordered(now, child, &mut buf), Ok(Some((0, 5))));
}
