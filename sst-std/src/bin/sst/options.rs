//! The options every command has, and the endpoint they describe.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use sst_std::{Algorithm, Config, CookieMode, Endpoint, HostId, Identity, Session, Suite, Url};

use crate::failure::Failure;
use crate::report;

#[derive(Args)]
pub(crate) struct Options {
    /// Key file; made if there is none [default: ~/.config/sst/key].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Address and port to receive at; may be given once for each IP [default: any].
    #[arg(long, global = true, value_name = "ADDR:PORT")]
    pub(crate) bind: Vec<SocketAddr>,
    /// Whether peers must prove their address before the negotiation.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    cookie: Cookie,
    /// Packet cipher; auto is AES where the hardware does it.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    aead: Cipher,
    /// Congestion control.
    #[arg(long, global = true, value_enum, default_value = "cubic")]
    cc: Control,
    /// Seconds of silence after which a session ends; 0 for never.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30.0)]
    idle_timeout: f64,
    /// Write statistics to this file at exit, and on SIGUSR1.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) stats_json: Option<PathBuf>,
    /// Results as JSON, one object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say what happens, on standard error; twice for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Clone, Copy, ValueEnum)]
enum Cookie {
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, ValueEnum)]
enum Cipher {
    Auto,
    Chacha20poly1305,
    Aes256gcm,
}

#[derive(Clone, Copy, ValueEnum)]
enum Control {
    Cubic,
    Newreno,
}

/// Who may start sessions.
pub(crate) enum Accept {
    No,
    Everyone,
    Only(Vec<HostId>),
}

impl Options {
    pub(crate) fn start_log(&self) {
        let level = match self.verbose {
            0 => return,
            1 => "sst_std=info,sst=info",
            2 => "sst_std=debug,sst=debug",
            _ => "sst_std=trace,sst=trace",
        };
        tracing_subscriber::fmt().with_env_filter(level).with_writer(std::io::stderr).init();
    }

    /// The key of `--key`, or of the default place.
    pub(crate) fn identity(&self) -> Result<Identity, Failure> {
        let path = match &self.key {
            Some(path) => path.clone(),
            None => default_key()?,
        };
        Ok(Identity::load_or_create(path)?)
    }

    /// The key of `--key`, or one that lives as long as this process.
    pub(crate) fn passing_identity(&self) -> Result<Identity, Failure> {
        Ok(match &self.key {
            Some(path) => Identity::load_or_create(path)?,
            None => Identity::generate()?,
        })
    }

    pub(crate) fn config(&self, identity: Identity, accept: Accept) -> Result<Config, Failure> {
        let mut config = Config::new(identity);
        config.bind.clone_from(&self.bind);
        (config.accept, config.allow) = match accept {
            Accept::No => (false, None),
            Accept::Everyone => (true, None),
            Accept::Only(allowed) => (true, Some(allowed)),
        };
        config.cookies = match self.cookie {
            Cookie::Auto => CookieMode::Auto,
            Cookie::Always => CookieMode::Always,
            Cookie::Never => CookieMode::Never,
        };
        config.suite = match self.aead {
            Cipher::Auto => None,
            Cipher::Chacha20poly1305 => Some(Suite::ChaCha20Poly1305),
            Cipher::Aes256gcm => Some(Suite::Aes256Gcm),
        };
        config.algorithm = match self.cc {
            Control::Cubic => Algorithm::Cubic,
            Control::Newreno => Algorithm::NewReno,
        };
        let idle = Duration::try_from_secs_f64(self.idle_timeout)
            .map_err(|_| Failure::new("--idle-timeout: not a number of seconds"))?;
        config.idle_timeout = (!idle.is_zero()).then_some(idle);
        Ok(config)
    }

    /// An endpoint of these options; statistics are written when asked for.
    pub(crate) async fn endpoint(
        &self,
        identity: Identity,
        accept: Accept,
    ) -> Result<Endpoint, Failure> {
        let endpoint = Endpoint::bind(self.config(identity, accept)?).await?;
        if let Some(path) = self.stats_json.clone() {
            report::write_on_signal(endpoint.clone(), path);
        }
        Ok(endpoint)
    }

    /// An endpoint of these options, and its session with the host of `url`.
    pub(crate) async fn connect(&self, url: &Url) -> Result<(Endpoint, Session), Failure> {
        let endpoint = self.endpoint(self.identity()?, Accept::No).await?;
        let session = endpoint.connect(url).await?;
        Ok((endpoint, session))
    }

    /// The orderly end of a command that used `endpoint`.
    pub(crate) async fn end(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        let stats = report::endpoint(endpoint);
        endpoint.close().await;
        match &self.stats_json {
            Some(path) => report::write(path, &stats),
            None => Ok(()),
        }
    }
}

fn default_key() -> Result<PathBuf, Failure> {
    let directory = match std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty()) {
        Some(path) => PathBuf::from(path),
        None => match std::env::var_os("HOME") {
            Some(home) => PathBuf::from(home).join(".config"),
            None => return Err(Failure::new("no HOME to keep a key in: say --key FILE")),
        },
    };
    Ok(directory.join("sst").join("key"))
}

/// The URLs of an endpoint: one for each bound address, and for each of this host's own addresses
/// where "any" is bound.
pub(crate) fn urls(endpoint: &Endpoint, path: &str) -> Vec<Url> {
    let mut urls = Vec::new();
    for &address in endpoint.local_addrs() {
        if !address.ip().is_unspecified() {
            urls.push(Url::new(endpoint.id(), address, path));
            continue;
        }
        // What this host would send from; asking sends nothing.
        let probes = [("0.0.0.0:0", "192.0.2.1:9"), ("[::]:0", "[2001:db8::1]:9")];
        let own = probes.iter().filter_map(|(from, to)| {
            let socket = std::net::UdpSocket::bind(from).ok()?;
            socket.connect(to).ok()?;
            Some(socket.local_addr().ok()?.ip())
        });
        let own = own.filter(|ip| ip.is_ipv4() || address.is_ipv6());
        let local = std::iter::once(std::net::Ipv4Addr::LOCALHOST.into());
        for ip in own.filter(|ip| !ip.is_loopback()).chain(local) {
            urls.push(Url::new(endpoint.id(), SocketAddr::new(ip, address.port()), path));
        }
    }
    urls
}
