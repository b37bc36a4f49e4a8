//! Two channels joined by a network that loses, delays, repeats and spoils packets, with a seed.
//!
//! Each side has numbered items to deliver. An item goes out in a frame with its number as the
//! receipt; a lost one goes out again.

use std::boxed::Box;
use std::collections::{BTreeMap, VecDeque};
use std::vec;
use std::vec::Vec;

use core::net::SocketAddr;

use super::super::*;
use crate::id::StreamId;
use crate::recovery::ecn::Codepoint;
use crate::storage::Row;
use crate::wire::{DatagramFrame, Frame, Frames};

pub(super) use super::drowsy::Drowsy as Crypto;

/// Channels draw no random bytes.
pub(super) struct NoRandom;

impl rand_core::TryRng for NoRandom {
    type Error = core::fmt::Error;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Err(core::fmt::Error)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Err(core::fmt::Error)
    }

    fn try_fill_bytes(&mut self, _out: &mut [u8]) -> Result<(), Self::Error> {
        Err(core::fmt::Error)
    }
}

impl rand_core::TryCryptoRng for NoRandom {}

pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) % end
    }

    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

#[derive(Clone, Copy)]
pub(super) struct Faults {
    pub(super) lost_percent: u64,
    pub(super) twice_percent: u64,
    pub(super) spoilt_percent: u64,
    pub(super) delay_micros: u64,
    pub(super) jitter_micros: u64,
    /// Only so many packets may be under way in one direction.
    pub(super) queue: usize,
    pub(super) is_marking: bool,
    pub(super) max_len: usize,
}

pub(super) const CLEAN: Faults = Faults {
    lost_percent: 0,
    twice_percent: 0,
    spoilt_percent: 0,
    delay_micros: 15_000,
    jitter_micros: 0,
    queue: usize::MAX,
    is_marking: false,
    max_len: 65_535,
};

pub(super) struct Side {
    pub(super) channel: Channel<Crypto>,
    pub(super) sent: SentPackets<'static>,
    pub(super) waiting: VecDeque<u64>,
    /// How often each item's fate was told: acknowledged, lost.
    pub(super) fates: BTreeMap<u64, (u32, u32)>,
    /// How often each item arrived.
    pub(super) arrived: BTreeMap<u64, u32>,
    /// Where this side's packets come from.
    pub(super) address: SocketAddr,
    pub(super) item_len: usize,
    pub(super) failure: Option<AckInvalid>,
    pub(super) receipts: u64,
    /// The first item of each packet that a probe was to repeat.
    pub(super) probed: Vec<u64>,
}

pub(super) struct Flying {
    at: u64,
    order: u64,
    to: usize,
    from: SocketAddr,
    dest: SocketAddr,
    pub(super) bytes: Vec<u8>,
    codepoint: Codepoint,
}

pub(super) struct Pair {
    pub(super) crypto: Crypto,
    pub(super) now: Instant,
    pub(super) sides: [Side; 2],
    pub(super) flying: Vec<Flying>,
    pub(super) faults: Faults,
    pub(super) random: Random,
    pub(super) order: u64,
    /// Every packet ever sent, if wanted.
    pub(super) log: Option<Vec<(usize, Vec<u8>)>>,
    pub(super) steps: u64,
}

pub(super) fn address(host: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, host], port))
}

pub(super) fn sent_packets(packets: usize) -> SentPackets<'static> {
    let rows = Box::leak((0..packets).map(|_| Row::empty()).collect::<Box<[_]>>());
    let receipts = Box::leak((0..packets * 2).map(|_| Row::empty()).collect::<Box<[_]>>());
    SentPackets::lent(rows, receipts, 1)
}

pub(super) fn channel(
    crypto: &Crypto,
    config: &ChannelConfig,
    is_initiator: bool,
) -> Channel<Crypto> {
    channel_after(crypto, config, is_initiator, None)
}

pub(super) fn channel_after(
    crypto: &Crypto,
    config: &ChannelConfig,
    is_initiator: bool,
    measured_rtt: Option<Duration>,
) -> Channel<Crypto> {
    let (a, b) = ([1; 32], [2; 32]);
    let (send, receive) = if is_initiator { (a, b) } else { (b, a) };
    let ids = [ChannelId::new(0x0102_0304).unwrap(), ChannelId::new(0xfffe_fdfc).unwrap()];
    let peer = address(if is_initiator { 2 } else { 1 }, 8661);
    let start = ChannelStart {
        answers: false,
        secrets: ChannelSecrets::from_split(&send, &receive, Suite::ChaCha20Poly1305),
        local_id: ids[usize::from(!is_initiator)],
        remote_id: ids[usize::from(is_initiator)],
        path: Path { local: None, peer },
        local_secret: [if is_initiator { 5 } else { 6 }; 16],
        measured_rtt,
        peer_max_ack_delay: Duration::from_millis(25),
        peer_max_packet_len: 65_507,
    };
    Channel::new(crypto, config, Instant::from_micros(1_000_000), start).unwrap()
}

