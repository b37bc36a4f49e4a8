//! The search against toy paths, and the fall back against one that shrinks.

use std::vec::Vec;

use super::*;

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

/// Probes a path that carries `path_bytes` until the search is complete; returns the probes sent.
fn search(mtu: &mut Mtu, path_bytes: usize, now: Instant) -> Vec<usize> {
    let mut probes = Vec::new();
    while let Some(bytes) = mtu.next_probe(now) {
        assert!(bytes > mtu.current() && probes.len() < 100, "{probes:?}");
        probes.push(bytes);
        mtu.on_probe_sent(bytes);
        assert_eq!(mtu.next_probe(now), None, "one at a time");
        if bytes <= path_bytes {
            mtu.on_probe_acked(bytes);
        } else {
            mtu.on_probe_lost(now, bytes);
        }
    }
    probes
}

fn found(ceiling: usize, path_bytes: usize) -> usize {
    let mut mtu = Mtu::new(ceiling);
    mtu.on_packet_sent(BASE_BYTES);
    search(&mut mtu, path_bytes, at(0));
    assert!(matches!(mtu.state(), MtuState::SearchComplete(_)));
    mtu.current()
}

// Spec: R-6.9-2.
#[test]
fn common_sizes_are_found_exactly() {
    for bytes in [1280, 1400, 1452, 1472, 8952, 65_507] {
        assert_eq!(found(MAX_BYTES, bytes), bytes);
    }
    assert_eq!(found(1452, 9000), 1452);
    assert_eq!(found(1300, 9000), 1300);
    assert_eq!(found(0, 9000), BASE_BYTES);
}

// Spec: R-6.9-2.
#[test]
fn every_size_is_found_to_within_the_least_gain() {
    for path in (1200..65_507).step_by(97) {
        let bytes = found(MAX_BYTES, path);
        assert!(bytes <= path, "{bytes} exceeds {path}");
        let least = LEAST_GAIN_BYTES.max(bytes / GAIN_DIVISOR);
        assert!(path - bytes <= least, "{bytes} is short of {path}");
    }
}

// Spec: R-6.9-2.
#[test]
fn an_ethernet_search_is_cheap() {
    let mut mtu = Mtu::new(1472);
    mtu.on_packet_sent(BASE_BYTES);
    assert_eq!(search(&mut mtu, 1472, at(0)), [1280, 1400, 1452, 1472]);
    let mut mtu = Mtu::new(1472);
    mtu.on_packet_sent(BASE_BYTES);
    assert_eq!(search(&mut mtu, 1452, at(0)), [1280, 1400, 1452, 1472, 1472, 1472]);
}

#[test]
fn a_single_lost_probe_is_not_a_verdict() {
    let mut mtu = Mtu::new(1280);
    mtu.on_packet_sent(BASE_BYTES);
    for _ in 0..2 {
        assert_eq!(mtu.next_probe(at(0)), Some(1280));
        mtu.on_probe_sent(1280);
        mtu.on_probe_lost(at(0), 1280);
    }
    assert_eq!(search(&mut mtu, 1280, at(0)), [1280]);
    assert_eq!(mtu.current(), 1280);
}

// Spec: R-6.9-1.
#[test]
fn nothing_is_probed_before_the_start() {
    let mut mtu = Mtu::new(MAX_BYTES);
    assert_eq!(mtu.next_probe(at(0)), None);
    assert_eq!((mtu.state(), mtu.current()), (MtuState::Base, BASE_BYTES));
}

// Spec: R-6.9-2.
#[test]
fn a_finished_search_is_repeated_after_ten_minutes() {
    let mut mtu = Mtu::new(1472);
    mtu.on_packet_sent(BASE_BYTES);
    search(&mut mtu, 1400, at(0));
    assert_eq!(mtu.next_probe(at(599_999)), None);
    search(&mut mtu, 1472, at(600_000));
    assert_eq!(mtu.current(), 1472);
}

