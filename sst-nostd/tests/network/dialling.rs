//! How long it takes until two hosts may talk.

use std::time::Duration;

use sst_nostd::sim::LinkConfig;
use sst_nostd::{CookieMode, Dial, Event, Open, SessionEvent, SessionHandle, StreamEvent};

use crate::pair::{MS, Pair, SECOND, Transfer, millis, usual_link};

// Spec: R-5.10-3.
#[test]
fn thirty_percent_loss_each_way_delays_little() {
    let mut link = usual_link();
    link.loss_ppm = 300_000;
    let mut times: Vec<Duration> = Vec::new();
    let mut wholes: Vec<Duration> = Vec::new();
    for seed in 0..400 {
        let mut pair = Pair::new(seed, &link);
        times.push(pair.connect(10 * SECOND).expect("connects"));
        let session = pair.session.expect("a session");
        let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 1024);
        let until = pair.net.now().after(20 * SECOND);
        transfer.run(&mut pair.net, until);
        assert!(transfer.ended.is_some(), "seed {seed}: {} bytes arrived", transfer.received);
        wholes.push(*times.last().unwrap() + transfer.elapsed());
    }
    times.sort();
    wholes.sort();
    let at = |list: &[Duration], percent: usize| list[(list.len() - 1) * percent / 100];
    let (median, p90, max) = (at(&times, 50), at(&times, 90), at(&times, 100));
    println!("connect at 30 % loss: median {median:?} p90 {p90:?} max {max:?}");
    println!("  with 1 KiB: {:?} {:?} {:?}", at(&wholes, 50), at(&wholes, 90), at(&wholes, 100));
    assert!(median <= 700 * MS && p90 <= 1600 * MS);
    assert!(max <= 4 * SECOND);
    assert!(at(&wholes, 90) <= 1400 * MS);
}

// Spec: R-5.7-3, R-5.10-1.
#[test]
fn any_one_or_two_of_the_first_packets_may_be_lost() {
    let mut worst = (Duration::ZERO, vec![]);
    let ways: Vec<(usize, u64)> = (0..2).flat_map(|way| (0..12).map(move |n| (way, n))).collect();
    for first in 0..ways.len() {
        for second in first..ways.len() {
            let mut pair = Pair::new(1, &usual_link());
            for (way, number) in [ways[first], ways[second]] {
                pair.net.link_mut(way, 1 - way).config.drops.push(number);
            }
            let begun = pair.net.now();
            let dropped = vec![ways[first], ways[second]];
            pair.connect(10 * SECOND).unwrap_or_else(|| panic!("no session: {dropped:?}"));
            let session = pair.session.expect("a session");
            let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 20_000);
            transfer.run(&mut pair.net, begun.after(10 * SECOND));
            let ended = transfer.ended.unwrap_or_else(|| panic!("not all: {dropped:?}"));
            worst = worst.max((ended.since(begun), dropped));
        }
    }
    println!("worst of all single and double drops: {worst:?}");
    assert!(worst.0 <= SECOND);
}

// Spec: R-5.5-4.
#[test]
fn one_round_trip_connects_and_two_with_a_cookie() {
    for (delay, cookies, most) in [
        (750, CookieMode::Auto, 1550 * MS),
        (750, CookieMode::Always, 3100 * MS),
        (15, CookieMode::Auto, 30 * MS),
        (15, CookieMode::Always, 60 * MS),
    ] {
        let link = LinkConfig::clean(delay * MS);
        let mut pair = Pair::with(1, &link, |_, config| config.cookies = cookies);
        let took = pair.connect(10 * SECOND).expect("connects");
        println!("{delay} ms each way, {cookies:?}: connected after {took:?}");
        assert!(took <= most);
    }
}

#[test]
fn a_request_reaches_the_peers_application_in_half_a_round_trip() {
    let mut pair = Pair::connected(1, &LinkConfig::clean(15 * MS));
    pair.net.run_for(SECOND);
    let session = pair.session.expect("a session");
    let begun = pair.net.now();
    let (host, now) = pair.net.host(0);
    let root = host.root(session).expect("a root");
    let stream = host.open_substream(now, root, Open::default()).expect("opens");
    assert_eq!(host.write_record(now, stream, b"a request"), Ok(9));
    let event = pair.net.next_event(begun.after(SECOND));
    println!("request seen after {:?}", pair.net.now().since(begun));
    assert!(matches!(event, Some((1, Event::Stream(_, _, StreamEvent::Child)))), "{event:?}");
    assert_eq!(pair.net.now().since(begun), 15 * MS);
}

