//! How much each of many parties holds, parties that nobody knows beforehand.

use super::{Full, HashIndex};

/// Counts by a keyed hash of who a party is: the address that packets come from, or an identity.
///
/// Parties that hold nothing take no room, so an index for as many parties as there are things to
/// hold is never full. Two parties whose hashes of 32 bits are equal are counted as one.
pub struct Tally<'s> {
    /// Under each party's hash, where others keep the number of a row, how much it holds.
    counts: HashIndex<'s>,
}

impl<'s> Tally<'s> {
    /// A tally in entries lent by the caller: [`HashIndex::entries_for`] says how many for a limit.
    #[must_use]
    pub fn lent(entries: &'s mut [u64]) -> Self {
        Self { counts: HashIndex::lent(entries) }
    }

    /// A tally of up to `limit` parties.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limit: u32) -> Self {
        Self { counts: HashIndex::owned(limit) }
    }

    /// How much the party holds.
    #[must_use]
    pub fn held(&self, party: u32) -> u32 {
        self.counts.find(party, |_| true).unwrap_or(0)
    }

    /// The party holds one more.
    ///
    /// # Errors
    /// [`Full`] if there are too many parties. Nothing has changed.
    pub fn add(&mut self, party: u32) -> Result<(), Full> {
        let held = self.held(party);
        self.counts.remove(party, held);
        self.counts.insert(party, held.saturating_add(1))
    }

    /// The party holds one less.
    pub fn take_away(&mut self, party: u32) {
        let held = self.held(party);
        self.counts.remove(party, held);
        if held > 1 {
            // Its entry has just been made free.
            let _ = self.counts.insert(party, held.saturating_sub(1));
        }
    }

    /// How many parties hold anything.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.counts.len()
    }

    /// Whether nobody holds anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }
}

/// Whether a party nobody knew beforehand may have one more row where `free` are left: it may
/// while it holds no more than that.
///
/// It is the dynamic threshold of [`Shares`](super::Shares) with nothing set aside, since nobody
/// can say for whom. One party alone gets half of a table, `n` that take all they can get leave one
/// part in `n + 1` free, and one that holds nothing gets even the last row.
#[must_use]
pub const fn may_join(held: u32, free: u32) -> bool {
    free > 0 && held <= free
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::random::Random;
    use super::*;

    #[test]
    fn a_tally_agrees_with_a_map() {
        for seed in 0..20 {
            let mut entries = [0; HashIndex::entries_for(16)];
            let (mut tally, mut model) = (Tally::lent(&mut entries), BTreeMap::new());
            let mut random = Random::new(seed);
            for _ in 0..2000 {
                let party = random.below(24) as u32 * 7;
                if random.below(2) == 0 {
                    let is_new = !model.contains_key(&party);
                    let is_full = is_new && model.len() == 16;
                    assert_eq!(tally.add(party).is_err(), is_full);
                    if !is_full {
                        *model.entry(party).or_insert(0) += 1;
                    }
                } else {
                    tally.take_away(party);
                    if let Some(held) = model.get_mut(&party) {
                        *held -= 1;
                    }
                    model.retain(|_, held| *held > 0);
                }
                assert_eq!(
                    (tally.len() as usize, tally.is_empty()),
                    (model.len(), model.is_empty())
                );
                assert_eq!(tally.held(party), model.get(&party).copied().unwrap_or(0));
            }
        }
    }

    #[test]
    fn one_party_gets_half_and_a_new_one_the_last_row() {
        for limit in [1, 2, 3, 4, 64, 4096] {
            let mut free = limit;
            let mut held = 0;
            while may_join(held, free) {
                (held, free) = (held + 1, free - 1);
            }
            assert!(held >= limit / 2 && held <= limit / 2 + 1, "{held} of {limit}");
            let mut others = 0;
            while may_join(0, free) {
                (others, free) = (others + 1, free - 1);
            }
            assert_eq!((held + others, free), (limit, 0));
        }
    }

    #[test]
    fn twenty_greedy_parties_leave_a_part_for_the_next() {
        let (mut free, mut held) = (2064_u32, [0_u32; 20]);
        while held.iter().any(|held| may_join(*held, free)) {
            // In turn: whoever holds least goes first.
            let least = held.iter_mut().min().unwrap();
            (*least, free) = (*least + 1, free - 1);
        }
        assert!(free >= 2064 / 21 - 1, "{free}");
    }
}
