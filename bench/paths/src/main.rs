//! `paths`: the core's hot paths, without sockets, without threads, without waiting, for counting
//! instructions: run under `valgrind --tool=callgrind`, once with N and once with 2 N, and divide
//! the difference by N. `cargo xtask bench paths` does that.

mod free;
mod pair;
mod target;
mod worst;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use pair::Pair;
use sst_nostd::{Crypto, Suite};
use sst_std::AwsLc;

/// What one unit of work is.
#[derive(Clone, Copy, ValueEnum)]
enum Work {
    /// A full packet of a bulk stream, sealed, sent, received, opened, read, acknowledged.
    Bulk,
    /// A substream: opened, 100 bytes of request, 1 KiB of reply, both ends finished.
    Request,
    /// The same with 32 bytes each way, a hundred at once.
    Burst,
    /// A datagram of 1,000 bytes.
    Datagram,
    /// 64 bytes there and back on an open stream.
    PingPong,
    /// A session: negotiated, one record echoed, closed.
    Session,
    /// The worst single packets of a peer, each counted alone; `count` and `cipher` say nothing.
    Worst,
}

#[derive(Clone, Copy, ValueEnum)]
enum Cipher {
    /// None at all: what is left is the protocol's own.
    Free,
    Aes,
    Chacha,
}

/// Does some work `count` times.
#[derive(Parser)]
struct Options {
    #[arg(value_enum)]
    work: Work,
    #[arg(default_value_t = 1_000)]
    count: u64,
    #[arg(long, value_enum, default_value = "free")]
    cipher: Cipher,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match options.cipher {
        _ if matches!(options.work, Work::Worst) => worst::run(),
        Cipher::Free => run(&options, free::Free::default, Suite::ChaCha20Poly1305),
        Cipher::Aes => run(&options, AwsLc::new, Suite::Aes256Gcm),
        Cipher::Chacha => run(&options, AwsLc::new, Suite::ChaCha20Poly1305),
    };
    match done {
        Some(packets) => {
            println!("{packets} packets");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("paths: the work could not be done");
            ExitCode::FAILURE
        }
    }
}

fn run<C: Crypto + 'static>(
    options: &Options,
    crypto: impl Fn() -> C,
    suite: Suite,
) -> Option<u64> {
    if matches!(options.work, Work::Session) {
        let mut pair = Pair::new([crypto(), crypto()], suite);
        for _ in 0..options.count {
            pair.meet()?;
            pair.ping_pong()?;
            pair.part()?;
        }
        return Some(pair.packets);
    }
    let mut pair = Pair::new([crypto(), crypto()], suite);
    pair.meet()?;
    match options.work {
        Work::Bulk => pair.bulk(options.count)?,
        work => {
            for _ in 0..options.count {
                match work {
                    Work::Request => pair.request()?,
                    Work::Burst => pair.burst()?,
                    Work::Datagram => pair.datagram()?,
                    _ => pair.ping_pong()?,
                }
            }
        }
    }
    Some(pair.packets)
}
