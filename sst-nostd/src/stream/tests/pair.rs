//! The carrier between two hosts, and what tests do with both.

use super::super::gaps::Kind;
use super::*;

/// One packet in the air.
pub(super) struct Packet {
    from: usize,
    pub(super) bytes: Vec<u8>,
    /// `None` for a copy.
    pub(super) receipts: Option<Vec<Receipt>>,
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
    pub(super) air: Vec<Packet>,
    /// What became of packets, on its way back.
    pub(super) fates: Vec<(usize, Vec<Receipt>, Fate)>,
    /// Packets that were not acknowledged for want of room.
    pub(super) turned_down: u64,
    /// The sizes of packets.
    pub(super) least_bytes: u64,
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
            least_bytes: 60,
            most_bytes: 1400,
        }
    }

    /// Lets host `from` send one packet, if it has something to send.
    pub(super) fn send(&mut self, from: usize) -> bool {
        let range = self.most_bytes - self.least_bytes + 1;
        let room = (self.least_bytes + self.random.below(range)) as usize;
        let mut bytes = vec![0; room];
        let mut out = Writer::new(&mut bytes);
        let mut receipts = vec![];
        let End { streams, tree } = &mut self.ends[from];
        if !tree.has_work() {
            return false;
        }
        let filled = streams.of(tree).fill(self.now, &mut out, true, noting(&mut receipts));
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

    /// Hands host `at` a frame as if it came from its peer.
    pub(super) fn hear(&mut self, at: usize, frame: &Frame<'_>) -> Result<(), Fault> {
        let End { streams, tree } = &mut self.ends[at];
        let answer = streams.of(tree).on_frame(self.now, frame);
        streams.of(tree).settle_priorities();
        answer
    }

    fn receive(&mut self, to: usize, bytes: &[u8]) -> Fate {
        let End { streams, tree } = &mut self.ends[to];
        let mut fate = Fate::Acked;
        for frame in Frames::new(bytes) {
            let frame = frame.expect("well-formed");
            match streams.of(tree).on_frame(self.now, &frame) {
                Ok(()) => {}
                Err(Fault::NoCapacity) => fate = Fate::Lost,
                Err(fault) => panic!("{fault:?} for {frame:?}"),
            }
        }
        streams.of(tree).settle_priorities();
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
            streams.of(tree).on_receipt(receipt, fate);
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
        let has_work = self.ends.iter().any(|end| end.tree.has_work());
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
        self.describe();
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
        streams.of(tree).release(self.now, stream);
    }

    pub(super) fn reset(&mut self, at: usize, stream: StreamHandle, code: u64) {
        let End { streams, tree } = &mut self.ends[at];
        streams.of(tree).reset(stream, StreamCode::new(code));
    }

    pub(super) fn stop(&mut self, at: usize, stream: StreamHandle, code: u64) {
        let End { streams, tree } = &mut self.ends[at];
        streams.of(tree).stop(self.now, stream, StreamCode::new(code));
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
        let len = streams.of(tree).read(self.now, stream, &mut buf)?;
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
        let read = streams.of(tree).read_record(self.now, stream, &mut buf)?;
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
            let (pool, gaps, sets) =
                (&streams.stores.pool, &streams.stores.gaps, &streams.stores.ranges);
            std::eprintln!("blocks {} of {}", pool.used_blocks(), pool.limit_blocks());
            std::eprintln!("gaps {} of {}", gaps.len(), gaps.limit());
            std::eprintln!("ranges {} of {}", sets.len(), sets.limit());
            std::eprintln!(
                "parents {} of {}",
                streams.stores.nurseries.len(),
                streams.stores.nurseries.limit()
            );
            std::eprintln!("has work {}", tree.has_work());
            std::eprintln!("sent {} of {}", tree.sent, tree.send_limit);
            std::eprintln!("received {} of {}", tree.received, tree.receive_limit);
            for row in (0..streams.rows.limit()).filter_map(|index| streams.rows.at(index)) {
                std::eprintln!("{row:?}");
                std::eprintln!("    {:?}", gaps.at(row.gaps));
                if let Some(gaps) = gaps.at(row.gaps) {
                    for kind in [Kind::Received, Kind::Acked, Kind::Lost, Kind::Taken] {
                        let ranges: Vec<_> = sets.iter(gaps.set(kind)).collect();
                        std::eprintln!("    {kind:?} {ranges:?}");
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
            assert_eq!(streams.stores.pool.used_blocks(), 0, "blocks are left");
            assert_eq!(streams.stores.nurseries.len(), 1, "nurseries are left");
            assert_eq!(
                (streams.stores.gaps.len(), streams.stores.ranges.len()),
                (0, 0),
                "gaps are left"
            );
            assert_eq!(streams.lifetimes.len(), 0, "lifetimes are left");
            assert!(end.tree.is_drained() && end.tree.refusals.len() == 0);
            assert!(end.tree.awaiting.iter().all(|child| *child == row::NOBODY));
            assert_eq!(end.tree.consumed, end.tree.received, "credit leaked");
        }
        let [one, two] = &self.ends;
        assert_eq!(one.tree.sent, two.tree.received);
        assert_eq!(two.tree.sent, one.tree.received);
    }
}

/// Keeps the receipts of one packet, which may hold no more frames than it may.
pub(super) fn noting(receipts: &mut Vec<Receipt>) -> impl FnMut(Receipt) -> bool {
    let mut room = MAX_FRAMES;
    move |receipt| {
        let left = room.checked_sub(receipt.frames());
        room = left.unwrap_or(0);
        receipts.extend(left.map(|_| receipt));
        left.is_some()
    }
}
