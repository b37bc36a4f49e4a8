//! What paths do: lose, repeat and delay packets; and how busy hosts ask for proof of address.

use core::net::Ipv4Addr;
use std::vec;
use std::vec::Vec;

use super::pair::{IDLE, Pair, TO, at, parameters};
use crate::negotiation::*;
use crate::noise::Pattern;
use crate::path::Path;
use crate::time::{Instant, micros};
use crate::wire::negotiation::{COOKIE_PACKET_LEN, Init};

const ALWAYS: FrontConfig =
    FrontConfig { cookies: CookieMode::Always, inits_per_second: 64, answers_strangers: true };

// Spec: R-5.2-6, R-5.4-5, R-5.5-2, R-13.7-1.
#[test]
fn a_busy_host_asks_for_a_cookie_and_accepts_it() {
    for pattern in Pattern::ALL {
        let mut pair = Pair::with(pattern, ALWAYS);
        let operations = pair.crypto.operations.get();
        let init = pair.write_init();
        let (verdict, cookie) = pair.meet(at(0), &init);
        assert_eq!(verdict, Verdict::SendCookie(COOKIE_PACKET_LEN));
        assert_eq!(pair.initiator.handle_cookie(TO, &cookie), Ok(()));
        let second = pair.write_init();
        assert_eq!(init[..480], second[..480], "all but the cookie and the check is the same");
        assert!(matches!(pair.meet(at(0), &second).0, Verdict::Accept(_)));
        assert_eq!(pair.crypto.operations.get(), operations);
        let (ours, theirs, _) = pair.complete(b"frames");
        assert_eq!(ours.hash, theirs.hash);
    }
}

// Spec: R-5.5-1, R-13.9-1.
#[test]
fn a_cookie_is_worth_nothing_elsewhere_or_later() {
    let mut pair = Pair::with(Pattern::Xk, ALWAYS);
    let init = pair.write_init();
    let (_, cookie) = pair.meet(at(1), &init);
    pair.initiator.handle_cookie(TO, &cookie).unwrap();
    let init = pair.write_init();
    assert!(matches!(pair.meet(at(29), &init).0, Verdict::Accept(_)));
    assert!(matches!(pair.meet(at(30), &init).0, Verdict::SendCookie(_)), "two rotations");
    assert!(matches!(pair.meet(at(1 + 31), &init).0, Verdict::SendCookie(_)));
    for from in ["192.0.2.2:40000", "192.0.2.1:40001"] {
        pair.from = from.parse().unwrap();
        assert!(matches!(pair.meet(at(2), &init).0, Verdict::SendCookie(_)), "{from}");
    }
    // Another ephemeral key, with the cookie of the first.
    let mut other = Pair::with(Pattern::Xk, ALWAYS);
    let call = Call { ephemeral: &[44; 32], ..other.call(Pattern::Xk) };
    other.initiator = Initiator::new(&other.crypto, at(0), &call).unwrap();
    let mut packet = other.write_init();
    packet[480..496].copy_from_slice(&cookie[5..21]);
    let packet = super::pair::checked(other.check_key(), &packet);
    assert!(matches!(other.meet(at(1), &packet).0, Verdict::SendCookie(_)));
    packet_is_accepted_with_its_own(&mut other);
}

fn packet_is_accepted_with_its_own(pair: &mut Pair) {
    let init = pair.write_init();
    let (_, cookie) = pair.meet(at(1), &init);
    pair.initiator.handle_cookie(TO, &cookie).unwrap();
    let init = pair.write_init();
    assert!(matches!(pair.meet(at(1), &init).0, Verdict::Accept(_)));
}

// Spec: R-5.5-2.
#[test]
fn a_host_with_little_to_do_asks_for_no_cookie_until_there_is_more() {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let mut verdict = |now: Instant, half_open| {
        let (front, crypto, mut out) = (&mut pair.front, &mut pair.crypto, [0; 64]);
        let verdict = front.check_init(crypto, now, &init, pair.from, half_open, &mut out);
        matches!(verdict, Verdict::Accept(_))
    };
    assert!(verdict(at(5), IDLE));
    assert!(!verdict(at(5), HalfOpen { count: 8, limit: 16 }));
    let accepted = (0..200).filter(|_| verdict(at(10), IDLE)).count();
    assert_eq!(accepted, 64);
    assert!(verdict(at(60), IDLE));
}

