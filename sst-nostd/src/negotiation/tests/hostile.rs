//! What attackers do: forge, change, swap and replay packets.

use std::vec::Vec;

use super::flipped;
use super::pair::{Numbers, Pair, at, checked, parameters};
use crate::bytes::Writer;
use crate::negotiation::*;
use crate::noise::Pattern;
use crate::time::Instant;
use crate::wire::negotiation::{Cookie, Init, MIN_INIT_BYTES, Reply, Version};

// Spec: R-4.1-2, R-5.4-3.
#[test]
fn an_init_with_any_bit_changed_is_dropped_by_the_front() {
    for pattern in Pattern::ALL {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let init = pair.pass_front(&init);
        for wrong in flipped(&init) {
            let verdict = pair.meet(at(0), &wrong).0;
            assert!(matches!(verdict, Verdict::Drop(_)), "{verdict:?}");
        }
    }
}

/// The key of the check is no secret: whoever knows whom the call is for can make the check right.
// Spec: R-13.4-1.
#[test]
fn an_init_changed_by_one_who_corrects_the_check_leads_to_no_session_or_to_the_same() {
    for pattern in Pattern::ALL {
        let mut pair = Pair::with(
            pattern,
            FrontConfig {
                cookies: CookieMode::Never,
                inits_per_second: 1 << 30,
                answers_strangers: true,
            },
        );
        let init = pair.write_init();
        let init = pair.pass_front(&init);
        let (mut completed, mut tried) = (0, 0);
        for wrong in flipped(&init[..MIN_INIT_BYTES - 16]) {
            let mut whole = wrong;
            whole.extend([0; 16]);
            let wrong = checked(pair.check_key(), &whole);
            // Not more often than one source may call.
            let now = at(0).after(Duration::from_millis(50).saturating_mul(tried));
            if !matches!(pair.meet(now, &wrong).0, Verdict::Accept(_)) {
                continue;
            }
            tried += 1;
            let Ok(mut responder) = pair.respond(&wrong) else { continue };
            let Ok(reply) = responder.accept(&pair.crypto, at(0), &parameters(2)) else { continue };
            let reply = reply.to_vec();
            pair.initiator = Initiator::new(&pair.crypto, at(0), &pair.call(pattern)).unwrap();
            pair.write_init();
            if let Ok(answer) =
                pair.initiator.handle_reply(&pair.crypto, at(0), super::pair::TO, &reply)
            {
                // Only the cookie was changed: it is no part of the handshake.
                assert_eq!(wrong[..480], init[..480]);
                assert_eq!(answer.peer, pair.responder_id());
                completed += 1;
            }
        }
        // In XX the front asks for the cookie, so a changed key or cookie comes no further.
        let (expected, least) = if pattern == Pattern::Xx { (0, 80) } else { (128, 500) };
        assert_eq!(completed, expected, "a changed cookie where none is asked for");
        assert!(tried > least, "{pattern:?} {tried}");
    }
}

// Spec: R-5.6-7.
#[test]
fn a_reply_with_any_bit_changed_is_dropped_and_the_true_one_still_counts() {
    for pattern in Pattern::ALL {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let packet = pair.pass_front(&init);
        let mut responder = pair.respond(&packet).unwrap();
        let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
        for (round, wrong) in flipped(&reply).enumerate() {
            // A call tries so many false replies and no more: begin it again before that.
            if round % 100 == 0 {
                pair.initiator = Initiator::new(&pair.crypto, at(0), &pair.call(pattern)).unwrap();
                pair.write_init();
            }
            let error = pair
                .initiator
                .handle_reply(&pair.crypto, at(0), super::pair::TO, &wrong)
                .unwrap_err();
            let ReplyError::Dropped(dropped) = error else { panic!("{error:?}") };
            let is_expected = match round / 8 {
                0 => dropped == Dropped::Packet(PacketError::Kind),
                1..5 => dropped == Dropped::Channel,
                _ => dropped == Dropped::Check,
            };
            assert!(is_expected, "{round} {dropped:?}");
        }
        assert!(pair.initiator.handle_reply(&pair.crypto, at(0), super::pair::TO, &reply).is_ok());
    }
}

