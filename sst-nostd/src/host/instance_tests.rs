//! Several sessions of the same two identities, and two hosts with one (docs/PROTOCOL.md sections
//! 5.9, 5.11, 6.14).

use std::vec::Vec;

use super::raw_peer::{RawPeer, payload};
use super::rules_tests::{TestHost, at, events, hand, host_with, next, pass};
use super::*;
use crate::id::Instance;
use crate::negotiation::{Dropped, PROCESS_LEN};
use crate::noise::Pattern;
use crate::session::{ClosedBy, SessionEvent, SessionState};
use crate::stream::Open;
use crate::wire::{CloseCause, Frame, Parameters, TransportCode};

const NAME: InstanceWish = InstanceWish::Named(name());

const fn name() -> Instance {
    match Instance::new([7; 8]) {
        Some(instance) => instance,
        None => panic!("it is not zero"),
    }
}

/// A host with the identity of `secret`; `random` tells apart those that have the same.
fn host(secret: u8, random: u8, accepting: Accepting) -> TestHost {
    let mut config = Config::new([secret; 32]);
    config.accepting = accepting;
    config.answers_unknown = true;
    host_with(random, config, &Limits::of(8, 64, 1 << 20))
}

fn dial(from: &mut TestHost, to: &TestHost, instance: InstanceWish) -> SessionHandle {
    let dial = Dial { instance, ..Dial::new(rules_tests::path(2), Some(to.id())) };
    from.connect(at(0), dial).unwrap()
}

/// Everything `one`, at `port`, and `two` have to say reaches the other.
fn talk(one: &mut TestHost, port: u16, two: &mut TestHost, now: Instant) {
    for _ in 0..100 {
        let packets = (next(one, now), next(two, now));
        if packets == (None, None) {
            return;
        }
        packets.0.map(|packet| hand(two, now, port, &packet));
        packets.1.map(|packet| hand(one, now, 2, &packet));
    }
    panic!("the hosts spin");
}

fn is_ready(host: &TestHost, session: SessionHandle) -> bool {
    host.session_state(session) == Some(SessionState::Ready)
}

fn cause(host: &TestHost, session: SessionHandle) -> (ClosedBy, CloseCause) {
    let reason = host.close_reason(session).expect("a reason");
    (reason.by, reason.cause)
}

/// One record of `from` arrives at `to`.
fn say(from: (&mut TestHost, SessionHandle), to: (&mut TestHost, SessionHandle), port: u16) {
    let root = from.0.root(from.1).unwrap();
    let stream = from.0.open_substream(at(0), root, Open::default()).unwrap();
    from.0.write_record(at(0), stream, b"a word").unwrap();
    let (one, two) = (from.0, to.0);
    for _ in 0..4 {
        while let Some(packet) = next(one, at(0)) {
            let _ = hand(two, at(0), port, &packet);
        }
        while let Some(packet) = next(two, at(0)) {
            let _ = hand(one, at(0), port, &packet);
        }
    }
    let root = two.root(to.1).unwrap();
    let child = two.accept_substream(at(0), root).expect("the stream");
    let mut buf = [0; 16];
    let read = two.read_record(at(0), child, &mut buf).unwrap();
    assert_eq!(&buf[..read.len], b"a word");
}

// Spec: R-5.9-11, R-5.9-12, R-5.9-13, R-9.1-1.
#[test]
fn processes_with_one_key_have_a_session_each_and_leave_the_others_alone() {
    let mut server = host(2, 2, Accepting::Everyone);
    let mut twins: Vec<TestHost> = (0..3).map(|n| host(1, 10 + n, Accepting::Nobody)).collect();
    let mut sessions = Vec::new();
    for (port, twin) in (10..).zip(&mut twins) {
        let session = dial(twin, &server, InstanceWish::Usual);
        talk(twin, port, &mut server, at(0));
        let [Event::Session(there, SessionEvent::Incoming)] = events(&mut server)[..] else {
            panic!("one session")
        };
        sessions.push((session, there));
    }
    assert_eq!(server.sessions_with(&twins[0].id()), 3);
    for ((port, twin), (session, there)) in (10..).zip(&mut twins).zip(sessions) {
        let info = (twin.session_info(session).unwrap(), server.session_info(there).unwrap());
        assert!(info.0.instance.is_some() && info.0.instance == info.1.instance);
        assert_eq!(info.0.handshake_hash, info.1.handshake_hash);
        say((twin, session), (&mut server, there), port);
    }
}

