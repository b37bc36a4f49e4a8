//! Both ends in memory: every pattern, and everything that can be done to the packets between them.

mod hostile;
mod instance;
pub(super) mod pair;
mod path;
mod stolen;

use std::vec;
use std::vec::Vec;

use super::limits::{MAX_FINISH_PAYLOAD_LEN, MAX_REPLY_LEN};
use super::*;
use crate::wire::Suites;
use crate::wire::negotiation::MIN_INIT_BYTES;
use pair::{Pair, at, parameters};

/// The two results belong together.
fn assert_same_view(ours: &Ready, theirs: &Ready) {
    assert_eq!(ours.split.initiator_to_responder, theirs.split.initiator_to_responder);
    assert_eq!(ours.split.responder_to_initiator, theirs.split.responder_to_initiator);
    assert_eq!(ours.hash, theirs.hash);
    assert_eq!(ours.suite, theirs.suite);
    assert_eq!((ours.channel, ours.peer_channel), (theirs.peer_channel, theirs.channel));
    assert_ne!(ours.split.initiator_to_responder, ours.split.responder_to_initiator);
}

// Spec: R-5.2-2, R-5.2-3, R-5.4-6, R-5.6-2, R-5.7-1, R-5.7-11, R-5.9-7, R-13.16-1.
#[test]
fn every_pattern_ends_with_the_same_keys_and_each_other_s_parameters() {
    for pattern in Pattern::ALL {
        let mut pair = Pair::new(pattern);
        let (ours, theirs, payload) = pair.complete(b"first frames");
        assert_same_view(&ours, &theirs);
        assert_eq!((ours.peer, theirs.peer), (pair.responder_id(), pair.initiator_id()));
        assert_eq!((ours.role, theirs.role), (Role::Initiator, Role::Responder));
        let channel = Some(ours.peer_channel);
        let times = (ours.rtt, ours.confirm_by, theirs.confirm_by);
        assert_eq!(times, (Some(Duration::ZERO), at(10), at(10)));
        assert_eq!(ours.parameters, Parameters { channel, suite: Some(1), ..parameters(2) });
        let is_sealed = pattern != Pattern::Xx;
        let reset_token = parameters(1).reset_token.filter(|_| is_sealed);
        assert_eq!(theirs.parameters, Parameters { reset_token, ..parameters(1) });
        let has_finish = pattern != Pattern::Ik;
        assert_eq!(payload, if has_finish { &b"first frames"[..] } else { b"" });
        assert_eq!((ours.is_confirmed, theirs.is_confirmed), (true, has_finish));
    }
}

// Spec: R-5.4-5, R-13.7-1.
#[test]
fn the_curve_is_used_as_often_as_the_patterns_say_and_not_before_the_front() {
    for (pattern, responder_operations) in [(Pattern::Xk, 4), (Pattern::Xx, 4), (Pattern::Ik, 5)] {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let before = pair.crypto.operations.get();
        let packet = pair.pass_front(&init);
        assert_eq!(pair.crypto.operations.get(), before);
        let mut responder = pair.respond(&packet).unwrap();
        let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
        let spent = pair.crypto.operations.get() - before;
        pair.initiator.handle_reply(&pair.crypto, at(0), pair::TO, &reply).unwrap();
        let mut finish = [0; 1200];
        let finished = pair.initiator.agree_and_seal(&pair.crypto, &[], &mut finish);
        let finish_len = finished.unwrap().1;
        let before = pair.crypto.operations.get();
        if finish_len > 0 {
            responder
                .handle_finish(&pair.crypto, at(0), &finish[..finish_len], &mut [0; 1200])
                .unwrap();
        }
        let spent = spent + pair.crypto.operations.get() - before;
        assert_eq!((spent, responder.curve_operations()), (responder_operations, spent));
    }
}

