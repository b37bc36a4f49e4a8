//! Tells random loss from congestion, for any controller (docs/PROTOCOL.md, [R-6.7-9]).
//!
//! A controller that takes every loss for a full queue keeps no more than about 1.2 / √p packets
//! in flight at a loss rate of p, however empty the path is: nine packets at 2 %. Radio links lose
//! that much with nobody to blame. But a queue that overflows was full just before, and a full
//! queue shows in the round-trip time. So a loss while the round-trip time is near its minimum is
//! taken for random: it costs a round trip's growth and nothing else. As growth needs a round
//! without loss, loss still bounds the window, near 1 / p packets.
//!
//! Where queues are too short to show (below [`MAX_RISE_MICROS`]), more is taken than CUBIC would
//! take. These keep that in bounds: marks by routers always count, as do losses of more than an
//! eighth of a window in a round trip, persistent congestion, and any loss on a short path, where
//! queues are short in time and windows grow back at once.

use crate::time::{Instant, micros};

use super::{Acked, Congestion, Controller};

/// A rise of the round-trip time beyond this is a queue. It is below the 5 ms that CoDel lets a
/// queue stand (RFC 8289 section 4.4), so that its drops count.
const MAX_RISE_MICROS: u32 = 4_000;
/// Or beyond this part of the round-trip time.
const RISE_DIVISOR: u32 = 8;
/// On paths shorter than this every loss counts.
const MIN_PATH_MICROS: u32 = 5_000;
/// Samples without which a round is not judged; the one before is.
const ROUND_SAMPLES: u32 = 4;
/// More than this part of the window lost in one round trip is never random...
const LOST_DIVISOR: u64 = 8;
/// ... but so many packets may be: a burst of noise.
const MIN_LOST_PACKETS: u64 = 3;

/// A controller that is told of a loss only if it means congestion.
#[derive(Clone, Copy, Debug)]
pub struct Tolerant<C> {
    inner: C,
    queue: QueueWatch,
    mtu_bytes: u32,
    /// Packets forgiven in the round trip that ended at `forgiven_at`; 0 before the first.
    forgiven_packets: u32,
    /// Packets sent until then cause no growth.
    forgiven_at: Instant,
}

impl<C: Controller> Tolerant<C> {
    /// `inner`, for packets of at most `mtu_bytes`, told of congestion only.
    #[must_use]
    pub fn new(inner: C, mtu_bytes: u64) -> Self {
        Self {
            inner,
            queue: QueueWatch::new(),
            mtu_bytes: narrow(mtu_bytes),
            forgiven_packets: 0,
            forgiven_at: Instant::ZERO,
        }
    }

    /// Forgives a loss if it is one to forgive.
    fn forgives(&mut self, congestion: &Congestion) -> bool {
        if congestion.ecn || congestion.persistent || self.queue.is_filled() {
            return false;
        }
        let is_same_round = self.covers(congestion.sent_at);
        let before = if is_same_round { self.forgiven_packets } else { 0 };
        let packets = u64::from(before).saturating_add(congestion.lost_packets);
        let mtu_bytes = u64::from(self.mtu_bytes);
        let window_packets = self.inner.window_bytes().checked_div(mtu_bytes).unwrap_or(0);
        if packets > MIN_LOST_PACKETS.max(window_packets / LOST_DIVISOR) {
            return false;
        }
        if !is_same_round {
            self.forgiven_at = congestion.now;
        }
        self.forgiven_packets = narrow(packets);
        true
    }

    /// Whether a packet sent at `sent_at` was sent before the last loss was forgiven.
    fn covers(&self, sent_at: Instant) -> bool {
        self.forgiven_packets > 0 && sent_at <= self.forgiven_at
    }
}

impl<C: Controller> Controller for Tolerant<C> {
    fn on_sent(&mut self, now: Instant, bytes: u64, in_flight: u64) {
        self.inner.on_sent(now, bytes, in_flight);
    }

