//! What a session's end leaves in memory: two processes hold a session, and a third that knows
//! all their randomness looks for its secrets in everything they can write to.
#![cfg(target_os = "linux")]

mod bound;
mod child;
mod expected;
mod relay;
mod scan;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use sst_nostd::Suite;

use expected::{Secret, keys_in, secrets_of};
use relay::Relay;

/// Which end of the session a process is.
const ROLE: &str = "SST_TEST_SECRETS_ROLE";

/// The process that has the session. It does nothing in an ordinary run of the tests: the other
/// tests start this executable again, with only this test and a role for it.
#[test]
fn a_process_with_one_end_of_a_session() {
    if let Ok(role) = std::env::var(ROLE) {
        if role.starts_with("bound") { bound::run(&role) } else { child::run(&role) }
    }
}

/// Spec: R-6.2-2, R-13.3-1, R-13.18-1.
#[test]
fn nothing_is_left_of_a_session_sealed_with_aes() {
    nothing_is_left(Suite::Aes256Gcm);
}

/// Spec: R-6.2-2, R-13.3-1, R-13.18-1.
#[test]
fn nothing_is_left_of_a_session_sealed_with_chacha() {
    nothing_is_left(Suite::ChaCha20Poly1305);
}

/// Spec: R-6.2-2, R-13.18-1.
#[test]
fn no_packet_key_is_left_on_any_thread() {
    for suite in [Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
        let number = u8::from(suite);
        let directory = tempfile::tempdir().unwrap();
        let key_log = directory.path().join("keys");
        let file = key_log.display();
        let mut server = Process::start(&format!("bound-server {number} 0 {file}"));
        let port = server.hear("port ");
        let mut client = Process::start(&format!("bound-client {number} {port} {file}"));
        for process in [&mut client, &mut server] {
            process.hear("talked");
        }
        let keys = keys_in(&std::fs::read_to_string(&key_log).unwrap());
        for process in [&mut client, &mut server] {
            assert!(!process.find(&keys).is_empty(), "the scan is blind");
            process.tell("end");
        }
        for process in [&mut client, &mut server] {
            process.hear("forgotten");
            let found = process.find(&keys);
            assert!(found.is_empty(), "the {} keeps: {found:#?}", process.name);
        }
    }
}

fn nothing_is_left(suite: Suite) {
    let number = u8::from(suite);
    let mut server = Process::start(&format!("server {number} 0"));
    let port = server.hear("port ").parse().unwrap();
    let relay = Relay::start(SocketAddr::from(([127, 0, 0, 1], port)));
    let mut client = Process::start(&format!("client {number} {}", relay.port()));

    for process in [&mut client, &mut server] {
        process.hear("talked");
    }
    let [first, second] = relay.ephemerals();
    let secrets = secrets_of(suite, first, second);
    for process in [&client, &server] {
        let found = process.find(&secrets);
        // Else the scan would be blind.
        assert!(found.iter().any(|hit| hit.starts_with("epoch 0 secret")), "{found:#?}");
        assert!(found.iter().any(|hit| hit.starts_with("epoch 0 key")), "{found:#?}");
        let early: Vec<_> = secrets.iter().filter(|secret| !secret.is_of_epoch()).collect();
        let found: Vec<_> = process.find(early);
        assert!(found.is_empty(), "the {} keeps what made its keys: {found:#?}", process.name);
    }

    // Older than two minutes, keys are replaced.
    for process in [&mut client, &mut server] {
        process.tell("age");
    }
    for process in [&mut client, &mut server] {
        process.hear("aged");
    }
    for process in [&client, &server] {
        let found = process.find(&secrets);
        // The first, or one more if the other's clock was put forward later.
        let is_old = |hit: &&String| hit.starts_with("epoch 0 secret");
        assert!(found.iter().any(|hit| hit.contains("secret") && !is_old(&hit)), "{found:#?}");
        let old: Vec<_> = found.iter().filter(is_old).collect();
        assert!(old.is_empty(), "the {} keeps old secrets: {old:#?} of {found:#?}", process.name);
    }

    for process in [&mut client, &mut server] {
        process.tell("end");
        process.hear("over");
    }
    for process in [&mut client, &mut server] {
        process.tell("forget");
        process.hear("forgotten");
        let found = process.find(&secrets);
        assert!(found.is_empty(), "the {} keeps: {found:#?}", process.name);
    }
}

struct Process {
    name: String,
    child: Child,
    said: BufReader<ChildStdout>,
    told: ChildStdin,
}

impl Process {
    fn start(role: &str) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_with_one_end_of_a_session", "--nocapture"])
            .env(ROLE, role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let told = child.stdin.take().unwrap();
        Self { name: role.split(' ').next().unwrap().into(), child, said, told }
    }

    /// Waits for a line that begins so; the rest of it.
    fn hear(&mut self, start: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            let len = self.said.read_line(&mut line).unwrap();
            assert!(len > 0, "the {} ended before it said {start:?}", self.name);
            if let Some(rest) = line.trim_end().strip_prefix(start) {
                return rest.into();
            }
        }
    }

    fn tell(&mut self, word: &str) {
        writeln!(self.told, "{word}").unwrap();
    }

    /// Which of the secrets are in its memory, and where.
    fn find<'s>(&self, secrets: impl IntoIterator<Item = &'s Secret>) -> Vec<String> {
        scan::find(self.child.id(), secrets)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