// Spec: R-5.2-3, R-5.4-4, R-5.5-6.
#[test]
fn strangers_are_answered_only_if_the_host_wants_and_only_with_a_cookie() {
    for cookies in [CookieMode::Always, CookieMode::Auto, CookieMode::Never] {
        let config = FrontConfig { cookies, inits_per_second: 64, answers_strangers: false };
        let mut pair = Pair::with(Pattern::Xx, config);
        let init = pair.write_init();
        assert_eq!(pair.meet(at(1), &init).0, Verdict::Drop(Dropped::PatternRefused));

        let config = FrontConfig { answers_strangers: true, ..config };
        let mut pair = Pair::with(Pattern::Xx, config);
        let init = pair.write_init();
        let (verdict, cookie) = pair.meet(at(1), &init);
        assert!(matches!(verdict, Verdict::SendCookie(_)), "{cookies:?}");
        pair.initiator.handle_cookie(TO, &cookie).unwrap();
        let init = pair.write_init();
        assert!(matches!(pair.meet(at(1), &init).0, Verdict::Accept(_)));
    }
    let config = FrontConfig { cookies: CookieMode::Never, ..FrontConfig::default() };
    for pattern in [Pattern::Xk, Pattern::Ik] {
        let mut pair = Pair::with(pattern, config);
        let init = pair.write_init();
        assert!(matches!(pair.meet(at(1), &init).0, Verdict::Accept(_)));
    }
}

// Spec: R-5.2-6, R-5.6-4, R-5.6-5.
#[test]
fn a_repeated_init_gets_the_same_reply_wherever_it_comes_from() {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let mut responder = pair.respond(&init).unwrap();
    let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
    let again = pair.write_init();
    assert_eq!(again, init);
    let before = pair.crypto.operations.get();
    let parsed = Init::parse(&again).unwrap();
    assert!(responder.is_repeat(&parsed));
    assert!(responder.is_repeat(&Init { cookie: [7; 16], ..parsed }));
    assert_eq!(responder.repeat(at(0)), reply);
    assert_eq!(pair.crypto.operations.get(), before);
    let channel = ChannelId::new(9).unwrap();
    assert!(!responder.is_repeat(&Init { channel, ..parsed }));
    let mut noise = parsed.noise.to_vec();
    noise[31] ^= 1;
    assert!(!responder.is_repeat(&Init { noise: &noise, ..parsed }));
    assert_eq!(responder.expires_at(), at(10));
}

// Spec: R-5.6-7.
#[test]
fn a_late_second_reply_changes_nothing() {
    let mut pair = Pair::new(Pattern::Xk);
    let responder = pair.answered();
    let late = pair.initiator.handle_reply(&pair.crypto, at(0), TO, responder.reply());
    assert_eq!(late, Err(ReplyError::Dropped(Dropped::State)));
    assert!(pair.initiator.agree_and_seal(&pair.crypto, &[], &mut [0; 1200]).is_ok());
    assert!(pair.initiator.is_over());
}

// Spec: R-5.10-1, R-5.10-2.
#[test]
fn inits_are_sent_further_and_further_apart_and_then_no_more() {
    let mut pair = Pair::new(Pattern::Xk);
    let mut sent: Vec<u64> = Vec::new();
    let end = loop {
        let now = pair.initiator.deadline().unwrap();
        match pair.initiator.handle_timeout(now) {
            TimerVerdict::Resend => {
                pair.initiator.write_init(now, TO, &mut [0; 512]).unwrap();
                sent.push(now.as_micros());
            }
            TimerVerdict::GiveUp => break now,
            TimerVerdict::Wait => panic!("the deadline was wrong"),
        }
    };
    let pauses: Vec<u64> = sent.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let expected = [250_000, 312_500, 390_625, 488_281, 500_000];
    assert_eq!((sent[0], &pauses[..5]), (0, &expected[..]));
    assert!(pauses[5..].iter().all(|pause| *pause == 500_000));
    assert_eq!(end.as_micros(), micros(limits::HANDSHAKE_TIMEOUT));
    assert_eq!(pair.initiator.handle_timeout(at(100)), TimerVerdict::Wait);
    assert!(pair.initiator.is_over());
}

