//! Fairness: ten senders of SST on one bottleneck.

use std::time::Duration;

use plot::{Chart, Shape};
use serde_json::json;
use sst_nostd::host::{Config, Dial, Event, Limits};
use sst_nostd::recovery::congestion::Algorithm;
use sst_nostd::session::SessionEvent;
use sst_nostd::sim::{LinkConfig, Network};
use sst_nostd::stream::{Open, StreamEvent, StreamHandle};

use super::world::secret;
use crate::report::{Report, number};

const SENDERS: usize = 10;
const RECEIVER: usize = SENDERS;
const BITS_PER_SECOND: u64 = 20_000_000;
const ONE_WAY: Duration = Duration::from_millis(15);
/// What fills the path once more.
const QUEUE_PACKETS: u64 = 50;
const SEEDS: u64 = 4;
const WARM_UP_SECONDS: u64 = 10;
const SECONDS: u64 = 60;
const CHUNK_BYTES: usize = 65_536;

/// Ten senders, each with a stream that never ends.
struct Crowd {
    net: Network,
    /// The stream of each sender, at the sender and at the receiver.
    streams: Vec<[Option<StreamHandle>; 2]>,
    received: Vec<u64>,
}

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    let mut rows = vec![];
    for (algorithm, name) in [(Algorithm::Tolerant, "the default"), (Algorithm::Cubic, "CUBIC")] {
        let mut least = 1.0;
        for seed in 1..=SEEDS {
            let courses = share(seed, algorithm)?;
            if seed == 1 {
                report.plot(
                    &file(name),
                    &format!("rates of ten senders, {name}"),
                    chart(name, &courses),
                );
            }
            let sums: Vec<f64> = courses.iter().map(|course| course.iter().sum()).collect();
            let (jain, used) = (jain(&sums), used(&sums));
            report.row(json!({ "algorithm": name, "seed": seed, "jain": jain, "bytes": sums }));
            rows.push(vec![name.into(), seed.to_string(), number(jain), number(100.0 * used)]);
            least = f64::min(least, jain);
        }
        report.at_least(&format!("{name}: Jain's index, least of {SEEDS} seeds"), least, 0.99, "");
    }
    report.table(&["congestion control", "seed", "Jain's index", "link used, %"], &rows);
    Ok(())
}

fn file(name: &str) -> String {
    name.split(' ').next_back().unwrap_or(name).to_lowercase()
}

/// Bytes that each sender brought over in each second after the first ones.
fn share(seed: u64, algorithm: Algorithm) -> Result<Vec<Vec<f64>>, String> {
    let mut crowd = Crowd::new(seed, algorithm)?;
    crowd.run_for(Duration::from_secs(WARM_UP_SECONDS));
    let mut courses = vec![vec![]; SENDERS];
    for _ in 0..SECONDS {
        let before = crowd.received.clone();
        crowd.run_for(Duration::from_secs(1));
        let now = crowd.received.iter().zip(&before).map(|(now, before)| (now - before) as f64);
        courses.iter_mut().zip(now).for_each(|(course, bytes)| course.push(bytes));
    }
    Ok(courses)
}

impl Crowd {
    fn new(seed: u64, algorithm: Algorithm) -> Result<Self, String> {
        let mut net = Network::new(seed);
        for node in 0..=SENDERS {
            let mut config = Config::large(secret(seed, node));
            config.algorithm = algorithm;
            net.add_node(config, Limits::of(16, 64, 64 << 20));
        }
        let link = LinkConfig::limited(ONE_WAY, BITS_PER_SECOND, QUEUE_PACKETS);
        let there = net.add_link(link);
        let back = net.add_link(LinkConfig::clean(ONE_WAY));
        let mut crowd = Self { net, streams: vec![[None; 2]; SENDERS], received: vec![0; SENDERS] };
        for sender in 0..SENDERS {
            crowd.net.set_route(sender, RECEIVER, there);
            crowd.net.set_route(RECEIVER, sender, back);
            let id = Some(crowd.net.node(RECEIVER).host.id());
            let path = crowd.net.path_to(RECEIVER);
            let (host, now) = crowd.net.host(sender);
            host.connect(now, Dial::new(path, id)).map_err(|error| format!("{error:?}"))?;
            // They begin one after the other, as people do.
            crowd.run_for(Duration::from_millis(100));
        }
        Ok(crowd)
    }

