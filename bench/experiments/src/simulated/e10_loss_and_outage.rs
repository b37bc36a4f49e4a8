//! Loss and outage: the cases that QUIC's interoperability runner measures.

use std::time::Duration;

use plot::{Chart, Shape};
use serde_json::json;
use sst_nostd::Limits;
use sst_nostd::sim::LinkConfig;

use super::world::{World, hosts};
use crate::report::{Report, number, quantile};

const MIB: usize = 1 << 20;
const BITS_PER_SECOND: u64 = 10_000_000;
/// 30 ms there and back.
const ONE_WAY: Duration = Duration::from_millis(15);
const QUEUE_PACKETS: u64 = 25;
const BLACKOUT: Duration = Duration::from_secs(2);
/// When it begins, in ms after the transfer.
const BLACKOUTS_AT: [u64; 5] = [300, 1_000, 2_500, 5_000, 7_777];
const HANDSHAKES: u64 = 50;
const HANDSHAKE_LOSS_PPM: u32 = 300_000;
const REPLY_BYTES: usize = 1_024;
/// Draws of 2 MiB with loss: the median of so many seeds.
const LOSSY_RUNS: u64 = 15;

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let clean = transfer(1, &link(), 10 * MIB, None)?;
    let clean_seconds = seconds(&clean);
    report.row(json!({ "case": "10 MiB", "seconds": clean_seconds }));
    report.at_most("10 MiB at 10 Mbit/s, 30 ms, queue of 25", clean_seconds, 8.85, "s");
    blackouts(report, &clean)?;
    handshakes(report)?;
    lossy(report)?;
    Ok(())
}

fn link() -> LinkConfig {
    LinkConfig::limited(ONE_WAY, BITS_PER_SECOND, QUEUE_PACKETS)
}

/// When how much was there, in seconds and MiB.
type Course = Vec<(f64, f64)>;

fn seconds(course: &Course) -> f64 {
    course.last().map_or(0.0, |last| last.0)
}

/// One object to the client, with nothing passing for a while after `blackout`.
fn transfer(
    seed: u64,
    link: &LinkConfig,
    bytes: usize,
    blackout: Option<Duration>,
) -> Result<Course, String> {
    let mut world = World::new(seed, [link, link], |_| {})?;
    let begun = world.net.now();
    if let Some(after) = blackout {
        let from = begun.after(after);
        for link in world.net.links_mut() {
            link.config.blackouts.push(from..from.after(BLACKOUT));
        }
    }
    world.fetch(bytes, 0)?;
    world.run(begun.after(Duration::from_secs(120)))?;
    let fetch = &world.fetches[0];
    let ended = fetch.ended.ok_or("the transfer did not end")?;
    let points = fetch.chunks.iter().map(|chunk| {
        let received = (chunk.offset + chunk.len) as f64 / MIB as f64;
        (chunk.at.since(begun).as_secs_f64(), received)
    });
    let end = (ended.since(begun).as_secs_f64(), bytes as f64 / MIB as f64);
    Ok(points.chain([end]).collect())
}

fn blackouts(report: &mut Report, clean: &Course) -> Result<(), String> {
    let mut chart = Chart::new("10 MiB with 2 s of blackout", "time (s)", "received (MiB)");
    chart.add("none", Shape::Line, clean.clone());
    let mut worst = 0.0;
    for at in BLACKOUTS_AT {
        let course = transfer(1, &link(), 10 * MIB, Some(Duration::from_millis(at)))?;
        let extra = seconds(&course) - seconds(clean);
        report.row(json!({ "case": "blackout", "after_ms": at, "extra_seconds": extra }));
        worst = f64::max(worst, extra);
        chart.add(&format!("after {} s", number(at as f64 / 1e3)), Shape::Line, course);
    }
    report.plot("blackouts", "bytes received over time, with blackouts", chart.svg());
    report.at_most("2 s of blackout add, at worst", worst, 2.3, "s");
    Ok(())
}

/// Sessions dialled while much is lost both ways, and a small object on each.
fn handshakes(report: &mut Report) -> Result<(), String> {
    let (mut times, mut times_with_reply) = (vec![], vec![]);
    for seed in 1..=HANDSHAKES {
        let link = LinkConfig { loss_ppm: HANDSHAKE_LOSS_PPM, ..link() };
        let net = hosts(seed, [&link, &link], |_| {}, Limits::of(4, 64, 1 << 20));
        let begun = net.now();
        let mut world = World::meet(net)?;
        let ready = world.net.now().since(begun).as_secs_f64() * 1e3;
        world.fetch(REPLY_BYTES, 0)?;
        world.run(begun.after(Duration::from_secs(60)))?;
        let ended = world.fetches[0].ended.ok_or("no reply")?.since(begun).as_secs_f64() * 1e3;
        report.row(json!({ "case": "handshake", "seed": seed, "ms": ready, "reply_ms": ended }));
        times.push(ready);
        times_with_reply.push(ended);
    }
    let title = "50 handshakes at 30 % loss each way";
    let mut chart = Chart::new(title, "time since the call (ms)", "share of handshakes");
    chart.add_distribution("session ready", &times);
    chart.add_distribution("1 KiB fetched on it", &times_with_reply);
    report.plot("handshakes", "distribution of handshake times", chart.svg());
    report.at_most("handshakes at 30 % loss, median", quantile(&times, 0.5), 700.0, "ms");
    report.at_most("handshakes at 30 % loss, p90", quantile(&times, 0.9), 1_600.0, "ms");
    let [median, late] = [0.5, 0.9].map(|share| number(quantile(&times_with_reply, share)));
    report.text(&format!(
        "Until 1 KiB is fetched on such a session: median {median} ms, p90 {late} ms."
    ));
    Ok(())
}

/// What 2 % of loss and 2 % of corruption cost; what peers need is measured elsewhere.
fn lossy(report: &mut Report) -> Result<(), String> {
    let mut rows = vec![];
    for (name, loss_ppm, corrupt_ppm) in
        [("none", 0, 0), ("2 % loss", 20_000, 0), ("2 % corruption", 0, 20_000)]
    {
        let link = LinkConfig { loss_ppm, corrupt_ppm, ..link() };
        let mut times = vec![];
        for seed in 1..=LOSSY_RUNS {
            times.push(seconds(&transfer(seed, &link, 2 * MIB, None)?));
        }
        report.row(json!({ "case": "2 MiB", "fault": name, "seconds": times }));
        let numbers = [0.0, 0.5, 1.0].map(|share| number(quantile(&times, share)));
        rows.push(std::iter::once(name.to_owned()).chain(numbers).collect());
    }
    report.text(&format!("2 MiB on the same link, of {LOSSY_RUNS} seeds, in seconds:"));
    report.table(&["fault", "least", "median", "most"], &rows);
    Ok(())
}
