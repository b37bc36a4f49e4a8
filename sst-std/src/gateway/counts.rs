//! [`Counts`]: what happened, counted where it happens; [`GatewayStats`]: the same, to be shown.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that all peers share.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) answered: Count,
    pub(super) opened: Count,
    pub(super) refused: Count,
    pub(super) to_host_packets: Count,
    pub(super) to_host_bytes: Count,
    pub(super) to_page_packets: Count,
    pub(super) to_page_bytes: Count,
    pub(super) dropped_deep: Count,
    pub(super) dropped_early: Count,
    pub(super) dropped_size: Count,
    pub(super) dropped_socket: Count,
}

/// One counter.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

/// What a gateway did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GatewayStats {
    /// Peers now.
    pub peers: u64,
    /// Offers that were answered.
    pub answered: u64,
    /// Of these, data channels that opened.
    pub opened: u64,
    /// Requests that were refused, for whatever reason.
    pub refused: u64,
    /// Packets from pages to hosts.
    pub to_host_packets: u64,
    /// Their bytes.
    pub to_host_bytes: u64,
    /// Packets from hosts to pages.
    pub to_page_packets: u64,
    /// Their bytes.
    pub to_page_bytes: u64,
    /// Packets for pages, dropped because the data channel had enough waiting.
    pub dropped_deep: u64,
    /// Packets for pages, dropped because the data channel was not open yet.
    pub dropped_early: u64,
    /// Messages of pages and packets of hosts that are empty, too large, or text.
    pub dropped_size: u64,
    /// Packets that a socket did not take.
    pub dropped_socket: u64,
}

impl Count {
    pub(super) fn add(&self, number: usize) {
        self.0.fetch_add(number as u64, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    pub(super) fn stats(&self, peers: usize) -> GatewayStats {
        GatewayStats {
            peers: peers as u64,
            answered: self.answered.value(),
            opened: self.opened.value(),
            refused: self.refused.value(),
            to_host_packets: self.to_host_packets.value(),
            to_host_bytes: self.to_host_bytes.value(),
            to_page_packets: self.to_page_packets.value(),
            to_page_bytes: self.to_page_bytes.value(),
            dropped_deep: self.dropped_deep.value(),
            dropped_early: self.dropped_early.value(),
            dropped_size: self.dropped_size.value(),
            dropped_socket: self.dropped_socket.value(),
        }
    }
}

impl fmt::Display for GatewayStats {
    /// One line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "{} peers, {} answered, {} opened, {} refused; to hosts {} packets, {} bytes; to pages \
             {} packets, {} bytes; dropped: {} deep, {} early, {} size, {} socket",
            self.peers,
            self.answered,
            self.opened,
            self.refused,
            self.to_host_packets,
            self.to_host_bytes,
            self.to_page_packets,
            self.to_page_bytes,
            self.dropped_deep,
            self.dropped_early,
            self.dropped_size,
            self.dropped_socket,
        )
    }
}
