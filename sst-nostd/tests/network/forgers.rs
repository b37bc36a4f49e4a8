//! Somebody who sees every packet of a dial, and is faster than the host that was dialled.

use std::net::SocketAddr;
use std::time::Duration;

use sst_nostd::negotiation::CheckKey;
use sst_nostd::sim::{LinkConfig, Logged};
use sst_nostd::{CookieMode, Event, Ignored, NegotiationDropped as Dropped, SessionEvent};

use crate::pair::{MS, Pair, SECOND};

/// 50 ms each way: whoever sits at the dialler is faster by a whole round trip.
fn slow_link() -> LinkConfig {
    LinkConfig::clean(50 * MS)
}

/// What a forger does with a packet that it sees: packets, and where they pretend to come from.
type Forgery<'a> = &'a dyn Fn(&Pair, &Logged) -> Vec<(SocketAddr, Vec<u8>)>;

/// How long a dial takes beside the forger, who acts the moment that a packet is sent.
fn dial(cookies: CookieMode, forge: Forgery<'_>) -> Duration {
    let mut pair = Pair::with(3, &slow_link(), |_, config| {
        config.cookies = cookies;
        config.answers_unknown = true;
    });
    pair.net.log = Some(vec![]);
    let (begun, dialler) = (pair.net.now(), pair.net.path_to(0).peer);
    pair.dial();
    let (mut is_ready, mut is_heard) = (false, false);
    while !(is_ready && is_heard) {
        let passed = pair.net.now().since(begun);
        assert!(passed < 11 * SECOND, "the dial has failed");
        for (node, event) in pair.net.run_for(MS) {
            is_ready |= node == 0 && matches!(event, Event::Session(_, SessionEvent::Ready));
            is_heard |= node == 1 && matches!(event, Event::Session(_, SessionEvent::Incoming));
            let is_closed = matches!(event, Event::Session(_, SessionEvent::Closed));
            assert!(!is_closed, "{node} after {passed:?}");
        }
        for seen in pair.net.log.replace(vec![]).unwrap_or_default() {
            for (from, packet) in forge(&pair, &seen) {
                pair.net.inject(from, dialler, &packet);
            }
        }
    }
    assert_eq!(pair.net.spinning(), None);
    pair.net.now().since(begun)
}

fn quiet(cookies: CookieMode) -> Duration {
    dial(cookies, &|_, _| vec![])
}

fn is_init(seen: &Logged) -> bool {
    seen.node == 0 && seen.packet.first() == Some(&0xc1)
}

/// The answer of `kind` and `middle` to an INIT, with the check that everybody can make.
fn answer(pair: &Pair, kind: u8, middle: &[u8], init: &[u8]) -> Vec<u8> {
    let key = CheckKey::new(Some(&pair.net.node(1).host.id()));
    let mut packet = vec![kind];
    packet.extend_from_slice(&init[4..8]);
    packet.extend_from_slice(middle);
    let of = init.last_chunk().unwrap();
    let check = if kind == 0xc4 { key.cookie(&packet, of) } else { key.version(&packet, of) };
    packet.extend_from_slice(&check);
    packet
}

/// Cookies that differ each time.
fn some_cookie(pair: &Pair, seen: &Logged) -> [u8; 16] {
    let mut cookie = [0x55; 16];
    cookie[..8].copy_from_slice(&pair.net.now().as_micros().to_be_bytes());
    cookie[8..16].copy_from_slice(seen.packet.last_chunk::<8>().unwrap());
    cookie
}

// Spec: R-5.5-4, R-5.5-5.
#[test]
fn forged_cookies_end_no_dial_and_cost_it_one_timer_at_most() {
    for cookies in [CookieMode::Auto, CookieMode::Always] {
        let forged = dial(cookies, &|pair, seen| {
            if !is_init(seen) {
                return vec![];
            }
            let cookie = some_cookie(pair, seen);
            vec![(seen.to, answer(pair, 0xc4, &cookie, &seen.packet))]
        });
        let quiet = quiet(cookies);
        println!("{cookies:?}: {quiet:?} alone, {forged:?} beside the forger");
        // A host that asks for no cookie answers the first INIT.
        let most = if cookies == CookieMode::Auto { quiet } else { quiet + 250 * MS };
        assert!(forged <= most + 5 * MS, "{cookies:?}: {forged:?} instead of {quiet:?}");
    }
}

// Spec: R-5.5-4, R-5.5-5.
#[test]
fn a_cookie_is_obeyed_once_however_often_it_comes() {
    let copied = dial(CookieMode::Always, &|_, seen| {
        // The forger has the cookie of the host itself, and repeats it with every packet.
        let is_cookie = seen.node == 1 && seen.packet.first() == Some(&0xc4);
        if is_cookie { vec![(seen.from, seen.packet.clone()); 20] } else { vec![] }
    });
    assert!(copied <= quiet(CookieMode::Always));
}

