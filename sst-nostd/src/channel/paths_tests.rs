//! Where a channel goes when packets come from elsewhere.

use core::net::SocketAddr;

use super::*;

const MIN: usize = 33;
const WAIT: Duration = Duration::from_millis(100);

/// The way to another address for each `last`, its last byte.
fn path(last: u8) -> Path {
    Path { local: None, peer: SocketAddr::from(([192, 0, 2, last], 8661)) }
}

/// The way to another port of the first address.
fn port(port: u16) -> Path {
    Path { local: None, peer: SocketAddr::from(([192, 0, 2, 1], port)) }
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

fn now(millis: u64) -> Situation {
    Situation { now: at(millis), next_number: millis, timeout: WAIT }
}

fn paths() -> Paths {
    Paths::new(path(1), true, [7; 16])
}

// Spec: R-6.10-1, R-6.10-2, R-6.10-6.
#[test]
fn a_new_address_is_used_once_it_has_answered() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 40, true);
    assert_eq!(paths.wants_packet(at(0), MIN), Some((path(2), MIN)));
    let challenge = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
    paths.on_sent(path(2), 33, true);
    assert_eq!(paths.current(), path(1));
    assert_eq!(paths.on_response(path(2), [0; 8]), None);
    assert_eq!(paths.on_response(path(1), challenge), None);
    assert_eq!(paths.on_response(path(2), challenge), Some(path(1)));
    assert_eq!((paths.current(), paths.candidate()), (path(2), None));
    assert_eq!(paths.on_response(path(2), challenge), None);
}

// Spec: R-6.10-9.
#[test]
fn groups_nobody_and_ourselves_are_not_tried() {
    let mut paths = paths();
    for text in ["224.0.0.1:9", "255.255.255.255:9", "0.0.0.0:9", "127.0.0.1:9", "[::1]:9"] {
        let path = Path { local: None, peer: text.parse().unwrap() };
        paths.on_packet(&now(0), path, 1200, true);
        assert_eq!(paths.candidate(), None, "{text}");
    }
}

// Spec: R-6.10-3.
#[test]
fn no_more_goes_to_an_unproved_address_than_came_from_it() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 30, true);
    assert_eq!((paths.wants_packet(at(0), MIN), paths.deadline(MIN)), (None, None));
    paths.on_packet(&now(1), path(2), 30, false);
    assert_eq!(paths.wants_packet(at(1), MIN), Some((path(2), MIN)));
    paths.take_frames(at(1), path(2), WAIT);
    paths.on_sent(path(2), 60, true);
    assert_eq!(paths.wants_packet(at(1000), MIN), None);
}

// Spec: R-6.10-1.
#[test]
fn an_old_packet_begins_no_test_and_a_genuine_one_ends_it() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 1200, false);
    assert_eq!(paths.candidate(), None);
    paths.on_packet(&now(0), path(2), 1200, true);
    paths.on_packet(&now(0), path(1), 1200, false);
    assert_eq!(paths.candidate(), Some(path(2)));
    paths.on_packet(&now(1), path(1), 1200, true);
    assert_eq!((paths.candidate(), paths.current()), (None, path(1)));
}

// Spec: R-6.10-4.
#[test]
fn silence_is_asked_again_and_then_given_up() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 1200, true);
    let mut challenges = 0;
    for millis in 0..5000 {
        paths.on_timeout(at(millis));
        if paths.wants_packet(at(millis), MIN).is_some() {
            assert!(paths.take_frames(at(millis), path(2), WAIT).challenge.is_some());
            challenges += 1;
        }
    }
    assert_eq!((challenges, paths.candidate()), (MAX_CHALLENGES, None));
}

// Spec: R-6.10-3, R-6.10-4.
#[test]
fn a_challenge_leaves_enough_for_those_that_may_have_to_follow() {
    for received in [4 * MIN, 4 * MIN + 3, 1200] {
        let mut paths = paths();
        paths.on_packet(&now(0), path(2), received, true);
        let (mut challenges, mut sent) = (0, 0);
        for millis in 0..5000 {
            if let Some((to, len)) = paths.wants_packet(at(millis), MIN) {
                assert!(paths.take_frames(at(millis), to, WAIT).challenge.is_some());
                paths.on_sent(to, len, true);
                (challenges, sent) = (challenges + 1, sent + len);
            }
        }
        assert!(challenges == MAX_CHALLENGES && sent <= received, "{challenges}, {sent}");
    }
}

// Spec: R-6.10-2, R-6.10-3.
#[test]
fn what_the_old_address_is_told_the_new_one_is_told_within_its_budget() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 4 * MIN, true);
    paths.take_frames(at(0), path(2), WAIT);
    paths.on_sent(path(2), MIN, true);
    assert_eq!(paths.wants_packet(at(1), MIN), None);
    for _ in 0..3 {
        paths.on_sent(path(1), 40, true);
        assert_eq!(paths.wants_packet(at(1), MIN).map(|(to, _)| to), Some(path(2)));
        paths.on_sent(path(2), MIN, true);
        assert_eq!(paths.wants_packet(at(1), MIN), None);
    }
    paths.on_sent(path(1), 40, true);
    assert_eq!(paths.wants_packet(at(1), MIN), None, "no more than came from there");
}

