//! Fairness: the default beside CUBIC, on paths and queues of many lengths.

use std::time::Duration;

use serde_json::json;
use sst_nostd::Algorithm;
use sst_nostd::sim::LinkConfig;

use super::crowd::Crowd;
use crate::report::{Report, mean};

const BITS_PER_SECOND: u64 = 10_000_000;
const RTTS_MILLIS: [u64; 3] = [10, 40, 150];
const QUEUES_MILLIS: [u64; 4] = [4, 7, 30, 100];
/// What a full packet takes to pass; with less, it is the flows' phase that decides who finds the
/// last place in a full queue (Floyd and Jacobson, 1992).
const JITTER: Duration = Duration::from_micros(1_200);
const SEEDS: u64 = 4;
const WARM_UP: Duration = Duration::from_secs(10);
/// Windows on the longest path take half a minute from one loss to the next.
const MEASURED: Duration = Duration::from_secs(200);

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "Beside CUBIC for 200 s, after 10 s: 10 Mbit/s and 1.2 ms of jitter. The share in percent, \
         the mean of four seeds and each; with every second seed CUBIC begins first. The second \
         table is what chance does: CUBIC beside itself, with the same seeds.",
    );
    let mut worst = [0.0_f64; 2];
    let contenders = [("the default", Algorithm::Tolerant), ("CUBIC", Algorithm::Cubic)];
    for ((name, algorithm), worst) in contenders.into_iter().zip(&mut worst) {
        let mut rows = vec![];
        for rtt in RTTS_MILLIS {
            let mut row = vec![format!("{rtt} ms")];
            for queue in QUEUES_MILLIS {
                let mut shares = vec![];
                for seed in 1..=SEEDS {
                    shares.push(100.0 * share(algorithm, seed, rtt, queue)?);
                }
                let of = json!({ "who": name, "rtt_ms": rtt, "queue_ms": queue });
                report.row(json!({ "of": of, "shares": shares }));
                let each: Vec<String> = shares.iter().map(|share| format!("{share:.0}")).collect();
                row.push(format!("{:.1} ({})", mean(&shares), each.join(", ")));
                *worst = worst.max((mean(&shares) - 50.0).abs());
            }
            rows.push(row);
        }
        let heads = [name, "queue of 4 ms", "7 ms", "30 ms", "100 ms"];
        report.table(&heads, &rows);
    }
    let [ours, cubic] = worst;
    report.text(&format!("CUBIC beside itself is off half by {cubic:.1} points at most."));
    report.at_most("the default beside CUBIC: off half, most of 12", ours, 2.0, "points");
    Ok(())
}

/// What one of them has of all that came over, beside CUBIC.
fn share(
    algorithm: Algorithm,
    seed: u64,
    rtt_millis: u64,
    queue_millis: u64,
) -> Result<f64, String> {
    let one_way = Duration::from_micros(rtt_millis * 500);
    let mut link = LinkConfig::limited(one_way, BITS_PER_SECOND, 0);
    link.queue_bytes = queue_millis * BITS_PER_SECOND / 8000;
    link.jitter = JITTER;
    let mut algorithms = [Algorithm::Cubic; 2];
    let ours = (seed % 2) as usize;
    algorithms[ours] = algorithm;
    let mut crowd = Crowd::new(seed, &algorithms, &link)?;
    crowd.run_for(WARM_UP);
    let before = crowd.received.clone();
    crowd.run_for(MEASURED);
    let bytes = |sender: usize| (crowd.received[sender] - before[sender]) as f64;
    Ok(bytes(ours) / (bytes(0) + bytes(1)))
}
