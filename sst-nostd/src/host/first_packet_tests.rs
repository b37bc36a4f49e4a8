//! What the first packet of a call waits for, and what goes along with it.

use std::vec;
use std::vec::Vec;

use super::rules_tests::{TestHost, at, dial, events, hand, host_with, next, pass, path};
use super::*;
use crate::crypto::{InsecureFixedRng, RustCrypto, TAG_LEN};
use crate::negotiation::limits::FINISH_HEAD_LEN;
use crate::session::{SessionEvent, SessionState};
use crate::stream::Open;
use crate::time::Duration;

/// A host that waits for its application, as hosts do.
fn patient(seed: u8) -> TestHost {
    let crypto = RustCrypto::new(InsecureFixedRng::new(u64::from(seed)));
    let storage = Storage::owned(&Limits::of(4, 64, 1 << 20));
    Host::new(Config::new([seed; 32]), storage, crypto, Instant::ZERO).unwrap()
}

/// A patient host whose session with the other is ready, and nothing said yet.
fn answered(dials: impl FnOnce(&mut TestHost, &TestHost) -> SessionHandle) -> Answered {
    let (mut one, mut two) = (patient(1), host_with(2, Config::new([2; 32]), &LIMITS));
    let session = dials(&mut one, &two);
    pass(&mut one, &mut two, at(0));
    pass(&mut two, &mut one, at(0));
    assert!(matches!(events(&mut one)[..], [Event::Session(_, SessionEvent::Ready)]));
    assert!(next(&mut one, at(0)).is_none(), "it waits");
    Answered { one, two, session }
}

struct Answered {
    one: TestHost,
    two: TestHost,
    session: SessionHandle,
}

const LIMITS: Limits = Limits::of(4, 64, 1 << 20);

fn write(host: &mut TestHost, session: SessionHandle, bytes: &[u8]) {
    let root = host.root(session).unwrap();
    let stream = host.open_substream(at(0), root, Open::default()).unwrap();
    assert_eq!(host.write(at(0), stream, bytes), Ok(bytes.len()));
}

/// What the first stream of the first session says.
fn read(host: &mut TestHost) -> Vec<u8> {
    let session = incoming(host);
    let root = host.root(session).unwrap();
    let stream = host.accept_substream(at(0), root).expect("a stream");
    let mut buffer = [0; 4096];
    let len = host.read(at(0), stream, &mut buffer).unwrap();
    buffer[..len].to_vec()
}

fn incoming(host: &mut TestHost) -> SessionHandle {
    let told = events(host);
    let Some(Event::Session(session, SessionEvent::Incoming)) = told.first().copied() else {
        panic!("{told:?}")
    };
    session
}

// Spec: R-5.7-1, R-5.7-3, R-5.7-16.
#[test]
fn a_request_goes_along_with_finish_and_again_with_it() {
    let Answered { mut one, mut two, session } = answered(|one, two| dial(one, two, at(0)));
    assert_eq!(one.session_info(session).unwrap().handshake_hash, None, "it covers the frames");
    write(&mut one, session, b"a request");
    let finish = next(&mut one, at(0)).expect("FINISH, at once");
    assert_eq!(finish[0], 0xc3);
    assert!(next(&mut one, at(0)).is_none(), "and nothing else");
    // It is lost, and comes again, byte for byte.
    let again_at = one.poll_timeout().unwrap();
    one.handle_timeout(again_at);
    assert_eq!(next(&mut one, again_at), Some(finish.clone()));
    hand(&mut two, again_at, 1, &finish).unwrap();
    assert_eq!(read(&mut two), b"a request");
    let hash = |host: &TestHost, session| host.session_info(session).unwrap().handshake_hash;
    let other = two.unfinished_sessions().next().unwrap();
    assert!(hash(&one, session).is_some());
    assert_eq!(hash(&one, session), hash(&two, other));
    // What it carried is acknowledged with it, and not sent again.
    while let Some(packet) = next(&mut two, again_at) {
        hand(&mut one, again_at, 1, &packet).unwrap();
    }
    let late = again_at.after(Duration::from_secs(5));
    one.handle_timeout(late);
    let totals = one.session_info(session).unwrap();
    assert_eq!(totals.channel.unwrap().totals.lost_packets, 0);
}

#[test]
fn a_finish_that_finds_no_room_in_the_buffer_waits_for_a_longer_one() {
    let Answered { mut one, mut two, session } = answered(|one, two| dial(one, two, at(0)));
    write(&mut one, session, b"a request");
    for len in [1, FINISH_HEAD_LEN + TAG_LEN - 1] {
        assert!(one.poll_transmit(at(0), &mut vec![0; len], 1).is_none(), "{len}");
        assert_eq!(one.session_state(session), Some(SessionState::Ready), "{len}");
    }
    pass(&mut one, &mut two, at(0));
    assert_eq!(read(&mut two), b"a request");
}

