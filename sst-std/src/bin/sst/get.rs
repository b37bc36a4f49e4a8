//! `sst get`.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use sst_std::files::{Contents, FetchOptions, FileError, Progress, Refusal, Summary, fetch};
use sst_std::{Session, Url};
use tokio::task::spawn_blocking;

use crate::failure::Failure;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::print;
use crate::progress::Bar;

#[derive(Args, Clone)]
pub(crate) struct Get {
    /// sst://ID@ADDRESS:PORT/PATH; without a path, everything.
    url: Url,
    /// Where to put it; `-` for standard output, of one file [default: the last name of the path,
    /// here].
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// How many files at a time.
    #[arg(long, default_value_t = 64)]
    jobs: usize,
    /// Wait for the disk before small files get their names, too, not only large ones.
    #[arg(long)]
    sync: bool,
}

impl Get {
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        let path = self.url.path().trim_end_matches('/').to_string();
        let (endpoint, session) = options.connect(&self.url).await?;
        if self.output.as_ref().is_some_and(|output| output.as_os_str() == "-") {
            let said = say_contents(&session, &path).await;
            let ended = session.close_reason();
            options.end(&endpoint).await?;
            return said.map_err(|failure| ended.map_or(failure, Failure::from));
        }
        let begun = Instant::now();
        let fetched = self.fetch(&session, &path, options).await;
        let ended = session.close_reason();
        options.end(&endpoint).await?;
        let summary = match (fetched, ended) {
            // Why the session ended says more than that the streams did.
            (Ok(summary), Some(closed)) if summary.failed > 0 => {
                let failure = Failure::from(closed);
                return Outcome::since(begun, summary).tell_early(options, failure, "are here");
            }
            (Ok(summary), _) => summary,
            (Err(_), Some(closed)) => return Err(closed.into()),
            (Err(error), None) => return Err(error.into()),
        };
        Outcome::since(begun, summary).tell(options)
    }

    async fn fetch(
        self,
        session: &Session,
        path: &str,
        options: &Options,
    ) -> Result<Summary, FileError> {
        let to = match self.output {
            // Into a directory that exists, a file goes under its own name.
            Some(output) if output.is_dir() && !path.is_empty() => output.join(last_name(path)),
            Some(output) => output,
            None if path.is_empty() => PathBuf::from("."),
            None => PathBuf::from(last_name(path)),
        };
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
        let fetched = fetch(session, path, &to, fetching).await;
        bar.end();
        fetched
    }
}

/// Writes a file to standard output, and nothing else.
async fn say_contents(session: &Session, path: &str) -> Result<(), Failure> {
    let mut contents = match Contents::open(session, path).await {
        Err(FileError::Refused { path, refusal: Refusal::WrongKind }) => {
            return Err(Failure(format!("{path}: only a file can go to standard output")));
        }
        contents => contents?,
    };
    // Without the buffer of lines that the standard library has.
    let mut out = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    while let Some(piece) = contents.next().await? {
        // In a thread: whoever reads there may take a while.
        let written = spawn_blocking(move || out.write_all(&piece).map(|()| out)).await?;
        out = written.map_err(|error| print::unheard(&error))?;
    }
    Ok(())
}

fn last_name(path: &str) -> &str {
    match path.rsplit('/').next() {
        Some("" | "." | "..") | None => "download",
        Some(name) => name,
    }
}
