//! The command as a user has it: processes with deadlines, in directories of their own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// No single run of the command takes longer, on the busiest machine, or it hangs.
const DEADLINE: Duration = Duration::from_secs(300);

/// A user: a home with a key, and a directory to work in.
pub(crate) struct User {
    home: TempDir,
    pub(crate) here: TempDir,
}

/// What a run of the command left.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// A running command; killed with this value.
pub(crate) struct Running {
    pub(crate) child: Child,
    out: mpsc::Receiver<String>,
    err: thread::JoinHandle<String>,
}

impl User {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), here: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.here.path().join(name)
    }

    pub(crate) fn key(&self) -> PathBuf {
        self.home.path().join("sst/key")
    }

    pub(crate) fn id(&self) -> String {
        self.good(&["id"]).trim().to_string()
    }

    /// Starts `sst` with these arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.start_as(Command::new(env!("CARGO_BIN_EXE_sst")), arguments)
    }

    /// A command that is or becomes `sst`, as this user gives it.
    pub(crate) fn prepare(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments).current_dir(self.here.path());
        command.env("XDG_CONFIG_HOME", self.home.path()).stdin(Stdio::null());
        command
    }

    pub(crate) fn start_as(&self, command: Command, arguments: &[&str]) -> Running {
        let mut command = self.prepare(command, arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (told, out) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = told.send(line);
            }
        });
        Running::new(child, out)
    }

    /// Starts `sst` with its standard output there.
    pub(crate) fn start_into(&self, out: impl Into<Stdio>, arguments: &[&str]) -> Running {
        let mut command = self.prepare(Command::new(env!("CARGO_BIN_EXE_sst")), arguments);
        command.stdout(out).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let (_, nothing) = mpsc::channel();
        Running::new(child, nothing)
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.start(arguments).wait()
    }

    /// What it says, if all is well.
    pub(crate) fn good(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        done.out
    }

    /// The one JSON object it says, if all is well.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let out = self.good(&[arguments, &["--json"]].concat());
        assert_eq!(out.lines().count(), 1, "{out}");
        serde_json::from_str(&out).unwrap()
    }

    /// The one line it complains with.
    pub(crate) fn bad(&self, arguments: &[&str]) -> String {
        self.run(arguments).complaint()
    }

    /// Starts something that serves at a port of this host, and tells where.
    pub(crate) fn serve(&self, arguments: &[&str]) -> (Running, String) {
        let running = self.start(&[arguments, &["--bind", "127.0.0.1:0"]].concat());
        let url = running.line();
        (running, url.trim_end_matches('/').to_string())
    }

    /// The same, of a server that may have so many descriptors.
    pub(crate) fn serve_within(&self, descriptors: u32, arguments: &[&str]) -> (Running, String) {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_sst")]);
        let running = self.start_as(shell, &[arguments, &["--bind", "127.0.0.1:0"]].concat());
        let url = running.line();
        (running, url.trim_end_matches('/').to_string())
    }
}

impl Running {
    fn new(mut child: Child, out: mpsc::Receiver<String>) -> Self {
        let mut stderr = child.stderr.take().unwrap();
        let err = thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { child, out, err }
    }

    /// The next line it says.
    pub(crate) fn line(&self) -> String {
        self.out.recv_timeout(DEADLINE).expect("the command says nothing")
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Kills it like a power cut.
    pub(crate) fn cut(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn wait(mut self) -> Done {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < DEADLINE, "the command hangs");
            thread::sleep(Duration::from_millis(5));
        };
        let err = std::mem::replace(&mut self.err, thread::spawn(String::new)).join().unwrap();
        let lines: Vec<String> = self.out.iter().collect();
        Done { status, out: lines.join("\n"), err }
    }
}

impl Done {
    /// It failed, and said why in one line.
    pub(crate) fn complaint(&self) -> String {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        let line = self.err.trim_end();
        assert!(line.starts_with("sst: ") && line.len() < 400, "{line}");
        line.to_string()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until `is_so`.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < DEADLINE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Whether processes can be traced here; says what is not tested otherwise.
pub(crate) fn can_trace(what: &str) -> bool {
    let output = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    let can = output.is_ok_and(|output| output.status.success());
    if !can {
        eprintln!("SKIPPED: {what} are NOT tested: no strace, or it may not trace");
    }
    can
}

/// `sst`, to which something is done at each system call of these names, or at those that `deed`
/// says: `error=EPERM`, `delay_enter=1000`, `signal=KILL:when=3`.
pub(crate) fn traced(calls: &str, deed: &str) -> Command {
    let mut strace = Command::new("strace");
    let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:{deed}"));
    strace.args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
    strace.arg(env!("CARGO_BIN_EXE_sst"));
    strace
}

/// Bytes that do not repeat.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Everything below `root`, with the hash of each file, and of what each link holds. What goes
/// meanwhile is not told.
pub(crate) fn hashes(root: &Path) -> BTreeMap<PathBuf, Option<blake3::Hash>> {
    let (mut found, mut todo) = (BTreeMap::new(), vec![root.to_path_buf()]);
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_path_buf();
            if path.is_symlink() {
                let target = fs::read_link(path).unwrap();
                found.insert(name, Some(blake3::hash(target.as_os_str().as_encoded_bytes())));
            } else if path.is_dir() {
                found.insert(name, None);
                todo.push(path);
            } else if let Ok(contents) = fs::read(path) {
                found.insert(name, Some(blake3::hash(&contents)));
            }
        }
    }
    found
}
