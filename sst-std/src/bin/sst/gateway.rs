//! `sst gateway`: lets browsers reach SST hosts, over WebRTC.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sst_std::Url;
use sst_std::gateway::{Gateway as Running, GatewayStats, Settings};
use tokio::time::{MissedTickBehavior, interval};

use crate::failure::Failure;
use crate::options::{Options, seconds};
use crate::print::complain;
use crate::report;

#[derive(Args)]
pub(crate) struct Gateway {
    /// A host that pages may reach; may be given several times. Nothing else can be reached.
    #[arg(long, required = true, value_name = "SST-URL")]
    to: Vec<Url>,
    /// Where to listen for HTTP.
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8662")]
    listen: SocketAddr,
    /// Serve this directory to browsers, too.
    #[arg(long, value_name = "DIR")]
    serve: Option<PathBuf>,
    /// Let pages of this origin use the gateway; `*` for all. Pages of --serve may, if they were
    /// loaded by IP address or localhost.
    #[arg(long, value_name = "ORIGIN")]
    origin: Vec<String>,
    /// IP of this host that pages send WebRTC packets to [default: where their HTTP arrives and, if
    /// that is this machine's own loopback, another address of it, too].
    #[arg(long, value_name = "IP")]
    address: Option<IpAddr>,
    /// Peers at once; more are refused.
    #[arg(long, value_name = "N", default_value_t = 64)]
    max_peers: usize,
    /// A server in front of the gateway (for TLS), as its IP; may be given several times. One
    /// address gets no more places than are free for others; what comes from here is of many.
    #[arg(long, value_name = "IP")]
    proxy: Vec<IpAddr>,
    /// Seconds without a packet after which a peer ends.
    #[arg(long, value_name = "SECONDS", default_value_t = 120.0)]
    peer_timeout: f64,
    /// Seconds between lines of statistics on standard error, when there is news; 0 for none.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    every: f64,
}

impl Gateway {
    /// Runs until `stopped`, and says goodbye to the peers then.
    pub(crate) async fn run(
        self,
        options: &Options,
        stopped: impl Future<Output = std::io::Result<()>>,
    ) -> Result<(), Failure> {
        if !options.bind.is_empty() {
            return Err(Failure::new("a gateway has no --bind: say --listen, for HTTP"));
        }
        let mut settings = Settings::new(self.listen, self.to);
        settings.address = self.address;
        settings.files = self.serve;
        settings.origins = self.origin;
        settings.max_peers = self.max_peers;
        settings.proxies = self.proxy;
        settings.idle_timeout = seconds("--peer-timeout", self.peer_timeout)?;
        let every = seconds("--every", self.every)?;
        let gateway = Running::bind(settings).await?;
        announce(&gateway, options)?;
        let ended = tokio::select! {
            () = gateway.run() => Ok(()),
            () = tell(&gateway, options, every) => Ok(()),
            stopped = stopped => stopped,
        };
        print(&gateway.stats(), options);
        let written = match &options.stats_json {
            Some(path) => report::write(path, &report::gateway(&gateway.stats())).await,
            None => Ok(()),
        };
        gateway.close().await;
        ended?;
        written
    }
}

/// Prints where browsers find the gateway, so that whoever waits for it can go on.
fn announce(gateway: &Running, options: &Options) -> Result<(), Failure> {
    let url = format!("http://{}/", gateway.local_addr());
    let mut out = std::io::stdout();
    if options.json {
        writeln!(out, "{}", serde_json::json!({ "url": url }))?;
    } else {
        writeln!(out, "{url}")?;
    }
    Ok(out.flush()?)
}

/// Prints the statistics now and then; never returns.
async fn tell(gateway: &Running, options: &Options, every: Duration) {
    if every.is_zero() {
        std::future::pending::<()>().await;
    }
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = gateway.stats();
    loop {
        ticks.tick().await;
        let stats = gateway.stats();
        if stats != last {
            print(&stats, options);
            last = stats;
        }
    }
}

fn print(stats: &GatewayStats, options: &Options) {
    if options.json {
        let _ = writeln!(std::io::stderr(), "{}", report::gateway(stats));
    } else {
        complain(format_args!("{stats}"));
    }
}
