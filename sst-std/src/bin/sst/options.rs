//! The options every command has, and the endpoint they describe.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use sst_std::{
    Algorithm, BindError, Config, ConnectError, CookieMode, DEFAULT_PORT, Endpoint, HostId,
    Identity, Session, SessionClosed, Suite, Url,
};
use tokio::time::{sleep, timeout};

use crate::failure::Failure;
use crate::print::complain;
use crate::report;

/// How long a command that failed waits for its peers to hear that it ends.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a command that waits for a host makes sure that it is still there: only who sends
/// finds out that the other side has restarted.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// How long a command waits, at first and at most, to ask a host again that had no room.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

#[derive(Args)]
pub(crate) struct Options {
    /// Key file; made if there is none [default: ~/.config/sst/key].
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Address and port to receive at; may be given once for each IP [default: any address; of
    /// `serve` port 8661, or another if that is taken, else any port].
    #[arg(long, global = true, value_name = "ADDR:PORT", value_parser = parse_bind)]
    pub(crate) bind: Vec<SocketAddr>,
    /// Whether peers must prove their address before the negotiation.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    cookie: Cookie,
    /// Packet cipher; auto is AES where the hardware does it.
    #[arg(long, global = true, value_enum, default_value = "auto")]
    aead: Cipher,
    /// Congestion control: tolerant is CUBIC that tells random loss from a full queue where it can;
    /// bold does also where it cannot, which is unfair where queues are short.
    #[arg(long, global = true, value_enum, default_value = "tolerant")]
    cc: Control,
    /// Seconds of silence after which a session ends; 0 for never.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 30.0)]
    idle_timeout: f64,
    /// Seconds to wait for a host to answer.
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 10.0)]
    connect_timeout: f64,
    /// DANGER: add the keys of packets to this file, to look into captured packets. Whoever has
    /// the file reads everything.
    #[arg(long, global = true, value_name = "FILE")]
    keylog: Option<PathBuf>,
    /// Write statistics to this file at exit, and on SIGUSR1.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) stats_json: Option<PathBuf>,
    /// Results as JSON, one object a line.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say what happens, on standard error; twice for more.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// The command's own endpoint: whatever happens, it ends in order and its numbers are written.
    #[arg(skip)]
    running: Mutex<Option<Endpoint>>,
    /// The command's own session, to be asked why it failed.
    #[arg(skip)]
    session: Mutex<Option<Session>>,
    /// The last dial was refused for want of room, so that there is no session to be asked.
    #[arg(skip)]
    found_no_room: AtomicBool,
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
    Bold,
    Cubic,
    Newreno,
    Tolerant,
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
            Control::Bold => Algorithm::Bold,
            Control::Cubic => Algorithm::Cubic,
            Control::Newreno => Algorithm::NewReno,
            Control::Tolerant => Algorithm::Tolerant,
        };
        let idle = seconds("--idle-timeout", self.idle_timeout)?;
        config.idle_timeout = (!idle.is_zero()).then_some(idle);
        config.connect_timeout = seconds("--connect-timeout", self.connect_timeout)?;
        config.key_log.clone_from(&self.keylog);
        Ok(config)
    }

    /// An endpoint of these options; the statistics of the first are written when asked for.
    pub(crate) async fn endpoint(
        &self,
        identity: Identity,
        accept: Accept,
    ) -> Result<Endpoint, Failure> {
        self.bind(self.config(identity, accept)?).await
    }

    /// The same, of a configuration that was changed.
    pub(crate) async fn bind(&self, config: Config) -> Result<Endpoint, Failure> {
        Ok(self.adopt(Endpoint::bind(config).await?))
    }

    /// Takes charge of an endpoint: the first is this command's own.
    fn adopt(&self, endpoint: Endpoint) -> Endpoint {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.is_none() {
            *running = Some(endpoint.clone());
            if let Some(path) = &self.keylog {
                let path = path.display();
                complain(format_args!(
                    "warning: packet keys go to {path}; whoever has it reads everything"
                ));
            }
            if let Some(path) = self.stats_json.clone() {
                report::write_on_signal(endpoint.clone(), path);
            }
        }
        endpoint
    }

    /// An endpoint that others are to find: without `--bind`, at the port that a URL without one
    /// means. If another program has that, it says so and takes another.
    pub(crate) async fn bind_known(&self, config: Config) -> Result<Endpoint, Failure> {
        if !config.bind.is_empty() {
            return self.bind(config).await;
        }
        // Not every system has IPv6; where it does, its socket takes IPv4, too.
        let (six, four) = (Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into());
        for ip in [six, four] {
            let mut known = config.clone();
            known.bind = vec![SocketAddr::new(ip, DEFAULT_PORT)];
            match Endpoint::bind(known).await {
                Ok(endpoint) => return Ok(self.adopt(endpoint)),
                Err(BindError::InUse { .. }) => break,
                Err(_) => {}
            }
        }
        let endpoint = self.bind(config).await?;
        complain(format_args!("port {DEFAULT_PORT} is taken: listening at another (see --bind)"));
        Ok(endpoint)
    }

    /// An endpoint of these options, and its session with the host of `url`.
    pub(crate) async fn connect(&self, url: &Url) -> Result<(Endpoint, Session), Failure> {
        self.connect_as(self.identity()?, url).await
    }

    /// The same, as someone else than `--key` says.
    pub(crate) async fn connect_as(
        &self,
        identity: Identity,
        url: &Url,
    ) -> Result<(Endpoint, Session), Failure> {
        let mut config = self.config(identity, Accept::No)?;
        config.keep_alive = Some(KEEP_ALIVE);
        let endpoint = self.bind(config).await?;
        let session = endpoint.connect(url).await.map_err(|error| match error {
            ConnectError::Refused(closed) => {
                self.found_no_room.store(closed.is_without_room(), Ordering::Relaxed);
                refused(&closed, endpoint.id())
            }
            error => error.into(),
        })?;
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        Ok((endpoint, session))
    }

    /// Runs a command; again, as long as a host may take to answer, if that has no room for another
    /// session: it then has taken nothing of the command, and others end.
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    pub(crate) async fn until_there_is_room<F: Future<Output = Result<(), Failure>>>(
        &self,
        attempt: impl Fn() -> F,
    ) -> Result<(), Failure> {
        let begun = Instant::now();
        let patience = seconds("--connect-timeout", self.connect_timeout)?;
        // Many that were turned away at once must not come back at once.
        let mut pause = FIRST_PAUSE + Duration::from_millis(u64::from(std::process::id() % 100));
        loop {
            let done = attempt().await;
            if done.is_ok() || !self.was_without_room() || begun.elapsed() + pause >= patience {
                return done;
            }
            self.end_early().await?;
            sleep(pause).await;
            pause = (pause * 5 / 4).min(LONGEST_PAUSE);
        }
    }

    fn was_without_room(&self) -> bool {
        if self.found_no_room.swap(false, Ordering::Relaxed) {
            return true;
        }
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = session.as_ref().and_then(Session::close_reason);
        closed.is_some_and(|closed| closed.is_without_room())
    }

    /// What to do about a failure, where that is known.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        let session = self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
        let closed = session.as_ref().and_then(Session::close_reason);
        match (session, closed) {
            (Some(session), Some(closed)) if closed.is_identity_refused() => {
                refused(&closed, session.local_id())
            }
            _ => failure,
        }
    }

    /// The orderly end of a command that used `endpoint`.
    pub(crate) async fn end(&self, endpoint: &Endpoint) -> Result<(), Failure> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let written = match &self.stats_json {
            Some(path) => report::write(path, &report::endpoint(endpoint)).await,
            None => Ok(()),
        };
        endpoint.close().await;
        written
    }

    /// The end of a command that failed or was interrupted.
    pub(crate) async fn end_early(&self) -> Result<(), Failure> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        match running {
            // What went wrong must not keep anyone waiting.
            Some(endpoint) => timeout(PATIENCE, self.end(&endpoint)).await.unwrap_or(Ok(())),
            None => Ok(()),
        }
    }
}

