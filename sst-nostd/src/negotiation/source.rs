//! [`Source`]: from where packets come, as far as addresses cannot be had by the million; and
//! [`Sources`]: how often each may do something, in a table of fixed size.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;
use core::net::IpAddr;

use crate::crypto::{Crypto, RandomError};
use crate::limits::SOURCE_BUCKETS;
use crate::negotiation::rate::Bucket;
use crate::storage::KeyedHash;
use crate::time::{Duration, Instant};

/// An IPv4 address, or an IPv6 network of 56 bits, whatever the port.
///
/// 56 bits are what most providers give to one customer, and what RIPE-690 recommends; by networks
/// of 64 bits, one customer would be 256 sources. Where a provider gives out less, up to 256
/// customers have one share, which is felt only while others leave no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source([u8; 8]);

impl Source {
    /// The source that an address belongs to.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let [a, b, c, d] = address.octets();
                Self([4, a, b, c, d, 0, 0, 0])
            }
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, ..] = address.octets();
                Self([6, a, b, c, d, e, f, g])
            }
        }
    }

    /// Its hash, by which it is counted.
    #[must_use]
    pub fn hash(self, hash: &KeyedHash) -> u32 {
        hash.hash_bytes(&self.0)
    }
}

/// Buckets that all sources share, two for each: one that floods empties its own two, and so stops
/// another only if both of that one's are among them.
pub struct Sources {
    hash: KeyedHash,
    buckets: [Bucket; SOURCE_BUCKETS],
}

impl Sources {
    /// Nobody did anything yet.
    ///
    /// # Errors
    /// [`RandomError`]: nobody may know who shares a bucket with whom.
    pub fn new(crypto: &mut impl Crypto) -> Result<Self, RandomError> {
        let mut key = [0; 16];
        crypto.random(&mut key)?;
        let key = u128::from_be_bytes(key);
        let hash = KeyedHash::new((key >> 64) as u64, key as u64);
        Ok(Self { hash, buckets: [Bucket::new(); SOURCE_BUCKETS] })
    }

    /// Counts what a source does, unless it does it too often: more than about `burst` times at
    /// once, or after that more than once in `interval`. Each of its buckets has half of that.
    pub fn is_allowed(
        &mut self,
        now: Instant,
        from: IpAddr,
        burst: u32,
        interval: Duration,
    ) -> bool {
        let hash = Source::of(from).hash(&self.hash) as usize;
        let (burst, interval) = (burst.div_ceil(2), interval.saturating_mul(2));
        [hash, hash >> 16].into_iter().any(|place| {
            let bucket = self.buckets.get_mut(place % SOURCE_BUCKETS);
            bucket.is_some_and(|bucket| bucket.is_allowed(now, burst, interval))
        })
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sources(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn source(text: &str) -> Source {
        Source::of(text.parse().unwrap())
    }

    fn sources() -> Sources {
        Sources { hash: KeyedHash::new(1, 2), buckets: [Bucket::new(); SOURCE_BUCKETS] }
    }

    // Spec: R-13.7-3.
    #[test]
    fn a_source_is_an_address_or_a_network_of_56_bits() {
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:ff:1::9"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:100::1"));
        let hash = KeyedHash::new(1, 2);
        let v4 = (0..64).map(|n| source(&std::format!("192.0.2.{n}")).hash(&hash));
        let v6 = (0..64).map(|n| source(&std::format!("2001:db8:0:{n:x}00::1")).hash(&hash));
        assert_eq!(v4.chain(v6).collect::<BTreeSet<_>>().len(), 128);
    }

    #[test]
    fn a_source_has_a_burst_and_then_one_in_each_interval() {
        let mut sources = sources();
        let from = "192.0.2.1".parse().unwrap();
        let mut allowed = |millis: u64| {
            let now = Instant::ZERO.after(Duration::from_millis(millis));
            sources.is_allowed(now, from, 5, Duration::from_millis(50))
        };
        assert_eq!((0..50).filter(|_| allowed(9000)).count(), 6);
        let later = (9001..=10_000).filter(|now| allowed(*now)).count();
        assert!((19..=20).contains(&later), "{later}");
    }

    #[test]
    fn twenty_sources_that_flood_stop_hardly_another() {
        let mut sources = sources();
        for n in 0..20 {
            let from = IpAddr::from([198, 51, 100, n]);
            for _ in 0..100 {
                sources.is_allowed(Instant::ZERO, from, 1, SECOND);
            }
        }
        let is_stopped = |n: u32| {
            let mut alone = Sources { hash: sources.hash, buckets: sources.buckets };
            !alone.is_allowed(
                Instant::ZERO,
                IpAddr::from((0x0a00_0000 + n).to_be_bytes()),
                1,
                SECOND,
            )
        };
        let stopped = (0..10_000).filter(|n| is_stopped(*n)).count();
        let most = if SOURCE_BUCKETS < 1024 { 10_000 } else { 40 };
        assert!(stopped <= most, "{stopped} of 10,000");
    }
}
