//! Several sessions on one host: none of them keeps the others from what they have a share in.

use super::*;
use crate::id::StreamId;
use crate::storage::Account;
use crate::wire::{Attributes, Open as WireOpen, StreamFrame};

const SESSIONS: usize = 4;

const LIMITS: StreamLimits = StreamLimits { sessions: SESSIONS as u32, streams: 80, ..ROOMY };

/// A host with several sessions, each as good as alone: nothing is sent.
struct Many {
    streams: Streams<'static>,
    trees: Vec<Tree>,
}

impl Many {
    fn new(limits: &StreamLimits) -> Self {
        Self::with(limits, CONFIG)
    }

    fn with(limits: &StreamLimits, config: StreamConfig) -> Self {
        let storage = StreamStorage::owned(limits);
        let mut streams = Streams::new(config, storage, KeyedHash::new(1, 2));
        let peer = Allowance { root_children: 1000, id_window: 1000, ..allowance(&CONFIG) };
        let tree = |session| streams.plant(session, Side::Small, peer, Instant::ZERO);
        let trees = (0..SESSIONS as u32).filter_map(tree).collect();
        Self { streams, trees }
    }

    fn open(&mut self, session: usize) -> Result<StreamHandle, OpenError> {
        let tree = &mut self.trees[session];
        let root = tree.root;
        self.streams.of(tree).open_substream(Instant::ZERO, root, Open::default())
    }

    fn write(&mut self, session: usize, stream: StreamHandle) -> Result<usize, WriteError> {
        let options = WriteOptions::default();
        self.streams.of(&mut self.trees[session]).write(stream, &[7; 10_000], options)
    }

    /// Opens streams and writes as much as it may on each.
    fn fill(&mut self, session: usize) -> Vec<StreamHandle> {
        let opened: Vec<_> = core::iter::from_fn(|| self.open(session).ok()).collect();
        for stream in &opened {
            while self.write(session, *stream).is_ok() {}
        }
        opened
    }

    /// Blocks that hold what the session has written.
    fn held(&self, session: usize) -> &Account {
        &self.streams.parties.at(self.trees[session].party).unwrap().outgoing
    }

    /// Has more arrive on the peer's first stream, if there is room for it.
    fn arrive(&mut self, session: usize, offset: &mut u64) -> bool {
        let attributes = Attributes { datagram: false, service: false };
        let open = Some(WireOpen { parent: StreamId::ROOT, attributes, priority: None });
        let id = StreamId::new(1, Side::Large).unwrap();
        let open = open.filter(|_| *offset == 0);
        let frame =
            StreamFrame { id, offset: *offset, data: &[1; 50], mark: true, fin: false, open };
        let end = frame.offset + 51;
        let tree = &mut self.trees[session];
        let is_taken = self.streams.of(tree).on_frame(Instant::ZERO, &Frame::Stream(frame)).is_ok();
        if is_taken {
            *offset = end;
        }
        is_taken
    }

    fn events(&mut self) -> Vec<(u32, StreamEvent)> {
        core::iter::from_fn(|| self.streams.poll_event()).map(|(s, _, event)| (s, event)).collect()
    }
}

/// Spec: R-9.4-2
#[test]
fn a_session_that_takes_all_it_may_leaves_the_others_theirs() {
    let mut host = Many::new(&LIMITS);
    let greedy = host.fill(0);
    assert_eq!(host.open(0), Err(OpenError::NoCapacity));
    assert_eq!(host.write(0, greedy[0]), Err(WriteError::Blocked));
    for session in 1..SESSIONS {
        let stream = host.open(session).expect("the others have their streams");
        assert_eq!(host.write(session, stream), Ok(3000), "and their blocks");
        assert_eq!(host.write(session, stream), Err(WriteError::Blocked), "a full buffer");
    }
    assert_eq!(host.events(), [], "nobody waits for what has not changed");
}

/// Spec: R-9.4-2
#[test]
fn however_many_are_greedy_the_last_session_has_its_least() {
    let mut host = Many::new(&LIMITS);
    for session in 0..SESSIONS - 1 {
        host.fill(session);
    }
    let last = host.fill(SESSIONS - 1);
    assert!(last.len() as u32 >= LIMITS.streams / 4 / SESSIONS as u32 - 1);
    let least = LIMITS.blocks / 4 / SESSIONS as u32 / 2;
    assert!(host.held(SESSIONS - 1).held() >= least - 2);
}

