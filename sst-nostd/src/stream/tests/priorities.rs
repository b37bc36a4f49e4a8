//! Who sends first.

use crate::id::StreamId;

use super::*;

/// The streams whose data the next packets carry, in order, at most `count`.
fn order(pair: &mut Pair, count: usize) -> Vec<StreamHandle> {
    let mut order = vec![];
    let End { streams, tree } = &mut pair.ends[0];
    while tree.has_work() && order.len() < count {
        let mut bytes = [0; 150];
        let mut out = Writer::new(&mut bytes);
        streams.of(tree).fill(pair.now, &mut out, true, |receipt| {
            if let Receipt::Stream { stream, len: 1.., .. } = receipt
                && order.last() != Some(&stream)
            {
                order.push(stream);
            }
            true
        });
    }
    order
}

fn three(config: StreamConfig) -> (Pair, [StreamHandle; 3]) {
    let mut pair = Pair::with(1, config, &ROOMY);
    let root = pair.ends[0].root();
    let streams = [(); 3].map(|()| pair.ends[0].open(root));
    pair.run();
    (pair, streams)
}

fn fill_all(pair: &mut Pair, streams: &[StreamHandle]) {
    for stream in streams {
        pair.ends[0].write(*stream, &[1; 300]);
    }
}

#[test]
fn a_higher_level_goes_first_and_lower_ones_wait() {
    let (mut pair, [a, b, c]) = three(CONFIG);
    let End { streams, tree } = &mut pair.ends[0];
    assert!(streams.of(tree).set_priority(b, Some(5)));
    assert!(streams.of(tree).set_priority(a, Some(-5)));
    fill_all(&mut pair, &[a, b, c]);
    assert_eq!(order(&mut pair, 9), [b, c, a]);
}

// Spec: R-7.8-2.
#[test]
fn one_level_takes_turns_or_runs_to_completion() {
    let (mut pair, streams) = three(CONFIG);
    fill_all(&mut pair, &streams);
    let [a, b, c] = streams;
    let turns = order(&mut pair, 100);
    assert_eq!(turns[..3], [a, b, c]);
    assert_eq!(turns[3..6], [a, b, c]);
    let (mut pair, streams) = three(StreamConfig { takes_turns: false, ..CONFIG });
    fill_all(&mut pair, &streams);
    assert_eq!(order(&mut pair, 100), streams);
}

#[test]
fn children_follow_their_parent_unless_they_have_their_own() {
    let (mut pair, [a, ..]) = three(CONFIG);
    let End { streams, tree } = &mut pair.ends[0];
    let own = Open { priority: Some(1), ..Open::default() };
    let child = streams.of(tree).open_substream(pair.now, a, Open::default()).unwrap();
    let other = streams.of(tree).open_substream(pair.now, a, own).unwrap();
    let grandchild = streams.of(tree).open_substream(pair.now, child, Open::default()).unwrap();
    let below = streams.of(tree).open_substream(pair.now, other, Open::default()).unwrap();
    let priorities = |streams: &Streams<'_>| {
        [child, other, grandchild, below].map(|stream| streams.info(stream).unwrap().priority)
    };
    assert_eq!(priorities(streams), [0, 1, 0, 1]);
    streams.of(tree).set_priority(a, Some(7));
    assert_eq!(priorities(streams), [7, 1, 7, 1]);
    streams.of(tree).set_priority(other, None);
    assert_eq!(priorities(streams), [7, 7, 7, 7]);
    streams.of(tree).set_priority(child, Some(-7));
    assert_eq!(priorities(streams), [-7, 7, -7, 7]);
}

#[test]
fn a_reader_may_ask_its_peer_to_hurry() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let End { streams, tree } = &mut pair.ends[1];
    assert!(streams.of(tree).request_priority(two, 9));
    let root = tree.root();
    assert!(!streams.of(tree).request_priority(root, 9));
    pair.run();
    assert_eq!(pair.ends[0].info(one).priority, 9);
    let id = StreamId::ROOT;
    let frame = Frame::Priority { id, priority: 1 };
    assert_eq!(pair.hear(0, &frame), Err(Fault::StreamId));
}

#[test]
fn a_priority_byte_reaches_the_peer() {
    let mut pair = Pair::new(1);
    let End { streams, tree } = &mut pair.ends[0];
    let open = Open { priority: Some(-3), ..Open::default() };
    let root = tree.root();
    streams.of(tree).open_substream(pair.now, root, open).unwrap();
    pair.run();
    let root = pair.ends[1].root();
    let stream = pair.ends[1].accept(root);
    assert_eq!(pair.ends[1].info(stream).priority, -3);
}

#[test]
fn a_stream_without_session_credit_does_not_hold_up_what_needs_none() {
    let config = StreamConfig { session_window: 500, session_budget: 500, ..CONFIG };
    let (mut pair, [a, b, c]) = three(config);
    pair.ends[0].write(a, &[1; 1000]);
    pair.run();
    let End { streams, tree } = &mut pair.ends[0];
    assert_eq!((tree.send_credit(), tree.ready.is_empty()), (0, true));
    // An end, and a reset, need no credit.
    streams.of(tree).finish(b).unwrap();
    streams.of(tree).reset(c, StreamCode::new(1));
    pair.run();
    assert_eq!(pair.ends[0].info(b).send_state, SendState::Delivered);
    let root = pair.ends[1].root();
    let far = pair.ends[1].accept(root);
    let mut got = 0;
    while got < 1000 {
        got += pair.read(1, far, 5000).map_or(0, |bytes| bytes.len());
        pair.run();
    }
}

