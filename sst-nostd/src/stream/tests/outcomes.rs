//! What became of datagrams: told once, to those who asked, and right.

use std::collections::BTreeMap;

use crate::wire::ResetFrame;

use super::*;

const PATH: PathQuality = PathQuality { payload_bytes: 1200, loss_rate: 0 };
const BEST_EFFORT: DatagramOptions = DatagramOptions { lifetime: None, reliable: false };
const RELIABLE: DatagramOptions = DatagramOptions { lifetime: None, reliable: true };

impl Pair {
    fn track_under(
        &mut self,
        parent: StreamHandle,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Result<DatagramSent, DatagramError> {
        let End { streams, tree } = &mut self.ends[0];
        streams.of(tree).send_tracked_datagram(self.now, parent, bytes, options, PATH)
    }

    fn track(&mut self, bytes: &[u8], options: DatagramOptions) -> DatagramTicket {
        let root = self.ends[0].root();
        let sent = self.track_under(root, bytes, options).expect("taken");
        sent.ticket.expect("tracked")
    }

    fn outcomes(&mut self) -> Vec<(DatagramTicket, DatagramOutcome)> {
        let streams = &mut self.ends[0].streams;
        core::iter::from_fn(|| streams.poll_outcome()).collect()
    }

    fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
        let End { streams, tree } = &mut self.ends[0];
        while let Some((_, stream)) = streams.take_expired(self.now) {
            streams.of(tree).expire(stream);
        }
    }
}

// Spec: R-8.4-1.
#[test]
fn both_forms_are_acknowledged() {
    let mut pair = Pair::new(1);
    pair.least_bytes = 200;
    let small = pair.track(b"small", BEST_EFFORT);
    let large = pair.track(&[1; 3000], BEST_EFFORT);
    assert_eq!(pair.outcomes(), []);
    pair.run();
    let told: BTreeMap<_, _> = pair.outcomes().into_iter().collect();
    let acknowledged = DatagramOutcome::Acknowledged;
    assert_eq!(told, [(small, acknowledged), (large, acknowledged)].into());
    assert_eq!((pair.outcomes(), pair.ends[0].streams.tracked_datagrams()), (vec![], 0));
}

// Spec: R-8.4-1, R-8.4-2.
#[test]
fn a_lost_one_is_told_of_once_even_if_it_arrived() {
    let mut pair = Pair::new(1);
    let ticket = pair.track(b"late", BEST_EFFORT);
    while !pair.send(0) {}
    let receipts = pair.air[0].receipts.clone().expect("the first copy");
    let [receipt] = receipts[..] else { panic!("{receipts:?}") };
    let End { streams, tree } = &mut pair.ends[0];
    streams.of(tree).on_receipt(receipt, Fate::Lost);
    assert_eq!(pair.outcomes(), [(ticket, DatagramOutcome::Lost)]);
    // The packet was only slow: it arrives, and so does its acknowledgement.
    pair.run();
    assert_eq!(pair.outcomes(), []);
    let root = pair.ends[1].root();
    let End { streams, tree } = &mut pair.ends[1];
    let got = streams.of(tree).recv_datagram(pair.now, root, &mut [0; 9]);
    assert_eq!(got, Ok(Some((4, DatagramForm::Stateless))));
}

// Spec: R-8.4-1.
#[test]
fn a_lifetime_that_ends_is_told_in_both_forms() {
    let mut pair = Pair::new(1);
    let lifetime = Some(Duration::from_millis(5));
    let queued = pair.track(b"old", DatagramOptions { lifetime, ..BEST_EFFORT });
    let stream = pair.track(&[1; 2000], DatagramOptions { lifetime, ..BEST_EFFORT });
    pair.wait(Duration::from_millis(5));
    assert_eq!(pair.outcomes(), [(stream, DatagramOutcome::Expired)]);
    pair.run();
    assert_eq!(pair.outcomes(), [(queued, DatagramOutcome::Expired)]);
}

