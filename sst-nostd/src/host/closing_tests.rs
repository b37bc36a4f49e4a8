//! CLOSE, which nobody acknowledges: how often it goes, and when a host is done with it.

use std::vec::Vec;

use super::rules_tests::{TestHost, at, dial, events, hand, host, host_with, joined, next, pass};
use super::*;
use crate::session::SessionEvent;

/// The moments, in milliseconds, at which `host` says something on its own until it has no channel
/// left, and the one at which that is.
fn spoken(host: &mut TestHost, from: u64) -> (Vec<(u64, Vec<u8>)>, u64) {
    let mut spoken = Vec::new();
    for millis in from..from + 10_000 {
        host.handle_timeout(at(millis));
        while let Some(packet) = next(host, at(millis)) {
            spoken.push((millis, packet));
        }
        // What was said may have been the last word.
        host.handle_timeout(at(millis));
        if host.stats().channels == 0 {
            return (spoken, millis);
        }
    }
    panic!("a closed channel stays for ever");
}

// Spec: R-6.12-1, R-6.6-6.
#[test]
fn a_close_that_is_lost_is_said_again_after_one_and_two_probe_timeouts() {
    let (mut one, mut two, session, other, _) = joined();
    one.abort(at(100), session, 7, "now").unwrap();
    assert!(next(&mut one, at(100)).is_some(), "this one is lost");
    let (spoken, end) = spoken(&mut one, 100);
    let [(first, packet), (second, _)] = &spoken[..] else { panic!("{}", spoken.len()) };
    let pto = first - 100;
    assert!(pto > 0 && (second - first).abs_diff(pto) <= 1, "{first} {second}");
    assert!((end - 100).abs_diff(3 * pto) <= 3, "{end}");
    hand(&mut two, at(*first), 1, packet).unwrap();
    assert!(events(&mut two).contains(&Event::Session(other, SessionEvent::Closed)));
    assert_eq!(two.close_reason(other).unwrap().reason(), "now");
}

// Spec: R-6.12-1, R-6.12-2.
#[test]
fn a_host_that_heard_close_says_nothing_and_is_not_asked_again() {
    let (mut one, mut two, session, ..) = joined();
    one.abort(at(100), session, 7, "now").unwrap();
    let close = next(&mut one, at(100)).unwrap();
    hand(&mut two, at(100), 1, &close).unwrap();
    let (answers, _) = spoken(&mut two, 100);
    assert!(answers.is_empty());
}

#[test]
fn a_peer_that_says_close_again_keeps_no_channel() {
    let ends = [1, 3].map(|times| {
        let (mut one, mut two, session, ..) = joined();
        one.abort(at(100), session, 7, "now").unwrap();
        let first = next(&mut one, at(100)).unwrap();
        let (again, _) = spoken(&mut one, 101);
        let closes: Vec<_> = [(100, first)].into_iter().chain(again).take(times).collect();
        assert_eq!(closes.len(), times);
        for (millis, close) in &closes {
            two.handle_timeout(at(*millis));
            hand(&mut two, at(*millis), 1, close).unwrap();
        }
        let last = closes.last().map_or(100, |(millis, _)| *millis);
        spoken(&mut two, last).1
    });
    assert_eq!(ends[0], ends[1]);
}

// Spec: R-6.12-5.
#[test]
fn a_host_that_leaves_says_close_twice_and_waits_for_nothing() {
    let (mut one, mut two, session, other, _) = joined();
    one.shut_down(at(100), session, true).unwrap();
    let (spoken, end) = spoken(&mut one, 100);
    assert_eq!((spoken.len(), end), (2, 100), "at once");
    hand(&mut two, at(100), 1, &spoken[1].1).unwrap();
    assert!(events(&mut two).contains(&Event::Session(other, SessionEvent::Closed)));
}

// Spec: R-6.12-5.
#[test]
fn a_host_that_leaves_while_it_closes_says_close_once_more() {
    let (mut one, _two, session, ..) = joined();
    one.close(at(100), session, 3, "done").unwrap();
    assert!(next(&mut one, at(100)).is_some());
    one.shut_down(at(101), session, true).unwrap();
    let (spoken, end) = spoken(&mut one, 101);
    assert_eq!((spoken.len(), end), (1, 101));
    assert_eq!(one.close_reason(session).unwrap().reason(), "done");
}

#[test]
fn a_session_that_was_let_go_of_tells_of_no_keys() {
    let config = Config { exports_keys: true, ..Config::new([1; 32]) };
    let limits = Limits::of(4, 64, 1 << 20);
    let (mut one, mut two) = (host_with(1, config, &limits), host(2));
    let session = dial(&mut one, &two, at(0));
    pass(&mut one, &mut two, at(0));
    pass(&mut two, &mut one, at(0));
    assert!(next(&mut one, at(0)).is_some(), "FINISH, after which there are keys to tell");
    one.release_session(at(0), session);
    assert_eq!(events(&mut one), []);
    one.abort(at(0), session, 1, "").unwrap();
    assert_eq!(events(&mut one), []);
}

#[test]
fn a_session_that_is_let_go_of_again_is_freed_once() {
    let (mut one, two) = (host(1), host(2));
    let session = dial(&mut one, &two, at(0));
    for _ in 0..3 {
        one.release_session(at(0), session);
        assert_eq!(one.stats().sessions, 1, "its turn comes");
    }
    one.handle_timeout(at(0));
    assert_eq!((one.stats().sessions, one.poll_timeout()), (0, None));
}
