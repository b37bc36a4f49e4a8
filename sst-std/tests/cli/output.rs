//! What a command says, and to whom nobody listens.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
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
    fs::write(server.path("file"), "contents").unwrap();
    fs::write(client.path("file"), "contents").unwrap();
    let (_running, url) = server.serve(&["serve", ".", "--writable"]);
    let (key, perf) = (server.path("other key"), ["perf", "serve", "--key"]);
    let (_perf, perf) = server.serve(&[&perf[..], &[key.to_str().unwrap()]].concat());
    let local = ["--bind", "127.0.0.1:0"];
    let ping = ["ping", "-c", "2", "-i", "1", &url];
    let file = format!("{url}/file");
    let commands: [&[&str]; 12] = [
        &["id"],
        &["id", "--json"],
        &ping,
        &[&ping[..], &["--json"]].concat(),
        &["get", &file, "-o", "copy"],
        &["get", &file, "-o", "copy", "--json"],
        &["put", "file", &url],
        &["perf", "bulk", &perf, "--bytes", "1000"],
        &[&["serve", "."][..], &local].concat(),
        &[&["echo"][..], &local].concat(),
        &[&["perf", "serve"][..], &local].concat(),
        &[&["scenarios", "serve"][..], &local].concat(),
    ];
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
    for arguments in [&["demo", "--rate", "1000"][..], &["help"], &["--version"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let full = File::options().write(true).open("/dev/full").unwrap();
        for done in [into(&client, writer, arguments), into(&client, full, arguments)] {
            let complaint = String::from_utf8(done.stderr).unwrap();
            assert!(done.status.code().is_some_and(|code| code < 2), "{arguments:?}: {complaint}");
            assert!(!complaint.contains("panicked"), "{arguments:?}: {complaint}");
        }
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
fn a_file_goes_to_standard_output_whole_and_alone() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir_all(server.path("tree/directory")).unwrap();
    fs::write(server.path("tree/file"), noise(3_000_000)).unwrap();
    fs::write(server.path("tree/empty"), "").unwrap();
    let (_running, url) = server.serve(&["serve", "tree"]);
    let file = format!("{url}/file");
    let get = ["get", &file, "-o", "-"];
    let done = into(&client, Stdio::piped(), &get);
    assert!(done.status.success() && done.stderr.is_empty(), "{:?}", done.stderr);
    assert!(done.stdout == noise(3_000_000));
    assert_eq!(client.good(&["get", &format!("{url}/empty"), "-o", "-"]), "");
    for path in ["directory", ""] {
        let complaint = client.bad(&["get", &format!("{url}/{path}"), "-o", "-"]);
        assert!(complaint.contains("only a file can go to standard output"), "{complaint}");
    }
    assert!(client.bad(&["get", &format!("{url}/none"), "-o", "-"]).contains("no such file"));
    // As `sst get ... | head -c 10` ends.
    let (mut reader, writer) = std::io::pipe().unwrap();
    let reading = std::thread::spawn(move || reader.read_exact(&mut [0; 10]).unwrap());
    let done = into(&client, writer, &get);
    reading.join().unwrap();
    assert_eq!((done.status.code(), &done.stderr[..]), (Some(1), &b""[..]));
    let full = File::options().write(true).open("/dev/full").unwrap();
    let complaint = String::from_utf8(into(&client, full, &get).stderr).unwrap();
    assert!(complaint.starts_with("sst: standard output: No space left"), "{complaint}");
    assert_eq!(fs::read_dir(client.here.path()).unwrap().count(), 0, "no litter");
}

#[test]
fn a_transfer_ends_with_a_line_that_says_what_was_done() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir_all(server.path("tree/directory")).unwrap();
    for name in ["directory/a", "b", "c"] {
        fs::write(server.path("tree").join(name), noise(100_000)).unwrap();
    }
    symlink("/", server.path("tree/out")).unwrap();
    let (_running, url) = server.serve(&["serve", "tree", "--writable"]);
    fs::create_dir(client.path("copy")).unwrap();
    fs::write(client.path("copy/b"), noise(100_000)).unwrap();
    fs::write(client.path("copy/.c.sst-part"), &noise(100_000)[..70_000]).unwrap();
    let done = client.run(&["get", &url, "-o", "copy"]);
    assert_eq!((done.status.code(), done.out.lines().count()), (Some(1), 1), "{done:?}");
    assert!(done.out.starts_with("3 files, 2 directories, 126.95 KiB in "), "{done:?}");
    assert!(done.out.ends_with(", 1 unchanged, 1 resumed, 1 left out"), "{done:?}");
    let said = client.good(&["put", "copy", &url]);
    assert!(said.starts_with("3 files, 2 directories, 292.97 KiB in "), "{said}");
    let said = client.good(&["put", "copy/b", &format!("{url}/copy")]);
    assert!(said.starts_with("1 file, 0 B in ") && said.ends_with(", 1 unchanged"), "{said}");
    let summary = client.json(&["get", &format!("{url}/b")]);
    let counts = ["files", "unchanged", "resumed", "links", "directories", "left_out", "failed"];
    let counts = counts.map(|count| summary[count].as_u64().unwrap());
    assert_eq!(counts, [1, 0, 0, 0, 0, 0, 0], "{summary}");
    assert!(summary["seconds"].as_f64().unwrap() > 0.0 && summary["bytes"] == 100_000);
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
