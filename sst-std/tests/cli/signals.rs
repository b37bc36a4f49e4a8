//! SIGINT and SIGTERM end every command at once, whatever it waits for.

use std::cell::RefCell;
use std::fs;
use std::io::PipeReader;
use std::net::UdpSocket;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::tool::{Running, User, noise, until};

/// What waits here waits ten minutes or for ever; so this says that it was ended, on the busiest
/// machine, and not that it came to an end.
const AT_ONCE: Duration = Duration::from_secs(60);
/// Nobody is patient by themselves here.
const PATIENCE: [&str; 4] = ["--connect-timeout", "600", "--idle-timeout", "600"];

/// A user, and hosts that answer, do not answer, and have stopped to answer.
struct Scene {
    user: User,
    _serving: Running,
    url: String,
    silent: UdpSocket,
    /// Open, so that their writers wait.
    unread: RefCell<Vec<PipeReader>>,
}

/// A command that waits, once it does.
type Waiting = fn(&Scene) -> Running;

const WAITS: &[(&str, Waiting)] = &[
    ("serve", |scene| scene.said(&["serve", ".", "--bind", "127.0.0.1:0", "--key", "k1"])),
    ("echo", |scene| scene.said(&["echo", "--bind", "127.0.0.1:0", "--key", "k2"])),
    ("perf serve", |scene| scene.said(&["perf", "serve", "--bind", "127.0.0.1:0", "--key", "k3"])),
    ("scenarios serve", |scene| {
        scene.said(&["scenarios", "serve", "--bind", "127.0.0.1:0", "--key", "k4"])
    }),
    ("get from nobody", |scene| scene.dialling(&["get"], &[])),
    ("get to standard output from nobody", |scene| scene.dialling(&["get"], &["-o", "-"])),
    ("put to nobody", |scene| scene.dialling(&["put", "file"], &[])),
    ("ping of nobody", |scene| scene.dialling(&["ping"], &[])),
    ("perf to nobody", |scene| scene.dialling(&["perf", "bulk"], &[])),
    ("scenarios with nobody", |scene| scene.dialling(&["scenarios", "run"], &[])),
    ("ping for a long time", |scene| {
        scene.said(&["ping", &scene.url, "-c", "1000000", "-i", "1000"])
    }),
    ("demo", |scene| scene.said(&["demo", "--rate", "0.1"])),
    ("get into a pipe that nobody reads", |scene| {
        scene.unread(&["get", &format!("{}/file", scene.url), "-o", "-"])
    }),
    ("statistics into such a pipe at the end of serve", |scene| {
        let key = ["--key", "k5", "--stats-json", "pipe"];
        scene.said(&[&["serve", ".", "--bind", "127.0.0.1:0"][..], &key].concat())
    }),
    ("statistics into a pipe that nobody reads", |scene| {
        let running = scene.start(&["ping", &scene.url, "-c", "1", "--stats-json", "pipe"]);
        running.line();
        running
    }),
];

impl Scene {
    fn new() -> Self {
        let user = User::new();
        fs::write(user.path("file"), noise(3_000_000)).unwrap();
        assert!(Command::new("mkfifo").arg(user.path("pipe")).status().unwrap().success());
        let (serving, url) = user.serve(&["serve", ".", "--writable"]);
        let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
        silent.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        Self { user, _serving: serving, url, silent, unread: RefCell::default() }
    }

    fn start(&self, arguments: &[&str]) -> Running {
        self.user.start(&[arguments, &PATIENCE].concat())
    }

    /// Waits until it has said something.
    fn said(&self, arguments: &[&str]) -> Running {
        let running = self.start(arguments);
        running.line();
        running
    }

    /// Waits until it has dialled a host that does not answer.
    fn dialling(&self, before: &[&str], after: &[&str]) -> Running {
        let port = self.silent.local_addr().unwrap().port();
        let (identity, _) = self.url.split_once('@').unwrap();
        let url = format!("{identity}@127.0.0.1:{port}/x");
        let running = self.start(&[before, &[&url], after].concat());
        self.silent.recv(&mut [0; 2_000]).unwrap();
        running
    }

    /// With a pipe for its standard output that is open and not read, and takes less than the file.
    fn unread(&self, arguments: &[&str]) -> Running {
        let (reader, writer) = std::io::pipe().unwrap();
        let running = self.user.start_into(writer, &[arguments, &PATIENCE].concat());
        until("it writes", || rustix::io::ioctl_fionread(&reader).is_ok_and(|len| len > 0));
        self.unread.borrow_mut().push(reader);
        running
    }
}

#[test]
fn every_command_ends_at_once_when_it_is_told_to_whatever_it_waits_for() {
    let scene = Scene::new();
    for (what, wait) in WAITS {
        for signal in ["-INT", "-TERM"] {
            let running = wait(&scene);
            let begun = Instant::now();
            running.signal(signal);
            let done = running.wait();
            let took = begun.elapsed();
            println!("{what}, {signal}: ended after {took:?}");
            assert!(took < AT_ONCE, "{what}, {signal}: {took:?}");
            // A server was there until it was told to end; anything else was interrupted.
            let is_server = what.ends_with("serve") || *what == "echo";
            let expected = if is_server { (Some(0), "") } else { (Some(1), "sst: interrupted\n") };
            assert_eq!((done.status.code(), &done.err[..]), expected, "{what}, {signal}");
        }
    }
}