impl Pair {
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self::with(seed, faults, &ChannelConfig::default())
    }

    pub(super) fn with(seed: u64, faults: Faults, config: &ChannelConfig) -> Self {
        let crypto = Crypto::new();
        let side = |is_initiator| Side {
            channel: channel(&crypto, config, is_initiator),
            sent: sent_packets(20_000),
            waiting: VecDeque::new(),
            fates: BTreeMap::new(),
            arrived: BTreeMap::new(),
            address: address(if is_initiator { 1 } else { 2 }, 8661),
            item_len: 1000,
            failure: None,
            receipts: 0,
            probed: vec![],
        };
        Self {
            sides: [side(true), side(false)],
            crypto,
            now: Instant::from_micros(1_000_000),
            flying: Vec::new(),
            faults,
            random: Random::new(seed),
            order: 0,
            log: None,
            steps: 0,
        }
    }

    pub(super) fn enqueue(&mut self, side: usize, items: core::ops::Range<u64>) {
        self.sides[side].waiting.extend(items);
    }

    /// Runs until nothing more happens within `seconds`, or `until` is true.
    pub(super) fn run_until(&mut self, seconds: u64, until: impl Fn(&Self) -> bool) {
        let end = self.now.after(Duration::from_secs(seconds));
        loop {
            for side in 0..2 {
                self.visit(side);
            }
            if until(self) {
                return;
            }
            let next = self.next_at();
            if next > end {
                self.now = end;
                return;
            }
            self.steps += 1;
            self.now = self.now.max(next);
            self.deliver();
        }
    }

    pub(super) fn run(&mut self, seconds: u64) {
        self.run_until(seconds, |_| false);
    }

    pub(super) fn is_done(&self) -> bool {
        self.sides.iter().all(|side| side.waiting.is_empty() && !side.channel.has_in_flight())
    }

    fn next_at(&self) -> Instant {
        let flying = self.flying.iter().map(|packet| Instant::from_micros(packet.at));
        let live = self.sides.iter().filter(|side| !side.channel.is_expired(self.now));
        let deadlines = live.filter_map(|side| side.channel.deadline());
        flying.chain(deadlines).min().unwrap_or(Instant::from_micros(u64::MAX))
    }

    fn deliver(&mut self) {
        let now = self.now.as_micros();
        let mut due: Vec<_> = self.flying.extract_if(.., |packet| packet.at <= now).collect();
        due.sort_by_key(|packet| (packet.at, packet.order));
        for packet in due {
            if packet.dest == self.sides[packet.to].address {
                self.receive(packet.to, packet.from, packet.bytes, packet.codepoint);
            }
        }
    }

    pub(super) fn receive(
        &mut self,
        to: usize,
        from: SocketAddr,
        mut bytes: Vec<u8>,
        codepoint: Codepoint,
    ) {
        let (now, path) = (self.now, Path { local: None, peer: from });
        let side = &mut self.sides[to];
        let len = bytes.len();
        let Ok(opened) = side.channel.open(&self.crypto, now, &mut bytes) else { return };
        side.channel.on_arrival(now, path, len, opened.is_highest);
        let mut is_ack_eliciting = false;
        for frame in Frames::new(&bytes[opened.payload.clone()]) {
            let frame = frame.unwrap();
            is_ack_eliciting |= frame.is_ack_eliciting();
            match frame {
                Frame::Ack(ack) => match side.channel.on_ack(now, &ack, &mut side.sent) {
                    Ok(_) => side.settle(),
                    Err(error) => side.failure = Some(error),
                },
                Frame::Datagram(item) => {
                    let number = u64::from_be_bytes(*item.data.first_chunk().unwrap());
                    *side.arrived.entry(number).or_default() += 1;
                }
                Frame::PathChallenge(data) => side.channel.on_path_challenge(path, data),
                Frame::PathResponse(data) => {
                    side.channel.on_path_response(now, path, data);
                }
                _ => {}
            }
        }
        let Opened { number, is_highest, .. } = opened;
        let arrival =
            Arrival { number, is_highest, is_ack_eliciting, has_data: false, codepoint, path, len };
        side.channel.on_received(now, &arrival);
    }

    fn visit(&mut self, index: usize) {
        let now = self.now;
        let side = &mut self.sides[index];
        if side.channel.deadline().is_some_and(|at| at <= now) {
            side.channel.on_timeout(now, &mut side.sent);
            side.settle();
        }
        while let Some((info, bytes)) = self.sides[index].transmit(&self.crypto, now) {
            if let Some(log) = &mut self.log {
                log.push((1 - index, bytes.clone()));
            }
            self.send(index, info, bytes);
        }
    }

    fn send(&mut self, from: usize, info: SentInfo, mut bytes: Vec<u8>) {
        let faults = self.faults;
        let to = 1 - from;
        let under_way = self.flying.iter().filter(|packet| packet.to == to).count();
        if self.random.percent(faults.lost_percent)
            || under_way >= faults.queue
            || bytes.len() > faults.max_len
        {
            return;
        }
        let copies = 1 + u64::from(self.random.percent(faults.twice_percent));
        if self.random.percent(faults.spoilt_percent) {
            let at = self.random.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.random.below(8);
        }
        let is_marked = faults.is_marking && info.codepoint == Codepoint::Ect0;
        for _ in 0..copies {
            let jitter = self.random.below(faults.jitter_micros + 1);
            self.order += 1;
            self.flying.push(Flying {
                at: self.now.as_micros() + faults.delay_micros + jitter,
                order: self.order,
                to,
                from: self.sides[from].address,
                dest: info.path.peer,
                bytes: bytes.clone(),
                codepoint: if is_marked { Codepoint::Ce } else { info.codepoint },
            });
        }
    }
}

