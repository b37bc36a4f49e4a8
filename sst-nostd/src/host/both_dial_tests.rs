//! Who gives way: two hosts that dial each other at once, a peer that starts anew, and one for
//! which there is no room (docs/PROTOCOL.md sections 5.9 and 5.11).

use std::cell::Cell;
use std::vec;
use std::vec::Vec;

use super::rules_tests::{TestHost, at, events, hand, host, host_with, next, pass};
use super::*;
use crate::session::{ClosedBy, SessionEvent, SessionState};
use crate::stream::Open;
use crate::wire::{CloseCause, TransportCode};

std::thread_local! {
    /// In which instance these tests dial.
    static WISH: Cell<InstanceWish> = const { Cell::new(InstanceWish::Usual) };
}

fn dial(from: &mut TestHost, to: &TestHost, now: Instant) -> SessionHandle {
    dial_to(from, Some(to.id()), now)
}

fn dial_to(from: &mut TestHost, id: Option<HostId>, now: Instant) -> SessionHandle {
    let dial = Dial { instance: WISH.get(), ..Dial::new(rules_tests::path(1), id) };
    from.connect(now, dial).unwrap()
}

/// Two hosts with a session that both know of.
fn joined() -> (TestHost, TestHost, SessionHandle, SessionHandle) {
    let (mut one, mut two) = (host(1), host(2));
    let session = dial(&mut one, &two, at(0));
    talk(&mut one, &mut two, at(0));
    let [Event::Session(other, SessionEvent::Incoming)] = events(&mut two)[..] else { panic!() };
    events(&mut one);
    (one, two, session, other)
}

/// Two hosts that both dialled and have each other's REPLY: S, L, and what each would send next.
fn crossing() -> (TestHost, TestHost, SessionHandle, SessionHandle) {
    let (one, two) = (host(1), host(2));
    let (mut small, mut large) = if one.id() < two.id() { (one, two) } else { (two, one) };
    let of_small = dial(&mut small, &large, at(0));
    let of_large = dial(&mut large, &small, at(0));
    let (init, other_init) = (next(&mut small, at(0)).unwrap(), next(&mut large, at(0)).unwrap());
    hand(&mut large, at(10), 1, &init).unwrap();
    hand(&mut small, at(10), 1, &other_init).unwrap();
    let (reply, other_reply) =
        (next(&mut large, at(10)).unwrap(), next(&mut small, at(10)).unwrap());
    hand(&mut small, at(20), 1, &reply).unwrap();
    hand(&mut large, at(20), 1, &other_reply).unwrap();
    for host in [&mut small, &mut large] {
        assert!(matches!(events(host)[..], [Event::Session(_, SessionEvent::Ready)]));
    }
    (small, large, of_small, of_large)
}

/// Everything either host has to say reaches the other, until neither has more.
fn talk(one: &mut TestHost, two: &mut TestHost, now: Instant) {
    for _ in 0..100 {
        let packets = (next(one, now), next(two, now));
        if packets == (None, None) {
            return;
        }
        packets.0.map(|packet| hand(two, now, 1, &packet));
        packets.1.map(|packet| hand(one, now, 1, &packet));
    }
    panic!("the hosts spin");
}

fn hash(host: &TestHost, session: SessionHandle) -> Option<[u8; 32]> {
    host.session_info(session)?.handshake_hash
}

fn cause(host: &TestHost, session: SessionHandle) -> (ClosedBy, CloseCause) {
    let reason = host.close_reason(session).expect("a reason");
    (reason.by, reason.cause)
}

// Spec: R-5.11-2, R-5.11-3.
#[test]
fn of_two_dials_that_cross_the_one_of_the_smaller_identity_stays() {
    crossing_with_data(false);
    crossing_with_data(true);
}

