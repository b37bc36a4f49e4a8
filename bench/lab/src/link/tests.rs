//! What a link does to packets, on a clock that is made up.

use super::*;

const START: Duration = Duration::ZERO;

fn calm() -> Nature {
    Nature { delay: Duration::from_millis(15), ..Nature::default() }
}

/// The numbers of those of `count` packets that arrive, in their order; one a millisecond.
fn arrivals(nature: Nature, seed: u64, count: u32) -> Vec<u32> {
    let (mut link, start) = (Link::new(nature, seed), Instant::now());
    let mut arrived = Vec::new();
    for at in 0..count + 100 {
        let age = Duration::from_millis(at.into());
        if at < count {
            link.on_packet(start + age, age, &at.to_be_bytes());
        }
        while let Some(packet) = link.take_due(start + age) {
            arrived.push(u32::from_be_bytes(packet.try_into().unwrap()));
        }
    }
    arrived
}

#[test]
fn a_calm_link_delivers_everything_in_order_and_late() {
    assert_eq!(arrivals(calm(), 1, 100), (0..100).collect::<Vec<_>>());
    let (mut link, now) = (Link::new(calm(), 1), Instant::now());
    link.on_packet(now, START, b"x");
    assert!(link.take_due(now + Duration::from_millis(14)).is_none());
    assert!(link.take_due(now + Duration::from_millis(15)).is_some());
}

#[test]
fn loss_and_reordering_are_what_was_asked_for_and_repeat_with_the_seed() {
    let nature = Nature { loss: 0.02, reorder: 0.05, late: Duration::from_millis(4), ..calm() };
    let arrived = arrivals(nature, 7, 20_000);
    assert!((19_500..19_700).contains(&arrived.len()), "{}", arrived.len());
    let overtaken = arrived.windows(2).filter(|pair| pair[0] > pair[1]).count();
    assert!((400..1_100).contains(&overtaken), "{overtaken}");
    assert_eq!(arrived, arrivals(nature, 7, 20_000));
    assert_ne!(arrived, arrivals(nature, 8, 20_000));
}

#[test]
fn jitter_alone_lets_none_overtake() {
    let arrived = arrivals(Nature { jitter: Duration::from_millis(8), ..calm() }, 3, 1_000);
    assert_eq!(arrived, (0..1_000).collect::<Vec<_>>());
}

#[test]
fn some_come_twice() {
    let arrived = arrivals(Nature { duplicate: 0.1, ..calm() }, 3, 10_000);
    assert!((10_900..11_100).contains(&arrived.len()), "{}", arrived.len());
}

#[test]
fn a_rate_spaces_packets_and_a_full_queue_drops_them() {
    for queue in [Queue::Packets(10), Queue::Bytes(110)] {
        let nature = Nature { bits_per_sec: 8_000.0, queue, ..calm() };
        let (mut link, now) = (Link::new(nature, 1), Instant::now());
        for _ in 0..50 {
            link.on_packet(now, START, &[0; 10]);
        }
        let carried = link.carried();
        assert_eq!((carried.overflowed, carried.queue_packets), (39, 11));
        assert_eq!(carried.queued_micros, (0..11).map(|place| place * 10_000).sum::<u64>());
        for (millis, arrives) in [(24, false), (25, true), (34, false), (35, true)] {
            let is_there = link.take_due(now + Duration::from_millis(millis)).is_some();
            assert_eq!(is_there, arrives, "{millis} ms");
        }
    }
}

#[test]
fn nothing_passes_a_blackout() {
    let blackout = Some((Duration::from_millis(100), Duration::from_millis(50)));
    let arrived = arrivals(Nature { blackout, ..calm() }, 1, 300);
    assert_eq!(arrived, (0..100).chain(150..300).collect::<Vec<_>>());
}

#[test]
fn what_the_machine_was_late_with_is_counted() {
    let (mut link, now) = (Link::new(calm(), 1), Instant::now());
    for _ in 0..3 {
        link.on_packet(now, START, b"x");
    }
    link.take_due(now + Duration::from_millis(16)).unwrap();
    link.take_due(now + Duration::from_millis(25)).unwrap();
    assert_eq!((link.carried().late, link.carried().latest), (1, Duration::from_millis(10)));
    assert!(!link.carried().is_late());
    link.take_due(now + Duration::from_millis(46)).unwrap();
    assert!(link.carried().is_late());
}

#[test]
fn a_slow_wire_is_late_later() {
    let slow = Nature { bits_per_sec: 56_000.0, ..calm() };
    let late_after = Link::new(slow, 1).carried().late_after;
    assert!((21..22).contains(&late_after.as_millis()), "{late_after:?}");
    assert_eq!(Link::new(calm(), 1).carried().late_after, Duration::from_millis(3));
}
