//! Sets of ranges that take another row when one is full: most have a few ranges, and a queue that
//! overflowed leaves hundreds.

use core::ops::Range;

use super::{Account, Full, NONE, RangeSet, SharedTable};

/// Up to `N` ranges of a set, and where the higher ones are.
#[derive(Clone, Debug)]
pub struct RangeRow<const N: usize> {
    ranges: RangeSet<N>,
    next: u32,
}

/// Many sets of ranges in one table, each named by the index of its first row; [`NONE`] is the
/// empty set. A name changes with what is in the set, so it is lent for that. A set is its party's:
/// what may add or free rows is told that party's account.
///
/// No row of a set is empty. Finding a place is linear in the rows of the set and logarithmic in
/// the ranges of one.
pub(crate) struct RangeChains<'s, const N: usize> {
    rows: SharedTable<'s, RangeRow<N>>,
    /// The most rows of one set. It gets another one only while its party has fewer than half of
    /// its share in use: sets with many ranges leave room for those with few.
    max_chain: usize,
}

impl<'s, const N: usize> RangeChains<'s, N> {
    /// No sets yet. Each will have at most `max_ranges`, in rows of `N`, which is at least 2; about
    /// half as many where they come from the highest down, as rows that were split stay so.
    pub(crate) fn new(rows: SharedTable<'s, RangeRow<N>>, max_ranges: usize) -> Self {
        Self { rows, max_chain: max_ranges.checked_div(N).unwrap_or(0).max(1) }
    }

    /// Adds `range` to a set, merging it with all it overlaps or touches.
    ///
    /// # Errors
    /// [`Full`] if it stands alone and there is no room for another range. Nothing has changed.
    pub(crate) fn insert(
        &mut self,
        account: &mut Account,
        set: &mut u32,
        range: Range<u64>,
    ) -> Result<(), Full> {
        if range.is_empty() {
            return Ok(());
        }
        if *set == NONE {
            *set = self.rows.insert(account, RangeRow::empty())?.index();
        }
        let at = self.row_for(*set, range.start);
        let row = self.rows.at_mut(at).ok_or(Full)?;
        if row.ranges.insert(range.clone()).is_err() {
            let at = self.split(account, *set, at, range.start)?;
            let row = self.rows.at_mut(at).ok_or(Full)?;
            row.ranges.insert(range)?;
        } else {
            self.merge_up(account, at);
        }
        Ok(())
    }

    /// Takes all numbers in `range` out of a set.
    ///
    /// # Errors
    /// [`Full`] if this would split a range in two and there is no room for another. Nothing has
    /// changed: such a range is the only one it meets.
    pub(crate) fn remove(
        &mut self,
        account: &mut Account,
        set: &mut u32,
        range: Range<u64>,
    ) -> Result<(), Full> {
        let (mut before, mut at) = (NONE, *set);
        while let Some(row) = self.rows.at_mut(at) {
            if row.ranges.first().is_none_or(|first| first.start >= range.end) {
                break;
            }
            if row.ranges.remove(range.clone()).is_err() {
                let at = self.split(account, *set, at, range.start)?;
                return self.rows.at_mut(at).ok_or(Full)?.ranges.remove(range);
            }
            let (next, is_empty) = (row.next, row.ranges.is_empty());
            if is_empty {
                self.unlink(account, set, before, at);
            } else {
                before = at;
            }
            at = next;
        }
        Ok(())
    }

    /// Takes the lowest range out of a set.
    pub(crate) fn pop_first(&mut self, account: &mut Account, set: &mut u32) -> Option<Range<u64>> {
        let row = self.rows.at_mut(*set)?;
        let first = row.ranges.pop_first();
        if row.ranges.is_empty() {
            self.unlink(account, set, NONE, *set);
        }
        first
    }

    /// Empties a set.
    pub(crate) fn clear(&mut self, account: &mut Account, set: &mut u32) {
        while *set != NONE {
            self.unlink(account, set, NONE, *set);
        }
    }