// Spec: R-6.10-5.
#[test]
fn only_the_newest_challenge_of_a_path_is_answered() {
    let mut paths = paths();
    paths.on_challenge(path(1), [1; 8]);
    paths.on_challenge(path(1), [2; 8]);
    paths.on_challenge(path(3), [3; 8]);
    assert_eq!(paths.wants_packet(at(0), MIN), Some((path(1), usize::MAX)));
    let frames = paths.take_frames(at(0), path(1), WAIT);
    assert_eq!(frames, PathFrames { challenge: None, response: Some([2; 8]) });
    assert_eq!(paths.wants_packet(at(0), MIN), None);
}

// Spec: R-6.10-6.
#[test]
fn an_answer_from_before_a_move_proves_nothing() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 1200, true);
    let first = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
    assert_eq!(paths.on_response(path(2), first), Some(path(1)));
    paths.on_packet(&now(1), path(1), 1200, true);
    let back = paths.take_frames(at(1), path(1), WAIT).challenge.unwrap();
    assert_eq!(paths.on_response(path(1), back), Some(path(2)));
    paths.on_packet(&now(2), path(2), 1200, true);
    assert_eq!(paths.on_response(path(2), first), None);
}

// Spec: R-6.10-4, R-6.10-6.
#[test]
fn a_right_answer_counts_though_the_old_address_was_heard_between() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 1200, true);
    let challenge = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
    paths.on_packet(&now(1), path(1), 1200, true);
    assert_eq!(paths.candidate(), None);
    // The packet's own address is looked at before its frames are.
    paths.on_packet(&now(2), path(2), 1200, true);
    assert_eq!(paths.on_response(path(2), challenge), Some(path(1)));
}

fn on(local: u8) -> Path {
    Path { local: Some([10, 0, 0, local].into()), ..path(1) }
}

// Spec: R-6.10-10, R-6.10-11.
#[test]
fn the_own_address_is_kept_while_the_peer_is_heard_there_and_follows_it() {
    let mut paths = Paths::new(on(1), true, [7; 16]);
    assert_eq!(paths.current(), on(1));
    // Another address of this host's is tested like one of the peer's, until there is silence.
    assert_eq!(paths.on_packet(&now(0), on(2), 40, true), Moved::Nowhere);
    assert_eq!((paths.current(), paths.candidate()), (on(1), Some(on(2))));
    assert_eq!(paths.on_packet(&now(0), on(1), 40, true), Moved::Nowhere);
    let mut sent = [path(1); 4];
    for place in &mut sent {
        paths.on_silence();
        *place = paths.current();
    }
    assert_eq!(sent, [path(1), on(1), path(1), on(1)]);
    let old = paths.on_packet(&now(0), on(2), 40, false);
    assert_eq!(old, Moved::Nowhere, "an old packet says nothing");
    assert_eq!(paths.on_packet(&now(0), on(2), 40, true), Moved::Route);
    assert_eq!((paths.current(), paths.candidate()), (on(2), None));
    assert!(!paths.on_network_changed(Some([10, 0, 0, 1].into())));
    assert!(paths.on_network_changed(Some([10, 0, 0, 2].into())));
    paths.on_silence();
    assert_eq!(paths.current(), path(1), "an address that is gone is not tried again");
}

// Spec: R-6.10-10.
#[test]
fn who_dialled_leaves_the_own_address_to_the_system() {
    let mut paths = Paths::new(on(1), false, [7; 16]);
    assert_eq!(paths.current(), path(1));
    assert_eq!(paths.on_packet(&now(0), on(1), 40, true), Moved::Nowhere);
    assert_eq!(paths.on_packet(&now(0), on(2), 40, true), Moved::Route);
    assert_eq!((paths.current(), paths.candidate()), (path(1), None));
}

#[test]
fn raced_packets_do_not_void_the_challenge_of_a_genuine_new_address() {
    let mut paths = paths();
    paths.on_packet(&now(0), path(2), 1200, true);
    let challenge = paths.take_frames(at(0), path(2), WAIT).challenge.unwrap();
    paths.on_packet(&now(1), path(9), 1200, true);
    paths.on_packet(&now(2), path(2), 1200, true);
    assert_eq!(paths.on_response(path(2), challenge), Some(path(1)));
}

