//! [`Sources`]: how often each source of calls may call, in a table of fixed size.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;
use core::net::{IpAddr, SocketAddr};

use crate::crypto::{Crypto, KEY_LEN, RandomError, kdf};
use crate::limits::SOURCE_BUCKETS;
use crate::negotiation::limits::{CALLS_BURST, CALLS_INTERVAL};
use crate::negotiation::rate::Bucket;
use crate::time::Instant;

/// Counts the calls of sources: an IPv4 address, or an IPv6 network of 64 bits.
pub(super) struct Sources {
    secret: [u8; KEY_LEN],
    buckets: [Bucket; SOURCE_BUCKETS],
}

impl Sources {
    /// No calls yet.
    pub(super) fn new(crypto: &mut impl Crypto) -> Result<Self, RandomError> {
        let mut secret = [0; KEY_LEN];
        crypto.random(&mut secret)?;
        Ok(Self { secret, buckets: [Bucket::new(); SOURCE_BUCKETS] })
    }

    /// Counts a call, unless there were too many from that source.
    pub(super) fn is_allowed(&mut self, now: Instant, from: SocketAddr) -> bool {
        let place = self.place(from);
        let bucket = self.buckets.get_mut(place);
        bucket.is_some_and(|bucket| bucket.is_allowed(now, CALLS_BURST, CALLS_INTERVAL))
    }

    fn place(&self, from: SocketAddr) -> usize {
        let address = match from.ip() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let octets = address.octets();
        let is_v4 = address.to_ipv4_mapped().is_some();
        let network = if is_v4 { octets.get(8..) } else { octets.get(..8) };
        let [first, ..] = kdf::mac16(&self.secret, &[network.unwrap_or_default()]);
        usize::from(first) % SOURCE_BUCKETS
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sources(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Duration;

    fn place(text: &str) -> usize {
        let buckets = [Bucket::new(); SOURCE_BUCKETS];
        Sources { secret: [1; 32], buckets }.place(text.parse().unwrap())
    }

    #[test]
    fn a_source_is_an_address_or_a_network_whatever_the_port() {
        assert_eq!(place("192.0.2.1:1"), place("192.0.2.1:2"));
        assert_eq!(place("192.0.2.1:1"), place("[::ffff:192.0.2.1]:1"));
        assert_eq!(place("[2001:db8::1]:1"), place("[2001:db8::ffff:9]:1"));
        let v4 = (0..64).map(|n| place(&std::format!("192.0.2.{n}:1")));
        let v6 = (0..64).map(|n| place(&std::format!("[2001:db8:0:{n:x}::1]:1")));
        for places in [v4.collect::<std::collections::BTreeSet<_>>(), v6.collect()] {
            assert!(places.len() > 30, "{}", places.len());
        }
    }

    #[test]
    fn a_source_has_five_calls_and_then_twenty_a_second() {
        let buckets = [Bucket::new(); SOURCE_BUCKETS];
        let mut sources = Sources { secret: [1; 32], buckets };
        let from = "192.0.2.1:1".parse().unwrap();
        let mut allowed =
            |millis| sources.is_allowed(Instant::ZERO.after(Duration::from_millis(millis)), from);
        assert_eq!((0..50).filter(|_| allowed(9000)).count(), 5);
        assert_eq!((9001..=10_000).filter(|now| allowed(*now)).count(), 20);
    }
}