// Spec: R-4.1-3, R-5.4-1, R-5.6-1, R-13.7-2.
#[test]
fn every_answer_is_smaller_than_its_cause() {
    for pattern in Pattern::ALL {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        assert_eq!(init.len(), MIN_INIT_BYTES);
        let packet = pair.pass_front(&init);
        let most = Parameters {
            session_window_bytes: (1 << 62) - 1,
            stream_window_bytes: (1 << 62) - 1,
            root_child_credit: (1 << 62) - 1,
            child_credit: (1 << 62) - 1,
            max_datagram_bytes: (1 << 62) - 1,
            id_window: (1 << 62) - 1,
            max_packet_bytes: u16::MAX,
            ..parameters(2)
        };
        let mut responder = pair.respond(&packet).unwrap();
        let reply_len = responder.accept(&pair.crypto, at(0), &most).unwrap().len();
        assert!(reply_len <= MAX_REPLY_LEN.min(init.len() - 1), "{reply_len}");

        let mut responder = pair.respond(&packet).unwrap();
        let reason = str::from_utf8(&[b'r'; MAX_REFUSAL_LEN]).unwrap();
        let refusal = Refusal { code: TransportCode::SHUTDOWN, reason };
        let reply_len = responder.refuse(&pair.crypto, &refusal).unwrap().len();
        assert!(reply_len <= MAX_REPLY_LEN.min(init.len() - 1), "{reply_len}");
    }
}

// Spec: R-5.6-2, R-5.9-5.
#[test]
fn a_refusal_reaches_the_initiator_with_its_reason() {
    for pattern in Pattern::ALL {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let packet = pair.pass_front(&init);
        let mut responder = pair.respond(&packet).unwrap();
        let is_named = pattern == Pattern::Ik;
        let peer = responder.offer().unwrap().peer;
        assert_eq!(peer, is_named.then_some(pair.initiator_id()));
        let refusal = Refusal { code: TransportCode::IDENTITY_REFUSED, reason: "not you" };
        let reply = responder.refuse(&pair.crypto, &refusal).unwrap().to_vec();
        assert_eq!(responder.reply(), reply);
        assert!(responder.take_unconfirmed().is_none());
        assert_eq!(
            responder.accept(&pair.crypto, at(0), &parameters(2)),
            Err(WriteReplyError::State)
        );
        let error = pair.initiator.handle_reply(&pair.crypto, at(0), pair::TO, &reply).unwrap_err();
        let ReplyError::Refused(refused) = error else { panic!("{error:?}") };
        assert_eq!((refused.code, refused.reason()), (refusal.code, "not you"));
        assert!(pair.initiator.is_over() && pair.initiator.deadline().is_none());
        let finished = pair.initiator.agree_and_seal(&pair.crypto, &[], &mut [0; 1200]);
        assert_eq!(finished.unwrap_err(), FinishError::NotAnswered);
    }
}

// Spec: R-5.9-2, R-5.9-3, R-5.9-4, R-5.9-6.
#[test]
fn an_offer_that_cannot_be_met_can_only_be_refused_and_the_code_says_why() {
    for (list, code) in [
        (&[0x71, 0][..], TransportCode::MANDATORY_EXTENSION),
        (&[0x0e, 1, 1], TransportCode::PARAMETERS),
        (&[0x12, 1, 2], TransportCode::SUITE),
    ] {
        let mut pair = Pair::new(Pattern::Xk);
        let (init, mut handshake) = pair.init_with(list);
        let packet = pair.pass_front(&init);
        let mut responder = pair.respond(&packet).unwrap();
        assert_eq!(responder.offer(), Err(code));
        let accepted = responder.accept(&pair.crypto, at(0), &parameters(2));
        assert_eq!(accepted, Err(WriteReplyError::Refuse(code)));
        let refusal = Refusal { code, reason: "" };
        let reply = responder.refuse(&pair.crypto, &refusal).unwrap().to_vec();
        let mut list = [0; 100];
        let noise = &reply[5..reply.len() - 16];
        let len = handshake.read_message(&pair.crypto, noise, &mut list).unwrap();
        let parsed = Parameters::parse(&list[..len], crate::wire::parameters::Carrier::Reply);
        assert_eq!(parsed.unwrap().refusal, Some(refusal));
    }
}

// Spec: R-5.9-3, R-5.9-6.
#[test]
fn an_initiator_does_not_accept_what_it_did_not_offer() {
    for (list, error) in [
        (&[0x01, 4, 0, 0, 0, 1, 0x13, 1, 2][..], ReplyError::Suite),
        (&[0x01, 4, 0, 0, 0, 1, 0x13, 1, 9], ReplyError::Suite),
        (&[0x01, 4, 0, 0, 0, 1], ReplyError::Parameters(crate::wire::ParametersError::Missing)),
        (&[0x71, 0], ReplyError::Parameters(crate::wire::ParametersError::Mandatory)),
    ] {
        let mut pair = Pair::new(Pattern::Xk);
        let init = pair.write_init();
        let (reply, _) = pair.reply_with(&init, list);
        assert_eq!(pair.initiator.handle_reply(&pair.crypto, at(0), pair::TO, &reply), Err(error));
        assert!(pair.initiator.is_over());
    }
}

