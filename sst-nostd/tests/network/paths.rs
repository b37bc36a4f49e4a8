//! Addresses that change, honestly and not.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use sst_nostd::sim::Nat;

use crate::pair::{MS, Pair, SECOND, Transfer, millis, usual_link};

const MIB: usize = 1 << 20;

fn behind_nat(interval: Option<Duration>) -> Pair {
    let mut pair = Pair::new(1, &usual_link());
    let outer = Ipv4Addr::new(203, 0, 113, 1).into();
    pair.net.node_mut(0).nat = Some(Nat::new(outer, interval));
    pair.up()
}

// Spec: R-6.10-1, R-6.10-6.
#[test]
fn a_nat_may_change_its_mind_often() {
    for interval in [5000, 1000, 300, 130, 85] {
        for is_download in [false, true] {
            let mut pair = behind_nat(Some(interval * MS));
            let (from, session) = if is_download { (1, pair.incoming) } else { (0, pair.session) };
            let session = session.expect("a session");
            let mut transfer = Transfer::begin(&mut pair.net, from, 1 - from, session, 5 * MIB);
            let until = pair.net.now().after(60 * SECOND);
            transfer.run(&mut pair.net, until);
            let way = if is_download { "down" } else { "up" };
            let info = pair.net.node(from).host.close_reason(session);
            let got = transfer.received;
            assert!(transfer.ended.is_some(), "{interval} ms {way}: {got} bytes; {info:?}");
            println!("5 MiB {way}, new port each {interval} ms: {} ms", millis(transfer.elapsed()));
        }
    }
}

// Spec: R-6.10-2, R-6.10-3, R-13.7-2.
#[test]
fn packets_raced_from_another_address_do_not_move_the_session() {
    let mut pair = Pair::connected(1, &usual_link());
    let session = pair.session.expect("a session");
    let incoming = pair.incoming.expect("a session");
    pair.net.log = Some(vec![]);
    let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 2 * MIB);
    let target = pair.net.node(1).address;
    let thief = SocketAddr::from((Ipv4Addr::new(198, 51, 100, 9), 999));
    let genuine = pair.net.node(0).address;
    let begun = pair.net.now();
    let (mut raced, mut to_thief) = (0, 0);
    let mut held = VecDeque::new();
    for step in 1..=3000 {
        transfer.run(&mut pair.net, begun.after(step * MS));
        let log = pair.net.log.replace(vec![]).unwrap_or_default();
        to_thief += log.iter().filter(|p| p.to == thief).map(|p| p.packet.len()).sum::<usize>();
        held.push_back(log.into_iter().rfind(|packet| packet.node == 0));
        // The thief's way is two milliseconds shorter than the link's.
        if held.len() > 12
            && let Some(Some(packet)) = held.pop_front()
        {
            raced += packet.packet.len();
            pair.net.inject(thief, target, &packet.packet);
        }
        let path = pair.net.node(1).host.session_info(incoming).and_then(|info| info.path);
        assert_eq!(path.map(|path| path.peer), Some(genuine));
    }
    let took = millis(transfer.elapsed());
    println!("2 MiB while raced: {took} ms; {raced} bytes raced, {to_thief} sent to the thief");
    assert!(to_thief <= raced);
    assert!(transfer.elapsed() <= 2200 * MS);
}

// Spec: R-6.10-1, R-6.10-6.
#[test]
fn a_silent_host_that_moved_is_found_with_its_next_packet() {
    let mut pair = behind_nat(None);
    let (session, incoming) = (pair.session.expect("one"), pair.incoming.expect("one"));
    pair.net.run_for(5 * SECOND);
    if let Some(nat) = &mut pair.net.node_mut(0).nat {
        nat.forget();
    }
    let mut up = Transfer::begin(&mut pair.net, 0, 1, session, 1000);
    let until = pair.net.now().after(5 * SECOND);
    up.run(&mut pair.net, until);
    println!("1000 bytes from a new port: {} ms", millis(up.elapsed()));
    let mut down = Transfer::begin(&mut pair.net, 1, 0, incoming, 100_000);
    let until = pair.net.now().after(5 * SECOND);
    down.run(&mut pair.net, until);
    println!("100 kB back: {} ms", millis(down.elapsed()));
    assert!(down.elapsed() <= SECOND);
}

/// How long 5 MiB take, up from behind a NAT or down, with a new port each `interval`; for each of
/// some seeds, and so for other moments of the changes.
fn times_behind_nat(is_download: bool, interval: Option<Duration>) -> Vec<u128> {
    let mut times = vec![];
    for seed in 1..=6 {
        let mut pair = Pair::new(seed, &usual_link());
        let outer = Ipv4Addr::new(203, 0, 113, 1).into();
        pair.net.node_mut(0).nat = Some(Nat::new(outer, interval));
        let mut pair = pair.up();
        pair.net.run_for(u32::try_from(seed).unwrap() * 7 * MS);
        let (from, session) = if is_download { (1, pair.incoming) } else { (0, pair.session) };
        let session = session.expect("a session");
        let mut transfer = Transfer::begin(&mut pair.net, from, 1 - from, session, 5 * MIB);
        let until = pair.net.now().after(120 * SECOND);
        transfer.run(&mut pair.net, until);
        times.push(transfer.ended.map_or(999_999, |_| millis(transfer.elapsed())));
    }
    times
}

