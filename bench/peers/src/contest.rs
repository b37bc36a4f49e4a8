//! The contest: contestants take turns within each round, and the machine's state is looked at
//! around every measurement.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::Fallible;
use crate::measure::{BYTES_EACH, GBIT_PER_S, P50_US, PER_S};
use crate::probe::round_trip_us;
use crate::process::{Running, cores};
use crate::report::{self, Header};
use crate::task::{Cipher, Figures, Peer, Task, Work};

#[derive(Args)]
pub(crate) struct Options {
    /// What to measure; everything, if nothing is named.
    names: Vec<Name>,
    /// How often each.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Less of everything.
    #[arg(long)]
    quick: bool,
    /// Hardly anything: to see whether it works.
    #[arg(long, hide = true)]
    tiny: bool,
    /// Only these, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Peer>,
    /// Where lines, tables and plots go.
    #[arg(long, default_value = "target/bench-run")]
    out: PathBuf,
    /// A page in which to replace the tables between marks; plots go beside it.
    #[arg(long)]
    write: Option<PathBuf>,
}

/// What can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Name {
    /// One stream, as fast as it goes; and the processor time it takes.
    #[value(alias = "cpu")]
    Bulk,
    /// Small requests on streams of their own.
    Requests,
    /// New sessions.
    Sessions,
    /// What idle sessions and idle streams cost the server.
    Memory,
    Datagrams,
    Pingpong,
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    #[serde(flatten)]
    pub(crate) task: Task,
    pub(crate) round: u64,
    /// A UDP round trip before and after, in microseconds.
    pub(crate) probes_us: [f64; 2],
    pub(crate) figures: Figures,
}

/// How long a server may take to be there, and any child to end.
const START_TIMEOUT: Duration = Duration::from_secs(20);
/// Memory does not vary as times do.
const MAX_MEMORY_ROUNDS: u64 = 2;

/// Measures everything asked for.
pub(crate) fn run(options: &Options) -> Fallible<()> {
    let cores = cores()?;
    let mut names = options.names.clone();
    if names.is_empty() {
        names = Name::value_variants().to_vec();
    }
    names.sort_unstable();
    names.dedup();
    fs::create_dir_all(&options.out)?;
    let mut faults = Vec::new();
    for name in names {
        let samples = measure(name, options, cores, &mut faults);
        let header =
            Header { name, command: options.command(name), rounds: options.rounds_of(name) };
        report::write(&header, &samples, &options.out, options.write.as_deref())?;
    }
    match faults.as_slice() {
        [] => Ok(()),
        faults => Err(format!("not measured:\n{}", faults.join("\n")).into()),
    }
}

fn measure(
    name: Name,
    options: &Options,
    cores: [usize; 2],
    faults: &mut Vec<String>,
) -> Vec<Sample> {
    let tasks = options.tasks(name);
    let mut samples = Vec::new();
    for round in 0..options.rounds_of(name) {
        for turn in 0..tasks.len() {
            // Each begins a round in turn: whoever comes after whom is not always the same.
            let task = tasks[(turn + round as usize) % tasks.len()];
            match sample(task, round, cores) {
                Ok(sample) => {
                    eprintln!("{name:?} {}: {}", round + 1, told(&sample));
                    samples.push(sample);
                }
                Err(error) => {
                    eprintln!("{name:?} {}: {task}: {error}", round + 1);
                    faults.push(format!("{task}, round {}: {error}", round + 1));
                }
            }
        }
    }
    samples
}

/// One measurement between two looks at the machine.
fn sample(task: Task, round: u64, cores: [usize; 2]) -> Fallible<Sample> {
    let before = round_trip_us(cores)?;
    let text = serde_json::to_string(&task)?;
    let words = ["serve".into(), text.clone(), cores[1].to_string()];
    let mut server = Running::start("the server", &words)?;
    let card = server.line(START_TIMEOUT)?;
    let words = ["drive".into(), text, cores[0].to_string(), card, server.id().to_string()];
    let mut client = Running::start("the client", &words)?;
    let line = client.line(timeout(task.work))?;
    client.end(START_TIMEOUT)?;
    drop(server);
    let figures = serde_json::from_str(&line)?;
    Ok(Sample { task, round, probes_us: [before, round_trip_us(cores)?], figures })
}

/// How long one measurement may take, by far.
const fn timeout(work: Work) -> Duration {
    match work {
        Work::IdleSessions | Work::IdleStreams => Duration::from_secs(240),
        _ => Duration::from_secs(60),
    }
}

