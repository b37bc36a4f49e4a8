//! What a REPLY may say about the instance that its INIT named.

use std::vec;
use std::vec::Vec;

use super::pair::{Pair, TO, at, parameters};
use crate::bytes::Writer;
use crate::crypto::KeyPair;
use crate::id::Instance;
use crate::negotiation::check::ReplyKey;
use crate::negotiation::*;
use crate::noise::{Handshake, Pattern, Role};
use crate::wire::ParametersError;
use crate::wire::negotiation::Init;

/// A REPLY to the call of `pair` with those parameters, by whoever holds `keys`.
fn reply_with(pair: &mut Pair, keys: &KeyPair, parameters: &Parameters) -> Vec<u8> {
    let init = pair.write_init();
    let init = Init::parse(&init).unwrap();
    let own = pattern(init.pattern);
    let prologue = init.prologue();
    let mut handshake =
        Handshake::new(own, Role::Responder, &[b"SST1", &prologue], keys, [9; 32], None).unwrap();
    handshake.read_message(&pair.crypto, init.noise, &mut [0; 512]).unwrap();
    let mut space = [0; 200];
    let mut list = Writer::new(&mut space);
    parameters.encode(&mut list).unwrap();
    let mut reply = vec![0xc2];
    reply.extend(init.channel.to_bytes());
    let mut noise = [0; 512];
    let key = ReplyKey::of(&handshake);
    let len = handshake.write_message(&pair.crypto, list.written(), &mut noise).unwrap();
    reply.extend(&noise[..len]);
    let check = key.check(&reply);
    reply.extend(check);
    reply
}

// Spec: R-5.9-3, R-5.9-12, R-5.3-2.
#[test]
fn a_reply_names_the_instance_of_its_init_or_none() {
    let (asked, other) = (Instance::new([1; 8]), Instance::new([2; 8]));
    let illegal = Err(ReplyError::Parameters(ParametersError::Illegal));
    for pattern in Pattern::ALL {
        for (offered, answered, has_own_key, expected) in [
            (asked, asked, false, Ok(asked)),
            (asked, None, false, Ok(None)),
            (None, None, false, Ok(None)),
            (asked, other, false, illegal),
            (None, other, false, illegal),
            (asked, asked, true, Ok(asked)),
            (asked, None, true, Err(ReplyError::OwnIdentity)),
        ] {
            let mut pair = Pair::new(pattern);
            if has_own_key {
                pair.responder_keys = pair.initiator_keys.clone();
            }
            let offer = Parameters { instance: offered, ..parameters(1) };
            let call = Call { parameters: &offer, ..pair.call(pattern) };
            let initiator = Initiator::new(&pair.crypto, at(0), &call).unwrap();
            pair.initiator = initiator;
            let channel = ChannelId::new(5);
            let list = Parameters { instance: answered, channel, suite: Some(1), ..parameters(2) };
            let keys = pair.responder_keys.clone();
            let reply = reply_with(&mut pair, &keys, &list);
            let answer = pair.initiator.handle_reply(&pair.crypto, at(0), TO, &reply);
            let named = answer.map(|answer| answer.parameters.instance);
            assert_eq!(named, expected, "{pattern:?} {offered:?} {answered:?}");
        }
    }
}
