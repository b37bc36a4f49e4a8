//! `scaling`: what one more costs beside many, for an instruction counter. Run under
//! `valgrind --tool=callgrind --instr-atstart=no`; `cargo xtask bench scaling` does that.

mod counter;
#[path = "../../paths/src/free.rs"]
mod free;
mod hub;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use hub::Hub;
use sst_nostd::{Duration, StreamHandle};

/// What there are many of, and what is counted beside them.
#[derive(Clone, Copy, ValueEnum)]
enum Thing {
    /// Idle streams in a session; a request and its reply on a new one.
    Stream,
    /// Sessions of a host; one more, with a request and its reply, and its end.
    Session,
    /// Streams of which a piece is missing; a loss and its recovery on another.
    Gap,
    /// Lifetimes of streams; a request and its reply on a stream with one.
    Timer,
}

/// Makes `many` things, then works `units` times with one more.
#[derive(Parser)]
struct Options {
    #[arg(value_enum)]
    thing: Thing,
    many: u32,
    #[arg(long, default_value_t = 100)]
    units: u32,
}

/// Streams opened together.
const TOGETHER: usize = 500;
/// Streams of one client that miss something: as many as its window has frames for, after it has
/// sent so much.
const GAPPED_TOGETHER: u32 = 5_000;
const WIDENED_BYTES: usize = 4 << 20;
/// Longer than a peer waits before it acknowledges.
const ACKNOWLEDGED_AFTER: Duration = Duration::from_millis(40);
const LIFETIME: Duration = Duration::from_secs(3_600);

fn main() -> ExitCode {
    let options = Options::parse();
    let is_done = match options.thing {
        Thing::Stream => streams(&options),
        Thing::Session => sessions(&options),
        Thing::Gap => gaps(&options),
        Thing::Timer => timers(&options),
    };
    if is_done.is_some() {
        return ExitCode::SUCCESS;
    }
    eprintln!("scaling: the work could not be done");
    ExitCode::FAILURE
}

fn streams(options: &Options) -> Option<()> {
    let (mut hub, client) = hub_with_streams(options, |_, _| Some(()))?;
    repeat(options, || request(&mut hub, client, None))
}

fn timers(options: &Options) -> Option<()> {
    let (mut hub, client) = hub_with_streams(options, |hub, [_, here]| {
        hub.host.set_lifetime(hub.now, here, Some(LIFETIME)).ok()
    })?;
    repeat(options, || request(&mut hub, client, Some(LIFETIME)))
}

fn sessions(options: &Options) -> Option<()> {
    let mut hub = Hub::new(options.many + 2, 4 * options.many + 100);
    for _ in 0..options.many {
        hub.join(4)?;
        // All is acknowledged before it goes, or the hub would try again and again. The hub keeps
        // its part.
        for _ in 0..4 {
            hub.now = hub.now.after(ACKNOWLEDGED_AFTER);
            hub.turn();
        }
        hub.clients.clear();
    }
    repeat(options, || {
        let client = hub.join(4)?;
        request(&mut hub, client, None)?;
        hub.part(client)
    })
}

/// The many belong to clients that go away before they can mend anything.
fn gaps(options: &Options) -> Option<()> {
    let groups = options.many.div_ceil(GAPPED_TOGETHER);
    let mut hub = Hub::new(groups + 2, 2 * options.many + 1_000);
    let mut left = options.many;
    while left > 0 {
        let count = left.min(GAPPED_TOGETHER);
        leave_gaps(&mut hub, count)?;
        left -= count;
    }
    // What the hub still wants to tell them comes up more and more rarely.
    for _ in 0..100 {
        hub.turn();
        hub.now = hub.now.after(Duration::from_secs(10));
    }
    let client = hub.join(100)?;
    let stream = hub.open(client, 1)?.pop()?;
    repeat(options, || loss(&mut hub, client, stream))
}