/// What a board has. Whoever relays reads only once it has written what it read before.
///
/// Spec: R-9.4-2
#[test]
fn whatever_arrives_and_is_not_read_every_session_can_write_a_record() {
    let limits = StreamLimits { streams: 20, gapped: 12, blocks: 32, ..LIMITS };
    let config = StreamConfig { stream_window: 4096, session_window: 4096, ..CONFIG };
    for_seeds(200, |seed| {
        let mut random = Random::new(seed);
        let mut host = Many::with(&limits, config);
        let greedy = random.below(SESSIONS as u64) as usize;
        let streams: Vec<_> = (0..SESSIONS).map(|session| host.open(session).unwrap()).collect();
        let mut offsets = [0; SESSIONS];
        let mut refused = 0;
        while refused < 100 {
            let session = random.below(SESSIONS as u64) as usize;
            let writes = session < greedy && random.chance(300);
            let is_done = if writes {
                host.write(session, streams[session]).is_ok()
            } else {
                host.arrive(session, &mut offsets[session])
            };
            refused = if is_done { 0 } else { refused + 1 };
        }
        for (session, stream) in streams.into_iter().enumerate().skip(greedy) {
            let (tree, options) = (&mut host.trees[session], WriteOptions { mark: true });
            let written = host.streams.of(tree).write(stream, &[1; 64], options);
            assert_eq!(written, Ok(64), "{session} of {greedy}");
        }
    });
}

#[test]
fn writers_are_woken_when_their_own_session_may_take_again() {
    let mut host = Many::new(&StreamLimits { blocks: 400, ..LIMITS });
    let (full, other) = (host.fill(0), host.fill(1));
    assert_eq!(host.write(0, full[0]), Err(WriteError::Blocked));
    assert_eq!(host.write(1, other[0]), Err(WriteError::Blocked));
    assert!(host.held(1).held() < host.held(0).held());
    // A block that the one who holds more gives back is room for the one who holds less.
    while host.held(0).held() > host.held(1).held() {
        let before = host.held(0).held();
        let stream = full.iter().rev().find(|s| host.streams.info(**s).unwrap().written > 0);
        let stream = *stream.expect("it holds blocks");
        host.streams.of(&mut host.trees[0]).reset(stream, StreamCode::DROPPED);
        assert!(host.held(0).held() < before);
    }
    let events = host.events();
    assert!(events.contains(&(1, StreamEvent::Writable)), "{events:?}");
    for stream in other {
        while host.write(1, stream).is_ok() {}
    }
    // Whoever is told to go on finds room.
    for (session, _) in events {
        let party = host.streams.parties.at(host.trees[0].party).unwrap();
        assert!(session == 1 || host.streams.stores.pool_room(party) > 0);
    }
}

/// What gives room back, an acknowledgement mostly, costs no more for the writers that wait.
#[test]
fn writers_that_may_go_on_are_told_when_events_are_asked_for() {
    let mut host = Many::new(&StreamLimits { blocks: 100, ..LIMITS });
    let full = host.fill(0);
    let waiting: Vec<_> =
        full.iter().filter(|s| host.streams.info(**s).unwrap().written == 0).collect();
    assert!(waiting.len() > 2, "{}", waiting.len());
    assert_eq!(host.events(), []);
    host.streams.of(&mut host.trees[0]).reset(full[0], StreamCode::DROPPED);
    assert!(host.streams.events.is_empty() && !host.streams.starved.has_told_all());
    assert!(host.events().len() >= waiting.len());
    assert!(host.streams.starved.has_told_all() && host.streams.starved.is_empty());
}

