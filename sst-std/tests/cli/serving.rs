//! What whoever runs a server chooses: where it listens, and what it may hold.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::tool::{User, hashes, noise};

/// Where a server listens, and what it said beside.
struct Listening {
    port: String,
    said: String,
}

impl Listening {
    fn is_at_the_default(&self) -> bool {
        self.port == sst_std::DEFAULT_PORT.to_string()
    }

    /// What it said of the port that URLs mean.
    fn said_of_the_default(&self) -> Vec<&str> {
        let port = sst_std::DEFAULT_PORT.to_string();
        self.said.lines().filter(|line| line.contains(&port)).collect()
    }
}

fn port(url: &str) -> String {
    url.trim_end_matches('/').rsplit(':').next().unwrap().to_string()
}

/// Two servers in a network of their own, where nobody else has ports; the first is there before
/// the second begins. `None` where no such network can be had.
fn two_servers_alone() -> Option<[Listening; 2]> {
    let alone = ["-rnpf", "--kill-child"];
    let may = Command::new("unshare").args(alone).arg("true").status();
    if !may.is_ok_and(|status| status.success()) {
        return None;
    }
    let user = User::new();
    fs::create_dir(user.path("served")).unwrap();
    let script = r#"
        "$0" serve served > one 2> said-one &
        until [ -s one ]; do sleep 0.01; done
        "$0" serve served > two 2> said-two &
        until [ -s two ]; do sleep 0.01; done
        exec kill -TERM -1"#;
    let mut command = Command::new("unshare");
    command.args(alone).args(["sh", "-c", script, env!("CARGO_BIN_EXE_sst")]);
    user.start_as(command, &[]).wait();
    let read = |name: &str| fs::read_to_string(user.path(name)).unwrap();
    Some(["one", "two"].map(|name| Listening {
        port: port(read(name).lines().next().unwrap()),
        said: read(&format!("said-{name}")),
    }))
}

/// Two servers beside all that has ports on this machine.
fn two_servers_here() -> [Listening; 2] {
    let user = User::new();
    fs::create_dir(user.path("served")).unwrap();
    let servers = [(); 2].map(|()| {
        let server = user.start(&["serve", "served"]);
        let url = server.line();
        (server, port(&url))
    });
    servers.map(|(server, port)| {
        server.signal("-TERM");
        Listening { port, said: server.wait().err }
    })
}

#[test]
fn a_server_is_at_the_port_that_urls_mean_or_says_that_it_is_taken() {
    let alone = two_servers_alone();
    let is_alone = alone.is_some();
    let [one, two] = alone.unwrap_or_else(two_servers_here);
    // Beside others, the port may be somebody else's already.
    assert!(one.is_at_the_default() || !is_alone, "at {}: {}", one.port, one.said);
    assert_ne!(two.port, one.port);
    let taken = "sst: port 8661 is taken: listening at another (see --bind)";
    for server in [&one, &two] {
        let expected: &[&str] = if server.is_at_the_default() { &[] } else { &[taken] };
        assert_eq!(server.said_of_the_default(), expected, "at {}", server.port);
    }
}

#[test]
fn a_server_holds_as_many_sessions_as_it_was_told_to() {
    let (server, client) = (User::new(), User::new());
    fs::write(server.path("file"), noise(10_000)).unwrap();
    let limits = ["--max-sessions", "1", "--connect-timeout", "1"];
    let (_running, url) = server.serve(&[&["serve", "."][..], &limits].concat());
    // One that stays: it pings for as long as nobody ends it, and its first line says it is in.
    let stays = client.start(&["ping", &url, "-c", "1000000", "-i", "1"]);
    stays.line();
    let complaint = User::new().bad(&["ping", &url, "-c", "1", "--connect-timeout", "100"]);
    assert!(complaint.contains("no capacity") || complaint.contains("room"), "{complaint}");
    stays.signal("-INT");
    stays.wait();
    // There is room again once the first has gone.
    client.good(&["get", &format!("{url}/file"), "--connect-timeout", "100"]);
    assert_eq!(fs::read(client.path("file")).unwrap(), noise(10_000));
}

#[test]
fn narrow_limits_carry_files_too_and_impossible_ones_are_named() {
    let (server, client) = (User::new(), User::new());
    fs::write(server.path("file"), noise(300_000)).unwrap();
    let narrow = "--max-sessions 2 --max-sessions-per-peer 1 --max-streams 64 --max-memory 4M \
                  --session-budget 64K --stream-window 256K --max-stream-window 128K \
                  --send-buffer 16K --one-source";
    let narrow: Vec<_> = narrow.split_whitespace().collect();
    let (_running, url) = server.serve(&[&["serve", "."][..], &narrow].concat());
    client.good(&["get", &format!("{url}/file")]);
    assert_eq!(fs::read(client.path("file")).unwrap(), noise(300_000));
    for (flag, value) in [
        ("--max-sessions", "0"),
        ("--max-sessions-per-peer", "70000"),
        ("--max-streams", "-1"),
        ("--max-memory", "1K"),
        ("--session-budget", "1T"),
        ("--send-buffer", "18446744073709551615"),
        ("--stream-window", "0"),
    ] {
        let done = server.run(&["serve", ".", &format!("{flag}={value}")]);
        assert_eq!(done.status.code(), Some(2), "{done:?}");
        assert!(done.err.contains(flag) && done.err.contains(value), "{done:?}");
    }
}

/// Small files are sent before there are places for all of them: what waits leaves room in the
/// session for what has a place.
#[test]
fn a_server_whose_sessions_may_hold_little_takes_many_small_files_at_a_time() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("in")).unwrap();
    fs::create_dir(client.path("tree")).unwrap();
    for number in 0..150 {
        fs::write(client.path(&format!("tree/{number}")), noise(60_000)).unwrap();
    }
    let small = ["serve", "in", "--writable", "--session-budget", "64K"];
    let (_running, url) = server.serve(&small);
    let summary = client.json(&["put", "tree", &url]);
    assert_eq!((&summary["files"], &summary["failed"]), (&150.into(), &0.into()));
    assert_eq!(hashes(&server.path("in/tree")), hashes(&client.path("tree")));
}

/// What the help and docs/LIMITS.md say are the same limits.
#[test]
fn each_limit_of_a_server_is_in_its_help_and_in_the_document() {
    let help = User::new().good(&["serve", "--help"]);
    let (_, limits) = help.split_once("\nLimits").expect("a heading for them");
    let (limits, _) = limits.split_once("\n\nOptions").unwrap_or((limits, ""));
    let flags: Vec<_> = limits
        .split_whitespace()
        .filter(|word| word.starts_with("--"))
        .map(|word| word.trim_end_matches(['.', ',']))
        .collect();
    assert!(flags.len() >= 8, "{flags:?}");
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/LIMITS.md");
    let Ok(document) = fs::read_to_string(document) else {
        return eprintln!("SKIPPED: a package of the crate alone has no docs/LIMITS.md");
    };
    for flag in flags {
        assert!(document.contains(&format!("`{flag}`")), "{flag} is not in docs/LIMITS.md");
    }
}

/// A system that gives no such memory: the server says so, and does not begin with empty tables.
#[test]
fn memory_that_cannot_be_had_is_named() {
    let server = User::new();
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -v 8000000; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_sst")]);
    let done = server.start_as(shell, &["serve", ".", "--max-memory", "16G"]).wait();
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    assert!(done.err.contains("there is no memory for so many"), "{done:?}");
}