    fn on_acked(&mut self, acked: &Acked<'_>) {
        self.queue.on_acked(acked);
        // A clock that went back must not leave a loss in the future, which would stop growth for
        // as long.
        self.forgiven_at = self.forgiven_at.min(acked.now);
        if !self.covers(acked.sent_at) {
            self.inner.on_acked(acked);
        }
    }

    fn on_congestion(&mut self, congestion: &Congestion) {
        if !self.forgives(congestion) {
            self.inner.on_congestion(congestion);
        }
    }

    fn on_spurious_loss(&mut self, now: Instant, sent_at: Instant) {
        // It may be one that the controller never heard of: rather take too little back.
        if !self.covers(sent_at) {
            self.inner.on_spurious_loss(now, sent_at);
        }
    }

    fn on_mtu(&mut self, mtu_bytes: u64) {
        self.mtu_bytes = narrow(mtu_bytes);
        self.inner.on_mtu(mtu_bytes);
    }

    fn window_bytes(&self) -> u64 {
        self.inner.window_bytes()
    }

    fn slow_start_threshold(&self) -> u64 {
        self.inner.slow_start_threshold()
    }

    fn name(&self) -> &'static str {
        "tolerant"
    }
}

/// The least round-trip time of each round, beside the least of all. [`UNKNOWN`] before the first
/// sample.
#[derive(Clone, Copy, Debug)]
struct QueueWatch {
    /// The round ends when this packet number is acknowledged.
    round_end: u64,
    last_min_micros: u32,
    current_min_micros: u32,
    samples: u32,
    path_micros: u32,
}

/// Longer than any sample.
const UNKNOWN: u32 = u32::MAX;

impl QueueWatch {
    const fn new() -> Self {
        Self {
            round_end: 0,
            last_min_micros: UNKNOWN,
            current_min_micros: UNKNOWN,
            samples: 0,
            path_micros: UNKNOWN,
        }
    }

    fn on_acked(&mut self, acked: &Acked<'_>) {
        self.path_micros = narrow(micros(acked.rtt.min()));
        if let Some(sample) = acked.rtt_sample {
            self.current_min_micros = self.current_min_micros.min(narrow(micros(sample)));
            self.samples = self.samples.saturating_add(1);
        }
        if acked.largest_acked >= self.round_end {
            self.round_end = acked.next_packet_number;
            if self.samples > 0 {
                self.last_min_micros = self.current_min_micros;
            }
            self.current_min_micros = UNKNOWN;
            self.samples = 0;
        }
    }

    /// Whether there is a queue, or no telling.
    fn is_filled(&self) -> bool {
        let is_judged = self.samples >= ROUND_SAMPLES;
        let recent = if is_judged { self.current_min_micros } else { self.last_min_micros };
        let rise = (self.path_micros / RISE_DIVISOR).min(MAX_RISE_MICROS);
        recent == UNKNOWN
            || self.path_micros < MIN_PATH_MICROS
            || recent > self.path_micros.saturating_add(rise)
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::Cubic;
    use super::*;
    use crate::recovery::rtt::Rtt;
    use crate::time::Duration;

    const MTU: u64 = 1200;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    /// A controller with a window of 100 packets, after two rounds at `rtt_millis` on a path of
    /// `path_millis`.
    fn after_rounds(path_millis: u64, rtt_millis: u64) -> Tolerant<Cubic> {
        let mut controller = Tolerant::new(Cubic::new(MTU), MTU);
        let mut rtt = Rtt::new(Duration::from_millis(path_millis));
        for (round, millis) in [path_millis, rtt_millis, rtt_millis].into_iter().enumerate() {
            let sample = Duration::from_millis(millis);
            rtt.on_sample(sample, Duration::ZERO, Duration::ZERO, true);
            controller.on_acked(&Acked {
                now: at(1000 + round as u64),
                sent_at: at(900),
                bytes: 36_000,
                in_flight_before: 1 << 20,
                app_limited: false,
                rtt: &rtt,
                rtt_sample: Some(sample),
                largest_acked: round as u64 * 10,
                next_packet_number: (round as u64 + 1) * 10,
            });
        }
        assert_eq!(controller.window_bytes(), 120_000);
        controller
    }

    /// Ten packets of a full window, without a sample.
    fn acked(rtt: &Rtt, now: u64, sent: u64) -> Acked<'_> {
        Acked {
            now: at(now),
            sent_at: at(sent),
            bytes: 12_000,
            in_flight_before: 1 << 20,
            app_limited: false,
            rtt,
            rtt_sample: None,
            largest_acked: 30,
            next_packet_number: 40,
        }
    }

