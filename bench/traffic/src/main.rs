//! `traffic`: what the hosts of a laboratory say to each other, over SST and over what else there
//! is: TCP, TLS 1.3 on TCP, QUIC (quinn), HTTP/2, HTTP/3 and plain UDP.
//!
//! `serve` answers all of them; each of the others asks, by one of them, and says what it saw as
//! one line of JSON. Nothing here knows what it is measured for.

mod address;
mod bulk;
mod certificate;
mod connect;
mod exchange;
mod handshakes;
mod objects;
mod pages;
mod serve;
mod transactions;

use std::io;
use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use address::{Far, Protocol};
use clap::{Parser, ValueEnum};
use pages::{Page, Way};
use sst_std::Algorithm;

#[derive(Parser)]
enum Verb {
    /// Answer until killed. The first line said is what the others need as `FAR`.
    Serve {
        #[arg(long, default_value = "127.0.0.1")]
        address: IpAddr,
        /// SST's congestion control; TCP's is the kernel's business, QUIC's is CUBIC.
        #[arg(long, default_value = "tolerant")]
        algorithm: AlgorithmName,
    },
    /// Fetch as one stream: so many bytes, or as many as come in so many seconds.
    Bulk {
        protocol: Protocol,
        far: Far,
        #[arg(long, default_value_t = u64::MAX)]
        bytes: u64,
        #[arg(long, default_value_t = 1e9)]
        seconds: f64,
        /// How often to note how much has come, in milliseconds.
        #[arg(long, default_value_t = 500)]
        every: u64,
    },
    /// New connections one after the other, each for a request and a reply.
    Handshakes {
        protocol: Protocol,
        far: Far,
        #[arg(long, default_value_t = 50)]
        count: u32,
        #[arg(long, default_value_t = 1_024)]
        bytes: u64,
    },
    /// A request and a reply of every size, each on a stream of its own.
    Transactions {
        protocol: Protocol,
        far: Far,
        /// In bytes: of the request, and of the reply.
        #[arg(long, value_delimiter = ',')]
        sizes: Vec<u64>,
        /// A new connection for each. Else all share one, made before the first.
        #[arg(long)]
        cold: bool,
        #[arg(long, default_value_t = 1)]
        rounds: u32,
    },
    /// Several objects over one connection, and when each piece of them came.
    Objects {
        protocol: Protocol,
        far: Far,
        #[arg(long, default_value_t = 5)]
        count: u32,
        #[arg(long, default_value_t = 5_500)]
        bytes: u64,
        /// A stream for each; else all over one, in order.
        #[arg(long)]
        streams: bool,
    },
    /// Web pages, one after the other.
    Pages {
        way: Way,
        far: Far,
        /// The sizes of their objects, each page's HTML first: `1200+300+400,700`.
        #[arg(long, value_delimiter = ',')]
        list: Vec<Page>,
        /// New connections for each page. Else they are made before the first.
        #[arg(long)]
        cold: bool,
        /// Pages that have not begun by then have failed.
        #[arg(long, default_value_t = 120)]
        seconds: u64,
    },
}

/// SST's congestion controls, as words.
#[derive(Clone, Copy, ValueEnum)]
enum AlgorithmName {
    Cubic,
    Reno,
    Tolerant,
    Bold,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match run(Verb::parse()).await {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("traffic: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> io::Result<String> {
    match verb {
        Verb::Serve { address, algorithm } => serve::run(address, algorithm.into()).await,
        Verb::Bulk { protocol, far, bytes, seconds, every } => {
            bulk::run(protocol, &far, bytes, seconds, every).await
        }
        Verb::Handshakes { protocol, far, count, bytes } => {
            handshakes::run(protocol, &far, count, bytes).await
        }
        Verb::Transactions { protocol, far, sizes, cold, rounds } => {
            transactions::run(protocol, &far, &sizes, cold, rounds).await
        }
        Verb::Objects { protocol, far, count, bytes, streams } => {
            objects::run(protocol, &far, count, bytes, streams).await
        }
        Verb::Pages { way, far, list, cold, seconds } => {
            pages::run(way, &far, &list, cold, Duration::from_secs(seconds)).await
        }
    }
}

impl From<AlgorithmName> for Algorithm {
    fn from(name: AlgorithmName) -> Self {
        match name {
            AlgorithmName::Cubic => Self::Cubic,
            AlgorithmName::Reno => Self::NewReno,
            AlgorithmName::Tolerant => Self::Tolerant,
            AlgorithmName::Bold => Self::Bold,
        }
    }
}
