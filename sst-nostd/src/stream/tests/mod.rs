//! Two hosts' streams joined by a carrier that loses, repeats and reorders packets.

mod audit;
mod delivery;
mod promises;
mod random;
mod rules;
mod size;
mod speed;

use std::vec;
use std::vec::Vec;

use crate::bytes::Writer;
use crate::id::Side;
use crate::storage::KeyedHash;
use crate::time::{Duration, Instant};
use crate::wire::Frames;

use super::gaps::Kind;
use super::*;

/// Seeded random numbers (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `end`, which must not be zero.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// True this often in a thousand.
    pub(super) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of the things, if there is one.
    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        if from.is_empty() { None } else { Some(from[self.below(from.len() as u64) as usize]) }
    }
}

/// Runs `test` with seeds from 0 on, or with the one in `SST_SEED`; says which one failed.
pub(super) fn for_seeds(count: u64, test: impl Fn(u64)) {
    struct Told(u64);
    impl Drop for Told {
        fn drop(&mut self) {
            if std::thread::panicking() {
                std::eprintln!("failed with SST_SEED={}", self.0);
            }
        }
    }
    let only = std::env::var("SST_SEED").ok().map(|seed| seed.parse().expect("a number"));
    for seed in only.map_or(0..count, |seed: u64| seed..seed + 1) {
        let told = Told(seed);
        test(seed);
        drop(told);
    }
}

/// Room enough that no test notices unless it wants to.
pub(super) const ROOMY: StreamLimits = StreamLimits {
    streams: 300,
    parents: 100,
    gapped: 100,
    range_sets: 200,
    blocks: 2000,
    block_bytes: 128,
};

pub(super) const CONFIG: StreamConfig = StreamConfig {
    stream_window: 2000,
    max_stream_window: 8000,
    session_window: 6000,
    max_session_window: 30_000,
    send_buffer: 3000,
    root_children: 16,
    children: 4,
    id_window: 64,
    datagram_bytes: 5000,
    datagram_queue_bytes: 4000,
    takes_turns: true,
};

/// What a host with this configuration tells its peer.
pub(super) fn allowance(config: &StreamConfig) -> Allowance {
    Allowance {
        stream_window: config.stream_window.into(),
        session_window: config.session_window,
        root_children: config.root_children,
        children: config.children,
        id_window: config.id_window,
        datagram_bytes: config.datagram_bytes.into(),
    }
}

/// One host.
pub(super) struct End {
    pub(super) streams: Streams<'static>,
    pub(super) tree: Tree,
}

impl End {
    pub(super) fn new(
        side: Side,
        config: StreamConfig,
        limits: &StreamLimits,
        peer: &StreamConfig,
    ) -> Self {
        let storage = StreamStorage::owned(limits);
        let mut streams = Streams::new(config, storage, KeyedHash::new(1, 2));
        let tree = streams.plant(7, side, allowance(peer), Instant::ZERO).expect("room for a root");
        Self { streams, tree }
    }

    pub(super) fn root(&self) -> StreamHandle {
        self.tree.root()
    }

    pub(super) fn open(&mut self, parent: StreamHandle) -> StreamHandle {
        self.try_open(parent).expect("may open")
    }

    pub(super) fn try_open(&mut self, parent: StreamHandle) -> Result<StreamHandle, OpenError> {
        self.streams.open_substream(&mut self.tree, Instant::ZERO, parent, Open::default())
    }

    pub(super) fn accept(&mut self, parent: StreamHandle) -> StreamHandle {
        self.streams.accept_substream(&mut self.tree, parent).expect("one waits")
    }

    pub(super) fn write(&mut self, stream: StreamHandle, bytes: &[u8]) -> usize {
        self.streams
            .write(&mut self.tree, stream, bytes, WriteOptions::default())
            .expect("takes some")
    }

    pub(super) fn record(&mut self, stream: StreamHandle, bytes: &[u8]) {
        let options = WriteOptions { mark: true };
        let taken = self.streams.write(&mut self.tree, stream, bytes, options);
        assert_eq!(taken, Ok(bytes.len()));
    }

    pub(super) fn finish(&mut self, stream: StreamHandle) {
        self.streams.finish(&mut self.tree, stream).expect("may finish");
    }

    pub(super) fn info(&self, stream: StreamHandle) -> StreamInfo {
        self.streams.info(stream).expect("lives")
    }

    pub(super) fn events(&mut self) -> Vec<(StreamHandle, StreamEvent)> {
        core::iter::from_fn(|| self.streams.poll_event()).map(|(_, s, event)| (s, event)).collect()
    }
}

struct Packet {
    from: usize,
    bytes: Vec<u8>,
    /// `None` for a copy.
    receipts: Option<Vec<Receipt>>,
}

/// How bad the carrier is, in thousandths.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) loss: u64,
    pub(super) copies: u64,
    pub(super) reorder: u64,
}

pub(super) const STORM: Weather = Weather { loss: 200, copies: 100, reorder: 500 };

