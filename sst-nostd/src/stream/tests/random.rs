//! Random operations at both hosts, checked against a model of perfect streams.

use std::collections::BTreeMap;

use crate::id::StreamId;

use super::model::{Half, MARK, profile};
use super::*;

/// A pair, and what its streams should be.
struct World {
    pair: Pair,
    /// What each host holds.
    held: [Vec<StreamHandle>; 2],
    /// By stream and writing host.
    halves: BTreeMap<(StreamId, usize), Half>,
    fills: u16,
    datagrams_sent: BTreeMap<Vec<u8>, u32>,
}

impl World {
    fn new(seed: u64) -> Self {
        let (config, limits) = profile(seed);
        let mut pair = Pair::with(seed, config, &limits);
        let mut random = Random::new(seed ^ 0x77);
        pair.weather = Weather {
            loss: random.below(300),
            copies: random.below(200),
            reorder: random.below(1000),
        };
        Self {
            pair,
            held: [vec![], vec![]],
            halves: BTreeMap::new(),
            fills: 0,
            datagrams_sent: BTreeMap::new(),
        }
    }

    fn hold(&mut self, at: usize, stream: StreamHandle) {
        let id = self.pair.ends[at].info(stream).id;
        self.halves.entry((id, at)).or_default();
        self.halves.entry((id, 1 - at)).or_default();
        self.held[at].push(stream);
    }

    fn half(&mut self, at: usize, stream: StreamHandle, writer: usize) -> &mut Half {
        let id = self.pair.ends[at].info(stream).id;
        self.halves.get_mut(&(id, writer)).expect("known")
    }

    fn parent(&mut self, at: usize) -> StreamHandle {
        let root = self.pair.ends[at].root();
        if self.pair.random.chance(400) {
            return root;
        }
        self.pair.random.pick(&self.held[at]).unwrap_or(root)
    }

    fn open(&mut self, at: usize) {
        let parent = self.parent(at);
        let open = Open {
            priority: self.pair.random.chance(300).then(|| self.pair.random.below(5) as i8 - 2),
            service: false,
            lifetime: self.pair.random.chance(50).then(|| Duration::from_millis(300)),
        };
        let End { streams, tree } = &mut self.pair.ends[at];
        if let Ok(stream) = streams.of(tree).open_substream(self.pair.now, parent, open) {
            self.hold(at, stream);
            if open.lifetime.is_some() {
                self.half(at, stream, at).is_cut = true;
            }
        }
    }

    fn accept(&mut self, at: usize) {
        let parent = self.parent(at);
        if let Some(stream) = self.accept_one(at, parent) {
            self.hold(at, stream);
        }
    }

    fn accept_one(&mut self, at: usize, parent: StreamHandle) -> Option<StreamHandle> {
        let End { streams, tree } = &mut self.pair.ends[at];
        streams.of(tree).accept_substream(parent)
    }

    fn write(&mut self, at: usize, stream: StreamHandle) {
        let len = self.pair.random.below(600) as usize;
        let mark = self.pair.random.chance(400);
        self.fills = self.fills.wrapping_add(1);
        let bytes: Vec<u8> = (0..len).map(|i| (i as u16 * 7 + self.fills) as u8).collect();
        let End { streams, tree } = &mut self.pair.ends[at];
        let taken = streams.of(tree).write(stream, &bytes, WriteOptions { mark });
        if let Ok(taken) = taken {
            let half = self.half(at, stream, at);
            assert!(!half.is_finished);
            half.written.extend(bytes[..taken].iter().map(|byte| u16::from(*byte)));
            if mark && taken == len {
                half.written.push(MARK);
            }
        }
    }

    fn read(&mut self, at: usize, stream: StreamHandle) {
        let room = 1 + self.pair.random.below(700) as usize;
        if self.pair.random.chance(500) {
            let got = match self.pair.read(at, stream, room) {
                // It may have taken marks.
                Err(ReadError::Blocked) => vec![],
                Err(_) => return,
                Ok(got) if got.is_empty() => {
                    self.half(at, stream, 1 - at).is_ended = true;
                    got
                }
                Ok(got) => got,
            };
            let half = self.half(at, stream, 1 - at);
            half.take(&got, true);
            let position = self.pair.ends[at].info(stream).read as usize;
            self.half(at, stream, 1 - at).skip_marks_to(position);
        } else {
            let Ok((got, read)) = self.pair.read_record(at, stream, room) else { return };
            let half = self.half(at, stream, 1 - at);
            half.take(&got, false);
            if read.end {
                assert_eq!(half.written.get(half.read), Some(&MARK));
                half.read += 1;
            }
            half.is_ended |= read.finished;
        }
        let half = self.half(at, stream, 1 - at);
        if half.is_ended {
            while half.written.get(half.read) == Some(&MARK) {
                half.read += 1;
            }
            assert!(half.is_finished && half.read == half.written.len(), "a false end");
        }
    }

    fn end(&mut self, at: usize, stream: StreamHandle) {
        match self.pair.random.below(12) {
            0 => {
                self.half(at, stream, at).is_cut = true;
                self.pair.reset(at, stream, 5);
            }
            1 => {
                self.half(at, stream, 1 - at).is_cut = true;
                self.pair.stop(at, stream, 6);
            }
            2 => self.release(at, stream),
            3..6 => {
                let End { streams, tree } = &mut self.pair.ends[at];
                if streams.of(tree).finish(stream).is_ok() {
                    self.half(at, stream, at).is_finished = true;
                }
            }
            _ => {}
        }
    }

    fn release(&mut self, at: usize, stream: StreamHandle) {
        if !self.half(at, stream, at).is_finished {
            self.half(at, stream, at).is_cut = true;
        }
        self.half(at, stream, 1 - at).is_cut = true;
        self.pair.release(at, stream);
        self.held[at].retain(|held| *held != stream);
    }

