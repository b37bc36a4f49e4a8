//! Tells random loss from congestion, for any controller (docs/PROTOCOL.md, [R-6.7-9]).
//!
//! A controller that takes every loss for a full queue keeps no more than about 1.2 / √p packets
//! in flight at a loss rate of p, however empty the path is: nine packets at 2 %. Radio links lose
//! that much with nobody to blame. But a queue that overflows was full just before, and a full
//! queue shows in the round-trip time, if it is long enough to. So a loss is taken for random only
//! where a queue could have been seen and was not: the path has lately shown one, for a whole round
//! trip, and the round-trip time is near its minimum now. Such a loss costs a round trip's growth
//! and nothing else. As growth needs a round without loss, loss still bounds the window, near 1 / p
//! packets.
//!
//! Where the round-trip time has never risen, an overflow looks like noise, so every loss counts,
//! as it does for the controller inside; unless its host asked for boldness, which takes most of a
//! link from others where queues are short. A sender that has just begun is an exception: it looks
//! for the queue by doubling its window, and some round trips with few losses do not end that.
//!
//! Marks by routers always count, as do losses of more than an eighth of a window in a round trip,
//! persistent congestion, and any loss on a short path, where queues are short in time and windows
//! grow back at once.

use crate::time::Instant;

use super::queue_watch::{QueueWatch, narrow};
use super::{Acked, Congestion, Controller};

/// In how many round trips losses may be forgiven before a queue was shown, in the first slow
/// start. A sender whose window doubles is past any path's capacity by then, or loses too much.
const FIRST_ROUNDS: u32 = 8;
/// More than this part of the window lost in one round trip is never random...
const LOST_DIVISOR: u64 = 8;
/// ... but so many packets may be: a burst of noise.
const MIN_LOST_PACKETS: u64 = 3;

