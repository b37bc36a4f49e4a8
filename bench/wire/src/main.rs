//! `wire`: two hosts of their own on this machine, and a bad wire between them. Root only.
//!
//! Each host is a network namespace with a TUN device; this program carries the packets from one
//! to the other, late, out of order, or not at all. It runs one command on each host: the far one
//! first; when that has said its first line, the near one, which finds the line in `$FAR`. The
//! end of the near one is the end of everything. The namespaces have no names and die with the
//! processes in them: there is nothing to clean up.

mod host;
mod link;
mod tun;

use std::io;
use std::process::{Child, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use host::Host;
use link::{Link, Nature};

const NEAR: &str = "10.77.0.1";
const FAR: &str = "10.77.0.2";

/// Runs two commands on two hosts with a bad wire between them. Near is 10.77.0.1, far 10.77.0.2.
#[derive(Parser)]
struct Options {
    /// Delay of each direction, in milliseconds.
    #[arg(long, default_value_t = 15.0)]
    delay: f64,
    /// Share of packets lost, each direction.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Share of packets that take longer, by up to `--jitter`, so that others overtake them.
    #[arg(long, default_value_t = 0.0)]
    reorder: f64,
    /// The longest extra delay of these, in milliseconds.
    #[arg(long, default_value_t = 4.0)]
    jitter: f64,
    /// Megabits a second, each direction; 0 for no limit.
    #[arg(long, default_value_t = 0.0)]
    rate: f64,
    /// Packets that may wait for their turn where there is a rate.
    #[arg(long, default_value_t = 100)]
    queue: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// TCP's congestion control on both hosts.
    #[arg(long, default_value = "cubic")]
    tcp: String,
    /// Everything is ended after so many seconds.
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// What runs on the far host, by `sh`.
    #[arg(long)]
    far: String,
    /// What runs on the near host, by `sh`.
    #[arg(long)]
    near: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !rustix::process::geteuid().is_root() {
        eprintln!("wire: only root may make network namespaces and TUN devices");
        return ExitCode::from(77);
    }
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("wire: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True if the near command succeeded.
fn run(options: &Options) -> io::Result<bool> {
    let deadline = Instant::now() + Duration::from_secs(options.seconds);
    let (near, near_tun) = Host::start(NEAR, &options.tcp)?;
    let (far, far_tun) = Host::start(FAR, &options.tcp)?;
    let is_over = Arc::new(AtomicBool::new(false));
    let (near_tun, far_tun) = (Arc::new(near_tun), Arc::new(far_tun));
    let ways = [
        ("out", near_tun.clone(), far_tun.clone(), 2 * options.seed),
        ("back", far_tun, near_tun, 2 * options.seed + 1),
    ];
    let carriers = ways.map(|(name, from, to, seed)| {
        let (link, is_over) = (Link::new(nature(options), seed), is_over.clone());
        thread::spawn(move || (name, link.carry(&from, &to, &is_over)))
    });
    let (mut server, first_line) = far.serve(&options.far)?;
    let mut client = near.run(&options.near, &first_line)?;
    let started_at = Instant::now();
    let is_done = wait(&mut client, deadline);
    println!("near took {:.3}", started_at.elapsed().as_secs_f64());
    for child in [&mut client, &mut server] {
        let _ = child.kill();
        let _ = child.wait();
    }
    is_over.store(true, Ordering::Relaxed);
    for carrier in carriers {
        if let Ok((name, carried)) = carrier.join() {
            eprintln!("wire: {name}: {}", carried?);
        }
    }
    is_done
}

fn nature(options: &Options) -> Nature {
    let millis = |millis: f64| Duration::from_secs_f64(millis.max(0.0) / 1e3);
    Nature {
        delay: millis(options.delay),
        loss: options.loss,
        reorder: options.reorder,
        jitter: millis(options.jitter),
        bits_per_sec: options.rate * 1e6,
        queue_len: options.queue,
    }
}

fn wait(client: &mut Child, deadline: Instant) -> io::Result<bool> {
    while Instant::now() < deadline {
        if let Some(status) = client.try_wait()? {
            return Ok(status.success());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Err(io::Error::new(io::ErrorKind::TimedOut, "the near command took too long"))
}
