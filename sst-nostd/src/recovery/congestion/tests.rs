//! Both controllers against single events and against a toy link.

use std::collections::VecDeque;

use super::*;
use crate::recovery::pacer::{Pace, Pacer};

const MTU: u64 = 1200;
const ALGORITHMS: [Algorithm; 3] = [Algorithm::Cubic, Algorithm::NewReno, Algorithm::Tolerant];

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn rtt(millis: u64) -> Rtt {
    let mut rtt = Rtt::new(Duration::from_millis(millis));
    rtt.on_sample(Duration::from_millis(millis), Duration::ZERO, Duration::ZERO, true);
    rtt
}

/// One acknowledgement of `bytes` that filled the window.
fn ack(controller: &mut AnyController, now: u64, sent: u64, bytes: u64) {
    let in_flight_before = controller.window_bytes();
    ack_with(controller, now, sent, bytes, in_flight_before, false);
}

fn ack_with(
    controller: &mut AnyController,
    now: u64,
    sent: u64,
    bytes: u64,
    in_flight_before: u64,
    app_limited: bool,
) {
    controller.on_acked(&Acked {
        now: at(now),
        sent_at: at(sent),
        bytes,
        in_flight_before,
        app_limited,
        rtt: &rtt(100),
        rtt_sample: None,
        largest_acked: 0,
        next_packet_number: 1,
    });
}

fn loss(now: u64, sent: u64) -> Congestion {
    Congestion {
        now: at(now),
        sent_at: at(sent),
        lost_packets: 1,
        persistent: false,
        ecn: false,
        in_flight: 0,
    }
}

// Spec: R-6.7-3.
#[test]
fn initial_windows_are_as_the_rfc_says() {
    assert_eq!(initial_window_bytes(1200), 12_000);
    assert_eq!(initial_window_bytes(1472), 14_720);
    assert_eq!(initial_window_bytes(1500), 14_720);
    assert_eq!(initial_window_bytes(8952), 17_904);
    for algorithm in ALGORITHMS {
        let controller = AnyController::new(algorithm, MTU);
        assert_eq!(controller.window_bytes(), 12_000);
        assert!(controller.is_slow_start());
    }
}

#[test]
fn slow_start_grows_by_what_is_acknowledged() {
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        ack(&mut controller, 100, 0, 12_000);
        assert_eq!(controller.window_bytes(), 24_000);
    }
}

// Spec: R-6.7-2.
#[test]
fn one_round_trip_of_losses_is_one_reduction() {
    for (algorithm, kept) in [(Algorithm::Cubic, 8400), (Algorithm::NewReno, 6000)] {
        let mut controller = AnyController::new(algorithm, MTU);
        controller.on_congestion(&loss(100, 0));
        controller.on_congestion(&loss(120, 99));
        assert_eq!(controller.window_bytes(), kept);
        assert_eq!(controller.slow_start_threshold(), kept);
        ack(&mut controller, 150, 100, 12_000);
        assert_eq!(controller.window_bytes(), kept, "nothing grows during recovery");
        controller.on_congestion(&loss(200, 101));
        assert!(controller.window_bytes() < kept);
    }
}

#[test]
fn a_reduced_window_is_whole_packets() {
    // Seven packets, then four and not 4.9; five, then two and not 2.5.
    for (algorithm, kept) in [(Algorithm::Cubic, 4800), (Algorithm::NewReno, 2400)] {
        let mut controller = AnyController::new(algorithm, MTU);
        controller.on_congestion(&loss(100, 0));
        controller.on_congestion(&loss(200, 101));
        assert_eq!(controller.window_bytes(), kept);
    }
}

// Spec: R-6.7-3.
#[test]
fn the_window_is_never_less_than_two_packets() {
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        for round in 1..100 {
            controller.on_congestion(&loss(round * 100, round * 100 - 1));
        }
        assert_eq!(controller.window_bytes(), 2400);
        controller.on_mtu(9000);
        assert_eq!(controller.window_bytes(), 18_000);
    }
}

