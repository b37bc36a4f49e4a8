//! `sst serve`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use sst_std::files::{FileServer, offer};
use sst_std::{Endpoint, HostId, Session};

use crate::echo::{self, Echo};
use crate::failure::Failure;
use crate::limits::Limits;
use crate::options::{Accept, Options, urls};
use crate::print::say;

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
