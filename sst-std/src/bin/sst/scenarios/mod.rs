//! `sst scenarios`: the conversations of docs/SCENARIOS.md, with any face of SST.

mod content;
mod responder;
mod runner;
mod step;

use std::collections::BTreeSet;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::json;
use sst_std::{Identity, Session, Url};
use tokio::sync::{Notify, oneshot};

use crate::failure::Failure;
use crate::options::{Accept, Options};
use crate::print::{complain, say};
use crate::serve::announce;
use step::Step;

#[derive(Args)]
pub(crate) struct Scenarios {
    #[command(subcommand)]
    role: Role,
}

#[derive(Subcommand)]
enum Role {
    /// Do what peers order.
    Serve {
        /// Play the runner, too, on the first session; then end with its result.
        #[arg(long)]
        run: bool,
        #[command(flatten)]
        which: Which,
    },
    /// Run the scenarios with a host that serves them.
    Run {
        /// sst://ID@ADDRESS:PORT/
        url: Url,
        /// Play the responder, too, and stay until the other side has ended the session.
        #[arg(long)]
        responds: bool,
        #[command(flatten)]
        which: Which,
    },
}

/// Which scenarios.
#[derive(Args)]
struct Which {
    /// Leave out what is too large for a board.
    #[arg(long)]
    small: bool,
    /// Only those whose name has this in it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// One scenario of sst-std/src/scenarios.json.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    name: String,
    #[serde(default)]
    large: bool,
    #[serde(default)]
    ends_session: bool,
    steps: Vec<Step>,
}

/// How the scenarios went so far.
#[derive(Default)]
struct Score {
    passed: u32,
    failed: u32,
    skipped: BTreeSet<String>,
}

impl Scenarios {
    pub(crate) const fn is_server(&self) -> bool {
        matches!(&self.role, Role::Serve { run: false, .. })
    }

    pub(crate) async fn run(self, options: &Options) -> Result<(), Failure> {
        match self.role {
            Role::Serve { run, which } => serve(options, run, &which).await,
            Role::Run { url, responds, which } => run(options, &url, responds, &which).await,
        }
    }
}

impl Which {
    fn scenarios(&self) -> Result<Vec<Scenario>, Failure> {
        let text = sst_std::SCENARIOS;
        let mut scenarios: Vec<Scenario> = serde_json::from_str(text)?;
        scenarios.retain(|scenario| {
            scenario.name.contains(&self.only) && !(self.small && scenario.large)
        });
        Ok(scenarios)
    }
}

async fn serve(options: &Options, run: bool, which: &Which) -> Result<(), Failure> {
    let endpoint = options.endpoint(options.identity()?, Accept::Everyone).await?;
    announce(&endpoint, options)?;
    let (first, first_session) = oneshot::channel();
    let (mut first, over) = (run.then_some(first), Arc::new(Notify::new()));
    let accepting = async {
        while let Some(session) = endpoint.accept().await {
            tokio::spawn(responder::serve(session.clone(), over.clone()));
            if let Some(first) = first.take() {
                let _ = first.send(session);
            }
        }
        Ok(())
    };
    let running = async {
        match first_session.await {
            Ok(session) => run_accepted(options, &session, &over, which).await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        ended = accepting => ended,
        score = running => score,
    }
}

/// Plays the runner on a session that the peer began.
async fn run_accepted(
    options: &Options,
    session: &Session,
    over: &Notify,
    which: &Which,
) -> Result<(), Failure> {
    let mut score = Score::default();
    for scenario in which.scenarios()? {
        if scenario.ends_session {
            score.skip(&scenario, options)?;
        } else {
            score.note(&scenario, runner::run(session, &scenario).await, options)?;
        }
    }
    tokio::select! {
        () = over.notified() => drop(session.close(0, "the scenarios are over").await),
        closed = session.closed() => complain(format_args!("{closed}")),
    }
    score.end(options)
}

async fn run(options: &Options, url: &Url, responds: bool, which: &Which) -> Result<(), Failure> {
    let (endpoint, session) = options.connect(url).await?;
    let responder =
        responds.then(|| tokio::spawn(responder::serve(session.clone(), Arc::new(Notify::new()))));
    let mut score = Score::default();
    for scenario in which.scenarios()? {
        let done = if scenario.ends_session {
            run_apart(options, url, &scenario).await
        } else {
            runner::run(&session, &scenario).await
        };
        score.note(&scenario, done, options)?;
    }
    if responder.is_some() {
        runner::say_over(&session).await?;
        session.closed().await;
    }
    options.end(&endpoint).await?;
    score.end(options)
}

/// Runs a scenario as somebody else: two hosts have one session.
async fn run_apart(options: &Options, url: &Url, scenario: &Scenario) -> Result<(), Failure> {
    let config = options.config(Identity::generate()?, Accept::No)?;
    let endpoint = options.bind(config).await?;
    let done = runner::run(&endpoint.connect(url).await?, scenario).await;
    endpoint.close().await;
    done
}

impl Score {
    fn note(
        &mut self,
        scenario: &Scenario,
        done: Result<(), Failure>,
        options: &Options,
    ) -> Result<(), Failure> {
        let name = &scenario.name;
        match &done {
            Ok(()) => self.passed += 1,
            Err(_) => self.failed += 1,
        }
        match (done, options.json) {
            (Ok(()), false) => say!("ok      {name}"),
            (Err(Failure(why)), false) => say!("FAILED  {name}: {why}"),
            (done, true) => {
                let why = done.err().map(|failure| failure.0);
                say!("{}", json!({ "scenario": name, "failure": why }));
            }
        }
        Ok(())
    }

    fn skip(&mut self, scenario: &Scenario, options: &Options) -> Result<(), Failure> {
        if !options.json {
            say!("skipped {}: it needs a session of its own", scenario.name);
        }
        self.skipped.insert(scenario.name.clone());
        Ok(())
    }

    fn end(self, options: &Options) -> Result<(), Failure> {
        let Self { passed, failed, skipped } = self;
        if !options.json {
            say!("{passed} passed, {failed} failed, {} skipped", skipped.len());
        }
        match (passed, failed) {
            (0, 0) => Err(Failure::new("no scenario has such a name")),
            (_, 0) => Ok(()),
            _ => Err(Failure(format!("{failed} scenarios failed"))),
        }
    }
}

/// Says that this host holds scenarios with `session`'s peer.
fn offers() -> Vec<sst_std::Offer> {
    vec![sst_std::Offer::new("scenario", "1", "does what docs/SCENARIOS.md orders")]
}

/// The service stream of a runner.
async fn service(session: &Session) -> Result<sst_std::Stream, Failure> {
    Ok(session.open_service("scenario", "1").await?)
}
