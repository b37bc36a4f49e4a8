//! The window, the pacer, marks, sizes, and what acknowledgements cost.

use std::vec::Vec;

use super::super::*;
use super::pair::{CLEAN, Faults, Pair, add_item};
use super::{FULL, ack_ranges, assert_all_arrived};
use crate::recovery::congestion::Algorithm;

// Spec: R-6.7-1.
#[test]
fn the_window_bounds_what_is_in_flight() {
    let mut pair = Pair::new(1, CLEAN);
    pair.enqueue(0, 0..5000);
    for _ in 0..400 {
        pair.run_until(1, |pair| pair.now.as_micros() % 7 == 0);
        let stats = pair.sides[0].channel.stats();
        assert!(stats.in_flight_bytes <= stats.window_bytes + 2 * 1472, "{stats:?}");
        pair.now = pair.now.after(Duration::from_micros(500));
    }
    let [sender, receiver] = &pair.sides;
    assert!(sender.channel.stats().totals.window_full > 0);
    assert_eq!(receiver.channel.stats().totals.window_full, 0, "it had no data");
}

// Spec: R-6.7-6.
#[test]
fn packets_are_spread_over_the_round_trip() {
    let mut pair = Pair::new(2, Faults { delay_micros: 100_000, ..CLEAN });
    pair.enqueue(0, 0..600);
    pair.run_until(20, Pair::is_done);
    pair.enqueue(0, 600..1600);
    let side = &mut pair.sides[0];
    assert!(side.channel.stats().window_bytes > 100_000);
    let now = pair.now.after(Duration::from_secs(1));
    let before = side.channel.stats().totals.sent_bytes;
    let paced = side.channel.stats().totals.paced;
    while side.transmit(&pair.crypto, now).is_some() {}
    let burst = side.channel.stats().totals.sent_bytes - before;
    assert!(burst <= 16 * 1472, "{burst} bytes at once");
    assert!(side.channel.stats().totals.paced > paced);
    let until = side.channel.paced_until.expect("the pacer says when");
    assert!(until > now && until < now.after(Duration::from_millis(50)));
}

#[test]
fn a_narrow_link_is_filled_and_its_losses_are_few() {
    for algorithm in [Algorithm::Cubic, Algorithm::NewReno] {
        let config = ChannelConfig { algorithm, ..ChannelConfig::default() };
        let mut pair = Pair::with(3, Faults { queue: 60, ..CLEAN }, &config);
        pair.enqueue(0, 0..4000);
        let began = pair.now;
        pair.run_until(60, Pair::is_done);
        assert_all_arrived(&pair, [4000, 0], 3);
        let totals = pair.sides[0].channel.stats().totals;
        // 60 packets per 15 ms is the most: 4000 take one second.
        let took = pair.now.since(began);
        assert!(took < Duration::from_secs(4), "{algorithm:?}: {took:?}");
        assert!(totals.lost_packets * 10 < totals.sent_packets, "{totals:?}");
        assert!(pair.sides[0].channel.loss_rate() < 65_536 / 8);
    }
}

// Spec: R-6.7-8.
#[test]
fn marks_slow_the_sender_without_losses() {
    let config = ChannelConfig { can_mark_ecn: true, ..ChannelConfig::default() };
    let mut pair = Pair::with(4, CLEAN, &config);
    pair.enqueue(0, 0..400);
    pair.run_until(30, Pair::is_done);
    assert!(pair.sides[0].channel.flight.ecn.is_capable());
    let before = pair.sides[0].channel.stats().window_bytes;
    pair.faults.is_marking = true;
    pair.enqueue(0, 400..800);
    pair.run_until(60, Pair::is_done);
    assert_all_arrived(&pair, [800, 0], 4);
    let stats = pair.sides[0].channel.stats();
    assert!(stats.window_bytes < before && stats.totals.lost_packets == 0, "{stats:?}");
}

// Spec: R-6.9-4.
#[test]
fn a_path_that_shrinks_carries_on_with_small_packets() {
    let mut pair = Pair::new(5, CLEAN);
    pair.enqueue(0, 0..20_000);
    pair.sides[0].item_len = 100;
    pair.run_until(30, |pair| pair.sides[0].waiting.len() < 12_000);
    assert_eq!(pair.sides[0].channel.mtu_bytes(), 1472);
    pair.faults.max_len = 1280;
    let began = pair.now;
    pair.run_until(60, Pair::is_done);
    assert_all_arrived(&pair, [20_000, 0], 5);
    assert!(pair.now.since(began) < Duration::from_secs(5), "{:?}", pair.now.since(began));
    assert!(pair.sides[0].channel.mtu_bytes() <= 1280);
}

// Spec: R-6.9-6.
#[test]
fn a_sender_that_never_pauses_looks_for_larger_packets_all_the_same() {
    let mut pair = Pair::new(7, CLEAN);
    pair.sides[0].item_len = 100;
    pair.enqueue(0, 0..20_000);
    let began = pair.now;
    pair.run_until(10, |pair| pair.sides[0].channel.mtu_bytes() == 1472);
    let round_trips = pair.now.since(began).as_millis() / 30;
    assert!(round_trips <= 7, "{round_trips}");
    assert!(!pair.sides[0].waiting.is_empty(), "it paused");
}

