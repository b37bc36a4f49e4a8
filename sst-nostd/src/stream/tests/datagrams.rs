//! Datagrams in both forms.

use crate::id::StreamId;
use crate::wire::{Attributes, DatagramFrame, Open as WireOpen, StreamFrame};

use super::*;

const PATH: PathQuality = PathQuality { payload_bytes: 1200, loss_rate: 0 };
const OPTIONS: DatagramOptions = DatagramOptions { lifetime: None, reliable: false };

impl Pair {
    fn cast(
        &mut self,
        bytes: &[u8],
        options: DatagramOptions,
    ) -> Result<DatagramForm, DatagramError> {
        let End { streams, tree } = &mut self.ends[0];
        let root = tree.root();
        streams.of(tree).send_datagram(self.now, root, bytes, options, PATH)
    }

    fn catch(&mut self) -> Option<(Vec<u8>, DatagramForm)> {
        let mut buf = vec![0; 6000];
        let End { streams, tree } = &mut self.ends[1];
        let root = tree.root();
        let got = streams.of(tree).recv_datagram(self.now, root, &mut buf).unwrap();
        got.map(|(len, form)| (buf[..len].to_vec(), form))
    }
}

#[test]
fn the_form_follows_size_loss_and_wish() {
    let mut pair = Pair::new(1);
    let reliable = DatagramOptions { reliable: true, ..OPTIONS };
    assert_eq!(pair.cast(b"small", OPTIONS), Ok(DatagramForm::Stateless));
    assert_eq!(pair.cast(b"small", reliable), Ok(DatagramForm::Substream));
    assert_eq!(pair.cast(&[0; 1198], OPTIONS), Ok(DatagramForm::Stateless));
    assert_eq!(pair.cast(&[0; 1199], OPTIONS), Ok(DatagramForm::Substream));
    assert_eq!(pair.cast(&[0; 5001], OPTIONS), Err(DatagramError::TooLarge(5000)));
    let End { streams, tree } = &mut pair.ends[0];
    let root = tree.root();
    for (loss_rate, form) in [(4096, DatagramForm::Stateless), (4097, DatagramForm::Substream)] {
        let path = PathQuality { loss_rate, ..PATH };
        let sent = streams.of(tree).send_datagram(pair.now, root, b"x", OPTIONS, path);
        assert_eq!(sent, Ok(form));
    }
}

#[test]
fn all_forms_and_sizes_arrive_and_leave_nothing() {
    let mut pair = Pair::new(1);
    for len in [0, 1, 700, 1198, 2000, 3000] {
        for reliable in [false, true] {
            let bytes = vec![len as u8; len];
            pair.cast(&bytes, DatagramOptions { reliable, ..OPTIONS }).unwrap();
            pair.least_bytes = 1200;
            pair.run();
            assert_eq!(pair.catch().expect("arrived").0, bytes);
        }
    }
    pair.run();
    pair.assert_clean();
}

#[test]
fn a_datagram_that_the_pool_could_never_hold_is_too_large() {
    let limits = StreamLimits { blocks: 16, block_bytes: 64, ..ROOMY };
    let mut pair = Pair::with(1, CONFIG, &limits);
    let reliable = DatagramOptions { reliable: true, ..OPTIONS };
    // Two are set aside for what arrives, of the 12 that are shared the last three stay free, and
    // one is kept for a mark.
    assert_eq!(pair.cast(&[0; 641], reliable), Err(DatagramError::TooLarge(640)));
}

#[test]
fn substream_datagrams_survive_a_storm_even_together() {
    // Several larger than half the session's window at once: none may hold up the others.
    for_seeds(60, |seed| {
        let config = StreamConfig { send_buffer: 5000, ..CONFIG };
        let mut pair = Pair::with(seed, config, &ROOMY);
        pair.weather = STORM;
        let mut sent = vec![];
        for fill in 0..6 {
            let len = 3000 + pair.random.below(2001) as usize;
            let bytes = vec![fill; len];
            assert_eq!(pair.cast(&bytes, OPTIONS), Ok(DatagramForm::Substream));
            sent.push(bytes);
        }
        pair.run();
        while let Some((got, form)) = pair.catch() {
            assert_eq!(form, DatagramForm::Substream);
            let at = sent.iter().position(|sent| *sent == got).expect("sent once");
            sent.remove(at);
        }
        assert!(sent.is_empty());
        pair.run();
        pair.assert_clean();
    });
}