    /// The lowest range of a set.
    pub(crate) fn first(&self, set: u32) -> Option<Range<u64>> {
        self.rows.at(set)?.ranges.first()
    }

    /// The highest range of a set.
    pub(crate) fn last(&self, set: u32) -> Option<Range<u64>> {
        self.rows_of(set).last()?.ranges.last()
    }

    /// The lowest range of a set that ends after `number`.
    pub(crate) fn ending_after(&self, set: u32, number: u64) -> Option<Range<u64>> {
        self.rows_of(set).find_map(|row| row.ranges.ending_after(number))
    }

    /// The ranges of a set, lowest first.
    pub(crate) fn iter(&self, set: u32) -> impl Iterator<Item = Range<u64>> + '_ {
        self.rows_of(set).flat_map(|row| row.ranges.iter())
    }

    /// How many numbers a set covers.
    pub(crate) fn total(&self, set: u32) -> u64 {
        self.rows_of(set).map(|row| row.ranges.total()).fold(0, u64::saturating_add)
    }

    /// How many rows all sets have.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u32 {
        self.rows.len()
    }

    /// How many rows there may be.
    #[cfg(test)]
    pub(crate) fn limit(&self) -> u32 {
        self.rows.limit()
    }

    pub(crate) fn rows_of(&self, set: u32) -> impl Iterator<Item = &RangeRow<N>> + '_ {
        core::iter::successors(self.rows.at(set), |row| self.rows.at(row.next))
    }

    /// The first row of the set that ends at or after `start`, or its last.
    fn row_for(&self, set: u32, start: u64) -> u32 {
        let mut at = set;
        while let Some(row) = self.rows.at(at)
            && row.next != NONE
            && row.end() < start
        {
            at = row.next;
        }
        at
    }

    /// Makes room in the full row `at` of a set, by moving its upper half into another row, or
    /// nothing where `start` is above all of it. Answers with the row that `start` belongs to.
    fn split(&mut self, account: &mut Account, set: u32, at: u32, start: u64) -> Result<u32, Full> {
        let is_too_long = self.rows_of(set).nth(self.max_chain.saturating_sub(1)).is_some();
        let share = self.rows.shares().share(account);
        if is_too_long || account.held() >= share / 2 {
            return Err(Full);
        }
        let upper = self.rows.insert(account, RangeRow::empty())?.index();
        let row = self.rows.at_mut(at).ok_or(Full)?;
        let ranges = row.ranges.split_off_half(start);
        let first = ranges.first();
        let next = core::mem::replace(&mut row.next, upper);
        *self.rows.at_mut(upper).ok_or(Full)? = RangeRow { ranges, next };
        Ok(if first.is_none_or(|first| first.start <= start) { upper } else { at })
    }

    /// The highest range of row `at` may have grown into the rows above it.
    fn merge_up(&mut self, account: &mut Account, at: u32) {
        while let Some((end, above_at)) = self.rows.at(at).map(|row| (row.end(), row.next))
            && let Some(above) = self.rows.at_mut(above_at)
            && above.ranges.first().is_some_and(|first| first.start <= end)
        {
            let reached = above.ranges.iter().take_while(|range| range.start <= end).last();
            let reached = reached.map_or(end, |range| range.end.max(end));
            // From the beginning on, nothing is split.
            let _ = above.ranges.remove(0..reached);
            if above.ranges.is_empty() {
                self.unlink(account, &mut { at }, at, above_at);
            }
            if let Some(row) = self.rows.at_mut(at) {
                let _ = row.ranges.insert(end..reached);
            }
        }
    }

    /// Takes row `at`, which comes after row `before` or is the first, out of a set.
    fn unlink(&mut self, account: &mut Account, set: &mut u32, before: u32, at: u32) {
        let Some(row) = self.rows.at(at) else {
            *set = NONE;
            return;
        };
        let next = row.next;
        match self.rows.at_mut(before) {
            Some(before) => before.next = next,
            None => *set = next,
        }
        self.rows.discard_at(account, at);
    }
}