#[test]
fn the_first_request_reaches_the_peer_one_and_a_half_round_trips_after_dialling() {
    let mut pair = Pair::new(1, &LinkConfig::clean(15 * MS));
    let begun = pair.net.now();
    pair.connect(SECOND).expect("connects");
    let session = pair.session.expect("a session");
    let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 9);
    transfer.run(&mut pair.net, begun.after(SECOND));
    let took = transfer.ended.expect("arrives").since(begun);
    println!("dialled and asked: heard after {took:?}");
    assert_eq!(took, 45 * MS);
}

// Spec: R-5.11-1, R-9.1-1, R-13.14-1.
#[test]
fn both_may_dial_at_once() {
    for seed in 0..1000 {
        let mut link = LinkConfig::clean(15 * MS);
        link.jitter = if seed % 2 == 0 { Duration::ZERO } else { 20 * MS };
        link.loss_ppm = if seed % 3 == 0 { 200_000 } else { 0 };
        let mut pair = Pair::new(seed, &link);
        let mut sessions = [None, None];
        let mut ready = [0, 0];
        let mut transfers = vec![];
        for node in 0..2 {
            if seed % 5 == 0 && node == 1 {
                let pause = Duration::from_micros(seed * 40);
                collect(&mut pair, pause, &mut sessions, &mut ready, &mut transfers);
            }
            let id = Some(pair.net.node(1 - node).host.id());
            let path = pair.net.path_to(1 - node);
            let (host, now) = pair.net.host(node);
            let session = host.connect(now, Dial::new(path, id)).expect("dials");
            let known = *sessions[node].get_or_insert(session);
            assert_eq!(known, session, "seed {seed}: a second session");
        }
        collect(&mut pair, 20 * SECOND, &mut sessions, &mut ready, &mut transfers);
        for (node, told) in ready.iter().enumerate() {
            let host = &pair.net.node(node).host;
            assert_eq!(host.stats().sessions, 1, "seed {seed} node {node}");
            assert_eq!(host.stats().channels, 1, "seed {seed} node {node}");
            assert!(*told >= 1, "seed {seed} node {node} was not told");
        }
        assert_eq!(transfers.len(), 2, "seed {seed}");
        for transfer in &transfers {
            let which = transfer.from;
            assert!(transfer.ended.is_some(), "seed {seed}: stream of {which} was lost");
        }
        let hash = |node: usize| {
            let host = &pair.net.node(node).host;
            host.session_info(sessions[node].unwrap()).and_then(|info| info.handshake_hash)
        };
        assert_eq!(hash(0), hash(1), "seed {seed}: the hosts differ in their session");
    }
}

/// Runs; whoever hears that its session is ready sends something at once.
fn collect(
    pair: &mut Pair,
    duration: Duration,
    sessions: &mut [Option<SessionHandle>; 2],
    ready: &mut [u32; 2],
    transfers: &mut Vec<Transfer>,
) {
    let until = pair.net.now().after(duration);
    while let Some((node, event)) = pair.net.next_event(until) {
        if let Event::Session(session, event) = event {
            let known = *sessions[node].get_or_insert(session);
            assert_eq!(known, session, "another session");
            match event {
                SessionEvent::Ready | SessionEvent::Incoming => {
                    ready[node] += 1;
                    if !transfers.iter().any(|transfer| transfer.from == node) {
                        let net = &mut pair.net;
                        let transfer = Transfer::begin(net, node, 1 - node, session, 3000);
                        transfers.push(transfer);
                    }
                }
                _ => panic!("{event:?}: {:?}", pair.net.node(node).host.close_reason(session)),
            }
        }
        for transfer in transfers.iter_mut() {
            transfer.on_event(&mut pair.net, node, &event);
        }
    }
}

// Spec: R-5.10-2.
#[test]
fn nobody_there_is_an_error_after_ten_seconds() {
    let mut link = usual_link();
    link.loss_ppm = 1_000_000;
    let mut pair = Pair::new(1, &link);
    let begun = pair.net.now();
    let session = pair.dial();
    let event = pair.net.next_event(begun.after(60 * SECOND));
    assert_eq!(event, Some((0, Event::Session(session, SessionEvent::Closed))));
    println!("gave up after {} ms", millis(pair.net.now().since(begun)));
    assert_eq!(pair.net.now().since(begun), 10 * SECOND);
}
