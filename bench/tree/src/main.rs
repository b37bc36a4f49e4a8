//! `tls-tree`: serves a directory and fetches it with one TCP and TLS 1.3 connection per file.
//!
//! What `sst serve` and `sst get` are compared with, and as good as this way of doing it gets:
//! the listing first, N connections at a time, every small file one step to and from the disk,
//! X25519 and the AES the hardware has, BLAKE3 of every file as `sst get` checks it.

mod get;
mod messages;
mod serve;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
enum Verb {
    /// Serve a directory until killed.
    Serve {
        directory: PathBuf,
        #[arg(long, default_value = "127.0.0.1:0")]
        bind: SocketAddr,
        /// Where to write the certificate the client has to know.
        #[arg(long)]
        certificate: PathBuf,
    },
    /// Fetch what it serves.
    Get {
        address: SocketAddr,
        /// The part of the tree to fetch.
        #[arg(long, default_value = "")]
        path: String,
        #[arg(short, long)]
        output: PathBuf,
        /// Connections at a time.
        #[arg(long, default_value_t = 16)]
        jobs: usize,
        /// Wait for the disk before a file gets its name.
        #[arg(long)]
        sync: bool,
        #[arg(long)]
        certificate: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Verb::parse() {
        Verb::Serve { directory, bind, certificate } => {
            serve::run(directory, bind, &certificate).await
        }
        Verb::Get { address, path, output, jobs, sync, certificate } => {
            let connector = match tls::connector(&certificate) {
                Ok(connector) => connector,
                Err(error) => return failed(&error),
            };
            let client = get::Client { address, connector, output, is_synced: sync };
            client.run(&path, jobs).await
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

fn failed(error: &std::io::Error) -> ExitCode {
    eprintln!("tls-tree: {error}");
    ExitCode::FAILURE
}
