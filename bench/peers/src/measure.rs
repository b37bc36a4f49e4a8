//! [`Meter`]: time, processor time and memory, of this process and of the one it talks to.

use std::fs;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::task::Figures;

/// Figures of every measurement, by name.
pub(crate) const SECONDS: &str = "seconds";
pub(crate) const CPU_CLIENT_S: &str = "cpu_client_s";
pub(crate) const CPU_SERVER_S: &str = "cpu_server_s";
pub(crate) const PEAK_CLIENT: &str = "peak_client_bytes";
pub(crate) const PEAK_SERVER: &str = "peak_server_bytes";
/// How often either was put aside for another program: in a quiet moment, hardly ever.
pub(crate) const PREEMPTED: &str = "preempted";
/// Figures of some.
pub(crate) const GBIT_PER_S: &str = "gbit_per_s";
pub(crate) const CPU_S_PER_GIB: &str = "cpu_s_per_gib";
pub(crate) const PER_S: &str = "per_s";
pub(crate) const P50_US: &str = "p50_us";
pub(crate) const P99_US: &str = "p99_us";
pub(crate) const LOST: &str = "lost";
pub(crate) const BYTES_EACH: &str = "bytes_each";

/// Runs from [`Meter::start`] to [`Meter::stop`].
pub(crate) struct Meter {
    server: u32,
    cpu_s: [f64; 2],
    preempted: f64,
    started_at: Instant,
}

impl Meter {
    /// `server` is the process id of the other side.
    pub(crate) fn start(server: u32) -> Self {
        let cpu_s = [own_cpu_s(), cpu_s(server)];
        Self { server, cpu_s, preempted: preempted(server), started_at: Instant::now() }
    }

    /// What was used since the start.
    pub(crate) fn stop(self) -> Figures {
        let seconds = self.started_at.elapsed().as_secs_f64();
        let Self { server, cpu_s: [client_s, server_s], .. } = self;
        let figures = [
            (SECONDS, seconds),
            (PREEMPTED, preempted(server) - self.preempted),
            (CPU_CLIENT_S, own_cpu_s() - client_s),
            (CPU_SERVER_S, cpu_s(server) - server_s),
            (PEAK_CLIENT, status_bytes(std::process::id(), "VmHWM:")),
            (PEAK_SERVER, status_bytes(server, "VmHWM:")),
        ];
        figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// Resident memory of a process, in bytes.
pub(crate) fn resident_bytes(process: u32) -> f64 {
    status_bytes(process, "VmRSS:")
}

/// Adds the median and the 99th percentile of `times`.
pub(crate) fn add_quantiles(figures: &mut Figures, times: &mut [Duration]) {
    times.sort_unstable();
    for (name, part) in [(P50_US, 0.5), (P99_US, 0.99)] {
        let at = (times.len() as f64 * part) as usize;
        if let Some(time) = times.get(at.min(times.len().saturating_sub(1))) {
            figures.insert(name.to_owned(), time.as_secs_f64() * 1e6);
        }
    }
}

/// Processor time of this process, all threads, user and system.
fn own_cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// The same of another process; its scheduler keeps nanoseconds of every thread.
fn cpu_s(process: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let times = threads.filter_map(|thread| {
        let line = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<u64>().ok()
    });
    times.sum::<u64>() as f64 / 1e9
}

/// Of this process and of the other.
fn preempted(server: u32) -> f64 {
    let name = "nonvoluntary_ctxt_switches:";
    status_number(std::process::id(), name) + status_number(server, name)
}

fn status_bytes(process: u32, name: &str) -> f64 {
    status_number(process, name) * 1_024.0
}

fn status_number(process: u32, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_sorted_times() {
        let mut times: Vec<_> = (0..1_000).rev().map(Duration::from_micros).collect();
        let mut figures = Figures::new();
        add_quantiles(&mut figures, &mut times);
        assert_eq!([figures[P50_US], figures[P99_US]].map(f64::round), [500.0, 990.0]);
        let mut figures = Figures::new();
        add_quantiles(&mut figures, &mut []);
        assert!(figures.is_empty());
    }

    #[test]
    fn the_clock_and_the_scheduler_agree_about_this_process() {
        let meter = Meter::start(std::process::id());
        while meter.started_at.elapsed() < Duration::from_millis(60) {
            std::hint::spin_loop();
        }
        let figures = meter.stop();
        let [own, seen] = [CPU_CLIENT_S, CPU_SERVER_S].map(|name| figures[name]);
        assert!(own > 0.005 && (own - seen).abs() < 0.02, "{own} {seen}");
        assert!(figures[PEAK_SERVER] > 1e5, "{figures:?}");
    }
}
