//! Credit: kept to by the sender, enforced by the receiver, never leaked.

use crate::id::StreamId;
use crate::wire::{Attributes, Open as WireOpen, ResetFrame, StreamFrame};

use super::*;

fn open_of(parent: StreamId) -> Option<WireOpen> {
    Some(WireOpen { parent, attributes: Attributes::default(), priority: None })
}

fn stream(id: u64, offset: u64, data: &[u8], parent: Option<u64>) -> Frame<'_> {
    let id = StreamId::from_u64(id).unwrap();
    let open = parent.and_then(|parent| open_of(StreamId::from_u64(parent).unwrap()));
    Frame::Stream(StreamFrame { id, offset, data, mark: false, fin: false, open })
}

#[test]
fn beyond_the_stream_window_is_a_fault_and_at_it_is_not() {
    let mut pair = Pair::new(1);
    // Host 1 is the large side: its ids are odd.
    assert_eq!(pair.hear(0, &stream(3, 1999, b"x", Some(0))), Ok(()));
    assert_eq!(pair.hear(0, &stream(3, 2000, b"x", Some(0))), Err(Fault::FlowControl));
    assert_eq!(pair.hear(0, &stream(3, 1999, b"xy", Some(0))), Err(Fault::FlowControl));
    let id = StreamId::from_u64(3).unwrap();
    let reset = ResetFrame { id, code: StreamCode::new(0), final_position: 2001, open: None };
    assert_eq!(pair.hear(0, &Frame::Reset(reset)), Err(Fault::FlowControl));
    pair.audit();
}

#[test]
fn beyond_the_session_window_is_a_fault_and_at_it_is_not() {
    let mut pair = Pair::with(1, StreamConfig { session_budget: 6000, ..CONFIG }, &ROOMY);
    for id in [3, 5, 7] {
        assert_eq!(pair.hear(0, &stream(id, 1999, b"x", Some(0))), Ok(()));
    }
    assert_eq!(pair.hear(0, &stream(9, 0, b"", Some(0))), Ok(()));
    assert_eq!(pair.hear(0, &stream(9, 0, b"x", Some(0))), Err(Fault::FlowControl));
    // A position seen before costs nothing again.
    assert_eq!(pair.hear(0, &stream(7, 500, b"x", None)), Ok(()));
    pair.audit();
}

#[test]
fn a_sender_stays_within_both_windows_and_says_once_that_it_waits() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    pair.ends[0].write(one, &[1; 2500]);
    pair.run();
    assert_eq!(pair.ends[0].info(one).written, 2500);
    assert_eq!(pair.ends[1].info(two).received, 2000);
    // Nothing is repeated while nothing changes.
    assert!(pair.is_quiet());
    assert_eq!(pair.read(1, two, 5000).unwrap().len(), 2000);
    pair.run();
    assert_eq!(pair.read(1, two, 5000).unwrap().len(), 500);
}

#[test]
fn a_limit_that_got_lost_is_told_again_to_who_asks() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let id = pair.ends[0].info(one).id;
    let limit = pair.ends[1].streams.rows.get(two).unwrap().receiving.bound.reach();
    pair.hear(1, &Frame::StreamBlocked { id, at: limit }).unwrap();
    pair.hear(1, &Frame::ChildBlocked { id: StreamId::ROOT, at: 16 }).unwrap();
    pair.hear(1, &Frame::SessionBlocked { at: 6000 }).unwrap();
    assert!(pair.is_quiet(), "they know all of these");
    pair.hear(1, &Frame::StreamBlocked { id, at: limit - 1 }).unwrap();
    pair.hear(1, &Frame::ChildBlocked { id: StreamId::ROOT, at: 15 }).unwrap();
    pair.hear(1, &Frame::SessionBlocked { at: 5999 }).unwrap();
    let owed = pair.ends[1].streams.rows.get(two).unwrap().pending;
    assert!(owed.has(Pending::STREAM_LIMIT) && pair.ends[1].tree.owes_session_limit);
    let root = pair.ends[1].root();
    assert!(pair.ends[1].streams.rows.get(root).unwrap().pending.has(Pending::CHILD_LIMIT));
    pair.run();
}

#[test]
fn retransmission_needs_no_new_credit() {
    // No rows for ranges: a loss moves the sender back. The session's credit is used up.
    let config = StreamConfig { stream_window: 600, session_window: 600, ..CONFIG };
    let limits = StreamLimits { gapped: 1, range_rows: 0, ..ROOMY };
    for_seeds(100, |seed| {
        let mut pair = Pair::with(seed, config, &limits);
        let (one, two) = pair.join();
        pair.weather = STORM;
        pair.ends[0].write(one, &[1; 2000]);
        let mut got = 0;
        for _ in 0..100_000 {
            pair.step();
            got += pair.read(1, two, 70).map_or(0, |bytes| bytes.len());
            if got == 2000 {
                return;
            }
        }
        panic!("stuck at {got}");
    });
}