// Spec: R-8.4-1.
#[test]
fn a_substream_that_the_peer_stops_is_refused() {
    let config = StreamConfig { datagram_bytes: 100, ..CONFIG };
    let mut pair = Pair::of(1, [CONFIG, config], [&ROOMY; 2]);
    // This host was told of more than the peer takes.
    pair.ends[0].tree.allowance.datagram_bytes = 5000;
    let ticket = pair.track(&[1; 2000], BEST_EFFORT);
    pair.run();
    assert_eq!(pair.outcomes(), [(ticket, DatagramOutcome::Refused)]);
}

// Spec: R-8.4-1.
#[test]
fn what_can_not_be_sent_any_more_is_discarded() {
    let mut pair = Pair::new(1);
    let (stream, _) = pair.join();
    let orphan = pair.track_under(stream, b"under a stream", BEST_EFFORT).unwrap().ticket;
    // Both halves end, and the peer has heard of that, before there was a packet for it.
    pair.reset(0, stream, 1);
    let id = pair.ends[0].streams.info(stream).unwrap().id;
    let reset = ResetFrame { id, final_position: 0, code: StreamCode::new(1), open: None };
    pair.hear(0, &Frame::Reset(reset)).unwrap();
    pair.release(0, stream);
    let End { streams, tree } = &mut pair.ends[0];
    let receipt = Receipt::Reset { stream, open: false };
    streams.of(tree).on_receipt(receipt, Fate::Acked);
    assert!(streams.info(stream).is_none());
    assert_eq!(pair.outcomes(), [(orphan.unwrap(), DatagramOutcome::Discarded)]);

    let mut pair = Pair::new(1);
    (pair.least_bytes, pair.most_bytes) = (300, 300);
    let large = pair.track(&[1; 1000], BEST_EFFORT);
    let small = pair.track(&[1; 100], BEST_EFFORT);
    pair.run();
    let told = [(large, DatagramOutcome::Discarded), (small, DatagramOutcome::Acknowledged)];
    assert_eq!(pair.outcomes(), told);
}

// Spec: R-8.4-3.
#[test]
fn the_end_of_the_session_leaves_it_unknown() {
    let mut pair = Pair::new(1);
    let queued = pair.track(b"queued", BEST_EFFORT);
    let stream = pair.track(b"stream", RELIABLE);
    let End { streams, tree } = &mut pair.ends[0];
    streams.of(tree).abandon_datagrams();
    let unknown = DatagramOutcome::Unknown;
    assert_eq!(pair.outcomes(), [(queued, unknown), (stream, unknown)]);
    // Whatever is learnt later is not told.
    pair.run();
    assert_eq!(pair.outcomes(), []);
    let End { streams, tree } = &mut pair.ends[0];
    while !streams.of(tree).tear_down() {}
    assert_eq!(streams.tracked_datagrams(), 0);
}

#[test]
fn a_full_table_sends_untracked_until_outcomes_are_told() {
    let mut pair = Pair::new(1);
    for _ in 0..ROOMY.tracked_datagrams {
        pair.track(b"tracked", BEST_EFFORT);
    }
    let root = pair.ends[0].root();
    let untracked = Ok(DatagramSent { form: DatagramForm::Stateless, ticket: None });
    assert_eq!(pair.track_under(root, b"not", BEST_EFFORT), untracked);
    pair.run();
    // Known, but not told: the rows are taken still.
    assert_eq!(pair.track_under(root, b"not", BEST_EFFORT), untracked);
    assert_eq!(pair.outcomes().len(), 4);
    pair.track(b"tracked", BEST_EFFORT);
}

