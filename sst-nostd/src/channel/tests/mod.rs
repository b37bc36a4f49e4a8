//! Channels in pairs: what is promised of them whatever the network does.

mod congestion;
mod drowsy;
mod keys;
mod pair;
mod paths;
mod replay;

use std::vec::Vec;

use super::*;
use crate::recovery::congestion::Algorithm;
use pair::{CLEAN, Faults, Pair, Random};

const ROUGH: Faults = Faults {
    lost_percent: 20,
    twice_percent: 10,
    spoilt_percent: 5,
    jitter_micros: 30_000,
    ..CLEAN
};

/// An item that fills a packet of the least size.
const FULL: usize = 1140;

/// Every receipt was told once, no item is left, every item arrived.
fn assert_all_arrived(pair: &Pair, items: [u64; 2], seed: u64) {
    assert!(pair.is_done(), "seed {seed}: something is left");
    for (side, items) in items.into_iter().enumerate() {
        let (sender, receiver) = (&pair.sides[side], &pair.sides[1 - side]);
        assert_eq!(sender.receipts, 0, "seed {seed}: receipts not told");
        assert_eq!(sender.sent.packet_count(), 0, "seed {seed}: rows kept");
        assert_eq!(sender.sent.receipt_count(), 0, "seed {seed}: rows kept");
        assert_eq!(receiver.arrived.len() as u64, items, "seed {seed}: items missing");
        assert_eq!(sender.fates.len() as u64, items, "seed {seed}: fates missing");
        assert!(sender.fates.values().all(|(acked, _)| *acked > 0), "seed {seed}: not acked");
        assert_eq!(sender.failure, None, "seed {seed}");
    }
}

// Spec: R-6.6-4.
#[test]
fn every_item_arrives_and_every_receipt_is_told_once() {
    for seed in 0..40 {
        let algorithm = if seed % 2 == 0 { Algorithm::Cubic } else { Algorithm::NewReno };
        let config = ChannelConfig { algorithm, ..ChannelConfig::default() };
        let mut pair = Pair::with(seed, ROUGH, &config);
        pair.enqueue(0, 0..150);
        pair.enqueue(1, 0..60);
        pair.run_until(300, Pair::is_done);
        assert_all_arrived(&pair, [150, 60], seed);
    }
}

#[test]
fn a_clean_network_loses_nothing_and_repeats_nothing() {
    let mut pair = Pair::new(1, CLEAN);
    pair.sides[0].item_len = FULL;
    pair.enqueue(0, 0..500);
    pair.run_until(60, Pair::is_done);
    assert_all_arrived(&pair, [500, 0], 1);
    let stats = pair.sides[0].channel.stats();
    assert!(pair.sides[1].arrived.values().all(|count| *count == 1));
    assert_eq!((stats.totals.lost_packets, stats.totals.probe_timeouts), (0, 0));
    assert_eq!(stats.smoothed_rtt.as_millis(), 30);
    assert_eq!(stats.in_flight_bytes, 0);
    assert_eq!(stats.mtu_bytes, 1472);
}

#[test]
fn reordering_within_the_threshold_is_no_loss_and_beyond_it_is_learnt() {
    let mut pair = Pair::new(3, Faults { jitter_micros: 20_000, ..CLEAN });
    pair.enqueue(0, 0..3000);
    pair.run_until(120, Pair::is_done);
    assert_all_arrived(&pair, [3000, 0], 3);
    let totals = pair.sides[0].channel.stats().totals;
    // Nothing was lost. A few false alarms may be forgotten before they are seen to be false.
    assert!(totals.spurious_losses * 100 >= totals.lost_packets * 85, "{totals:?}");
    assert!(totals.spurious_losses * 20 < totals.sent_packets, "{totals:?}");
}

