//! The streams of two hosts, joined by a carrier that loses and reorders packets.

use sst_nostd::bytes::Reader;
use sst_nostd::rows::StreamStorage;
use sst_nostd::storage::KeyedHash;
use sst_nostd::stream::{Allowance, Fate, Fault, PathQuality, Receipt, Streams, Tree};
use sst_nostd::wire::{Frame, MAX_FRAMES};
use sst_nostd::{
    DatagramOptions, Duration, Instant, Open, Side, StreamCode, StreamConfig, StreamHandle,
    WriteOptions, Writer,
};

use super::input::{Input, ignore};
use super::world::TINY;

const MAX_AIR: usize = 32;

struct End {
    streams: Streams<'static>,
    tree: Tree,
    known: Vec<StreamHandle>,
}

struct Packet {
    from: usize,
    bytes: Vec<u8>,
    receipts: Vec<Receipt>,
}

struct Pair {
    ends: [End; 2],
    air: Vec<Packet>,
    now: Instant,
}

/// Runs the operations in `data`.
pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let config = config(&mut input);
    let ends = [end(Side::Small, config), end(Side::Large, config)];
    let mut pair = Pair { ends, air: vec![], now: Instant::from_micros(1_000_000) };
    while !input.is_empty() {
        pair.step(&mut input);
    }
    pair.end();
}

fn config(input: &mut Input<'_>) -> StreamConfig {
    StreamConfig {
        stream_window: 1 + u32::from(input.word() % 3000),
        max_stream_window: 5000,
        session_window: 1 + u64::from(input.word() % 6000),
        session_budget: 9000,
        send_buffer: 1 + u32::from(input.word() % 3000),
        root_children: 1 + input.below(8) as u32,
        children: input.below(4) as u32,
        id_window: 1 + input.below(64) as u64,
        datagram_bytes: 2000,
        datagram_queue_bytes: 1000,
        takes_turns: input.flag(),
    }
}

fn end(side: Side, config: StreamConfig) -> End {
    let storage = StreamStorage::owned(&TINY.streams);
    let mut streams = Streams::new(config, storage, KeyedHash::new(1, 2));
    let allowance = Allowance {
        stream_window: config.stream_window.into(),
        session_window: config.session_window,
        root_children: config.root_children,
        children: config.children,
        id_window: config.id_window,
        datagram_bytes: config.datagram_bytes.into(),
    };
    let tree = streams.plant(1, side, allowance, Instant::ZERO).expect("room for a root");
    let known = vec![tree.root()];
    End { streams, tree, known }
}

impl Pair {
    fn step(&mut self, input: &mut Input<'_>) {
        let choice = input.byte();
        let side = usize::from(choice & 1);
        match choice >> 1 & 7 {
            0..4 => self.ends[side].act(self.now, choice >> 4, input),
            4 | 5 => self.send(side, 20 + usize::from(input.byte()) * 4),
            6 => self.settle(input),
            _ => {
                self.now = self.now.after(Duration::from_micros(input.size().min(1 << 36)));
                for end in &mut self.ends {
                    end.expire(self.now);
                }
            }
        }
        for end in &mut self.ends {
            end.hear();
        }
    }

    fn send(&mut self, from: usize, room: usize) {
        let End { streams, tree, .. } = &mut self.ends[from];
        if self.air.len() >= MAX_AIR || !tree.has_work() {
            return;
        }
        let mut bytes = vec![0; room];
        let mut out = Writer::new(&mut bytes);
        let mut receipts = vec![];
        let mut frames = MAX_FRAMES;
        let filled = streams.of(tree).fill(self.now, &mut out, true, |receipt| {
            let left = frames.checked_sub(receipt.frames());
            frames = left.unwrap_or(0);
            receipts.extend(left.map(|_| receipt));
            left.is_some()
        });
        let len = out.position();
        assert_eq!(filled.any, len > 0);
        bytes.truncate(len);
        if filled.any {
            self.air.push(Packet { from, bytes, receipts });
        }
    }

    /// A packet arrives or is lost, and its sender hears which; or a copy arrives.
    fn settle(&mut self, input: &mut Input<'_>) {
        let (place, fate) = (input.byte(), input.byte());
        if self.air.is_empty() {
            return;
        }
        let place = usize::from(place) % self.air.len();
        if fate & 3 == 3 {
            let (to, bytes) = (1 - self.air[place].from, self.air[place].bytes.clone());
            self.ends[to].take(self.now, &bytes);
            return;
        }
        let packet = self.air.remove(place);
        let is_taken = fate & 3 != 2 && self.ends[1 - packet.from].take(self.now, &packet.bytes);
        let fate = if is_taken && fate & 4 == 0 { Fate::Acked } else { Fate::Lost };
        self.ends[packet.from].hear_of(&packet.receipts, fate);
    }

