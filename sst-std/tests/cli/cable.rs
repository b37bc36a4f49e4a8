//! Two hosts on one machine. Needs network namespaces, which only root makes; elsewhere the
//! simulator's tests have to do.
#![cfg(target_os = "linux")]

use std::process::Command;

use crate::tool::{Running, User};

/// Two namespaces with a cable between them.
pub(crate) struct Cable {
    names: [String; 2],
}

impl Cable {
    /// `None` where this process may not make any. IPv6 has no addresses yet.
    pub(crate) fn new() -> Option<Self> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let name = |end| format!("sst-{}-{count}-{end}", std::process::id());
        let cable = Self { names: [name(0), name(1)] };
        let [one, two] = &cable.names;
        let made = ip(&["netns", "add", one]) && ip(&["netns", "add", two]);
        let ends = ["link", "add", "end0", "netns", one, "type", "veth", "peer", "name", "end1"];
        if !made || !ip(&[&ends[..], &["netns", two]].concat()) {
            println!("not tried: no network namespaces here");
            return None;
        }
        for (end, name) in cable.names.iter().enumerate() {
            let device = format!("end{end}");
            assert!(ip(&["-n", name, "link", "set", &device, "addrgenmode", "none"]));
            cable.set(end, "up");
            cable.address(end, "add", 1);
        }
        Some(cable)
    }

    /// Puts an end "up" or "down".
    pub(crate) fn set(&self, end: usize, to: &str) {
        assert!(ip(&["-n", &self.names[end], "link", "set", &format!("end{end}"), to]));
    }

    /// Gives an end the address `fe80::1` or `fe80::2` on its link, which is used at once.
    pub(crate) fn link_local(&self, end: usize) {
        let (address, device) = (format!("fe80::{}/64", end + 1), format!("end{end}"));
        let add = ["addr", "add", &address, "dev", &device, "nodad"];
        assert!(ip(&[&["-n", self.names[end].as_str()][..], &add].concat()));
    }

    /// Gives an end its loopback addresses.
    pub(crate) fn loopback(&self, end: usize) {
        assert!(ip(&["-n", &self.names[end], "link", "set", "lo", "up"]));
    }

    /// Gives an end an address, or takes it away.
    pub(crate) fn address(&self, end: usize, action: &str, last: u8) {
        let (address, device) = (format!("{}/16", place(end, last)), format!("end{end}"));
        assert!(ip(&["-n", &self.names[end], "addr", action, &address, "dev", &device]));
    }

    /// Bytes that came to an end or went from it.
    pub(crate) fn carried(&self, end: usize) -> u64 {
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

    pub(crate) fn start(&self, end: usize, user: &User, arguments: &[&str]) -> Running {
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

/// The address of an end.
pub(crate) fn place(end: usize, last: u8) -> String {
    format!("10.77.{end}.{last}")
}
