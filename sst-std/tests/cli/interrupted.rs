//! Processes that die in the middle, and disks that fill up.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, SystemTime};

use crate::relay::Relay;
use crate::tool::{Running, User, can_trace, hashes, noise, traced, until};

const LARGE: usize = 48_000_000;
/// What a relay lets pass of it: enough for what is kept of a part, and never the whole file.
const HALF: usize = LARGE / 2;

fn with_large_file() -> User {
    let server = User::new();
    fs::create_dir(server.path("tree")).unwrap();
    fs::write(server.path("tree/large"), noise(LARGE)).unwrap();
    server
}

/// A client that has some of the file by way of `relay`, but not all.
fn half_way(client: &User, relay: &Relay, url: &str) -> Running {
    let running = client.start(&["get", &relay.url(url), "-o", "copy"]);
    let part = client.path("copy/.large.sst-part");
    until("a part is there", || fs::metadata(&part).is_ok_and(|part| part.len() > 500_000));
    running
}

#[test]
fn a_killed_client_goes_on_where_it_was() {
    let (server, client) = (with_large_file(), User::new());
    let (_running, url) = server.serve(&["serve", "tree"]);
    half_way(&client, &Relay::to(&url, HALF), &url).cut();
    let names: Vec<_> = hashes(&client.path("copy")).into_keys().collect();
    assert_eq!(names, [std::path::PathBuf::from(".large.sst-part")], "no final name yet");
    let summary = client.json(&["get", &url, "-o", "copy"]);
    let bytes = summary["bytes"].as_u64().unwrap();
    assert!((1..=LARGE as u64 - 500_000).contains(&bytes), "{summary}");
    assert_eq!(hashes(&client.path("copy")), hashes(&server.path("tree")));
}

#[test]
fn a_client_whose_server_restarts_says_so_and_can_go_on() {
    let (server, client) = (with_large_file(), User::new());
    let (running, url) = server.serve(&["serve", "tree"]);
    let relay = Relay::to(&url, HALF);
    let getting = half_way(&client, &relay, &url);
    running.cut();
    let (_running, again) = server.serve(&["serve", "tree"]);
    relay.lead_to(&again);
    // Not that it timed out, which would have taken half a minute.
    let complaint = getting.wait().complaint();
    assert!(complaint.contains("the peer lost its state (it restarted)"), "{complaint}");
    assert!(!client.path("copy/large").exists(), "nothing unfinished has a final name");
    let summary = client.json(&["get", &again, "-o", "copy"]);
    assert!(summary["bytes"].as_u64().unwrap() <= LARGE as u64 - 500_000, "{summary}");
    assert_eq!(hashes(&client.path("copy")), hashes(&server.path("tree")));
}

#[test]
fn a_client_whose_server_is_gone_ends_after_the_idle_timeout() {
    let (server, client) = (with_large_file(), User::new());
    let (running, url) = server.serve(&["serve", "tree", "--idle-timeout", "3"]);
    let getting = half_way(&client, &Relay::to(&url, HALF), &url);
    running.cut();
    let complaint = getting.wait().complaint();
    assert!(complaint.contains("timed out"), "{complaint}");
    assert!(!client.path("copy/large").exists());
}

#[test]
fn a_killed_sender_leaves_nothing_under_the_name() {
    let (server, client) = (User::new(), with_large_file());
    fs::create_dir(server.path("in")).unwrap();
    let (_running, url) = server.serve(&["serve", "in", "--writable", "--idle-timeout", "2"]);
    let relay = Relay::to(&url, HALF);
    let putting = client.start(&["put", "tree/large", &relay.url(&url)]);
    let count = || fs::read_dir(server.path("in")).unwrap().count();
    until("a draft is there", || count() > 0);
    putting.cut();
    assert!(!server.path("in/large").exists());
    until("the draft is gone", || count() == 0);
    client.good(&["put", "tree/large", &url]);
    assert_eq!(hashes(&server.path("in")), hashes(&client.path("tree")));
}

