//! [`Carried`]: what became of all packets of one direction.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::nature::Nature;

/// A fast wire later than this has changed what it was to show.
const LATE: Duration = Duration::from_millis(3);
/// A slow one only if it is later than this share of its delay, or of a full packet's time.
const LATE_SHARE: u32 = 10;
const FULL_PACKET_BITS: f64 = 12_000.0;

/// Counts of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub came: u64,
    pub came_bytes: u64,
    pub delivered: u64,
    pub delivered_bytes: u64,
    pub lost: u64,
    /// Found the queue full.
    pub overflowed: u64,
    pub blacked_out: u64,
    /// So that others may have overtaken them.
    pub delayed: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    pub marked: u64,
    /// The most that waited at the bottleneck, in packets and in bytes.
    pub queue_packets: u64,
    pub queue_bytes: u64,
    /// How long packets waited at the bottleneck, all together, in microseconds.
    pub queued_micros: u64,
    /// Packets that left the wire later than `late_after`, because this machine had other things
    /// to do.
    pub late: u64,
    pub latest: Duration,
    /// 3 ms; on a slow wire, a tenth of its delay or of the time a full packet takes.
    pub late_after: Duration,
}

impl Carried {
    pub(crate) fn on(nature: &Nature) -> Self {
        let packet = FULL_PACKET_BITS / nature.bits_per_sec.max(1.0);
        let packet = if nature.bits_per_sec > 0.0 { packet } else { 0.0 };
        let share = nature.delay.max(Duration::from_secs_f64(packet)) / LATE_SHARE;
        Self { late_after: share.max(LATE), ..Self::default() }
    }

    /// Whether so much was late that the run says more about the machine than about the wire: one
    /// packet in a hundred and one more, or one by ten times as much.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.late > self.delivered / 100 + 1 || self.latest > 10 * self.late_after
    }

    /// As a JSON object.
    #[must_use]
    pub fn json(&self) -> String {
        let fields = [
            ("came", self.came),
            ("came_bytes", self.came_bytes),
            ("delivered", self.delivered),
            ("delivered_bytes", self.delivered_bytes),
            ("lost", self.lost),
            ("overflowed", self.overflowed),
            ("blacked_out", self.blacked_out),
            ("delayed", self.delayed),
            ("duplicated", self.duplicated),
            ("corrupted", self.corrupted),
            ("marked", self.marked),
            ("queue_packets", self.queue_packets),
            ("queue_bytes", self.queue_bytes),
            ("queued_micros", self.queued_micros),
            ("late", self.late),
            ("latest_micros", self.latest.as_micros() as u64),
        ];
        let mut text = String::from("{");
        for (at, (name, count)) in fields.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let _ = write!(text, "{comma}\"{name}\":{count}");
        }
        text + "}"
    }
}

impl fmt::Display for Carried {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mean = Duration::from_micros(self.queued_micros / self.delivered.max(1));
        write!(to, "{} packets ({} bytes) delivered", self.delivered, self.delivered_bytes)?;
        let rare = [
            (self.lost, "lost"),
            (self.overflowed, "too many for the queue"),
            (self.blacked_out, "blacked out"),
            (self.delayed, "delayed"),
            (self.duplicated, "twice"),
            (self.corrupted, "corrupted"),
            (self.marked, "marked"),
        ];
        for (count, what) in rare.into_iter().filter(|(count, _)| *count > 0) {
            write!(to, ", {count} {what}")?;
        }
        let (packets, bytes) = (self.queue_packets, self.queue_bytes);
        write!(to, "; queue {mean:.1?} on average, {packets} packets, {bytes} bytes at most; ")?;
        write!(to, "{} late, at most {:.1?}", self.late, self.latest)
    }
}
