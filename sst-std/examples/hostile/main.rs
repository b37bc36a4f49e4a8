//! A hostile peer, to try against one's own server: `hostile --help`.
//!
//! Each attack has a name, takes hold of as much as the server lets it, says `holding` with
//! figures, and keeps what it has until its time is up. Meanwhile, use the server as honest
//! clients do, and compare. docs/TESTING.md says what must hold.

mod attack;
mod bare;
mod peer;
mod whole;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match attack::run(attack::Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hostile: {error}");
            ExitCode::FAILURE
        }
    }
}
