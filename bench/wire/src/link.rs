//! [`Link`]: one direction of the wire. What becomes of a packet is decided by a seed; only when
//! it comes is up to the hosts.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Longer than any packet of a device of 1,500 bytes.
const MAX_PACKET_LEN: usize = 2_048;
/// How often to look whether it is over.
const MAX_WAIT: Duration = Duration::from_millis(50);
/// Packets taken in before those that are due leave.
const MAX_PACKETS_IN: usize = 64;

/// How bad it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nature {
    pub(crate) delay: Duration,
    /// Share of packets lost, 0 to 1.
    pub(crate) loss: f64,
    /// Share of packets delayed by up to `jitter` more.
    pub(crate) reorder: f64,
    pub(crate) jitter: Duration,
    /// 0: no limit.
    pub(crate) bits_per_sec: f64,
    pub(crate) queue_len: usize,
}

/// What became of all packets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Carried {
    delivered: u64,
    lost: u64,
    delayed: u64,
    overflowed: u64,
    bytes: u64,
    /// By how much the wire itself was late, because this machine had other things to do.
    latest: Duration,
}

/// One direction.
pub(crate) struct Link {
    nature: Nature,
    random: u64,
    /// When the packets before the bottleneck have left it.
    leaving: VecDeque<Instant>,
    /// Under way: by when they arrive, then by when they came.
    under_way: BinaryHeap<Reverse<(Instant, u64, Vec<u8>)>>,
    count: u64,
    carried: Carried,
}

impl Link {
    pub(crate) fn new(nature: Nature, seed: u64) -> Self {
        let random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let (leaving, under_way) = (VecDeque::new(), BinaryHeap::new());
        Self { nature, random, leaving, under_way, count: 0, carried: Carried::default() }
    }

    /// Carries packets until it is over.
    pub(crate) fn carry(
        mut self,
        mut from: &File,
        mut to: &File,
        is_over: &AtomicBool,
    ) -> io::Result<Carried> {
        let mut packet = [0; MAX_PACKET_LEN];
        while !is_over.load(Ordering::Relaxed) {
            let due = self.under_way.peek().map(|Reverse((due, ..))| *due);
            let wait = due.map_or(MAX_WAIT, |due| due.saturating_duration_since(Instant::now()));
            let wait = Timespec::try_from(wait.min(MAX_WAIT)).map_err(io::Error::other)?;
            poll(&mut [PollFd::new(from, PollFlags::IN)], Some(&wait))?;
            for _ in 0..MAX_PACKETS_IN {
                match from.read(&mut packet) {
                    Ok(len) => self.on_packet(Instant::now(), &packet[..len]),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            while let Some(packet) = self.take_due(Instant::now()) {
                // A host that does not take it has lost it.
                let _ = to.write(&packet);
            }
        }
        Ok(self.carried)
    }

    fn on_packet(&mut self, now: Instant, packet: &[u8]) {
        // All of a packet's numbers are drawn, whatever they decide: the next packet's fate does
        // not hang on this one's.
        let [lost, delayed, share] = [self.draw(), self.draw(), self.draw()];
        while self.leaving.front().is_some_and(|at| *at <= now) {
            self.leaving.pop_front();
        }
        if self.leaving.len() > self.nature.queue_len {
            self.carried.overflowed += 1;
            return;
        }
        let mut at = now;
        if self.nature.bits_per_sec > 0.0 {
            let start = self.leaving.back().map_or(now, |last| now.max(*last));
            let takes = packet.len() as f64 * 8.0 / self.nature.bits_per_sec;
            at = start + Duration::from_secs_f64(takes);
            self.leaving.push_back(at);
        }
        if lost < self.nature.loss {
            self.carried.lost += 1;
            return;
        }
        at += self.nature.delay;
        if delayed < self.nature.reorder {
            self.carried.delayed += 1;
            at += self.nature.jitter.mul_f64(share);
        }
        self.count += 1;
        self.under_way.push(Reverse((at, self.count, packet.to_vec())));
    }

    fn take_due(&mut self, now: Instant) -> Option<Vec<u8>> {
        let Reverse((due, ..)) = self.under_way.peek()?;
        if *due > now {
            return None;
        }
        let Reverse((due, _, packet)) = self.under_way.pop()?;
        self.carried.latest = self.carried.latest.max(now - due);
        self.carried.delivered += 1;
        self.carried.bytes += packet.len() as u64;
        Some(packet)
    }

    /// 0 to 1, by xorshift.
    fn draw(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delivered, lost, delayed, overflowed, bytes, latest } = self;
        write!(
            to,
            "{delivered} packets ({bytes} bytes) delivered, {delayed} of them delayed; {lost} \
             lost, {overflowed} too many for the queue; at most {latest:.1?} late"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Nature = Nature {
        delay: Duration::from_millis(15),
        loss: 0.0,
        reorder: 0.0,
        jitter: Duration::from_millis(4),
        bits_per_sec: 0.0,
        queue_len: 10,
    };

    /// The numbers of those of `count` packets that arrive, in their order; one a millisecond.
    fn arrivals(nature: Nature, seed: u64, count: u32) -> Vec<u32> {
        let (mut link, start) = (Link::new(nature, seed), Instant::now());
        let mut arrived = Vec::new();
        for at in 0..count + 100 {
            let now = start + Duration::from_millis(at.into());
            if at < count {
                link.on_packet(now, &at.to_be_bytes());
            }
            while let Some(packet) = link.take_due(now) {
                arrived.push(u32::from_be_bytes(packet.try_into().unwrap()));
            }
        }
        arrived
    }

    #[test]
    fn a_calm_link_delivers_everything_in_order_and_late() {
        assert_eq!(arrivals(CALM, 1, 100), (0..100).collect::<Vec<_>>());
        let (mut link, now) = (Link::new(CALM, 1), Instant::now());
        link.on_packet(now, b"x");
        assert!(link.take_due(now + Duration::from_millis(14)).is_none());
        assert!(link.take_due(now + Duration::from_millis(15)).is_some());
    }

    #[test]
    fn loss_and_reordering_are_what_was_asked_for_and_repeat_with_the_seed() {
        let nature = Nature { loss: 0.02, reorder: 0.05, ..CALM };
        let arrived = arrivals(nature, 7, 20_000);
        assert!((19_500..19_700).contains(&arrived.len()), "{}", arrived.len());
        let overtaken = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
        assert!((400..1_100).contains(&overtaken), "{overtaken}");
        assert_eq!(arrived, arrivals(nature, 7, 20_000));
        assert_ne!(arrived, arrivals(nature, 8, 20_000));
    }

    #[test]
    fn a_rate_spaces_packets_and_a_full_queue_drops_them() {
        let nature = Nature { bits_per_sec: 8_000.0, ..CALM };
        let (mut link, now) = (Link::new(nature, 1), Instant::now());
        for _ in 0..50 {
            link.on_packet(now, &[0; 10]);
        }
        assert_eq!(link.carried.overflowed, 39);
        assert!(link.take_due(now + Duration::from_millis(24)).is_none());
        assert!(link.take_due(now + Duration::from_millis(25)).is_some());
        assert!(link.take_due(now + Duration::from_millis(34)).is_none());
        assert!(link.take_due(now + Duration::from_millis(35)).is_some());
    }
}
