//! `peers`: SST beside what people would otherwise use, each as two processes on two cores.
//! `cargo xtask bench` builds it and calls `peers run`; the other commands are its children.

mod contest;
mod measure;
mod probe;
mod process;
mod report;
mod task;
mod transport;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use rustix::process::{Signal, set_parent_process_death_signal};

use task::{Card, Task};

/// What may go wrong, told to a person.
pub(crate) type Fallible<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measures, and writes what was measured.
    Run(contest::Options),
    /// One server; says where it is, and serves until it is killed.
    #[command(hide = true)]
    Serve { task: String, core: usize },
    /// One client; says what it measured.
    #[command(hide = true)]
    Drive { task: String, core: usize, card: String, server: u32 },
}

fn main() -> ExitCode {
    // Nothing outlives whoever started it.
    let done = set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(Into::into)
        .and_then(|()| run(Options::parse().command));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Fallible<()> {
    match command {
        Command::Run(options) => contest::run(&options),
        Command::Serve { task, core } => {
            process::pin(core)?;
            transport::serve(&serde_json::from_str::<Task>(&task)?)
        }
        Command::Drive { task, core, card, server } => {
            process::pin(core)?;
            let (task, card) = (serde_json::from_str::<Task>(&task)?, Card::parse(&card)?);
            let figures = transport::drive(&task, &card, server)?;
            println!("{}", serde_json::to_string(&figures)?);
            Ok(())
        }
    }
}