// Spec: R-6.7-5.
#[test]
fn persistent_congestion_leaves_two_packets_and_slow_start_to_the_threshold() {
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        ack(&mut controller, 10, 0, 100_000);
        controller.on_congestion(&Congestion { persistent: true, ..loss(100, 90) });
        assert_eq!(controller.window_bytes(), 2400);
        assert!(controller.is_slow_start() && controller.slow_start_threshold() < u64::MAX);
        ack(&mut controller, 200, 50, 2400);
        assert_eq!(controller.window_bytes(), 4800, "no recovery period remains");
    }
}

// Spec: R-6.7-4.
#[test]
fn a_window_not_filled_does_not_grow() {
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        ack_with(&mut controller, 100, 0, 12_000, 12_000, true);
        ack_with(&mut controller, 100, 0, 1200, 1200, false);
        assert_eq!(controller.window_bytes(), 12_000);
        controller.on_congestion(&loss(100, 99));
        let reduced = controller.window_bytes();
        for now in 200..10_000 {
            ack_with(&mut controller, now, now - 50, 6000, 6000, true);
        }
        assert_eq!(controller.window_bytes(), reduced);
        // The idle time does not count: the next acknowledgement is not a leap.
        ack(&mut controller, 10_000, 9_950, 1200);
        assert!(controller.window_bytes() <= reduced + MTU);
    }
}

#[test]
fn a_reduction_is_taken_back_when_all_its_losses_were_spurious() {
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        ack(&mut controller, 10, 0, 100_000);
        controller.on_congestion(&loss(100, 90));
        controller.on_congestion(&loss(101, 91));
        controller.on_spurious_loss(at(110), at(90));
        assert!(controller.window_bytes() < 112_000, "one loss was real so far");
        controller.on_spurious_loss(at(111), at(91));
        assert_eq!(controller.window_bytes(), 112_000);
        assert!(controller.is_slow_start());
        controller.on_spurious_loss(at(112), at(91));
        assert_eq!(controller.window_bytes(), 112_000);
    }
}

// Spec: R-6.7-8.
#[test]
fn marks_reduce_and_are_never_taken_back() {
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        controller.on_congestion(&Congestion { ecn: true, ..loss(100, 90) });
        let reduced = controller.window_bytes();
        assert!(reduced < 12_000);
        controller.on_spurious_loss(at(110), at(90));
        assert_eq!(controller.window_bytes(), reduced);
    }
}

// Spec: R-6.7-2.
#[test]
fn newreno_grows_one_packet_for_each_window_acknowledged() {
    let mut controller = AnyController::new(Algorithm::NewReno, MTU);
    controller.on_congestion(&loss(100, 90));
    for _ in 0..5 {
        ack(&mut controller, 300, 200, 1200);
    }
    assert_eq!(controller.window_bytes(), 7200);
}

#[test]
fn clocks_that_jump_or_go_backward_do_no_harm() {
    let century = 100 * 365 * 86_400_000;
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        controller.on_congestion(&loss(5000, 4000));
        for (now, sent) in [(6000, 5500), (century, 5900), (10, century), (0, 0), (century, 7000)] {
            controller.on_sent(at(now), 1200, 0);
            ack(&mut controller, now, sent, u64::MAX);
            controller.on_congestion(&loss(now, sent));
            controller.on_spurious_loss(at(now), at(sent));
            controller.on_mtu(u64::MAX);
            controller.on_mtu(0);
            controller.on_mtu(MTU);
            assert!((2400..=MAX_WINDOW_BYTES).contains(&controller.window_bytes()));
        }
    }
}

