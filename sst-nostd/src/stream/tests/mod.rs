//! Two hosts' streams joined by a carrier that loses, repeats and reorders packets.

mod audit;
mod big_trees;
mod credit;
mod datagrams;
mod delivery;
mod ends;
mod halves;
mod hostile;
mod look_ups;
mod model;
mod outcomes;
mod pair;
mod parties;
mod priorities;
mod promises;
mod random;
mod records;
mod rules;
mod size;
mod speed;
mod stalled;
mod trees;
mod unordered;

use std::vec;
use std::vec::Vec;

use crate::bytes::Writer;
use crate::id::Side;
use crate::storage::KeyedHash;
use crate::time::{Duration, Instant};
use crate::wire::{Frame, Frames, MAX_FRAMES, StreamCode};

use super::flags::{Pending, State};
use super::*;

use self::pair::{Pair, STORM, Weather};

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
    sessions: 1,
    streams: 300,
    parents: 100,
    gapped: 100,
    range_rows: 200,
    blocks: 2000,
    block_bytes: 128,
    tracked_datagrams: 4,
};

pub(super) const CONFIG: StreamConfig = StreamConfig {
    stream_window: 2000,
    max_stream_window: 8000,
    session_window: 6000,
    session_budget: 30_000,
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
        self.streams.of(&mut self.tree).open_substream(Instant::ZERO, parent, Open::default())
    }

    pub(super) fn accept(&mut self, parent: StreamHandle) -> StreamHandle {
        self.streams.of(&mut self.tree).accept_substream(parent).expect("one waits")
    }

    pub(super) fn write(&mut self, stream: StreamHandle, bytes: &[u8]) -> usize {
        self.streams
            .of(&mut self.tree)
            .write(stream, bytes, WriteOptions::default())
            .expect("takes some")
    }

    pub(super) fn record(&mut self, stream: StreamHandle, bytes: &[u8]) {
        let options = WriteOptions { mark: true };
        let taken = self.streams.of(&mut self.tree).write(stream, bytes, options);
        assert_eq!(taken, Ok(bytes.len()));
    }

    pub(super) fn finish(&mut self, stream: StreamHandle) {
        self.streams.of(&mut self.tree).finish(stream).expect("may finish");
    }

    pub(super) fn info(&self, stream: StreamHandle) -> StreamInfo {
        self.streams.info(stream).expect("lives")
    }

    pub(super) fn events(&mut self) -> Vec<(StreamHandle, StreamEvent)> {
        core::iter::from_fn(|| self.streams.poll_event()).map(|(_, s, event)| (s, event)).collect()
    }
}

impl Streams<'_> {
    /// A stream's ledger as a parent.
    pub(super) fn nursery_mut(&mut self, stream: StreamHandle) -> Option<&mut Nursery> {
        self.stores.nurseries.at_mut(self.rows.get(stream)?.nursery)
    }
}
