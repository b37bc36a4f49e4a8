//! The conformance table of tests/vectors/conformance, which docs/examples/conformance.py writes
//! from the specification alone: the host does what each row expects of it.
//!
//! Spec: R-7.3-3, R-7.3-7, R-10.1-2, R-10.3-1, R-10.16-4.

mod frames;
mod negotiations;
mod peer;
#[path = "../values/mod.rs"]
mod values;

use std::net::{Ipv4Addr, SocketAddr};

use serde_json::Value;
use sst_nostd::crypto::InsecureFixedRng;
use sst_nostd::{Codepoint, Config, Duration, Host, Instant, Limits, Path, RustCrypto, Storage};
pub(crate) use values::{hex, key};

pub(crate) type TestHost = Host<'static, RustCrypto<InsecureFixedRng>>;

/// No time passes: nothing is sent again, and nothing waits for a timer.
pub(crate) const NOW: Instant = Instant::from_micros(1_000_000);

pub(crate) fn host(config: Config) -> TestHost {
    // Time stands still.
    let config = Config { first_packet_wait: Duration::ZERO, ..config };
    let crypto = RustCrypto::new(InsecureFixedRng::new(7));
    Host::new(config, Storage::owned(&Limits::of(2, 64, 1 << 20)), crypto, NOW).expect("a host")
}

pub(crate) fn path() -> Path {
    Path { local: None, peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 5)) }
}

pub(crate) fn hand(host: &mut TestHost, packet: &[u8]) {
    let _ = host.handle_packet(NOW, path(), Codepoint::NotEct, &mut packet.to_vec());
}

/// All that the host has to send.
pub(crate) fn sent(host: &mut TestHost) -> Vec<Vec<u8>> {
    let mut buffer = vec![0; 2000];
    let next = || {
        let transmit = host.poll_transmit(NOW, &mut buffer, 1)?;
        Some(buffer[..transmit.len].to_vec())
    };
    std::iter::from_fn(next).collect()
}

/// A file of the table, and its rows.
pub(crate) fn table(text: &str) -> (Value, Vec<Value>) {
    let mut table: Value = serde_json::from_str(text).expect("JSON");
    let Value::Array(rows) = table["rows"].take() else { panic!("no rows") };
    (table, rows)
}

/// What went wrong with rows: all of it is told at once.
pub(crate) fn verdict(rows: &[Value], run: impl Fn(&Value) -> Result<(), String>) {
    let failed: Vec<String> = rows
        .iter()
        .filter_map(|row| run(row).err().map(|fault| format!("{}: {fault}", row["name"])))
        .collect();
    assert!(failed.is_empty(), "{} of {}:\n{}", failed.len(), rows.len(), failed.join("\n"));
}
