//! Hosts whose own address changes in the middle of a transfer. Needs network namespaces, which
//! only root makes; elsewhere the simulator's tests of the same name have to do.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::tool::{Running, User};

/// Large enough that a transfer takes its time, and nothing on the disk: it has no blocks.
const FILE_BYTES: u64 = 512 << 20;
/// When so much has come, the transfer is under way.
const UNDER_WAY_BYTES: u64 = 8 << 20;
/// No transfer takes longer to begin, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Two namespaces with a cable between them.
struct Cable {
    names: [String; 2],
}

impl Cable {
    /// `None` where this process may not make any.
    fn new() -> Option<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = |end| format!("sst-{}-{count}-{end}", std::process::id());
        let cable = Self { names: [name(0), name(1)] };
        let [one, two] = &cable.names;
        let made = ip(&["netns", "add", one]) && ip(&["netns", "add", two]);
        let ends = ["link", "add", "end0", "netns", one, "type", "veth", "peer", "name", "end1"];
        if !made || !ip(&[&ends[..], &["netns", two]].concat()) {
            return None;
        }
        for (end, name) in cable.names.iter().enumerate() {
            assert!(ip(&["-n", name, "link", "set", &format!("end{end}"), "up"]));
            cable.address(end, "add", 1);
        }
        Some(cable)
    }

    /// Gives an end an address, or takes it away.
    fn address(&self, end: usize, action: &str, last: u8) {
        let (address, device) = (format!("{}/16", place(end, last)), format!("end{end}"));
        assert!(ip(&["-n", &self.names[end], "addr", action, &address, "dev", &device]));
    }

    /// Bytes that came to an end or went from it.
    fn carried(&self, end: usize) -> u64 {
        let counters = ["rx_bytes", "tx_bytes"].map(|name| {
            let file = format!("/sys/class/net/end{end}/statistics/{name}");
            let shown = Command::new("ip")
                .args(["netns", "exec", &self.names[end], "cat", &file])
                .output()
                .unwrap();
            String::from_utf8_lossy(&shown.stdout).trim().parse::<u64>().unwrap()
        });
        counters.into_iter().max().unwrap_or(0)
    }

    fn start(&self, end: usize, user: &User, arguments: &[&str]) -> Running {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.names[end], env!("CARGO_BIN_EXE_sst")]);
        user.start_as(command, arguments)
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&["netns", "del", name]);
        }
    }
}

fn ip(arguments: &[&str]) -> bool {
    Command::new("ip").args(arguments).output().is_ok_and(|done| done.status.success())
}

fn place(end: usize, last: u8) -> String {
    format!("10.77.{end}.{last}")
}

/// A transfer from or to a server, in the middle of which `mover` (0 is the server) gets another
/// address: it goes on and is whole.
fn goes_on(is_get: bool, mover: usize) {
    let Some(cable) = Cable::new() else {
        println!("not tried: no network namespaces here");
        return;
    };
    let (far, near) = (User::new(), User::new());
    let (from, to) = if is_get { (&far, &near) } else { (&near, &far) };
    fs::File::create(from.path("large")).unwrap().set_len(FILE_BYTES).unwrap();
    let bind = "0.0.0.0:7000";
    let server = cable.start(0, &far, &["serve", "--writable", ".", "--bind", bind]);
    let id = server.line().split_once('@').map(|(id, _)| id.to_string()).unwrap();
    let url = format!("{id}@{}:7000", place(0, 1));
    let file = format!("{url}/large");
    let transfer = match is_get {
        true => cable.start(1, &near, &["get", &file, "-o", "large"]),
        false => cable.start(1, &near, &["put", "large", &url]),
    };
    let begun = Instant::now();
    while cable.carried(1) < UNDER_WAY_BYTES {
        assert!(begun.elapsed() < PATIENCE, "the transfer does not begin");
        sleep(Duration::from_millis(5));
    }
    cable.address(mover, "del", 1);
    cable.address(mover, "add", 7);
    let at_change = cable.carried(1);
    assert!(at_change < FILE_BYTES, "the transfer was over before the address changed");
    let done = transfer.wait();
    assert!(done.status.success(), "get {is_get}, mover {mover}: {done:?}");
    assert_eq!(fs::metadata(to.path("large")).unwrap().len(), FILE_BYTES);
}

// Spec: R-6.10-8, R-6.10-11.
#[test]
fn a_get_goes_on_when_the_client_gets_another_address() {
    goes_on(true, 1);
}

// Spec: R-6.10-8, R-6.10-11.
#[test]
fn a_put_goes_on_when_the_client_gets_another_address() {
    goes_on(false, 1);
}

// Spec: R-6.10-11.
#[test]
fn a_get_goes_on_when_the_server_gets_another_address() {
    goes_on(true, 0);
}