#[test]
fn answers_nobody_asked_for_change_nothing() {
    let mut mtu = Mtu::new(1472);
    mtu.on_probe_acked(1472);
    mtu.on_packet_sent(BASE_BYTES);
    mtu.on_probe_acked(9000);
    for _ in 0..10 {
        mtu.on_probe_lost(at(0), 1280);
    }
    assert_eq!(mtu.current(), BASE_BYTES);
    assert_eq!(mtu.next_probe(at(0)), Some(1280));
}

#[test]
fn congestion_and_outages_are_not_black_holes() {
    let mut mtu = Mtu::new(1472);
    mtu.on_packet_sent(BASE_BYTES);
    search(&mut mtu, 1472, at(0));
    // An outage: a thousand packets, one generation.
    for packet in 0..1000 {
        assert!(!mtu.on_packet_lost(at(2000), 1472, at(packet)));
    }
    // Heavy congestion: generations of losses, with something getting through.
    for generation in 3..100 {
        for _ in 0..10 {
            assert!(!mtu.on_packet_lost(at(generation * 1000), 1472, at(generation * 1000 - 10)));
        }
        mtu.on_packet_acked(1472);
    }
    // Small packets do not matter.
    for generation in 100..200 {
        assert!(!mtu.on_packet_lost(at(generation * 1000), 1200, at(generation * 1000 - 10)));
    }
    assert_eq!(mtu.current(), 1472);
}

/// A sender of full packets on a path of 100 ms that shrinks without a word: everything large is
/// lost, each probe timeout sends one small packet, whose acknowledgement declares the rest lost.
// Spec: R-6.9-4.
#[test]
fn a_path_that_shrinks_is_usable_again_within_three_seconds() {
    let mut mtu = Mtu::new(1472);
    mtu.on_packet_sent(BASE_BYTES);
    search(&mut mtu, 1472, at(0));
    let (began, mut now) = (10_000, 10_000);
    let fell = loop {
        assert!(now < began + 3000, "too slow");
        let sent_at = at(now);
        now += 325; // the probe timeout
        assert_eq!(mtu.current_after(1), BASE_BYTES);
        now += 100; // its acknowledgement
        mtu.on_packet_acked(BASE_BYTES);
        if (0..10).any(|_| mtu.on_packet_lost(at(now), 1472, sent_at)) {
            break now;
        }
    };
    assert_eq!(mtu.current(), BASE_BYTES);
    assert_eq!(mtu.next_probe(at(fell)), None, "rests first");
    search(&mut mtu, 1280, at(fell + 1000));
    assert_eq!(mtu.current(), 1280);
    assert!(fell + 1000 < began + 3000);
}

#[test]
fn rests_grow_with_each_black_hole() {
    let mut mtu = Mtu::new(1472);
    mtu.on_packet_sent(BASE_BYTES);
    let mut rests = Vec::new();
    let mut now = at(0);
    for _ in 0..12 {
        search(&mut mtu, 1472, now);
        while !mtu.on_packet_lost(now, 1472, now) {}
        let MtuState::BlackHole(until) = mtu.state() else { panic!("no black hole") };
        rests.push(until.since(now).as_secs());
        now = until;
    }
    assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]);
}

// Spec: R-4.3-8, R-6.9-2.
#[test]
fn the_peers_limit_lowers_the_size_at_once() {
    let mut mtu = Mtu::new(MAX_BYTES);
    mtu.on_packet_sent(BASE_BYTES);
    search(&mut mtu, 65_507, at(0));
    mtu.set_ceiling(1400);
    assert_eq!(mtu.current(), 1400);
    mtu.set_ceiling(0);
    assert_eq!(mtu.current(), BASE_BYTES);
}

#[test]
fn clocks_may_leap_or_go_backward() {
    let mut mtu = Mtu::new(1472);
    mtu.on_packet_sent(BASE_BYTES);
    let end = Instant::from_micros(u64::MAX);
    search(&mut mtu, 1472, end);
    assert_eq!(mtu.next_probe(at(0)), None);
    while !mtu.on_packet_lost(end, 1472, end) {}
    assert_eq!(mtu.next_probe(end), Some(1280), "the end of time ends every rest");
}
