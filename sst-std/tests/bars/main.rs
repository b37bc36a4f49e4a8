//! Nobody stops anybody: a hostile peer beside an honest client, at `sst serve` as it comes.
//!
//! The honest client's time is compared with what the same work takes at a second server that
//! nobody attacks, on the same machine while the attack goes on, so that its load cancels out.
//!
//! Nothing else should run: `cargo xtask test bars` does them one after the other.
#![cfg(target_os = "linux")]
#![allow(clippy::disallowed_methods, reason = "deadlines of processes need a clock")]

#[path = "../../examples/hostile/attack.rs"]
mod attack;
#[path = "../../examples/hostile/bare.rs"]
mod bare;
mod compare;
mod floods;
#[path = "../../examples/hostile/peer.rs"]
mod peer;
mod readers;
mod scene;
mod together;
#[path = "../../examples/hostile/whole.rs"]
mod whole;
mod works;

use clap::Parser;

/// The hostile peer as a process of its own. It does nothing in an ordinary run of the tests: the
/// other tests start this executable again, with only this test and these arguments for it.
#[test]
fn the_hostile_peer() {
    if let Ok(arguments) = std::env::var(scene::ARGUMENTS) {
        let words = std::iter::once("hostile").chain(arguments.split(' '));
        attack::run(attack::Arguments::parse_from(words)).unwrap();
    }
}