// Spec: R-5.9-13, R-5.11-6.
#[test]
fn each_dial_of_a_host_that_only_dials_is_a_session_and_of_another_the_one_there_is() {
    let server = host(2, 2, Accepting::Everyone);
    let mut client = host(1, 1, Accepting::Nobody);
    let usual = [(); 2].map(|()| dial(&mut client, &server, InstanceWish::Usual));
    assert_ne!(usual[0], usual[1]);
    let named = [(); 2].map(|()| dial(&mut client, &server, NAME));
    let unnamed = [(); 2].map(|()| dial(&mut client, &server, InstanceWish::Unnamed));
    assert_eq!((named[0], unnamed[0]), (named[1], unnamed[1]));
    assert_ne!(named[0], unnamed[0]);
    let mut other = host(3, 3, Accepting::Everyone);
    let named = dial(&mut other, &server, NAME);
    assert_eq!(dial(&mut other, &server, InstanceWish::Usual), named, "it began that one");
    let unnamed = dial(&mut other, &server, InstanceWish::Unnamed);
    let fresh = dial(&mut other, &server, InstanceWish::Fresh);
    assert!(unnamed != named && fresh != named && fresh != unnamed);
}

// Spec: R-5.11-4, R-5.11-6.
#[test]
fn a_dial_anew_replaces_the_session_of_its_own_instance_alone() {
    let mut server = host(2, 2, Accepting::Everyone);
    let mut before = host(1, 1, Accepting::Nobody);
    let mut held = Vec::new();
    for wish in [NAME, InstanceWish::Unnamed, InstanceWish::Fresh] {
        dial(&mut before, &server, wish);
        talk(&mut before, 1, &mut server, at(0));
        let [Event::Session(there, _)] = events(&mut server)[..] else { panic!() };
        held.push(there);
    }
    for (wish, gone) in [(NAME, 0), (InstanceWish::Unnamed, 1)] {
        let mut anew = host(1, 20 + gone as u8, Accepting::Nobody);
        dial(&mut anew, &server, wish);
        talk(&mut anew, 3, &mut server, at(0));
        let replaced = CloseCause::Transport(TransportCode::REPLACED);
        assert_eq!(cause(&server, held[gone]), (ClosedBy::Peer, replaced));
        events(&mut server);
    }
    assert!(is_ready(&server, held[2]));
}

// Spec: R-6.14-6, R-13.10-1, R-13.15-1.
#[test]
fn a_twin_s_word_that_it_lost_a_channel_ends_no_session_of_the_other() {
    const SCOPES: [[u8; PROCESS_LEN]; 2] = [[1; PROCESS_LEN], [2; PROCESS_LEN]];
    for (accepting, scopes, is_believed) in [
        (Accepting::Nobody, [None, None], false),
        (Accepting::Everyone, SCOPES.map(Some), false),
        // What a restart needs: the same host, or one that cannot be told from it.
        (Accepting::Everyone, [None, None], true),
    ] {
        let [mut one, mut twin] = [0, 1].map(|nth: usize| {
            let mut config = Config::new([1; 32]);
            (config.accepting, config.lost_scope) = (accepting, scopes[nth]);
            host_with(40 + nth as u8, config, &Limits::of(8, 64, 1 << 20))
        });
        let mut server = host(2, 2, Accepting::Everyone);
        dial(&mut one, &server, InstanceWish::Fresh);
        talk(&mut one, 1, &mut server, at(0));
        let [Event::Session(there, _)] = events(&mut server)[..] else { panic!() };
        let root = server.root(there).unwrap();
        let stream = server.open_substream(at(0), root, Open::default()).unwrap();
        server.write_record(at(0), stream, &[7; 100]).unwrap();
        let packet = next(&mut server, at(0)).unwrap();
        assert_eq!(hand(&mut twin, at(0), 2, &packet), Err(Ignored::UnknownChannel));
        let lost = next(&mut twin, at(0)).unwrap();
        assert_eq!(lost[0], 0xc6);
        let heard = hand(&mut server, at(0), 1, &lost);
        assert_eq!(heard.is_ok(), is_believed, "{heard:?}");
        assert_eq!(is_ready(&server, there), !is_believed);
    }
}