// Spec: R-5.9-2, R-5.9-4.
#[test]
fn a_reply_that_will_not_do_is_answered_with_the_reason() {
    let head = &[0x01, 4, 0, 0, 0, 7][..];
    for (list, code) in [
        (&[head, &[0x13, 1, 2]].concat(), TransportCode::SUITE),
        (&[head, &[0x71, 0]].concat(), TransportCode::MANDATORY_EXTENSION),
        (&[head, head].concat(), TransportCode::PARAMETERS),
    ] {
        for pattern in Pattern::ALL {
            let mut pair = Pair::new(pattern);
            let init = pair.write_init();
            let init = pair.pass_front(&init);
            let (reply, mut handshake) = pair.reply_with(&init, list);
            assert!(pair.initiator.handle_reply(&pair.crypto, at(0), pair::TO, &reply).is_err());
            assert!(pair.initiator.is_over() && pair.initiator.deadline().is_none());
            let mut out = [0; 100];
            let len = pair.initiator.write_rejection(&pair.crypto, &mut out).unwrap();
            assert_eq!(pair.initiator.write_rejection(&pair.crypto, &mut out), Ok(0));
            if pattern == Pattern::Ik {
                assert_eq!(len, 0);
                continue;
            }
            let finish = crate::wire::negotiation::Finish::parse(&out[..len]).unwrap();
            assert_eq!(finish.channel.as_u32(), 7);
            let mut frames = [0; 100];
            let len = handshake.read_message(&pair.crypto, finish.noise, &mut frames).unwrap();
            let frames: Vec<_> = crate::wire::Frames::new(&frames[..len]).collect();
            let cause = crate::wire::CloseCause::Transport(code);
            let close = crate::wire::CloseFrame { cause, reason: "" };
            assert_eq!(frames, [Ok(crate::wire::Frame::Close(close))]);
        }
    }
}

// Spec: R-5.10-3.
#[test]
fn the_round_trip_is_measured_from_the_packet_sent_last() {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let mut responder = pair.respond(&init).unwrap();
    let reply = responder.accept(&pair.crypto, at(1), &parameters(2)).unwrap().to_vec();
    let answer = pair.initiator.handle_reply(&pair.crypto, at(2), pair::TO, &reply).unwrap();
    assert_eq!(answer.rtt, Duration::from_secs(2));
    let mut finish = [0; 1200];
    let (ours, len) = pair.initiator.agree_and_seal(&pair.crypto, &[], &mut finish).unwrap();
    let finish = &finish[..len];
    let finished = responder.handle_finish(&pair.crypto, at(4), finish, &mut [0; 1200]);
    let (theirs, _) = finished.unwrap();
    assert_eq!((ours.rtt, theirs.rtt), (Some(answer.rtt), Some(Duration::from_secs(3))));
    assert_eq!((ours.confirm_by, theirs.confirm_by), (at(10), at(10)));
}

/// What both guess where an INIT at 0 s and one at 1 s were answered, each REPLY was sent at once,
/// and answers came that long after the later ones.
fn guesses_after(pause: Duration) -> (Duration, Option<Duration>) {
    let mut pair = Pair::new(Pattern::Xk);
    let init = pair.write_init();
    let mut responder = pair.respond(&init).unwrap();
    responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap();
    assert_eq!(pair.initiator.handle_timeout(at(1)), TimerVerdict::Resend);
    pair.initiator.write_init(at(1), pair::TO, &mut [0; 1200]).unwrap();
    let reply = responder.repeat(at(1)).to_vec();
    let answered_at = at(1).after(pause);
    let answer = pair.initiator.handle_reply(&pair.crypto, answered_at, pair::TO, &reply).unwrap();
    let mut finish = [0; 1200];
    let (ours, len) = pair.initiator.agree_and_seal(&pair.crypto, &[], &mut finish).unwrap();
    assert_eq!(ours.rtt, Some(answer.rtt));
    let finish = &finish[..len];
    let finished = responder.handle_finish(&pair.crypto, answered_at, finish, &mut [0; 1200]);
    (answer.rtt, finished.unwrap().0.rtt)
}

