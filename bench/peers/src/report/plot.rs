//! The first figure of each table as bars.

use plot::{Bars, Scale};

use super::table::{of, parts};
use super::title;
use crate::contest::{Name, Sample};
use crate::task::{Cipher, Peer, Task, Work};

/// The picture of one state; `None` of nothing.
pub(super) fn svg(name: Name, samples: &[&Sample]) -> Option<String> {
    let parts = parts(name);
    let first = parts.first()?;
    let series: &[(&str, &[Cipher])] = match name {
        Name::Bulk => &[
            ("ChaCha20-Poly1305", &[Cipher::Chacha]),
            ("AES-GCM", &[Cipher::Aes256, Cipher::Aes128]),
        ],
        // In the clear, UDP is a limit here, and TCP is not far from it.
        Name::Pingpong => &[("", &[Cipher::Aes256, Cipher::Aes128, Cipher::None])],
        _ => &[("", &[Cipher::Aes256])],
    };
    let names: Vec<&str> = series.iter().map(|(name, _)| *name).collect();
    let words = format!("{} ({})", first.title.split(", ChaCha").next()?, first.unit);
    let mut bars = Bars::new(&words, first.unit, &names);
    let mut is_empty = true;
    if name == Name::Memory {
        // A session is thousands of bytes, a stream hundreds.
        bars = Bars::new("resident memory of idle things", "bytes each", &["session", "stream"]);
        bars = bars.scale(Scale::Logarithmic);
    }
    for task in peers(samples) {
        let medians: Vec<f64> = if name == Name::Memory {
            [Work::IdleSessions, Work::IdleStreams]
                .map(|work| memory(samples, task.peer, work))
                .into()
        } else {
            let median = |&(_, ciphers): &(&str, &[Cipher])| {
                let median = |cipher: &Cipher| {
                    let task = Task { cipher: *cipher, ..task };
                    of(samples, &task, first.figure).map(|spread| spread.median)
                };
                ciphers.iter().find_map(median).unwrap_or(f64::NAN)
            };
            series.iter().map(median).collect()
        };
        if medians.iter().any(|median| median.is_finite()) {
            bars.add(short(task.peer), medians);
            is_empty = false;
        }
    }
    (!is_empty).then(|| bars.svg())
}

/// Each peer once, with one of its tasks.
fn peers(samples: &[&Sample]) -> Vec<Task> {
    let mut tasks: Vec<Task> = samples.iter().map(|sample| sample.task).collect();
    tasks.sort_by_key(|task| task.peer);
    tasks.dedup_by_key(|task| task.peer);
    tasks
}

/// Of the largest number of them.
fn memory(samples: &[&Sample], peer: Peer, work: Work) -> f64 {
    let own = samples.iter().filter(|sample| (sample.task.peer, sample.task.work) == (peer, work));
    let most = own.max_by_key(|sample| sample.task.count);
    let spread = most.and_then(|sample| of(samples, &sample.task, crate::measure::BYTES_EACH));
    spread.map_or(f64::NAN, |spread| spread.median)
}

const fn short(peer: Peer) -> &'static str {
    match peer {
        Peer::S2n => "s2n-quic",
        Peer::S2nTls => "s2n-quic, s2n-tls",
        Peer::Tls => "TLS",
        Peer::H2 => "h2",
        Peer::Udp => "UDP (limit)",
        other => title(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{BYTES_EACH, GBIT_PER_S};
    use crate::task::Figures;

    fn sample(work: Work, peer: Peer, cipher: Cipher, figure: &str) -> Sample {
        let task = Task { peer, cipher, work, count: 10 };
        let figures = Figures::from([(figure.to_owned(), 300.0)]);
        Sample { task, round: 0, probes_us: [1.0; 2], figures }
    }

    #[test]
    fn there_is_a_bar_for_each_peer_that_was_measured() {
        let samples = [
            sample(Work::Bulk, Peer::Sst, Cipher::Chacha, GBIT_PER_S),
            sample(Work::Bulk, Peer::Quinn, Cipher::Aes256, GBIT_PER_S),
        ];
        let svg = svg(Name::Bulk, &samples.iter().collect::<Vec<_>>()).unwrap();
        assert!(svg.contains("quinn") && svg.contains("SST") && !svg.contains("quiche"));
        let samples = [sample(Work::IdleStreams, Peer::Sst, Cipher::Aes256, BYTES_EACH)];
        assert!(super::svg(Name::Memory, &samples.iter().collect::<Vec<_>>()).is_some());
        assert!(super::svg(Name::Bulk, &[]).is_none());
    }
}
