//! State per stream: a formula for TCP and SCTP beside what SST's host holds.

use std::time::Duration;

use plot::{Chart, Scale, Shape};
use serde_json::json;
use sst_nostd::sim::{LinkConfig, Random};
use sst_nostd::{
    Config, Event, Limits, Open, ROOT_BYTES, RustCrypto, STREAM_BYTES, Storage, StreamEvent,
};

use super::world::{CLIENT, SERVER, World};
use crate::report::{Report, number};

const COUNTS: [u32; 6] = [1, 10, 100, 1_000, 10_000, 100_000];
/// Rows of a session, with that of its root.
const SESSION_BYTES: usize = Storage::<'static, RustCrypto<Random>>::SESSION_BYTES;
/// A control block of TCP, says the paper (docs/experiments/09-state.md).
const TCP_BYTES: f64 = 700.0;
/// A pair of SCTP's streams.
const SCTP_PAIR_BYTES: f64 = 32.0;

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let (mut rows, mut held_most) = (vec![], 0.0);
    let mut lines = [const { vec![] }; 3];
    for count in COUNTS {
        let (streams, held) = open_all(count)?;
        if streams != count + 1 {
            return Err(format!("{streams} streams of {count} and a root"));
        }
        held_most = f64::max(held_most, held as f64);
        let n = f64::from(count);
        let ours = SESSION_BYTES as f64 + n * STREAM_BYTES as f64 + held as f64;
        let sizes = [n * TCP_BYTES, 2.0 * TCP_BYTES + n * SCTP_PAIR_BYTES, ours];
        lines.iter_mut().zip(sizes).for_each(|(line, size)| line.push((n, size)));
        report.row(json!({ "streams": count, "tcp_bytes": sizes[0], "sctp_bytes": sizes[1],
            "sst_bytes": ours }));
        let numbers = [n].into_iter().chain(sizes).chain([ours / n]);
        rows.push(numbers.map(number).collect());
    }
    let chart = Chart::new("State of n open streams", "streams", "bytes");
    let mut chart = chart.scales(Scale::Logarithmic, Scale::Logarithmic);
    let names = ["n TCP connections (formula)", "SCTP (formula)", "SST (counted)"];
    for (name, line) in names.into_iter().zip(lines) {
        chart.add(name, Shape::Dotted, line);
    }
    report.plot("bytes", "bytes over streams", chart.svg());
    let heads =
        ["streams", "TCP connections", "SCTP association", "SST session", "SST, per stream"];
    report.table(&heads, &rows);
    report.text(&format!(
        "Of SST's bytes, {SESSION_BYTES} are the session's ({ROOT_BYTES} of them its root's) and \
         {STREAM_BYTES} each stream's, places in indices and timers included."
    ));
    report.at_most("a session", SESSION_BYTES as f64, 4_096.0, "bytes");
    report.at_most("an idle open stream", STREAM_BYTES as f64, 256.0, "bytes");
    report.at_most("buffers that idle streams hold", held_most, 0.0, "bytes");
    Ok(())
}

/// Opens so many streams, each of which has carried a byte each way; tells how many the server's
/// host has then, and the bytes of data it holds.
fn open_all(count: u32) -> Result<(u32, u64), String> {
    let link = LinkConfig::clean(Duration::from_millis(1));
    let change = |config: &mut Config| {
        config.streams.root_children = count;
        config.idle_timeout = None;
    };
    let limits = Limits::of(1, count + 8, 16 << 20);
    let mut world = World::with_limits(1, [&link, &link], change, limits)?;
    let root = world.root(CLIENT)?;
    let mut opened = 0;
    while opened < count {
        let (host, now) = world.net.host(CLIENT);
        for _ in 0..(count - opened).min(500) {
            let stream = host.open_substream(now, root, Open::default());
            let stream = stream.map_err(|error| format!("stream {opened}: {error:?}"))?;
            host.write(now, stream, b"?").map_err(|error| format!("{error:?}"))?;
            opened += 1;
        }
        answer(&mut world, Duration::from_millis(20));
    }
    answer(&mut world, Duration::from_secs(5));
    let stats = world.net.node(SERVER).host.stats();
    Ok((stats.streams, stats.bytes_held))
}

/// The server accepts and answers; the client reads.
fn answer(world: &mut World, duration: Duration) {
    let until = world.net.now().after(duration);
    let mut buffer = [0; 8];
    while let Some((node, event)) = world.net.next_event(until) {
        let Event::Stream(_, stream, event) = event else { continue };
        let (host, now) = world.net.host(node);
        match event {
            StreamEvent::Child => while host.accept_substream(now, stream).is_some() {},
            StreamEvent::Readable => {
                let is_read = host.read(now, stream, &mut buffer).is_ok();
                if is_read && node == SERVER {
                    let _ = host.write(now, stream, b"!");
                }
            }
            _ => {}
        }
    }
}