/// A small file system, while this value lives.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(at: std::path::PathBuf) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&at);
        let is_mounted = mount.output().is_ok_and(|output| output.status.success());
        if !is_mounted {
            eprintln!("SKIPPED: full disks are NOT tested: only root may mount a small one");
        }
        is_mounted.then_some(Self(at))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_to_be_full_on_either_side() {
    let (server, client) = (with_large_file(), User::new());
    let Some(_theirs) = Small::mount(client.path("small")) else { return };
    let Some(_ours) = Small::mount(server.path("small")) else { return };
    let (_running, url) = server.serve(&["serve", "tree"]);
    let complaint = client.bad(&["get", &format!("{url}/large"), "-o", "small/large"]);
    assert!(complaint.contains("No space left on device"), "{complaint}");
    assert!(!client.path("small/large").exists());
    let key = server.path("second key");
    let key = key.to_str().unwrap();
    let (_writable, url) = server.serve(&["serve", "small", "--writable", "--key", key]);
    fs::write(client.path("large"), noise(LARGE)).unwrap();
    let complaint = client.bad(&["put", "large", &url]);
    assert!(complaint.contains("No space left on device"), "{complaint}");
    assert_eq!(hashes(&server.path("small")).len(), 0, "nothing is left of it");
}

#[test]
fn a_client_that_hashes_its_own_copy_ends_when_it_is_told_to() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("tree")).unwrap();
    for path in [server.path("tree/endless"), client.path("endless")] {
        fs::File::create(path).unwrap().set_len(200 << 30).unwrap();
    }
    let (_running, url) = server.serve(&["serve", "tree"]);
    let getting = client.start(&["get", &format!("{url}/endless")]);
    until("it is at the file", || client.path(".endless.sst-part").exists());
    getting.signal("-INT");
    assert!(getting.wait().complaint().contains("interrupted"));
}

#[test]
fn special_files_are_refused_at_once_wherever_a_file_is_asked_for() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("in")).unwrap();
    let (_running, url) = server.serve(&["serve", "in", "--writable"]);
    assert!(Command::new("mkfifo").arg(client.path("pipe")).status().unwrap().success());
    let complaint = client.bad(&["put", "pipe", &url]);
    assert!(complaint.contains("pipe: not a regular file"), "{complaint}");
    let complaint = client.bad(&["id", "--key", "pipe"]);
    assert!(complaint.contains("pipe: not an SST key file"), "{complaint}");
    let complaint = client.bad(&["ping", &url, "--keylog", "pipe"]);
    assert!(complaint.contains("pipe"), "{complaint}");
    let complaint = client.bad(&["put", "/dev/zero", &url]);
    assert!(complaint.contains("not a regular file"), "{complaint}");
    let _socket = UnixListener::bind(client.path("socket")).unwrap();
    let complaint = client.bad(&["put", "socket", &url]);
    assert!(complaint.contains("socket: not a regular file"), "{complaint}");
    let complaint = client.bad(&["put", "/proc/cpuinfo", &url]);
    assert!(complaint.contains("it has contents, but no size"), "{complaint}");
    assert_eq!(fs::read_dir(server.path("in")).unwrap().count(), 0);
}

#[test]
fn a_tree_that_is_put_into_itself_has_an_end() {
    let user = User::new();
    fs::create_dir(user.path("tree")).unwrap();
    fs::write(user.path("tree/file"), "x").unwrap();
    let (_running, url) = user.serve(&["serve", "tree", "--writable"]);
    let summary = user.json(&["put", "tree", &url]);
    assert_eq!((&summary["files"], &summary["directories"]), (&1.into(), &1.into()));
}