/// What L writes on its own channel goes behind FINISH, or in it.
fn crossing_with_data(is_in_finish: bool) {
    let (mut small, mut large, of_small, of_large) = crossing();
    // Both use their own channels before they know.
    let mut packets = vec![];
    if !is_in_finish {
        packets.push(next(&mut large, at(20)).unwrap());
    }
    let root = large.root(of_large).unwrap();
    let stream = large.open_substream(at(20), root, Open::default()).unwrap();
    large.write_record(at(20), stream, b"sent twice, heard once").unwrap();
    packets.push(next(&mut large, at(20)).unwrap());
    let staying_finish = next(&mut small, at(20)).unwrap();
    let staying = hash(&small, of_small);
    assert!(staying.is_some() && staying != hash(&large, of_large));
    hand(&mut small, at(30), 1, &packets[0]).unwrap();
    assert_eq!(small.stats().half_open, 2, "its own FINISH, and what it does not answer");
    for data in &packets[1..] {
        assert_eq!(hand(&mut small, at(30), 1, data), Err(Ignored::UnknownChannel));
    }
    assert_eq!(hash(&small, of_small), staying);
    hand(&mut large, at(30), 1, &staying_finish).unwrap();
    assert_eq!(hash(&large, of_large), staying);
    talk(&mut small, &mut large, at(40));
    let there = small.root(of_small).unwrap();
    let child = small.accept_substream(at(40), there).expect("the stream came over");
    let mut buf = [0; 64];
    let record = small.read_record(at(40), child, &mut buf).unwrap();
    assert_eq!(&buf[..record.len], b"sent twice, heard once");
    for host in [&small, &large] {
        assert_eq!((host.stats().sessions, host.stats().channels), (1, 1));
    }
    assert!(events(&mut large).iter().all(|event| !matches!(event, Event::Session(..))));
}

// Spec: R-5.11-2.
#[test]
fn a_dial_that_gave_way_may_be_closing_already() {
    let (mut small, mut large, _, of_large) = crossing();
    let root = large.root(of_large).unwrap();
    let stream = large.open_substream(at(20), root, Open::default()).unwrap();
    large.write_record(at(20), stream, b"last words").unwrap();
    large.finish(at(20), stream).unwrap();
    large.close(at(20), of_large, 3, "that was all").unwrap();
    pass(&mut small, &mut large, at(30));
    assert_eq!(large.session_info(of_large).unwrap().state, SessionState::Draining);
    assert_eq!(large.stats().sessions, 1);
}

/// Two hosts of which the larger has dialled the smaller and told it something; the smaller took
/// both, ended the session, and dialled anew when its clock showed `millis`, before the larger
/// heard a word: L, what S sends to end its own negotiation, and the session at L.
fn ended_unheard(millis: u64) -> (TestHost, Vec<u8>, SessionHandle) {
    let (one, two) = (host(1), host(2));
    let (mut small, mut large) = if one.id() < two.id() { (one, two) } else { (two, one) };
    let of_large = dial(&mut large, &small, at(0));
    pass(&mut large, &mut small, at(0));
    pass(&mut small, &mut large, at(0));
    pass(&mut large, &mut small, at(0));
    let root = large.root(of_large).unwrap();
    let stream = large.open_substream(at(0), root, Open::default()).unwrap();
    large.write_record(at(0), stream, b"once").unwrap();
    pass(&mut large, &mut small, at(0));
    let there = small.session_with(&large.id()).unwrap();
    let root = small.root(there).unwrap();
    let child = small.accept_substream(at(0), root).expect("the stream");
    assert!(small.read_record(at(0), child, &mut [0; 64]).is_ok_and(|read| read.len == 4));
    small.close(at(10), there, 0, "").unwrap();
    while next(&mut small, at(10)).is_some() {}
    small.release_session(at(10), there);
    small.handle_timeout(at(millis));
    let again = dial(&mut small, &large, at(millis));
    assert_ne!(again, there);
    pass(&mut small, &mut large, at(20));
    let replies = core::iter::from_fn(|| next(&mut large, at(20)));
    for packet in replies.collect::<Vec<_>>() {
        let _ = hand(&mut small, at(millis), 1, &packet);
    }
    events(&mut large);
    (large, next(&mut small, at(millis)).unwrap(), of_large)
}

// Spec: R-5.11-7.
#[test]
fn what_a_peer_may_have_read_in_a_session_now_over_does_not_come_again() {
    let (mut large, finish, session) = ended_unheard(9_000);
    hand(&mut large, at(30), 1, &finish).unwrap();
    let replaced = CloseCause::Transport(TransportCode::REPLACED);
    assert_eq!(cause(&large, session), (ClosedBy::Peer, replaced));
    let told = events(&mut large);
    assert!(
        matches!(told[..], [.., Event::Session(new, SessionEvent::Incoming)] if new != session)
    );
}