// Spec: R-5.8-3.
#[test]
fn forged_versions_end_and_delay_no_dial() {
    let forged = dial(CookieMode::Auto, &|pair, seen| {
        let version = || answer(pair, 0xc5, &[2, 77, 78], &seen.packet);
        if is_init(seen) { vec![(seen.to, version())] } else { vec![] }
    });
    assert_eq!(forged, quiet(CookieMode::Auto));
    // A host that is silent for seconds is waited for all the same.
    let mut pair = Pair::new(3, &slow_link());
    pair.net.log = Some(vec![]);
    pair.net.link_mut(0, 1).config.drops = (0..12).collect();
    pair.dial();
    let mut is_ready = false;
    for _ in 0..9_000 {
        for (node, event) in pair.net.run_for(MS) {
            is_ready |= node == 0 && matches!(event, Event::Session(_, SessionEvent::Ready));
        }
        let dialler = pair.net.path_to(0).peer;
        for seen in pair.net.log.replace(vec![]).unwrap_or_default() {
            if is_init(&seen) {
                let version = answer(&pair, 0xc5, &[1, 77], &seen.packet);
                pair.net.inject(seen.to, dialler, &version);
            }
        }
    }
    assert!(is_ready);
}

// Spec: R-5.6-7, R-5.6-8.
#[test]
fn copied_and_forged_replies_end_and_delay_no_dial() {
    let thief: SocketAddr = "203.0.113.66:8661".parse().unwrap();
    let forged = dial(CookieMode::Auto, &|_, seen| {
        if is_init(seen) {
            let mut false_reply = vec![0xc2];
            false_reply.extend_from_slice(&seen.packet[4..8]);
            false_reply.resize(300, 0x33);
            return vec![(seen.to, false_reply)];
        }
        // The true one arrives first from an address that is the forger's.
        let is_reply = seen.node == 1 && seen.packet.first() == Some(&0xc2);
        if is_reply { vec![(thief, seen.packet.clone())] } else { vec![] }
    });
    assert_eq!(forged, quiet(CookieMode::Auto));
}

// Spec: R-6.14-3.
#[test]
fn forged_lost_packets_end_and_delay_no_dial() {
    let forged = dial(CookieMode::Auto, &|_, seen| {
        let is_sealed_or_finish =
            seen.packet.first().is_some_and(|kind| *kind < 0x80 || *kind == 0xc3);
        if seen.node != 0 || !is_sealed_or_finish {
            return vec![];
        }
        let mut lost = vec![0xc6];
        lost.extend_from_slice(&seen.packet[1..5]);
        lost.resize(21, 0x44);
        vec![(seen.to, lost)]
    });
    assert_eq!(forged, quiet(CookieMode::Auto));
}

// Spec: R-5.6-8.
#[test]
fn what_comes_from_an_address_that_was_not_asked_is_dropped() {
    let mut pair = Pair::with(3, &slow_link(), |_, config| config.cookies = CookieMode::Always);
    pair.net.log = Some(vec![]);
    pair.dial();
    pair.net.run_for(MS);
    let init = pair.net.log.replace(vec![]).unwrap_or_default().remove(0);
    let cookie = answer(&pair, 0xc4, &[9; 16], &init.packet);
    let (stranger, dialler) = ("203.0.113.66:1".parse().unwrap(), pair.net.path_to(0).peer);
    pair.net.inject(stranger, dialler, &cookie);
    assert_eq!(pair.net.last_result, Err(Ignored::Negotiation(Dropped::OtherAddress)));
}

// Spec: R-5.6-8, R-13.7-8.
#[test]
fn replies_without_a_check_use_up_no_tries_wherever_they_come_from() {
    let mut pair = Pair::new(3, &slow_link());
    pair.net.log = Some(vec![]);
    pair.dial();
    pair.net.run_for(MS);
    let init = pair.net.log.replace(vec![]).unwrap_or_default().remove(0);
    let (stranger, dialler) = ("203.0.113.66:1".parse().unwrap(), pair.net.path_to(0).peer);
    let mut reply = vec![0xc2];
    reply.extend_from_slice(&init.packet[4..8]);
    reply.resize(300, 0x33);
    let before = pair.net.node(0).host.stats().curve_operations;
    for _ in 0..200 {
        pair.net.inject(stranger, dialler, &reply);
        assert_eq!(pair.net.last_result, Err(Ignored::Negotiation(Dropped::OtherAddress)));
    }
    assert_eq!(pair.net.node(0).host.stats().curve_operations, before);
    // From where the INIT went, each costs a hash.
    for _ in 0..1_000 {
        pair.net.inject(init.to, dialler, &reply);
        assert_eq!(pair.net.last_result, Err(Ignored::Negotiation(Dropped::Check)));
    }
    assert_eq!(pair.net.node(0).host.stats().curve_operations, before);
}