/// Two hosts of one session.
pub(super) struct Pair {
    pub(super) ends: [End; 2],
    pub(super) now: Instant,
    pub(super) random: Random,
    pub(super) weather: Weather,
    /// Packets between the hosts.
    air: Vec<Packet>,
    /// What became of packets, on its way back.
    fates: Vec<(usize, Vec<Receipt>, Fate)>,
    /// Packets that were not acknowledged for want of room.
    pub(super) turned_down: u64,
    /// Largest packet.
    pub(super) most_bytes: u64,
}

impl Pair {
    pub(super) fn new(seed: u64) -> Self {
        Self::with(seed, CONFIG, &ROOMY)
    }

    pub(super) fn with(seed: u64, config: StreamConfig, limits: &StreamLimits) -> Self {
        Self::of(seed, [config; 2], [limits; 2])
    }

    pub(super) fn of(seed: u64, configs: [StreamConfig; 2], limits: [&StreamLimits; 2]) -> Self {
        let [one, two] = configs;
        let ends = [
            End::new(Side::Small, one, limits[0], &two),
            End::new(Side::Large, two, limits[1], &one),
        ];
        Self {
            ends,
            now: Instant::from_micros(1_000_000),
            random: Random::new(seed),
            weather: Weather::default(),
            air: vec![],
            fates: vec![],
            turned_down: 0,
            most_bytes: 1400,
        }
    }

    /// Both hosts.
    pub(super) fn both(&mut self) -> (&mut End, &mut End) {
        let [one, two] = &mut self.ends;
        (one, two)
    }

    /// Lets host `from` send one packet, if it has something to send.
    pub(super) fn send(&mut self, from: usize) -> bool {
        let room = 60 + self.random.below(self.most_bytes - 59) as usize;
        let mut bytes = vec![0; room];
        let mut out = Writer::new(&mut bytes);
        let mut receipts = vec![];
        let End { streams, tree } = &mut self.ends[from];
        if !streams.has_work(tree) {
            return false;
        }
        let filled = streams.fill(tree, self.now, &mut out, |receipt| {
            receipts.push(receipt);
            true
        });
        let len = out.position();
        assert_eq!(filled.any, len > 0);
        if filled.any {
            bytes.truncate(len);
            self.air.push(Packet { from, bytes, receipts: Some(receipts) });
        }
        filled.any
    }

    /// Moves one packet out of the air.
    pub(super) fn deliver(&mut self) -> bool {
        if self.air.is_empty() {
            return false;
        }
        let at = if self.random.chance(self.weather.reorder) {
            self.random.below(self.air.len() as u64) as usize
        } else {
            0
        };
        let Packet { from, bytes, receipts } = self.air.remove(at);
        if self.random.chance(self.weather.copies) {
            self.air.push(Packet { from, bytes: bytes.clone(), receipts: None });
        }
        let fate = if self.random.chance(self.weather.loss) {
            Fate::Lost
        } else {
            self.receive(1 - from, &bytes)
        };
        // A copy may get through where the first one did not; whoever sent it hears of one.
        if let Some(receipts) = receipts {
            self.fates.push((from, receipts, fate));
        }
        true
    }

    fn receive(&mut self, to: usize, bytes: &[u8]) -> Fate {
        let End { streams, tree } = &mut self.ends[to];
        let mut fate = Fate::Acked;
        for frame in Frames::new(bytes) {
            let frame = frame.expect("well-formed");
            match streams.on_frame(tree, self.now, &frame) {
                Ok(()) => {}
                Err(Fault::NoCapacity) => fate = Fate::Lost,
                Err(fault) => panic!("{fault:?} for {frame:?}"),
            }
        }
        self.turned_down += u64::from(fate == Fate::Lost);
        fate
    }

    /// Tells a host what became of one of its packets.
    pub(super) fn report(&mut self) -> bool {
        if self.fates.is_empty() {
            return false;
        }
        let at = if self.random.chance(self.weather.reorder) {
            self.random.below(self.fates.len() as u64) as usize
        } else {
            0
        };
        let (from, receipts, fate) = self.fates.remove(at);
        let End { streams, tree } = &mut self.ends[from];
        for receipt in receipts {
            streams.on_receipt(tree, self.now, receipt, fate);
        }
        true
    }

    /// Something happens, or time passes.
    pub(super) fn step(&mut self) {
        let micros = self.random.below(20_000);
        self.now = self.now.after(Duration::from_micros(micros));
        match self.random.below(4) {
            0 => self.send(0),
            1 => self.send(1),
            2 => self.deliver(),
            _ => self.report(),
        };
    }

    pub(super) fn is_quiet(&self) -> bool {
        let has_work = self.ends.iter().any(|end| end.streams.has_work(&end.tree));
        !has_work && self.air.is_empty() && self.fates.is_empty()
    }