// Spec: R-5.7-3.
#[test]
fn what_finish_carried_is_acknowledged_by_any_packet_of_the_peer() {
    let Answered { mut one, mut two, session } = answered(|one, two| dial(one, two, at(0)));
    write(&mut one, session, b"a request");
    pass(&mut one, &mut two, at(0));
    let other = incoming(&mut two);
    next(&mut two, at(0)).expect("its acknowledgement, which is lost");
    write(&mut two, other, b"an answer");
    pass(&mut two, &mut one, at(5));
    let channel = |host: &TestHost| host.session_info(session).unwrap().channel.unwrap();
    assert_eq!(channel(&one).in_flight_bytes, 0);
    while next(&mut one, at(5)).is_some() {}
    one.handle_timeout(at(3000));
    while next(&mut one, at(3000)).is_some() {}
    assert_eq!(channel(&one).totals.probe_timeouts, 0, "nothing is said again");
}

// Spec: R-5.7-3, R-5.7-7.
#[test]
fn an_answer_that_was_lost_comes_again_with_each_finish_and_not_more_often() {
    let Answered { mut one, mut two, session } = answered(|one, two| dial(one, two, at(0)));
    write(&mut one, session, b"a request");
    let finish = pass(&mut one, &mut two, at(0));
    let other = incoming(&mut two);
    write(&mut two, other, b"an answer");
    while next(&mut two, at(0)).is_some() {}
    // The timer of this host is not due for a while: who asks is answered before.
    let mut answers = vec![];
    for millis in 1..=80 {
        hand(&mut two, at(millis), 1, &finish).unwrap();
        if let Some(answer) = next(&mut two, at(millis)) {
            answers.push((millis, answer));
        }
    }
    let times: Vec<_> = answers.iter().map(|(millis, _)| *millis).collect();
    assert_eq!(times, [25, 50, 75]);
    // Nor after its own timeouts, nor for ever.
    for millis in 81..6000 {
        two.handle_timeout(at(millis));
        while next(&mut two, at(millis)).is_some() {}
        hand(&mut two, at(millis), 1, &finish).unwrap();
        if let Some(answer) = next(&mut two, at(millis)) {
            answers.push((millis, answer));
        }
    }
    assert!(answers.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 25), "{answers:?}");
    assert_eq!(answers.len(), 32);
    hand(&mut one, at(80), 1, &answers[2].1).unwrap();
    let root = one.root(session).unwrap();
    let stream = one.accept_substream(at(80), root).expect("the answer");
    assert_eq!(one.read(at(80), stream, &mut [0; 64]), Ok(9));
}

// Spec: R-5.7-3, R-6.6-3.
#[test]
fn a_finish_is_asked_for_more_often_once_a_second_one_is_lost() {
    let Answered { mut one, session, .. } = answered(|one, two| dial(one, two, at(0)));
    write(&mut one, session, b"a request");
    let (mut now, mut times) = (at(0), vec![]);
    while times.len() < 9 {
        times.extend(next(&mut one, now).map(|_| now.as_micros() / 1000));
        while next(&mut one, now).is_some() {}
        now = one.poll_timeout().unwrap();
        one.handle_timeout(now);
    }
    // Three round trips, of at least 1 ms each; from the second timeout on, four in each.
    let first = times[1];
    let in_firsts: Vec<_> = times.iter().map(|at| at / first).collect();
    assert_eq!(in_firsts, [0, 1, 3, 4, 5, 6, 7, 9, 11], "{times:?}");
}

// Spec: R-5.7-16.
#[test]
fn an_application_with_nothing_to_say_is_waited_for_two_milliseconds() {
    let Answered { mut one, mut two, .. } = answered(|one, two| dial(one, two, at(0)));
    assert_eq!(one.poll_timeout(), Some(at(2)));
    one.handle_timeout(at(1));
    assert!(next(&mut one, at(1)).is_none());
    one.handle_timeout(at(2));
    let finish = pass(&mut one, &mut two, at(2));
    assert_eq!((finish[0], finish.len()), (0xc3, 69));
    assert!(matches!(events(&mut two)[..], [Event::Session(_, SessionEvent::Incoming)]));
}

// Spec: R-5.7-9, R-5.7-16.
#[test]
fn the_first_packet_of_an_ik_call_waits_too() {
    let replayable = |one: &mut TestHost, two: &TestHost| {
        let dial = Dial::new(path(1), Some(two.id()));
        one.connect_replayable(at(0), dial, b"").unwrap()
    };
    let Answered { mut one, mut two, session } = answered(replayable);
    write(&mut one, session, b"a request");
    pass(&mut one, &mut two, at(0));
    assert_eq!(read(&mut two), b"a request");

    let Answered { mut one, mut two, .. } = answered(replayable);
    one.handle_timeout(at(2));
    pass(&mut one, &mut two, at(2));
    assert!(matches!(events(&mut two)[..], [Event::Session(_, SessionEvent::Incoming)]));
}