// Spec: R-5.7-6.
#[test]
fn a_finish_with_any_bit_changed_is_dropped_cheaply_and_the_true_one_still_counts() {
    for pattern in [Pattern::Xk, Pattern::Xx] {
        let mut pair = Pair::new(pattern);
        let mut responder = pair.answered();
        let mut finish = [0; 1200];
        let (ours, len) =
            pair.initiator.agree_and_seal(&pair.crypto, b"frames", &mut finish).unwrap();
        let finish = &finish[..len];
        let key_end = 5 + 32 + 16;
        for (bit, wrong) in flipped(finish).enumerate() {
            let before = pair.crypto.operations.get();
            let error = responder.handle_finish(&pair.crypto, at(0), &wrong, &mut [0; 1200]);
            assert!(error.is_err());
            let spent = pair.crypto.operations.get() - before;
            // What was agreed on with the key that opened is kept for the next.
            assert_eq!(spent, u32::from(bit == 8 * key_end), "{bit}");
        }
        let mut received = [0; 1200];
        let (theirs, len) =
            responder.handle_finish(&pair.crypto, at(0), finish, &mut received).unwrap();
        assert_eq!((&received[..len], theirs.hash), (&b"frames"[..], ours.hash));
        let again = responder.handle_finish(&pair.crypto, at(0), finish, &mut received);
        assert_eq!(again.unwrap_err(), Dropped::State);
    }
}

// Spec: R-4.1-2, R-5.4-3, R-5.4-6.
#[test]
fn an_init_for_another_host_is_dropped_without_an_answer() {
    for pattern in [Pattern::Xk, Pattern::Ik] {
        let mut pair = Pair::new(pattern);
        let mut call = pair.call(pattern);
        call.peer = Some(HostId::new([0x42; 32]));
        pair.initiator = Initiator::new(&pair.crypto, at(0), &call).unwrap();
        let init = pair.write_init();
        assert_eq!(pair.meet(at(0), &init).0, Verdict::Drop(Dropped::Check));
        // The check of whoever corrects it does not help: the handshake is for another key.
        let init = checked(pair.check_key(), &init);
        assert!(matches!(pair.meet(at(0), &init).0, Verdict::Accept(_)));
        assert_eq!(pair.respond(&init).unwrap_err(), Dropped::Noise(NoiseError::Open));
    }
}

// Spec: R-5.5-4, R-13.9-2.
#[test]
fn forged_cookies_are_ignored() {
    let config = FrontConfig { cookies: CookieMode::Always, ..FrontConfig::default() };
    let mut pair = Pair::with(Pattern::Xk, config);
    let early = Cookie { channel: pair.initiator.channel(), cookie: [1; 16], check: [0; 16] };
    assert_eq!(
        pair.initiator.handle_cookie(super::pair::TO, &written(&early)),
        Err(Dropped::State)
    );
    let init = pair.write_init();
    let (_, cookie) = pair.meet(at(0), &init);
    for wrong in flipped(&cookie) {
        assert!(pair.initiator.handle_cookie(super::pair::TO, &wrong).is_err());
    }
    // One that answers an INIT of someone else.
    let check = pair.check_key().cookie(&cookie[..21], &[0; 16]);
    let mut other = cookie.clone();
    other[21..].copy_from_slice(&check);
    assert_eq!(pair.initiator.handle_cookie(super::pair::TO, &other), Err(Dropped::Check));
    assert_eq!(pair.write_init(), init, "nothing changed");
    assert_eq!(pair.initiator.handle_cookie(super::pair::TO, &cookie), Ok(()));
    assert_ne!(pair.write_init(), init);
    assert_eq!(
        pair.initiator.handle_cookie(super::pair::TO, &cookie),
        Err(Dropped::TooMany),
        "a replay"
    );
}

fn written(cookie: &Cookie) -> Vec<u8> {
    let mut out = [0; 64];
    let mut writer = Writer::new(&mut out);
    cookie.encode(&mut writer).unwrap();
    writer.written().to_vec()
}