impl<const N: usize> RangeRow<N> {
    const fn empty() -> Self {
        Self { ranges: RangeSet::new(), next: NONE }
    }

    /// Where its highest range ends.
    fn end(&self) -> u64 {
        self.ranges.last().map_or(0, |last| last.end)
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::random::Random;
    use super::super::ranges::tests::ranges_of;
    use super::super::{Row as TableRow, Table};
    use super::*;

    fn agrees(chains: &RangeChains<'_, 4>, set: u32, model: &[bool]) {
        let expected = ranges_of(model);
        assert!(chains.iter(set).eq(expected.iter().cloned()), "{expected:?}");
        assert_eq!(chains.first(set), expected.first().cloned());
        assert_eq!(chains.last(set), expected.last().cloned());
        assert_eq!(chains.total(set) as usize, model.iter().filter(|covered| **covered).count());
        let number = 77;
        let next = expected.iter().find(|range| range.end > number).cloned();
        assert_eq!(chains.ending_after(set, number), next);
        assert!(chains.rows_of(set).all(|row| !row.ranges.is_empty()));
        assert_eq!(set == NONE, expected.is_empty());
    }

    #[test]
    fn sets_in_one_table_agree_with_bitmaps() {
        for seed in 0..12 {
            let mut random = Random::new(seed);
            let mut rows = [const { TableRow::empty() }; 24];
            let account = &mut Account::new();
            let mut chains = RangeChains::<4>::new(SharedTable::new(Table::lent(&mut rows), 1), 16);
            let (mut sets, mut models) = ([NONE; 3], [[false; 160]; 3]);
            let (mut refused, mut most) = (0, 0);
            for _ in 0..6_000 {
                let which = random.below(3) as usize;
                let (set, model) = (&mut sets[which], &mut models[which]);
                let before = (chains.iter(*set).collect::<Vec<_>>(), *model);
                let start = random.below(160);
                let len = if random.below(40) == 0 { 90 } else { 1 + random.below(3) };
                let range = start..(start + len).min(160);
                let is_insert = random.below(seed + 4) < seed + 2;
                model[range.start as usize..range.end as usize].fill(is_insert);
                let answer = if is_insert {
                    chains.insert(account, set, range)
                } else {
                    chains.remove(account, set, range)
                };
                if answer.is_err() {
                    assert!(chains.iter(*set).eq(before.0.iter().cloned()));
                    *model = before.1;
                    refused += 1;
                }
                match random.below(200) {
                    0 => {
                        chains.clear(account, set);
                        model.fill(false);
                    }
                    1..20 => {
                        let first = ranges_of(model).first().cloned();
                        assert_eq!(chains.pop_first(account, set), first);
                        first.into_iter().flatten().for_each(|at| model[at as usize] = false);
                    }
                    _ => {}
                }
                most = most.max(chains.rows_of(*set).count());
                agrees(&chains, *set, model);
            }
            assert_eq!(most, 4, "no set has more rows than it may, and some had as many");
            assert!(refused > 0);
            sets.iter_mut().for_each(|set| chains.clear(account, set));
            assert_eq!(chains.len(), 0);
        }
    }

    #[test]
    fn a_set_of_many_rows_leaves_half_of_them_to_others() {
        let mut rows = [const { TableRow::empty() }; 8];
        let account = &mut Account::new();
        let mut chains = RangeChains::<4>::new(SharedTable::new(Table::lent(&mut rows), 1), 100);
        let (mut long, mut at) = (NONE, 0);
        while chains.insert(account, &mut long, at..at + 1).is_ok() {
            at += 2;
        }
        assert_eq!((at / 2, chains.len(), chains.limit()), (16, 4, 8));
        let mut others = [NONE; 4];
        assert!(others.iter_mut().all(|other| chains.insert(account, other, 0..1).is_ok()));
        assert_eq!(chains.insert(account, &mut { NONE }, 0..1), Err(Full));
        // What touches needs no room.
        assert_eq!(chains.insert(account, &mut long, 1..2), Ok(()));
    }
}
