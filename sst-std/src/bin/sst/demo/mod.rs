//! `sst demo`: two hosts, a lossy link between them, and a directory of files that crosses it.

mod picture;
mod tree;

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Args;
use sst_std::files::{FetchOptions, FileServer, Progress, Summary, fetch, offer};
use sst_std::{Endpoint, Identity};

use crate::failure::Failure;
use crate::options::{Accept, Options};
use crate::print::say;
use crate::relay::{self, Conditions};
use picture::Picture;

/// After how much of all bytes the demonstration asks for a file to come first.
const URGENT_AT_PERCENT: u64 = 40;
const URGENT_PRIORITY: i8 = 5;
const FRAME: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(crate) struct Demo {
    /// Milliseconds from one host to the other.
    #[arg(long, default_value_t = 15)]
    delay: u64,
    /// Megabits per second.
    #[arg(long, default_value_t = 10.0)]
    rate: f64,
    /// Percent of packets lost by chance.
    #[arg(long, default_value_t = 0.5)]
    loss: f64,
}

impl Demo {
    #[allow(clippy::disallowed_methods, reason = "a command has a clock")]
    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        let place = tree::Scratch::new()?;
        let (from, to) = (place.path().join("original"), place.path().join("copy"));
        tree::make(&from)?;
        let server = host(options, Accept::Everyone).await?;
        let id = server.id();
        let serving = tokio::spawn(serve(server.clone(), FileServer::open(&from, false)?));
        let conditions = Conditions {
            delay: Duration::from_millis(self.delay),
            bits_per_second: (self.rate.max(0.01) * 1e6) as u64,
            loss_per_mille: (self.loss.clamp(0.0, 100.0) * 10.0) as u64,
            queue_packets: 60,
        };
        let (link, traffic) = relay::start(server.local_addrs()[0], conditions).await?;
        let client = host(options, Accept::No).await?;
        say!("host {:.8}… serves {}", id.to_string(), from.display());
        say!(
            "host {:.8}… gets it over a link of {} Mbit/s, {} ms, {} % loss",
            client.id().to_string(),
            self.rate,
            self.delay,
            self.loss
        );
        let started = Instant::now();
        let session = client.connect_to(Some(id), link).await?;
        say!("session after {:.1?}, keys checked on both sides\n", started.elapsed());
        let picture = Arc::new(Mutex::new(Picture::new(options.json)));
        let summary = copy(&session, &to, &picture).await?;
        let elapsed = started.elapsed();
        if let Ok(mut picture) = picture.lock() {
            picture.draw();
            say!("\n{}", picture.table(&from, &to));
        }
        let [packets, lost, bytes] = [&traffic.packets, &traffic.lost, &traffic.bytes]
            .map(|counter| counter.load(Ordering::Relaxed));
        say!(
            "{} files, {} directories, {} streams: {} bytes of contents in {elapsed:.1?}",
            summary.files,
            summary.directories,
            summary.files + summary.directories,
            summary.bytes
        );
        say!("link: {packets} packets, {bytes} bytes, {lost} packets lost");
        session.close(0, "seen").await;
        options.end(&client).await?;
        server.close().await;
        serving.abort();
        let is_same = tree::same(&from, &to)?;
        match (summary.errors.first(), is_same) {
            (None, true) => {
                say!("every file's BLAKE3 hash is that of the original");
                Ok(())
            }
            (Some(error), _) => Err(error.into()),
            (None, false) => Err(Failure::new("the copy differs from the original")),
        }
    }
}

/// A host of its own identity on the loopback interface.
async fn host(options: &Options, accept: Accept) -> Result<Endpoint, Failure> {
    let mut config = options.config(Identity::generate()?, accept)?;
    config.bind = vec!["127.0.0.1:0".parse()?];
    options.bind(config).await
}

async fn serve(endpoint: Endpoint, files: FileServer) {
    while let Some(session) = endpoint.accept().await {
        let mut services = session.offer_services(vec![offer()]);
        while let Some(request) = services.accept().await {
            files.start(request.into_stream()).await;
        }
    }
}

/// Gets everything; draws meanwhile; asks for one large file to be preferred half way.
async fn copy(
    session: &sst_std::Session,
    to: &Path,
    picture: &Arc<Mutex<Picture>>,
) -> Result<Summary, Failure> {
    let mut options = FetchOptions::default();
    let seen = picture.clone();
    options.observer = Arc::new(move |progress: Progress| {
        if let Ok(mut picture) = seen.lock() {
            picture.on_progress(progress);
        }
    });
    let fetching = fetch(session, "", to, options);
    tokio::pin!(fetching);
    let mut frames = tokio::time::interval(FRAME);
    loop {
        tokio::select! {
            done = &mut fetching => return Ok(done?),
            _ = frames.tick() => {
                if let Ok(mut picture) = picture.lock() {
                    picture.prefer(URGENT_AT_PERCENT, tree::URGENT, URGENT_PRIORITY);
                    picture.draw();
                }
            }
        }
    }
}
