//! Three downloads whose priorities the client changes while they come.

use std::time::Duration;

use plot::{Chart, Shape};
use serde_json::json;
use sst_nostd::Instant;

use super::e03_transactions::dsl;
use super::world::World;
use crate::report::{Report, number};

const MIB: f64 = 1_048_576.0;
const OBJECT_BYTES: usize = 3 << 19;
const HIGH: i8 = 10;

/// A change of priorities.
struct Change {
    what: &'static str,
    at: Instant,
    /// The download raised.
    raised: usize,
    /// An object of one byte, asked for at the same moment: its time is a round trip.
    ping: usize,
}

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let mut world = World::new(1, [&dsl(), &dsl()], |_| {})?;
    world.takes_unordered = true;
    let begun = world.net.now();
    world.fetch(OBJECT_BYTES, 0)?;
    world.fetch(OBJECT_BYTES, 0)?;
    world.run(begun.after(Duration::from_secs(5)))?;
    let at = world.net.now();
    world.fetch(OBJECT_BYTES, HIGH)?;
    let ping = world.fetch(1, i8::MAX)?;
    let third = Change { what: "third begins, high", at, raised: 2, ping };
    world.run(begun.after(Duration::from_secs(10)))?;
    let at = world.net.now();
    world.tell_priority(0, HIGH)?;
    world.tell_priority(2, 0)?;
    let ping = world.fetch(1, i8::MAX)?;
    let swap = Change { what: "first high, third normal", at, raised: 0, ping };
    world.run(begun.after(Duration::from_secs(60)))?;
    tell(report, &world, begun, &[third, swap])
}

fn tell(
    report: &mut Report,
    world: &World,
    begun: Instant,
    changes: &[Change],
) -> Result<(), String> {
    let title = "Three downloads of 1.5 MiB, priorities changed at 5 s and 10 s";
    let mut chart = Chart::new(title, "time (s)", "received (MiB)");
    let mut ends = vec![];
    let names = [(0, "first"), (1, "second"), (2, "third")];
    for (fetch, name) in names.map(|(number, name)| (&world.fetches[number], name)) {
        let mut received = 0;
        let points = fetch.chunks.iter().map(|chunk| {
            received += chunk.len;
            (chunk.at.since(begun).as_secs_f64(), received as f64 / MIB)
        });
        chart.add(name, Shape::Line, points.collect());
        let ended = fetch.ended.ok_or("a download did not end")?.since(begun).as_secs_f64();
        report.row(json!({ "download": name, "ended_seconds": ended }));
        ends.push(vec![name.to_owned(), number(ended)]);
    }
    chart.mark_x(5.0, "third starts, high");
    chart.mark_x(10.0, "first high, third normal");
    report.plot("received", "bytes of each download over time", chart.svg());
    report.table(&["download", "ends after s"], &ends);
    for change in changes {
        let bite = bite(world, change)?.as_secs_f64() * 1e3;
        let ping = world.fetches[change.ping].ended.ok_or("no answer")?;
        let trip = ping.since(change.at).as_secs_f64() * 1e3;
        report.row(json!({ "change": change.what, "bite_ms": bite, "round_trip_ms": trip }));
        report.at_most(&format!("{}: felt within one round trip", change.what), bite, trip, "ms");
    }
    Ok(())
}

/// How long it took until what was raised came alone: bytes of the others that come within a
/// second were sent before.
fn bite(world: &World, change: &Change) -> Result<Duration, String> {
    let window = change.at.after(Duration::from_secs(1));
    let is_other = |number: usize| number != change.raised && number != change.ping;
    let others = world.fetches.iter().enumerate().filter(|(number, _)| is_other(*number));
    let last = others.flat_map(|(_, fetch)| &fetch.chunks).map(|chunk| chunk.at);
    let last = last.filter(|at| change.at < *at && *at < window).max().unwrap_or(change.at);
    let chunks = &world.fetches[change.raised].chunks;
    let first = chunks.iter().find(|chunk| chunk.at >= last).ok_or("it never came")?;
    Ok(first.at.since(change.at))
}
