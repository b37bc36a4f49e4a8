//! Peers that vanish, restart or stand still; clocks that go wrong.

use std::time::Duration;

use sst_nostd::sim::LinkConfig;
use sst_nostd::{ClosedBy, Event, SessionEvent};

use crate::pair::{MS, Pair, SECOND, Transfer, millis, usual_link};

const MIB: usize = 1 << 20;

fn closed_after(pair: &mut Pair, within: Duration) -> Option<Duration> {
    let begun = pair.net.now();
    let session = pair.session.expect("a session");
    let until = begun.after(within);
    while let Some((node, event)) = pair.net.next_event(until) {
        if (node, event) == (0, Event::Session(session, SessionEvent::Closed)) {
            return Some(pair.net.now().since(begun));
        }
    }
    None
}

// Spec: R-6.11-1, R-6.11-3, R-9.1-2.
#[test]
fn a_peer_that_vanished_is_noticed_after_the_idle_timeout() {
    for idle in [1, 5, 30] {
        for is_busy in [false, true] {
            let mut pair = Pair::with(1, &usual_link(), |_, config| {
                config.idle_timeout = Some(idle * SECOND);
            })
            .up();
            pair.net.run_for(300 * MS);
            for link in pair.net.links_mut() {
                link.config.loss_ppm = 1_000_000;
            }
            let session = pair.session.expect("a session");
            if is_busy {
                Transfer::begin(&mut pair.net, 0, 1, session, MIB);
            }
            let took = closed_after(&mut pair, 100 * SECOND).expect("it ends");
            let reason = pair.net.node(0).host.close_reason(session).expect("a reason");
            println!("idle timeout {idle} s, busy {is_busy}: over after {} ms", millis(took));
            assert_eq!(reason.by, ClosedBy::Timeout);
            assert!(took <= (idle + 1) * SECOND);
        }
    }
}

// Spec: R-6.14-1, R-6.14-3, R-13.10-1.
#[test]
fn a_peer_that_restarted_is_noticed_within_a_round_trip() {
    let mut pair = Pair::connected(1, &LinkConfig::clean(15 * MS));
    pair.net.run_for(SECOND);
    pair.net.restart(1);
    let session = pair.session.expect("a session");
    Transfer::begin(&mut pair.net, 0, 1, session, 1000);
    let took = closed_after(&mut pair, SECOND).expect("it ends");
    let reason = pair.net.node(0).host.close_reason(session);
    println!("restart: noticed after {took:?}: {reason:?}");
    assert!(took <= 30 * MS);
}

#[test]
fn a_host_that_restarted_dials_anew() {
    let mut pair = Pair::connected(1, &usual_link());
    pair.net.run_for(SECOND);
    let old = pair.incoming.expect("a session");
    pair.net.restart(0);
    let took = pair.connect(5 * SECOND).expect("connects");
    println!("restarted and connected again after {took:?}");
    pair.net.run_for(SECOND);
    let reason = pair.net.node(1).host.close_reason(old);
    assert!(reason.is_some(), "the old session lives on");
    let session = pair.session.expect("a session");
    let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 1000);
    let until = pair.net.now().after(SECOND);
    transfer.run(&mut pair.net, until);
    assert!(transfer.ended.is_some());
}

// Spec: R-6.6-5.
#[test]
fn a_clock_that_goes_back_is_harmless() {
    for back in [1_000, 100_000, 900_000_000] {
        let mut pair = Pair::connected(1, &usual_link());
        let session = pair.session.expect("a session");
        let mut transfer = Transfer::begin(&mut pair.net, 0, 1, session, 2 * MIB);
        let until = pair.net.now().after(SECOND);
        transfer.run(&mut pair.net, until);
        pair.net.node_mut(0).clock.offset_micros -= back;
        pair.net.node_mut(1).clock.offset_micros += back;
        let until = pair.net.now().after(1200 * SECOND);
        transfer.run(&mut pair.net, until);
        let ended = transfer.ended.map(|at| millis(at.since(transfer.begun)));
        let reason = pair.net.node(0).host.close_reason(session);
        let back = Duration::from_micros(back.unsigned_abs());
        println!("back by {back:?}: ended after {ended:?} ms, {reason:?}");
        assert!(ended.is_some() || reason.is_some());
    }
}
