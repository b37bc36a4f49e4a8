//! Two servers, one of which is attacked all the time, and those who come to them.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use sst_std::Url;
use tempfile::TempDir;

use crate::compare::{At, Measure, PATIENCE, within};

/// What the hostile peer is asked, in the environment of its process.
pub(crate) const ARGUMENTS: &str = "SST_TEST_HOSTILE";

/// How long an attacker may take to get hold of what it can.
const TAKING_HOLD: Duration = Duration::from_secs(60);
/// Where the honest client is: not where its enemies are.
const HONEST: &str = "127.0.0.100:0";
/// What the honest client gets.
const SMALL_BYTES: usize = 2_000_000;

/// One test at a time: each needs the machine for itself.
static MACHINE: Mutex<()> = Mutex::new(());

pub(crate) struct Scene {
    pub(crate) attacked: Server,
    pub(crate) quiet: Server,
    hostile: Vec<Process>,
    shared: TempDir,
    honest: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// A process, killed with this value.
pub(crate) struct Process(pub(crate) Child);

pub(crate) struct Server {
    pub(crate) process: Process,
    pub(crate) url: Url,
    _home: TempDir,
}

impl Scene {
    /// Both servers share a directory with `two`, of 2 MB, and what `fill` puts there.
    pub(crate) fn new(fill: impl FnOnce(&Path)) -> Self {
        Self::of("serve", fill)
    }

    /// The same with another service.
    pub(crate) fn of(command: &str, fill: impl FnOnce(&Path)) -> Self {
        let alone = MACHINE.lock().unwrap_or_else(PoisonError::into_inner);
        let shared = tempfile::tempdir().unwrap();
        fs::write(shared.path().join("two"), vec![b'2'; SMALL_BYTES]).unwrap();
        fill(shared.path());
        let [attacked, quiet] = [(); 2].map(|()| Server::start(command, shared.path()));
        let honest = tempfile::tempdir().unwrap();
        Self { attacked, quiet, hostile: Vec::new(), shared, honest, _alone: alone }
    }

    /// Starts the attack and waits until it has hold of what it can get. `file` is a file on the
    /// server.
    pub(crate) fn attack(&mut self, attack: &str, file: &str) {
        let url = self.attacked.url.with_path(file);
        let mut words = attack.split(' ');
        let name = words.next().unwrap();
        let rest: String = words.map(|word| format!(" {word}")).collect();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "the_hostile_peer", "--nocapture"]);
        command.env(ARGUMENTS, format!("{name} {url} --seconds 300{rest}"));
        let (process, lines) = start(command);
        let until = Instant::now() + TAKING_HOLD;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = lines.recv_timeout(left).expect("the attack takes hold");
            if line.starts_with("holding") {
                println!("{attack}: {line}");
                self.hostile.push(process);
                return self.settle();
            }
        }
    }

    /// Waits until the attacked server has taken in what came, or is given up.
    fn settle(&self) {
        let until = Instant::now() + TAKING_HOLD / 4;
        let mut before = 0;
        while Instant::now() < until {
            std::thread::sleep(Duration::from_secs(1));
            let now = self.attacked.resident_bytes();
            if now < before + (1 << 20) {
                return;
            }
            before = now;
        }
    }

    /// The server to come to. The attack goes on.
    pub(crate) const fn server(&self, at: At) -> &Server {
        match at {
            At::Quiet => &self.quiet,
            At::Attacked => &self.attacked,
        }
    }

    /// How long `sst get` of the 2 MB takes; at most [`PATIENCE`].
    fn get(&self, server: &Server) -> Duration {
        let target = self.honest.path().join("two");
        let _ = fs::remove_file(&target);
        let began = Instant::now();
        let url = server.url.with_path("two").to_string();
        let done = self.sst(&["get", &url, "--bind", HONEST, "-o"], &target);
        let took = began.elapsed();
        if done && fs::metadata(&target).unwrap().len() == SMALL_BYTES as u64 {
            took
        } else {
            PATIENCE
        }
    }

    /// A `get` of an honest client takes at most `bar` times what it takes at the quiet server, by
    /// medians.
    pub(crate) fn gets_keep(&self, what: &str, bar: f64) {
        let measure = Measure { samples: 7, quantile: 0.5 };
        within(what, bar, measure, |at| self.get(self.server(at)));
    }

    /// Runs the command within [`PATIENCE`]; whether it did what it should.
    fn sst(&self, arguments: &[&str], target: &Path) -> bool {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sst"));
        command.args(arguments).arg(target).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("XDG_CONFIG_HOME", self.honest.path()).current_dir(self.shared.path());
        let mut process = Process(command.spawn().unwrap());
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(status) = process.0.try_wait().unwrap() {
                return status.success();
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }

    /// A client in a process of its own, that works at the attacked server.
    pub(crate) fn client(&self, arguments: &[&str]) -> (Process, TempDir) {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_sst"));
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        command.env("XDG_CONFIG_HOME", home.path()).current_dir(home.path());
        (Process(command.spawn().unwrap()), home)
    }
}

impl Server {
    fn start(command: &str, shared: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_sst"));
        process.args(command.split(' '));
        if command.starts_with("serve") {
            process.arg(shared);
        }
        process.args(["--bind", "127.0.0.1:0"]).env("XDG_CONFIG_HOME", home.path());
        let (process, lines) = start(process);
        let url = lines.recv_timeout(TAKING_HOLD).expect("the server says where it is");
        Self { process, url: url.parse().unwrap(), _home: home }
    }

    /// Its resident memory, in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:") * 1024
    }

    pub(crate) fn threads(&self) -> u64 {
        self.status("Threads:")
    }

    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.proc("fd")).unwrap().count()
    }

    fn status(&self, name: &str) -> u64 {
        let status = fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    fn proc(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.process.0.id()))
    }
}

impl Process {
    /// Stops it where it is, as Ctrl-Z does.
    pub(crate) fn suspend(&self) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-STOP", &id]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(mut command: Command) -> (Process, mpsc::Receiver<String>) {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = told.send(line);
        }
    });
    (Process(child), heard)
}

/// A file of this length that takes no room on the disk.
pub(crate) fn sparse(directory: &Path, name: &str, bytes: u64) {
    File::create(directory.join(name)).unwrap().set_len(bytes).unwrap();
}