#[test]
fn a_datagram_stream_is_one_way() {
    let mut pair = Pair::new(1);
    let reliable = DatagramOptions { reliable: true, ..OPTIONS };
    pair.cast(&[5; 100], reliable).unwrap();
    pair.run();
    // The sender has forgotten it already, without a word from the other side.
    assert_eq!(pair.ends[0].tree.stream_count(), 0);
    let root = pair.ends[1].root();
    let End { streams, tree } = &mut pair.ends[1];
    let stream = streams.of(tree).accept_datagram(root).unwrap();
    let written = streams.of(tree).write(stream, b"no", WriteOptions::default());
    assert_eq!(written, Err(WriteError::Finished));
    let id = streams.info(stream).unwrap().id;
    let stop = Frame::Stop { id, code: StreamCode::new(1) };
    assert_eq!(pair.hear(1, &stop), Err(Fault::StreamState));
    assert_eq!(pair.hear(1, &Frame::Priority { id, priority: 1 }), Err(Fault::StreamState));
    assert_eq!(pair.read(1, stream, 999).unwrap(), [5; 100]);
    pair.release(1, stream);
    pair.assert_clean();
}

#[test]
fn a_full_queue_blocks_the_sender_and_drops_at_the_receiver() {
    let mut pair = Pair::new(1);
    pair.least_bytes = 500;
    let mut count = 0;
    while pair.cast(&[1; 400], OPTIONS).is_ok() {
        count += 1;
    }
    assert_eq!(count, 9);
    let root = pair.ends[0].root();
    pair.run();
    assert!(pair.ends[0].events().contains(&(root, StreamEvent::DatagramSpace)));
    for _ in 0..3 {
        pair.cast(&[2; 400], OPTIONS).unwrap();
    }
    pair.run();
    let mut caught = 0;
    while pair.catch().is_some() {
        caught += 1;
    }
    let dropped = pair.ends[1].tree.dropped_datagrams();
    assert!(dropped >= 1 && caught <= 9, "{caught} {dropped}");
    assert_eq!(pair.ends[1].streams.stores.pool.used_blocks(), 0);
}

#[test]
fn what_is_too_old_is_not_sent() {
    let mut pair = Pair::new(1);
    let short = DatagramOptions { lifetime: Some(Duration::from_millis(5)), reliable: false };
    pair.cast(b"old", short).unwrap();
    pair.cast(b"new", OPTIONS).unwrap();
    pair.now = pair.now.after(Duration::from_millis(5));
    pair.run();
    assert_eq!(pair.catch().unwrap().0, b"new");
    assert_eq!(pair.catch(), None);
    pair.assert_clean();
}

#[test]
fn a_substream_datagram_that_expires_is_never_delivered() {
    let mut pair = Pair::new(1);
    pair.weather = Weather { loss: 1000, ..Weather::default() };
    let options = DatagramOptions { lifetime: Some(Duration::from_millis(50)), reliable: true };
    pair.cast(&[1; 2000], options).unwrap();
    for _ in 0..100 {
        pair.step();
    }
    let End { streams, tree } = &mut pair.ends[0];
    let (_, stream) = streams.take_expired(pair.now).expect("it is over");
    streams.of(tree).expire(stream);
    pair.weather = Weather::default();
    pair.run();
    assert_eq!(pair.catch(), None);
    pair.assert_clean();
    let root = pair.ends[1].streams.nursery_mut(pair.ends[1].tree.root).unwrap();
    assert_eq!((root.peer_opened, root.settled), (1, 1), "its credit came back");
}

#[test]
fn a_buffer_too_small_leaves_the_datagram() {
    let mut pair = Pair::new(1);
    for reliable in [false, true] {
        pair.cast(&[3; 50], DatagramOptions { reliable, ..OPTIONS }).unwrap();
    }
    pair.run();
    for _ in 0..2 {
        let End { streams, tree } = &mut pair.ends[1];
        let root = tree.root();
        let got = streams.of(tree).recv_datagram(pair.now, root, &mut [0; 49]);
        assert_eq!(got, Err(ReadError::BufferTooSmall(50)));
        assert_eq!(pair.catch().unwrap().0, [3; 50]);
    }
}

