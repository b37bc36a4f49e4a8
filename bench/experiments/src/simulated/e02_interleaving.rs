//! Object interleaving: how much of each of five objects is there at each moment, as the client
//! chooses by priorities.

use std::time::Duration;

use plot::{Chart, Shape};
use serde_json::json;
use sst_nostd::Instant;

use super::e01_head_of_line::{OBJECT_BYTES, OBJECTS, modem};
use super::world::World;
use crate::report::{Report, number};

/// When the client changes its mind in the third run, whose objects and queue are such that there
/// is something left to choose.
const CHANGED_AFTER: Duration = Duration::from_secs(5);
const CHANGED_OBJECT_BYTES: usize = 4 * OBJECT_BYTES;
const CHANGED_QUEUE_BYTES: u64 = 10_000;
/// Packets are small, so that there are several to an object.
const PACKET_BYTES: usize = 1_200;
/// The moments that the paper looks at: after five of its 25 packets, and at 2.75 of 4.4 seconds.
const EARLY: f64 = 0.2;
const LATE: f64 = 0.625;

/// One run.
struct Transfer {
    name: &'static str,
    file: &'static str,
    priorities: [i8; OBJECTS],
    /// The last object is asked for first, while they come.
    is_changed: bool,
}

const TRANSFERS: [Transfer; 3] = [
    Transfer {
        name: "Five objects with equal priorities",
        file: "interleaved",
        priorities: [0; OBJECTS],
        is_changed: false,
    },
    Transfer {
        name: "Five objects with falling priorities",
        file: "sequential",
        priorities: [0, -1, -2, -3, -4],
        is_changed: false,
    },
    Transfer {
        name: "Five objects, the fifth asked for first after 5 s",
        file: "changed",
        priorities: [0; OBJECTS],
        is_changed: true,
    },
];

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let mut rows = vec![];
    for transfer in &TRANSFERS {
        let (world, begun) = fetch_all(transfer)?;
        let mut chart = chart(transfer.name, &world, begun);
        if transfer.is_changed {
            chart.mark_x(CHANGED_AFTER.as_secs_f64(), "asked");
        }
        report.plot(transfer.file, transfer.name, chart.svg());
        for (object, fetch) in world.fetches.iter().enumerate() {
            for chunk in &fetch.chunks {
                let at = chunk.at.since(begun).as_secs_f64();
                report.row(json!({ "run": transfer.file, "object": object + 1, "at": at,
                    "bytes": chunk.offset + chunk.len }));
            }
        }
        let ends = ends(&world, begun)?;
        rows.push(std::iter::once(transfer.name.to_owned()).chain(ends.map(number)).collect());
        check(report, transfer, &world, begun)?;
    }
    let heads = ["whole after s", "first", "second", "third", "fourth", "fifth"];
    report.table(&heads, &rows);
    Ok(())
}

fn fetch_all(transfer: &Transfer) -> Result<(World, Instant), String> {
    let (mut link, mut bytes) = (modem(), OBJECT_BYTES);
    if transfer.is_changed {
        (link.queue_bytes, bytes) = (CHANGED_QUEUE_BYTES, CHANGED_OBJECT_BYTES);
    }
    let mut world = World::new(1, [&link, &link], |config| {
        config.max_packet_bytes = PACKET_BYTES;
    })?;
    let begun = world.net.now();
    for priority in transfer.priorities {
        world.fetch(bytes, priority)?;
    }
    if transfer.is_changed {
        world.run(begun.after(CHANGED_AFTER))?;
        world.request_priority(OBJECTS - 1, 1)?;
    }
    world.run(begun.after(Duration::from_secs(60)))?;
    Ok((world, begun))
}

/// What the paper says of its two imaginary runs.
fn check(
    report: &mut Report,
    transfer: &Transfer,
    world: &World,
    begun: Instant,
) -> Result<(), String> {
    let [early, late] = [EARLY, LATE].map(|share| world.arrived_at(share));
    let parts = |at: Instant| world.fetches.iter().map(move |fetch| fetch.received_by(at));
    let least = |at| 100.0 * parts(at).min().unwrap_or(0) as f64 / OBJECT_BYTES as f64;
    let whole = |at| parts(at).filter(|bytes| *bytes == OBJECT_BYTES as u64).count() as f64;
    match transfer.file {
        "interleaved" => {
            report.at_least("interleaved: least part of any, early", least(early), 1.0, "%");
            report.at_least("interleaved: least part of any, late", least(late), 50.0, "%");
        }
        "sequential" => {
            report.at_least("sequential: whole objects, early", whole(early), 1.0, "");
            report.at_least("sequential: whole objects, late", whole(late), 3.0, "");
        }
        _ => {
            let [others @ .., fifth] = ends(world, begun)?;
            let first = others.into_iter().fold(f64::INFINITY, f64::min);
            report.at_most("changed: end of the fifth, before all others", fifth, first, "s");
        }
    }
    Ok(())
}

fn ends(world: &World, begun: Instant) -> Result<[f64; OBJECTS], String> {
    let mut ends = [0.0; OBJECTS];
    for (end, fetch) in ends.iter_mut().zip(&world.fetches) {
        *end = fetch.ended.ok_or("an object did not come")?.since(begun).as_secs_f64();
    }
    Ok(ends)
}

fn chart(title: &str, world: &World, begun: Instant) -> Chart {
    let mut chart = Chart::new(title, "time (s)", "received of each object (KB)");
    for (number, fetch) in world.fetches.iter().enumerate() {
        let first = std::iter::once((0.0, 0.0));
        let points = fetch.chunks.iter().map(|chunk| {
            let bytes = (chunk.offset + chunk.len) as f64;
            (chunk.at.since(begun).as_secs_f64(), bytes / 1e3)
        });
        let name = format!("object {}", number + 1);
        chart.add(&name, Shape::Steps, first.chain(points).collect());
    }
    chart
}
