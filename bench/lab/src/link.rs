//! [`Link`]: one direction of the wire. What becomes of a packet is decided by a seed; only when
//! it comes is up to the hosts.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::carried::Carried;
use crate::damage;
use crate::loss::Loss;
use crate::nature::{Nature, Queue};

/// One direction.
pub(crate) struct Link {
    nature: Nature,
    random: Random,
    loss: Loss,
    /// When the packets before the bottleneck have left it, and how long they are.
    leaving: VecDeque<(Instant, usize)>,
    leaving_bytes: usize,
    /// By when the last packet arrives that keeps its place.
    last_due: Option<Instant>,
    /// Under way: by when they arrive, then by when they came.
    under_way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    count: u64,
    carried: Carried,
}

/// A xorshift generator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

/// All of a packet's numbers are drawn, whatever they decide: the next packet's fate does not hang
/// on this one's.
struct Draws {
    lost: f64,
    delayed: f64,
    lateness: f64,
    jitter: f64,
    duplicated: f64,
    corrupted: f64,
    place: f64,
    marked: f64,
}

impl Link {
    pub(crate) fn new(nature: Nature, seed: u64) -> Self {
        Self {
            nature,
            random: Random::new(seed),
            loss: Loss::default(),
            leaving: VecDeque::new(),
            leaving_bytes: 0,
            last_due: None,
            under_way: BinaryHeap::new(),
            count: 0,
            carried: Carried::on(&nature),
        }
    }

    /// Takes a packet in, `age` after the beginning.
    pub(crate) fn on_packet(&mut self, now: Instant, age: Duration, packet: &[u8]) {
        let draws = self.random.draws();
        let is_lost = self.loss.takes(&self.nature, draws.lost);
        self.carried.came += 1;
        self.carried.came_bytes += packet.len() as u64;
        let Some(left_at) = self.pass_bottleneck(now, packet.len()) else { return };
        let is_out = |(from, lasts): (Duration, Duration)| age >= from && age < from + lasts;
        if self.nature.blackout.is_some_and(is_out) {
            self.carried.blacked_out += 1;
        } else if is_lost {
            self.carried.lost += 1;
        } else {
            let due = self.due(left_at, &draws);
            self.send(due, packet, &draws);
        }
    }

    /// What has arrived by now.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.next_due()? > now {
            return None;
        }
        let Reverse((due, _, packet)) = self.under_way.pop()?;
        let lateness = now - due;
        self.carried.latest = self.carried.latest.max(lateness);
        self.carried.late += u64::from(lateness > self.carried.late_after);
        self.carried.delivered += 1;
        self.carried.delivered_bytes += packet.len() as u64;
        Some(packet)
    }

    /// When something arrives next.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse((due, ..))| *due)
    }

    pub(crate) fn carried(&self) -> Carried {
        self.carried
    }

    /// When the packet has left the bottleneck; `None` if there is no place to wait.
    fn pass_bottleneck(&mut self, now: Instant, len: usize) -> Option<Instant> {
        while let Some(&(at, len)) = self.leaving.front()
            && at <= now
        {
            self.leaving.pop_front();
            self.leaving_bytes -= len;
        }
        let is_full = match self.nature.queue {
            // One of them is not waiting but leaving.
            Queue::Packets(most) => self.leaving.len() > most,
            Queue::Bytes(most) => self.leaving_bytes + len > most,
        };
        if is_full {
            self.carried.overflowed += 1;
            return None;
        }
        if self.nature.bits_per_sec <= 0.0 {
            return Some(now);
        }
        let start = self.leaving.back().map_or(now, |(last, _)| now.max(*last));
        let at = start + Duration::from_secs_f64(len as f64 * 8.0 / self.nature.bits_per_sec);
        self.leaving.push_back((at, len));
        self.leaving_bytes += len;
        let carried = &mut self.carried;
        carried.queued_micros += (start - now).as_micros() as u64;
        carried.queue_packets = carried.queue_packets.max(self.leaving.len() as u64);
        carried.queue_bytes = carried.queue_bytes.max(self.leaving_bytes as u64);
        Some(at)
    }

    fn due(&mut self, left_at: Instant, draws: &Draws) -> Instant {
        let due = left_at + self.nature.delay + self.nature.jitter.mul_f64(draws.jitter);
        let due = self.last_due.map_or(due, |last| due.max(last));
        if draws.delayed < self.nature.reorder {
            self.carried.delayed += 1;
            return due + self.nature.late.mul_f64(draws.lateness);
        }
        self.last_due = Some(due);
        due
    }

    fn send(&mut self, due: Instant, packet: &[u8], draws: &Draws) {
        let mut packet = packet.to_vec();
        if draws.corrupted < self.nature.corrupt && damage::corrupt(&mut packet, draws.place) {
            self.carried.corrupted += 1;
        }
        if draws.marked < self.nature.mark && damage::mark(&mut packet) {
            self.carried.marked += 1;
        }
        if draws.duplicated < self.nature.duplicate {
            self.carried.duplicated += 1;
            self.count += 1;
            self.under_way.push(Reverse((due, self.count, packet.clone())));
        }
        self.count += 1;
        self.under_way.push(Reverse((due, self.count, packet)));
    }
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        // Seeds that differ in a bit begin alike.
        for _ in 0..16 {
            random.draw();
        }
        random
    }

    /// 0 to 1.
    pub(crate) fn draw(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn draws(&mut self) -> Draws {
        Draws {
            lost: self.draw(),
            delayed: self.draw(),
            lateness: self.draw(),
            jitter: self.draw(),
            duplicated: self.draw(),
            corrupted: self.draw(),
            place: self.draw(),
            marked: self.draw(),
        }
    }
}

#[cfg(test)]
mod tests;