#[test]
fn what_a_killed_server_was_receiving_is_cleaned_at_the_next_start() {
    let (server, client) = (User::new(), with_large_file());
    fs::create_dir_all(server.path("in/deep")).unwrap();
    let (running, url) = server.serve(&["serve", "in", "--writable"]);
    let putting = client.start(&["put", "tree/large", &format!("{url}/deep")]);
    let count = || fs::read_dir(server.path("in/deep")).unwrap().count();
    until("a draft is there", || count() > 0);
    running.cut();
    putting.cut();
    assert_eq!(count(), 1);
    fs::write(server.path("in/deep/.0123456789abcdef.sst-putty"), "no draft").unwrap();
    // Clocks of files have seconds here.
    let born = SystemTime::now();
    until("a second has passed", || born.elapsed().is_ok_and(|age| age.as_millis() > 1_100));
    let (_running, _) = server.serve(&["serve", "in", "--writable"]);
    until("the draft is gone", || count() == 1);
    assert!(server.path("in/deep/.0123456789abcdef.sst-putty").exists());
}

/// Has `sst` run where a system call of these names fails.
fn where_it_fails(user: &User, calls: &str, error: &str, arguments: &[&str]) {
    let strace = traced(calls, &format!("error={error}"));
    let output = user.prepare(strace, arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn file_systems_without_locks_or_hard_links_are_good_enough() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("tree")).unwrap();
    fs::write(server.path("tree/file"), noise(300_000)).unwrap();
    let (_running, url) = server.serve(&["serve", "tree"]);
    if !can_trace("file systems without locks or links") {
        return;
    }
    where_it_fails(&client, "link,linkat", "EPERM", &["id", "--key", "new"]);
    assert!(client.path("new").exists());
    let get = ["get", &url, "-o", "copy"];
    where_it_fails(&client, "flock", "EOPNOTSUPP", &get);
    assert_eq!(hashes(&client.path("copy")), hashes(&server.path("tree")));
    // A server that cannot link a draft to its name renames it, and overwrites nothing either.
    fs::create_dir(server.path("in")).unwrap();
    let key = server.path("second key");
    let serve = ["serve", "in", "--writable", "--bind", "127.0.0.1:0", "--key"];
    let serve = [&serve[..], &[key.to_str().unwrap()]].concat();
    server.good(&["id", "--key", key.to_str().unwrap()]);
    let running = server.start_as(traced("link,linkat", "error=EPERM"), &serve);
    let url = running.line();
    fs::write(client.path("file"), noise(300_000)).unwrap();
    client.good(&["put", "file", &url]);
    assert_eq!(hashes(&server.path("in")), hashes(&server.path("tree")));
    fs::write(client.path("file"), "another").unwrap();
    assert!(client.bad(&["put", "file", &url]).contains("exists already"));
    assert_eq!(hashes(&server.path("in")), hashes(&server.path("tree")));
}

#[test]
fn a_disk_that_stands_still_for_one_holds_up_nobody_else() {
    const STANDSTILL: Duration = Duration::from_secs(3);
    if !can_trace("slow disks") {
        return;
    }
    let (server, client) = (User::new(), User::new());
    let delay = format!("delay_enter={}", STANDSTILL.as_micros());
    let serve = ["serve", ".", "--writable", "--bind", "127.0.0.1:0"];
    let running = server.start_as(traced("pwrite64", &delay), &serve);
    let url = running.line();
    let names: Vec<String> = (0..8).map(|number| format!("file{number}")).collect();
    names.iter().for_each(|name| fs::write(client.path(name), noise(400_000)).unwrap());
    let put: Vec<&str> = names.iter().map(String::as_str).chain([&url[..]]).collect();
    let mut putting = client.start(&[&["put"][..], &put].concat());
    let drafts = || fs::read_dir(server.here.path()).unwrap().count();
    until("the drafts are there", || drafts() >= 8);
    // More writes stand still than there are threads for the network.
    let summary = client.json(&["ping", &url, "-c", "20", "-i", "50"]);
    assert!(putting.child.try_wait().unwrap().is_none(), "the disk was slow all the time");
    let longest = Duration::from_secs_f64(summary["rtt"]["max_us"].as_f64().unwrap() / 1e6);
    assert!(longest < STANDSTILL / 2, "{summary}");
}
