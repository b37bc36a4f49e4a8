//! The standing bars: what SST has to reach, as ratios within one run.

use super::spread::shown;
use super::table::{of, parts};
use super::{is_quic, title};
use crate::contest::{Name, Sample};
use crate::measure::{BYTES_EACH, CPU_S_PER_GIB, GBIT_PER_S, LOST, P50_US, P99_US, PER_S};
use crate::task::{Cipher, Peer, Task, Work};

/// One of them.
struct Bar {
    text: &'static str,
    work: Work,
    /// SST's.
    cipher: Cipher,
    figure: &'static str,
    against: Against,
    bound: Bound,
}

/// What SST's figure is divided by.
#[derive(Clone, Copy, PartialEq)]
enum Against {
    /// The best QUIC with a cipher of the same kind.
    Quic,
    /// The best of all peers with a cipher.
    Peers,
    One(Peer),
    /// Nothing.
    Absolute,
}

#[derive(Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Against::{Absolute, One, Peers, Quic};
use Bound::{AtLeast, AtMost};

const fn bar(
    text: &'static str,
    (work, cipher): (Work, Cipher),
    figure: &'static str,
    against: Against,
    bound: Bound,
) -> Bar {
    Bar { text, work, cipher, figure, against, bound }
}

const CHACHA: (Work, Cipher) = (Work::Bulk, Cipher::Chacha);
const AES: (Work, Cipher) = (Work::Bulk, Cipher::Aes256);
const REQUESTS: (Work, Cipher) = (Work::Requests, Cipher::Aes256);
const SESSIONS: (Work, Cipher) = (Work::Sessions, Cipher::Aes256);
const IDLE_SESSIONS: (Work, Cipher) = (Work::IdleSessions, Cipher::Aes256);
const IDLE_STREAMS: (Work, Cipher) = (Work::IdleStreams, Cipher::Aes256);
const DATAGRAMS: (Work, Cipher) = (Work::Datagrams, Cipher::Aes256);
const PINGPONG: (Work, Cipher) = (Work::Pingpong, Cipher::Aes256);

const BARS: &[Bar] = &[
    bar("ChaCha20-Poly1305, of the fastest QUIC", CHACHA, GBIT_PER_S, Quic, AtLeast(1.7)),
    bar("ChaCha20-Poly1305, of UDP + AEAD", CHACHA, GBIT_PER_S, One(Peer::Udp), AtLeast(0.95)),
    bar("AES-256-GCM, of the fastest QUIC", AES, GBIT_PER_S, Quic, AtLeast(1.5)),
    bar("AES-256-GCM, of UDP + AEAD", AES, GBIT_PER_S, One(Peer::Udp), AtLeast(0.7)),
    bar("CPU s per GiB, ChaCha20, of the best QUIC", CHACHA, CPU_S_PER_GIB, Quic, AtMost(0.5)),
    bar("CPU s per GiB, AES, of the best QUIC", AES, CPU_S_PER_GIB, Quic, AtMost(0.75)),
    bar("requests a second, of the best peer", REQUESTS, PER_S, Peers, AtLeast(1.5)),
    bar("p99 of a request, of the best peer", REQUESTS, P99_US, Peers, AtMost(0.7)),
    bar("new sessions a second, of the best QUIC", SESSIONS, PER_S, Quic, AtLeast(2.3)),
    bar("new sessions a second, of TCP + TLS", SESSIONS, PER_S, One(Peer::Tls), AtLeast(1.5)),
    bar("bytes of an idle session", IDLE_SESSIONS, BYTES_EACH, Absolute, AtMost(4_096.0)),
    bar("bytes of an idle stream", IDLE_STREAMS, BYTES_EACH, Absolute, AtMost(256.0)),
    bar("datagrams a second, of quinn", DATAGRAMS, PER_S, One(Peer::Quinn), AtLeast(1.7)),
    bar("datagrams lost, of quinn", DATAGRAMS, LOST, One(Peer::Quinn), AtMost(1.0)),
    bar("ping-pong p50, of UDP", PINGPONG, P50_US, One(Peer::Udp), AtMost(1.4)),
    bar("ping-pong p50, of TCP + TLS", PINGPONG, P50_US, One(Peer::Tls), AtMost(1.0)),
    bar("ping-pong p50, of the best QUIC", PINGPONG, P50_US, Quic, AtMost(0.85)),
];

/// The bars of one name: one row for each amount that was measured.
pub(super) fn markdown(name: Name, samples: &[&Sample]) -> String {
    let works: Vec<Work> = parts(name).iter().map(|part| part.work).collect();
    let mut text = String::new();
    for bar in BARS.iter().filter(|bar| works.contains(&bar.work)) {
        for task in tasks(samples, |task| task.peer == Peer::Sst && bar.concerns(task)) {
            text += &bar.row(&task, samples);
        }
    }
    if !text.is_empty() {
        text.insert_str(0, "| bar | to reach | measured | |\n|---|---|---|---|\n");
    }
    text
}

