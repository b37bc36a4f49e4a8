//! A peer that is found at another port of the same address.

use super::Flight;
use crate::recovery::congestion::{Congestion, Controller};
use crate::recovery::loss::Pto;
use crate::time::Instant;

/// A change of port before so many windows were sent since the last one is one of many.
const FREQUENT_MOVES_WINDOWS: u64 = 8;

impl Flight {
    /// The peer has another port but is reached the same way: all that was learnt still holds, but
    /// what is in flight went to where nobody is.
    /// `is_back`: the port was one that nobody proved, and it never changed.
    pub(in crate::channel) fn on_port_change(
        &mut self,
        next_number: u64,
        now: Instant,
        is_back: bool,
    ) {
        if !is_back && self.is_move_frequent(next_number) && self.is_queued() {
            self.congestion.on_congestion(&Congestion {
                now,
                sent_at: now,
                lost_packets: 1,
                persistent: false,
                ecn: false,
                in_flight: self.bytes,
            });
        }
        self.first_number = next_number;
        self.are_earlier_gone = true;
        self.bytes = 0;
        self.packets = 0;
        self.pto = Pto::new();
        self.pto_from = now;
        self.mtu.forget_probe();
        // What was lost before and what is lost from now on is no run of losses.
        self.run.reset();
    }

    /// Whether the port changes again and again: not if it is the first change. Changes within half
    /// a round trip are one.
    fn is_move_frequent(&self, next_number: u64) -> bool {
        if !self.are_earlier_gone {
            return false;
        }
        let packets = next_number.saturating_sub(self.first_number);
        let bytes = packets.saturating_mul(self.packet_len() as u64);
        let window = self.congestion.window_bytes();
        (window / 2..window.saturating_mul(FREQUENT_MOVES_WINDOWS)).contains(&bytes)
    }

    /// Whether a quarter of the round trip is a queue. What stands there is lost at each change of
    /// port, so where those are many, a shorter one carries more.
    fn is_queued(&self) -> bool {
        let least = self.rtt.min();
        self.rtt.latest() > least.saturating_add(least / 4)
    }
}
