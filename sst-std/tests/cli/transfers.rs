//! Identities, and files that go there and back.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::net::UdpSocket;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use crate::tool::{User, hashes, noise};

#[test]
fn an_identity_is_made_once_and_kept_private() {
    let user = User::new();
    let first = user.id();
    assert_eq!(first, user.id());
    let mode = fs::metadata(user.key()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(user.json(&["id"])["id"], first);
    assert_ne!(first, User::new().id());
    let other = user.path("other");
    let other = user.good(&["id", "--key", other.to_str().unwrap()]);
    assert_ne!(other.trim(), first);
}

#[test]
fn a_tree_arrives_as_it_was() {
    let (server, client) = (User::new(), User::new());
    for directory in 0..20 {
        let directory = server.path(&format!("tree/{}/{directory}", directory % 3));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..15 {
            // Among them empty ones.
            fs::write(directory.join(format!("file {file}")), noise(file * 777)).unwrap();
        }
    }
    fs::create_dir_all(server.path("tree/nothing/in/here")).unwrap();
    fs::write(server.path("tree/large"), noise(20_000_000)).unwrap();
    let (_running, url) = server.serve(&["serve", "tree"]);
    let summary = client.json(&["get", &url, "-o", "copy"]);
    assert_eq!(hashes(&client.path("copy")), hashes(&server.path("tree")));
    assert_eq!((&summary["files"], &summary["unchanged"]), (&301.into(), &0.into()));
    let again = client.json(&["get", &url, "-o", "copy"]);
    assert_eq!((&again["unchanged"], &again["bytes"]), (&301.into(), &0.into()));
    client.good(&["get", &format!("{url}/0/18/file%206")]);
    assert_eq!(fs::read(client.path("file 6")).unwrap(), noise(6 * 777));
}

/// Everything below `root`: names, kinds, what links hold, permissions, times, contents.
fn census(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut found, mut todo) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_path_buf();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let (mode, at) =
                (metadata.permissions().mode(), (metadata.mtime(), metadata.mtime_nsec()));
            let what = if metadata.is_symlink() {
                format!("{:?}", fs::read_link(&path).unwrap())
            } else if metadata.is_dir() {
                todo.push(path);
                format!("{mode:o} {at:?}")
            } else {
                format!("{mode:o} {at:?} {}", blake3::hash(&fs::read(path).unwrap()))
            };
            found.insert(name, what);
        }
    }
    found
}

/// Makes 13 files, 2 directories and 5 links: everything that users have in trees and that can be
/// sent.
fn make_awkward(root: &Path) {
    let at = |name: &[u8]| root.join(OsStr::from_bytes(name));
    fs::create_dir_all(at(b"directory/empty")).unwrap();
    let names: [&[u8]; 12] = [
        b"plain",
        b"latin1-\xe9",
        b"new\nline",
        b"tab\there",
        b"dev-disk-by\\x2duuid.swap",
        b"my.sst-part",
        b"my.sst-put",
        b"trailing. ",
        b" ",
        b"-rf",
        "\u{202e}gpj.exe".as_bytes(),
        "e\u{301}".as_bytes(),
    ];
    for (number, name) in names.iter().enumerate() {
        fs::write(at(name), noise(number)).unwrap();
        let mode = [0o644, 0o600, 0o755, 0o444][number % 4];
        fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
        let time = UNIX_EPOCH + Duration::new(1_000_000_000 + number as u64, 123_456_789);
        File::open(at(name)).unwrap().set_modified(time).unwrap();
    }
    fs::write(at(b"directory/inside"), "x").unwrap();
    for (target, name) in [
        ("plain", "link"),
        ("directory", "to-directory"),
        ("nowhere", "dangling"),
        (".", "loop"),
        ("../plain", "directory/up"),
    ] {
        symlink(target, at(name.as_bytes())).unwrap();
    }
    fs::set_permissions(at(b"directory"), Permissions::from_mode(0o555)).unwrap();
    File::open(at(b"directory")).unwrap().set_modified(UNIX_EPOCH).unwrap();
}

/// What no transfer can take along.
fn make_impossible(root: &Path) {
    let pipe = Command::new("mkfifo").arg(root.join("pipe\n")).status();
    assert!(pipe.unwrap().success());
    symlink("/etc", root.join("out")).unwrap();
}

