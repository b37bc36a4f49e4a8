//! What is on the wire beside the data: headers, and what comes back.

use std::path::Path;

use plot::Bars;

use super::packets;
use super::trial::{Trial, run_all};
use crate::report::{Report, number};

const BYTES: f64 = 4_194_304.0;
/// A queue that never overflows: nothing is sent twice.
const WIRE: &str = "queue=5000p";
const TAG_LEN: f64 = 16.0;
const UDP_LEN: f64 = 28.0;
const WHO: [(&str, &str); 4] =
    [("SST", "sst"), ("TCP", "tcp"), ("TCP + TLS 1.3", "tls"), ("QUIC (quinn)", "quic")];
/// A packet with less was not filled.
const FULL: f64 = 0.97;

/// WebRTC's data channel: SCTP (RFC 9260) in DTLS 1.2 (RFC 6347, 5288) in UDP in IPv4. Header of
/// 12 and chunk of 16 bytes; record header of 13, explicit nonce of 8, tag of 16.
const SCTP_HEADERS: f64 = 28.0 + 13.0 + 8.0 + 16.0 + 12.0 + 16.0;
/// Data in a packet of 1,200 bytes of UDP payload, as browsers' stacks have it, in fours.
const SCTP_DATA: f64 = 1_132.0;
/// A SACK for every second packet: header of 12, chunk of 16.
const SCTP_SACK: f64 = 28.0 + 13.0 + 8.0 + 16.0 + 12.0 + 16.0;

/// What one of them spent.
struct Spent {
    name: &'static str,
    packets: f64,
    bytes: f64,
    /// Bytes of data in a full packet, and of everything else in it.
    full: (f64, f64),
    back_packets: f64,
    back_bytes: f64,
}

pub(crate) fn run(report: &mut Report) -> Result<(), String> {
    report.text(
        "4 MiB as one stream on a wire of 10 Mbit/s and 30 ms whose queue never overflows, so \
         that nothing is sent twice; counted from captured packets, IPv4 and UDP or TCP headers, \
         negotiation and certificates included. What a full packet has beside data is the mean \
         over all packets that are within 3 % of the longest, data counted once. SCTP over DTLS \
         is arithmetic from its formats, not measured: 1,200 bytes of UDP payload, no options, a \
         SACK for every second packet.",
    );
    let folder = std::env::temp_dir().join(format!("sst-e08-{}", std::process::id()));
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let measured = measure(report, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let mut all = measured?;
    all.push(sctp());
    show(report, &all);
    let beside_tag = all[0].full.1 - UDP_LEN - TAG_LEN;
    report.at_most("SST: header beside the tag on a full packet", beside_tag, 24.0, "bytes");
    Ok(())
}

fn measure(report: &mut Report, folder: &Path) -> Result<Vec<Spent>, String> {
    let mut trials = Vec::new();
    for (_, who) in WHO {
        let near = format!("bulk {who} --bytes {BYTES}");
        let mut trial = Trial::on("interop", WIRE, &[&near])?;
        trial.setup.capture = Some(folder.join(who));
        trials.push(trial);
    }
    let outcomes = run_all(&trials, 2)?;
    let mut all = Vec::new();
    for (((name, who), trial), outcome) in WHO.iter().zip(&trials).zip(&outcomes) {
        report.row(outcome.row("bytes on the wire", name, trial));
        if outcome.down.overflowed + outcome.down.lost > 0 {
            return Err(format!("{name}: packets were lost: {}", outcome.down));
        }
        let down = packets::read(&folder.join(format!("{who}.down.sent.pcap")))?;
        let lens: Vec<f64> = down.iter().map(|packet| packet.len as f64).collect();
        let longest = lens.iter().copied().fold(0.0, f64::max);
        let is_full = |len: &&f64| **len >= FULL * longest;
        let full_count = lens.iter().filter(is_full).count() as f64;
        let full_bytes: f64 = lens.iter().filter(is_full).sum();
        // What is short in between carries little; its data is taken to be all but a header.
        let short: f64 =
            lens.iter().filter(|len| **len > 300.0 && !is_full(len)).map(|len| len - 80.0).sum();
        let data = (BYTES - short) / full_count;
        all.push(Spent {
            name,
            packets: lens.len() as f64,
            bytes: lens.iter().sum(),
            full: (data, full_bytes / full_count - data),
            back_packets: outcome.up.came as f64,
            back_bytes: outcome.up.came_bytes as f64,
        });
    }
    Ok(all)
}

fn sctp() -> Spent {
    let packets = (BYTES / SCTP_DATA).ceil();
    let back_packets = (packets / 2.0).ceil();
    Spent {
        name: "SCTP over DTLS (arithmetic)",
        packets,
        bytes: BYTES + packets * SCTP_HEADERS,
        full: (SCTP_DATA, SCTP_HEADERS),
        back_packets,
        back_bytes: back_packets * SCTP_SACK,
    }
}

fn show(report: &mut Report, all: &[Spent]) {
    let kilobytes = BYTES / 1e3;
    let mut bars =
        Bars::new("Beside the data", "bytes per kilobyte", &["headers", "what comes back"]);
    let mut rows = Vec::new();
    for spent in all {
        let headers = (spent.bytes - BYTES) / kilobytes;
        let back = spent.back_bytes / kilobytes;
        bars.add(spent.name, vec![headers, back]);
        let cells = [
            headers,
            back,
            headers + back,
            spent.full.0,
            spent.full.1,
            spent.packets,
            spent.back_packets,
        ];
        rows.push(std::iter::once(spent.name.to_owned()).chain(cells.map(number)).collect());
    }
    report.plot("spent", "bytes of headers and acknowledgements per kilobyte", bars.svg());
    let heads = [
        "who",
        "headers, B/kB",
        "back, B/kB",
        "both",
        "data in a full packet, B",
        "beside it, B",
        "packets",
        "packets back",
    ];
    report.table(&heads, &rows);
}