/// Spec: R-7.5-11
#[test]
fn a_peer_that_gives_no_credit_makes_a_stream_hold_little() {
    let config = StreamConfig { send_buffer: 1 << 20, ..CONFIG };
    let limits = StreamLimits { blocks: 1 << 14, ..ROOMY };
    let mut end = End::new(Side::Small, config, &limits, &CONFIG);
    let stream = end.open(end.root());
    let taken = end.write(stream, &vec![1; 1 << 20]);
    assert_eq!(taken, CONFIG.stream_window as usize + (32 << 10));
    let id = end.info(stream).id;
    let End { streams, tree } = &mut end;
    let limit = Frame::StreamLimit { id, limit: 1 << 19 };
    streams.of(tree).on_frame(Instant::ZERO, &limit).unwrap();
    assert_eq!(end.events(), [(stream, StreamEvent::Writable)]);
    assert_eq!(end.write(stream, &vec![1; 1 << 20]) + taken, (1 << 19) + (32 << 10));
}

#[test]
fn a_session_that_ends_gives_everything_back() {
    let mut host = Many::new(&LIMITS);
    (0..SESSIONS).for_each(|session| drop(host.fill(session)));
    for mut tree in core::mem::take(&mut host.trees) {
        while !host.streams.of(&mut tree).tear_down() {}
    }
    assert_eq!(host.streams.stores.pool.used_blocks(), 0);
    assert_eq!((host.streams.rows.shares().used(), host.streams.parties.len()), (0, 0));
    assert!(host.streams.starved.is_empty() && host.streams.starved.has_told_all());
    assert!(host.streams.plant(9, Side::Large, allowance(&CONFIG), Instant::ZERO).is_some());
}

#[test]
fn a_peer_that_opens_all_it_may_is_refused_and_the_others_are_not() {
    let mut host = Many::new(&LIMITS);
    let frame = |counter| {
        let attributes = Attributes { datagram: false, service: false };
        let open = Some(WireOpen { parent: StreamId::ROOT, attributes, priority: None });
        let id = StreamId::new(counter, Side::Large).unwrap();
        Frame::Stream(StreamFrame { id, offset: 0, data: &[1], mark: false, fin: false, open })
    };
    let mut refused = 0;
    for counter in 1..64 {
        let tree = &mut host.trees[0];
        let root = tree.root;
        host.streams.of(tree).listen(root, 64);
        match host.streams.of(tree).on_frame(Instant::ZERO, &frame(counter)) {
            Ok(()) => refused += tree.refusals.len() as u32,
            Err(fault) => {
                assert_eq!(fault, Fault::NoCapacity);
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "it is told that there is no room");
    let tree = &mut host.trees[1];
    assert_eq!(host.streams.of(tree).on_frame(Instant::ZERO, &frame(1)), Ok(()));
    assert!(tree.refusals.len() == 0 && tree.stream_count() == 1);
}

#[test]
fn a_sender_of_datagrams_is_woken_when_its_session_may_take_blocks_again() {
    const PATH: PathQuality = PathQuality { payload_bytes: 1200, loss_rate: 0 };
    let mut host = Many::new(&StreamLimits { blocks: 100, ..LIMITS });
    let full = host.fill(0);
    let (root, writer) = (host.trees[0].root, full[1]);
    // The peer has heard of the stream, so that datagrams need no stream of their own.
    host.streams.rows.get_mut(writer).unwrap().state.set(State::OPENED);
    // Nothing is queued under either that could make room by being sent.
    for parent in [root, writer] {
        let (tree, options) = (&mut host.trees[0], DatagramOptions::default());
        let sent = host.streams.of(tree).send_datagram(Instant::ZERO, parent, b"x", options, PATH);
        assert_eq!(sent, Err(DatagramError::Blocked));
    }
    assert_eq!(host.write(0, writer), Err(WriteError::Blocked));
    assert!(core::iter::from_fn(|| host.streams.poll_event()).next().is_none());
    host.streams.of(&mut host.trees[0]).reset(full[0], StreamCode::DROPPED);
    let told: Vec<_> = core::iter::from_fn(|| host.streams.poll_event()).collect();
    for (parent, event) in [
        (root, StreamEvent::DatagramSpace),
        (writer, StreamEvent::DatagramSpace),
        (writer, StreamEvent::Writable),
    ] {
        assert_eq!(told.iter().filter(|it| **it == (0, parent, event)).count(), 1, "{told:?}");
    }
    let (tree, options) = (&mut host.trees[0], DatagramOptions::default());
    let sent = host.streams.of(tree).send_datagram(Instant::ZERO, root, b"x", options, PATH);
    assert_eq!(sent, Ok(DatagramForm::Stateless));
}
