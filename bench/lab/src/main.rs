//! `lab`: runs commands on hosts of a laboratory. Root only; anyone else is told so and gets 77.
//!
//! The far command first; when it has said its first line, each near command on a near host of its
//! own, which finds the line in `$FAR`. When the near ones have ended, so has everything.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use lab::{Errand, Nature, PROFILES, Profile, Report, Setup};

/// Runs commands on hosts with a bad wire between them. The near hosts are 10.77.0.1, .3, .4 and so
/// on, the far one 10.77.0.2.
#[derive(Parser)]
#[command(after_help = profiles())]
struct Options {
    /// A wire by name; see below.
    #[arg(long)]
    profile: Option<String>,
    /// How both directions are, beside that: `rate=1.5M queue=50kB` (or `25p`) `delay=15ms
    /// jitter=2ms loss=2% burst=3 run=3 reorder=2% late=4ms duplicate=1% corrupt=1% mark=5%
    /// blackout=5s+2s`.
    #[arg(long, default_value = "")]
    both: String,
    /// How the direction to the near hosts is, beside that.
    #[arg(long, default_value = "")]
    down: String,
    /// How the direction to the far host is, beside that.
    #[arg(long, default_value = "")]
    up: String,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// TCP's congestion control on all hosts.
    #[arg(long, default_value = "cubic")]
    tcp: String,
    /// Everything is ended after so many seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// Write what passes to files whose names begin so, for tcpdump and its kin.
    #[arg(long)]
    capture: Option<PathBuf>,
    /// Say what happened as one line of JSON.
    #[arg(long)]
    json: bool,
    /// What runs on the far host, by `sh`.
    #[arg(long)]
    far: String,
    /// What runs on a near host, by `sh`. Once for every near host.
    #[arg(long, required = true)]
    near: Vec<String>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !lab::is_permitted() {
        eprintln!("lab: only root may make network namespaces and TUN devices");
        return ExitCode::from(77);
    }
    match lab::enclose() {
        Ok(None) => {}
        Ok(Some(code)) => return code,
        Err(error) => return failed(&error),
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

/// True if every near command succeeded.
fn run(options: &Options) -> io::Result<bool> {
    let setup = setup(options)?;
    let errand = |command: &String| Errand { command: command.clone(), after: Duration::ZERO };
    let errands: Vec<_> = options.near.iter().map(errand).collect();
    let report = setup.run(&options.far, &errands, true)?;
    if options.json {
        println!("{}", json(&report));
    } else {
        for done in &report.near {
            println!("near took {:.3}", done.took.as_secs_f64());
        }
        eprintln!("lab: down: {}", report.down);
        eprintln!("lab: up: {}", report.up);
    }
    Ok(report.near.iter().all(|done| done.is_success))
}

fn setup(options: &Options) -> io::Result<Setup> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidInput, what);
    let (mut down, mut up) = (Nature::default(), Nature::default());
    if let Some(name) = &options.profile {
        let profile = Profile::named(name).ok_or_else(|| wrong(format!("no profile {name}")))?;
        (down, up) = profile.natures().map_err(io::Error::other)?;
    }
    for (nature, own) in [(&mut down, &options.down), (&mut up, &options.up)] {
        let said = nature.set(&options.both).and_then(|()| nature.set(own));
        said.map_err(|error| wrong(error.to_string()))?;
    }
    let Options { seed, tcp, seconds, capture, .. } = options;
    let (tcp, capture) = (tcp.clone(), capture.clone());
    let timeout = Duration::from_secs(*seconds);
    Ok(Setup { seed: *seed, tcp, timeout, capture, ..Setup::new(down, up) })
}

fn json(report: &Report) -> String {
    let near = report.near.iter().map(|done| {
        format!("{{\"ok\":{},\"seconds\":{:.4}}}", done.is_success, done.took.as_secs_f64())
    });
    let near = near.collect::<Vec<_>>().join(",");
    format!("{{\"near\":[{near}],\"down\":{},\"up\":{}}}", report.down.json(), report.up.json())
}

fn profiles() -> String {
    let mut text = String::from("Profiles:\n");
    for Profile { name, down, up, about } in PROFILES {
        text += &format!("  {name:<10} down {down}\n             up   {up}\n");
        text += &format!("             {about}\n");
    }
    text
}

fn failed(error: &io::Error) -> ExitCode {
    eprintln!("lab: {error}");
    ExitCode::FAILURE
}