#[test]
fn a_datagram_that_no_packet_holds_any_more_does_not_stop_the_stream() {
    let mut pair = Pair::new(1);
    pair.cast(&[1; 1000], OPTIONS).unwrap();
    pair.cast(b"next", OPTIONS).unwrap();
    pair.most_bytes = 500;
    pair.run();
    assert_eq!(pair.catch().unwrap().0, b"next");
}

#[test]
fn a_datagram_that_fills_a_packet_is_sent_once() {
    let mut pair = Pair::new(1);
    for (payload, least) in [(98, 100), (97, 100), (96, 100)] {
        pair.cast(&vec![1; payload], OPTIONS).unwrap();
        (pair.least_bytes, pair.most_bytes) = (least, least);
        pair.run();
        assert_eq!(pair.catch().unwrap().0.len(), payload);
        assert_eq!(pair.catch(), None);
    }
}

#[test]
fn a_datagram_waits_where_others_take_its_room_or_nothing_can_be_noted() {
    let mut pair = Pair::new(1);
    pair.cast(&[1; 1000], OPTIONS).unwrap();
    let End { streams, tree } = &mut pair.ends[0];
    // Behind an acknowledgement, and where receipts have run out.
    for (room, is_empty, may_note) in [(900, false, true), (1200, true, false)] {
        let mut bytes = [0; 1200];
        let mut out = Writer::new(&mut bytes[..room]);
        let filled = streams.of(tree).fill(pair.now, &mut out, is_empty, |_| may_note);
        assert!(!filled.any && tree.has_work());
    }
    pair.least_bytes = 1100;
    pair.run();
    assert_eq!(pair.catch().unwrap().0, [1; 1000]);
}

#[test]
fn datagrams_larger_than_allowed_are_faults_or_refused() {
    let mut pair = Pair::new(1);
    let data = [0; 5001];
    let frame = DatagramFrame { parent: StreamId::ROOT, data: &data };
    assert_eq!(pair.hear(1, &Frame::Datagram(frame)), Err(Fault::Protocol));
    let open = Some(WireOpen {
        parent: StreamId::ROOT,
        attributes: Attributes { datagram: true, service: false },
        priority: None,
    });
    let id = StreamId::from_u64(2).unwrap();
    let frame = StreamFrame { id, offset: 0, data: b"x", mark: true, fin: true, open };
    assert_eq!(pair.hear(1, &Frame::Stream(frame)), Err(Fault::Protocol));
    let config = StreamConfig { datagram_bytes: 10, ..CONFIG };
    let mut pair = Pair::of(1, [CONFIG, config], [&ROOMY; 2]);
    let frame = StreamFrame { id, offset: 0, data: &[0; 11], mark: false, fin: true, open };
    pair.hear(1, &Frame::Stream(frame)).unwrap();
    assert_eq!(pair.ends[1].tree.stream_count(), 0);
    assert_eq!(pair.catch(), None);
}

#[test]
fn datagrams_of_a_stream_the_peer_may_not_know_go_as_substreams() {
    let mut pair = Pair::new(1);
    let root = pair.ends[0].root();
    let one = pair.ends[0].open(root);
    let End { streams, tree } = &mut pair.ends[0];
    let form = streams.of(tree).send_datagram(pair.now, one, b"first", OPTIONS, PATH);
    assert_eq!(form, Ok(DatagramForm::Substream));
    pair.run();
    let End { streams, tree } = &mut pair.ends[0];
    let form = streams.of(tree).send_datagram(pair.now, one, b"second", OPTIONS, PATH);
    assert_eq!(form, Ok(DatagramForm::Stateless));
    pair.run();
    let root = pair.ends[1].root();
    let one = pair.ends[1].accept(root);
    assert!(pair.ends[1].events().contains(&(one, StreamEvent::Datagram)));
    for expected in [&b"first"[..], b"second"] {
        let mut buf = [0; 10];
        let End { streams, tree } = &mut pair.ends[1];
        let (len, _) = streams.of(tree).recv_datagram(pair.now, one, &mut buf).unwrap().unwrap();
        assert_eq!(&buf[..len], expected);
    }
}