// Spec: R-5.11-7, R-5.11-2.
#[test]
fn a_dial_long_after_the_last_call_taken_replaces_nothing() {
    let (mut large, finish, session) = ended_unheard(20_000);
    let before = hash(&large, session);
    hand(&mut large, at(30), 1, &finish).unwrap();
    assert_ne!(hash(&large, session), before, "it moved");
    assert_eq!(large.session_info(session).unwrap().state, SessionState::Ready);
}

/// A FINISH that `one` made for `two` and that has not arrived, and `one` as it is after it
/// started anew and dialled again.
fn restarted() -> (TestHost, TestHost, Vec<u8>, SessionHandle) {
    let (mut one, mut two) = (host(1), host(2));
    dial(&mut one, &two, at(0));
    pass(&mut one, &mut two, at(0));
    let reply = next(&mut two, at(0)).unwrap();
    hand(&mut one, at(0), 1, &reply).unwrap();
    let late = next(&mut one, at(0)).unwrap();
    let mut one = host_with(9, Config::new([1; 32]), &Limits::of(4, 64, 1 << 20));
    let session = dial(&mut one, &two, at(1000));
    talk(&mut one, &mut two, at(1000));
    assert_eq!(events(&mut two).len(), 1);
    (one, two, late, session)
}

// Spec: R-5.11-5.
#[test]
fn a_finish_held_back_ends_no_newer_session() {
    let (one, mut two, late, session) = restarted();
    let other = two.session_with(&one.id()).unwrap();
    let before = hash(&two, other);
    hand(&mut two, at(2000), 1, &late).unwrap();
    assert_eq!((hash(&two, other), hash(&one, session)), (before, before));
    assert!(events(&mut two).is_empty() && next(&mut two, at(2000)).is_none());
}

// Spec: R-5.11-5.
#[test]
fn a_finish_held_back_ends_no_session_that_the_peer_took() {
    for secrets in [[1, 2], [2, 1]] {
        let [mut one, mut two] = secrets.map(host);
        dial(&mut one, &two, at(0));
        pass(&mut one, &mut two, at(0));
        let reply = next(&mut two, at(0)).unwrap();
        hand(&mut one, at(0), 1, &reply).unwrap();
        let late = next(&mut one, at(0)).unwrap();
        let config = Config::new([secrets[0]; 32]);
        let mut one = host_with(9, config, &Limits::of(4, 64, 1 << 20));
        let session = dial(&mut two, &one, at(1000));
        talk(&mut one, &mut two, at(1000));
        let before = hash(&two, session);
        events(&mut two);
        hand(&mut two, at(2000), 1, &late).unwrap();
        assert_eq!(hash(&two, session), before);
        assert!(events(&mut two).is_empty() && next(&mut two, at(2000)).is_none());
    }
}

// Spec: R-5.11-4.
#[test]
fn a_peer_that_dials_anew_replaces_its_session_and_whoever_had_it_hears_why() {
    let (mut one, mut two, session, other) = joined();
    let root = two.root(other).unwrap();
    let stream = two.open_substream(at(10), root, Open::default()).unwrap();
    pass(&mut two, &mut one, at(10));
    let mut anew = host_with(9, Config::new([1; 32]), &Limits::of(4, 64, 1 << 20));
    let again = dial(&mut anew, &two, at(20));
    pass(&mut anew, &mut two, at(20));
    pass(&mut two, &mut anew, at(20));
    pass(&mut anew, &mut two, at(30));
    let told = events(&mut two);
    assert!(told.contains(&Event::Session(other, SessionEvent::Closed)), "{told:?}");
    let replaced = CloseCause::Transport(TransportCode::REPLACED);
    assert_eq!(cause(&two, other), (ClosedBy::Peer, replaced));
    assert!(two.write(at(30), stream, b"x").is_err());
    // The host that had the session is still there: as when two have one identity.
    let mut count = 0;
    while let Some(packet) = next(&mut two, at(30)) {
        count += usize::from(hand(&mut one, at(30), 1, &packet).is_ok());
        let _ = hand(&mut anew, at(30), 1, &packet);
    }
    assert_eq!(count, 1, "one CLOSE");
    assert_eq!(cause(&one, session), (ClosedBy::Peer, replaced));
    assert_eq!(anew.session_info(again).unwrap().state, SessionState::Ready);
    assert_eq!(two.session_with(&anew.id()).map(|new| new == other), Some(false));
}

