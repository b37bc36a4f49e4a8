//! Medians and ratios, in Markdown.

use super::spread::{Spread, shown};
use super::state::State;
use super::{is_peer, title};
use crate::contest::{Name, Sample};
use crate::measure::{
    BYTES_EACH, CPU_CLIENT_S, CPU_S_PER_GIB, CPU_SERVER_S, GBIT_PER_S, LOST, P50_US, P99_US,
    PEAK_CLIENT, PEAK_SERVER, PER_S,
};
use crate::task::{Cipher, Peer, Task, Work};

/// One table: some of a name's samples, and what they are compared by.
pub(crate) struct Part {
    pub(crate) title: String,
    pub(crate) work: Work,
    /// Packets are sealed with one of these, or not at all.
    pub(crate) ciphers: &'static [Cipher],
    pub(crate) figure: &'static str,
    pub(crate) unit: &'static str,
    is_more_better: bool,
    more: &'static [Column],
}

type Column = (&'static str, &'static str, f64);

const CPU: [Column; 2] = [("CPU s, client", CPU_CLIENT_S, 1.0), ("server", CPU_SERVER_S, 1.0)];
const PEAK: [Column; 2] = [
    ("peak MiB, client", PEAK_CLIENT, 1.0 / 1_048_576.0),
    ("server", PEAK_SERVER, 1.0 / 1_048_576.0),
];
const LATENCY: [Column; 2] = [("p50 µs", P50_US, 1.0), ("p99 µs", P99_US, 1.0)];
const BULK: &[Column] =
    &[CPU[0], CPU[1], ("both, s per GiB", CPU_S_PER_GIB, 1.0), PEAK[0], PEAK[1]];
const REQUESTS: &[Column] = &[LATENCY[0], LATENCY[1], CPU[0], CPU[1], PEAK[0], PEAK[1]];
const DATAGRAMS: &[Column] = &[("lost, %", LOST, 100.0), CPU[0], CPU[1], PEAK[0], PEAK[1]];
const PINGPONG: &[Column] = &[LATENCY[1], CPU[0], CPU[1]];
const MEMORY: &[Column] = &[CPU[0], CPU[1], PEAK[0], PEAK[1]];
const CHACHA: &[Cipher] = &[Cipher::Chacha, Cipher::None];
const AES: &[Cipher] = &[Cipher::Aes128, Cipher::Aes256, Cipher::None];

/// The tables of a name.
pub(crate) fn parts(name: Name) -> Vec<Part> {
    let part = |title: &str, work, figure, unit, is_more_better, more| {
        let title = title.to_owned();
        Part { title, work, ciphers: AES, figure, unit, is_more_better, more }
    };
    match name {
        Name::Bulk => [("ChaCha20-Poly1305", CHACHA), ("AES-256-GCM", AES)]
            .map(|(cipher, ciphers)| {
                let title = format!("bulk, one stream, {cipher}");
                Part { ciphers, ..part(&title, Work::Bulk, GBIT_PER_S, "Gbit/s", true, BULK) }
            })
            .into(),
        Name::Requests => {
            let title = "100-byte request, 1 KiB reply, a stream each, 100 at once";
            vec![part(title, Work::Requests, PER_S, "a second", true, REQUESTS)]
        }
        Name::Sessions => {
            let title = "new sessions with an echo, 100 at once";
            vec![part(title, Work::Sessions, PER_S, "a second", true, REQUESTS)]
        }
        Name::Memory => vec![
            part("idle session", Work::IdleSessions, BYTES_EACH, "bytes", false, MEMORY),
            part("idle open stream", Work::IdleStreams, BYTES_EACH, "bytes", false, MEMORY),
        ],
        Name::Datagrams => {
            let title = "datagrams of 1,000 bytes";
            vec![part(title, Work::Datagrams, PER_S, "a second", true, DATAGRAMS)]
        }
        Name::Pingpong => {
            let title = "64 bytes there and back";
            vec![part(title, Work::Pingpong, P50_US, "µs p50", false, PINGPONG)]
        }
    }
}

impl Part {
    /// Its rows: everyone, once for each amount, the best first.
    pub(crate) fn rows(&self, samples: &[&Sample]) -> Vec<(Task, Spread)> {
        let mut rows: Vec<(Task, Spread)> = Vec::new();
        for sample in samples.iter().filter(|sample| self.has(&sample.task)) {
            if !rows.iter().any(|(task, _)| *task == sample.task) {
                let spread = of(samples, &sample.task, self.figure);
                rows.extend(spread.map(|spread| (sample.task, spread)));
            }
        }
        rows.sort_by(|(_, a), (_, b)| a.median.total_cmp(&b.median));
        if self.is_more_better {
            rows.reverse();
        }
        rows
    }

    fn has(&self, task: &Task) -> bool {
        task.work == self.work && self.ciphers.contains(&task.cipher)
    }
}

