//! What a channel has counted, for people to read.

use super::dropped::DropCounts;
use crate::time::Duration;

/// Totals since the channel began, and where it stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChannelStats {
    /// What was counted.
    pub totals: Totals,
    /// Packets dropped, by reason.
    pub dropped: DropCounts,
    /// The congestion window, in bytes.
    pub window_bytes: u64,
    /// Bytes sent on this path that are neither acknowledged nor lost.
    pub in_flight_bytes: u64,
    /// The share of packets lost of late, in parts of 65,536.
    pub loss_rate: u32,
    /// The largest packet now sent, in bytes.
    pub mtu_bytes: usize,
    /// The least round trip measured.
    pub min_rtt: Duration,
    /// The smoothed round trip.
    pub smoothed_rtt: Duration,
}

/// Totals since the channel began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Packets sealed.
    pub sent_packets: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Packets opened.
    pub received_packets: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Packets acknowledged, of those that asked for it.
    pub acked_packets: u64,
    /// Packets declared lost, MTU probes included.
    pub lost_packets: u64,
    /// Packets declared lost that were acknowledged after all.
    pub spurious_losses: u64,
    /// Probe timeouts.
    pub probe_timeouts: u64,
    /// Epochs begun in either direction.
    pub key_updates: u64,
    /// Times the peer's address changed.
    pub moves: u64,
    /// Times data waited because the congestion window was full.
    pub window_full: u64,
    /// Times data waited because the pacer spread them over time.
    pub paced: u64,
}

/// [`Totals`] as a channel keeps them: every idle session has them, so that what is rare takes half
/// the bytes and stops at its largest number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) sent_packets: u64,
    pub(super) sent_bytes: u64,
    pub(super) received_packets: u64,
    pub(super) received_bytes: u64,
    pub(super) acked_packets: u64,
    pub(super) lost_packets: u64,
    pub(super) window_full: u64,
    pub(super) paced: u64,
    pub(super) spurious_losses: u32,
    pub(super) probe_timeouts: u32,
    pub(super) key_updates: u32,
    pub(super) moves: u32,
}

impl Counts {
    /// The same for people to read.
    pub(super) fn totals(&self) -> Totals {
        Totals {
            sent_packets: self.sent_packets,
            sent_bytes: self.sent_bytes,
            received_packets: self.received_packets,
            received_bytes: self.received_bytes,
            acked_packets: self.acked_packets,
            lost_packets: self.lost_packets,
            spurious_losses: self.spurious_losses.into(),
            probe_timeouts: self.probe_timeouts.into(),
            key_updates: self.key_updates.into(),
            moves: self.moves.into(),
            window_full: self.window_full,
            paced: self.paced,
        }
    }
}

/// A share of packets lost, smoothed over about the last 128.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LossRate(u32);

impl LossRate {
    /// Everything is lost.
    const ONE: u32 = 1 << 16;
    const SMOOTHING: u32 = 128;

    pub(super) fn on_acked(&mut self) {
        self.0 = self.0.saturating_sub(self.0.div_ceil(Self::SMOOTHING));
    }

    pub(super) fn on_lost(&mut self) {
        let rest = Self::ONE.saturating_sub(self.0);
        self.0 = self.0.saturating_add(rest / Self::SMOOTHING);
    }

    /// A loss was none: takes back about what it added.
    pub(super) fn on_spurious_loss(&mut self) {
        self.0 = self.0.saturating_sub(Self::ONE / Self::SMOOTHING);
    }

    /// The rate, in parts of 65,536.
    pub(super) const fn value(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Spec: R-8.3-2.
    #[test]
    fn loss_rate_settles_near_the_share_lost_and_returns_to_zero() {
        let mut rate = LossRate::default();
        for packet in 0..4000 {
            if packet % 10 == 0 { rate.on_lost() } else { rate.on_acked() }
        }
        let percent = rate.value() * 100 / LossRate::ONE;
        assert!((7..=13).contains(&percent), "{percent}");
        for _ in 0..2000 {
            rate.on_acked();
        }
        assert_eq!(rate.value(), 0);
        for _ in 0..4000 {
            rate.on_lost();
        }
        assert!(rate.value() > 60_000 && rate.value() <= LossRate::ONE);
    }
}
