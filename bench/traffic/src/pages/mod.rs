//! Web pages, one after the other: how long each took from its first request to the last byte.
//!
//! The first object of a page is fetched alone, as the HTML that names the others; then the others
//! are, in one of several ways.

mod h2;
mod h3;
mod http;
mod http1;
mod list;
mod sst;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::ServerConfig;

use crate::address::{Far, Protocol};
use h2::H2;
use h3::H3;
use http1::{Http1, Shape};
pub(crate) use list::Page;
use sst::Substreams;

/// Of a request: that of the SST paper.
const REQUEST_LEN: u64 = 128;
/// A page that takes longer has failed.
const LOAD_TIMEOUT: Duration = Duration::from_secs(20);
/// Between two, so that one's last acknowledgements are not the next's first packets.
const PAUSE: Duration = Duration::from_millis(300);
/// What is fetched before the first page, over every connection that will stay.
const WARMING: [u64; 8] = [32; 8];

/// How objects are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// HTTP/2 over TLS.
    H2,
    /// HTTP/3.
    H3,
    /// A TCP connection for each, eight at once.
    Parallel,
    /// Two TCP connections that stay, a request after the other.
    Persistent,
    /// Two TCP connections that stay, four requests at once on each.
    Pipelined,
    /// A TCP connection for each, one after the other.
    Serial,
    /// A substream for each, all at once.
    Sst,
}

/// What fetches.
enum Browser {
    H2(H2),
    H3(H3),
    Http1(Http1),
    Sst(Substreams),
}

/// How long pages took, and what went wrong with those that did not come.
#[derive(Default)]
struct Loads {
    taken: Vec<Option<Duration>>,
    faults: Vec<String>,
}

/// The pages of `list`, one after the other, in `limit` at most; `cold`: new connections for each.
pub(crate) async fn run(
    way: Way,
    far: &Far,
    list: &[Page],
    cold: bool,
    limit: Duration,
) -> io::Result<String> {
    let (began, mut loads, mut kept) = (Instant::now(), Loads::default(), None);
    for page in list {
        if began.elapsed() > limit {
            loads.on_fault("no time was left");
            continue;
        }
        sleep(PAUSE).await;
        let browser = match kept.take() {
            Some(browser) => Ok(browser),
            None => Browser::start(way, far, cold).await,
        };
        match timed(browser, page).await {
            Ok((browser, took)) => {
                loads.taken.push(Some(took));
                if cold { browser.end() } else { kept = Some(browser) }
            }
            Err(error) => loads.on_fault(&error.to_string()),
        }
    }
    Ok(loads.json())
}

/// Answers those that `serve` does not answer already.
pub(crate) async fn serve(
    address: IpAddr,
    tls: Arc<ServerConfig>,
    quic: quinn::ServerConfig,
) -> io::Result<()> {
    tokio::try_join!(h2::serve(address, tls), h3::serve(address, quic)).map(|_| ())
}

async fn timed(browser: io::Result<Browser>, page: &Page) -> io::Result<(Browser, Duration)> {
    let (mut browser, began) = (browser?, Instant::now());
    timeout(LOAD_TIMEOUT, browser.load(page)).await??;
    Ok((browser, began.elapsed()))
}

impl Browser {
    /// With its connections made and used once, or without any.
    async fn start(way: Way, far: &Far, cold: bool) -> io::Result<Self> {
        let http1 = |connections, depth| {
            Self::Http1(Http1::new(far.of(Protocol::Tcp), Shape { connections, depth }))
        };
        let mut browser = match way {
            Way::H2 => Self::H2(H2::new(far)?),
            Way::H3 => Self::H3(H3::new(far)?),
            Way::Parallel => http1(8, 0),
            Way::Persistent => http1(2, 1),
            Way::Pipelined => http1(2, 4),
            Way::Serial => http1(1, 0),
            Way::Sst => Self::Sst(Substreams::new(far).await?),
        };
        if !cold {
            timeout(LOAD_TIMEOUT, browser.fetch(&WARMING)).await??;
        }
        Ok(browser)
    }

    async fn load(&mut self, page: &Page) -> io::Result<()> {
        let (html, embedded) = page.0.split_at(page.0.len().min(1));
        self.fetch(html).await?;
        self.fetch(embedded).await
    }

    async fn fetch(&mut self, objects: &[u64]) -> io::Result<()> {
        match self {
            Self::H2(browser) => browser.fetch(objects).await,
            Self::H3(browser) => browser.fetch(objects).await,
            Self::Http1(browser) => browser.fetch(objects).await,
            Self::Sst(browser) => browser.fetch(objects).await,
        }
    }

    /// The others say goodbye when they are dropped.
    fn end(self) {
        if let Self::Sst(browser) = self {
            browser.end();
        }
    }
}

impl Loads {
    fn on_fault(&mut self, what: &str) {
        self.taken.push(None);
        self.faults.push(format!("page {}: {what}", self.taken.len()));
    }

    fn json(&self) -> String {
        let time = |taken: &Option<Duration>| {
            taken.map_or("null".into(), |taken| format!("{:.5}", taken.as_secs_f64()))
        };
        let taken = self.taken.iter().map(time).collect::<Vec<_>>().join(",");
        let faults = self.faults.iter().map(|fault| quoted(fault)).collect::<Vec<_>>().join(",");
        format!("{{\"loads\":[{taken}],\"faults\":[{faults}]}}")
    }
}

/// As a string of JSON, without what would have to be escaped.
fn quoted(text: &str) -> String {
    let is_plain = |letter: &char| !letter.is_control() && !matches!(letter, '"' | '\\');
    format!("\"{}\"", text.chars().filter(is_plain).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_failed_keeps_its_place() {
        let mut loads = Loads::default();
        loads.taken.push(Some(Duration::from_millis(250)));
        loads.on_fault("a \"reset\"\n");
        let wanted = r#"{"loads":[0.25000,null],"faults":["page 2: a reset"]}"#;
        assert_eq!(loads.json(), wanted);
    }
}
