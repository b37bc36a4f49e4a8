//! [`Host`]: a network namespace, in the shape of a thread that is in it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Signal, set_parent_process_death_signal, setpriority_process};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::tun;

/// The far host's address.
pub const FAR: &str = "10.77.0.2";
/// How long the far command may take to say its first line.
const SERVE_TIMEOUT: Duration = Duration::from_secs(20);
/// What is measured goes before what else this machine does, and after the wire.
const NICE: i32 = -10;

type Task = Box<dyn FnOnce() + Send>;

/// A host that runs commands. Its namespace lasts as long as it, or a command on it.
pub struct Host {
    tasks: mpsc::Sender<Task>,
}

/// The address of a near host, counted from 0.
#[must_use]
pub fn near_address(index: u8) -> String {
    // 10.77.0.2 is the far host's.
    format!("10.77.0.{}", if index == 0 { 1 } else { index.saturating_add(2) })
}

impl Host {
    /// A new host with this address, and the other end of its TUN device.
    pub(crate) fn start(address: &str, tcp: &str) -> io::Result<(Self, File)> {
        let (tasks, todo) = mpsc::channel::<Task>();
        let (made, tun) = mpsc::channel();
        let (address, tcp) = (address.to_string(), tcp.to_string());
        thread::spawn(move || {
            let _ = made.send(enter(&address, &tcp));
            todo.into_iter().for_each(|task| task());
        });
        let tun = tun.recv().map_err(io::Error::other)??;
        Ok((Self { tasks }, tun))
    }

    /// Does something in the host's network. A socket made there stays there.
    ///
    /// # Errors
    /// The host is gone: an earlier task panicked.
    pub fn inside<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<T> {
        let (reply, answer) = mpsc::channel();
        let task = Box::new(move || drop(reply.send(task())));
        self.tasks.send(task).map_err(|_| io::ErrorKind::BrokenPipe)?;
        answer.recv().map_err(io::Error::other)
    }

    /// Starts a server: it, and the first line it says.
    pub(crate) fn serve(&self, shell: &str) -> io::Result<(Child, String)> {
        let mut command = shelled(shell);
        command.stdout(Stdio::piped());
        let mut child = self.spawn(command)?;
        let (said, line) = mpsc::channel();
        if let Some(out) = child.stdout.take() {
            thread::spawn(move || {
                let mut lines = BufReader::new(out).lines();
                let _ = said.send(lines.next());
                // So that it is never stopped by a full pipe.
                lines.for_each(drop);
            });
        }
        match line.recv_timeout(SERVE_TIMEOUT) {
            Ok(Some(line)) => Ok((child, line?)),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                Err(io::Error::other(format!("`{shell}` said nothing")))
            }
        }
    }

    /// Starts a client, to which `far` is what the server said.
    pub(crate) fn run(&self, shell: &str, far: &str, output: Stdio) -> io::Result<Child> {
        let mut command = shelled(shell);
        command.env("FAR", far).stdout(output);
        self.spawn(command)
    }

    fn spawn(&self, mut command: Command) -> io::Result<Child> {
        command.stdin(Stdio::null());
        let die_too = || Ok(set_parent_process_death_signal(Some(Signal::KILL))?);
        // SAFETY: a system call and nothing else between fork and exec.
        unsafe { command.pre_exec(die_too) };
        self.inside(move || command.spawn())?
    }
}

fn shelled(shell: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", shell]);
    command
}

/// Moves this thread to a network of its own. What it starts is there too.
fn enter(address: &str, tcp: &str) -> io::Result<File> {
    // SAFETY: of the flags, only that of the file table is about memory safety.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    // It works without, on a machine with nothing else to do.
    let _ = setpriority_process(None, NICE);
    // No IPv6: its routers' and neighbours' messages would be packets nobody asked for.
    let _ = fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
    let tun = tun::open("wire0")?;
    ip("link set lo up")?;
    ip(&format!("addr add {address}/24 dev wire0"))?;
    ip("link set wire0 mtu 1500 txqueuelen 10000 up")?;
    // By route, not by sysctl: which algorithms a namespace may make its default is up to the
    // whole machine's settings, and those are not ours to change.
    ip(&format!("route replace 10.77.0.0/24 dev wire0 src {address} congctl {tcp}"))?;
    Ok(tun)
}

fn ip(words: &str) -> io::Result<()> {
    let status = Command::new("ip").args(words.split(' ')).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("ip {words}: {status}"))) }
}
