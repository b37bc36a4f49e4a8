//! Time passes: applications react, and nothing may pass its limit.

use std::format;

use super::Scenario;
use crate::time::Instant;

impl Scenario {
    /// Lets time pass; applications react to what their hosts tell.
    pub(super) fn advance(&mut self, until: Instant) {
        while self.fault.is_none() {
            let Some((node, event)) = self.network.next_event(until) else { break };
            self.on_event(node, &event);
        }
        if let Some(node) = self.network.spinning() {
            self.fail(format!("host {node} spins"));
        }
        self.check_limits();
    }

    /// Nothing may be held beyond what was agreed.
    fn check_limits(&mut self) {
        for node in 0..self.network.node_count() {
            let node_ref = self.network.node(node);
            let (stats, limits) = (node_ref.host.stats(), node_ref.limits());
            let is_within = stats.sessions <= limits.sessions
                && stats.channels <= limits.channels
                && stats.half_open <= limits.negotiations
                && stats.streams <= limits.streams.streams
                && stats.packets_in_flight <= limits.sent_packets
                && stats.bytes_held
                    <= u64::from(limits.streams.blocks) * limits.streams.block_bytes as u64;
            if !is_within {
                self.fail(format!("host {node} passes a limit: {stats:?}"));
            } else if stats.breaches > 0 {
                self.fail(format!("host {node} accuses a peer"));
            }
        }
    }
}
