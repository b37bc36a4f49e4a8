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

// Spec: R-6.10-2. A host whose NAT changes its port hears acknowledgements before its new address
// is validated: it loses about a round trip of 30 ms with each change, and lost more than twice as
// much when they went to the old address only (5488 ms at 300 ms, 8392 ms at 85 ms).
#[test]
fn who_sends_hears_acknowledgements_at_a_new_port_at_once() {
    let mut alone = None;
    for (interval, most) in [(None, 4500), (Some(300), 4950), (Some(100), 6300), (Some(50), 7100)] {
        let mut pair = behind_nat(interval.map(|millis| millis * MS));
        let session = pair.session.expect("a session");
        let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 5 * MIB);
        let until = pair.net.now().after(60 * SECOND);
        transfer.run(&mut pair.net, until);
        let took = millis(transfer.elapsed());
        println!("5 MiB up, new port each {interval:?} ms: {took} ms, alone {alone:?}");
        assert!(transfer.ended.is_some() && took <= most, "{interval:?}: {took}");
        alone.get_or_insert(took);
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