/// So that temporary directories can be removed by everybody.
fn open_up(root: &Path) {
    fs::set_permissions(root.join("directory"), Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_tree_of_awkward_names_kinds_and_permissions_is_got_as_it_is() {
    let (server, client) = (User::new(), User::new());
    let tree = server.path("tree");
    make_awkward(&tree);
    let (_running, url) = server.serve(&["serve", "tree"]);
    for unchanged in [0, 13] {
        let summary = client.json(&["get", &url, "-o", "copy"]);
        assert_eq!((&summary["files"], &summary["links"]), (&13.into(), &5.into()));
        assert_eq!(summary["unchanged"], unchanged);
        assert_eq!(census(&client.path("copy")), census(&tree));
    }
    make_impossible(&tree);
    let done = client.run(&["get", &url, "-o", "copy"]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    for said in ["pipe\\n: a special file, left out", "out: a symbolic link", "2 of 20 failed"] {
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    open_up(&tree);
    open_up(&client.path("copy"));
}

#[test]
fn a_tree_of_awkward_names_kinds_and_permissions_is_put_as_it_is() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("in")).unwrap();
    let (tree, copy) = (client.path("tree"), server.path("in/tree"));
    make_awkward(&tree);
    let (_running, url) = server.serve(&["serve", "in", "--writable"]);
    for unchanged in [0, 13] {
        let summary = client.json(&["put", "tree", &url]);
        assert_eq!((&summary["files"], &summary["links"]), (&13.into(), &5.into()));
        assert_eq!(
            (&summary["unchanged"], &summary["directories"]),
            (&unchanged.into(), &3.into())
        );
        assert_eq!(census(&copy), census(&tree));
    }
    // The contents alone, and what has changed meanwhile beside what has not.
    fs::write(tree.join("plain"), "changed").unwrap();
    make_impossible(&tree);
    fs::write(tree.join(".0123456789abcdef.sst-put"), "half").unwrap();
    let done = client.run(&["put", "tree/", &format!("{url}/tree/")]);
    assert_eq!(done.status.code(), Some(1), "{done:?}");
    for said in [
        "pipe\\n: a special file, left out",
        "out: a symbolic link",
        "sst-put: an unfinished copy, left out",
        "tree/plain: refused: exists already",
        "4 of 21 failed",
    ] {
        assert!(done.err.contains(said), "{said}: {}", done.err);
    }
    assert_eq!(census(&copy).len(), 20, "nothing else is there");
    // A link that stays inside of a tree leads out of a part of it.
    let done = client.run(&["put", "tree/directory/", &format!("{url}/new")]);
    assert!(done.err.contains("directory/up: a symbolic link that leads out"), "{}", done.err);
    let mut there = census(&tree.join("directory"));
    there.remove(Path::new("up")).unwrap();
    assert_eq!(census(&server.path("in/new")), there);
    open_up(&tree);
    open_up(&copy);
}

#[test]
fn names_of_every_length_arrive() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("tree")).unwrap();
    for len in [1, 244, 245, 246, 254, 255] {
        fs::write(server.path(&format!("tree/{}", "a".repeat(len))), noise(len)).unwrap();
    }
    fs::write(server.path(&format!("tree/{}", "あ".repeat(85))), "255 bytes").unwrap();
    let (_running, url) = server.serve(&["serve", "tree"]);
    client.good(&["get", &url, "-o", "copy"]);
    assert_eq!(hashes(&client.path("copy")), hashes(&server.path("tree")));
}

#[test]
fn files_are_put_only_where_that_is_allowed_and_never_over_others() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir_all(server.path("open/inner")).unwrap();
    fs::create_dir(server.path("closed")).unwrap();
    fs::write(client.path("a"), noise(3_000_000)).unwrap();
    fs::write(client.path("b"), "").unwrap();
    let (_closed, closed) = server.serve(&["serve", "closed"]);
    assert!(client.bad(&["put", "a", &closed]).contains("read-only"));
    assert_eq!(hashes(&server.path("closed")).len(), 0);
    let key = server.path("second key");
    let (_open, open) =
        server.serve(&["serve", "open", "--writable", "--key", key.to_str().unwrap()]);
    let url = format!("{open}/inner/");
    let summary = client.json(&["put", "a", "b", &url]);
    assert_eq!((&summary["files"], &summary["bytes"]), (&2.into(), &3_000_000.into()));
    assert_eq!(hashes(&server.path("open/inner")), hashes(client.here.path()));
    fs::write(client.path("a"), "other").unwrap();
    assert!(client.bad(&["put", "a", &url]).contains("exists already"));
    assert_eq!(fs::read(server.path("open/inner/a")).unwrap(), noise(3_000_000));
    assert!(client.bad(&["put", "a", &format!("{open}/none")]).contains("no such file"));
    assert!(client.bad(&["put", "none", &url]).contains("none: No such file"));
}

#[test]
fn garbage_on_the_port_does_not_disturb_a_transfer() {
    let (server, client) = (User::new(), User::new());
    fs::create_dir(server.path("tree")).unwrap();
    fs::write(server.path("tree/large"), noise(20_000_000)).unwrap();
    let (_running, url) = server.serve(&["serve", "tree"]);
    let port: u16 = url.rsplit(':').next().unwrap().parse().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let seen = is_over.clone();
    let noisy = thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (mut sent, bytes) = (0_u64, noise(70_000));
        while !seen.load(Ordering::Relaxed) {
            let from = (sent as usize * 13) % 60_000;
            let mut packet = bytes[from..from + 1 + (sent as usize * 37) % 1_400].to_vec();
            // Every kind of packet, by its first byte, gets its share.
            packet[0] = sent as u8;
            sent += u64::from(socket.send_to(&packet, ("127.0.0.1", port)).is_ok());
            thread::sleep(Duration::from_micros(200));
        }
        sent
    });
    client.good(&["get", &url, "-o", "copy"]);
    is_over.store(true, Ordering::Relaxed);
    assert!(noisy.join().unwrap() > 10);
    assert_eq!(hashes(&client.path("copy")), hashes(&server.path("tree")));
}