// Spec: R-5.7-16, R-8.3-1.
#[test]
fn a_datagram_that_fits_no_finish_goes_in_the_next_packet() {
    let Answered { mut one, mut two, session } = answered(|one, two| dial(one, two, at(0)));
    let root = one.root(session).unwrap();
    let most = [7; 1170];
    one.send_datagram(at(0), root, &most, Default::default()).unwrap();
    let finish = pass(&mut one, &mut two, at(0));
    assert_eq!(finish[0], 0xc3);
    let other = incoming(&mut two);
    pass(&mut one, &mut two, at(0));
    let root = two.root(other).unwrap();
    let got = two.recv_datagram(at(0), root, &mut [0; 1200]).unwrap().expect("the datagram");
    assert_eq!(got.0, most.len());
}

// Spec: R-5.7-16.
#[test]
fn a_session_that_is_aborted_while_finish_waits_says_nothing_of_its_streams() {
    let Answered { mut one, mut two, session } = answered(|one, two| dial(one, two, at(0)));
    write(&mut one, session, b"for another's eyes");
    one.abort(at(0), session, 7, "not whom I meant").unwrap();
    let finish = pass(&mut one, &mut two, at(0));
    assert_eq!((finish[0], finish.len()), (0xc3, 69));
    pass(&mut one, &mut two, at(0));
    assert!(matches!(events(&mut two).last(), Some(Event::Session(_, SessionEvent::Closed))));
}

// Spec: R-5.7-16.
#[test]
fn a_session_closed_while_finish_waits_is_closed_at_the_peer() {
    let Answered { mut one, mut two, session } = answered(|one, two| dial(one, two, at(0)));
    one.close(at(0), session, 7, "changed my mind").unwrap();
    pass(&mut one, &mut two, at(0));
    pass(&mut one, &mut two, at(0));
    let told = events(&mut two);
    let is_over = matches!(told.last(), Some(Event::Session(_, SessionEvent::Closed)));
    assert!(is_over, "{told:?}");
}

// Spec: R-5.7-16.
#[test]
fn a_call_whose_host_sleeps_while_finish_waits_ends_with_its_deadline() {
    let Answered { mut one, session, .. } = answered(|one, two| dial(one, two, at(0)));
    one.handle_timeout(at(10_001));
    assert!(next(&mut one, at(10_001)).is_none());
    let told = events(&mut one);
    assert_eq!(told, [Event::Session(session, SessionEvent::Closed)]);
    assert_eq!(one.stats().half_open, 0);
}

// Spec: R-5.11-2, R-5.11-7.
#[test]
fn a_call_whose_finish_still_waits_moves_to_the_peer_s_even_if_that_took_another_before() {
    let (one, two) = (patient(1), patient(2));
    let (mut small, mut large) = if one.id() < two.id() { (one, two) } else { (two, one) };
    // S has taken a call of L's, so that its next INIT says so.
    let before = dial(&mut large, &small, at(0));
    exchange(&mut large, &mut small, 0);
    let there = incoming(&mut small);
    large.close(at(10), before, 0, "").unwrap();
    exchange(&mut large, &mut small, 10);
    large.release_session(at(2000), before);
    small.release_session(at(2000), there);
    events(&mut large);
    events(&mut small);
    // L has an answer, and has not said FINISH when S's comes.
    let of_large = dial(&mut large, &small, at(3000));
    pass(&mut large, &mut small, at(3000));
    dial(&mut small, &large, at(3000));
    let answers: Vec<_> = core::iter::from_fn(|| next(&mut small, at(3000))).collect();
    for packet in &answers {
        hand(&mut large, at(3000), 1, packet).unwrap();
    }
    pass(&mut large, &mut small, at(3000));
    small.handle_timeout(at(3002));
    let finish = pass(&mut small, &mut large, at(3001));
    assert_eq!(finish[0], 0xc3);
    let told = events(&mut large);
    assert_eq!(told, [Event::Session(of_large, SessionEvent::Ready)], "and no end");
}

/// Both say all that they have to say from `millis` on, for five milliseconds.
fn exchange(one: &mut TestHost, two: &mut TestHost, millis: u64) {
    for now in (millis..millis + 5).map(at) {
        one.handle_timeout(now);
        two.handle_timeout(now);
        for _ in 0..4 {
            while let Some(packet) = next(one, now) {
                let _ = hand(two, now, 1, &packet);
            }
            while let Some(packet) = next(two, now) {
                let _ = hand(one, now, 1, &packet);
            }
        }
    }
}