impl Bar {
    fn row(&self, ours: &Task, samples: &[&Sample]) -> String {
        let (word, bound) = match self.bound {
            AtLeast(bound) => ("at least", bound),
            AtMost(bound) => ("at most", bound),
        };
        let mut name = self.text.to_owned();
        if self.work == Work::IdleStreams {
            name += &format!(", {} of them", shown(ours.count as f64));
        }
        let (measured, verdict) = match self.measure(ours, samples) {
            Some((value, other)) => {
                let is_met = match self.bound {
                    AtLeast(bound) => value >= bound,
                    AtMost(bound) => value <= bound,
                };
                let other = other.map_or(String::new(), |peer| format!(" ({})", title(peer)));
                (shown(value) + &other, if is_met { "met" } else { "**missed**" })
            }
            None => ("–".into(), "not measured"),
        };
        format!("| {name} | {word} {} | {measured} | {verdict} |\n", shown(bound))
    }

    /// The value, and of whose it is a part.
    fn measure(&self, ours: &Task, samples: &[&Sample]) -> Option<(f64, Option<Peer>)> {
        let value = of(samples, ours, self.figure)?.median;
        if self.against == Absolute {
            return Some((value, None));
        }
        let others = tasks(samples, |task| self.is_against(task));
        let medians = others.iter().filter_map(|task| {
            of(samples, task, self.figure).map(|spread| (spread.median, task.peer))
        });
        let best = match self.bound {
            AtLeast(_) => medians.max_by(|a, b| a.0.total_cmp(&b.0)),
            AtMost(_) => medians.min_by(|a, b| a.0.total_cmp(&b.0)),
        };
        let (best, peer) = best?;
        // Nothing of nothing is as much.
        let ratio = if value == best { 1.0 } else { value / best };
        Some((ratio, Some(peer)))
    }

    fn concerns(&self, task: &Task) -> bool {
        task.work == self.work && task.cipher == self.cipher
    }

    fn is_against(&self, task: &Task) -> bool {
        let is_chacha = |cipher| cipher == Cipher::Chacha;
        let is_alike = is_chacha(task.cipher) == is_chacha(self.cipher);
        let is_sealed = task.cipher != Cipher::None;
        task.work == self.work
            && match self.against {
                Quic => is_quic(task.peer) && is_alike,
                Peers => super::is_peer(task.peer) && is_alike && is_sealed,
                // In the clear, the limit of ping-pong; sealed, that of bulk.
                One(peer) => {
                    let is_ours = is_alike && is_sealed != (self.work == Work::Pingpong);
                    task.peer == peer && is_ours
                }
                Absolute => false,
            }
    }
}

/// Those that were measured, each once.
fn tasks(samples: &[&Sample], is_wanted: impl Fn(&Task) -> bool) -> Vec<Task> {
    let mut tasks = Vec::new();
    for sample in samples.iter().filter(|sample| is_wanted(&sample.task)) {
        if !tasks.contains(&sample.task) {
            tasks.push(sample.task);
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Figures;

    fn sample(work: Work, peer: Peer, cipher: Cipher, figure: &str, value: f64) -> Sample {
        let task = Task { peer, cipher, work, count: 10_000 };
        let figures = Figures::from([(figure.to_owned(), value)]);
        Sample { task, round: 0, probes_us: [1.0; 2], figures }
    }

    #[test]
    fn a_bar_is_against_the_best_with_the_same_kind_of_cipher() {
        let bulk = |peer, cipher, rate| sample(Work::Bulk, peer, cipher, GBIT_PER_S, rate);
        let samples = [
            bulk(Peer::Sst, Cipher::Aes256, 24.0),
            bulk(Peer::Quinn, Cipher::Aes256, 15.0),
            bulk(Peer::S2nTls, Cipher::Aes128, 16.0),
            bulk(Peer::Quinn, Cipher::Chacha, 100.0),
            bulk(Peer::Tcp, Cipher::None, 100.0),
            bulk(Peer::Udp, Cipher::Aes256, 40.0),
            bulk(Peer::Udp, Cipher::None, 200.0),
        ];
        let text = markdown(Name::Bulk, &samples.iter().collect::<Vec<_>>());
        assert!(text.contains("fastest QUIC | at least 1.50 | 1.50 (s2n-quic (s2n-tls)) | met |"));
        assert!(text.contains("UDP + AEAD | at least 0.700 | 0.600 (UDP) | **missed** |"));
        assert!(!text.contains("| ChaCha20-Poly1305"), "SST was not measured with it: {text}");
    }

    #[test]
    fn bars_may_be_absolute_or_unmeasured_and_equal_nothing_is_met() {
        let samples = [
            sample(Work::IdleStreams, Peer::Sst, Cipher::Aes256, BYTES_EACH, 380.0),
            sample(Work::Datagrams, Peer::Sst, Cipher::Aes256, LOST, 0.0),
            sample(Work::Datagrams, Peer::Quinn, Cipher::Aes256, LOST, 0.0),
            sample(Work::Pingpong, Peer::Sst, Cipher::Aes256, P50_US, 12.0),
            sample(Work::Pingpong, Peer::Udp, Cipher::None, P50_US, 10.0),
        ];
        let samples: Vec<_> = samples.iter().collect();
        let memory = markdown(Name::Memory, &samples);
        assert!(memory.contains("10,000 of them | at most 256 | 380 | **missed** |"), "{memory}");
        let datagrams = markdown(Name::Datagrams, &samples);
        assert!(datagrams.contains("lost, of quinn | at most 1.00 | 1.00 (quinn) | met |"));
        assert!(datagrams.contains("a second, of quinn | at least 1.70 | – | not measured |"));
        let pingpong = markdown(Name::Pingpong, &samples);
        assert!(pingpong.contains("p50, of UDP | at most 1.40 | 1.20 (UDP) | met |"), "{pingpong}");
    }
}