    fn loss(sent: u64, lost_packets: u64) -> Congestion {
        Congestion {
            now: at(sent + 40),
            sent_at: at(sent),
            lost_packets,
            persistent: false,
            ecn: false,
            in_flight: 0,
        }
    }

    // Spec: R-6.7-9.
    #[test]
    fn a_loss_without_a_queue_is_forgiven() {
        let mut controller = after_rounds(30, 33);
        controller.on_congestion(&loss(1100, 12));
        assert_eq!(controller.window_bytes(), 120_000);
        assert!(controller.is_slow_start());
    }

    // Spec: R-6.7-9.
    #[test]
    fn a_loss_behind_a_queue_on_a_short_path_or_before_any_sample_is_not() {
        let new = Tolerant::new(Cubic::new(MTU), MTU);
        for mut controller in
            [after_rounds(30, 34), after_rounds(100, 105), after_rounds(4, 4), new]
        {
            let before = controller.window_bytes();
            controller.on_congestion(&loss(1100, 1));
            assert_eq!(controller.window_bytes(), before * 7 / 10);
        }
    }

    // Spec: R-6.7-9.
    #[test]
    fn marks_and_persistent_congestion_always_count() {
        for (ecn, persistent) in [(true, false), (false, true)] {
            let mut controller = after_rounds(30, 30);
            controller.on_congestion(&Congestion { ecn, persistent, ..loss(1100, 1) });
            assert!(controller.window_bytes() <= 84_000);
        }
    }

    // Spec: R-6.7-9.
    #[test]
    fn more_than_an_eighth_of_a_window_in_a_round_trip_is_not_random() {
        let mut controller = after_rounds(30, 30);
        controller.on_congestion(&loss(1100, 13));
        assert_eq!(controller.window_bytes(), 84_000);
        let mut controller = after_rounds(30, 30);
        controller.on_congestion(&loss(1100, 7));
        controller.on_congestion(&loss(1130, 6));
        assert_eq!(controller.window_bytes(), 84_000);
        let mut controller = after_rounds(30, 30);
        controller.on_congestion(&loss(1100, 7));
        controller.on_congestion(&loss(1141, 6));
        assert_eq!(controller.window_bytes(), 120_000);
    }

    // Spec: R-6.7-9.
    #[test]
    fn a_round_trip_with_a_loss_does_not_grow() {
        let mut controller = after_rounds(30, 30);
        controller.on_congestion(&loss(1100, 1));
        let rtt = Rtt::new(Duration::from_millis(30));
        let mut acked = acked(&rtt, 1150, 1140);
        controller.on_acked(&acked);
        assert_eq!(controller.window_bytes(), 120_000);
        acked.sent_at = at(1141);
        controller.on_acked(&acked);
        assert_eq!(controller.window_bytes(), 132_000);
    }

    // Spec: R-6.7-9.
    #[test]
    fn a_clock_that_goes_back_does_not_stop_growth_for_long() {
        let mut controller = after_rounds(30, 30);
        controller.on_congestion(&loss(1_000_000, 1));
        let rtt = Rtt::new(Duration::from_millis(30));
        let acked = acked(&rtt, 100, 70);
        controller.on_acked(&acked);
        controller.on_acked(&Acked { now: at(200), sent_at: at(150), ..acked });
        assert_eq!(controller.window_bytes(), 132_000);
    }
}