// Spec: R-3.1-1, R-5.3-2, R-5.11-8, R-7.2-7.
#[test]
fn two_hosts_with_one_identity_talk_in_an_instance_and_not_without() {
    for pattern in Pattern::ALL {
        let mut server = host(1, 2, Accepting::Everyone);
        let mut client = host(1, 3, Accepting::Nobody);
        let id = (pattern != Pattern::Xx).then(|| server.id());
        let target = Dial::new(rules_tests::path(2), id);
        let session = match pattern {
            Pattern::Ik => client.connect_replayable(at(0), target, b"").unwrap(),
            Pattern::Xk | Pattern::Xx => client.connect(at(0), target).unwrap(),
        };
        talk(&mut client, 1, &mut server, at(0));
        let [Event::Session(there, SessionEvent::Incoming)] = events(&mut server)[..] else {
            panic!("{pattern:?}")
        };
        say((&mut client, session), (&mut server, there), 1);
        say((&mut server, there), (&mut client, session), 1);
        let streams = [client.session_info(session), server.session_info(there)];
        assert_eq!(streams.map(|info| info.unwrap().streams), [2, 2], "of both sides");
        let unnamed = Dial { instance: InstanceWish::Unnamed, ..target };
        match pattern {
            Pattern::Xx => {
                let session = client.connect(at(0), unnamed).unwrap();
                talk(&mut client, 1, &mut server, at(0));
                let code = CloseCause::Transport(TransportCode::PROTOCOL);
                assert_eq!(cause(&client, session), (ClosedBy::Local, code));
            }
            _ => {
                assert_eq!(client.connect(at(0), unnamed), Err(ConnectError::OwnIdentity));
            }
        }
    }
}

// Spec: R-5.11-8, R-13.14-1.
#[test]
fn a_host_whose_own_packets_are_reflected_at_it_answers_nothing() {
    for pattern in Pattern::ALL {
        let mut host = host(1, 1, Accepting::Everyone);
        let id = (pattern != Pattern::Xx).then(|| host.id());
        let target = Dial { instance: InstanceWish::Fresh, ..Dial::new(rules_tests::path(2), id) };
        match pattern {
            Pattern::Ik => host.connect_replayable(at(0), target, b"").unwrap(),
            Pattern::Xk | Pattern::Xx => host.connect(at(0), target).unwrap(),
        };
        let mut init = next(&mut host, at(0)).unwrap();
        if pattern == Pattern::Xx {
            // It demands a cookie of itself, and gets it.
            hand(&mut host, at(0), 2, &init).unwrap();
            let cookie = next(&mut host, at(0)).unwrap();
            hand(&mut host, at(0), 2, &cookie).unwrap();
            init = next(&mut host, at(0)).unwrap();
        }
        let reflected = Err(Ignored::Negotiation(Dropped::OwnIdentity));
        assert_eq!(hand(&mut host, at(0), 2, &init), reflected, "{pattern:?}");
        assert!(next(&mut host, at(0)).is_none());
        assert_eq!(host.stats().half_open, 1, "its own dial");
    }
}

