//! Fairness: ten senders of SST on one bottleneck.

use std::time::Duration;

use plot::{Chart, Shape};
use serde_json::json;
use sst_nostd::Algorithm;
use sst_nostd::sim::LinkConfig;

use super::crowd::Crowd;
use crate::report::{Report, number};

const SENDERS: usize = 10;
const BITS_PER_SECOND: u64 = 20_000_000;
const ONE_WAY: Duration = Duration::from_millis(15);
/// What fills the path once more.
const QUEUE_PACKETS: u64 = 50;
const SEEDS: u64 = 4;
const WARM_UP_SECONDS: u64 = 10;
const SECONDS: u64 = 60;

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
    let link = LinkConfig::limited(ONE_WAY, BITS_PER_SECOND, QUEUE_PACKETS);
    let mut crowd = Crowd::new(seed, &[algorithm; SENDERS], &link)?;
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
