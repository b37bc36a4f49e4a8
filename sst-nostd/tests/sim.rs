//! Random scenarios, one for each seed: two to four hosts on bad links, everything that
//! applications may do; nothing may be lost, doubled, altered or left behind.
//!
//! `SST_SEED=n` plays one seed; `SST_SEEDS=n` so many, `SST_SECONDS=n` for so long.

use std::time::{Duration, Instant};

use sst_nostd::sim::{Outcome, play};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn check(seed: u64, outcome: &Outcome) {
    if let Some(fault) = &outcome.fault {
        let test = "cargo test --release -p sst-nostd --features sim --test sim";
        panic!("{fault}\nreplay: SST_SEED={seed} {test} -- --nocapture");
    }
}

#[test]
fn the_same_seed_replays_exactly() {
    for seed in 0..20 {
        let (first, second) = (play(seed), play(seed));
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the budget is of real time")]
fn random_scenarios_end_well() {
    if let Some(seed) = number("SST_SEED") {
        let outcome = play(seed);
        println!("{outcome:?}");
        return check(seed, &outcome);
    }
    let budget = number("SST_SECONDS").map(Duration::from_secs);
    let count = number("SST_SEEDS").unwrap_or(if budget.is_some() { u64::MAX } else { 300 });
    let first = number("SST_FIRST").unwrap_or(1);
    let begun = Instant::now();
    let (mut seeds, mut bytes, mut datagrams, mut sessions, mut packets) = (0, 0, 0, 0, 0);
    while seeds < count && budget.is_none_or(|budget| begun.elapsed() < budget) {
        let outcome = play(first + seeds);
        check(first + seeds, &outcome);
        seeds += 1;
        bytes += outcome.bytes;
        datagrams += outcome.datagrams;
        sessions += outcome.sessions;
        packets += outcome.packets;
    }
    let took = begun.elapsed();
    let rate = u128::from(seeds) * 3_600_000 / took.as_millis().max(1);
    println!("{seeds} seeds from {first} in {took:?}, {rate} an hour:");
    println!("{sessions} sessions, {packets} packets, {bytes} bytes, {datagrams} datagrams");
}