// Spec: R-7.8-5.
#[test]
fn requests_for_a_priority_arrive_in_order_and_may_be_refused() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let ask = |pair: &mut Pair, priority| {
        let End { streams, tree } = &mut pair.ends[1];
        assert!(streams.of(tree).request_priority(two, priority));
        pair.send(1)
    };
    assert!(ask(&mut pair, 5));
    assert!(!ask(&mut pair, 9) && !ask(&mut pair, 7), "the first is under way");
    pair.run();
    assert_eq!(pair.ends[0].info(one).priority, 7);
    // One that is lost is asked for as it is wished now.
    assert!(ask(&mut pair, 1));
    let End { streams, tree } = &mut pair.ends[1];
    assert!(streams.of(tree).request_priority(two, 2));
    pair.air.clear();
    let receipt = Receipt::Priority(two);
    let End { streams, tree } = &mut pair.ends[1];
    streams.of(tree).on_receipt(receipt, Fate::Lost);
    pair.run();
    assert_eq!(pair.ends[0].info(one).priority, 2);
    assert!(pair.ends[0].streams.fix_priority(one, true));
    ask(&mut pair, 3);
    pair.run();
    assert_eq!(pair.ends[0].info(one).priority, 2);
    pair.ends[0].streams.fix_priority(one, false);
    ask(&mut pair, 4);
    pair.run();
    assert_eq!(pair.ends[0].info(one).priority, 4);
}

// Spec: R-7.8-1, R-7.8-6.
#[test]
fn limits_and_ends_go_before_all_data_and_data_by_priority() {
    let (mut pair, [a, b, c]) = three(CONFIG);
    let root = pair.ends[1].root();
    let far = [(); 3].map(|()| pair.ends[1].accept(root));
    pair.ends[1].write(far[1], &[2; 3000]);
    pair.run();
    let End { streams, tree } = &mut pair.ends[0];
    streams.of(tree).set_priority(a, Some(50));
    streams.of(tree).set_priority(b, Some(-50));
    streams.of(tree).set_priority(c, Some(-50));
    fill_all(&mut pair, &[a, b, c]);
    // Reading gives credit back, and a stream of the lowest level is given up.
    pair.read(0, b, 3000).unwrap();
    pair.reset(0, c, 7);
    let End { streams, tree } = &mut pair.ends[0];
    let mut bytes = [0; 500];
    let mut out = Writer::new(&mut bytes);
    let mut receipts = vec![];
    streams.of(tree).fill(pair.now, &mut out, true, |receipt| {
        receipts.push(receipt);
        true
    });
    let place = |is_it: &dyn Fn(&Receipt) -> bool| receipts.iter().position(is_it).unwrap();
    let limit = place(&|receipt| *receipt == Receipt::StreamLimit(b));
    let reset = place(&|receipt| matches!(receipt, Receipt::Reset { stream, .. } if *stream == c));
    let of = |wanted| {
        move |receipt: &Receipt| match receipt {
            Receipt::Stream { stream, .. } => *stream == wanted,
            _ => false,
        }
    };
    let (first, second) = (place(&of(a)), place(&of(b)));
    assert!(limit < first && reset < first && first < second, "{receipts:?}");
}

/// What the next packets carry: a stream's data, or (the root) datagrams.
fn carried(pair: &mut Pair, count: usize) -> Vec<StreamHandle> {
    let mut carried = vec![];
    for _ in 0..count {
        let End { streams, tree } = &mut pair.ends[0];
        let mut bytes = [0; 150];
        let mut out = Writer::new(&mut bytes);
        streams.of(tree).fill(pair.now, &mut out, true, |receipt| {
            match receipt {
                Receipt::Stream { stream, len: 1.., .. } => carried.push(stream),
                Receipt::Datagram { parent, .. } => carried.push(parent),
                _ => {}
            }
            true
        });
    }
    carried
}

// Spec: R-7.8-7.
#[test]
fn datagrams_wait_with_the_priority_of_their_stream_and_take_turns_there() {
    let fill = |priority: Option<i8>, of_session: Option<i8>| {
        let (mut pair, [stream, ..]) = three(CONFIG);
        let End { streams, tree } = &mut pair.ends[0];
        let root = tree.root();
        assert!(streams.of(tree).set_priority(stream, priority));
        assert!(streams.of(tree).set_priority(root, of_session));
        assert_eq!(streams.of(tree).write(stream, &[1; 900], WriteOptions::default()), Ok(900));
        let path = PathQuality { payload_bytes: 1200, loss_rate: 0 };
        for _ in 0..4 {
            let options = DatagramOptions::default();
            streams.of(tree).send_datagram(pair.now, root, &[2; 120], options, path).unwrap();
        }
        // The last packet may have room for more.
        let mut carried = carried(&mut pair, 4);
        carried.truncate(4);
        (carried, stream, root)
    };
    let (carried, stream, root) = fill(None, Some(0));
    assert_eq!(carried, [stream, root, stream, root]);
    let (carried, stream, _) = fill(Some(1), Some(0));
    assert_eq!(carried, [stream; 4]);
    let (carried, _, root) = fill(Some(1), Some(2));
    assert_eq!(carried, [root; 4]);
}