/// What the rounds of one task say about one figure.
pub(crate) fn of(samples: &[&Sample], task: &Task, figure: &str) -> Option<Spread> {
    let own = samples.iter().filter(|sample| sample.task == *task);
    Spread::of(own.filter_map(|sample| sample.figures.get(figure).copied()))
}

/// The tables of one state.
pub(super) fn markdown(name: Name, state: State, samples: &[&Sample]) -> String {
    let mut text = String::new();
    for part in parts(name) {
        let rows = part.rows(samples);
        if rows.is_empty() {
            continue;
        }
        let place =
            if state == State::Only { String::new() } else { format!(", {}", state.text()) };
        let Part { title, unit, more, .. } = &part;
        text += &format!("| {title}{place} | {unit} | range | of SST | of the best peer |");
        for (column, ..) in *more {
            text += &format!(" {column} |");
        }
        text += &format!(" rounds |\n|---|{}\n", "---|".repeat(5 + more.len()));
        let ours = rows.iter().find(|(task, _)| task.peer == Peer::Sst);
        let best = rows.iter().find(|(task, _)| is_peer(task.peer) && is_sealed(task));
        for (task, spread) in &rows {
            let Spread { median, min, max, count } = *spread;
            let [middle, min, max] = [median, min, max].map(shown);
            text += &format!("| {} | {middle} | {min}–{max} |", name_of(task, &rows));
            for other in [ours, best] {
                let ratio = other.map(|(_, other)| median / other.median);
                text += &ratio.map_or(" – |".into(), |ratio| format!(" {ratio:.2} |"));
            }
            for (_, figure, scale) in *more {
                let spread = of(samples, task, figure);
                let cell = spread.map_or("–".into(), |spread| shown(spread.median * scale));
                text += &format!(" {cell} |");
            }
            text += &format!(" {count} |\n");
        }
        text.push('\n');
    }
    text
}

/// In the clear is no peer of what is sealed.
pub(super) fn is_sealed(task: &Task) -> bool {
    task.cipher != Cipher::None
}

/// Who it is; the cipher where it is another one, the amount where there are several.
pub(crate) fn name_of(task: &Task, rows: &[(Task, Spread)]) -> String {
    let mut name = title(task.peer).to_owned();
    match (task.peer, task.cipher) {
        (Peer::Udp, Cipher::None) => name = "UDP, in the clear (limit)".into(),
        (Peer::Udp, _) => name = "UDP + AEAD (limit)".into(),
        (_, Cipher::Aes128) => name += ", AES-128",
        (_, Cipher::None) => name += ", in the clear",
        _ => {}
    }
    let is_other = |(other, _): &(Task, Spread)| {
        other.peer == task.peer && other.cipher == task.cipher && other.count != task.count
    };
    if rows.iter().any(is_other) {
        name += &format!(", {} of them", shown(task.count as f64));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::Figures;

    fn sample(peer: Peer, cipher: Cipher, rate: f64) -> Sample {
        let task = Task { peer, cipher, work: Work::Bulk, count: 1 };
        let figures = Figures::from([(GBIT_PER_S.to_owned(), rate)]);
        Sample { task, round: 0, probes_us: [1.0; 2], figures }
    }

    #[test]
    fn rows_are_sorted_and_have_ratios_to_us_and_to_the_best_peer() {
        let samples = [
            sample(Peer::Sst, Cipher::Chacha, 4.0),
            sample(Peer::Sst, Cipher::Chacha, 6.0),
            sample(Peer::Quinn, Cipher::Chacha, 10.0),
            sample(Peer::Udp, Cipher::Chacha, 20.0),
            sample(Peer::Tcp, Cipher::None, 100.0),
            sample(Peer::S2n, Cipher::Aes256, 8.0),
        ];
        let text = markdown(Name::Bulk, State::Near, &samples.iter().collect::<Vec<_>>());
        let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).collect();
        assert!(rows[0].starts_with("| bulk, one stream, ChaCha20-Poly1305, near | Gbit/s |"));
        assert!(rows[1].starts_with("| TCP, in the clear | 100 | 100–100 | 20.00 | 10.00 |"));
        assert!(rows[2].starts_with("| UDP + AEAD (limit) | 20.0 | 20.0–20.0 | 4.00 | 2.00 |"));
        assert!(rows[3].starts_with("| quinn | 10.0 | 10.0–10.0 | 2.00 | 1.00 |"), "{}", rows[3]);
        assert!(rows[4].starts_with("| SST | 5.00 | 4.00–6.00 | 1.00 | 0.50 |"), "{}", rows[4]);
        assert!(rows[5].contains("AES-256-GCM"));
        assert!(rows[7].starts_with("| s2n-quic (rustls) | 8.00 | 8.00–8.00 | – | 1.00 |"));
    }
}
