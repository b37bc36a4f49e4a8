//! From a hash to a table row: open addressing with linear probing, at most half full.

use super::{Backing, Full};

/// Finds table rows by hash. It holds hashes and row numbers only; the caller compares keys.
///
/// Removal shifts entries back instead of leaving marks, so that look-ups never slow down with
/// age. At most half full and fed with keyed hashes, a look-up reads two entries on average; no
/// look-up probes more often than there are entries.
pub struct HashIndex<'s> {
    /// `hash << 32 | (slot + 1)`, zero where empty; as plain integers so that a large owned
    /// index is zeroed, and made resident, lazily. Their number is zero or a power of two.
    entries: Backing<'s, u64>,
    len: u32,
    limit: u32,
}

impl<'s> HashIndex<'s> {
    /// An index in entries lent by the caller: [`Self::entries_for`] says how many for a limit.
    /// Entries beyond the last power of two stay unused.
    #[must_use]
    pub fn lent(entries: &'s mut [u64]) -> Self {
        let count = entries.len().checked_ilog2().map_or(0, |log| 1 << log.min(31));
        let entries = Backing::lent_zeroed(entries.get_mut(..count).unwrap_or_default());
        Self { limit: (count / 2) as u32, entries, len: 0 }
    }

    /// An index for `limit` rows, at most 2^30.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limit: u32) -> Self {
        let limit = limit.min(1 << 30);
        let entries = Backing::owned_zeroed(Self::entries_for(limit as usize));
        Self { entries, len: 0, limit }
    }

    /// How many entries an index for `limit` rows (at most 2^30) takes: 8 bytes each.
    #[must_use]
    pub const fn entries_for(limit: usize) -> usize {
        if limit == 0 { 0 } else { limit.saturating_mul(2).next_power_of_two() }
    }

    /// Adds row `slot` under `hash`. Adding the same pair twice makes two entries.
    ///
    /// # Errors
    /// [`Full`] at the limit.
    #[inline]
    pub fn insert(&mut self, hash: u32, slot: u32) -> Result<(), Full> {
        if self.len >= self.limit {
            return Err(Full);
        }
        let entry = pack(hash, slot).ok_or(Full)?;
        let at = self.probe(hash, |found| found == 0).ok_or(Full)?;
        self.put(at, entry);
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// The first row under `hash` that `is_match` accepts.
    #[inline]
    pub fn find(&self, hash: u32, mut is_match: impl FnMut(u32) -> bool) -> Option<u32> {
        let at = self.probe(hash, |entry| {
            entry == 0 || hash_of(entry) == hash && slot_of(entry).is_some_and(&mut is_match)
        })?;
        slot_of(self.entry(at))
    }

    /// Takes out row `slot` under `hash`; tells whether it was there.
    #[inline]
    pub fn remove(&mut self, hash: u32, slot: u32) -> bool {
        let Some(wanted) = pack(hash, slot) else { return false };
        let Some(at) = self.probe(hash, |entry| entry == 0 || entry == wanted) else {
            return false;
        };
        if self.entry(at) == 0 {
            return false;
        }
        self.close_gap(at);
        self.len = self.len.saturating_sub(1);
        true
    }

    /// How many rows it holds.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether it holds no row.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The most rows it can hold.
    #[inline]
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The first place, from where `hash` belongs, whose entry `is_wanted` accepts.
    #[inline]
    fn probe(&self, hash: u32, mut is_wanted: impl FnMut(u64) -> bool) -> Option<u32> {
        let (entries, mask) = (self.entries.as_slice(), self.mask());
        let mut at = hash & mask;
        for _ in 0..entries.len() {
            if is_wanted(*entries.get(at as usize)?) {
                return Some(at);
            }
            at = at.wrapping_add(1) & mask;
        }
        None
    }

    /// Empties place `gap`, pulling back entries that probing would no longer reach past it.
    fn close_gap(&mut self, mut gap: u32) {
        let mask = self.mask();
        let mut at = gap;
        for _ in 0..self.entries.len() {
            at = at.wrapping_add(1) & mask;
            let entry = self.entry(at);
            if entry == 0 {
                break;
            }
            let from_home = at.wrapping_sub(hash_of(entry)) & mask;
            let from_gap = at.wrapping_sub(gap) & mask;
            if from_home >= from_gap {
                self.put(gap, entry);
                gap = at;
            }
        }
        self.put(gap, 0);
    }

    #[inline]
    fn mask(&self) -> u32 {
        (self.entries.len() as u32).wrapping_sub(1)
    }

    #[inline]
    fn entry(&self, at: u32) -> u64 {
        self.entries.get(at).copied().unwrap_or(0)
    }

    #[inline]
    fn put(&mut self, at: u32, entry: u64) {
        if let Some(place) = self.entries.get_mut(at) {
            *place = entry;
        }
    }
}

