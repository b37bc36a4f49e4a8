//! The tree: listening, accepting, refusing; children before parents; depth and breadth.

use crate::id::StreamId;
use crate::wire::{Attributes, Open as WireOpen, ResetFrame, StreamFrame};

use super::*;

fn open_frame(id: u64, parent: u64) -> Frame<'static> {
    let parent = StreamId::from_u64(parent).unwrap();
    let open = Some(WireOpen { parent, attributes: Attributes::default(), priority: None });
    let id = StreamId::from_u64(id).unwrap();
    Frame::Stream(StreamFrame { id, offset: 0, data: b"hi", mark: false, fin: false, open })
}

fn reset_frame(id: u64, parent: u64) -> Frame<'static> {
    let parent = StreamId::from_u64(parent).unwrap();
    let open = Some(WireOpen { parent, attributes: Attributes::default(), priority: None });
    let id = StreamId::from_u64(id).unwrap();
    Frame::Reset(ResetFrame { id, code: StreamCode::new(1), final_position: 0, open })
}

#[test]
fn children_open_at_both_ends_of_any_stream() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let ours = pair.ends[0].open(one);
    let theirs = pair.ends[1].open(two);
    pair.ends[0].write(ours, b"down");
    pair.ends[1].write(theirs, b"up");
    pair.run();
    let (ours, theirs) = (pair.ends[1].accept(two), pair.ends[0].accept(one));
    assert_eq!(pair.read(1, ours, 9).unwrap(), b"down");
    assert_eq!(pair.read(0, theirs, 9).unwrap(), b"up");
    assert_eq!(pair.ends[1].info(ours).parent, Some(two));
    assert_eq!(pair.ends[1].info(ours).parent_id, pair.ends[0].info(one).id);
}

#[test]
fn child_credit_is_what_was_accepted_and_the_backlog() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let mut open = 0;
    while pair.ends[0].try_open(one).is_ok() {
        open += 1;
    }
    assert_eq!(open, 4);
    pair.run();
    assert_eq!(pair.ends[0].try_open(one), Err(OpenError::Blocked));
    pair.ends[0].events();
    let End { streams, tree } = &mut pair.ends[1];
    assert!(streams.of(tree).listen(two, 6));
    pair.run();
    assert!(pair.ends[0].events().contains(&(one, StreamEvent::ChildCredit)));
    pair.ends[0].open(one);
    pair.ends[0].open(one);
    assert_eq!(pair.ends[0].try_open(one), Err(OpenError::Blocked));
    pair.run();
    for _ in 0..6 {
        pair.ends[1].accept(two);
    }
    pair.run();
    // The limit is told when half the backlog is used up: ten, not yet twelve.
    for _ in 0..4 {
        pair.ends[0].open(one);
    }
    assert_eq!(pair.ends[0].try_open(one), Err(OpenError::Blocked));
}

#[test]
fn one_child_more_than_granted_is_a_fault() {
    let mut pair = Pair::new(1);
    for counter in 1..=16 {
        assert_eq!(pair.hear(0, &open_frame(counter * 2 + 1, 0)), Ok(()));
    }
    assert_eq!(pair.hear(0, &open_frame(35, 0)), Err(Fault::ChildLimit));
    assert_eq!(pair.hear(0, &open_frame(5, 0)), Ok(()), "not a new one");
    assert_eq!(pair.hear(0, &reset_frame(35, 0)), Err(Fault::ChildLimit));
    assert_eq!(pair.hear(0, &open_frame(5, 3)), Err(Fault::StreamState));
    pair.audit();
}

#[test]
fn children_may_come_before_their_parents_in_any_order() {
    for order in [[7, 5, 3], [7, 3, 5], [5, 7, 3], [5, 3, 7], [3, 7, 5], [3, 5, 7]] {
        let mut pair = Pair::new(1);
        for id in order {
            let parent = if id == 3 { 0 } else { id - 2 };
            pair.hear(0, &open_frame(id, parent)).unwrap();
            pair.audit();
        }
        assert!(pair.ends[0].tree.awaiting.iter().all(|child| *child == row::NOBODY));
        let mut parent = pair.ends[0].root();
        for _ in 0..3 {
            let child = pair.ends[0].accept(parent);
            assert_eq!(pair.ends[0].info(child).parent, Some(parent));
            assert_eq!(pair.read(0, child, 9).unwrap(), b"hi");
            parent = child;
        }
    }
}

#[test]
fn news_from_under_a_stream_not_accepted_yet_is_told_when_it_is() {
    let mut pair = Pair::new(1);
    let root = pair.ends[0].root();
    let one = pair.ends[0].open(root);
    pair.ends[0].open(one);
    pair.run();
    let root = pair.ends[1].root();
    assert_eq!(pair.ends[1].events(), [(root, StreamEvent::Child)]);
    let one = pair.ends[1].accept(root);
    assert_eq!(pair.ends[1].events(), [(one, StreamEvent::Child)]);
    pair.ends[1].accept(one);
}

#[test]
fn more_waiting_children_than_places_come_again() {
    let mut pair = Pair::new(1);
    for counter in 2..10 {
        assert_eq!(pair.hear(0, &open_frame(counter * 2 + 1, 3)), Ok(()));
    }
    assert_eq!(pair.hear(0, &open_frame(21, 3)), Err(Fault::NoCapacity));
    pair.audit();
    // They count against the credit of the parent: four, and eight are there.
    assert_eq!(pair.hear(0, &open_frame(3, 0)), Err(Fault::ChildLimit));
}