    /// Everything comes back, and the trees are torn down: nothing may be left.
    fn end(mut self) {
        for packet in core::mem::take(&mut self.air) {
            self.ends[packet.from].hear_of(&packet.receipts, Fate::Lost);
        }
        for end in &mut self.ends {
            end.tree.begin_close();
            let is_gone = (0..1000).any(|_| end.streams.of(&mut end.tree).tear_down());
            assert!(is_gone, "a tree is always torn down");
            assert_eq!((end.streams.len(), end.streams.bytes_held()), (0, 0));
            assert_eq!(end.streams.next_expiry(), None);
        }
    }
}

impl End {
    fn act(&mut self, now: Instant, what: u8, input: &mut Input<'_>) {
        let place = input.below(self.known.len());
        let Some(stream) = self.known.get(place).copied() else { return };
        let (streams, tree) = (&mut self.streams, &mut self.tree);
        let len = usize::from(input.byte()) * 5;
        match what {
            0 => {
                let open = Open { service: input.flag(), ..Open::default() };
                self.known.extend(streams.of(tree).open_substream(now, stream, open).ok());
            }
            1 => self.known.extend(streams.of(tree).accept_substream(stream)),
            2 | 3 => {
                let options = WriteOptions { mark: what == 3 };
                let _ = streams.of(tree).write(stream, &vec![7; len], options);
            }
            4 => ignore(streams.of(tree).finish(stream)),
            5 => ignore(streams.of(tree).read(now, stream, &mut vec![0; len])),
            6 => ignore(streams.of(tree).read_record(now, stream, &mut vec![0; len])),
            7 => ignore(streams.of(tree).read_unordered(now, stream, &mut vec![0; len])),
            8 => streams.of(tree).reset(stream, StreamCode::new(1)),
            9 => streams.of(tree).stop(now, stream, StreamCode::new(2)),
            10 => {
                streams.of(tree).release(now, stream);
                self.known.retain(|other| *other != stream || *other == tree.root());
            }
            11 => ignore(streams.of(tree).listen(stream, len as u32 % 16)),
            12 => {
                let path = PathQuality { payload_bytes: 1150, loss_rate: 100 };
                let lifetime = input.flag().then_some(Duration::from_millis(5));
                let options = DatagramOptions { lifetime, reliable: input.flag() };
                let bytes = vec![9; len];
                let _ = streams.of(tree).send_tracked_datagram(now, stream, &bytes, options, path);
            }
            13 => ignore(streams.of(tree).recv_datagram(now, stream, &mut vec![0; len])),
            14 => {
                let priority = input.flag().then(|| input.byte().cast_signed());
                streams.of(tree).set_priority(stream, priority);
            }
            _ => {
                streams.of(tree).request_priority(stream, len as i8);
                streams.set_lifetime(now, stream, input.flag().then_some(Duration::from_millis(9)));
                self.known.extend(streams.of(tree).accept_datagram(stream));
            }
        }
    }

    /// Takes a packet; false if it must not be acknowledged. An honest peer makes no fault.
    fn take(&mut self, now: Instant, bytes: &[u8]) -> bool {
        let mut reader = Reader::new(bytes);
        let mut is_whole = true;
        while !reader.is_empty() {
            let frame = Frame::parse(&mut reader).expect("a frame");
            match self.streams.of(&mut self.tree).on_frame(now, &frame) {
                Ok(()) => {}
                Err(Fault::NoCapacity) => is_whole = false,
                Err(fault) => panic!("{fault:?} for {frame:?}"),
            }
        }
        is_whole
    }

    fn hear_of(&mut self, receipts: &[Receipt], fate: Fate) {
        for receipt in receipts {
            self.streams.of(&mut self.tree).on_receipt(*receipt, fate);
        }
    }

    fn hear(&mut self) {
        while self.streams.poll_outcome().is_some() {}
        let events = (0..1000).take_while(|_| self.streams.poll_event().is_some()).count();
        assert!(events < 1000, "there is always another event");
    }

    fn expire(&mut self, now: Instant) {
        for _ in 0..1000 {
            let Some((_, stream)) = self.streams.take_expired(now) else { return };
            self.streams.of(&mut self.tree).expire(stream);
        }
        panic!("there is always another stream to expire");
    }
}
