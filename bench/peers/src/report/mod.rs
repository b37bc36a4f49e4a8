//! What the measurements say: lines, tables, bars, plots.

mod bars;
mod machine;
mod page;
mod plot;
mod spread;
mod state;
mod table;

use std::fs;
use std::path::Path;

use crate::Fallible;
use crate::contest::{Name, Sample, save};
use crate::task::Peer;

/// The folder of the pictures, beside the page.
const PICTURES: &str = "benchmarks";

/// What a table says about itself.
pub(crate) struct Header {
    pub(crate) name: Name,
    pub(crate) command: String,
    pub(crate) rounds: u64,
}

/// Writes everything about one kind of measurement to `folder`, and to the page at `page`.
pub(crate) fn write(
    header: &Header,
    samples: &[Sample],
    folder: &Path,
    page: Option<&Path>,
) -> Fallible<()> {
    let name = header.name.text();
    let mut lines = String::new();
    for sample in samples {
        lines += &serde_json::to_string(sample)?;
        lines.push('\n');
    }
    save(folder, &format!("{name}.jsonl"), &lines)?;
    let mut text = markdown(header, samples);
    let picture = picture(header.name, samples);
    if let Some(picture) = &picture {
        save(folder, &format!("{name}.svg"), picture)?;
    }
    save(folder, &format!("{name}.md"), &text)?;
    println!("{text}");
    let Some(page) = page else { return Ok(()) };
    if let Some(picture) = picture {
        let beside = page.with_file_name(PICTURES);
        fs::create_dir_all(&beside)?;
        save(&beside, &format!("{name}.svg"), &picture)?;
        text += &format!("\n![{name}: medians]({PICTURES}/{name}.svg)\n");
    }
    let old = fs::read_to_string(page)?;
    Ok(fs::write(page, page::replace(&old, name, &text)?)?)
}

/// Of the state that was there most often.
fn picture(name: Name, samples: &[Sample]) -> Option<String> {
    let sorted = state::sort(samples);
    let (_, most) = sorted.states.iter().max_by_key(|(_, samples)| samples.len())?;
    plot::svg(name, most)
}

/// Tables of each state the machine was in, and the bars.
fn markdown(header: &Header, samples: &[Sample]) -> String {
    let sorted = state::sort(samples);
    let Header { command, rounds, .. } = header;
    let mut text = format!(
        "`{command}`: {}, {}, {rounds} rounds. {}\n",
        machine::describe(),
        machine::today(),
        sorted.describe()
    );
    for (state, samples) in &sorted.states {
        text += &format!("\n{}", table::markdown(header.name, *state, samples));
        text += &bars::markdown(header.name, samples);
    }
    text
}

/// The name in tables.
pub(crate) const fn title(peer: Peer) -> &'static str {
    match peer {
        Peer::Sst => "SST",
        Peer::Quinn => "quinn",
        Peer::S2n => "s2n-quic (rustls)",
        Peer::S2nTls => "s2n-quic (s2n-tls)",
        Peer::Quiche => "quiche",
        Peer::H2 => "h2 over TLS",
        Peer::Tls => "TCP + rustls",
        Peer::Tcp => "TCP",
        Peer::Udp => "UDP",
    }
}

/// True for those a ratio is about; the others are limits.
pub(crate) const fn is_peer(peer: Peer) -> bool {
    !matches!(peer, Peer::Sst | Peer::Udp)
}

pub(crate) const fn is_quic(peer: Peer) -> bool {
    matches!(peer, Peer::Quinn | Peer::S2n | Peer::S2nTls | Peer::Quiche)
}
