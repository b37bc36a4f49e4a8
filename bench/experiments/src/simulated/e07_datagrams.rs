//! Large datagrams: how many arrive, as fragments without recovery and as SST sends them.

use std::time::Duration;

use plot::{Chart, Scale, Shape};
use serde_json::json;
use sst_nostd::sim::LinkConfig;
use sst_nostd::{DatagramError, DatagramForm, DatagramOptions, Event, Instant, StreamEvent};

use super::world::{CLIENT, SERVER, World};
use crate::report::{Report, number, quantile};

const SIZES: [usize; 9] = [100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000];
/// Those in the table.
const SHOWN_SIZES: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];
const LOSSES_PPM: [u32; 4] = [1_000, 10_000, 30_000, 100_000];
/// Bytes of a fragment in a full packet of 1,472 bytes with SST's own headers around it.
const FRAGMENT_BYTES: usize = 1_440;
/// So many of each size, and fewer of the large ones.
const MAX_COUNT: usize = 1_500;
const MIN_COUNT: usize = 10;
const BYTES_OF_EACH: usize = 4_000_000;
const ONE_WAY: Duration = Duration::from_millis(20);
const BITS_PER_SECOND: u64 = 100_000_000;
/// Datagrams are sent so that they fill a hundredth of the link, which congestion control grants
/// at every loss here: what is measured is recovery.
const LOAD: u64 = 100;
/// When the last must have come.
const PATIENCE: Duration = Duration::from_secs(60);
const LONGEST: usize = 1 << 20;

/// What became of the datagrams of one size at one loss.
struct Cell {
    loss: f64,
    size: usize,
    sent: usize,
    substreams: usize,
    /// Seconds from sending to receiving, of those that arrived.
    delays: Vec<f64>,
    /// Bytes of UDP payload both ways, for each byte sent.
    cost: f64,
}

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let mut cells = vec![];
    for loss in LOSSES_PPM {
        for size in SIZES {
            cells.push(send_all(size, loss)?);
        }
    }
    report.plot("arrival", "share that arrives over size", arrival_chart(&cells));
    report.plot("delay", "delay over size", delay_chart(&cells));
    let mut rows = vec![];
    for cell in &cells {
        let [median, late] = [0.5, 0.99].map(|share| 1e3 * quantile(&cell.delays, share));
        let (alone, ours) = (100.0 * alone(cell), 100.0 * cell.arrived());
        report.row(json!({ "loss_percent": cell.loss * 100.0, "bytes": cell.size,
            "sent": cell.sent, "substreams": cell.substreams, "arrived_percent": ours,
            "fragments_arrived_percent": alone, "median_ms": median, "p99_ms": late,
            "wire_bytes_per_byte": cell.cost }));
        if SHOWN_SIZES.contains(&cell.size) {
            let numbers = [cell.loss * 100.0, cell.size as f64, alone, ours];
            let numbers = numbers.into_iter().chain([cell.cost, median, late]).map(number);
            rows.push(numbers.collect());
        }
    }
    let heads = [
        "loss, %",
        "bytes",
        "as fragments, %",
        "by SST, %",
        "bytes on the wire per byte",
        "median, ms",
        "p99, ms",
    ];
    report.table(&heads, &rows);
    let large = cells.iter().filter(|cell| cell.size > FRAGMENT_BYTES).map(Cell::arrived);
    report.at_least("larger than a packet: arrived", 100.0 * large.fold(1.0, f64::min), 100.0, "%");
    Ok(())
}

impl Cell {
    fn arrived(&self) -> f64 {
        self.delays.len() as f64 / self.sent as f64
    }
}

/// The chance that all fragments arrive, if nothing is sent again.
fn alone(cell: &Cell) -> f64 {
    (1.0 - cell.loss).powi(cell.size.div_ceil(FRAGMENT_BYTES) as i32)
}

