//! Clients and servers that are killed at every step of what they do with files: a final name is
//! that of a whole file, and the next attempt is a success and leaves nothing over.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::tool::{Running, User, can_trace, hashes, noise, traced, until};

/// A small file, a large one, one in a directory, and a link.
fn make_tree(root: &Path) {
    fs::create_dir_all(root.join("directory")).unwrap();
    fs::write(root.join("small"), noise(1_000)).unwrap();
    fs::write(root.join("large"), noise(300_000)).unwrap();
    fs::write(root.join("directory/inside"), noise(70_000)).unwrap();
    symlink("small", root.join("link")).unwrap();
}

/// What is under final names in `copy` is what it should be.
fn assert_whole(copy: &Path, tree: &Path, when: &str) {
    if !copy.exists() {
        return;
    }
    let right = hashes(tree);
    for (name, hash) in hashes(copy) {
        let last = name.file_name().unwrap().to_str().unwrap();
        if last.starts_with('.') && (last.ends_with(".sst-part") || last.ends_with(".sst-put")) {
            continue;
        }
        assert_eq!(right.get(&name), Some(&hash), "{when}: {}", name.display());
    }
}

/// The first of these calls, then the second, and so on, as long as there are any; of each kind.
fn every_step(calls: &[&str], most: u32, mut killed_at: impl FnMut(&str, &str) -> bool) {
    let mut kills = 0;
    for call in calls {
        for number in 1..=most {
            if !killed_at(call, &format!("signal=KILL:when={number}")) {
                break;
            }
            kills += 1;
        }
    }
    assert!(kills >= calls.len() - 1, "only {kills} kills: are these the calls that are made?");
}

#[test]
fn a_get_that_is_killed_at_any_step_leaves_whole_files_and_can_go_on() {
    if !can_trace("gets that are killed at every step") {
        return;
    }
    let (server, client) = (User::new(), User::new());
    make_tree(&server.path("tree"));
    let (_running, url) = server.serve(&["serve", "tree"]);
    let (tree, copy) = (server.path("tree"), client.path("copy"));
    let get = ["get", &url, "-o", "copy"];
    let calls = [
        "mkdirat",
        "flock",
        "ftruncate",
        "pwrite64",
        "fchmod",
        "utimensat",
        "fsync",
        "renameat",
        "symlinkat",
    ];
    every_step(&calls, 2, |call, deed| {
        let _ = fs::remove_dir_all(&copy);
        let done = client.start_as(traced(call, deed), &get).wait();
        let is_killed = !done.status.success();
        assert_whole(&copy, &tree, call);
        client.good(&get);
        assert_eq!(hashes(&copy), hashes(&tree), "after {call}, {deed}");
        is_killed
    });
}

const PUT_CALLS: [&str; 8] =
    ["mkdirat", "flock", "pwrite64", "fchmod", "utimensat", "fsync", "linkat", "symlinkat"];

/// Clocks of files have seconds here.
fn wait_for_another_second() {
    let born = SystemTime::now();
    until("a second has passed", || {
        born.elapsed().is_ok_and(|age| age > Duration::from_millis(1_100))
    });
}

#[test]
fn a_server_that_is_killed_at_any_step_of_a_put_leaves_whole_files_and_the_next_cleans_up() {
    if !can_trace("servers that are killed at every step") {
        return;
    }
    let (server, client) = (User::new(), User::new());
    make_tree(&client.path("tree"));
    fs::create_dir(server.path("in")).unwrap();
    let (tree, copy) = (client.path("tree"), server.path("in/tree"));
    let serve = ["serve", "in", "--writable", "--bind", "127.0.0.1:0"];
    let line = |running: &Running| running.line().trim_end_matches('/').to_string();
    every_step(&PUT_CALLS, 1, |call, deed| {
        let _ = fs::remove_dir_all(&copy);
        let running = server.start_as(traced(call, deed), &serve);
        let url = line(&running);
        let put = ["put", "tree", &url, "--idle-timeout", "1"];
        let is_killed = !client.run(&put).status.success();
        drop(running);
        assert_whole(&copy, &tree, call);
        let running = server.start(&serve);
        client.good(&["put", "tree", &line(&running)]);
        // What is unfinished may be of this second; the next server takes it for old.
        let mut finished = hashes(&copy);
        finished.retain(|name, _| !name.to_str().unwrap().ends_with(".sst-put"));
        assert_eq!(finished, hashes(&tree), "after {call}, {deed}");
        is_killed
    });
    wait_for_another_second();
    let _running = server.serve(&["serve", "in", "--writable"]);
    until("drafts are gone", || hashes(&copy) == hashes(&tree));
}

#[test]
fn a_put_that_is_killed_at_any_step_leaves_whole_files_and_no_drafts() {
    if !can_trace("puts that are killed at every step") {
        return;
    }
    let (server, client) = (User::new(), User::new());
    make_tree(&client.path("tree"));
    fs::create_dir(server.path("in")).unwrap();
    let (tree, copy) = (client.path("tree"), server.path("in/tree"));
    let (_running, url) = server.serve(&["serve", "in", "--writable", "--idle-timeout", "1"]);
    let put = ["put", "tree", &url];
    every_step(&["pread64", "getdents64", "readlinkat", "sendmsg"], 3, |call, deed| {
        let _ = fs::remove_dir_all(&copy);
        let is_killed = !client.start_as(traced(call, deed), &put).wait().status.success();
        assert_whole(&copy, &tree, call);
        client.good(&put);
        until("drafts are gone", || hashes(&copy) == hashes(&tree));
        is_killed
    });
}