// Spec: R-5.11-8.
#[test]
fn nobody_completes_a_dial_of_this_host_s_own_with_its_key() {
    let mut host = host(1, 1, Accepting::Everyone);
    let id = host.id();
    let to_itself = Dial::new(rules_tests::path(2), Some(id));
    let named = Dial { instance: NAME, ..to_itself };
    assert_eq!(host.connect(at(0), named), Err(ConnectError::OwnIdentity), "it was given");
    let fresh = Dial { instance: InstanceWish::Fresh, ..to_itself };
    let session = host.connect(at(0), fresh).unwrap();
    next(&mut host, at(0)).unwrap();
    let instance = host.session_info(session).unwrap().instance;
    let offer = Parameters { instance, ..Parameters::default() };
    let mut peer = RawPeer::new(1, host.id(), Pattern::Xk, &offer);
    hand(&mut host, at(0), 5, &peer.init()).unwrap();
    let finish = peer.finish(&next(&mut host, at(0)).unwrap(), &payload(&[Frame::Ping]));
    let reflected = Err(Ignored::Negotiation(Dropped::OwnIdentity));
    assert_eq!(hand(&mut host, at(0), 5, &finish), reflected);
    assert_eq!(host.session_state(session), Some(SessionState::Connecting));
    assert!(events(&mut host).is_empty() && next(&mut host, at(0)).is_none());
}

/// Two hosts that were introduced to each other, answer nobody else, and dial at once.
fn introduced() -> (TestHost, TestHost, [SessionHandle; 2]) {
    let mut one = host(1, 1, Accepting::Expected);
    let mut two = host(2, 2, Accepting::Expected);
    let sessions = [dial(&mut one, &two, NAME), dial(&mut two, &one, NAME)];
    (one, two, sessions)
}

// Spec: R-5.9-14, R-5.11-1, R-5.11-2, R-13.14-1.
#[test]
fn two_that_were_introduced_and_dial_each_other_have_one_session() {
    // Both INITs arrive, one does, and both REPLYs are under way at once.
    for case in 0..3 {
        let (mut one, mut two, [ours, theirs]) = introduced();
        if case == 1 {
            next(&mut two, at(0)).unwrap();
        }
        if case == 2 {
            let inits = (next(&mut one, at(0)).unwrap(), next(&mut two, at(0)).unwrap());
            hand(&mut two, at(0), 1, &inits.0).unwrap();
            hand(&mut one, at(0), 2, &inits.1).unwrap();
        }
        talk(&mut one, 1, &mut two, at(0));
        assert!(is_ready(&one, ours) && is_ready(&two, theirs), "{case}");
        let infos = [(&one, ours), (&two, theirs)].map(|(host, session)| {
            assert_eq!((host.stats().sessions, host.stats().channels), (1, 1), "{case}");
            host.session_info(session).unwrap()
        });
        assert_eq!(infos[0].handshake_hash, infos[1].handshake_hash, "{case}");
        assert_eq!(infos.map(|info| info.instance), [Some(name()); 2]);
        say((&mut one, ours), (&mut two, theirs), 1);
    }
}

// Spec: R-5.9-9, R-5.9-14.
#[test]
fn a_host_that_answers_only_those_it_expects_turns_others_away_and_is_silent_before() {
    let mut host = host(1, 1, Accepting::Expected);
    let mut stranger = self::host(3, 3, Accepting::Nobody);
    let session = dial(&mut stranger, &host, NAME);
    let init = next(&mut stranger, at(0)).unwrap();
    assert_eq!(hand(&mut host, at(0), 1, &init), Err(Ignored::NotAccepting));
    // It dials somebody: INITs are answered, since it cannot tell whose they are.
    let friend = self::host(2, 2, Accepting::Everyone);
    dial(&mut host, &friend, NAME);
    next(&mut host, at(0)).unwrap();
    hand(&mut host, at(0), 1, &init).unwrap();
    let reply = next(&mut host, at(0)).unwrap();
    hand(&mut stranger, at(0), 2, &reply).unwrap();
    let finish = next(&mut stranger, at(0)).unwrap();
    assert_eq!(hand(&mut host, at(0), 1, &finish), Err(Ignored::NotAccepting));
    pass(&mut host, &mut stranger, at(0));
    let refused = CloseCause::Transport(TransportCode::IDENTITY_REFUSED);
    assert_eq!(cause(&stranger, session), (ClosedBy::Peer, refused));
    assert!(events(&mut host).is_empty());
    // Its dial is over: it is silent again.
    host.handle_timeout(at(11_000));
    assert_eq!(hand(&mut host, at(11_000), 1, &init), Err(Ignored::NotAccepting));
}