fn send_all(size: usize, loss_ppm: u32) -> Result<Cell, String> {
    let link = LinkConfig { loss_ppm, ..LinkConfig::limited(ONE_WAY, BITS_PER_SECOND, 1_000) };
    let mut world = World::new(u64::from(loss_ppm) + size as u64, [&link, &link], |config| {
        config.streams.datagram_bytes = LONGEST as u32;
        config.streams.stream_window = 2 * LONGEST as u32;
        config.streams.session_window = 4 * LONGEST as u64;
    })?;
    let count = (BYTES_OF_EACH / size).clamp(MIN_COUNT, MAX_COUNT);
    let bytes_before = carried(&mut world);
    let root = world.root(SERVER)?;
    let pause = Duration::from_micros(size as u64 * 8 * LOAD * 1_000_000 / BITS_PER_SECOND);
    let pause = pause.max(Duration::from_millis(1));
    let mut cell = Cell {
        loss: f64::from(loss_ppm) / 1e6,
        size,
        sent: 0,
        substreams: 0,
        delays: vec![],
        cost: 0.0,
    };
    let mut sent_at = vec![];
    let mut datagram = vec![0xda; size];
    while cell.sent < count {
        datagram[..4].copy_from_slice(&(cell.sent as u32).to_be_bytes());
        sent_at.push(world.net.now());
        let due = world.net.now().after(pause);
        loop {
            let (host, now) = world.net.host(SERVER);
            match host.send_datagram(now, root, &datagram, DatagramOptions::default()) {
                Ok(DatagramForm::Substream) => cell.substreams += 1,
                Ok(DatagramForm::Stateless) => {}
                Err(DatagramError::Blocked) => {
                    let until = world.net.now().after(Duration::from_millis(1));
                    receive(&mut world, until, &sent_at, &mut cell.delays);
                    continue;
                }
                Err(error) => return Err(format!("{size} bytes: {error:?}")),
            }
            break;
        }
        cell.sent += 1;
        receive(&mut world, due, &sent_at, &mut cell.delays);
    }
    let until = world.net.now().after(PATIENCE);
    receive(&mut world, until, &sent_at, &mut cell.delays);
    cell.cost = (carried(&mut world) - bytes_before) as f64 / (size * count) as f64;
    Ok(cell)
}

/// Takes what comes until `until`, and notes how long it took.
fn receive(world: &mut World, until: Instant, sent_at: &[Instant], delays: &mut Vec<f64>) {
    let mut buffer = vec![0; LONGEST];
    while let Some((node, event)) = world.net.next_event(until) {
        let Event::Stream(_, root, StreamEvent::Datagram) = event else { continue };
        let at = world.net.now();
        let (host, now) = world.net.host(node);
        while let Ok(Some((_, _))) = host.recv_datagram(now, root, &mut buffer) {
            let number = buffer.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes));
            delays.push(at.since(sent_at[number as usize]).as_secs_f64());
        }
    }
}

/// Bytes that both links have carried.
fn carried(world: &mut World) -> u64 {
    let down = world.net.link_mut(SERVER, CLIENT).stats.bytes;
    down + world.net.link_mut(CLIENT, SERVER).stats.bytes
}

fn arrival_chart(cells: &[Cell]) -> String {
    let title = "Datagrams that arrive: fragments (lines), SST (rings)";
    let chart = Chart::new(title, "size of a datagram (bytes)", "arrived (%)");
    let mut chart = chart.scales(Scale::Logarithmic, Scale::Linear);
    for (colour, loss) in LOSSES_PPM.into_iter().enumerate() {
        let loss = f64::from(loss) / 1e6;
        let own = cells.iter().filter(|cell| cell.loss == loss);
        let points = |share: fn(&Cell) -> f64| {
            own.clone().map(|cell| (cell.size as f64, 100.0 * share(cell))).collect()
        };
        let name = format!("{} % loss", number(loss * 100.0));
        chart.add_in(&name, Shape::Line, colour, points(alone));
        chart.add_in("", Shape::Rings, colour, points(Cell::arrived));
    }
    chart.svg()
}

fn delay_chart(cells: &[Cell]) -> String {
    let title = "Delay of datagrams sent by SST: median (lines), 99 % (crosses)";
    let chart = Chart::new(title, "size of a datagram (bytes)", "delay (ms)");
    let mut chart = chart.scales(Scale::Logarithmic, Scale::Logarithmic);
    for (colour, loss) in LOSSES_PPM.into_iter().enumerate() {
        let loss = f64::from(loss) / 1e6;
        let own = cells.iter().filter(|cell| cell.loss == loss);
        let points = |share: f64| {
            let points = own.clone();
            points.map(|cell| (cell.size as f64, 1e3 * quantile(&cell.delays, share))).collect()
        };
        let name = format!("{} % loss", number(loss * 100.0));
        chart.add_in(&name, Shape::Dotted, colour, points(0.5));
        chart.add_in("", Shape::Crosses, colour, points(0.99));
    }
    chart.svg()
}