// Spec: R-5.10-3.
#[test]
fn where_the_question_was_repeated_its_last_copy_counts_but_no_less_than_a_minimum() {
    for (millis, guessed) in [(100, 100), (3, 50)] {
        let guessed = Duration::from_millis(guessed);
        let found = guesses_after(Duration::from_millis(millis));
        assert_eq!(found, (guessed, Some(guessed)));
    }
}

// Spec: R-5.6-6, R-5.7-9, R-13.2-1, R-13.12-2, R-13.17-1.
#[test]
fn ik_keys_are_unconfirmed_and_nothing_came_with_them() {
    let mut pair = Pair::new(Pattern::Ik);
    let init = pair.write_init();
    let packet = pair.pass_front(&init);
    let mut responder = pair.respond(&packet).unwrap();
    assert!(responder.take_unconfirmed().is_none(), "not before the REPLY");
    let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
    let theirs = responder.take_unconfirmed().unwrap();
    assert!(!theirs.is_confirmed);
    assert!(responder.take_unconfirmed().is_none(), "only once");
    assert_eq!(responder.reply(), reply, "a repeated INIT is still answered");

    // A recording of the INIT brings other keys, which the one who recorded it cannot know.
    let mut again = pair.respond(&packet).unwrap();
    again.accept(&pair.crypto, at(0), &parameters(2)).unwrap();
    let replayed = again.take_unconfirmed().unwrap();
    assert!(!replayed.is_confirmed);
    assert_ne!(replayed.split.initiator_to_responder, theirs.split.initiator_to_responder);

    pair.initiator.handle_reply(&pair.crypto, at(0), pair::TO, &reply).unwrap();
    let full = pair.initiator.agree_and_seal(&pair.crypto, b"frames", &mut [0; 1200]);
    assert_eq!(full.unwrap_err(), FinishError::Payload);
    let (ours, len) = pair.initiator.agree_and_seal(&pair.crypto, &[], &mut []).unwrap();
    assert_eq!(len, 0);
    assert_same_view(&ours, &theirs);
}

// Spec: R-5.6-6, R-13.2-1, R-13.17-1.
#[test]
fn only_ik_has_keys_before_the_finish() {
    for pattern in [Pattern::Xk, Pattern::Xx] {
        let mut pair = Pair::new(pattern);
        let init = pair.write_init();
        let packet = pair.pass_front(&init);
        let mut responder = pair.respond(&packet).unwrap();
        responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap();
        assert!(responder.take_unconfirmed().is_none());
    }
}

// Spec: R-5.7-5.
#[test]
fn a_finish_that_does_not_fit_can_be_tried_again() {
    let mut pair = Pair::new(Pattern::Xk);
    let mut responder = pair.answered();
    let payload = vec![7; MAX_FINISH_PAYLOAD_LEN];
    let mut out = [0; 1200];
    for len in [0, 4, 5, 68, 1199] {
        let finished = pair.initiator.agree_and_seal(&pair.crypto, &payload, &mut out[..len]);
        assert_eq!(finished.unwrap_err(), FinishError::Full, "{len}");
    }
    let long = [0; MAX_FINISH_PAYLOAD_LEN + 1];
    let finished = pair.initiator.agree_and_seal(&pair.crypto, &long, &mut [0; 1300]);
    assert_eq!(finished.unwrap_err(), FinishError::Payload);
    let (ours, len) = pair.initiator.agree_and_seal(&pair.crypto, &payload, &mut out).unwrap();
    assert_eq!(len, 1200);
    let mut received = [0; 1200];
    let short = responder.handle_finish(&pair.crypto, at(0), &out, &mut received[..100]);
    assert_eq!(short.unwrap_err(), Dropped::Noise(NoiseError::BufferTooSmall));
    let (theirs, len) = responder.handle_finish(&pair.crypto, at(0), &out, &mut received).unwrap();
    assert_eq!(received[..len], payload);
    assert_same_view(&ours, &theirs);
}

