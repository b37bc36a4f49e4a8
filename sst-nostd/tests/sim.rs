//! Random scenarios, one for each seed: two to four hosts on bad links, everything that
//! applications may do; nothing may be lost, doubled, altered or left behind.
//!
//! `SST_SEED=n` plays one seed; `SST_SEEDS=n` so many, `SST_SECONDS=n` for so long, on all
//! processors.

use std::num::NonZero;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
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
    let is_over = || budget.is_some_and(|budget| begun.elapsed() >= budget);
    let next = AtomicU64::new(0);
    let play_some = || {
        let mut played = Played::default();
        while !is_over() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count {
                break;
            }
            played.add(first + seed);
        }
        played
    };
    let played = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..available_parallelism().map_or(1, NonZero::get))
            .map(|_| scope.spawn(play_some))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("every seed ends well"))
            .sum::<Played>()
    });
    let took = begun.elapsed();
    let rate = u128::from(played.seeds) * 3_600_000 / took.as_millis().max(1);
    println!("{} seeds from {first} in {took:?}, {rate} an hour: {played:?}", played.seeds);
}

/// What all scenarios come to.
#[derive(Debug, Default)]
struct Played {
    seeds: u64,
    sessions: u64,
    packets: u64,
    bytes: u64,
    datagrams: u64,
}

impl Played {
    fn add(&mut self, seed: u64) {
        let outcome = play(seed);
        check(seed, &outcome);
        self.seeds += 1;
        self.sessions += outcome.sessions;
        self.packets += outcome.packets;
        self.bytes += outcome.bytes;
        self.datagrams += outcome.datagrams;
    }
}

impl std::iter::Sum for Played {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            seeds: sum.seeds + one.seeds,
            sessions: sum.sessions + one.sessions,
            packets: sum.packets + one.packets,
            bytes: sum.bytes + one.bytes,
            datagrams: sum.datagrams + one.datagrams,
        })
    }
}