    /// Steps until nothing is left to do; fails if that takes too long.
    pub(super) fn run(&mut self) {
        for _ in 0..200_000 {
            if self.is_quiet() {
                return self.audit();
            }
            self.step();
        }
        panic!("the hosts spin");
    }

    /// Checks all that must always hold at both.
    pub(super) fn audit(&self) {
        for end in &self.ends {
            audit::audit(&end.streams, &end.tree);
        }
    }

    /// Releases `stream` at host `at`.
    pub(super) fn release(&mut self, at: usize, stream: StreamHandle) {
        let End { streams, tree } = &mut self.ends[at];
        streams.release(tree, self.now, stream);
    }

    pub(super) fn reset(&mut self, at: usize, stream: StreamHandle, code: u64) {
        let End { streams, tree } = &mut self.ends[at];
        streams.reset(tree, stream, crate::wire::StreamCode::new(code));
    }

    pub(super) fn stop(&mut self, at: usize, stream: StreamHandle, code: u64) {
        let End { streams, tree } = &mut self.ends[at];
        streams.stop(tree, self.now, stream, crate::wire::StreamCode::new(code));
    }

    /// Reads with a buffer of `room` bytes.
    pub(super) fn read(
        &mut self,
        at: usize,
        stream: StreamHandle,
        room: usize,
    ) -> Result<Vec<u8>, ReadError> {
        let End { streams, tree } = &mut self.ends[at];
        let mut buf = vec![0; room];
        let len = streams.read(tree, self.now, stream, &mut buf)?;
        buf.truncate(len);
        Ok(buf)
    }

    /// Reads up to a mark, with a buffer of `room` bytes.
    pub(super) fn read_record(
        &mut self,
        at: usize,
        stream: StreamHandle,
        room: usize,
    ) -> Result<(Vec<u8>, RecordRead), ReadError> {
        let End { streams, tree } = &mut self.ends[at];
        let mut buf = vec![0; room];
        let read = streams.read_record(tree, self.now, stream, &mut buf)?;
        buf.truncate(read.len);
        Ok((buf, read))
    }

    /// Opens a child of the root at host 0 and accepts it at host 1.
    pub(super) fn join(&mut self) -> (StreamHandle, StreamHandle) {
        let root = self.ends[0].root();
        let one = self.ends[0].open(root);
        self.run();
        let root = self.ends[1].root();
        (one, self.ends[1].accept(root))
    }

    /// Prints all there is, for a test that is about to fail.
    pub(super) fn describe(&self) {
        std::eprintln!("air {}, fates {}", self.air.len(), self.fates.len());
        std::eprintln!("turned down {}", self.turned_down);
        for End { streams, tree } in &self.ends {
            let (pool, gaps, sets) = (&streams.pool, &streams.gaps, &streams.ranges);
            std::eprintln!("blocks {} of {}", pool.used_blocks(), pool.limit_blocks());
            std::eprintln!("gaps {} of {}", gaps.len(), gaps.limit());
            std::eprintln!("ranges {} of {}", sets.len(), sets.limit());
            std::eprintln!("parents {} of {}", streams.nurseries.len(), streams.nurseries.limit());
            std::eprintln!("has work {}", streams.has_work(tree));
            std::eprintln!("sent {} of {}", tree.sent, tree.send_limit);
            std::eprintln!("received {} of {}", tree.received, tree.receive_limit);
            for row in (0..streams.rows.limit()).filter_map(|index| streams.rows.at(index)) {
                std::eprintln!("{row:?}");
                std::eprintln!("    {:?}", gaps.at(row.gaps));
                if let Some(gaps) = gaps.at(row.gaps) {
                    for kind in [Kind::Received, Kind::Acked, Kind::Lost, Kind::Taken] {
                        std::eprintln!("    {kind:?} {:?}", sets.at(gaps.set(kind)));
                    }
                }
            }
        }
    }

    /// Both hosts hold nothing but their roots.
    pub(super) fn assert_clean(&self) {
        self.audit();
        for end in &self.ends {
            let streams = &end.streams;
            for stream in (0..streams.rows.limit()).filter_map(|index| streams.rows.at(index)) {
                assert!(stream.state.has(State::ROOT), "left: {stream:?}");
            }
            assert_eq!((streams.len(), end.tree.stream_count()), (1, 0), "streams are left");
            assert_eq!(streams.pool.used_blocks(), 0, "blocks are left");
            assert_eq!(streams.nurseries.len(), 1, "nurseries are left");
            assert_eq!((streams.gaps.len(), streams.ranges.len()), (0, 0), "gaps are left");
            assert_eq!(streams.lifetimes.len(), 0, "lifetimes are left");
            assert!(end.tree.is_drained() && end.tree.refusals.iter().all(Option::is_none));
            assert!(end.tree.awaiting.iter().all(Option::is_none));
            assert_eq!(end.tree.consumed, end.tree.received, "credit leaked");
        }
        let [one, two] = &self.ends;
        assert_eq!(one.tree.sent, two.tree.received);
        assert_eq!(two.tree.sent, one.tree.received);
    }
}
