//! What is told of datagrams, with real packets: losses, probes, and the ends of sessions.

use std::time::Duration;

use sst_nostd::sim::LinkConfig;
use sst_nostd::{DatagramOptions, DatagramOutcome, DatagramTicket, Event, SessionEvent};

use crate::pair::{MS, Pair, SECOND};

const BEST_EFFORT: DatagramOptions = DatagramOptions { lifetime: None, reliable: false };
const RELIABLE: DatagramOptions = DatagramOptions { lifetime: None, reliable: true };

/// Two hosts at rest, 15 ms apart.
fn at_rest() -> Pair {
    let mut pair = Pair::connected(1, &LinkConfig::clean(15 * MS));
    pair.net.run_for(SECOND);
    pair
}

fn track(pair: &mut Pair, options: DatagramOptions) -> DatagramTicket {
    let session = pair.session.expect("a session");
    let (host, now) = pair.net.host(0);
    let root = host.root(session).expect("a root");
    let sent = host.send_tracked_datagram(now, root, &[7; 100], options).expect("taken");
    sent.ticket.expect("tracked")
}

/// What is told, and how long it took.
fn told(pair: &mut Pair, within: Duration) -> Vec<(DatagramTicket, DatagramOutcome, Duration)> {
    let begun = pair.net.now();
    let mut told = Vec::new();
    while let Some((node, event)) = pair.net.next_event(begun.after(within)) {
        if let (0, Event::Datagram(ticket, outcome)) = (node, event) {
            told.push((ticket, outcome, pair.net.now().since(begun)));
        }
    }
    told
}

fn set_loss(pair: &mut Pair, ppm: u32) {
    for link in pair.net.links_mut() {
        link.config.loss_ppm = ppm;
    }
}

// Spec: R-8.4-1.
#[test]
fn an_acknowledgement_is_told_of_within_a_round_trip_and_the_delay_of_acknowledgements() {
    let mut pair = at_rest();
    let tickets = [track(&mut pair, BEST_EFFORT), track(&mut pair, RELIABLE)];
    let told = told(&mut pair, SECOND);
    println!("{told:?}");
    assert_eq!(told.len(), 2);
    for (ticket, outcome, took) in told {
        assert!(tickets.contains(&ticket) && outcome == DatagramOutcome::Acknowledged);
        assert!((30 * MS..=56 * MS).contains(&took), "{took:?}");
    }
}

// Spec: R-8.4-1, R-8.1-1.
#[test]
fn the_last_one_is_known_to_be_lost_though_nothing_follows_it() {
    let mut pair = at_rest();
    set_loss(&mut pair, 1_000_000);
    let lost = track(&mut pair, BEST_EFFORT);
    let repeated = track(&mut pair, RELIABLE);
    pair.net.run_for(MS);
    set_loss(&mut pair, 0);
    let told = told(&mut pair, 2 * SECOND);
    println!("{told:?}");
    let mut outcomes: Vec<_> =
        told.iter().map(|(ticket, outcome, _)| (*ticket, *outcome)).collect();
    outcomes.sort_by_key(|(ticket, _)| *ticket != lost);
    let expected = [(lost, DatagramOutcome::Lost), (repeated, DatagramOutcome::Acknowledged)];
    assert_eq!(outcomes, expected);
}

// Spec: R-8.4-2.
#[test]
fn a_probe_calls_nothing_lost() {
    let mut pair = at_rest();
    // The path is slow all at once: probes go out long before the answer comes.
    for link in pair.net.links_mut() {
        link.config.delay = 400 * MS;
    }
    let slow = track(&mut pair, BEST_EFFORT);
    let before = pair.net.node(0).host.stats().sent_packets;
    let told = told(&mut pair, 2 * SECOND);
    println!("{told:?}");
    assert!(pair.net.node(0).host.stats().sent_packets > before + 1, "no probe was sent");
    let [(ticket, outcome, took)] = told[..] else { panic!("{told:?}") };
    assert_eq!((ticket, outcome), (slow, DatagramOutcome::Acknowledged));
    assert!(took >= 800 * MS);
}

// Spec: R-8.4-3.
#[test]
fn whoever_ends_the_session_what_is_open_stays_unknown() {
    for ender in [Some(0), Some(1), None] {
        let mut pair = at_rest();
        let tickets = [track(&mut pair, BEST_EFFORT), track(&mut pair, RELIABLE)];
        let session = [pair.session, pair.incoming];
        match ender {
            Some(node) => {
                let (host, now) = pair.net.host(node);
                let session = session[node].expect("a session");
                host.abort(now, session, 1, "enough").expect("known");
            }
            None => set_loss(&mut pair, 1_000_000),
        }
        let mut outcomes = Vec::new();
        let mut is_closed = false;
        let until = pair.net.now().after(100 * SECOND);
        while let Some((node, event)) = pair.net.next_event(until) {
            match event {
                Event::Session(_, SessionEvent::Closed) => is_closed |= node == 0,
                Event::Datagram(ticket, outcome) => outcomes.push((ticket, outcome)),
                _ => {}
            }
            if outcomes.len() == 2 && is_closed {
                break;
            }
        }
        if ender == Some(1) {
            // The datagrams were on their way when the peer ended the session.
            assert_eq!(outcomes.len(), 2);
        } else {
            assert_eq!(outcomes, tickets.map(|ticket| (ticket, DatagramOutcome::Unknown)));
        }
        assert!(is_closed);
        pair.net.run_for(SECOND);
    }
}