#[test]
fn an_outage_ends_soon_after_the_network_returns() {
    let mut pair = Pair::new(6, CLEAN);
    pair.enqueue(0, 0..8000);
    pair.run_until(1, |pair| pair.sides[1].arrived.len() > 500);
    pair.faults.lost_percent = 100;
    pair.run(2);
    pair.faults.lost_percent = 0;
    let began = pair.now;
    let arrived = pair.sides[1].arrived.len();
    pair.run_until(10, |pair| pair.sides[1].arrived.len() > arrived + 100);
    assert!(pair.now.since(began) < Duration::from_millis(2500), "{:?}", pair.now.since(began));
    pair.run_until(60, Pair::is_done);
    assert_all_arrived(&pair, [8000, 0], 6);
}

#[test]
fn acknowledging_costs_the_same_however_many_packets_are_in_flight() {
    for packets in [100, 1000, 10_000] {
        let mut pair = Pair::new(7, CLEAN);
        let (now, side) = (pair.now, &mut pair.sides[0]);
        let mut buffer = [0; 100];
        for item in 0..packets {
            let permit = Permit::Data { bytes: 1500 };
            let begun =
                side.channel.begin_packet(&pair.crypto, now, permit, &mut buffer, &side.sent);
            let mut builder = begun.unwrap();
            add_item(&mut builder, &mut side.sent, item, 8).unwrap();
            side.channel.seal_packet(now, builder, &mut side.sent).unwrap();
        }
        let mut numbers = Vec::new();
        let mut place = side.channel.in_flight.start();
        while let Some(packet) = side.sent.at(place) {
            numbers.push(packet.number);
            place = side.sent.after(place);
        }
        // Each acknowledgement tells one packet, and all but every tenth is told.
        let later = now.after(Duration::from_millis(1));
        for number in numbers.iter().filter(|number| *number % 10 != 0) {
            ack_ranges(side, later, &[(*number, *number)]).unwrap();
            while side.channel.take_settled(&mut side.sent).is_some() {}
        }
        let seen = side.channel.rows_seen;
        assert!(seen <= 5 * packets, "{seen} rows for {packets} packets");
        assert!(side.channel.in_flight.len() < 10);
    }
}

// Spec: R-6.9-1, R-6.9-2, R-6.9-3.
#[test]
fn lost_probes_of_the_size_are_no_congestion() {
    let mut pair = Pair::new(8, Faults { max_len: 1200, ..CLEAN });
    pair.sides[0].item_len = FULL;
    pair.enqueue(0, 0..500);
    pair.run_until(30, Pair::is_done);
    assert_all_arrived(&pair, [500, 0], 8);
    let channel = &pair.sides[0].channel;
    let totals = channel.stats().totals;
    // Three for each of the few sizes that were tried, and nothing else.
    assert!((3..=12).contains(&totals.lost_packets), "{totals:?}");
    assert_eq!(channel.flight.congestion.slow_start_threshold(), u64::MAX);
    assert_eq!((channel.mtu_bytes(), totals.spurious_losses), (1200, 0));
}

// Spec: R-4.3-8.
#[test]
fn no_packet_is_larger_than_the_peer_takes() {
    for most in [1200, 1300] {
        let config = ChannelConfig { max_packet_len: most, ..ChannelConfig::default() };
        let mut pair = Pair::with(9, CLEAN, &config);
        pair.log = Some(Vec::new());
        pair.sides[0].item_len = 100;
        pair.enqueue(0, 0..2000);
        pair.run_until(30, Pair::is_done);
        assert_all_arrived(&pair, [2000, 0], 9);
        let largest = pair.log.unwrap().iter().map(|(_, bytes)| bytes.len()).max().unwrap();
        assert!(largest <= most && largest > most - 110, "{largest} of {most}");
    }
}

// Spec: R-6.5-10.
#[test]
fn the_mark_of_the_finish_is_counted() {
    let mut pair = Pair::new(10, CLEAN);
    let channel = &mut pair.sides[1].channel;
    channel.on_finish_received(pair.now, crate::recovery::ecn::Codepoint::Ce);
    let counts = channel.received.ecn_counts();
    assert_eq!((counts.ect0, counts.ect1, counts.ce), (0, 0, 1));
    assert!(channel.is_ack_due(pair.now));
}

// Spec: R-10.5-1.
#[test]
fn whoever_asks_pays_for_the_answer() {
    let mut pair = Pair::new(11, CLEAN);
    pair.sides[0].item_len = 8;
    pair.enqueue(0, 0..1);
    let (_, bytes) = pair.sides[0].transmit(&pair.crypto, pair.now).unwrap();
    assert!(bytes.len() >= 40, "{}", bytes.len());
}
