//! Readers that pause, and readers of the same session that do not. Everything is a 64th of what a
//! server has: windows, the budget, and what is read before the pause.

use super::*;

const CONFIG: StreamConfig = StreamConfig {
    stream_window: 2 << 10,
    max_stream_window: 256 << 10,
    session_window: 16 << 10,
    session_budget: 1 << 20,
    send_buffer: 64 << 10,
    root_children: 300,
    id_window: 1000,
    ..super::CONFIG
};
const LIMITS: StreamLimits =
    StreamLimits { streams: 400, blocks: 32 << 10, block_bytes: 512, ..ROOMY };
/// How long a packet is under way.
const HALF_TRIP: Duration = Duration::from_millis(10);

/// Two hosts, a path of a certain delay and rate, and streams from the one to the other.
struct World {
    pair: Pair,
    /// The sender's streams and the receiver's.
    streams: Vec<(StreamHandle, StreamHandle)>,
    /// Bytes that the path carries in a round trip.
    rate: usize,
}

impl World {
    fn new(rate: usize) -> Self {
        let mut pair = Pair::with(1, CONFIG, &LIMITS);
        pair.ends.iter_mut().for_each(|end| end.tree.set_round_trip(HALF_TRIP * 2));
        Self { pair, streams: vec![], rate }
    }

    fn open(&mut self) -> usize {
        let root = self.pair.ends[0].root();
        let one = self.pair.ends[0].open(root);
        self.round(&[], &mut []);
        let root = self.pair.ends[1].root();
        let two = self.pair.ends[1].accept(root);
        self.streams.push((one, two));
        self.streams.len() - 1
    }

    /// Carries what `from` has to send, up to `most` bytes, and tells it at once what arrived.
    fn carry(&mut self, from: usize, most: usize) {
        let mut left = most;
        while left > 0 {
            let [one, two] = &mut self.pair.ends;
            let (sender, receiver) = if from == 0 { (one, two) } else { (two, one) };
            let mut bytes = [0; 1200];
            let mut out = Writer::new(&mut bytes);
            let mut receipts = vec![];
            let note = pair::noting(&mut receipts);
            let now = self.pair.now;
            if !sender.streams.of(&mut sender.tree).fill(now, &mut out, true, note).any {
                break;
            }
            let len = out.position();
            for frame in Frames::new(&bytes[..len]) {
                receiver.streams.of(&mut receiver.tree).on_frame(now, &frame.unwrap()).unwrap();
            }
            for receipt in receipts {
                sender.streams.of(&mut sender.tree).on_receipt(receipt, Fate::Acked);
            }
            left = left.saturating_sub(len);
        }
    }

    /// A round trip: everyone who `writes` has as much to send as it may, and all `readers` take
    /// what is there; adds to what each of them got.
    fn round(&mut self, readers: &[usize], got: &mut [usize]) {
        for end in &mut self.pair.ends {
            drop(end.events());
        }
        self.carry(0, self.rate);
        self.pair.now = self.pair.now.after(HALF_TRIP);
        for (reader, got) in readers.iter().zip(got) {
            while let Ok(bytes) = self.pair.read(1, self.streams[*reader].1, 4096) {
                *got += bytes.len();
            }
        }
        self.carry(1, usize::MAX);
        self.pair.now = self.pair.now.after(HALF_TRIP);
        let tree = &self.pair.ends[1].tree;
        assert!(tree.receive_limit - tree.consumed <= CONFIG.session_budget, "the budget holds");
    }

    fn write(&mut self, stream: usize) {
        let End { streams, tree } = &mut self.pair.ends[0];
        let stream = self.streams[stream].0;
        while streams.of(tree).write(stream, &[7; 4096], WriteOptions::default()).is_ok() {}
    }

    /// Lets `count` streams be read up to `before` bytes each, side by side, and no more.
    fn stall(&mut self, count: usize, before: usize) {
        let stalled: Vec<usize> = (0..count).map(|_| self.open()).collect();
        let mut got = vec![0; count];
        while got.iter().any(|got| *got < before) {
            let readers: Vec<usize> = (0..count).filter(|at| got[*at] < before).collect();
            for at in &readers {
                self.write(stalled[*at]);
            }
            let mut more = vec![0; readers.len()];
            let ids: Vec<usize> = readers.iter().map(|at| stalled[*at]).collect();
            self.round(&ids, &mut more);
            readers.iter().zip(more).for_each(|(at, more)| got[*at] += more);
        }
        // The peer goes on until nothing is let through any more.
        for _ in 0..300 {
            stalled.iter().for_each(|stream| self.write(*stream));
            self.round(&[], &mut []);
        }
    }