// Spec: R-6.5-7.
#[test]
fn an_acknowledgement_of_what_was_not_sent_is_refused() {
    let mut pair = Pair::new(4, CLEAN);
    pair.enqueue(0, 0..200);
    pair.run(5);
    let side = &mut pair.sides[0];
    let next = side.channel.next_number;
    let before = side.channel.stats();
    for (largest, first_len) in [(next, 0), (next + 1000, 5), (5, 5), (1 << 61, 0)] {
        let result = ack_of(side, pair.now, largest, first_len);
        assert_eq!(result, Err(AckInvalid::Unsent), "{largest}");
    }
    let skipped = (1..next).rfind(|number| side.channel.skip.is_skipped(*number)).unwrap();
    let result = ack_of(side, pair.now, skipped + 1, 1);
    assert_eq!(result, Err(AckInvalid::Skipped));
    assert_eq!(side.channel.stats(), before);
    assert!(ack_of(side, pair.now, skipped - 1, 0).is_ok());
}

/// Applies an ACK frame with the one range from `largest - below` to `largest`.
fn ack_of(
    side: &mut pair::Side,
    now: Instant,
    largest: u64,
    below: u64,
) -> Result<AckSummary, AckInvalid> {
    ack_ranges(side, now, &[(largest - below, largest)])
}

fn ack_ranges(
    side: &mut pair::Side,
    now: Instant,
    ranges: &[(u64, u64)],
) -> Result<AckSummary, AckInvalid> {
    use crate::bytes::{Reader, Writer};
    use crate::wire::{AckEncoder, Frame};
    let mut space = [0; 600];
    let mut writer = Writer::new(&mut space);
    let descending = ranges.iter().rev().map(|(first, last)| *first..=*last);
    AckEncoder::default().encode(descending, &mut writer).unwrap();
    let Ok(Frame::Ack(ack)) = Frame::parse(&mut Reader::new(writer.written())) else {
        panic!("not an ACK frame")
    };
    side.channel.on_ack(now, &ack, &mut side.sent)
}

// Spec: R-6.5-9.
#[test]
fn a_late_acknowledgement_is_recognised() {
    let mut pair = Pair::new(5, CLEAN);
    pair.enqueue(0, 0..10);
    let now = pair.now;
    let side = &mut pair.sides[0];
    while side.transmit(&pair.crypto, now).is_some() {}
    let later = now.after(Duration::from_millis(50));
    let summary = ack_ranges(side, later, &[(6, 8)]).unwrap();
    assert_eq!((summary.acked_packets, summary.lost_packets), (3, 5));
    let window = side.channel.stats().window_bytes;
    side.settle();
    assert_eq!(side.waiting.len(), 5);
    let summary = ack_ranges(side, later, &[(2, 9)]).unwrap();
    assert_eq!((summary.acked_packets, summary.late_packets), (1, 4));
    let summary = ack_ranges(side, later, &[(1, 9)]).unwrap();
    assert_eq!((summary.acked_packets, summary.late_packets), (0, 1));
    assert!(side.channel.stats().window_bytes > window, "the reduction is taken back");
    assert_eq!(side.channel.stats().totals.spurious_losses, 5);
}

#[test]
fn ranges_between_holes_are_all_applied() {
    let mut random = Random::new(9);
    for _ in 0..100 {
        let mut pair = Pair::new(6, CLEAN);
        let now = pair.now;
        pair.enqueue(0, 0..9);
        let side = &mut pair.sides[0];
        while side.transmit(&pair.crypto, now).is_some() {}
        let acked: Vec<u64> = (1..=9).filter(|_| random.percent(50)).collect();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in &acked {
            match ranges.last_mut() {
                Some(range) if range.1 + 1 == *number => range.1 = *number,
                _ => ranges.push((*number, *number)),
            }
        }
        if ranges.is_empty() {
            continue;
        }
        let summary = ack_ranges(side, now.after(Duration::from_millis(1)), &ranges).unwrap();
        assert_eq!(summary.acked_packets as usize, acked.len());
        let largest = *acked.last().unwrap();
        let lost = (1..=9).filter(|n| !acked.contains(n) && *n + 3 <= largest).count();
        assert_eq!(summary.lost_packets as usize, lost, "{acked:?}");
        assert_eq!(side.channel.in_flight.len() as usize, 9 - acked.len() - lost);
    }
}