/// The peer does not want the session; if that is because of who this host is, says what helps.
fn refused(closed: &SessionClosed, id: HostId) -> Failure {
    if closed.is_identity_refused() {
        Failure(format!("{closed}; the other side must be started with --allow {id}"))
    } else {
        closed.into()
    }
}

/// A number of seconds that was given for `option`.
pub(crate) fn seconds(option: &str, value: f64) -> Result<Duration, Failure> {
    /// Thirty years: what comes after that is a slip.
    const MAX_SECONDS: f64 = 1e9;
    Duration::try_from_secs_f64(value)
        .ok()
        .filter(|_| value <= MAX_SECONDS)
        .ok_or(Failure(format!("{option}: {value} is not a possible number of seconds")))
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

/// The URLs of an endpoint: one for each bound address, and for each of this machine's own
/// addresses where "any" is bound; those that lead furthest first, the loopback addresses last. An
/// address of a link alone carries the name of this machine's interface: who dials it says its own.
pub(crate) fn urls(endpoint: &Endpoint, path: &str) -> Vec<Url> {
    let mut interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.sort_by_key(|interface| (interface.is_loopback(), is_of_link(interface.ip())));
    let mut urls: Vec<Url> = Vec::new();
    let mut add = |url: Url| {
        if !urls.contains(&url) {
            urls.push(url);
        }
    };
    for &address in endpoint.local_addrs() {
        if !address.ip().is_unspecified() {
            add(Url::new(endpoint.id(), address, path));
            continue;
        }
        let is_carried = |ip: IpAddr| ip.is_ipv4() || address.is_ipv6();
        for interface in interfaces.iter().filter(|interface| is_carried(interface.ip())) {
            let place = SocketAddr::new(interface.ip(), address.port());
            let url = Url::new(endpoint.id(), place, path);
            let is_scoped = is_of_link(interface.ip()) && interface.ip().is_ipv6();
            add(if is_scoped { url.with_interface(&interface.name) } else { url });
        }
        if interfaces.is_empty() {
            add(Url::new(endpoint.id(), (Ipv4Addr::LOCALHOST, address.port()).into(), path));
        }
    }
    urls
}

/// Whether an address means something on its own link alone.
fn is_of_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// An address and port to receive at: `ADDRESS:PORT`, `[fe80::1%eth0]:PORT` too.
fn parse_bind(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let problem = || format!("{text} is not ADDRESS:PORT, such as 0.0.0.0:8661 or [::]:8661");
    let (host, port) = text.rsplit_once(':').ok_or_else(problem)?;
    let host =
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).ok_or_else(problem)?;
    let port: u16 = port.parse().map_err(|_| problem())?;
    let mut found = (host, port).to_socket_addrs().map_err(|error| format!("{text}: {error}"))?;
    found.next().ok_or_else(problem)
}
