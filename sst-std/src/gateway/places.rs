//! [`Places`]: how many of one thing there may be, shared by the addresses that take them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sst_nostd::{Source, may_join};

/// Places for connections or peers. A source (an IPv4 address, an IPv6 network of 56 bits) takes
/// one more while it holds no more than are free: alone it gets half and one, and one that holds
/// nothing gets even the last.
pub(super) struct Places {
    limit: u32,
    proxies: Vec<IpAddr>,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    total: u32,
    by_source: HashMap<Source, u32>,
}

/// One place; free again when dropped.
pub(super) struct Place {
    of: Arc<Places>,
    source: Source,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoPlace {
    #[error("no more than {limit} at once; try again later")]
    Full { limit: u32 },
    #[error("the system has no randomness to name it")]
    NoName,
    #[error("your address holds {held} of {limit}, and the rest is for others; end some first")]
    Share { held: u32, limit: u32 },
}

impl Places {
    /// Places for `limit`. The connections of `proxies` are of many, and have no share.
    pub(super) fn new(limit: usize, proxies: &[IpAddr]) -> Arc<Self> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let proxies = proxies.iter().map(IpAddr::to_canonical).collect();
        Arc::new(Self { limit, proxies, taken: Mutex::default() })
    }

    /// A place for one more at `from`.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(super) fn take(self: &Arc<Self>, from: IpAddr) -> Result<Place, NoPlace> {
        let (limit, source) = (self.limit, Source::of(from));
        let mut taken = self.lock();
        let free = limit.saturating_sub(taken.total);
        if free == 0 {
            return Err(NoPlace::Full { limit });
        }
        let held = taken.by_source.get(&source).copied().unwrap_or(0);
        if !may_join(held, free) && !self.proxies.contains(&from.to_canonical()) {
            return Err(NoPlace::Share { held, limit });
        }
        taken.total += 1;
        *taken.by_source.entry(source).or_default() += 1;
        drop(taken);
        Ok(Place { of: self.clone(), source })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.of.lock();
        taken.total = taken.total.saturating_sub(1);
        let held = taken.by_source.get(&self.source).map_or(0, |held| held.saturating_sub(1));
        if held == 0 {
            taken.by_source.remove(&self.source);
        } else {
            taken.by_source.insert(self.source, held);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn one_address_leaves_places_for_others_and_hears_so() {
        let places = Places::new(8, &[]);
        let greedy: Vec<_> = std::iter::from_fn(|| places.take(address(1)).ok()).collect();
        assert_eq!(greedy.len(), 5);
        assert_eq!(places.take(address(1)).err(), Some(NoPlace::Share { held: 5, limit: 8 }));
        let others: Vec<_> = (2..5).map(|last| places.take(address(last)).unwrap()).collect();
        assert_eq!(places.take(address(9)).err(), Some(NoPlace::Full { limit: 8 }));
        drop((greedy, others));
        assert!(places.take(address(1)).is_ok());
        assert_eq!(places.lock().total, 0);
        assert!(places.lock().by_source.is_empty());
    }

    #[test]
    fn a_proxy_has_all_of_them() {
        let places = Places::new(8, &[address(1)]);
        let held: Vec<_> = std::iter::from_fn(|| places.take(address(1)).ok()).collect();
        assert_eq!(held.len(), 8);
    }

    #[test]
    fn an_ipv6_network_of_56_bits_is_one_source() {
        let places = Places::new(3, &[]);
        let _held = [
            places.take("2001:db8:0:1::1".parse().unwrap()).unwrap(),
            places.take("2001:db8:0:2::1".parse().unwrap()).unwrap(),
        ];
        assert!(places.take("2001:db8:0:3::1".parse().unwrap()).is_err());
        assert!(places.take("2001:db8:1::1".parse().unwrap()).is_ok());
    }
}