#[test]
fn a_clock_that_went_backward_does_not_freeze_the_window() {
    for algorithm in ALGORITHMS {
        let mut controller = AnyController::new(algorithm, MTU);
        controller.on_congestion(&loss(1_000_000_000, 999_999_999));
        let reduced = controller.window_bytes();
        ack(&mut controller, 100, 50, 1200);
        for now in 200..5000 {
            ack(&mut controller, now, now - 50, 1200);
        }
        assert!(controller.window_bytes() > reduced + 10 * MTU, "{algorithm:?}");
        let grown = controller.window_bytes();
        controller.on_congestion(&loss(5000, 4990));
        assert!(controller.window_bytes() < grown);
    }
}

/// What a toy run came to.
#[derive(Debug)]
struct Outcome {
    /// Bytes delivered after the first tenth of the run, as a share of what the link could carry,
    /// in thousandths.
    used_thousandths: u64,
    /// The first loss, in milliseconds.
    first_loss_millis: Option<u64>,
    /// When slow start ended, in milliseconds.
    slow_start_end_millis: Option<u64>,
}

/// A sender, always with data, on a link of fixed rate and delay with a drop-tail queue.
struct Link {
    bytes_per_milli: u64,
    delay_micros: u64,
    queue_bytes: u64,
    /// When the link will be free.
    free_at: u64,
}

impl Link {
    /// When the acknowledgement of a packet sent at `now` is back; `None` if it is dropped.
    fn send(&mut self, now: u64) -> Option<u64> {
        let begin = self.free_at.max(now);
        if (begin - now) * self.bytes_per_milli / 1000 > self.queue_bytes {
            return None;
        }
        self.free_at = begin + MTU * 1000 / self.bytes_per_milli;
        Some(self.free_at + self.delay_micros)
    }
}

struct Flight {
    number: u64,
    sent_at: u64,
    back_at: Option<u64>,
}

fn run(controller: &mut impl Controller, link: Link, seconds: u64) -> Outcome {
    run_paced(controller, link, seconds, None)
}

fn run_paced(
    controller: &mut impl Controller,
    mut link: Link,
    seconds: u64,
    mut pacer: Option<Pacer>,
) -> Outcome {
    let end = seconds * 1_000_000;
    let mut flights: VecDeque<Flight> = VecDeque::new();
    let mut rtt = Rtt::new(Duration::from_millis(250));
    let (mut now, mut next, mut in_flight, mut delivered) = (0u64, 0u64, 0u64, 0u64);
    let mut outcome =
        Outcome { used_thousandths: 0, first_loss_millis: None, slow_start_end_millis: None };
    while now < end {
        while in_flight + MTU <= controller.window_bytes() {
            let pace = Pace {
                window_bytes: controller.window_bytes(),
                slow_start: controller.is_slow_start(),
                rtt: &rtt,
                mtu_bytes: MTU,
            };
            if let Some(pacer) = &mut pacer {
                if let Err(ready_at) = pacer.budget(Instant::from_micros(now), MTU, &pace) {
                    let back_at = flights.iter().find_map(|flight| flight.back_at);
                    if back_at.is_some_and(|back_at| back_at <= ready_at.as_micros()) {
                        break;
                    }
                    now = ready_at.as_micros();
                    continue;
                }
                pacer.on_sent(Instant::from_micros(now), MTU, &pace);
            }
            controller.on_sent(Instant::from_micros(now), MTU, in_flight);
            flights.push_back(Flight { number: next, sent_at: now, back_at: link.send(now) });
            next += 1;
            in_flight += MTU;
        }
        let Some(acked_at) = flights.iter().position(|flight| flight.back_at.is_some()) else {
            // Everything was lost: wait out a probe timeout.
            now += 1_000_000;
            in_flight = 0;
            flights.clear();
            continue;
        };
        let flight = flights.remove(acked_at).unwrap();
        now = flight.back_at.unwrap();
        let sample = Duration::from_micros(now - flight.sent_at);
        rtt.on_sample(sample, Duration::ZERO, Duration::ZERO, true);
        let now_at = Instant::from_micros(now);
        controller.on_acked(&Acked {
            now: now_at,
            sent_at: Instant::from_micros(flight.sent_at),
            bytes: MTU,
            in_flight_before: in_flight,
            app_limited: false,
            rtt: &rtt,
            rtt_sample: Some(sample),
            largest_acked: flight.number,
            next_packet_number: next,
        });
        in_flight -= MTU;
        delivered += if now > end / 10 { MTU } else { 0 };
        while flights.front().is_some_and(|lost| lost.number + 3 <= flight.number) {
            let lost = flights.pop_front().unwrap();
            outcome.first_loss_millis.get_or_insert(now / 1000);
            let sent_at = Instant::from_micros(lost.sent_at);
            controller.on_congestion(&Congestion { now: now_at, sent_at, in_flight, ..loss(0, 0) });
            in_flight -= MTU;
        }
        if !controller.is_slow_start() {
            outcome.slow_start_end_millis.get_or_insert(now / 1000);
        }
    }
    outcome.used_thousandths = delivered * 1000 / (link.bytes_per_milli * (end - end / 10) / 1000);
    outcome
}

