//! Replays what the fuzz targets have found: see `fuzz/`.
#![cfg(not(target_arch = "wasm32"))]

use std::cell::Cell;
use std::fs;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use crate::targets::{frames, ops, packet, parsers, streams};

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, missing_docs, unreachable_pub)]
mod targets;

/// Runs each file in `fuzz/corpus/<target>`; says which one failed.
fn replay(target: &str, run: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).expect("a corpus") {
        let path = entry.expect("a file").path();
        let data = fs::read(&path).expect("bytes");
        let result = panic::catch_unwind(AssertUnwindSafe(|| run(&data)));
        assert!(result.is_ok(), "{} fails", path.display());
        count += 1;
    }
    assert!(count > 10, "{} holds {count} files", folder.display());
}

#[test]
fn frames_past_the_cryptography_break_nothing() {
    replay("frames", frames::run);
}

#[test]
fn two_hosts_and_their_applications_leave_nothing_behind() {
    let checked_bytes = Cell::new(0);
    replay("ops", |data| checked_bytes.set(checked_bytes.get() + ops::run(data)));
    assert!(checked_bytes.get() > 10_000, "{checked_bytes:?} bytes: the corpus gets nowhere");
}

#[test]
fn packets_break_nothing() {
    replay("packet", packet::run);
}

#[test]
fn what_parses_can_be_encoded() {
    replay("parsers", parsers::run);
}

#[test]
fn streams_of_two_hosts_leave_nothing_behind() {
    replay("streams", streams::run);
}
