//! Round trips, measurements, statistics and key logs.

use std::fs;

use serde_json::Value;

use crate::tool::{User, until};

fn positive(value: &Value, name: &str) -> f64 {
    let number = value[name].as_f64().unwrap_or_else(|| panic!("{name} in {value}"));
    assert!(number.is_finite() && number > 0.0, "{name} in {value}");
    number
}

#[test]
fn pings_come_back_as_records_and_as_datagrams() {
    let (server, client) = (User::new(), User::new());
    let (_running, url) = server.serve(&["echo"]);
    for form in [&[][..], &["--datagram"], &["--datagram", "-s", "5000"], &["-s", "100000"]] {
        let ping = [&["ping", &url, "-c", "5", "-i", "10"], form].concat();
        // A datagram that takes seconds counts as lost: on a busy machine there are more tries.
        let count = if ping.contains(&"--datagram") { 10 } else { 1 };
        let value = (0..count).map(|_| client.json(&ping)).find(|value| value["lost"] == 0);
        let value = value.expect("some are lost each time");
        assert_eq!((&value["sent"], &value["rtt"]["count"]), (&5.into(), &5.into()), "{form:?}");
        assert!(positive(&value["rtt"], "min_us") <= positive(&value["rtt"], "max_us"));
    }
    let text = client.good(&["ping", &url, "-c", "2", "-i", "1"]);
    assert!(text.contains("2 sent, 0 lost"), "{text}");
}

#[test]
fn every_measurement_says_sane_numbers() {
    let (server, client) = (User::new(), User::new());
    let (_running, url) = server.serve(&["perf", "serve"]);
    let url = url.as_str();
    let perf = |arguments: &[&str]| client.json(&[&["perf"], arguments].concat());
    for direction in [&[][..], &["--download"]] {
        let value = perf(&[&["bulk", url, "--bytes", "20000000"], direction].concat());
        assert_eq!((&value["measured"], &value["bytes"]), (&"bulk".into(), &20_000_000.into()));
        positive(&value, "gbit_per_s");
        assert!(value["session"].is_object());
    }
    let value = perf(&["streams", url, "--count", "1000", "--concurrent", "50"]);
    assert_eq!((&value["measured"], &value["count"]), (&"streams".into(), &1_000.into()));
    positive(&value, "per_s");
    let value = perf(&["datagrams", url, "--count", "5000"]);
    assert_eq!((&value["measured"], &value["sent"]), (&"datagrams".into(), &5_000.into()));
    assert!(positive(&value, "arrived") <= 5_000.0, "{value}");
    let value = perf(&["handshakes", url, "--count", "30", "--concurrent", "3"]);
    assert_eq!((&value["measured"], &value["count"]), (&"handshakes".into(), &30.into()));
    positive(&value, "per_s");
    let value = perf(&["pingpong", url, "--count", "300"]);
    assert_eq!((&value["measured"], &value["count"]), (&"pingpong".into(), &300.into()));
    positive(&value["times"], "p50_us");
    let value = perf(&["memory", url, "--sessions", "30", "--streams", "1000"]);
    assert_eq!((&value["measured"], &value["streams"]), (&"memory".into(), &1_000.into()));
    for (what, core_limit) in [("session", 4_096), ("stream", 256)] {
        let value = &value[what];
        assert!(value["core_rows"].as_u64().unwrap() <= core_limit, "{value}");
        assert!(value["resident"].as_u64().unwrap() < 100_000, "{value}");
    }
}

#[test]
fn no_datagram_arrives_twice() {
    let (server, client) = (User::new(), User::new());
    let (_running, url) = server.serve(&["perf", "serve"]);
    // In one packet each, filling it, and as substreams.
    for size in ["100", "1000", "1200", "5000"] {
        let value = client.json(&["perf", "datagrams", &url, "--count", "5000", "--size", size]);
        let arrived = value["arrived"].as_u64().unwrap();
        assert!((1..=5_000).contains(&arrived), "{value}");
    }
}

fn statistics(user: &User, name: &str) -> Option<Value> {
    serde_json::from_str(&fs::read_to_string(user.path(name)).ok()?).ok()
}

#[test]
fn statistics_are_written_at_the_end_and_when_asked_for() {
    let (server, client) = (User::new(), User::new());
    let (running, url) = server.serve(&["echo", "--stats-json", "stats"]);
    client.good(&["ping", &url, "-c", "2", "-i", "1", "--stats-json", "mine"]);
    let mine = statistics(&client, "mine").unwrap();
    assert_eq!(mine["id"], client.id());
    assert_eq!(mine["stats"]["handshakes"], 1);
    running.signal("-USR1");
    until("the server has written", || statistics(&server, "stats").is_some());
    assert_eq!(statistics(&server, "stats").unwrap()["stats"]["handshakes"], 1);
    client.good(&["ping", &url, "-c", "1"]);
    running.signal("-TERM");
    let done = running.wait();
    assert!(done.status.success() && done.err.is_empty(), "{done:?}");
    assert_eq!(statistics(&server, "stats").unwrap()["stats"]["handshakes"], 2);
    let done = client.run(&["get", &url, "--connect-timeout", "0.2", "--stats-json", "failed"]);
    done.complaint();
    assert_eq!(statistics(&client, "failed").unwrap()["stats"]["handshakes"], 0);
}

#[test]
fn an_interrupted_client_says_so() {
    let (server, client) = (User::new(), User::new());
    let (running, url) = server.serve(&["echo"]);
    let pinging = client.start(&["ping", &url, "-c", "1000"]);
    pinging.line();
    pinging.signal("-INT");
    assert!(pinging.wait().complaint().contains("interrupted"));
    running.signal("-INT");
    assert!(running.wait().status.success());
}

/// The lines of a key log, sorted, without their direction.
fn keys(user: &User, direction: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(user.path("keys")).unwrap();
    let lines = text.lines().map(|line| line.split(' ').map(String::from).collect::<Vec<_>>());
    let lines = lines.filter(|words| words[1] == direction);
    let mut lines: Vec<_> = lines.map(|words| words[2..].to_vec()).collect();
    lines.sort();
    lines
}

#[test]
fn both_sides_log_the_same_keys_and_warn() {
    let (server, client) = (User::new(), User::new());
    let (running, url) = server.serve(&["echo", "--keylog", "keys"]);
    let done = client.run(&["ping", &url, "-c", "2", "-i", "1", "--keylog", "keys"]);
    assert!(done.status.success() && done.err.contains("warning: packet keys"), "{done:?}");
    running.signal("-TERM");
    assert!(running.wait().err.contains("warning: packet keys"));
    let sent = keys(&client, "send");
    assert_eq!(sent.len(), 1);
    assert_eq!(sent, keys(&server, "receive"));
    assert_eq!(keys(&client, "receive"), keys(&server, "send"));
    let lengths: Vec<_> = sent[0].iter().map(String::len).collect();
    assert_eq!((sent[0][0].as_str(), &lengths[2..]), ("0", &[64, 24, 64][..]), "{sent:?}");
    assert_ne!(sent[0][2], keys(&server, "send")[0][2], "each direction has its own key");
}
