//! A peer written in Python from docs/PROTOCOL.md alone, which shares no code with this one.

use std::process::Command;

use crate::tool::User;

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/examples/peer.py");

#[test]
fn a_peer_of_other_descent_is_understood() {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("NOT RUN: there is no python3");
        return;
    }
    let server = User::new();
    let (_running, url) = server.serve(&["echo"]);
    for said in ["hello", &"a longer request. ".repeat(500)] {
        let service = format!("{url}/echo/1");
        let output = Command::new("python3").args([PEER, "dial", &service, said]).output().unwrap();
        let answer = String::from_utf8_lossy(&output.stdout);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(answer.trim_end_matches('\n'), said, "{complaint}");
    }
}
