//! Small transactions: a request, and a reply of each size, on a substream of its own.

use std::time::Duration;

use plot::{Chart, Scale, Shape};
use serde_json::json;
use sst_nostd::Limits;
use sst_nostd::sim::LinkConfig;

use super::world::{World, hosts};
use crate::report::{Report, number};

const SMALLEST: usize = 32;
const LARGEST: usize = 2 << 20;
pub(super) const BITS_PER_SECOND: u64 = 1_500_000;
pub(super) const ONE_WAY: Duration = Duration::from_micros(27_500);
/// As much as waits 247.5 ms: with the delay, a packet takes at most ten times the delay.
pub(super) const QUEUE_BYTES: u64 = BITS_PER_SECOND / 8 * 2475 / 10_000;
/// IPv4 and UDP.
const HEADER_BYTES: usize = 28;

/// The link of the paper's simulations.
pub(super) fn dsl() -> LinkConfig {
    LinkConfig { queue_bytes: QUEUE_BYTES, ..LinkConfig::limited(ONE_WAY, BITS_PER_SECOND, 0) }
}

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let sizes = std::iter::successors(Some(SMALLEST), |size| Some(size * 2));
    let sizes: Vec<usize> = sizes.take_while(|size| *size <= LARGEST).collect();
    let (mut warm, mut cold, mut floor, mut rows) = (vec![], vec![], vec![], vec![]);
    for &size in &sizes {
        let times = [1e3 * warm_time(size)?, 1e3 * cold_time(size)?, 1e3 * least_time(size)];
        let x = size as f64;
        for (points, time) in [&mut warm, &mut cold, &mut floor].into_iter().zip(times) {
            points.push((x, time));
        }
        report.row(json!({ "bytes": size, "warm_ms": times[0], "cold_ms": times[1],
            "wire_ms": times[2] }));
        let numbers = [x].into_iter().chain(times).map(number);
        rows.push(numbers.collect());
    }
    let title = "A request and its reply, 1.5 Mbit/s and 55 ms";
    let chart = Chart::new(title, "size of the reply (bytes)", "time (ms)");
    let mut chart = chart.scales(Scale::Logarithmic, Scale::Logarithmic);
    chart.add("SST, warm session", Shape::Dotted, warm.clone());
    chart.add("SST, cold", Shape::Dotted, cold.clone());
    chart.add("the wire alone", Shape::Line, floor.clone());
    report.plot("times", "time over size of the reply", chart.svg());
    report.table(&["bytes", "warm, ms", "cold, ms", "the wire alone, ms"], &rows);
    let small = warm.iter().zip(&floor).filter(|(point, _)| point.0 <= 1_024.0);
    let over = small.map(|(warm, floor)| warm.1 - floor.1).fold(0.0, f64::max);
    report.at_most("warm, up to 1 KiB: more than a packet each way takes", over, 1.0, "ms");
    let extra = cold[0].1 - warm[0].1;
    let round_trip = 2e3 * ONE_WAY.as_secs_f64();
    report.at_most("cold, 32 bytes: round trips more", extra / round_trip, 1.3, "");
    Ok(())
}

/// A session that has carried something before.
fn warm_time(size: usize) -> Result<f64, String> {
    let mut world = World::new(1, [&dsl(), &dsl()], |_| {})?;
    world.fetch(1, 0)?;
    world.run(world.net.now().after(Duration::from_secs(1)))?;
    fetch_time(&mut world, size)
}

/// From dialling on.
fn cold_time(size: usize) -> Result<f64, String> {
    let net = hosts(1, [&dsl(), &dsl()], |_| {}, Limits::of(4, 64, 16 << 20));
    let begun = net.now();
    let mut world = World::meet(net)?;
    let met = world.net.now().since(begun).as_secs_f64();
    Ok(met + fetch_time(&mut world, size)?)
}

fn fetch_time(world: &mut World, size: usize) -> Result<f64, String> {
    let begun = world.net.now();
    let fetch = world.fetch(size, 0)?;
    world.run(begun.after(Duration::from_secs(60)))?;
    let ended = world.fetches[fetch].ended.ok_or("no reply")?;
    Ok(ended.since(begun).as_secs_f64())
}

/// What a datagram each way takes, or as many full packets back to back as the reply needs.
pub(super) fn least_time(size: usize) -> f64 {
    let bytes = size + size.div_ceil(1_472) * HEADER_BYTES + HEADER_BYTES;
    2.0 * ONE_WAY.as_secs_f64() + bytes as f64 * 8.0 / BITS_PER_SECOND as f64
}
