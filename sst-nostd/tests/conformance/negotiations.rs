//! Lists of parameters and packets before a session: `parameters.json`, `packets.json`.

use serde_json::Value;
use sst_nostd::wire::parameters::{Carrier, Parameters};
use sst_nostd::wire::{Frame, Frames};
use sst_nostd::{CloseCause, Config, Dial, Instance, InstanceWish};

use crate::peer::Peer;
use crate::{NOW, hand, hex, host, key, path, sent, table, verdict};

const LISTS: &str = include_str!("../vectors/conformance/parameters.json");
const PACKETS: &str = include_str!("../vectors/conformance/packets.json");

/// The host answers an INIT with that list: the code of its refusal.
fn answer(list: &[u8]) -> Option<u64> {
    let (mut host, mut peer) = (host(Config::new([1; 32])), Peer::new([2; 32]));
    let init = peer.init(&host.id(), list);
    hand(&mut host, &init);
    let replies = sent(&mut host);
    let [reply] = &replies[..] else { panic!("{replies:?}") };
    let list = peer.on_reply(reply);
    let parsed = Parameters::parse(&list, Carrier::Reply).expect("a good list");
    parsed.refusal.map(|refusal| refusal.code.as_u64())
}

/// What the host makes of a REPLY: the code that its application gets, the frames of its FINISH.
fn dialled(list: &[u8], instance: Option<Instance>) -> (Option<u64>, Option<Vec<u8>>) {
    let (mut host, mut peer) = (host(Config::new([1; 32])), Peer::new([2; 32]));
    let instance = instance.map_or(InstanceWish::Unnamed, InstanceWish::Named);
    let dial = Dial { instance, ..Dial::new(path(), Some(peer.id())) };
    let session = host.connect(NOW, dial).expect("dials");
    let inits = sent(&mut host);
    let reply = peer.reply(&inits[0], list);
    hand(&mut host, &reply);
    let finish = sent(&mut host).first().map(|packet| peer.on_finish(packet));
    let code = host.close_reason(session).map(|reason| match reason.cause {
        CloseCause::Transport(code) => code.as_u64(),
        CloseCause::Application(_) => panic!("{reason:?}"),
    });
    (code, finish)
}

fn check_list(row: &Value) -> Result<(), String> {
    let (list, code) = (hex(&row["list"]), row["code"].as_u64());
    if row["carrier"] == "INIT" {
        let found = answer(&list);
        return if found == code { Ok(()) } else { Err(format!("{code:?} wanted: {found:?}")) };
    }
    let instance = row.get("instance").map(|text| hex(text).try_into().expect("8 bytes"));
    let (found, finish) = dialled(&list, instance.and_then(Instance::new));
    let refused = row["refused"].as_u64();
    let is_silent = refused.is_some() || row["silent"] == true;
    let told = finish.as_deref().and_then(|payload| match Frames::new(payload).next() {
        Some(Ok(Frame::Close(close))) => Some(close.cause),
        _ => None,
    });
    let told = told.map(|cause| match cause {
        CloseCause::Transport(code) => code.as_u64(),
        CloseCause::Application(code) => panic!("{code}"),
    });
    let is_told = if is_silent { finish.is_none() } else { finish.is_some() && told == code };
    if found == code.or(refused) && is_told {
        Ok(())
    } else {
        Err(format!("{code:?} wanted: {found:?}, and FINISH had {finish:02x?}"))
    }
}

// Spec: R-5.9-1, R-5.9-2, R-5.9-3, R-5.9-4, R-5.9-5, R-5.9-6, R-5.9-12, R-5.9-15.
#[test]
fn each_list_of_parameters_is_taken_or_refused_with_its_code() {
    let (_, rows) = table(LISTS);
    verdict(&rows, check_list);
}

// Spec: R-4.1-1, R-4.1-2, R-5.4-3, R-5.4-4, R-5.8-1, R-13.5-2.
#[test]
fn each_packet_before_a_session_has_the_answer_that_the_specification_names() {
    let (file, rows) = table(PACKETS);
    verdict(&rows, |row| {
        let mut host = host(Config::new(key(&file["responder_static_secret"])));
        hand(&mut host, &hex(&row["packet"]));
        let answers = sent(&mut host);
        let then = match answers.first().map(|packet| packet[0]) {
            None => "nothing",
            Some(0xc2) => "reply",
            Some(0xc5) => "version",
            Some(0xc6) => "lost",
            Some(first) => return Err(format!("an answer that begins with {first:02x}")),
        };
        let wanted = row["then"].as_str().expect("an outcome");
        let is_right = wanted.split(" or ").any(|wanted| wanted == then) && answers.len() <= 1;
        if is_right { Ok(()) } else { Err(format!("{wanted} wanted: {then}")) }
    });
}