// Spec: R-3.1-1, R-5.3-2.
#[test]
fn a_host_neither_calls_nor_answers_itself() {
    let pair = Pair::new(Pattern::Xk);
    for pattern in [Pattern::Xk, Pattern::Ik] {
        let mut call = pair.call(pattern);
        call.peer = Some(pair.initiator_id());
        let error = Initiator::new(&pair.crypto, at(0), &call).unwrap_err();
        assert_eq!(error, CallError::OwnIdentity);
    }
    // In XX neither knows until it reads the other's key.
    let mut pair = Pair::new(Pattern::Xx);
    pair.responder_keys = pair.initiator_keys.clone();
    let init = pair.write_init();
    let packet = pair.pass_front(&init);
    let mut responder = pair.respond(&packet).unwrap();
    let reply = responder.accept(&pair.crypto, at(0), &parameters(2)).unwrap().to_vec();
    let error = pair.initiator.handle_reply(&pair.crypto, at(0), pair::TO, &reply).unwrap_err();
    assert_eq!(error, ReplyError::OwnIdentity);
    assert!(pair.initiator.is_over());
}

#[test]
fn calls_without_the_keys_that_their_pattern_needs_are_not_made() {
    let pair = Pair::new(Pattern::Xk);
    for pattern in Pattern::ALL {
        let mut call = pair.call(pattern);
        call.peer = if pattern == Pattern::Xx { Some(pair.responder_id()) } else { None };
        let error = Initiator::new(&pair.crypto, at(0), &call).unwrap_err();
        assert!(matches!(error, CallError::Noise(_)), "{error:?}");
    }
    let illegal = Parameters { max_packet_bytes: 1199, ..parameters(1) };
    let call = Call { parameters: &illegal, ..pair.call(Pattern::Xk) };
    assert_eq!(Initiator::new(&pair.crypto, at(0), &call).unwrap_err(), CallError::Parameters);
}

// Spec: R-5.9-6.
#[test]
fn aes_is_chosen_only_if_both_like_it_best_or_there_is_nothing_else() {
    use crate::crypto::Suite::{Aes256Gcm, ChaCha20Poly1305};
    let ends = [(false, false), (true, false), (true, true)];
    for (initiator, has_aes) in ends.into_iter().enumerate() {
        for (responder, theirs) in ends.into_iter().enumerate() {
            let mut pair = Pair::new(Pattern::Xk);
            (pair.crypto.has_aes, pair.crypto.prefers_aes) = has_aes;
            let offer = offered_suites(&pair.crypto);
            assert_eq!(offer.as_slice(), [&[1][..], &[1, 2], &[2, 1]][initiator]);
            (pair.crypto.has_aes, pair.crypto.prefers_aes) = theirs;
            let both = initiator == 2 && responder == 2;
            let expected = if both { Aes256Gcm } else { ChaCha20Poly1305 };
            assert_eq!(choose_suite(&pair.crypto, &offer), Ok(expected));
            let only = |numbers: &[u8]| choose_suite(&pair.crypto, &Suites::new(numbers).unwrap());
            let aes_only = if theirs.0 { Ok(Aes256Gcm) } else { Err(TransportCode::SUITE) };
            assert_eq!(only(&[2]), aes_only);
            assert_eq!(only(&[9, 1]), Ok(ChaCha20Poly1305));
            assert_eq!(only(&[9]), Err(TransportCode::SUITE));
        }
    }
}

#[test]
fn both_ends_agree_on_aes_when_both_like_it() {
    let mut pair = Pair::new(Pattern::Xk);
    (pair.crypto.has_aes, pair.crypto.prefers_aes) = (true, true);
    pair.initiator = Initiator::new(&pair.crypto, at(0), &pair.call(Pattern::Xk)).unwrap();
    let (ours, theirs, _) = pair.complete(b"");
    assert_eq!(ours.suite, Suite::Aes256Gcm);
    assert_same_view(&ours, &theirs);
}

#[test]
fn rows_are_small_enough_for_a_board() {
    // Where there is room, a call is tried on more paths.
    let most = if cfg!(feature = "large") { 2300 } else { 1500 };
    assert!(size_of::<Initiator>() <= most, "{}", size_of::<Initiator>());
    assert!(size_of::<Responder>() <= 1500, "{}", size_of::<Responder>());
}

/// The bits of `packet`, each the other way once.
fn flipped(packet: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..packet.len() * 8).map(|bit| {
        let mut wrong = packet.to_vec();
        wrong[bit / 8] ^= 1 << (bit % 8);
        wrong
    })
}
