//! `sst gateway` as a user has it: processes, what they print, and the tools' own services.

use std::net::SocketAddr;

use sst_std::Url;
use sst_std::files::{FetchOptions, fetch};

use crate::host::Host;
use crate::page::{Page, request};
use crate::tool::{Running, User, hashes, noise};

/// Starts `sst gateway` to `url`, and tells where it listens.
fn start(user: &User, arguments: &[&str]) -> (Running, SocketAddr) {
    let running = user.start(&[&["gateway", "--listen", "127.0.0.1:0"], arguments].concat());
    let url = running.line();
    let at = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).unwrap();
    (running, at.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn sst_serve_is_fetched_through_sst_gateway() {
    let user = User::new();
    std::fs::create_dir_all(user.path("tree/sub/deep")).unwrap();
    std::fs::write(user.path("tree/large"), noise(3_000_000)).unwrap();
    for index in 0..40 {
        let path = user.path(&format!("tree/sub/deep/{index}"));
        std::fs::write(path, noise(index * 100)).unwrap();
    }
    let (_host, url) = user.serve(&["serve", "tree"]);
    let (gateway, at) = start(&user, &["--to", &url, "--every", "0"]);
    let host = Host::new(Page::open(at).await);
    let id = url.parse::<Url>().unwrap().id();
    let session = host.connect(Some(id)).await.unwrap();
    let summary = fetch(&session, "", &user.path("copy"), FetchOptions::default()).await.unwrap();
    assert!(summary.errors.is_empty() && summary.files == 41, "{summary:?}");
    assert_eq!(hashes(&user.path("tree")), hashes(&user.path("copy")));
    session.close(0, "").await;
    gateway.signal("-TERM");
    let done = gateway.wait();
    assert!(done.status.success(), "{done:?}");
    assert!(done.err.contains("1 answered, 1 opened") && done.err.lines().count() == 1, "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sst_echo_answers_through_sst_gateway_and_the_numbers_are_json() {
    let user = User::new();
    let (_host, url) = user.serve(&["echo"]);
    let stats = user.path("stats").display().to_string();
    let arguments = ["--to", &url, "--json", "--stats-json", &stats, "--serve", "."];
    let running = user.start(&[&["gateway", "--listen", "127.0.0.1:0"], &arguments[..]].concat());
    let line: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
    let at = line["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/');
    let at = at.parse().unwrap();
    std::fs::write(user.path("index.html"), "a page").unwrap();
    assert_eq!(request(at, "GET /", "").await.body, "a page");
    let host = Host::new(Page::open(at).await);
    let session = host.connect(Some(url.parse::<Url>().unwrap().id())).await.unwrap();
    let mut stream = session.open_service("echo", "1").await.unwrap();
    stream.write_record(b"hello").await.unwrap();
    assert_eq!(stream.read_record(100).await.unwrap().unwrap(), b"hello");
    running.signal("-INT");
    let done = running.wait();
    assert!(done.status.success(), "{done:?}");
    let text = std::fs::read_to_string(stats).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(numbers["opened"], 1, "{text}");
    assert!(numbers["to_page_packets"].as_u64() > Some(2), "{text}");
}

#[test]
fn what_cannot_be_started_is_said_in_one_line() {
    let user = User::new();
    let target = format!("sst://{}@127.0.0.1:9/", User::new().id());
    let twice = user.bad(&["gateway", "--to", &target, "--to", &target]);
    assert!(twice.contains("given twice"), "{twice}");
    let bind = user.bad(&["gateway", "--to", &target, "--bind", "127.0.0.1:0"]);
    assert!(bind.contains("--listen"), "{bind}");
    let files = user.bad(&["gateway", "--to", &target, "--serve", "none"]);
    assert!(files.contains("none: not a directory"), "{files}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let busy = user.bad(&["gateway", "--to", &target, "--listen", &at]);
    assert!(busy.contains("cannot listen at"), "{busy}");
    let nobody = user.run(&["gateway"]);
    assert!(nobody.err.contains("--to"), "{nobody:?}");
}