#[test]
fn a_call_waits_for_the_time_and_for_nothing_once_answered() {
    let mut pair = Pair::new(Pattern::Xk);
    pair.write_init();
    let almost = Instant::from_micros(249_999);
    assert_eq!(pair.initiator.handle_timeout(almost), TimerVerdict::Wait);
    pair.answered();
    assert_eq!(pair.initiator.deadline(), None);
    assert_eq!(pair.initiator.handle_timeout(at(100)), TimerVerdict::Wait);
}

/// A COOKIE as anybody can make it who sees the INIT.
fn forged(pair: &Pair, init: &[u8], cookie: u8) -> Vec<u8> {
    let mut packet = vec![0xc4];
    packet.extend_from_slice(&init[4..8]);
    packet.extend_from_slice(&[cookie; 16]);
    let check = pair.check_key().cookie(&packet, init.last_chunk().unwrap());
    packet.extend_from_slice(&check);
    packet
}

fn cookie_in(init: &[u8]) -> [u8; 16] {
    init[480..496].try_into().unwrap()
}

/// Time passes until the next INIT goes out by the timer.
fn next_init(pair: &mut Pair) -> Vec<u8> {
    let now = pair.initiator.deadline().unwrap();
    assert_eq!(pair.initiator.handle_timeout(now), TimerVerdict::Resend);
    assert_eq!(pair.initiator.due_path(), Some(TO));
    let mut out = [0; 512];
    pair.initiator.write_init(now, TO, &mut out).unwrap();
    assert_eq!(pair.initiator.due_path(), None);
    out.to_vec()
}

// Spec: R-5.5-5.
#[test]
fn four_cookies_are_obeyed_at_once_and_later_ones_by_the_timer() {
    let mut pair = Pair::with(Pattern::Xk, ALWAYS);
    let plain = pair.write_init();
    for round in 1..=4 {
        let init = pair.write_init();
        let packet = forged(&pair, &init, round);
        assert_eq!(pair.initiator.handle_cookie(TO, &packet), Ok(()));
        assert_eq!(pair.initiator.due_path(), Some(TO));
        assert_eq!(cookie_in(&pair.write_init()), [round; 16]);
        assert!(pair.initiator.handle_cookie(TO, &packet).is_err(), "a copy");
    }
    for round in 5..=9 {
        let packet = forged(&pair, &plain, round);
        assert_eq!(pair.initiator.handle_cookie(TO, &packet), Ok(()));
        assert_eq!(pair.initiator.due_path(), None, "no packet of anybody makes another go out");
    }
    let carried: Vec<u8> = (0..6).map(|_| cookie_in(&next_init(&mut pair))[0]).collect();
    let kept = carried[1];
    assert!((4..9).contains(&kept), "{kept}");
    assert_eq!(carried, [9, kept, 0, 9, kept, 0]);
}

// Spec: R-5.5-4, R-5.5-5.
#[test]
fn a_faster_forger_delays_no_call_beyond_the_next_init() {
    let mut pair = Pair::with(Pattern::Xk, ALWAYS);
    let plain = pair.write_init();
    let mut init = plain.clone();
    for round in 1..=4 {
        let packet = forged(&pair, &init, round);
        pair.initiator.handle_cookie(TO, &packet).unwrap();
        init = pair.write_init();
    }
    // Only now comes what the responder answered to the first INIT.
    let (_, genuine) = pair.meet(at(0), &plain);
    assert_eq!(pair.initiator.handle_cookie(TO, &genuine), Ok(()));
    let init = next_init(&mut pair);
    assert!(matches!(pair.meet(at(0), &init).0, Verdict::Accept(_)));
}