#[test]
fn what_waited_for_a_refused_parent_is_refused_too() {
    let limits = StreamLimits { streams: 3, ..ROOMY };
    let mut pair = Pair::with(1, CONFIG, &limits);
    pair.hear(0, &open_frame(7, 5)).unwrap();
    pair.hear(0, &open_frame(9, 0)).unwrap();
    // There is no room for this one.
    pair.hear(0, &open_frame(5, 0)).unwrap();
    assert!(pair.ends[0].tree.awaiting.iter().all(|child| *child == row::NOBODY));
    pair.audit();
    let mut stops = vec![];
    pair.send(0);
    let pair::Packet { bytes, receipts, .. } = pair.air.pop().unwrap();
    for frame in Frames::new(&bytes) {
        if let Ok(Frame::Stop { id, code }) = frame {
            stops.push((id.as_u64(), code));
        }
    }
    assert_eq!(stops, [(5, StreamCode::NO_CAPACITY), (7, StreamCode::PARENT_GONE)]);
    pair.fates.push((0, receipts.unwrap(), Fate::Acked));
    while pair.report() {}
    // The peer does as it is told.
    for id in [5, 7] {
        let id = StreamId::from_u64(id).unwrap();
        let reset = ResetFrame { id, code: StreamCode::new(1), final_position: 2, open: None };
        pair.hear(0, &Frame::Reset(reset)).unwrap();
    }
    assert_eq!(pair.ends[0].tree.stream_count(), 1);
    assert!(pair.ends[0].tree.refusals.len() == 0);
    assert_eq!((pair.ends[0].tree.received, pair.ends[0].tree.consumed), (6, 4));
    pair.audit();
}

#[test]
fn a_child_outlives_its_parent() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let child = pair.ends[0].open(one);
    pair.run();
    let far = pair.ends[1].accept(two);
    pair.release(0, one);
    pair.release(1, two);
    pair.run();
    assert_eq!(pair.ends[0].info(child).parent, None);
    pair.ends[0].write(child, b"still here");
    pair.run();
    assert_eq!(pair.read(1, far, 99).unwrap(), b"still here");
    let grandchild = pair.ends[0].open(child);
    pair.run();
    let far_grandchild = pair.ends[1].accept(far);
    for (at, stream) in [(0, child), (0, grandchild), (1, far), (1, far_grandchild)] {
        pair.release(at, stream);
    }
    pair.run();
    pair.assert_clean();
}

#[test]
fn children_of_a_dropped_stream_are_refused_at_once_and_later() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let early = pair.ends[0].open(one);
    pair.ends[0].open(early);
    pair.run();
    pair.ends[0].finish(one);
    pair.release(1, two);
    let late = pair.ends[0].open(one);
    pair.run();
    for stream in [early, late] {
        let state = pair.ends[0].info(stream).receive_state;
        assert_eq!(state, ReceiveState::Reset(StreamCode::PARENT_GONE));
    }
    assert_eq!(pair.ends[1].tree.stream_count(), 0);
}

#[test]
fn a_full_table_refuses_and_goes_on() {
    let limits = StreamLimits { streams: 3, ..ROOMY };
    let mut pair = Pair::of(1, [CONFIG; 2], [&ROOMY, &limits]);
    let root = pair.ends[0].root();
    let streams: Vec<_> = (0..16).map(|_| pair.ends[0].open(root)).collect();
    for stream in &streams {
        pair.ends[0].write(*stream, &[1; 100]);
    }
    pair.run();
    let is_refused = |pair: &Pair, stream: &StreamHandle| {
        let state = pair.ends[0].info(*stream).receive_state;
        state == ReceiveState::Reset(StreamCode::NO_CAPACITY)
    };
    assert_eq!(streams.iter().filter(|stream| is_refused(&pair, stream)).count(), 14);
    // The refused ones' credit came back.
    assert!(pair.ends[1].tree.received - pair.ends[1].tree.consumed == 200);
    for stream in streams {
        pair.release(0, stream);
    }
    let root = pair.ends[1].root();
    for _ in 0..2 {
        let stream = pair.ends[1].accept(root);
        pair.release(1, stream);
    }
    pair.run();
    pair.assert_clean();
}

#[test]
fn children_refused_for_want_of_a_ledger_use_up_no_credit() {
    let limits = StreamLimits { parents: 1, ..ROOMY };
    let mut pair = Pair::of(1, [CONFIG; 2], [&ROOMY, &limits]);
    let (one, _) = pair.join();
    for _ in 0..20 {
        let child = pair.ends[0].open(one);
        pair.run();
        let state = pair.ends[0].info(child).receive_state;
        assert_eq!(state, ReceiveState::Reset(StreamCode::NO_CAPACITY));
        pair.release(0, child);
    }
}

#[test]
fn a_service_stream_is_a_child_of_the_root() {
    let mut pair = Pair::new(1);
    let (one, _) = pair.join();
    let End { streams, tree } = &mut pair.ends[0];
    let open = Open { service: true, ..Open::default() };
    let wrong = streams.of(tree).open_substream(pair.now, one, open);
    assert_eq!(wrong, Err(OpenError::NotRoot));
    let root = tree.root();
    streams.of(tree).open_substream(pair.now, root, open).unwrap();
    pair.run();
    let root = pair.ends[1].root();
    let stream = pair.ends[1].accept(root);
    assert!(pair.ends[1].info(stream).is_service);
}
