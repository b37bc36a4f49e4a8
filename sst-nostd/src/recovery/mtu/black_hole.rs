//! Notices that a path no longer carries large packets. Source: RFC 8899 section 4.3.

use crate::time::Instant;

/// Generations of large packets that must be lost entirely, each sent after the loss of the one
/// before was known. Congestion or an outage loses one or two.
const GENERATIONS: u8 = 3;

/// Large packets that must be lost in all: on a thin stream, three may be chance.
const LOST_PACKETS: u32 = 6;

/// Large packets lost since the last one acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlackHole {
    lost_packets: u32,
    generations: u8,
    /// When the loss of the newest generation was noticed.
    noticed_at: Option<Instant>,
}

impl BlackHole {
    pub(super) const fn new() -> Self {
        Self { lost_packets: 0, generations: 0, noticed_at: None }
    }

    /// A large packet was declared lost. Returns whether the path is a black hole.
    pub(super) fn on_lost(&mut self, now: Instant, sent_at: Instant) -> bool {
        self.lost_packets = self.lost_packets.saturating_add(1);
        // A clock that went backward must not put the next generation off.
        self.noticed_at = self.noticed_at.map(|noticed_at| noticed_at.min(now));
        if self.noticed_at.is_none_or(|noticed_at| sent_at >= noticed_at) {
            self.generations = self.generations.saturating_add(1);
            self.noticed_at = Some(now);
        }
        self.generations >= GENERATIONS && self.lost_packets >= LOST_PACKETS
    }
}