    fn shuffle(&mut self, at: usize, stream: StreamHandle) {
        let priority = self.pair.random.below(7) as i8 - 3;
        let backlog = self.pair.random.below(8) as u32;
        let choice = self.pair.random.below(4);
        let now = self.pair.now;
        let End { streams, tree } = &mut self.pair.ends[at];
        match choice {
            0 => assert!(streams.of(tree).set_priority(stream, (priority < 2).then_some(priority))),
            1 => assert!(streams.of(tree).request_priority(stream, priority)),
            2 => _ = streams.of(tree).listen(stream, backlog),
            _ => {
                while let Some((_, stream)) = streams.take_expired(now) {
                    streams.of(tree).expire(stream);
                }
            }
        }
    }

    fn datagram(&mut self, at: usize) {
        let parent = self.parent(at);
        let now = self.pair.now;
        if self.pair.random.chance(500) {
            let len = self.pair.random.below(900) as usize;
            self.fills = self.fills.wrapping_add(1);
            let bytes = vec![self.fills as u8; len];
            let path = PathQuality { payload_bytes: 60, loss_rate: 0 };
            let options = DatagramOptions { lifetime: None, reliable: false };
            let End { streams, tree } = &mut self.pair.ends[at];
            if streams.of(tree).send_datagram(now, parent, &bytes, options, path).is_ok() {
                *self.datagrams_sent.entry(bytes).or_default() += 1;
            }
        } else {
            let mut buf = [0; 1000];
            let End { streams, tree } = &mut self.pair.ends[at];
            let got = streams.of(tree).recv_datagram(now, parent, &mut buf);
            if let Some((len, _)) = got.expect("a buffer large enough") {
                assert!(self.datagrams_sent.contains_key(&buf[..len]), "a datagram nobody sent");
            }
        }
    }

    fn act(&mut self) {
        let at = self.pair.random.below(2) as usize;
        let Some(stream) = self.pair.random.pick(&self.held[at]) else {
            return match self.pair.random.below(3) {
                0 => self.open(at),
                1 => self.accept(at),
                _ => self.datagram(at),
            };
        };
        match self.pair.random.below(16) {
            0..2 => self.open(at),
            2..4 => self.accept(at),
            4..8 => self.write(at, stream),
            8..12 => self.read(at, stream),
            12 => self.end(at, stream),
            13 => self.shuffle(at, stream),
            _ => self.datagram(at),
        }
    }

    /// The weather clears, both hosts read everything to its end.
    fn wind_up(&mut self) {
        self.pair.weather = Weather::default();
        for round in 0..10_000 {
            let mut is_over = true;
            for at in 0..2 {
                is_over &= self.wind_up_at(at);
            }
            self.drain_datagrams();
            for _ in 0..40 {
                self.pair.step();
            }
            if is_over && self.pair.is_quiet() && self.held.iter().all(Vec::is_empty) {
                let has_more = (0..2).any(|at| {
                    let root = self.pair.ends[at].root();
                    self.pair.ends[at].streams.nursery_mut(root).is_some_and(|nursery| {
                        !nursery.unaccepted.is_empty()
                            || !nursery.incoming.is_empty()
                            || !nursery.datagram_streams.is_empty()
                    })
                });
                if !has_more {
                    return;
                }
            }
            if round == 9_999 {
                self.pair.describe();
                panic!("never over: {:?}", self.held);
            }
        }
    }

    fn wind_up_at(&mut self, at: usize) -> bool {
        let mut parents = self.held[at].clone();
        parents.push(self.pair.ends[at].root());
        for parent in parents {
            while let Some(stream) = self.accept_one(at, parent) {
                self.hold(at, stream);
            }
        }
        let mut is_over = true;
        for stream in self.held[at].clone() {
            let End { streams, tree } = &mut self.pair.ends[at];
            if streams.of(tree).finish(stream).is_ok() {
                self.half(at, stream, at).is_finished = true;
            }
            self.read(at, stream);
            let info = self.pair.ends[at].info(stream);
            let is_read = matches!(info.receive_state, ReceiveState::Done | ReceiveState::Reset(_));
            if let ReceiveState::Reset(code) = info.receive_state {
                let half = self.half(at, stream, 1 - at);
                assert!(half.is_cut || code.as_u64() >= 1 << 32, "reset by nobody");
            }
            let is_sent = matches!(info.send_state, SendState::Delivered | SendState::Reset);
            if is_read && is_sent {
                self.pair.release(at, stream);
                self.held[at].retain(|held| *held != stream);
            } else {
                is_over = false;
            }
        }
        is_over
    }

    fn drain_datagrams(&mut self) {
        for at in 0..2 {
            let now = self.pair.now;
            let mut parents = self.held[at].clone();
            parents.push(self.pair.ends[at].root());
            for parent in parents {
                let mut buf = [0; 1000];
                let End { streams, tree } = &mut self.pair.ends[at];
                while let Ok(Some(_)) = streams.of(tree).recv_datagram(now, parent, &mut buf) {}
            }
        }
    }
}

fn live_and_check(seed: u64) {
    let mut world = World::new(seed);
    let steps = 100 + world.pair.random.below(400);
    for _ in 0..steps {
        world.act();
        for _ in 0..world.pair.random.below(4) {
            world.pair.step();
        }
        world.pair.audit();
    }
    world.wind_up();
    world.pair.assert_clean();
}

// Spec: R-6.5-1, R-7.4-2, R-7.5-4, R-7.6-1, R-7.6-3, R-7.7-9, R-9.4-1, R-10.1-5, R-10.2-1.
#[test]
fn any_sequence_of_operations_agrees_with_perfect_streams() {
    for_seeds(3000, live_and_check);
}