// Spec: R-6.10-12.
#[test]
fn a_new_port_is_used_at_once_and_asked() {
    let mut paths = paths();
    assert_eq!(paths.on_packet(&now(0), port(5), 40, false), Moved::Nowhere);
    assert_eq!(paths.on_packet(&now(0), port(5), 40, true), Moved::Port);
    assert_eq!((paths.current(), paths.candidate()), (port(5), None));
    assert_eq!(paths.wants_packet(at(0), MIN), Some((port(5), usize::MAX)));
    let challenge = paths.take_frames(at(0), port(5), WAIT).challenge;
    assert_eq!((paths.wants_packet(at(99), MIN), paths.deadline(MIN)), (None, Some(at(100))));
    assert_eq!(paths.take_frames(at(100), port(5), WAIT).challenge, challenge);
    assert_eq!(paths.on_response(port(6), challenge.unwrap()), None);
    assert_eq!(paths.on_response(port(5), [0; 8]), None);
    assert_eq!(paths.deadline(MIN), Some(at(200)));
    assert_eq!(paths.on_response(port(5), challenge.unwrap()), None);
    assert_eq!((paths.current(), paths.deadline(MIN)), (port(5), None));
}

// Spec: R-6.10-10, R-6.10-12.
#[test]
fn a_host_that_names_no_address_of_its_own_has_ports_proved_too() {
    let from = |number| Path { peer: port(number).peer, ..on(1) };
    let mut paths = Paths::new(from(1), false, [7; 16]);
    assert_eq!(paths.on_packet(&now(0), from(5), 40, true), Moved::Port);
    assert_eq!(paths.current(), port(5), "which has no local address");
    let challenge = paths.take_frames(at(0), port(5), WAIT).challenge.unwrap();
    paths.on_response(from(5), challenge);
    assert_eq!((paths.current(), paths.deadline(MIN)), (port(5), None), "it is proved");
}

// Spec: R-6.10-12, R-6.10-13.
#[test]
fn a_port_is_proved_by_an_acknowledgement_of_what_was_sent_there() {
    let mut paths = paths();
    paths.on_packet(&now(10), port(5), 40, true);
    paths.on_acked(at(20), 9, WAIT);
    assert!(paths.deadline(MIN).is_some(), "that was sent to the port before");
    paths.on_packet(&now(60), port(6), 40, true);
    paths.on_acked(at(70), 59, WAIT);
    assert_eq!(paths.on_timeout(at(211)), Moved::Nowhere, "there is more time from then on");
    assert_eq!(paths.on_timeout(at(270)), Moved::Back);
    assert_eq!(paths.current(), port(5), "the last one that is proved");
    let mut paths = self::paths();
    paths.on_packet(&now(10), port(5), 40, true);
    paths.on_packet(&now(20), port(6), 40, true);
    paths.on_acked(at(30), 20, WAIT);
    assert_eq!((paths.current(), paths.deadline(MIN)), (port(6), None));
}

// Spec: R-6.10-13.
#[test]
fn false_ports_are_left_and_none_is_believed_for_a_while() {
    // Nothing comes of it; the proved one is heard; too many ports.
    let silence = |paths: &mut Paths| {
        assert_eq!(paths.on_timeout(at(199)), Moved::Nowhere);
        assert_eq!(paths.on_timeout(at(200)), Moved::Back);
    };
    let return_of_the_proved = |paths: &mut Paths| {
        assert_eq!(paths.on_packet(&now(200), path(1), 40, true), Moved::Back);
    };
    let crowd = |paths: &mut Paths| {
        for other in 2..9 {
            assert_eq!(paths.on_packet(&now(200), port(other), 40, true), Moved::Port);
        }
        assert_eq!(paths.on_packet(&now(200), port(9), 40, true), Moved::Back);
        assert_eq!(paths.candidate(), Some(port(9)));
    };
    let ends: [&dyn Fn(&mut Paths); 3] = [&silence, &return_of_the_proved, &crowd];
    for end in ends {
        let mut paths = paths();
        assert_eq!(paths.on_packet(&now(0), port(1), 40, true), Moved::Port);
        end(&mut paths);
        assert_eq!(paths.current(), path(1));
        for millis in [201, 10_199] {
            assert_eq!(paths.on_packet(&now(millis), port(5), 40, true), Moved::Nowhere);
            assert_eq!((paths.current(), paths.candidate()), (path(1), Some(port(5))));
        }
        assert_eq!(paths.on_packet(&now(10_200), port(5), 40, true), Moved::Port);
    }
}

// Spec: R-6.10-1, R-6.10-13.
#[test]
fn another_address_ends_the_trust_in_a_port() {
    let mut paths = paths();
    paths.on_packet(&now(0), port(5), 40, true);
    assert_eq!(paths.on_packet(&now(1), path(2), 1200, false), Moved::Nowhere);
    assert_eq!(paths.on_packet(&now(1), path(2), 1200, true), Moved::Back);
    assert_eq!((paths.current(), paths.candidate()), (path(1), Some(path(2))));
    assert_eq!(paths.on_packet(&now(2), port(5), 40, true), Moved::Nowhere);
    assert_eq!((paths.current(), paths.candidate()), (path(1), Some(port(5))));
}