#[test]
fn an_error_and_a_change_of_mind_leave_nothing() {
    let mut pair = Pair::new(1);
    let root = pair.ends[0].root();
    let refused = pair.track_under(root, &[0; 5001], BEST_EFFORT);
    assert_eq!(refused, Err(DatagramError::TooLarge(5000)));
    while pair.ends[0].streams.tracked_datagrams() == 0 {
        let End { streams, tree } = &mut pair.ends[0];
        let sent = streams.of(tree).send_datagram(pair.now, root, &[1; 400], BEST_EFFORT, PATH);
        if sent.is_err() {
            assert_eq!(pair.track_under(root, &[1; 400], BEST_EFFORT), Err(DatagramError::Blocked));
            break;
        }
    }
    assert_eq!(pair.ends[0].streams.tracked_datagrams(), 0);
    let (stream, told) = (pair.track(b"x", RELIABLE), pair.track(b"x", RELIABLE));
    let End { streams, tree } = &mut pair.ends[0];
    streams.of(tree).settle_datagram(told, DatagramOutcome::Lost);
    for ticket in [stream, told] {
        streams.forget_datagram(Some(tree), ticket);
        streams.forget_datagram(Some(tree), ticket);
    }
    assert_eq!(pair.ends[0].streams.tracked_datagrams(), 0);
    pair.run();
    assert_eq!(pair.outcomes(), []);
}

// Spec: R-8.4-1, R-8.4-2.
#[test]
fn in_a_storm_each_is_told_of_once_and_what_is_acknowledged_arrived() {
    for_seeds(60, |seed| {
        let mut pair = Pair::with(seed, CONFIG, &StreamLimits { tracked_datagrams: 40, ..ROOMY });
        pair.weather = STORM;
        let mut open = BTreeMap::new();
        let mut arrived = vec![false; 120];
        for number in 0..120u8 {
            let reliable = pair.random.chance(300);
            let lifetime = pair.random.chance(300).then_some(Duration::from_millis(30));
            let root = pair.ends[0].root();
            let bytes = vec![number; 1 + pair.random.below(150) as usize];
            let options = DatagramOptions { lifetime, reliable };
            if let Ok(DatagramSent { ticket: Some(ticket), .. }) =
                pair.track_under(root, &bytes, options)
            {
                assert!(open.insert(ticket, number).is_none());
            }
            for _ in 0..10 {
                pair.step();
                pair.wait(Duration::ZERO);
            }
            hear(&mut pair, &mut arrived, &mut open);
        }
        pair.run();
        hear(&mut pair, &mut arrived, &mut open);
        assert_eq!(open.len(), 0, "never told");
        pair.run();
        pair.assert_clean();
    });
}

/// Takes what arrived and what is told; nobody is told of an arrival that was none.
fn hear(pair: &mut Pair, arrived: &mut [bool], open: &mut BTreeMap<DatagramTicket, u8>) {
    let root = pair.ends[1].root();
    let End { streams, tree } = &mut pair.ends[1];
    let mut buf = [0; 200];
    while let Ok(Some(_)) = streams.of(tree).recv_datagram(pair.now, root, &mut buf) {
        arrived[usize::from(buf[0])] = true;
    }
    let has_dropped = tree.dropped_datagrams() > 0;
    for (ticket, outcome) in pair.outcomes() {
        let number = open.remove(&ticket).expect("asked for, and not told before");
        let has_arrived = arrived[usize::from(number)];
        if outcome == DatagramOutcome::Acknowledged {
            assert!(has_arrived || has_dropped, "{number}");
        }
    }
}

#[test]
fn who_does_not_ask_pays_nothing() {
    assert_eq!(size_of::<Receipt>(), 24);
    let mut pair = Pair::new(1);
    let root = pair.ends[0].root();
    let mut queued = |is_tracked| {
        let End { streams, tree } = &mut pair.ends[0];
        if is_tracked {
            streams
                .of(tree)
                .send_tracked_datagram(pair.now, root, &[1; 10], BEST_EFFORT, PATH)
                .unwrap();
        } else {
            streams.of(tree).send_datagram(pair.now, root, &[1; 10], BEST_EFFORT, PATH).unwrap();
        }
        streams.nursery_mut(root).unwrap().outgoing.len()
    };
    assert_eq!((queued(false), queued(true)), (22, 22 + 30));
}