fn version_packet(pair: &Pair, init: &[u8], versions: &[u8]) -> Vec<u8> {
    let version = Version { channel: pair.initiator.channel(), versions, check: [0; 16] };
    let mut out = [0; 64];
    let mut writer = Writer::new(&mut out);
    version.encode(&mut writer).unwrap();
    let mut packet = writer.written().to_vec();
    let covered_len = packet.len() - 16;
    let init_check: &[u8; 16] = init.last_chunk().unwrap();
    let check = pair.check_key().version(&packet[..covered_len], init_check);
    packet[covered_len..].copy_from_slice(&check);
    packet
}

// Spec: R-5.8-2, R-5.8-3, R-5.8-4.
#[test]
fn a_version_ends_no_call_and_names_the_reason_only_if_its_check_is_right() {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let ours_too = version_packet(&pair, &init, &[2, 1]);
    assert_eq!(
        pair.initiator.handle_version(super::pair::TO, &ours_too).unwrap_err(),
        Dropped::Version
    );
    let packet = version_packet(&pair, &init, &[2, 3]);
    for wrong in flipped(&packet) {
        assert!(pair.initiator.handle_version(super::pair::TO, &wrong).is_err());
    }
    assert!(pair.initiator.peer_versions().is_empty());
    assert_eq!(pair.initiator.handle_version(super::pair::TO, &packet), Ok(()));
    assert_eq!(pair.initiator.peer_versions(), [2, 3]);
    assert_eq!(pair.write_init(), init, "no other version is tried");
    // Whoever saw the INIT may have made it: the call goes on to its end.
    let almost = Instant::from_micros(9_999_999);
    assert_eq!(pair.initiator.handle_timeout(almost), TimerVerdict::Resend);
    assert_eq!(pair.initiator.handle_timeout(at(10)), TimerVerdict::GiveUp);
    assert!(pair.initiator.is_over());
    let late = pair.initiator.handle_version(super::pair::TO, &packet);
    assert_eq!(late, Err(Dropped::State));
}

#[test]
fn a_reply_outdoes_a_version() {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let packet = version_packet(&pair, &init, &[2]);
    pair.initiator.handle_version(super::pair::TO, &packet).unwrap();
    let (ours, theirs, _) = pair.complete(b"frames");
    assert_eq!(ours.hash, theirs.hash);
}

// Spec: R-5.4-3, R-5.4-4, R-13.5-2.
#[test]
fn strangers_are_met_with_silence_whatever_version_they_speak() {
    let mut pair = Pair::with(Pattern::Xx, FrontConfig::default());
    let mut init = pair.write_init();
    for version in [1, 2, 255] {
        init[1] = version;
        let init = checked(pair.check_key(), &init);
        let (verdict, packet) = pair.meet(at(0), &init);
        assert_eq!((verdict, packet.len()), (Verdict::Drop(Dropped::PatternRefused), 0));
    }
}

// Spec: R-5.4-2, R-5.4-3, R-5.8-1.
#[test]
fn an_init_of_another_version_is_answered_if_its_check_is_right() {
    for pattern in [Pattern::Xk, Pattern::Xx] {
        let mut pair = Pair::new(pattern);
        let mut init = pair.write_init();
        init[1] = 2;
        assert_eq!(pair.meet(at(0), &init).0, Verdict::Drop(Dropped::Check));
        let init = checked(pair.check_key(), &init);
        let (verdict, packet) = pair.meet(at(0), &init);
        assert_eq!((verdict, packet.len()), (Verdict::SendVersion(23), 23));
        assert_eq!(packet, version_packet(&pair, &init, &[1]));
        let without_space = pair.front.check_init(
            &mut pair.crypto,
            at(0),
            &init,
            pair.from,
            HalfOpen { count: 0, limit: 1 },
            &mut [0; 22],
        );
        assert_eq!(without_space, Verdict::Drop(Dropped::Full));
    }
}

