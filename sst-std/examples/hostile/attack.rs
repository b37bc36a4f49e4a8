//! What can be asked of the hostile peer, and the guard against asking it of strangers.

use std::error::Error;
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use sst_std::Url;

use super::{bare, whole};

/// No attack goes on for longer, whatever was asked for.
const MAX_TIME: Duration = Duration::from_secs(600);
/// No attack takes more of anything, whatever was asked for.
const MAX_COUNT: u32 = 200_000;

pub(crate) type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// A hostile peer, to try against one's own server. It says `holding` once it holds all that it
/// could get.
#[derive(Clone, Debug, Parser)]
#[command(name = "hostile")]
pub(crate) struct Arguments {
    /// What to do
    #[arg(value_enum)]
    pub(crate) attack: Attack,
    /// The server, and for stall, gets, hoard and hashes a file on it
    pub(crate) url: Url,
    /// How many streams, identities or requests [default: the attack's own]
    #[arg(long)]
    pub(crate) count: Option<u32>,
    /// How many bytes each reader takes before it stops (stall)
    #[arg(long, default_value_t = 0)]
    pub(crate) after: u64,
    /// How long to go on
    #[arg(long, default_value_t = 30)]
    pub(crate) seconds: u64,
    /// The server is yours: without this word, only loopback addresses are attacked
    #[arg(long)]
    pub(crate) i_own_this_server: bool,
}

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// Gets a file on 100 streams of one session and stops reading each
    Stall,
    /// Asks on 1,000 streams, for listings and a file in turn, and reads nothing
    Hoard,
    /// 60 gets of a file, with endless windows, of which nothing is acknowledged
    Gets,
    /// Acknowledges nothing, and makes the server send: challenges, pings, streams opened and reset
    Mute,
    /// Opens all the streams that the server lets it open, and asks nothing on them
    OpenAll,
    /// 4,096 identities from one address, each with a session that it keeps alive
    Identities,
    /// Dials from 20 loopback addresses with right cookies, and never finishes
    HalfOpen,
    /// Says 60 times that it has 2 GiB of a file, so that the server hashes it to see
    Hashes,
    /// 200 listings of the root directory, unread
    Lists,
    /// Datagrams of all sizes that nobody reads, under many parents
    Datagrams,
    /// Changes the priorities of 10,000 streams, hundreds in each packet
    Priority,
    /// Records without an end, on 300 streams of an echo server
    Records,
}

pub(crate) fn run(arguments: Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let address = runtime.block_on(arguments.url.resolve())?;
    arguments.check(address)?;
    match arguments.attack {
        Attack::Gets | Attack::HalfOpen | Attack::Identities | Attack::Mute | Attack::Priority => {
            bare::run(&arguments, address)
        }
        _ => runtime.block_on(whole::run(&arguments)),
    }
}

impl Arguments {
    /// How long it goes on.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds).min(MAX_TIME)
    }

    pub(crate) fn count(&self, usual: u32) -> u32 {
        self.count.unwrap_or(usual).min(MAX_COUNT)
    }

    fn check(&self, address: SocketAddr) -> Outcome {
        if address.ip().to_canonical().is_loopback() || self.i_own_this_server {
            return Ok(());
        }
        Err(format!("{} is not this machine; is the server yours?", address.ip()).into())
    }
}

/// Says that the attack holds what it could get, and how much that is.
pub(crate) fn say_holding(what: &str) {
    println!("holding {what}");
    let _ = std::io::stdout().flush();
}