    fn run_for(&mut self, duration: Duration) {
        let until = self.net.now().after(duration);
        while let Some((node, event)) = self.net.next_event(until) {
            match event {
                Event::Session(session, SessionEvent::Ready) if node != RECEIVER => {
                    let (host, now) = self.net.host(node);
                    let root = host.root(session);
                    let stream =
                        root.and_then(|root| host.open_substream(now, root, Open::default()).ok());
                    self.streams[node][0] = stream;
                    self.write(node);
                }
                Event::Stream(_, _, StreamEvent::Writable) => self.write(node),
                Event::Stream(session, parent, StreamEvent::Child) => {
                    let info = self.net.node(RECEIVER).host.session_info(session);
                    let peer = info.and_then(|info| info.peer);
                    let of = |sender: &usize| Some(self.net.node(*sender).host.id()) == peer;
                    let Some(sender) = (0..SENDERS).find(of) else { continue };
                    let (host, now) = self.net.host(RECEIVER);
                    self.streams[sender][1] = host.accept_substream(now, parent);
                }
                Event::Stream(_, stream, StreamEvent::Readable) => self.read(stream),
                _ => {}
            }
        }
    }

    fn write(&mut self, sender: usize) {
        let Some(stream) = self.streams[sender][0] else { return };
        let (host, now) = self.net.host(sender);
        while host.write(now, stream, &[0x5a; CHUNK_BYTES]).is_ok() {}
    }

    fn read(&mut self, stream: StreamHandle) {
        let Some(sender) = self.streams.iter().position(|pair| pair[1] == Some(stream)) else {
            return;
        };
        let (host, now) = self.net.host(RECEIVER);
        let mut buffer = [0; CHUNK_BYTES];
        while let Ok(len @ 1..) = host.read(now, stream, &mut buffer) {
            self.received[sender] += len as u64;
        }
    }
}

/// One if all have the same, one tenth if one of ten has all.
fn jain(sums: &[f64]) -> f64 {
    let (sum, squares) = (sums.iter().sum::<f64>(), sums.iter().map(|x| x * x).sum::<f64>());
    if squares > 0.0 { sum * sum / (sums.len() as f64 * squares) } else { 0.0 }
}

fn used(sums: &[f64]) -> f64 {
    sums.iter().sum::<f64>() * 8.0 / (SECONDS * BITS_PER_SECOND) as f64
}

/// The rate of each so far: the longer one looks, the closer they are.
fn chart(name: &str, courses: &[Vec<f64>]) -> String {
    let title = format!("Ten senders on 20 Mbit/s, {name}");
    let mut chart = Chart::new(&title, "time (s)", "mean rate so far (Mbit/s)");
    for (number, course) in courses.iter().enumerate() {
        let mut sum = 0.0;
        let points = course.iter().zip(1..).map(|(bytes, seconds)| {
            sum += bytes * 8.0 / 1e6;
            ((WARM_UP_SECONDS + seconds) as f64, sum / seconds as f64)
        });
        chart.add_in("", Shape::Line, number, points.collect());
    }
    chart.mark_y(BITS_PER_SECOND as f64 / 1e6 / SENDERS as f64, "a tenth of the link");
    chart.x_range(WARM_UP_SECONDS as f64, (WARM_UP_SECONDS + SECONDS) as f64).svg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jains_index_is_one_for_equals_and_a_tenth_for_one_of_ten() {
        assert_eq!(jain(&[3.0; 10]), 1.0);
        let mut alone = [0.0; 10];
        alone[3] = 7.0;
        assert!((jain(&alone) - 0.1).abs() < 1e-12);
    }
}
