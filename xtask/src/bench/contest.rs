//! [`Contest`]: runs the contestants in turn, and keeps what they took.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// The wire of [`Place::Lossy`]: 30 ms there and back, 2 % lost each way, one packet in fifty late
/// by up to 4 ms. A run is given up after ten minutes.
const WIRE: &str = "delay=15ms loss=2% reorder=2% late=4ms";
const ADDRESS: &str = "10.77.0.2";

/// Where they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Loopback,
    Lossy,
}

/// Who runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Contestant {
    pub(super) name: &'static str,
    is_sst: bool,
    get: &'static str,
}

/// One run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) place: Place,
    pub(super) tree: String,
    pub(super) contestant: &'static str,
    pub(super) seconds: f64,
    pub(super) files: usize,
    pub(super) bytes: u64,
}

/// All of it.
pub(super) struct Contest {
    sst: PathBuf,
    bench: PathBuf,
    root: PathBuf,
    work: PathBuf,
    runs: Vec<Run>,
}

/// A server; ended with this.
struct Server(Child);

const CONTESTANTS: [Contestant; 4] = [
    Contestant { name: "sst, 64 at a time", is_sst: true, get: "--jobs 64" },
    Contestant { name: "TLS per file, 64 at a time", is_sst: false, get: "--jobs 64" },
    Contestant { name: "sst, 16 at a time", is_sst: true, get: "--jobs 16" },
    Contestant { name: "TLS per file, 16 at a time", is_sst: false, get: "--jobs 16" },
];

impl Contest {
    pub(super) fn new(sst: PathBuf, bench: PathBuf, root: PathBuf, work: PathBuf) -> Self {
        Self { sst, bench, root, work, runs: Vec::new() }
    }

    /// `rounds` of each contestant in turn, so that what else the machine does hits all alike.
    pub(super) fn run(&mut self, place: Place, tree: &str, rounds: usize) -> Result<(), String> {
        let from = self.root.join(tree);
        let (files, bytes) = size(&from)?;
        for round in 0..rounds {
            for contestant in CONTESTANTS {
                let to = self.work.join("out");
                if to.exists() {
                    fs::remove_dir_all(&to).map_err(|error| format!("out: {error}"))?;
                }
                let seconds = match place {
                    Place::Loopback => self.loopback(contestant, tree, &to),
                    Place::Lossy => self.lossy(contestant, tree, &to, round),
                }?;
                println!("{place:?} {tree} {}: {seconds:.2} s", contestant.name);
                if round == 0 {
                    same(&from, &to)?;
                }
                let (tree, contestant) = (tree.to_string(), contestant.name);
                self.runs.push(Run { place, tree, contestant, seconds, files, bytes });
            }
        }
        Ok(())
    }

    /// The runs so far.
    pub(super) fn runs(&self) -> &[Run] {
        &self.runs
    }

    #[expect(clippy::disallowed_methods, reason = "the ban is for the core; this tool has a clock")]
    fn loopback(&self, contestant: Contestant, tree: &str, to: &Path) -> Result<f64, String> {
        let mut serve = shell(&self.serve(contestant, "127.0.0.1:0"));
        let (_server, said) = Server::start(&mut serve)?;
        let mut get = shell(&self.get(contestant, tree, to));
        get.env("FAR", said);
        let started_at = Instant::now();
        finish(&mut get)?;
        Ok(started_at.elapsed().as_secs_f64())
    }

    fn lossy(
        &self,
        contestant: Contestant,
        tree: &str,
        to: &Path,
        round: usize,
    ) -> Result<f64, String> {
        let mut wire = Command::new(self.bench.join("lab"));
        wire.args(["--both", WIRE, "--tcp", "cubic", "--seconds", "600"]);
        wire.arg("--seed").arg((round + 1).to_string());
        // A wire without a rate has no queue to be seen, so boldness has to be asked for.
        let boldly = if contestant.is_sst { "--cc bold" } else { "" };
        let serve = self.serve(contestant, &format!("{ADDRESS}:7000"));
        wire.arg("--far").arg(format!("exec {serve} {boldly}"));
        wire.arg("--near").arg(format!("exec {}", self.get(contestant, tree, to)));
        let said = finish(&mut wire)?;
        let took = said.lines().find_map(|line| line.strip_prefix("near took "));
        took.and_then(|took| took.parse().ok()).ok_or(format!("wire said: {said}"))
    }

    fn serve(&self, contestant: Contestant, bind: &str) -> String {
        let (root, work) = (self.root.display(), self.work.display());
        if contestant.is_sst {
            format!("{} serve {root} --bind {bind} --key {work}/server.key", self.sst.display())
        } else {
            let program = self.bench.join("tls-tree");
            format!("{} serve {root} --bind {bind} --certificate {work}/der", program.display())
        }
    }

    /// What the server said is in `$FAR`.
    fn get(&self, contestant: Contestant, tree: &str, to: &Path) -> String {
        let (to, work, how) = (to.display(), self.work.display(), contestant.get);
        if contestant.is_sst {
            let program = self.sst.display();
            format!("{program} get \"$FAR\"{tree} -o {to} {how} --json --key {work}/client.key")
        } else {
            let program = self.bench.join("tls-tree");
            let certificate = format!("--certificate {work}/der");
            format!("{} get \"$FAR\" --path {tree} -o {to} {how} {certificate}", program.display())
        }
    }
}

impl Server {
    /// Starts it: it, and the first line it said.
    fn start(command: &mut Command) -> Result<(Self, String), String> {
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| e.to_string())?;
        let out = child.stdout.take();
        let server = Self(child);
        let mut line = String::new();
        let read = out.map(|out| BufReader::new(out).read_line(&mut line));
        match read {
            Some(Ok(len)) if len > 0 => Ok((server, line.trim().to_string())),
            _ => Err("the server said nothing".into()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// On the wire, which is slower than the disk, waiting for the disk would change nothing.
fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec {line}")).stdin(Stdio::null());
    command
}

fn finish(command: &mut Command) -> Result<String, String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(said) } else { Err(format!("{}: {said}", output.status)) }
}

/// How many files there are, and of how many bytes in all. Their contents are in the page cache
/// after this.
fn size(folder: &Path) -> Result<(usize, u64), String> {
    let (mut count, mut bytes, mut folders) = (0, 0, vec![folder.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        let fault = |error| format!("{}: {error}", folder.display());
        for entry in fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                count += 1;
                bytes += fs::read(&path).map_err(fault)?.len() as u64;
            }
        }
    }
    Ok((count, bytes))
}

/// Compares every byte.
fn same(one: &Path, other: &Path) -> Result<(), String> {
    let mut diff = Command::new("diff");
    let differences = finish(diff.arg("-rq").arg(one).arg(other))?;
    if differences.is_empty() { Ok(()) } else { Err(differences) }
}