// Spec: R-6.6-2, R-6.6-3.
#[test]
fn probe_timeouts_back_off_and_send_what_is_oldest() {
    let mut pair = Pair::new(7, Faults { lost_percent: 100, ..CLEAN });
    pair.enqueue(0, 0..3);
    let mut probes = Vec::new();
    for seconds in 0..20 {
        pair.run(1);
        let totals = pair.sides[0].channel.stats().totals;
        probes.push(totals.probe_timeouts);
        assert_eq!(totals.lost_packets, 0, "a timeout loses nothing ({seconds} s)");
    }
    // 333 ms + 4 * 167 ms + 25 ms = 1.024 s, doubled each time.
    assert_eq!((probes[0], probes[1], probes[3], probes[7], probes[15]), (0, 1, 2, 3, 4));
    // Two at the first timeout, then four each: the oldest, then the second, in turn.
    assert_eq!(pair.sides[0].probed[..10], [0, 1, 0, 0, 0, 0, 1, 1, 1, 1]);
    pair.faults = CLEAN;
    pair.run_until(40, Pair::is_done);
    assert_all_arrived(&pair, [3, 0], 7);
}

const HOLD: Duration = Duration::from_millis(2);

// Spec: R-5.7-2, R-5.7-3, R-6.6-2, R-6.6-6.
#[test]
fn a_lost_finish_is_asked_for_again_until_the_peer_is_heard() {
    let mut pair = Pair::new(8, CLEAN);
    let now = pair.now;
    let side = &mut pair.sides[0];
    let receipt = Receipt { start: 77, ..Receipt::default() };
    side.receipts += 1;
    side.channel.hold_first(true, now.after(HOLD));
    let held = side.channel.send_permit(now, &side.sent, false);
    assert_eq!((held, side.channel.deadline()), (Permit::Nothing, Some(now.after(HOLD))));
    assert_eq!(side.channel.send_permit(now.after(HOLD), &side.sent, false), Permit::Finish);
    assert_eq!(side.channel.send_permit(now, &side.sent, true), Permit::Finish);
    let mut buffer = [0; 120];
    let mut builder = side.channel.begin_finish(&mut buffer, 53, &side.sent).unwrap();
    builder.add(&mut side.sent, |writer| writer.put_zeros(31).map(|()| receipt)).unwrap();
    let sealed = side.channel.seal_finish(now, builder, &mut side.sent, |frames_len, buffer| {
        assert_eq!((frames_len, buffer.len()), (31, 120));
        Ok::<_, ()>(100)
    });
    assert_eq!(sealed, Ok(100));
    let mut resent = 0;
    let mut now = now;
    for _ in 0..3 {
        now = side.channel.deadline().unwrap();
        side.channel.on_timeout(now, &mut side.sent);
        assert_eq!(side.channel.send_permit(now, &side.sent, false), Permit::Finish);
        side.channel.on_finish_resent(now, &mut side.sent);
        assert_ne!(side.channel.send_permit(now, &side.sent, false), Permit::Finish);
        resent += 1;
    }
    assert_eq!((resent, side.channel.is_confirmed()), (3, false));
    let assumed = side.channel.pto_base();
    pair.now = now;
    pair.sides[1].channel.on_finish_received(now, Default::default());
    pair.run_until(1, |pair| pair.sides[0].channel.is_confirmed());
    pair.run(1);
    let side = &pair.sides[0];
    assert!(side.channel.is_confirmed() && !side.channel.has_in_flight());
    assert_eq!(side.channel.pto_base(), assumed, "which FINISH was it that was acknowledged?");
    assert_eq!(side.fates.get(&77), Some(&(1, 0)));
}