fn told(sample: &Sample) -> String {
    let Sample { task, probes_us: [before, after], figures, .. } = sample;
    let shown = [GBIT_PER_S, PER_S, P50_US, BYTES_EACH]
        .into_iter()
        .filter_map(|name| figures.get(name).map(|value| format!("{name} {value:.1}")));
    let shown = shown.collect::<Vec<_>>().join(", ");
    format!("{task}: {shown} (probes {before:.1} {after:.1} µs)")
}

impl Options {
    /// What to type to get this again.
    fn command(&self, name: Name) -> String {
        let mut command = format!("cargo xtask bench {}", name.text());
        if self.rounds != 5 {
            command += &format!(" --rounds {}", self.rounds);
        }
        for (is_given, word) in [(self.quick, " --quick"), (self.tiny, " --tiny")] {
            command += if is_given { word } else { "" };
        }
        if !self.only.is_empty() {
            let only = self.only.iter().filter_map(|peer| peer.to_possible_value());
            let only: Vec<_> = only.map(|value| value.get_name().to_owned()).collect();
            command += &format!(" --only {}", only.join(","));
        }
        command
    }

    fn rounds_of(&self, name: Name) -> u64 {
        if name == Name::Memory { self.rounds.min(MAX_MEMORY_ROUNDS) } else { self.rounds }
    }

    fn tasks(&self, name: Name) -> Vec<Task> {
        let mut tasks = Vec::new();
        for (work, peer, cipher) in contestants(name) {
            let count = self.count(work);
            tasks.push(Task { peer, cipher, work, count });
            if work == Work::IdleStreams && peer == Peer::Sst {
                tasks.push(Task { peer, cipher, work, count: 10 * count });
            }
        }
        let is_built = |peer: Peer| peer != Peer::Quiche || cfg!(feature = "quiche");
        tasks.retain(|task| is_built(task.peer));
        tasks.retain(|task| self.only.is_empty() || self.only.contains(&task.peer));
        tasks
    }

    /// How much: in full, quick, tiny.
    fn count(&self, work: Work) -> u64 {
        let counts = match work {
            Work::Bulk => [1 << 30, 256 << 20, 4 << 20],
            Work::Requests => [100_000, 20_000, 500],
            Work::Sessions => [3_000, 500, 100],
            Work::IdleSessions => [10_000, 500, 20],
            Work::IdleStreams => [10_000, 2_000, 100],
            Work::Datagrams => [1_000_000, 100_000, 2_000],
            Work::Pingpong => [20_000, 3_000, 200],
        };
        counts[if self.tiny { 2 } else { usize::from(self.quick) }]
    }
}

impl Name {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Requests => "requests",
            Self::Sessions => "sessions",
            Self::Memory => "memory",
            Self::Datagrams => "datagrams",
            Self::Pingpong => "pingpong",
        }
    }
}

/// Who takes part in what, in the order of the tables.
fn contestants(name: Name) -> Vec<(Work, Peer, Cipher)> {
    use Cipher::{Aes128, Aes256, Chacha, None};
    use Peer::{H2, Quiche, Quinn, S2n, S2nTls, Sst, Tcp, Tls, Udp};
    let of = |work: Work, who: &[(Peer, Cipher)]| {
        who.iter().map(|&(peer, cipher)| (work, peer, cipher)).collect::<Vec<_>>()
    };
    let sst = (Sst, Aes256);
    let (quinn, s2n, tls) = ((Quinn, Aes256), (S2n, Aes256), (Tls, Aes256));
    match name {
        Name::Bulk => {
            let mut all = of(Work::Bulk, &[(S2nTls, Aes128), (Quiche, Aes128)]);
            for cipher in [Chacha, Aes256] {
                let who = [Sst, Quinn, S2n, Tls, Udp].map(|peer| (peer, cipher));
                all.extend(of(Work::Bulk, &who));
            }
            all.extend(of(Work::Bulk, &[(Tcp, None), (Udp, None)]));
            all
        }
        Name::Requests => of(Work::Requests, &[sst, quinn, s2n, (H2, Aes256)]),
        Name::Sessions => of(Work::Sessions, &[sst, quinn, s2n, tls]),
        Name::Memory => {
            let mut all = of(Work::IdleSessions, &[sst, quinn, s2n, tls]);
            all.extend(of(Work::IdleStreams, &[sst, quinn, s2n]));
            all
        }
        Name::Datagrams => of(Work::Datagrams, &[sst, quinn]),
        Name::Pingpong => {
            let who = [sst, quinn, s2n, (Quiche, Aes128), tls, (Tcp, None), (Udp, None)];
            of(Work::Pingpong, &who)
        }
    }
}

/// Writes a file of the output folder.
pub(crate) fn save(folder: &Path, name: &str, text: &str) -> Fallible<()> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
    eprintln!("{}", path.display());
    Ok(())
}
