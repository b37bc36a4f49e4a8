//! `sst perf`: a server, and the measurements against it.

mod client;
mod memory;
mod serve;

use clap::{Args, Subcommand};
use sst_std::Url;

use crate::failure::Failure;
use crate::options::Options;

/// The service's name and protocol.
const SERVICE: (&str, &str) = ("perf", "1");

#[derive(Args)]
pub(crate) struct Perf {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Be what is measured.
    Serve {
        /// Keep every session but the first as it is: no service, no task that waits on it.
        #[arg(long)]
        hold: bool,
    },
    /// One stream, as fast as it goes.
    Bulk {
        url: Url,
        /// How much to transfer.
        #[arg(long, default_value_t = 1 << 30)]
        bytes: u64,
        /// From the server to here.
        #[arg(long)]
        download: bool,
    },
    /// Requests, each on a substream of its own.
    Streams {
        url: Url,
        /// How many in all.
        #[arg(long, default_value_t = 100_000)]
        count: u64,
        /// How many at a time.
        #[arg(long, default_value_t = 100)]
        concurrent: u64,
        /// Bytes in a request.
        #[arg(long, default_value_t = 100)]
        request: usize,
        /// Bytes in a reply.
        #[arg(long, default_value_t = 1_024)]
        reply: u32,
    },
    /// Datagrams, as fast as they go.
    Datagrams {
        url: Url,
        #[arg(long, default_value_t = 1_000_000)]
        count: u64,
        /// Bytes in each.
        #[arg(long, default_value_t = 1_000)]
        size: usize,
    },
    /// New sessions, one after the other, each with an echo; as many identities as at a time.
    Handshakes {
        url: Url,
        #[arg(long, default_value_t = 1_000)]
        count: u64,
        /// How many at a time.
        #[arg(long, default_value_t = 1, alias = "concurrent")]
        #[arg(value_parser = clap::value_parser!(u64).range(1..))]
        parallel: u64,
    },
    /// Round trips of one small record.
    Pingpong {
        url: Url,
        #[arg(long, default_value_t = 10_000)]
        count: u64,
        #[arg(long, default_value_t = 64)]
        size: usize,
    },
    /// What an idle session or stream costs the server.
    Memory {
        url: Url,
        /// Idle sessions to open, each of a new identity.
        #[arg(long, default_value_t = 1_000)]
        sessions: u64,
        /// Idle streams to open in one session.
        #[arg(long, default_value_t = 10_000)]
        streams: u64,
    },
}

impl Perf {
    pub(crate) const fn is_server(&self) -> bool {
        matches!(self.what, What::Serve { .. })
    }

    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        match self.what {
            What::Serve { hold } => serve::run(options, hold).await,
            What::Bulk { url, bytes, download } => {
                client::bulk(options, &url, bytes, download).await
            }
            What::Streams { url, count, concurrent, request, reply } => {
                client::streams(options, &url, [count, concurrent], request, reply).await
            }
            What::Datagrams { url, count, size } => {
                client::datagrams(options, &url, count, size).await
            }
            What::Handshakes { url, count, parallel } => {
                client::handshakes(options, &url, count, parallel).await
            }
            What::Pingpong { url, count, size } => {
                client::pingpong(options, &url, count, size).await
            }
            What::Memory { url, sessions, streams } => {
                memory::run(options, &url, sessions, streams).await
            }
        }
    }
}
