//! A box that hides a host: it lends outer ports, and forgets them.

use core::net::{IpAddr, SocketAddr};

use crate::time::{Duration, Instant};

/// A NAT with one host behind it.
#[derive(Clone, Debug)]
pub struct Nat {
    outer: IpAddr,
    /// The outer port in use, if any is lent.
    port: Option<u16>,
    next_port: u16,
    /// It forgets the port every so often; `None` never.
    pub rebind_interval: Option<Duration>,
    rebinds_at: Option<Instant>,
}

impl Nat {
    /// A NAT with this outer address.
    #[must_use]
    pub fn new(outer: IpAddr, rebind_interval: Option<Duration>) -> Self {
        Self { outer, port: None, next_port: 20_000, rebind_interval, rebinds_at: None }
    }

    /// Forgets the outer port: what is sent to it is lost, and the next packet out gets another.
    pub fn forget(&mut self) {
        self.port = None;
    }

    /// Where a packet that goes out now seems to come from.
    pub(super) fn translate(&mut self, now: Instant) -> SocketAddr {
        if let Some(interval) = self.rebind_interval {
            let at = *self.rebinds_at.get_or_insert_with(|| now.after(interval));
            if at <= now {
                self.port = None;
                self.rebinds_at = Some(now.after(interval));
            }
        }
        let port = *self.port.get_or_insert_with(|| {
            self.next_port = self.next_port.wrapping_add(1).max(20_000);
            self.next_port
        });
        SocketAddr::new(self.outer, port)
    }

    /// Whether a packet to `address` comes to this NAT.
    pub(super) fn is_outer(&self, address: SocketAddr) -> bool {
        address.ip() == self.outer
    }

    /// Whether a packet to `address` is let through.
    pub(super) fn admits(&self, address: SocketAddr) -> bool {
        self.is_outer(address) && self.port == Some(address.port())
    }
}
