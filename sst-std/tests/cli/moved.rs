//! Hosts whose own address changes, or whose cable is pulled, in the middle of a transfer.
#![cfg(target_os = "linux")]

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use crate::cable::{Cable, place};
use crate::tool::{Running, User, until};

/// Large enough that a transfer takes its time, and nothing on the disk: it has no blocks.
const FILE_BYTES: u64 = 512 << 20;
/// When so much has come, the transfer is under way.
const UNDER_WAY_BYTES: u64 = 8 << 20;
/// How long a cable is out: many times as long as a host waits before it sends again.
const OUT: Duration = Duration::from_secs(5);

/// A transfer that is under way.
struct Transfer {
    cable: Cable,
    server: Running,
    client: Running,
    /// The server, the client; kept for their directories.
    users: [User; 2],
    is_get: bool,
}

impl Transfer {
    /// `None` where there can be no cable.
    fn start(is_get: bool) -> Option<Self> {
        let cable = Cable::new()?;
        let users = [User::new(), User::new()];
        let [far, near] = &users;
        let from = if is_get { far } else { near };
        fs::File::create(from.path("large")).unwrap().set_len(FILE_BYTES).unwrap();
        let bind = "0.0.0.0:7000";
        let server = cable.start(0, far, &["serve", "--writable", ".", "--bind", bind]);
        let id = server.line().split_once('@').map(|(id, _)| id.to_string()).unwrap();
        let url = format!("{id}@{}:7000", place(0, 1));
        let file = format!("{url}/large");
        let client = match is_get {
            true => cable.start(1, near, &["get", &file, "-o", "large"]),
            false => cable.start(1, near, &["put", "large", &url]),
        };
        until("the transfer begins", || cable.carried(1) >= UNDER_WAY_BYTES);
        Some(Self { cable, server, client, users, is_get })
    }

    /// Something has happened in the middle: it goes on and is whole.
    fn goes_on(self, carried: u64) {
        assert!(carried < FILE_BYTES, "the transfer was over before");
        let done = self.client.wait();
        assert!(done.status.success(), "{done:?}");
        let to = &self.users[usize::from(self.is_get)];
        assert_eq!(fs::metadata(to.path("large")).unwrap().len(), FILE_BYTES);
        drop(self.server);
    }
}

/// In the middle of a transfer `mover` (0 is the server) gets another address.
fn goes_on(is_get: bool, mover: usize) {
    let Some(transfer) = Transfer::start(is_get) else { return };
    transfer.cable.address(mover, "del", 1);
    transfer.cable.address(mover, "add", 7);
    let carried = transfer.cable.carried(1);
    transfer.goes_on(carried);
}

/// In the middle of a transfer the cable of `puller` is out for a while.
fn goes_on_without_a_cable_for_a_while(is_get: bool, puller: usize) {
    let Some(transfer) = Transfer::start(is_get) else { return };
    transfer.cable.set(puller, "down");
    let carried = transfer.cable.carried(1);
    sleep(OUT);
    transfer.cable.set(puller, "up");
    transfer.goes_on(carried);
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

#[test]
fn a_get_goes_on_when_the_clients_cable_is_in_again() {
    goes_on_without_a_cable_for_a_while(true, 1);
}

#[test]
fn a_get_goes_on_when_the_servers_cable_is_in_again() {
    goes_on_without_a_cable_for_a_while(true, 0);
}