/// A controller that is told of a loss only if it means congestion.
#[derive(Clone, Copy, Debug)]
pub struct Tolerant<C> {
    inner: C,
    queue: QueueWatch,
    /// Losses may be forgiven on a path that has never shown a queue.
    is_bold: bool,
    mtu_bytes: u32,
    /// Packets forgiven in the round trip that ended at `forgiven_at`; 0 before the first.
    forgiven_packets: u32,
    /// Round trips in which losses were forgiven, ever.
    forgiven_rounds: u32,
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
            is_bold: false,
            mtu_bytes: narrow(mtu_bytes),
            forgiven_packets: 0,
            forgiven_rounds: 0,
            forgiven_at: Instant::ZERO,
        }
    }

    /// The same, also where no queue was ever seen: for a path that nobody else is on.
    #[must_use]
    pub fn bold(inner: C, mtu_bytes: u64) -> Self {
        Self { is_bold: true, ..Self::new(inner, mtu_bytes) }
    }

    /// Forgives a loss if it is one to forgive.
    fn forgives(&mut self, congestion: &Congestion) -> bool {
        if congestion.ecn || congestion.persistent {
            return false;
        }
        // A window that doubles fills a queue within a round trip, and has to, to see it.
        let can_tell = self.is_bold || self.queue.has_shown();
        let is_random = (can_tell && self.queue.is_empty_now())
            || (self.is_looking() && self.queue.was_empty_this_round());
        if !is_random {
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
            self.forgiven_rounds = self.forgiven_rounds.saturating_add(1);
            self.forgiven_at = congestion.now;
        }
        self.forgiven_packets = narrow(packets);
        true
    }

    /// Whether this is the first slow start, and not yet a long one.
    fn is_looking(&self) -> bool {
        self.inner.slow_start_threshold() == u64::MAX && self.forgiven_rounds < FIRST_ROUNDS
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
        if self.is_bold { "bold" } else { "tolerant" }
    }
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

    /// A controller with a window of 100 packets, after four rounds at `rtt_millis` on a path of
    /// `path_millis`.
    fn after_rounds(path_millis: u64, rtt_millis: u64) -> Tolerant<Cubic> {
        let mut controller = Tolerant::new(Cubic::new(MTU), MTU);
        let mut rtt = Rtt::new(Duration::from_millis(path_millis));
        let rounds = [path_millis, rtt_millis, rtt_millis, rtt_millis, rtt_millis];
        for (round, millis) in rounds.into_iter().enumerate() {
            let sample = Duration::from_millis(millis);
            rtt.on_sample(sample, Duration::ZERO, Duration::ZERO, true);
            controller.on_acked(&Acked {
                now: at(1000 + round as u64),
                sent_at: at(900),
                bytes: 21_600,
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

    /// A sender on a path of 30 ms, at a round trip after the other.
    struct Course {
        controller: Tolerant<Cubic>,
        rtt: Rtt,
        rounds: u64,
    }

    impl Course {
        /// Out of slow start: ten losses in its first round trip.
        fn begin() -> Self {
            let rtt = Rtt::new(Duration::from_millis(30));
            let mut course =
                Self { controller: Tolerant::new(Cubic::new(MTU), MTU), rtt, rounds: 0 };
            course.play(2, 30);
            assert!(!course.forgives(10));
            course.play(2, 30);
            course
        }

        /// So many round trips of five samples each, all with the same time.
        fn play(&mut self, rounds: u64, millis: u64) {
            let sample = Duration::from_millis(millis);
            for packet in self.rounds * 5..(self.rounds + rounds) * 5 {
                self.rtt.on_sample(sample, Duration::ZERO, Duration::ZERO, true);
                self.controller.on_acked(&Acked {
                    now: at(1000 + packet * 10),
                    sent_at: at(970 + packet * 10),
                    bytes: MTU,
                    in_flight_before: 1 << 20,
                    app_limited: false,
                    rtt: &self.rtt,
                    rtt_sample: Some(sample),
                    largest_acked: packet,
                    next_packet_number: (packet / 5 + 1) * 5 + 4,
                });
            }
            self.rounds += rounds;
        }

        /// Whether losses of now leave the window as it is.
        fn forgives(&mut self, lost_packets: u64) -> bool {
            let before = self.controller.window_bytes();
            let now = 1000 + self.rounds * 50;
            self.controller
                .on_congestion(&Congestion { now: at(now), ..loss(now - 1, lost_packets) });
            self.controller.window_bytes() == before
        }
    }

    // Spec: R-6.7-9.
    #[test]
    fn where_no_queue_was_ever_seen_a_loss_counts() {
        for rises_to in [30, 33, 34] {
            let mut course = Course::begin();
            course.play(20, rises_to);
            course.play(5, 30);
            assert!(!course.forgives(1), "{rises_to} ms");
            course.controller.is_bold = true;
            course.play(2, 30);
            assert!(course.forgives(1), "{rises_to} ms, bold");
        }
    }

    // Spec: R-6.7-9.
    #[test]
    fn a_path_that_has_shown_its_queue_is_believed_for_some_round_trips() {
        let mut course = Course::begin();
        course.play(2, 35);
        assert!(!course.forgives(1), "behind a queue");
        course.play(5, 30);
        assert!(course.forgives(1));
        course.play(240, 30);
        assert!(course.forgives(1));
        course.play(20, 30);
        assert!(!course.forgives(1), "long ago");
        course.play(2, 35);
        course.play(2, 30);
        assert!(course.forgives(1), "shown again");
    }

    // Spec: R-6.7-9.
    #[test]
    fn a_queue_that_filled_within_the_round_trip_is_seen() {
        let mut course = Course::begin();
        course.play(2, 35);
        course.play(5, 30);
        for millis in [30, 30, 35, 40, 50, 60] {
            let sample = Duration::from_millis(millis);
            let acked = acked(&course.rtt, 1000, 970);
            let acked = Acked { rtt_sample: Some(sample), largest_acked: 0, ..acked };
            course.controller.queue.on_acked(&acked);
        }
        assert!(course.controller.queue.was_empty_this_round());
        assert!(!course.forgives(1));
    }

    // Spec: R-6.7-9.
    #[test]
    fn a_few_slow_packets_are_no_queue() {
        let mut course = Course::begin();
        for _ in 0..20 {
            // Some of each round trip are slow, not all.
            for millis in [30, 60, 60, 60, 60] {
                let sample = Duration::from_millis(millis);
                course.rtt.on_sample(sample, Duration::ZERO, Duration::ZERO, true);
                course.controller.queue.on_acked(&Acked {
                    rtt_sample: Some(sample),
                    largest_acked: 0,
                    ..acked(&course.rtt, 1000, 970)
                });
            }
            course.play(1, 30);
        }
        assert!(!course.forgives(1));
    }

    // Spec: R-6.7-9.
    #[test]
    fn the_first_slow_start_looks_for_the_queue_through_eight_round_trips_of_loss() {
        let rtt = Rtt::new(Duration::from_millis(30));
        let mut course = Course { controller: Tolerant::new(Cubic::new(MTU), MTU), rtt, rounds: 0 };
        for round in 0..8 {
            course.play(2, 30);
            assert!(course.forgives(1), "{round}");
        }
        course.play(2, 30);
        assert!(!course.forgives(1));
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
