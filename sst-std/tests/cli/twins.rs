//! Several processes of one user, with the one key that the user has.

use std::fs;
use std::thread;
use std::time::Duration;

use sst_std::files::{FileServer, offer};
use sst_std::{Config, Endpoint, HostId, Identity};

use crate::tool::{Running, User, noise};

/// Far above what a busy machine needs to start them all.
const PATIENCE: &str = "200";

fn start_gets(client: &User, url: &str, count: usize) -> Vec<Running> {
    let get = |n: usize| {
        let to = n.to_string();
        client.start(&["get", url, "-o", &to, "--connect-timeout", PATIENCE])
    };
    (0..count).map(get).collect()
}

fn all_arrive(client: &User, gets: Vec<Running>, expected: &[u8]) {
    for (n, get) in gets.into_iter().enumerate() {
        let done = get.wait();
        assert!(done.status.success(), "{n}: {done:?}");
        assert_eq!(fs::read(client.path(&n.to_string())).unwrap(), expected, "{n}");
    }
}

// Spec: R-5.9-13, R-9.1-1.
#[test]
fn forty_commands_with_one_key_at_one_server_all_finish() {
    let (server, client) = (User::new(), User::new());
    let content = noise(20_000);
    fs::write(server.path("file"), &content).unwrap();
    let (_running, url) = server.serve(&["serve", "."]);
    client.id();
    let gets = start_gets(&client, &format!("{url}/file"), 40);
    all_arrive(&client, gets, &content);
}

// Spec: R-3.1-1, R-5.11-8.
#[test]
fn one_user_serves_and_fetches_with_the_same_key() {
    let user = User::new();
    let content = noise(300_000);
    fs::write(user.path("file"), &content).unwrap();
    let (_running, url) = user.serve(&["serve", "."]);
    assert!(url.contains(&user.id()));
    user.good(&["get", &format!("{url}/file"), "-o", "copy"]);
    assert_eq!(fs::read(user.path("copy")).unwrap(), content);
    user.good(&["ping", &url, "-c", "2", "-i", "1"]);
}

// Spec: R-5.9-10.
#[test]
fn commands_that_find_no_room_try_again() {
    let user = User::new();
    let content = noise(20_000);
    fs::write(user.path("file"), &content).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let endpoint = runtime.block_on(async {
        let mut config = Config::new(Identity::generate().unwrap());
        config.bind = vec!["127.0.0.1:0".parse().unwrap()];
        (config.accept, config.max_sessions) = (true, 2);
        Endpoint::bind(config).await.unwrap()
    });
    let server = FileServer::open(user.here.path(), false).unwrap();
    let (listening, id): (_, HostId) = (endpoint.clone(), endpoint.id());
    runtime.spawn(async move {
        while let Some(session) = listening.accept().await {
            let server = server.clone();
            tokio::spawn(async move {
                let mut services = session.offer_services(vec![offer()]);
                while let Some(request) = services.accept().await {
                    server.start(request.into_stream()).await;
                }
            });
        }
    });
    let address = endpoint.local_addrs()[0];
    let held = runtime.block_on(async {
        let here = Endpoint::bind(Config::new(Identity::generate().unwrap())).await.unwrap();
        let one = here.connect_to(Some(id), address).await.unwrap();
        let two = here.connect_to(Some(id), address).await.unwrap();
        // Either is there once it is answered.
        for session in [&one, &two] {
            assert!(session.open_service("none", "1").await.unwrap().read_record(1).await.is_err());
        }
        (here, one, two)
    });
    let client = User::new();
    client.id();
    let gets = start_gets(&client, &format!("sst://{id}@{address}/file"), 4);
    while endpoint.stats().ignored_no_capacity < 4 {
        thread::sleep(Duration::from_millis(5));
    }
    drop(held);
    all_arrive(&client, gets, &content);
}
