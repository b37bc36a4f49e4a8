//! What a command says, and to whom nobody listens.

use std::fs::{self, File};
use std::process::{Command, Output, Stdio};

use crate::tool::{User, noise};

/// Runs `sst` with its standard output there.
fn into(user: &User, out: impl Into<Stdio>, arguments: &[&str]) -> Output {
    let mut command = user.prepare(Command::new(env!("CARGO_BIN_EXE_sst")), arguments);
    command.stdout(out).stderr(Stdio::piped()).output().unwrap()
}

#[test]
fn a_closed_pipe_and_a_full_device_are_no_panic() {
    let (server, client) = (User::new(), User::new());
    let (_running, url) = server.serve(&["echo"]);
    let ping = ["ping", "-c", "2", "-i", "1", &url];
    let commands: [&[&str]; 4] =
        [&["id"], &["id", "--json"], &ping, &[&ping[..], &["--json"]].concat()];
    for arguments in commands {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = into(&client, writer, arguments);
        assert_eq!((done.status.code(), &done.stderr[..]), (Some(1), &b""[..]), "{arguments:?}");
        let full = File::options().write(true).open("/dev/full").unwrap();
        let done = into(&client, full, arguments);
        let complaint = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(1), "{arguments:?}: {complaint}");
        assert!(complaint.starts_with("sst: standard output: No space left"), "{complaint}");
        assert_eq!(complaint.lines().count(), 1, "{complaint}");
    }
}

#[test]
fn absurd_numbers_are_refused() {
    let (server, client) = (User::new(), User::new());
    let (_running, url) = server.serve(&["echo"]);
    const MOST: &str = "18446744073709551615";
    for option in [["-s", MOST], ["-s", "1048577"], ["-i", MOST], ["-c", "-1"]] {
        let done = client.run(&[&["ping", &url][..], &option].concat());
        assert_eq!(done.status.code(), Some(2), "{done:?}");
    }
    for seconds in ["1e300", "1e12", "nan", "inf"] {
        let complaint = client.bad(&["ping", &url, "--idle-timeout", seconds]);
        assert!(complaint.contains("--idle-timeout"), "{complaint}");
    }
    client.good(&["ping", &url, "-c", "1", "-s", "1048576"]);
}

#[test]
fn what_can_be_put_is_put_and_the_rest_is_named() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("in")).unwrap();
    fs::write(server.path("in/there"), "first").unwrap();
    for name in ["a", "there", "c"] {
        fs::write(client.path(name), noise(100_000)).unwrap();
    }
    let (_running, url) = server.serve(&["serve", "in", "--writable"]);
    let done = client.run(&["put", "a", "there", "none", "c", &url]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    for said in ["there: refused: exists already", "none: No such file", "2 of 4 failed"] {
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    for name in ["a", "c"] {
        assert_eq!(fs::read(server.path(&format!("in/{name}"))).unwrap(), noise(100_000));
    }
    assert_eq!(fs::read(server.path("in/there")).unwrap(), b"first");
}

#[test]
fn with_json_every_line_is_an_object_errors_too() {
    let (server, client) = (User::new(), User::new());
    for serve in [&["serve", "."][..], &["echo"]] {
        let running = server.start(&[serve, &["--json", "--bind", "127.0.0.1:0"]].concat());
        let line: serde_json::Value = serde_json::from_str(&running.line()).unwrap();
        let url = line["url"].as_str().unwrap();
        client.good(&["ping", url, "-c", "1"]);
        let done = client.run(&["get", "--json", &format!("{url}none"), "-o", "x"]);
        assert_eq!(done.status.code(), Some(1));
        let line: serde_json::Value = serde_json::from_str(&done.out).unwrap();
        assert!(line["error"].as_str().is_some_and(|error| done.err.contains(error)), "{done:?}");
    }
}