#[test]
fn session_credit_survives_ten_thousand_streams_that_end_in_every_way() {
    let config = StreamConfig { session_budget: 6000, ..CONFIG };
    let limits = StreamLimits { streams: 12, blocks: 100, gapped: 6, range_rows: 8, ..ROOMY };
    let mut pair = Pair::of(11, [config; 2], [&ROOMY, &limits]);
    pair.weather = Weather { loss: 100, copies: 50, reorder: 300 };
    let (mut opened, mut refused) = (0, 0);
    let (mut held, mut taken): (Vec<StreamHandle>, Vec<StreamHandle>) = (vec![], vec![]);
    while opened < 10_000 {
        let root = pair.ends[0].root();
        if let Ok(stream) = pair.ends[0].try_open(root) {
            opened += 1;
            let len = pair.random.below(300) as usize;
            let End { streams, tree } = &mut pair.ends[0];
            let _ = streams.of(tree).write(stream, &vec![1; len], WriteOptions::default());
            held.push(stream);
        }
        for _ in 0..12 {
            pair.step();
        }
        if let Some(stream) = pair.random.pick(&held) {
            match pair.random.below(4) {
                0 => pair.reset(0, stream, 1),
                1 => _ = pair.ends[0].streams.of(&mut pair.ends[0].tree).finish(stream),
                _ => {
                    pair.release(0, stream);
                    held.retain(|held| *held != stream);
                }
            }
        }
        let root = pair.ends[1].root();
        let End { streams, tree } = &mut pair.ends[1];
        taken.extend(streams.of(tree).accept_substream(root));
        if let Some(stream) = pair.random.pick(&taken) {
            match pair.random.below(3) {
                0 => pair.stop(1, stream, 2),
                1 => _ = pair.read(1, stream, 100),
                _ => {
                    pair.release(1, stream);
                    taken.retain(|taken| *taken != stream);
                }
            }
        }
        refused += pair.ends[1].tree.refusals.len();
        // The refused ones' openers hear of it and let go.
        held.retain(|stream| pair.ends[0].streams.info(*stream).is_some());
    }
    assert!(refused > 100, "the table was never full");
    for stream in held {
        pair.release(0, stream);
    }
    for _ in 0..2000 {
        pair.step();
        let root = pair.ends[1].root();
        let End { streams, tree } = &mut pair.ends[1];
        taken.extend(streams.of(tree).accept_substream(root));
        for stream in taken.drain(..) {
            pair.release(1, stream);
        }
    }
    pair.weather = Weather::default();
    pair.run();
    pair.assert_clean();
    // All of the window, through one stream after the other.
    let root = pair.ends[0].root();
    let streams: Vec<_> = (0..3).map(|_| pair.ends[0].open(root)).collect();
    for stream in &streams {
        assert_eq!(pair.ends[0].write(*stream, &[1; 2000]), 2000);
    }
    pair.run();
    let in_use = pair.ends[1].tree.received - pair.ends[1].tree.consumed;
    assert!(in_use >= 3000, "{in_use}");
}

#[test]
fn ids_are_held_to_their_window() {
    let mut pair = Pair::new(1);
    assert_eq!(pair.hear(0, &stream(3 + 2 * 64, 0, b"", Some(0))), Err(Fault::StreamId));
    assert_eq!(pair.hear(0, &stream(3 + 2 * 63, 0, b"", Some(0))), Ok(()));
    assert_eq!(pair.hear(0, &stream(2, 0, b"", Some(0))), Err(Fault::StreamId));
    assert_eq!(pair.hear(0, &stream(0, 0, b"", None)), Err(Fault::StreamId));
    assert_eq!(pair.hear(0, &stream(5, 0, b"", None)), Err(Fault::StreamState));
    assert_eq!(pair.hear(0, &stream(5, 0, b"", Some(5))), Err(Fault::StreamState));
    assert_eq!(pair.hear(0, &stream(5, 0, b"", Some(7))), Err(Fault::StreamState));
    assert_eq!(pair.hear(0, &stream(5, 0, b"", Some(2))), Err(Fault::StreamState));
}

#[test]
fn every_opener_that_waits_for_ids_is_woken() {
    let config = StreamConfig { id_window: 4, root_children: 9, children: 9, ..CONFIG };
    let mut pair = Pair::with(1, config, &ROOMY);
    let root = pair.ends[0].root();
    let parents = [pair.ends[0].open(root), pair.ends[0].open(root)];
    pair.run();
    let mut count = 0;
    while pair.ends[0].try_open(root).is_ok() {
        count += 1;
    }
    assert_eq!(count, 4);
    for parent in parents {
        assert_eq!(pair.ends[0].try_open(parent), Err(OpenError::Blocked));
    }
    pair.ends[0].events();
    pair.run();
    let mut woken = pair.ends[0].events();
    woken.retain(|(_, event)| *event == StreamEvent::ChildCredit);
    let expected = [root, parents[0], parents[1]].map(|stream| (stream, StreamEvent::ChildCredit));
    assert_eq!(woken, expected);
    for parent in parents {
        pair.ends[0].open(parent);
    }
}

#[test]
fn a_session_is_crowded_by_what_it_holds_and_not_by_what_its_peer_says() {
    for (session_budget, at, is_crowded) in [
        (30_000, 6000, false),
        (30_000, (1 << 62) - 1, false),
        (6000, (1 << 62) - 1, false),
        (6000, 6000, true),
    ] {
        let mut pair = Pair::with(1, StreamConfig { session_budget, ..CONFIG }, &ROOMY);
        pair.hear(1, &Frame::SessionBlocked { at }).unwrap();
        let root = pair.ends[1].root();
        let events = pair.ends[1].events();
        assert_eq!(events.contains(&(root, StreamEvent::Crowded)), is_crowded, "{at} {events:?}");
    }
}