// Spec: R-5.9-10.
#[test]
fn a_host_that_is_full_says_so_to_whoever_proved_itself() {
    let mut full = host_with(2, Config::new([2; 32]), &Limits::of(1, 64, 1 << 20));
    let mut first = host(1);
    dial(&mut first, &full, at(0));
    talk(&mut first, &mut full, at(0));
    events(&mut full);
    let mut second = host(3);
    let session = dial(&mut second, &full, at(100));
    pass(&mut second, &mut full, at(100));
    let reply = next(&mut full, at(100)).unwrap();
    hand(&mut second, at(100), 1, &reply).unwrap();
    let finish = next(&mut second, at(100)).unwrap();
    assert_eq!(hand(&mut full, at(100), 1, &finish), Err(Ignored::NoCapacity));
    let close = next(&mut full, at(100)).unwrap();
    assert!(close.len() < finish.len());
    // It is lost, and FINISH comes again.
    let spent = full.stats().curve_operations;
    for again in [150, 200] {
        let _ = hand(&mut full, at(again), 1, &finish);
        assert_eq!(next(&mut full, at(again)), Some(close.clone()));
        assert!(next(&mut full, at(again)).is_none());
    }
    assert_eq!(full.stats().curve_operations, spent);
    hand(&mut second, at(200), 1, &close).unwrap();
    let code = CloseCause::Transport(TransportCode::NO_CAPACITY);
    assert_eq!(cause(&second, session), (ClosedBy::Peer, code));
    assert!(events(&mut full).is_empty());
    full.handle_timeout(at(250));
    assert_eq!(full.stats().half_open, 1, "FINISH may come again");
    full.handle_timeout(at(400));
    assert_eq!((full.stats().half_open, full.stats().sessions), (0, 1));
    // The row is free for others: who missed all of this waits for its own time to end.
    let _ = hand(&mut full, at(410), 1, &finish);
    assert!(next(&mut full, at(410)).is_none(), "nothing is kept");
}

// Spec: R-5.11-6.
#[test]
fn a_dial_without_identity_that_finds_a_known_peer_is_told_so() {
    let mut config = Config::new([2; 32]);
    config.answers_unknown = true;
    let mut two = host_with(2, config, &Limits::of(4, 64, 1 << 20));
    let mut one = host(1);
    let session = dial(&mut one, &two, at(0));
    talk(&mut one, &mut two, at(0));
    let blind = dial_to(&mut one, None, at(100));
    talk(&mut one, &mut two, at(100));
    let code = CloseCause::Transport(TransportCode::DUPLICATE_SESSION);
    assert_eq!(cause(&one, blind), (ClosedBy::Local, code));
    assert_eq!(one.session_info(session).unwrap().state, SessionState::Ready);
    assert_eq!((two.stats().sessions, two.stats().channels), (1, 1));
}

// Spec: R-5.11-1, R-5.11-2, R-5.11-3, R-5.11-4, R-5.11-5, R-5.11-6, R-5.11-7.
#[test]
fn all_of_this_holds_within_an_instance() {
    let instance = crate::id::Instance::new([5; 8]).unwrap();
    WISH.set(InstanceWish::Named(instance));
    let tests: [fn(); 9] = [
        of_two_dials_that_cross_the_one_of_the_smaller_identity_stays,
        a_dial_that_gave_way_may_be_closing_already,
        what_a_peer_may_have_read_in_a_session_now_over_does_not_come_again,
        a_dial_long_after_the_last_call_taken_replaces_nothing,
        a_finish_held_back_ends_no_newer_session,
        a_finish_held_back_ends_no_session_that_the_peer_took,
        a_peer_that_dials_anew_replaces_its_session_and_whoever_had_it_hears_why,
        a_host_that_is_full_says_so_to_whoever_proved_itself,
        a_dial_without_identity_that_finds_a_known_peer_is_told_so,
    ];
    for test in tests {
        test();
    }
}
