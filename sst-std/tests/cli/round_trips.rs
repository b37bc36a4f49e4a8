//! How often the packets of a small transfer go there and back.

use std::fs;

use crate::relay::{Passed, Relay};
use crate::tool::User;

const INIT: u8 = 0xc1;
const FINISH: u8 = 0xc3;
/// FINISH without frames, in bytes.
const BARE_FINISH_LEN: usize = 69;
/// On a busy machine a peer may be so late that the other repeats itself: not each time.
const TRIES: usize = 20;

// Spec: R-5.7-16.
#[test]
fn a_small_file_takes_two_round_trips() {
    let (server, client) = (User::new(), User::new());
    fs::write(server.path("small"), [7; 1024]).unwrap();
    let (_running, url) = server.serve(&["serve", "."]);
    let relay = Relay::to(&url, usize::MAX);
    let one = format!("{}/small", relay.url(&url));
    let mut talks = vec![];
    let is_short = (0..TRIES).any(|_| {
        client.good(&["get", &one, "-o", "-"]);
        talks.push(relay.take_passed());
        talks.last().is_some_and(|talk| takes_two_round_trips(talk))
    });
    assert!(is_short, "{talks:x?}");
}

/// The call and its answer; the request with FINISH and the file; then the client takes its leave
/// and waits for nothing.
fn takes_two_round_trips(talk: &[Passed]) -> bool {
    let mut turns = talk.chunk_by(|one, next| one.is_client_s == next.is_client_s);
    let [call, _, request, _, leave] = [(); 5].map(|()| turns.next().unwrap_or_default());
    let is_leaving = !leave.is_empty() && leave.iter().all(|packet| packet.kind & 0x80 == 0);
    matches!(call, [Passed { kind: INIT, .. }])
        && matches!(request, [Passed { kind: FINISH, len, .. }] if *len > BARE_FINISH_LEN)
        && is_leaving
        && turns.next().is_none()
}