/// A dial whose forger knows the moment to send a thousand packets, made from one of the dial's own
/// by `break_it`, each time that one of that `kind` is seen; and how long it takes, and how many
/// operations on the curve both hosts did.
fn dial_beside_thousands(kind: u8, break_it: &dyn Fn(&mut [u8], usize)) -> (Duration, u64) {
    let mut pair = Pair::with(3, &slow_link(), |_, config| config.cookies = CookieMode::Auto);
    pair.net.log = Some(vec![]);
    let begun = pair.net.now();
    pair.dial();
    let mut is_heard = false;
    while !is_heard {
        assert!(pair.net.now().since(begun) < 11 * SECOND, "the dial has failed");
        for (node, event) in pair.net.run_for(MS) {
            is_heard |= node == 1 && matches!(event, Event::Session(_, SessionEvent::Incoming));
        }
        for seen in pair.net.log.replace(vec![]).unwrap_or_default() {
            if seen.packet.first() == Some(&kind) {
                for round in 0..1_000 {
                    let mut packet = seen.packet.clone();
                    break_it(&mut packet, round);
                    pair.net.inject(seen.from, seen.to, &packet);
                }
            }
        }
    }
    let work = [0, 1].map(|node| pair.net.node(node).host.stats().curve_operations);
    (pair.net.now().since(begun), work.iter().sum())
}

// Spec: R-5.6-7, R-5.6-9, R-5.7-6, R-5.7-15, R-13.7-8.
#[test]
fn thousands_of_broken_copies_cost_hashes_and_delay_nothing() {
    let (quiet, work) = dial_beside_thousands(0xff, &|_, _| {});
    // A REPLY, broken everywhere.
    let broken = |packet: &mut [u8], round: usize| {
        let place = 5 + round % (packet.len() - 5);
        packet[place] ^= 1;
    };
    assert_eq!(dial_beside_thousands(0xc2, &broken), (quiet, work));
    // A FINISH, broken in the initiator's key: the tag behind it is wrong.
    let in_key = |packet: &mut [u8], round: usize| packet[5 + round % 48] ^= 1;
    assert_eq!(dial_beside_thousands(0xc3, &in_key), (quiet, work));
    // Broken behind it: the key is true, and what was agreed on with it is kept.
    let behind_key = |packet: &mut [u8], round: usize| packet[53 + round % 16] ^= 1;
    assert_eq!(dial_beside_thousands(0xc3, &behind_key), (quiet, work));
}

/// Whether a dial of a host that asks for cookies succeeds beside a forger that first uses up the
/// COOKIEs that are obeyed at once, and then sends `late` forged ones after each true one.
fn dials_beside_late_cookies(seed: u64, late: u8) -> bool {
    let mut pair = Pair::with(seed, &slow_link(), |_, config| {
        config.cookies = CookieMode::Always;
        config.answers_unknown = true;
    });
    pair.net.log = Some(vec![]);
    let dialler = pair.net.path_to(0).peer;
    pair.dial();
    let (mut inits, mut waiting) = (0, vec![]);
    for _ in 0..11_000 {
        for (node, event) in pair.net.run_for(MS) {
            if node == 0 && matches!(event, Event::Session(_, SessionEvent::Ready)) {
                return true;
            }
        }
        for seen in pair.net.log.replace(vec![]).unwrap_or_default() {
            if !is_init(&seen) {
                continue;
            }
            inits += 1;
            let cookie = some_cookie(&pair, &seen);
            if inits <= 4 {
                pair.net.inject(seen.to, dialler, &answer(&pair, 0xc4, &cookie, &seen.packet));
            }
            // A round trip is 100 ms.
            let at = pair.net.now().after(103 * MS);
            for count in 0..late {
                let cookie = [&cookie[..15], &[count]].concat();
                waiting.push((at, seen.to, answer(&pair, 0xc4, &cookie, &seen.packet)));
            }
        }
        let now = pair.net.now();
        for (_, from, packet) in waiting.extract_if(.., |(at, ..)| *at <= now) {
            pair.net.inject(from, dialler, &packet);
        }
    }
    false
}

// Spec: R-5.5-5.
#[test]
fn forged_cookies_after_each_true_one_end_few_dials() {
    for late in [1, 2, 4] {
        let dialled = (0..20).filter(|seed| dials_beside_late_cookies(*seed, late)).count();
        println!("{late} forged after each true one: {dialled} of 20 dials");
        assert!(dialled >= 12, "{dialled} of 20 beside {late}");
    }
}