// Spec: R-6.10-7, R-6.10-12.
// At a change of port a host that sends loses what was on its way back to it, and waits for a round
// trip; a host that receives loses what was on its way to it, a round trip and what stood in the
// queue.
#[test]
fn a_new_port_costs_a_round_trip() {
    let bars = [
        (None, 4430, 4430),
        (Some(300), 4900, 5200),
        (Some(100), 6200, 7000),
        (Some(50), 5900, 11_500),
    ];
    for (interval, most_up, most_down) in bars {
        for (is_download, most) in [(false, most_up), (true, most_down)] {
            let times = times_behind_nat(is_download, interval.map(|millis| millis * MS));
            let way = if is_download { "down" } else { "up" };
            println!("5 MiB {way}, new port each {interval:?} ms: {times:?} ms");
            assert!(times.iter().all(|took| *took <= most), "{way}, {interval:?}: {times:?}");
        }
    }
}

/// How a racer names ports in copies of a host's packets.
#[derive(Clone, Copy, Debug)]
enum Race {
    /// Nothing is copied.
    Nothing,
    /// Every packet, from one port.
    OnePort,
    /// Every packet, each from a new port.
    NewPorts,
    /// Every packet in a stretch of 150 ms, then none in as long, and so on.
    Stretches,
    /// One packet of ten, each from a new port.
    Few,
}

impl Race {
    fn port(self, count: u16, at_millis: u32) -> Option<u16> {
        match self {
            Self::Nothing => None,
            Self::OnePort => Some(999),
            Self::NewPorts => Some(10_000 + count % 50_000),
            Self::Stretches => (at_millis / 150).is_multiple_of(2).then_some(999),
            Self::Few => count.is_multiple_of(10).then_some(10_000 + count % 50_000),
        }
    }
}

/// How long 34 MiB take from host 0, with copies of the packets of `copied` that come a little
/// earlier than these, from other ports of its address; and the bytes that went there.
fn time_beside_a_racer(race: Race, copied: usize) -> (u128, usize) {
    let mut pair = Pair::connected(1, &usual_link());
    let session = pair.session.expect("a session");
    pair.net.log = Some(vec![]);
    let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 34 * MIB);
    let (target, genuine) = (pair.net.node(1 - copied).address, pair.net.node(copied).address);
    let begun = pair.net.now();
    let (mut count, mut astray) = (0u16, 0);
    // The racer's own line is as fast as the link, but 2 ms shorter.
    let (mut busy_micros, mut copies) = (0, VecDeque::new());
    for step in 1..=60_000 {
        transfer.run(&mut pair.net, begun.after(step * MS));
        if transfer.ended.is_some() {
            return (millis(transfer.elapsed()), astray);
        }
        for seen in pair.net.log.replace(vec![]).unwrap_or_default() {
            if seen.node == copied {
                count = count.wrapping_add(1);
                busy_micros = u64::from(step * 1000).max(busy_micros);
                if busy_micros > u64::from(step * 1000 + 30_000) {
                    continue;
                }
                busy_micros += (seen.packet.len() as u64 + 28) * 8 / 10;
                let port = race.port(count, step);
                copies.extend(port.map(|port| (busy_micros + 13_000, port, seen.packet)));
            } else if seen.to != genuine {
                astray += seen.packet.len();
            }
        }
        while let Some((_, port, packet)) =
            copies.pop_front_if(|(at, ..)| *at <= u64::from(step * 1000))
        {
            pair.net.inject(SocketAddr::new(genuine.ip(), port), target, &packet);
        }
    }
    (999_999, astray)
}

// Spec: R-6.10-12, R-6.10-13.
#[test]
fn copies_raced_from_other_ports_starve_nobody() {
    for copied in [0, 1] {
        let (alone, _) = time_beside_a_racer(Race::Nothing, copied);
        for race in [Race::OnePort, Race::NewPorts, Race::Stretches, Race::Few] {
            let (took, astray) = time_beside_a_racer(race, copied);
            println!(
                "34 MiB, {race:?} of {copied} copied: {took} ms instead of {alone}, {astray} bytes \
                 to false ports"
            );
            assert!(took * 100 <= alone * 105, "{race:?}: {took}");
        }
    }
}

/// The longest time without a byte in a download of 2 MiB in the middle of which the NAT changes
/// its port, and what shows the new one first is lost.
fn longest_pause(at: Duration) -> Duration {
    let mut pair = behind_nat(None);
    let session = pair.incoming.expect("a session");
    let begun = pair.net.now();
    let mut transfer = Transfer::begin(&mut pair.net, 1, 0, session, 2 * MIB);
    transfer.run(&mut pair.net, begun.after(at));
    if let Some(nat) = &mut pair.net.node_mut(0).nat {
        nat.forget();
    }
    let next = pair.net.link_mut(0, 1).stats.packets;
    pair.net.link_mut(0, 1).config.drops.push(next);
    let (mut longest, mut last, mut received) = (Duration::ZERO, pair.net.now(), 0);
    while transfer.ended.is_none() {
        let until = pair.net.now().after(MS);
        transfer.run(&mut pair.net, until);
        if transfer.received != received {
            longest = longest.max(pair.net.now().since(last));
            (last, received) = (pair.net.now(), transfer.received);
        }
    }
    longest
}

// Spec: R-6.11-5.
#[test]
fn a_download_that_stops_is_asked_about() {
    let pauses: Vec<_> = (0..30).map(|step| millis(longest_pause((900 + step * 7) * MS))).collect();
    println!("the longest pause: {pauses:?} ms");
    // Two probe timeouts: that of what asks every few packets, and that of its answer.
    assert!(pauses.iter().all(|pause| *pause <= 330));
}