fn link(mbits: u64, delay_millis: u64, queue_per_mille: u64) -> Link {
    let bytes_per_milli = mbits * 125;
    let product = bytes_per_milli * delay_millis;
    Link {
        bytes_per_milli,
        delay_micros: delay_millis * 1000,
        queue_bytes: product * queue_per_mille / 1000,
        free_at: 0,
    }
}

#[test]
fn both_fill_a_link_whose_queue_holds_one_round_trip() {
    for algorithm in ALGORITHMS {
        for (mbits, delay) in [(10, 20), (50, 40), (100, 20)] {
            let mut controller = AnyController::new(algorithm, MTU);
            let outcome = run(&mut controller, link(mbits, delay, 1000), 30);
            assert!(outcome.used_thousandths >= 950, "{algorithm:?} {mbits} {delay} {outcome:?}");
            assert!(outcome.used_thousandths <= 1001, "{algorithm:?} {mbits} {delay} {outcome:?}");
        }
    }
}

#[test]
fn paced_senders_fill_the_link_too() {
    for algorithm in ALGORITHMS {
        for (mbits, delay) in [(10, 20), (100, 20)] {
            let mut controller = AnyController::new(algorithm, MTU);
            let link = link(mbits, delay, 1000);
            let outcome = run_paced(&mut controller, link, 30, Some(Pacer::new()));
            assert!(outcome.used_thousandths >= 950, "{algorithm:?} {mbits} {delay} {outcome:?}");
        }
    }
}

#[test]
fn cubic_fills_a_long_link_with_half_a_queue() {
    let mut controller = AnyController::new(Algorithm::Cubic, MTU);
    let outcome = run(&mut controller, link(100, 100, 500), 60);
    assert!(outcome.used_thousandths >= 950, "{outcome:?}");
}

// Spec: R-6.7-2.
#[test]
fn hystart_leaves_slow_start_before_the_first_loss() {
    for delay in [20, 100] {
        let mut cubic = Cubic::new(MTU);
        let outcome = run(&mut cubic, link(50, delay, 8000), 30);
        let end = outcome.slow_start_end_millis.expect("slow start ends");
        assert!(outcome.first_loss_millis.is_none_or(|loss| end < loss), "{outcome:?}");
        assert!(outcome.used_thousandths >= 950, "{outcome:?}");

        let mut reno = NewReno::new(MTU).with_hystart();
        let outcome = run(&mut reno, link(50, delay, 8000), 10);
        let end = outcome.slow_start_end_millis.expect("slow start ends");
        assert!(outcome.first_loss_millis.is_none_or(|loss| end < loss), "{outcome:?}");

        let mut plain = NewReno::new(MTU);
        let outcome = run(&mut plain, link(50, delay, 8000), 10);
        assert_eq!(outcome.slow_start_end_millis, outcome.first_loss_millis, "{outcome:?}");
    }
}
