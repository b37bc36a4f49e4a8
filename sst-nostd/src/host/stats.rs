//! What a host has counted, for people to read.

use crate::negotiation;
use crate::session::Visit;

use super::ignored::Ignored;
use super::transmit::Transmit;

/// Totals since the host was made, and what it holds now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Packets taken in.
    pub received_packets: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Packets handed out to be sent.
    pub sent_packets: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Packets that a channel would not open.
    pub ignored_by_channel: u64,
    /// LOST packets without the right token.
    pub ignored_false_lost: u64,
    /// Packets of no kind.
    pub ignored_kind: u64,
    /// Negotiation packets whose check was wrong.
    pub ignored_check: u64,
    /// Negotiation packets ignored for any other reason.
    pub ignored_negotiation: u64,
    /// Packets that found a table full.
    pub ignored_no_capacity: u64,
    /// INITs while this host answered no calls.
    pub ignored_not_accepting: u64,
    /// Packets for channels that are not here.
    pub ignored_unknown_channel: u64,
    /// Packets of which something found no room, so that they were not acknowledged.
    pub unfinished_packets: u64,
    /// Peers dialled.
    pub dialled: u64,
    /// Negotiations completed, either way.
    pub handshakes: u64,
    /// Cookies asked for.
    pub cookies_sent: u64,
    /// Operations on the curve.
    pub curve_operations: u64,
    /// Channels made.
    pub channels_made: u64,
    /// Sessions closed because the peer broke the protocol.
    pub breaches: u64,
    /// Negotiations under way now.
    pub half_open: u32,
    /// Sessions now.
    pub sessions: u32,
    /// Channels now.
    pub channels: u32,
    /// Streams now, roots included.
    pub streams: u32,
    /// Bytes of stream data held now, in whole blocks.
    pub bytes_held: u64,
    /// Packets in flight now.
    pub packets_in_flight: u32,
}

impl Stats {
    pub(super) fn on_received(&mut self, len: usize) {
        self.received_packets = self.received_packets.saturating_add(1);
        self.received_bytes = self.received_bytes.saturating_add(len as u64);
    }

    pub(super) fn on_sent(&mut self, transmit: &Transmit) {
        let segment_len = transmit.segment_len.unwrap_or(transmit.len).max(1);
        let packets = transmit.len.div_ceil(segment_len) as u64;
        self.sent_packets = self.sent_packets.saturating_add(packets);
        self.sent_bytes = self.sent_bytes.saturating_add(transmit.len as u64);
    }

    pub(super) fn on_curve(&mut self, operations: u32) {
        self.curve_operations = self.curve_operations.saturating_add(u64::from(operations));
    }

    /// A negotiation was completed, and its channel given to a session, if there was room.
    pub(super) fn on_attached(&mut self, is_attached: bool) {
        self.channels_made = self.channels_made.saturating_add(u64::from(is_attached));
        self.handshakes = self.handshakes.saturating_add(u64::from(is_attached));
    }

    pub(super) fn on_visit(&mut self, visit: &Visit) {
        if visit.is_unfinished {
            self.unfinished_packets = self.unfinished_packets.saturating_add(1);
        }
        if visit.is_breach {
            self.breaches = self.breaches.saturating_add(1);
        }
    }

    pub(super) fn on_ignored(&mut self, reason: Ignored) {
        let counter = match reason {
            Ignored::Channel(_) => &mut self.ignored_by_channel,
            Ignored::FalseLost => &mut self.ignored_false_lost,
            Ignored::Kind => &mut self.ignored_kind,
            Ignored::Negotiation(negotiation::Dropped::Check) => &mut self.ignored_check,
            Ignored::Negotiation(_) => &mut self.ignored_negotiation,
            Ignored::NoCapacity => &mut self.ignored_no_capacity,
            Ignored::NotAccepting => &mut self.ignored_not_accepting,
            Ignored::UnknownChannel => &mut self.ignored_unknown_channel,
        };
        *counter = counter.saturating_add(1);
    }
}