fn pack(hash: u32, slot: u32) -> Option<u64> {
    Some(u64::from(hash) << 32 | u64::from(slot.checked_add(1)?))
}

const fn hash_of(entry: u64) -> u32 {
    (entry >> 32) as u32
}

/// `None` for an empty entry.
const fn slot_of(entry: u64) -> Option<u32> {
    (entry as u32).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec;

    use super::super::random::Random;
    use super::*;

    /// Few distinct hashes around the wrap, so that runs are long and cross the end.
    fn agrees_with_a_set(mut index: HashIndex<'_>, seed: u64) {
        let mut random = Random::new(seed);
        let mut model = BTreeSet::new();
        assert_eq!(index.limit(), 32);
        for _ in 0..3000 {
            let hash = 58_u32.wrapping_add(random.below(12) as u32 * (1 + 64 * (seed as u32 % 2)));
            let slot = random.below(10) as u32;
            if random.below(2) == 0 && !model.contains(&(hash, slot)) {
                let expected = if model.len() == 32 { Err(Full) } else { Ok(()) };
                assert_eq!(index.insert(hash, slot), expected);
                if expected.is_ok() {
                    model.insert((hash, slot));
                }
            } else {
                assert_eq!(index.remove(hash, slot), model.remove(&(hash, slot)));
            }
            assert_eq!(index.len() as usize, model.len());
            for hash in 58..58 + 12 {
                for slot in 0..10 {
                    let found = index.find(hash, |s| s == slot);
                    assert_eq!(found, model.contains(&(hash, slot)).then_some(slot));
                }
            }
        }
    }

    #[test]
    fn lent_index_agrees_with_a_set() {
        for seed in 0..6 {
            agrees_with_a_set(HashIndex::lent(&mut [9; 100]), seed);
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn owned_index_agrees_with_a_set() {
        agrees_with_a_set(HashIndex::owned(32), 3);
    }

    #[test]
    fn find_asks_only_about_rows_under_the_same_hash() {
        let mut entries = [0; 16];
        let mut index = HashIndex::lent(&mut entries);
        for slot in 0..3 {
            index.insert(5, slot).unwrap();
            index.insert(5 + 16, 100 + slot).unwrap();
        }
        let mut asked = vec![];
        assert_eq!(index.find(5, |slot| (asked.push(slot), false).1), None);
        assert_eq!(asked, [0, 1, 2]);
        assert_eq!(index.find(5, |slot| slot > 0), Some(1));
        assert_eq!(index.find(6, |_| true), None);
    }

    #[test]
    fn index_without_entries_answers() {
        for entries in [&mut [][..], &mut [7]] {
            let mut index = HashIndex::lent(entries);
            assert_eq!((index.limit(), index.insert(1, 1)), (0, Err(Full)));
            assert_eq!((index.find(1, |_| true), index.remove(1, 1)), (None, false));
        }
        let mut entries = [0; HashIndex::entries_for(3)];
        let mut index = HashIndex::lent(&mut entries);
        assert_eq!((index.limit(), index.insert(0, u32::MAX)), (4, Err(Full)));
        assert_eq!((HashIndex::entries_for(0), HashIndex::entries_for(1)), (0, 2));
        assert!(index.is_empty());
    }
}
