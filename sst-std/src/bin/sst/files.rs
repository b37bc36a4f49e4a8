//! `sst serve`, `sst get`.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use sst_std::files::{FetchOptions, FileServer, Progress, fetch, offer};
use sst_std::{Endpoint, HostId, Session, Url};

use crate::echo::{self, Echo};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::options::{Accept, Options, urls};
use crate::print::{complain, say};
use crate::progress::Bar;

#[derive(Args)]
pub(crate) struct Serve {
    /// The directory to share. No path leads out of it, and symbolic links are not followed.
    directory: PathBuf,
    /// An identity that may connect; may be given several times [default: everyone].
    #[arg(long, value_name = "ID")]
    allow: Vec<HostId>,
    /// Answer peers, too, that know this address and not this host's identity. Whoever scans
    /// addresses then learns that SST is here, and whose.
    #[arg(long)]
    answer_unknown: bool,
    /// Let peers put new files here. None is ever overwritten.
    #[arg(long)]
    writable: bool,
    #[command(flatten)]
    limits: Limits,
}

#[derive(Args, Clone)]
pub(crate) struct Get {
    /// sst://ID@ADDRESS:PORT/PATH; without a path, everything.
    url: Url,
    /// Where to put it [default: the last name of the path, here].
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// How many files at a time.
    #[arg(long, default_value_t = 64)]
    jobs: usize,
    /// Wait for the disk before small files get their names, too, not only large ones.
    #[arg(long)]
    sync: bool,
}

impl Serve {
    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        let server = FileServer::open(&self.directory, self.writable)
            .map_err(|error| Failure(format!("{}: {error}", self.directory.display())))?;
        let accept =
            if self.allow.is_empty() { Accept::Everyone } else { Accept::Only(self.allow) };
        let mut config = options.config(options.identity()?, accept)?;
        config.answers_unknown = self.answer_unknown;
        self.limits.set(&mut config);
        let endpoint = options.bind_known(config).await?;
        announce(&endpoint, options)?;
        let echo = Echo::new();
        while let Some(session) = endpoint.accept().await {
            tokio::spawn(serve_session(session, server.clone(), echo.clone()));
        }
        Ok(())
    }
}

/// Prints where `endpoint` can be reached, so that whoever waits for it can go on.
pub(crate) fn announce(endpoint: &Endpoint, options: &Options) -> Result<(), Failure> {
    for url in urls(endpoint, "") {
        if options.json {
            say!("{}", json!({ "url": url.to_string() }));
        } else {
            say!("{url}");
        }
    }
    Ok(())
}

async fn serve_session(session: Session, server: FileServer, echo: Echo) {
    let mut services = session.offer_services(vec![offer(), echo::offer()]);
    while let Some(request) = services.accept().await {
        // The next is not accepted before this one may be answered.
        if request.offer() == &offer() {
            server.start(request.into_stream()).await;
        } else {
            echo.start(request.into_stream()).await;
        }
    }
}

impl Get {
    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        let path = self.url.path().trim_end_matches('/').to_string();
        let to = match self.output {
            // Into a directory that exists, a file goes under its own name.
            Some(output) if output.is_dir() && !path.is_empty() => output.join(last_name(&path)),
            Some(output) => output,
            None if path.is_empty() => PathBuf::from("."),
            None => PathBuf::from(last_name(&path)),
        };
        let (endpoint, session) = options.connect(&self.url).await?;
        let bar = Arc::new(Bar::new(options.json));
        let mut fetching = FetchOptions::default();
        (fetching.jobs, fetching.is_synced) = (self.jobs, self.sync);
        let seen = bar.clone();
        fetching.observer = Arc::new(move |progress| match progress {
            Progress::Found { size, .. } => seen.add_total(size),
            Progress::Started { have, .. } => seen.add(have),
            Progress::Received { bytes, .. } => seen.add(bytes),
            _ => {}
        });
        let fetched = fetch(&session, &path, &to, fetching).await;
        bar.end();
        let ended = session.close_reason();
        options.end(&endpoint).await?;
        let summary = match (fetched, ended) {
            // Why the session ended says more than that the streams did.
            (Ok(summary), Some(closed)) if !summary.errors.is_empty() => {
                let done = summary.files;
                return Err(Failure(format!(
                    "{closed}; {done} files are here, try again to go on"
                )));
            }
            (Ok(summary), _) => summary,
            (Err(_), Some(closed)) => return Err(closed.into()),
            (Err(error), None) => return Err(error.into()),
        };
        if options.json {
            let errors: Vec<_> = summary.errors.iter().map(ToString::to_string).collect();
            say!(
                "{}",
                json!({ "files": summary.files, "unchanged": summary.unchanged,
                    "links": summary.links, "directories": summary.directories,
                    "bytes": summary.bytes, "errors": errors })
            );
        }
        for error in &summary.errors {
            complain(format_args!("{}", Failure::from(error).0));
        }
        match summary.failed {
            0 => Ok(()),
            failed => Err(Failure(format!("{failed} of {} failed", failed + summary.files))),
        }
    }
}

fn last_name(path: &str) -> &str {
    match path.rsplit('/').next() {
        Some("" | "." | "..") | None => "download",
        Some(name) => name,
    }
}
