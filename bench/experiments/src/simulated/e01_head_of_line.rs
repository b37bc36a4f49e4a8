//! Head-of-line blocking: five objects over a lossy modem line, in one stream and in five.

use std::collections::BTreeSet;
use std::time::Duration;

use plot::{Chart, Shape};
use serde_json::json;
use sst_nostd::sim::{LinkConfig, Random};

use super::world::{CLIENT, SERVER, World};
use crate::report::{Report, mean, number};

pub(super) const OBJECTS: usize = 5;
pub(super) const OBJECT_BYTES: usize = 5_500;
const BITS_PER_SECOND: u64 = 56_000;
const QUEUE_BYTES: u64 = 50_000;
const LOSS_PPM: u32 = 100_000;
/// What gets lost is drawn for so many packets; the whole takes about 30.
const DRAWN_PACKETS: u64 = 1_000;
/// How many runs are counted.
const SEEDS: u64 = 20;
/// The one that is shown: it loses a packet of the second object and one of the fourth, as the
/// run of the paper did.
const SHOWN_SEED: u64 = 2;

/// A packet's worth of an object; times in seconds.
struct Piece {
    object: usize,
    arrived: f64,
    /// Everything before it in its object was there.
    complete: f64,
    /// Everything before it in its stream was there.
    delivered: f64,
}

/// The modem line of the paper's experiments, without its losses.
pub(super) fn modem() -> LinkConfig {
    LinkConfig {
        queue_bytes: QUEUE_BYTES,
        ..LinkConfig::limited(Duration::ZERO, BITS_PER_SECOND, 0)
    }
}

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let mut rows = vec![];
    let mut foreign_waits = vec![];
    for (streams, name, file) in
        [(1, "one ordered stream", "one"), (OBJECTS, "five substreams", "five")]
    {
        let mut all = vec![];
        for seed in 1..=SEEDS {
            let pieces = fetch_all(seed, streams)?;
            if seed == SHOWN_SEED {
                let title = format!("Five objects of 5.5 KB over {name}");
                report.plot(file, &format!("arrival and delivery, {name}"), chart(&title, &pieces));
            }
            for Piece { object, arrived, delivered, .. } in &pieces {
                report.row(json!({ "streams": streams, "seed": seed, "object": object + 1,
                    "arrived": arrived, "delivered": delivered }));
            }
            all.push(pieces);
        }
        rows.push(row(name, &all));
        let waits = all.iter().flatten().filter(|piece| piece.delivered > piece.complete);
        foreign_waits.push(waits.count() as f64);
    }
    report.text(&format!(
        "The pictures show seed {SHOWN_SEED}; the table and the bars count {SEEDS} seeds."
    ));
    let heads =
        ["", "pieces held back, %", "mean wait, s", "longest wait, s", "mean end of an object, s"];
    report.table(&heads, &rows);
    report.at_least("one stream: pieces that waited for another object", foreign_waits[0], 1.0, "");
    report.at_most("five: pieces that waited for another object", foreign_waits[1], 0.0, "");
    Ok(())
}

fn row(name: &str, all: &[Vec<Piece>]) -> Vec<String> {
    let waits: Vec<f64> =
        all.iter().flatten().map(|piece| piece.delivered - piece.arrived).collect();
    let held = waits.iter().filter(|wait| **wait > 0.0).count() as f64;
    let longest = waits.iter().copied().fold(0.0, f64::max);
    let ends = all.iter().flat_map(|pieces| {
        (0..OBJECTS).map(|object| {
            let own = pieces.iter().filter(|piece| piece.object == object);
            own.map(|piece| piece.delivered).fold(0.0, f64::max)
        })
    });
    let ends: Vec<f64> = ends.collect();
    let share = 100.0 * held / waits.len().max(1) as f64;
    let numbers = [share, mean(&waits), longest, mean(&ends)];
    std::iter::once(name.to_owned()).chain(numbers.map(number)).collect()
}

/// All objects, one after the other, in so many streams; the same packets are lost for each way.
fn fetch_all(seed: u64, streams: usize) -> Result<Vec<Piece>, String> {
    let mut world = World::new(seed, [&modem(), &modem()], |config| {
        config.max_packet_bytes = 1_200;
    })?;
    world.takes_unordered = true;
    let mut random = Random::new(seed);
    let link = world.net.link_mut(SERVER, CLIENT);
    let numbers = link.stats.packets..link.stats.packets + DRAWN_PACKETS;
    link.config.drops = numbers.filter(|_| random.chance(LOSS_PPM)).collect();
    let begun = world.net.now();
    for number in 0..streams {
        // A lower priority each: one object comes after the other, as in one stream.
        world.fetch(OBJECTS * OBJECT_BYTES / streams, -(number as i8))?;
    }
    world.run(begun.after(Duration::from_secs(120)))?;
    let mut pieces = vec![];
    for (stream, fetch) in world.fetches.iter().enumerate() {
        fetch.ended.ok_or("an object did not come")?;
        let first = stream * OBJECTS * OBJECT_BYTES / streams;
        let chunks = fetch.chunks.iter().map(|chunk| {
            let begin = first + chunk.offset as usize;
            (begin..begin + chunk.len as usize, chunk.at.since(begun).as_secs_f64())
        });
        pieces.extend(in_order(&chunks.collect::<Vec<_>>()));
    }
    Ok(pieces)
}

/// When each piece of one stream can be delivered, objects told apart by their places.
fn in_order(chunks: &[(std::ops::Range<usize>, f64)]) -> Vec<Piece> {
    let mut edges: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (number, (range, _)) in chunks.iter().enumerate() {
        edges.insert((range.start, number));
        let borders = (range.start + 1..range.end).filter(|at| at.is_multiple_of(OBJECT_BYTES));
        edges.extend(borders.map(|at| (at, number)));
    }
    let (mut delivered, mut complete, mut object) = (0.0, 0.0, usize::MAX);
    let mut pieces = vec![];
    for (begin, number) in edges {
        let arrived = chunks[number].1;
        if begin / OBJECT_BYTES != object {
            (object, complete) = (begin / OBJECT_BYTES, 0.0);
        }
        delivered = f64::max(delivered, arrived);
        complete = f64::max(complete, arrived);
        pieces.push(Piece { object, arrived, complete, delivered });
    }
    pieces
}

fn chart(title: &str, pieces: &[Piece]) -> String {
    let mut chart = Chart::new(title, "time (s)", "piece, in the order sent first");
    let points = |object: usize, time: fn(&Piece) -> f64| {
        let own = pieces.iter().zip(1..).filter(|(piece, _)| piece.object == object);
        own.map(|(piece, number)| (time(piece), f64::from(number))).collect()
    };
    for object in 0..OBJECTS {
        let name = format!("object {}", object + 1);
        chart.add_in(&name, Shape::Rings, object, points(object, |piece| piece.arrived));
    }
    chart.add_in("delivered", Shape::Crosses, OBJECTS + 1, vec![]);
    for object in 0..OBJECTS {
        chart.add_in("", Shape::Crosses, object, points(object, |piece| piece.delivered));
    }
    chart.svg()
}
