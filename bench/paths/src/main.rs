//! `paths`: the core's hot paths, without sockets, without threads, without waiting, for counting
//! instructions: run under `valgrind --tool=callgrind`, once with N and once with 2 N, and divide
//! the difference by N. `cargo xtask bench paths` does that.

mod free;
mod pair;
#[cfg(feature = "quinn")]
mod quinn;
mod target;
mod work;
mod worst;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use pair::Pair;
use sst_nostd::{Crypto, Suite};
use sst_std::AwsLc;
use work::{AT_ONCE, Carried, Hosts};

/// What one unit of work is.
#[derive(Clone, Copy, ValueEnum)]
enum Work {
    /// A full packet of a bulk stream, sealed, sent, received, opened, read, acknowledged.
    Bulk,
    /// A substream: opened, 100 bytes of request, 1 KiB of reply, both ends finished.
    Request,
    /// The same, a hundred at once and each read to its end; the unit is one of them.
    Requests,
    /// A datagram of 1,000 bytes.
    Datagram,
    /// 64 bytes there and back on an open stream.
    PingPong,
    /// A session: negotiated, one record echoed, closed.
    Session,
    /// The worst single packets of a peer, each counted alone; `count` and `cipher` say nothing.
    Worst,
}

/// Whose work is counted.
#[derive(Clone, Copy, ValueEnum)]
enum Whose {
    Sst,
    /// Its connections, in the same harness (feature `quinn`).
    QuinnProto,
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
    #[arg(long, value_enum, default_value = "sst")]
    of: Whose,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let done = match (options.of, options.cipher) {
        (Whose::QuinnProto, _) => quinn(&options),
        _ if matches!(options.work, Work::Worst) => {
            worst::run().map(|packets| Carried { packets, ..Carried::default() })
        }
        (_, Cipher::Free) => run(&options, free::Free::default, Suite::ChaCha20Poly1305),
        (_, Cipher::Aes) => run(&options, AwsLc::new, Suite::Aes256Gcm),
        (_, Cipher::Chacha) => run(&options, AwsLc::new, Suite::ChaCha20Poly1305),
    };
    match done {
        Some(Carried { packets, bytes }) => {
            println!("{packets} packets, {bytes} bytes of bulk");
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
) -> Option<Carried> {
    let mut pair = Pair::new([crypto(), crypto()], suite);
    if matches!(options.work, Work::Session) {
        for _ in 0..options.count {
            pair.meet()?;
            pair.ping_pong()?;
            pair.part()?;
        }
        return Some(pair.carried());
    }
    count(options, pair)
}

#[cfg(feature = "quinn")]
fn quinn(options: &Options) -> Option<Carried> {
    let suite = match options.cipher {
        Cipher::Free => None,
        Cipher::Aes => Some(Suite::Aes256Gcm),
        Cipher::Chacha => Some(Suite::ChaCha20Poly1305),
    };
    count(options, quinn::Pair::new(suite)?)
}

#[cfg(not(feature = "quinn"))]
fn quinn(_options: &Options) -> Option<Carried> {
    eprintln!("paths: built without quinn");
    None
}

/// The work that hosts of both kinds can do.
fn count(options: &Options, mut hosts: impl Hosts) -> Option<Carried> {
    hosts.meet()?;
    match options.work {
        Work::Bulk => hosts.bulk(options.count)?,
        Work::Requests => {
            for _ in 0..options.count.div_ceil(AT_ONCE as u64) {
                hosts.requests()?;
            }
        }
        work => {
            for _ in 0..options.count {
                match work {
                    Work::Request => hosts.request()?,
                    Work::Datagram => hosts.datagram()?,
                    Work::PingPong => hosts.ping_pong()?,
                    _ => return None,
                }
            }
        }
    }
    Some(hosts.carried())
}
