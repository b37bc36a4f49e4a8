//! A hundred thousand streams, deep and wide, on a small stack.

use super::*;

/// Two roots with room for a big tree, and a thread with a small stack.
fn with_a_big_tree(test: impl FnOnce(Pair) + Send + 'static) {
    let test = move || {
        let config = StreamConfig {
            root_children: 200_000,
            children: 200_000,
            id_window: MAX_ID_WINDOW,
            ..CONFIG
        };
        let limits = StreamLimits { streams: 100_002, parents: 100_002, ..ROOMY };
        test(Pair::with(1, config, &limits));
    };
    let thread = std::thread::Builder::new().stack_size(64 << 10).spawn(test).unwrap();
    thread.join().unwrap();
}

/// Opens a hundred thousand streams, each under what `parent` says, all taken in by the peer.
fn grow(pair: &mut Pair, deep: bool) -> Vec<StreamHandle> {
    let root = pair.ends[0].root();
    let mut streams = vec![root];
    while streams.len() <= 100_000 {
        let parent = if deep { streams[streams.len() - 1] } else { root };
        match pair.ends[0].try_open(parent) {
            Ok(stream) => streams.push(stream),
            Err(error) => {
                assert_eq!(error, OpenError::Blocked);
                while pair.send(0) && pair.deliver() && pair.report() {}
            }
        }
    }
    while pair.send(0) && pair.deliver() && pair.report() {}
    streams
}

#[test]
fn a_chain_of_a_hundred_thousand_needs_no_stack() {
    with_a_big_tree(|mut pair| {
        let streams = grow(&mut pair, true);
        assert_eq!(pair.ends[1].tree.stream_count(), 100_000);
        let End { streams: all, tree } = &mut pair.ends[0];
        assert!(all.of(tree).set_priority(streams[1], Some(3)));
        let mut steps = 0;
        while all.of(tree).settle_priorities() {
            steps += 1;
        }
        assert!((1000..3000).contains(&steps), "{steps}");
        assert_eq!(all.info(streams[100_000]).unwrap().priority, 3);
        // At the peer nobody has accepted any of them: dropping the first turns all away.
        let root = pair.ends[1].root();
        let first = pair.ends[1].accept(root);
        pair.release(1, first);
        assert!(pair.ends[1].tree.ready.is_member(&pair.ends[1].streams.rows, 50_000));
        for end in &mut pair.ends {
            while !end.streams.of(&mut end.tree).tear_down() {}
            assert!(end.streams.is_empty() && end.streams.ids.len() == 0);
            assert_eq!(end.streams.stores.nurseries.len(), 0);
        }
    });
}

#[test]
fn a_fan_of_a_hundred_thousand_is_opened_reranked_and_closed() {
    with_a_big_tree(|mut pair| {
        let streams = grow(&mut pair, false);
        let End { streams: all, tree } = &mut pair.ends[0];
        let root = tree.root();
        assert!(all.of(tree).set_priority(root, Some(-4)));
        // The walk goes on although those it stands at go away.
        let mut gone = 0;
        loop {
            for stream in &streams[1 + gone..11 + gone] {
                all.of(tree).release(pair.now, *stream);
            }
            gone += 10;
            if !all.of(tree).settle_priorities() {
                break;
            }
        }
        assert_eq!(all.info(streams[100_000]).unwrap().priority, -4);
        assert_eq!(all.info(streams[50_000]).unwrap().priority, -4);
        for stream in &streams[1 + gone..] {
            all.of(tree).release(pair.now, *stream);
        }
        let root = pair.ends[1].root();
        for _ in 0..100_000 {
            let End { streams, tree } = &mut pair.ends[1];
            if let Some(stream) = streams.of(tree).accept_substream(root) {
                streams.of(tree).release(pair.now, stream);
            }
        }
        while !pair.is_quiet() {
            for at in [0, 1] {
                pair.send(at);
                while pair.deliver() || pair.report() {}
            }
        }
        for end in &pair.ends {
            assert_eq!(end.tree.stream_count(), 0);
        }
    });
}

#[test]
fn tearing_down_leaves_nothing_of_a_busy_session() {
    for_seeds(100, |seed| {
        let mut pair = Pair::new(seed);
        pair.weather = STORM;
        let mut held = vec![pair.ends[0].root()];
        for _ in 0..60 {
            let parent = pair.random.pick(&held).unwrap();
            if let Ok(stream) = pair.ends[0].try_open(parent) {
                held.push(stream);
                pair.ends[0].write(stream, &[1; 50]);
            }
            for _ in 0..4 {
                pair.step();
            }
        }
        for end in &mut pair.ends {
            while !end.streams.of(&mut end.tree).tear_down() {}
            let streams = &end.streams;
            assert!(streams.is_empty() && streams.ids.len() == 0);
            assert!(streams.events.is_empty() && streams.starved.is_empty());
            assert!(streams.starved.has_told_all());
            assert_eq!((streams.stores.pool.used_blocks(), streams.stores.nurseries.len()), (0, 0));
            assert_eq!((streams.stores.gaps.len(), streams.stores.ranges.len()), (0, 0));
        }
    });
}

/// Streams whose priority is not what it was.
fn reranked(end: &End, streams: &[StreamHandle]) -> usize {
    streams.iter().filter(|stream| end.info(**stream).priority != 0).count()
}

/// What 466 frames ask for, one after the other, is worked out in one walk of a step, not in one
/// for each of them: a packet of them costs what any other does, however large the tree.
#[test]
fn a_packet_of_priority_frames_makes_one_step_of_work() {
    for deep in [false, true] {
        with_a_big_tree(move |mut pair| {
            let streams = grow(&mut pair, deep);
            let top = if deep { streams[1] } else { streams[0] };
            let id = pair.ends[0].info(streams[1]).id;
            let End { streams: all, tree } = &mut pair.ends[0];
            // The walk begins at the top of the tree: of a fan, that is the application's.
            if !deep {
                all.of(tree).set_priority(top, Some(1));
            }
            let before = reranked(&pair.ends[0], &streams);
            assert!(before <= 64);
            let End { streams: all, tree } = &mut pair.ends[0];
            for round in 0..466 {
                let frame = Frame::Priority { id, priority: 1 + (round % 2) as i8 };
                all.of(tree).on_frame(Instant::ZERO, &frame).unwrap();
            }
            assert_eq!(reranked(&pair.ends[0], &streams), before, "frames are only noted");
            let End { streams: all, tree } = &mut pair.ends[0];
            assert!(all.of(tree).settle_priorities(), "there is more to do than one step");
            assert!(reranked(&pair.ends[0], &streams) <= before + 64);
            let End { streams: all, tree } = &mut pair.ends[0];
            while all.of(tree).settle_priorities() {}
            assert!(reranked(&pair.ends[0], &streams) >= 100_000);
            assert_eq!(pair.ends[0].info(streams[1]).priority, 2, "the last one counts");
        });
    }
}
