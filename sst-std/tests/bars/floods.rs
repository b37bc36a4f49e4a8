//! Packets that no host would send, and more dialling than anyone needs.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use sst_std::{Config, Endpoint, Identity};
use tokio::runtime::Runtime;

use crate::compare::{Measure, PATIENCE, within};
use crate::scene::{Scene, Server};

/// The 99th percentile, with four samples beyond it.
const SESSIONS: Measure = Measure { samples: 400, quantile: 0.99 };

/// How long a new session takes, from a host with a new identity at `address`; at most
/// [`PATIENCE`].
fn new_session(runtime: &Runtime, server: &Server, address: Ipv4Addr) -> Duration {
    runtime.block_on(async {
        let mut config = Config::new(Identity::generate().unwrap());
        config.bind = vec![(address, 0).into()];
        let endpoint = Endpoint::bind(config).await.unwrap();
        let began = Instant::now();
        let session = tokio::time::timeout(PATIENCE, endpoint.connect(&server.url)).await;
        let took = began.elapsed();
        match session {
            Ok(Ok(session)) => {
                session.abort(0, "");
                took
            }
            _ => PATIENCE,
        }
    })
}

fn sessions_keep(what: &str, scene: &Scene) {
    let runtime = Runtime::new().unwrap();
    // From one address nobody dials that often: it would meet its own limit.
    let mut addresses = (1..=200).map(|last| Ipv4Addr::new(127, 0, 1, last)).cycle();
    within(what, 2.0, SESSIONS, |at| {
        new_session(&runtime, scene.server(at), addresses.next().unwrap())
    });
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn a_peer_that_acknowledges_nothing_takes_nothing_from_others() {
    let mut scene = Scene::new(|_| ());
    scene.attack("mute", "two");
    // Time for its packets to pile up, if they do: 4,000 a second.
    std::thread::sleep(Duration::from_secs(5));
    scene.gets_keep("a get beside a mute peer", 1.5);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn changes_of_priority_take_nothing_from_others() {
    let mut scene = Scene::new(|_| ());
    scene.attack("priority", "two");
    scene.gets_keep("a get beside changes of priority", 2.0);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn new_sessions_come_up_beside_half_open_ones() {
    let mut scene = Scene::new(|_| ());
    scene.attack("half-open", "two");
    sessions_keep("a new session beside half-open ones", &scene);
}

#[test]
#[ignore = "compares times: cargo xtask test bars"]
fn new_sessions_come_up_beside_many_identities_of_one_address() {
    let mut scene = Scene::new(|_| ());
    scene.attack("identities", "two");
    sessions_keep("a new session beside many of one address", &scene);
}
