//! The `sst` command from outside: what it prints, writes and returns, and what becomes of files
//! when processes die.
#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "deadlines of processes need a clock")]

mod cable;
#[path = "../bars/compare.rs"]
mod compare;
mod errors;
mod faulty;
mod foreign;
mod greedy;
mod interrupted;
mod kills;
mod links;
mod measurements;
mod moved;
mod output;
mod relay;
mod round_trips;
mod scenarios;
mod serving;
mod signals;
mod tool;
mod transfers;
mod twins;