// Spec: R-5.10-3, R-6.6-2.
#[test]
fn the_first_timeout_follows_the_negotiation_but_never_a_wait_for_lost_packets() {
    let crypto = pair::Crypto::new();
    let first_timeout = |measured: Option<u64>| {
        let measured = measured.map(Duration::from_millis);
        let channel = pair::channel_after(&crypto, &ChannelConfig::default(), false, measured);
        channel.pto_base().as_millis()
    };
    // The round trip three times, and 25 ms that the peer may wait.
    assert_eq!(first_timeout(Some(40)), 145);
    assert_eq!(first_timeout(None), 1024);
    assert_eq!(first_timeout(Some(2000)), first_timeout(None));
}

// Spec: R-6.11-3, R-6.11-4.
#[test]
fn silence_expires_the_channel_and_keep_alives_prevent_it() {
    let config =
        ChannelConfig { idle_timeout: Some(Duration::from_secs(5)), ..ChannelConfig::default() };
    let mut pair = Pair::with(10, CLEAN, &config);
    pair.enqueue(0, 0..3);
    pair.run(4);
    assert!(!pair.sides[0].channel.is_expired(pair.now));
    pair.sides[0].channel.set_keep_alive(Some(Duration::from_secs(2)));
    pair.run(20);
    assert!(pair.sides.iter().all(|side| !side.channel.is_expired(pair.now)));
    pair.sides[0].channel.set_keep_alive(None);
    pair.run_until(20, |pair| pair.sides[0].channel.is_expired(pair.now));
    assert!(pair.sides[0].channel.is_expired(pair.now));
    assert!(pair.steps < 500, "{} steps: the hosts spin", pair.steps);
}

#[test]
fn a_retired_channel_gives_everything_back_as_lost() {
    let mut pair = Pair::new(11, CLEAN);
    pair.enqueue(0, 0..8);
    let now = pair.now;
    let side = &mut pair.sides[0];
    while side.transmit(&pair.crypto, now).is_some() {}
    assert!(side.waiting.is_empty());
    side.channel.retire(&mut side.sent);
    side.settle();
    assert_eq!((side.waiting.len(), side.receipts), (8, 0));
    assert_eq!((side.sent.packet_count(), side.sent.receipt_count()), (0, 0));
}

#[test]
fn a_full_table_stops_the_sender_and_not_the_receiver() {
    let mut pair = Pair::new(12, ROUGH);
    for side in &mut pair.sides {
        side.sent = pair::sent_packets(4);
    }
    pair.enqueue(0, 0..60);
    pair.enqueue(1, 0..60);
    pair.run_until(600, Pair::is_done);
    assert_all_arrived(&pair, [60, 60], 12);
}

// Spec: R-6.6-5.
#[test]
fn clocks_that_go_back_or_leap_break_nothing() {
    let config = ChannelConfig { idle_timeout: None, ..ChannelConfig::default() };
    let mut pair = Pair::with(13, ROUGH, &config);
    pair.enqueue(0, 0..100);
    let mut random = Random::new(13);
    for _ in 0..40 {
        pair.run(1);
        let micros = pair.now.as_micros();
        pair.now = match random.below(3) {
            0 => Instant::from_micros(micros.saturating_sub(random.below(3_000_000))),
            1 => Instant::from_micros(micros + random.below(10_000_000)),
            _ => pair.now,
        };
    }
    pair.faults = CLEAN;
    pair.run_until(300, Pair::is_done);
    assert_all_arrived(&pair, [100, 0], 13);
}

#[test]
fn a_channel_is_small() {
    let bytes = size_of::<Channel<pair::Crypto>>();
    // An idle session with its one channel is to cost no more than 4 KiB.
    assert!(bytes <= 3072, "{bytes}");
}