// Spec: R-5.5-4, R-5.10-5.
#[test]
fn each_path_of_a_call_has_its_own_cookies_and_timer() {
    let other = Path { local: None, peer: "192.0.2.10:1".parse().unwrap() };
    let mut pair = Pair::with(Pattern::Xk, ALWAYS);
    let plain = pair.write_init();
    let after = Instant::from_micros(250_000);
    pair.initiator.add_path(at(0), other, after).unwrap();
    pair.initiator.add_path(at(0), other, after).unwrap();
    assert_eq!(pair.initiator.due_path(), None, "not yet");
    assert_eq!(pair.initiator.handle_timeout(after), TimerVerdict::Resend);
    let mut there = [0; 512];
    for path in [TO, other] {
        assert_eq!(pair.initiator.due_path(), Some(path));
        pair.initiator.write_init(after, path, &mut there).unwrap();
        assert_eq!(there[..], plain);
    }
    let cookie = forged(&pair, &plain, 7);
    let stray = Path { local: None, peer: "192.0.2.11:1".parse().unwrap() };
    assert_eq!(pair.initiator.handle_cookie(stray, &cookie), Err(Dropped::OtherAddress));
    assert_eq!(pair.initiator.handle_cookie(other, &cookie), Ok(()));
    pair.initiator.write_init(after, other, &mut there).unwrap();
    assert_eq!((cookie_in(&pair.write_init()), cookie_in(&there)), ([0; 16], [7; 16]));
    for port in 2.. {
        let path = Path { local: None, peer: (Ipv4Addr::LOCALHOST, port).into() };
        if pair.initiator.add_path(at(0), path, at(0)).is_err() {
            assert_eq!(usize::from(port), limits::MAX_ROUTES);
            break;
        }
    }
}

// Spec: R-5.6-8.
#[test]
fn a_reply_that_somebody_copied_leads_nowhere() {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let mut responder = pair.respond(&init).unwrap();
    let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
    let thief = Path { local: None, peer: "192.0.2.66:8661".parse().unwrap() };
    let error = ReplyError::Dropped(Dropped::OtherAddress);
    assert_eq!(pair.initiator.handle_reply(&pair.crypto, at(0), thief, &reply), Err(error));
    assert!(pair.initiator.handle_reply(&pair.crypto, at(0), TO, &reply).is_ok());
}

// Spec: R-5.6-8.
#[test]
fn a_reply_from_where_the_call_is_only_to_be_tried_later_leads_nowhere() {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let mut responder = pair.respond(&init).unwrap();
    let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
    let later = Path { local: None, peer: "192.0.2.66:8661".parse().unwrap() };
    pair.initiator.add_path(at(0), later, at(1)).unwrap();
    let operations = pair.crypto.operations.get();
    let error = ReplyError::Dropped(Dropped::OtherAddress);
    assert_eq!(pair.initiator.handle_reply(&pair.crypto, at(0), later, &reply), Err(error));
    assert_eq!(pair.crypto.operations.get(), operations);
    pair.initiator.handle_timeout(at(1));
    pair.initiator.write_init(at(1), later, &mut [0; 512]).unwrap();
    assert!(pair.initiator.handle_reply(&pair.crypto, at(1), later, &reply).is_ok());
}

// Spec: R-13.7-3.
#[test]
fn a_source_may_call_the_less_often_the_busier_the_host_is() {
    for (count, allowed) in [(8, 6), (6, 20), (0, 80)] {
        let mut pair = Pair::with(Pattern::Xk, ALWAYS);
        let init = pair.write_init();
        let (_, cookie) = pair.meet(at(1), &init);
        pair.initiator.handle_cookie(TO, &cookie).unwrap();
        let init = pair.write_init();
        let half_open = HalfOpen { count, limit: 8 };
        let mut is_accepted = |now| {
            let (front, crypto) = (&mut pair.front, &mut pair.crypto);
            let verdict = front.check_init(crypto, now, &init, pair.from, half_open, &mut [0; 512]);
            assert!(matches!(verdict, Verdict::Accept(_) | Verdict::Drop(Dropped::TooMany)));
            matches!(verdict, Verdict::Accept(_))
        };
        let at_once = (0..200).filter(|_| is_accepted(at(2))).count();
        assert!(at_once.abs_diff(allowed) <= 4 + allowed / 8, "{at_once} with {count} half-open");
        assert!(is_accepted(at(3)));
    }
}

// Spec: R-5.5-3.
#[test]
fn a_cookie_is_not_looked_at_when_there_is_little_to_do() {
    let mut pair = Pair::new(Pattern::Xk);
    let mut init = pair.write_init();
    init[480..496].fill(9);
    let init = super::pair::checked(pair.check_key(), &init);
    assert!(matches!(pair.meet(at(2), &init).0, Verdict::Accept(_)));
}