/// So many streams of one client with a piece missing.
fn leave_gaps(hub: &mut Hub, count: u32) -> Option<()> {
    let client = hub.join(count + 100)?;
    let mut streams = vec![];
    while streams.len() < count as usize {
        streams.extend(hub.open(client, TOGETHER.min(count as usize - streams.len()))?);
    }
    widen(hub, client)?;
    write_all(hub, client, &streams, b"lost", [true, false])?;
    write_all(hub, client, &streams, b"here", [false, true])?;
    hub.clients.clear();
    let is_gapped = |stream: &[StreamHandle; 2]| {
        let info = hub.host.stream_info(stream[1]);
        info.is_some_and(|info| (info.read, info.received) == (1, 9))
    };
    streams.iter().all(is_gapped).then_some(())
}

/// Sends so much that the window takes all of the gaps at once.
fn widen(hub: &mut Hub, client: usize) -> Option<()> {
    let [stream, here] = hub.open(client, 1)?.pop()?;
    let mut buffer = vec![0; 65_536];
    let mut left = WIDENED_BYTES;
    while left > 0 {
        let now = hub.now;
        let _ = hub.client(client).write(now, stream, &buffer);
        hub.turn();
        while let Ok(len @ 1..) = hub.host.read(hub.now, here, &mut buffer) {
            left = left.saturating_sub(len);
        }
    }
    (0..20).for_each(|_| hub.turn());
    Some(())
}

fn write_all(
    hub: &mut Hub,
    client: usize,
    streams: &[[StreamHandle; 2]],
    bytes: &[u8],
    loses: [bool; 2],
) -> Option<()> {
    hub.clients[client].loses = loses;
    for [stream, _] in streams {
        let now = hub.now;
        hub.client(client).write(now, *stream, bytes).ok()?;
    }
    let turns = 1 + streams.len() / 100;
    (0..turns).for_each(|_| hub.turn());
    Some(())
}

fn repeat(options: &Options, mut unit: impl FnMut() -> Option<()>) -> Option<()> {
    // What is done for the first time takes rows that were never used.
    (0..10).try_for_each(|_| unit())?;
    counter::counted(|| (0..options.units).try_for_each(|_| unit()))
}

/// A client with so many idle streams, each handed to `also`.
fn hub_with_streams(
    options: &Options,
    also: impl Fn(&mut Hub, [StreamHandle; 2]) -> Option<()>,
) -> Option<(Hub, usize)> {
    let mut hub = Hub::new(4, options.many + 1_000);
    let client = hub.join(options.many + 1_000)?;
    let mut left = options.many as usize;
    while left > 0 {
        let count = left.min(TOGETHER);
        for pair in hub.open(client, count)? {
            also(&mut hub, pair)?;
        }
        left -= count;
    }
    (0..20).for_each(|_| hub.turn());
    Some((hub, client))
}

/// A new substream with 100 bytes of request and 1 KiB of reply.
fn request(hub: &mut Hub, client: usize, lifetime: Option<Duration>) -> Option<()> {
    let [stream, here] = hub.open(client, 1)?.pop()?;
    let mut buffer = [0; 2_048];
    let now = hub.now;
    hub.client(client).write(now, stream, &[1; 100]).ok()?;
    hub.client(client).finish(now, stream).ok()?;
    hub.turn();
    let now = hub.now;
    let asked = hub.host.read(now, here, &mut buffer).ok()?;
    hub.host.set_lifetime(now, here, lifetime).ok()?;
    hub.host.write(now, here, &[2; 1_024]).ok()?;
    hub.host.finish(now, here).ok()?;
    hub.turn();
    let now = hub.now;
    let replied = hub.client(client).read(now, stream, &mut buffer).ok()?;
    hub.client(client).release(now, stream);
    hub.host.release(now, here);
    hub.turn();
    (asked == 100 && replied == 1_024).then_some(())
}

/// A packet that is lost, three that show it, and the repair.
fn loss(hub: &mut Hub, client: usize, [stream, here]: [StreamHandle; 2]) -> Option<()> {
    write_all(hub, client, &[[stream, here]], b"lost", [true, false])?;
    for _ in 0..4 {
        write_all(hub, client, &[[stream, here]], b"here", [false; 2])?;
    }
    (0..4).for_each(|_| hub.turn());
    let mut buffer = [0; 64];
    let len = hub.host.read(hub.now, here, &mut buffer).ok()?;
    (len == 20).then_some(())
}