impl Side {
    /// Takes the fates of items; what is lost waits again, unless it arrived by another packet.
    pub(super) fn settle(&mut self) {
        while let Some((receipt, fate)) = self.channel.take_settled(&mut self.sent) {
            self.receipts -= 1;
            let told = self.fates.entry(receipt.start).or_default();
            match fate {
                Fate::Acked => told.0 += 1,
                Fate::Lost => {
                    told.1 += 1;
                    if told.0 == 0 {
                        self.waiting.push_back(receipt.start);
                    }
                }
            }
        }
    }

    pub(super) fn transmit(
        &mut self,
        crypto: &Crypto,
        now: Instant,
    ) -> Option<(SentInfo, Vec<u8>)> {
        let mut permit = self.channel.send_permit(now, &self.sent, !self.waiting.is_empty());
        let mut probe = Vec::new();
        match permit {
            Permit::Nothing | Permit::Finish => return None,
            Permit::Data { .. } if self.waiting.is_empty() => {
                self.channel.on_app_limited();
                if !self.channel.is_ack_due(now) {
                    return None;
                }
                permit = Permit::AckOnly;
            }
            Permit::Probe => {
                probe = self.channel.probe_receipts(&self.sent).map(|r| r.start).collect();
                self.probed.extend(probe.first());
            }
            _ => {}
        }
        let mut buffer = vec![0; 65_535];
        let begun = self.channel.begin_packet(crypto, now, permit, &mut buffer, &self.sent);
        let mut builder = match begun {
            Ok(builder) => builder,
            Err(error) => panic!("{error:?}"),
        };
        for item in probe {
            let _ = add_item(&mut builder, &mut self.sent, item, self.item_len)
                .inspect(|()| self.receipts += 1);
        }
        if matches!(permit, Permit::Data { .. } | Permit::Probe) {
            while let Some(item) = self.waiting.front() {
                if add_item(&mut builder, &mut self.sent, *item, self.item_len).is_err() {
                    break;
                }
                self.receipts += 1;
                self.waiting.pop_front();
            }
        }
        if matches!(permit, Permit::Data { .. }) && !builder.is_ack_eliciting() {
            // The receipts had no room, or the item is too large.
            builder.abandon(&mut self.sent);
            return None;
        }
        let info = self.channel.seal_packet(now, builder, &mut self.sent).unwrap();
        buffer.truncate(info.len);
        Some((info, buffer))
    }
}

pub(super) fn add_item(
    builder: &mut PacketBuilder<'_>,
    sent: &mut SentPackets<'_>,
    item: u64,
    len: usize,
) -> Result<(), crate::bytes::Full> {
    let mut data = vec![0; len];
    data[..8].copy_from_slice(&item.to_be_bytes());
    let parent = StreamId::from_u64(0).unwrap();
    builder.add(sent, |writer| {
        Frame::Datagram(DatagramFrame { parent, data: &data }).encode(writer)?;
        Ok(Receipt { tag: 1, start: item, ..Receipt::default() })
    })
}