#[test]
fn a_datagram_that_becomes_whole_when_its_parent_is_dropped_goes() {
    let mut pair = Pair::new(1);
    let (one, two) = pair.join();
    let parent = pair.ends[0].info(one).id;
    let attributes = Attributes { datagram: true, service: false };
    let open = Some(WireOpen { parent, attributes, priority: None });
    let id = StreamId::from_u64(4).unwrap();
    let frame =
        |offset, data, fin| Frame::Stream(StreamFrame { id, offset, data, mark: false, fin, open });
    pair.hear(1, &frame(0, b"ha", false)).unwrap();
    pair.release(1, two);
    pair.hear(1, &frame(2, b"lf", true)).unwrap();
    let End { streams, tree } = &mut pair.ends[1];
    assert!(streams.of(tree).find(id).is_none());
    pair.audit();
}

/// A datagram of `data` bytes from the peer at host 1 of the pair.
fn datagram(parent: StreamId, data: &[u8]) -> Frame<'_> {
    Frame::Datagram(DatagramFrame { parent, data })
}

/// Spec: R-8.3-6, R-9.4-2
#[test]
fn a_session_holds_so_many_datagrams_and_the_oldest_go() {
    let mut pair = Pair::new(1);
    let streams: Vec<_> = (0..8).map(|_| pair.join()).collect();
    let mut came: Vec<u8> = vec![];
    for round in 0..200_u8 {
        let id = pair.ends[1].info(streams[0].1).id;
        pair.hear(1, &datagram(id, &[round; 100])).unwrap();
        came.push(round);
    }
    // One whose datagrams nobody takes has three quarters, and the newest of them.
    let limit = u64::from(CONFIG.datagram_queue_bytes);
    let queued = |pair: &Pair| {
        let End { streams, tree } = &pair.ends[1];
        u64::from(streams.parties.at(tree.party).unwrap().datagram_bytes)
    };
    let held = queued(&pair);
    assert!((limit * 3 / 4 - 104..=limit * 3 / 4 + 104).contains(&held), "{held}");
    let count = (held / 104) as usize;
    assert_eq!(pair.ends[1].tree.dropped_datagrams(), 200 - count as u64);
    // The others have room, and less and less of it.
    for (_, stream) in &streams[1..] {
        let id = pair.ends[1].info(*stream).id;
        pair.hear(1, &datagram(id, &[7; 10])).unwrap();
    }
    assert!(queued(&pair) <= limit);
    pair.audit();
    let mut buf = [0; 200];
    let End { streams: all, tree } = &mut pair.ends[1];
    for (_, stream) in &streams[1..] {
        let got = all.of(tree).recv_datagram(Instant::ZERO, *stream, &mut buf);
        assert_eq!(got, Ok(Some((10, DatagramForm::Stateless))));
    }
    for round in &came[200 - count..] {
        let got = all.of(tree).recv_datagram(Instant::ZERO, streams[0].1, &mut buf);
        assert_eq!((got, buf[0]), (Ok(Some((100, DatagramForm::Stateless))), *round));
    }
    assert_eq!(all.of(tree).recv_datagram(Instant::ZERO, streams[0].1, &mut buf), Ok(None));
    pair.audit();
}

#[test]
fn one_large_datagram_drops_few_small_ones() {
    let mut pair = Pair::new(1);
    let parent = StreamId::ROOT;
    for _ in 0..700 {
        pair.hear(1, &Frame::Datagram(DatagramFrame { parent, data: b"" })).unwrap();
    }
    assert_eq!(pair.ends[1].tree.dropped_datagrams(), 0);
    // 2,004 of 4,000 bytes must be free, and small ones have 2,800: 201 of them must go.
    let data = &[5; 2000];
    let mut dropped = 0;
    for arrival in 1..=4 {
        pair.hear(1, &Frame::Datagram(DatagramFrame { parent, data })).unwrap();
        let more = pair.ends[1].tree.dropped_datagrams() - dropped;
        dropped += more;
        // 64 old ones go, and the large one itself until the room is made.
        assert_eq!(more, if arrival < 4 { 65 } else { 9 }, "{arrival}");
    }
    let caught: Vec<_> = core::iter::from_fn(|| pair.catch()).map(|(got, _)| got.len()).collect();
    assert_eq!((caught.len(), caught.last()), (700 - 201 + 1, Some(&2000)));
}
