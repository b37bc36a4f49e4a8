//! The `sst` command: identities, files, measurements and a demonstration.

mod demo;
mod echo;
mod failure;
#[cfg(feature = "gateway")]
mod gateway;
mod get;
mod heap;
mod id;
mod limits;
mod options;
mod outcome;
mod perf;
mod ping;
mod print;
mod progress;
mod put;
mod quantiles;
mod relay;
mod report;
mod scenarios;
mod serve;
#[cfg(test)]
#[path = "../../../tests/two_hosts/mod.rs"]
mod two_hosts;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use failure::Failure;
use options::Options;

/// How long the end of a command waits for its threads to put away what they have.
const LEAVE_TIMEOUT: Duration = Duration::from_millis(300);

/// Structured Stream Transport: encrypted sessions between hosts known by their keys, each a tree
/// of streams.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Command {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Print this host's identity; make one if there is none.
    Id,
    /// Share a directory.
    Serve(serve::Serve),
    /// Get a file or a whole tree.
    Get(get::Get),
    /// Send files and whole trees to a host that serves with --writable.
    Put(put::Put),
    /// Answer `sst ping`.
    Echo,
    /// Measure round trips to `sst echo`, `sst serve` or `sst perf serve`.
    Ping(ping::Ping),
    /// Measure how fast it goes.
    Perf(perf::Perf),
    /// Hold the conversations of docs/SCENARIOS.md with another implementation or language.
    Scenarios(scenarios::Scenarios),
    /// Let browsers reach SST hosts, over WebRTC.
    #[cfg(feature = "gateway")]
    Gateway(gateway::Gateway),
    /// Let browsers reach SST hosts, over WebRTC: in a build with the feature `gateway`.
    #[cfg(not(feature = "gateway"))]
    #[command(disable_help_flag = true)]
    Gateway {
        #[arg(hide = true, allow_hyphen_values = true, trailing_var_arg = true)]
        _words: Vec<std::ffi::OsString>,
    },
    /// Show what streams do: two hosts, a lossy link, a directory of files.
    Demo(demo::Demo),
}

fn main() -> ExitCode {
    let Command { options, verb } = Command::parse();
    let is_json = options.json;
    options.start_log();
    // Measurements of one session want one thread: no hop between the driver and its user.
    let mut runtime = match verb {
        Verb::Perf(_) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let done = match runtime.enable_all().build() {
        Ok(runtime) => {
            let done = runtime.block_on(run(Arc::new(options), verb));
            // Threads that read or hash for somebody are not waited for.
            runtime.shutdown_timeout(LEAVE_TIMEOUT);
            done
        }
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(message)) => {
            if !message.is_empty() {
                if is_json {
                    let error = serde_json::json!({ "error": message });
                    let _ = print::line(format_args!("{error}"));
                }
                print::complain(format_args!("{message}"));
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(options: Arc<Options>, verb: Verb) -> Result<(), Failure> {
    let stop = Stop::watch()?;
    // Has no endpoint, and takes leave in its own way.
    #[cfg(feature = "gateway")]
    let verb = match verb {
        Verb::Gateway(gateway) => return gateway.run(&options, stop.heard()).await,
        verb => verb,
    };
    // A server is there until it is stopped; everything else is interrupted before it is done.
    let is_server = matches!(&verb, Verb::Serve(_) | Verb::Echo)
        || matches!(&verb, Verb::Perf(perf) if perf.is_server())
        || matches!(&verb, Verb::Scenarios(scenarios) if scenarios.is_server());
    // In a task: what it waits for then wakes it in the thread that drives the endpoint; and a
    // system call that does not return keeps no signal from being heard.
    let (working, explaining) = (options.clone(), options.clone());
    let mut task = tokio::spawn(async move { work(&working, verb).await });
    let done = tokio::select! {
        done = &mut task => {
            done.unwrap_or_else(|end| std::panic::resume_unwind(end.into_panic()))
        }
        stopped = stop.heard() => {
            task.abort();
            match stopped {
                Ok(()) if is_server => Ok(()),
                Ok(()) => Err(Failure::new("interrupted")),
                Err(error) => Err(error.into()),
            }
        }
    };
    let done = done.map_err(|failure| explaining.explain(failure));
    let ended = options.end_early().await;
    done.and(ended)
}

async fn work(options: &Options, verb: Verb) -> Result<(), Failure> {
    match verb {
        Verb::Id => id::run(options),
        Verb::Serve(serve) => serve.run(options).await,
        Verb::Get(get) => options.until_there_is_room(|| get.clone().run(options)).await,
        Verb::Put(put) => options.until_there_is_room(|| put.clone().run(options)).await,
        Verb::Echo => echo::run(options).await,
        Verb::Ping(ping) => options.until_there_is_room(|| ping.clone().run(options)).await,
        Verb::Perf(perf) => perf.run(options).await,
        Verb::Scenarios(scenarios) => scenarios.run(options).await,
        Verb::Demo(demo) => demo.run(options).await,
        #[cfg(not(feature = "gateway"))]
        Verb::Gateway { .. } => Err(Failure::new(
            "this build is without the gateway, which brings a second set of cryptography: \
             cargo run --release --features gateway -- gateway ...",
        )),
        #[cfg(feature = "gateway")]
        Verb::Gateway(gateway) => gateway.run(options, std::future::pending()).await,
    }
}

/// What tells this process to end.
struct Stop {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 2],
}

impl Stop {
    /// From now on signals are heard, and do not kill: before the command says anything, since
    /// whoever hears of it may want it to end.
    fn watch() -> std::io::Result<Self> {
        Ok(Self {
            #[cfg(unix)]
            signals: {
                use tokio::signal::unix::{SignalKind, signal};
                [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?]
            },
        })
    }

    /// Someone wants this process to end.
    async fn heard(self) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            let [mut interrupted, mut terminated] = self.signals;
            tokio::select! {
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            Ok(())
        }
        #[cfg(not(unix))]
        tokio::signal::ctrl_c().await
    }
}
