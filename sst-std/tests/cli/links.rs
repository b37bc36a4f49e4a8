//! Addresses that mean something on one link alone.
#![cfg(target_os = "linux")]

use std::fs;

use crate::cable::{Cable, place};
use crate::tool::{User, noise};

/// As on a network without a router: the client says the name of its own interface.
#[test]
fn an_address_of_the_link_works_on_both_sides_and_every_address_is_printed_once() {
    let Some(cable) = Cable::new() else { return };
    cable.loopback(0);
    cable.link_local(0);
    cable.link_local(1);
    let (far, near) = (User::new(), User::new());
    fs::write(far.path("file"), noise(3_000_000)).unwrap();
    let server = cable.start(0, &far, &["serve", "--writable", ".", "--bind", "[::]:7000"]);
    let printed: Vec<String> = (0..4).map(|_| server.line()).collect();
    let id = printed[0].split_once('@').unwrap().0.to_string();
    let hosts = [&place(0, 1), "[fe80::1%25end0]", "127.0.0.1", "[::1]"];
    let mut expected = hosts.map(|host| format!("{id}@{host}:7000/"));
    let mut sorted = printed.clone();
    sorted.sort();
    expected.sort();
    assert_eq!(sorted, expected);
    assert!(printed[2..].iter().all(|url| url.contains("127.") || url.contains("::1]")));

    let url = format!("{id}@[fe80::1%end1]:7000");
    let got = cable.start(1, &near, &["get", &format!("{url}/file"), "-o", "file"]).wait();
    assert!(got.status.success(), "{got:?}");
    assert!(fs::read(near.path("file")).unwrap() == noise(3_000_000));
    // Bound to the address of the link itself, too.
    fs::write(near.path("back"), noise(2_000_000)).unwrap();
    let bind = ["--bind", "[fe80::2%end1]:0"];
    let put = [&["put", "back", url.as_str()][..], &bind].concat();
    let put = cable.start(1, &near, &put).wait();
    assert!(put.status.success(), "{put:?}");
    assert!(fs::read(far.path("back")).unwrap() == noise(2_000_000));

    server.signal("-TERM");
    let rest = server.wait();
    assert!(!rest.out.contains("sst://"), "nothing is printed twice: {rest:?}");
}
