//! A peer whose address changes, and those who only pretend that it did.

use super::super::*;
use super::assert_all_arrived;
use super::pair::{CLEAN, Faults, Pair, address};

// Spec: R-6.10-7, R-6.10-12.
#[test]
fn a_new_port_is_used_and_then_proved() {
    let mut pair = Pair::new(1, CLEAN);
    pair.enqueue(0, 0..2000);
    pair.enqueue(1, 0..2000);
    pair.run_until(1, |pair| pair.sides[1].arrived.len() > 300);
    let window = pair.sides[1].channel.stats().window_bytes;
    pair.sides[0].address = address(1, 9999);
    pair.run_until(1, |pair| pair.sides[1].channel.path().peer.port() == 9999);
    assert_eq!(pair.sides[1].channel.path().peer, address(1, 9999));
    assert!(pair.sides[1].channel.stats().window_bytes >= window / 2, "the window is kept");
    pair.run_until(60, Pair::is_done);
    assert_all_arrived(&pair, [2000, 2000], 1);
    assert_eq!(pair.sides[1].channel.stats().totals.moves, 1);
    assert_eq!(pair.sides[1].channel.paths.deadline(MIN_ASKING_LEN), None, "it is proved");
}

// Spec: R-6.10-7.
#[test]
fn a_new_address_begins_with_nothing_known() {
    let mut pair = Pair::new(2, CLEAN);
    pair.enqueue(1, 0..1000);
    pair.run_until(1, |pair| pair.sides[0].arrived.len() > 600);
    let window = pair.sides[1].channel.stats().window_bytes;
    pair.sides[0].address = address(77, 9999);
    pair.enqueue(0, 0..50);
    pair.run_until(1, |pair| pair.sides[1].channel.path().peer == address(77, 9999));
    let stats = pair.sides[1].channel.stats();
    assert!(stats.window_bytes < window && stats.mtu_bytes == 1200);
    pair.run_until(60, Pair::is_done);
    assert_all_arrived(&pair, [50, 1000], 2);
}

#[test]
fn frequent_rebinding_loses_nothing() {
    for seed in 0..10 {
        let mut pair = Pair::new(seed, Faults { lost_percent: 2, jitter_micros: 3000, ..CLEAN });
        pair.enqueue(0, 0..1500);
        pair.enqueue(1, 0..1500);
        // Whoever is behind the box that changes the port must speak, or nobody can find it.
        pair.sides[0].channel.set_keep_alive(Some(Duration::from_millis(200)));
        let mut port = 10_000;
        while !pair.is_done() && port < 11_000 {
            port += 1;
            pair.sides[0].address = address(1, port);
            let end = pair.now.after(Duration::from_millis(300));
            pair.run_until(1, |pair| pair.is_done() || pair.now >= end);
        }
        assert_all_arrived(&pair, [1500, 1500], seed);
    }
}

// Spec: R-6.10-2.
#[test]
fn raced_packets_do_not_move_the_channel() {
    let mut pair = Pair::new(3, CLEAN);
    pair.log = Some(std::vec::Vec::new());
    pair.enqueue(0, 0..400);
    let mut bytes_to_attacker = 0;
    for _ in 0..200 {
        pair.run_until(1, |pair| !pair.log.as_ref().unwrap().is_empty());
        // Someone sees the packets and sends copies ahead of them, from an address of their own.
        for (to, bytes) in pair.log.replace(std::vec::Vec::new()).unwrap() {
            if to == 1 {
                bytes_to_attacker += bytes.len();
                pair.receive(1, address(66, 6666), bytes, Default::default());
            }
        }
        assert_eq!(pair.sides[1].channel.path().peer, address(1, 8661));
    }
    assert!(bytes_to_attacker > 0);
    pair.run_until(60, Pair::is_done);
    assert_eq!(pair.sides[1].channel.stats().totals.moves, 0);
    assert_eq!(pair.sides[1].arrived.len(), 400);
}

// Spec: R-6.10-2, R-6.10-3, R-13.7-2.
#[test]
fn an_unproved_address_is_sent_no_more_than_came_from_it() {
    let mut pair = Pair::new(4, CLEAN);
    pair.enqueue(1, 0..500);
    pair.enqueue(0, 0..1);
    let now = pair.now;
    pair.sides[0].item_len = 9;
    let (_, bytes) = pair.sides[0].transmit(&pair.crypto, now).unwrap();
    let received = bytes.len();
    pair.receive(1, address(66, 6666), bytes, Default::default());
    let mut sent = 0;
    let mut now = now;
    for _ in 0..100 {
        while let Some((info, _)) = pair.sides[1].transmit(&pair.crypto, now) {
            if info.path.peer == address(66, 6666) {
                sent += info.len;
            }
        }
        let side = &mut pair.sides[1];
        let Some(deadline) = side.channel.deadline() else { break };
        now = now.max(deadline);
        side.channel.on_timeout(now, &mut side.sent);
        side.settle();
    }
    assert!(sent <= received, "{sent} bytes for {received}");
    assert_eq!(pair.sides[1].channel.path().peer, address(1, 8661));
}

// Spec: R-6.10-5.
#[test]
fn a_challenge_is_answered_where_it_came_from() {
    let mut pair = Pair::new(5, CLEAN);
    let path = pair.sides[0].channel.path();
    pair.sides[0].channel.on_path_challenge(path, [9; 8]);
    let (info, bytes) = pair.sides[0].transmit(&pair.crypto, pair.now).unwrap();
    assert_eq!(info.path, path);
    let mut bytes = bytes;
    let opened = pair.sides[1].channel.open(&pair.crypto, pair.now, &mut bytes).unwrap();
    assert!(bytes[opened.payload].starts_with(&[7, 9, 9, 9, 9, 9, 9, 9, 9]));
}

// Spec: R-6.10-7.
#[test]
fn what_went_to_a_port_before_is_said_again_at_once() {
    let mut pair = Pair::new(6, CLEAN);
    pair.enqueue(1, 0..3000);
    pair.run_until(1, |pair| pair.sides[0].arrived.len() > 600);
    let before = pair.sides[1].channel.stats();
    assert!(before.in_flight_bytes > 0);
    pair.sides[0].address = address(1, 9999);
    pair.run_until(1, |pair| pair.sides[1].channel.path().peer.port() == 9999);
    let moved_at = pair.now;
    pair.run_until(1, |pair| pair.sides[1].channel.stats().totals.lost_packets > 0);
    assert_eq!(pair.now, moved_at);
    assert!(pair.sides[1].channel.stats().window_bytes >= before.window_bytes);
    pair.run_until(60, Pair::is_done);
    assert_all_arrived(&pair, [0, 3000], 6);
    assert_eq!(pair.sides[1].channel.stats().totals.spurious_losses, 0);
}