    /// What `reader` gets in 50 round trips, once it is going.
    fn rate_of(&mut self, reader: usize) -> usize {
        let mut got = [0];
        for round in 0..90 {
            if round == 40 {
                got = [0];
            }
            self.write(reader);
            self.round(&[reader], &mut got);
        }
        self.pair.audit();
        got[0]
    }
}

/// As the bars say: so many readers that pause, having read nothing, or 8 MiB.
const CASES: [(usize, usize); 8] = [
    (1, 0),
    (3, 0),
    (100, 0),
    (200, 0),
    (1, 8 << 14),
    (3, 8 << 14),
    (100, 8 << 14),
    (200, 8 << 14),
];

/// Spec: R-7.5-4, R-7.5-9
#[test]
fn a_stream_that_is_read_keeps_its_rate_however_many_others_pause() {
    for (count, before) in CASES {
        let mut world = World::new(64 << 10);
        let reader = world.open();
        let alone = world.rate_of(reader);
        assert!(alone > 45 * (64 << 10), "{alone} fills the path");
        world.stall(count, before);
        let beside = world.rate_of(reader);
        assert!(beside * 100 >= alone * 95, "{count} stalled at {before}: {beside} of {alone}");
    }
}

/// Spec: R-7.5-4, R-7.5-9
#[test]
fn a_stream_opened_after_others_paused_has_its_first_window_each_round_trip() {
    for (count, before) in CASES {
        let rate = 1 << 10;
        let mut world = World::new(rate);
        let reader = world.open();
        let alone = world.rate_of(reader);
        let mut world = World::new(64 << 10);
        world.stall(count, before);
        world.rate = rate;
        let reader = world.open();
        let beside = world.rate_of(reader);
        assert!(beside * 100 >= alone * 95, "{count} stalled at {before}: {beside} of {alone}");
    }
}

/// Spec: R-7.5-6
#[test]
fn a_blocked_peer_is_answered_as_soon_as_there_is_credit() {
    let mut world = World::new(64 << 10);
    world.stall(1, 0);
    let tree = &mut world.pair.ends[1].tree;
    // Half a window is left: nothing is due, but the peer asks.
    let (limit, window) = (tree.receive_limit, tree.receive_window);
    tree.receive_window = window * 4;
    world.pair.hear(1, &Frame::SessionBlocked { at: limit }).unwrap();
    let tree = &world.pair.ends[1].tree;
    assert!(tree.owes_session_limit && tree.receive_limit > limit);
}

/// Spec: R-7.5-10
#[test]
fn the_application_hears_who_holds_the_memory() {
    // More than the budget has first windows for.
    let config = StreamConfig { session_budget: 64 << 10, ..CONFIG };
    let mut world = World::new(64 << 10);
    world.pair = Pair::with(1, config, &LIMITS);
    world.stall(100, 0);
    let End { streams, tree } = &mut world.pair.ends[1];
    assert_eq!(tree.unread(), 64 << 10);
    let mut largest = [(row::NOBODY, 0); 40];
    let count = streams.largest_unread(tree, &mut largest);
    assert!(largest[..count].iter().is_sorted_by_key(|(_, unread)| core::cmp::Reverse(*unread)));
    let mut all = [(row::NOBODY, 0); 101];
    let count = streams.largest_unread(tree, &mut all);
    assert_eq!(all[..count].iter().map(|(_, unread)| unread).sum::<u64>(), 64 << 10);
    assert_eq!(all[..40], largest);
}

/// Marks far behind the first byte that is not acknowledged take more than one block: a record may
/// find too few although there are some. Two writers of such records are not told in turn that
/// there is room, while nothing comes back.
// Spec: R-7.5-4.
#[test]
fn two_writers_without_room_for_their_marks_are_not_told_of_each_other() {
    let limits = StreamLimits { blocks: 70, block_bytes: 64, ..ROOMY };
    let mut both_blocked = 0;
    for len in (64..3000).step_by(16) {
        let mut pair = Pair::with(1, CONFIG, &limits);
        let root = pair.ends[0].root();
        let writers = [0; 2].map(|_| pair.ends[0].open(root));
        let write = |end: &mut End, stream, bytes: &[u8], mark| {
            let End { streams, tree } = end;
            streams.of(tree).write(stream, bytes, WriteOptions { mark })
        };
        for stream in writers {
            let _ = write(&mut pair.ends[0], stream, &vec![1; len], false);
        }
        let record = |end: &mut End, stream| write(end, stream, &[2], true);
        let blocked = writers.map(|stream| record(&mut pair.ends[0], stream).is_err());
        if blocked != [true; 2] {
            continue;
        }
        both_blocked += 1;
        for _ in 0..20 {
            for (stream, event) in pair.ends[0].events() {
                if event == StreamEvent::Writable {
                    let _ = record(&mut pair.ends[0], stream);
                }
            }
        }
        assert_eq!(pair.ends[0].events(), [], "{len}");
    }
    assert!(both_blocked > 0);
}