// Spec: R-5.6-7.
#[test]
fn the_true_reply_is_taken_however_many_false_ones_came_before() {
    for pattern in [Pattern::Xk, Pattern::Xx, Pattern::Ik] {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let mut responder = pair.respond(&init).unwrap();
        let reply_key = responder.reply_key();
        let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
        for round in 0..500 {
            let mut wrong = reply.clone();
            wrong[5 + round % (reply.len() - 5)] ^= 1;
            let result = pair.initiator.handle_reply(&pair.crypto, at(0), super::pair::TO, &wrong);
            assert_eq!(result, Err(ReplyError::Dropped(Dropped::Check)));
        }
        // In XX everybody can make the check who saw the INIT.
        for round in 0..500 {
            let mut wrong = reply.clone();
            let covered_len = reply.len() - 16;
            wrong[5 + round % (covered_len - 5)] ^= 1;
            let check = reply_key.check(&wrong[..covered_len]);
            wrong[covered_len..].copy_from_slice(&check);
            let result = pair.initiator.handle_reply(&pair.crypto, at(0), super::pair::TO, &wrong);
            assert!(matches!(result, Err(ReplyError::Dropped(Dropped::Noise(_)))), "{result:?}");
        }
        assert!(pair.initiator.handle_reply(&pair.crypto, at(0), super::pair::TO, &reply).is_ok());
    }
}

// Spec: R-4.1-1.
#[test]
fn a_reply_as_large_as_its_init_is_dropped() {
    let mut pair = Pair::new(Pattern::Xk);
    pair.write_init();
    let noise = [0; MIN_INIT_BYTES - 21];
    let reply = Reply { channel: pair.initiator.channel(), noise: &noise, check: [0; 16] };
    let mut out = [0; MIN_INIT_BYTES];
    reply.encode(&mut Writer::new(&mut out)).unwrap();
    let dropped = ReplyError::Dropped(Dropped::Packet(PacketError::Length));
    assert_eq!(
        pair.initiator.handle_reply(&pair.crypto, at(0), super::pair::TO, &out),
        Err(dropped)
    );
}

// Spec: R-5.3-1, R-13.6-1.
#[test]
fn keys_of_low_order_are_refused() {
    for point in crate::crypto::fixtures::low_order_points() {
        let mut pair = Pair::new(Pattern::Xk);
        let mut init = pair.write_init();
        init[10..42].copy_from_slice(&point);
        let init = checked(pair.check_key(), &init);
        assert_eq!(pair.respond(&init).unwrap_err(), Dropped::Noise(NoiseError::Agree));
    }
}

// Spec: R-4.1-2.
#[test]
fn random_packets_are_dropped_by_every_end() {
    let mut numbers = Numbers(0x5511);
    let mut pair = Pair::new(Pattern::Xk);
    let mut waiting = pair.answered();
    pair.initiator = Initiator::new(&pair.crypto, at(0), &pair.call(Pattern::Xk)).unwrap();
    let init = pair.write_init();
    for round in 0..5000 {
        let len = numbers.next() as usize % 1300;
        let mut packet: Vec<u8> = (0..len).map(|_| numbers.next() as u8).collect();
        if let Some(first) = packet.first_mut() {
            *first = 0xc1 + (round % 6) as u8;
        }
        if round % 3 == 0
            && let Some(place) = packet.get_mut(1..5)
        {
            place.copy_from_slice(&[0x11; 4]);
        }
        assert!(matches!(pair.meet(at(0), &packet).0, Verdict::Drop(_)));
        assert!(
            pair.initiator.handle_reply(&pair.crypto, at(0), super::pair::TO, &packet).is_err()
        );
        assert!(pair.initiator.handle_cookie(super::pair::TO, &packet).is_err());
        assert!(pair.initiator.handle_version(super::pair::TO, &packet).is_err());
        assert!(waiting.handle_finish(&pair.crypto, at(0), &packet, &mut [0; 1300]).is_err());
    }
    assert_eq!(pair.write_init(), init);
    assert!(Init::parse(&init).is_ok());
}
