//! A small sorted set of number ranges, such as packet numbers to acknowledge.

use core::ops::Range;

use heapless::Vec;

use super::Full;

/// At most `N` disjoint, non-touching, half-open ranges of `u64`, in ascending order.
///
/// Empty and inverted ranges count as covering nothing. `u64::MAX` itself can never be covered.
/// Finding a place is `O(log N)`; making or closing room moves at most `N` ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeSet<const N: usize> {
    ranges: Vec<Range<u64>, N>,
}

impl<const N: usize> RangeSet<N> {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Adds `range`, merging it with all it overlaps or touches; tells how many numbers were not
    /// covered before.
    ///
    /// # Errors
    /// [`Full`] if it stands alone and there are `N` ranges already.
    pub fn insert(&mut self, range: Range<u64>) -> Result<u64, Full> {
        if range.is_empty() {
            return Ok(0);
        }
        let first = self.ranges.partition_point(|r| r.end < range.start);
        let after = self.ranges.partition_point(|r| r.start <= range.end);
        let merged = self.ranges.get(first..after).unwrap_or_default();
        let (Some(low), Some(high)) = (merged.first(), merged.last()) else {
            let count = length(&range);
            return self.insert_at(first, range).map(|()| count);
        };
        let whole = low.start.min(range.start)..high.end.max(range.end);
        let before = merged.iter().map(length).fold(0, u64::saturating_add);
        let count = length(&whole).saturating_sub(before);
        self.close(first.saturating_add(1), after);
        if let Some(place) = self.ranges.get_mut(first) {
            *place = whole;
        }
        Ok(count)
    }

    /// Takes out all numbers in `range`.
    ///
    /// # Errors
    /// [`Full`] if this would split a range in two and there are `N` already.
    pub fn remove(&mut self, range: Range<u64>) -> Result<(), Full> {
        if range.is_empty() {
            return Ok(());
        }
        let mut first = self.ranges.partition_point(|r| r.end <= range.start);
        let mut after = self.ranges.partition_point(|r| r.start < range.end);
        if let Some(cut) = self.ranges.get(first).cloned()
            && cut.start < range.start
        {
            if range.end < cut.end {
                let upper = range.end..cut.end;
                self.insert_at(first.saturating_add(1), upper)?;
                after = first;
            }
            if let Some(place) = self.ranges.get_mut(first) {
                place.end = range.start;
            }
            first = first.saturating_add(1);
        }
        if let Some(cut) = after.checked_sub(1).and_then(|last| self.ranges.get_mut(last))
            && after > first
            && range.end < cut.end
        {
            cut.start = range.end;
            after = after.saturating_sub(1);
        }
        self.close(first, after);
        Ok(())
    }

    /// Takes out the lowest range.
    pub fn pop_first(&mut self) -> Option<Range<u64>> {
        let first = self.first()?;
        self.close(0, 1);
        Some(first)
    }

    /// Takes out everything.
    pub fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Whether `number` is covered.
    #[inline]
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.range_ending_after(number).is_some_and(|r| r.start <= number)
    }

    /// Whether all of `range` is covered; an empty range always is.
    #[inline]
    #[must_use]
    pub fn covers(&self, range: Range<u64>) -> bool {
        range.is_empty()
            || self
                .range_ending_after(range.start)
                .is_some_and(|r| r.start <= range.start && range.end <= r.end)
    }

    /// The lowest range.
    #[inline]
    #[must_use]
    pub fn first(&self) -> Option<Range<u64>> {
        self.ranges.first().cloned()
    }

    /// The highest range.
    #[inline]
    #[must_use]
    pub fn last(&self) -> Option<Range<u64>> {
        self.ranges.last().cloned()
    }

    /// All ranges, lowest first.
    #[inline]
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = Range<u64>> + ExactSizeIterator + Clone + '_ {
        self.ranges.iter().cloned()
    }

    /// How many ranges there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing is covered.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// How many numbers are covered.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.ranges.iter().map(length).fold(0, u64::saturating_add)
    }

    /// The lowest range that ends after `number`.
    #[inline]
    #[must_use]
    pub fn ending_after(&self, number: u64) -> Option<Range<u64>> {
        self.range_ending_after(number).cloned()
    }

    /// Takes out and answers with the upper half of the ranges, or with nothing if `start` is
    /// above them all: then what comes is likely to be higher still.
    pub(super) fn split_off_half(&mut self, start: u64) -> Self {
        let mut upper = Self::new();
        if self.last().is_none_or(|last| last.end <= start) {
            return upper;
        }
        let half = self.ranges.len() / 2;
        for range in self.ranges.get(half..).unwrap_or_default() {
            let _ = upper.ranges.push(range.clone());
        }
        self.ranges.truncate(half);
        upper
    }

    #[inline]
    fn range_ending_after(&self, number: u64) -> Option<&Range<u64>> {
        self.ranges.get(self.ranges.partition_point(|r| r.end <= number))
    }

    /// Makes room at `place`, which is at most the end, and puts `range` there.
    fn insert_at(&mut self, place: usize, range: Range<u64>) -> Result<(), Full> {
        self.ranges.push(range.clone()).map_err(|_| Full)?;
        let mut carried = range;
        for slot in self.ranges.get_mut(place..).unwrap_or_default() {
            core::mem::swap(slot, &mut carried);
        }
        Ok(())
    }

    /// Takes out the ranges from place `first` up to but not including `after`.
    fn close(&mut self, first: usize, after: usize) {
        if first < after && after <= self.ranges.len() {
            self.ranges.drain(first..after);
        }
    }
}

const fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

#[cfg(test)]
pub(super) mod tests {
    use std::vec::Vec as StdVec;

    use super::super::random::Random;
    use super::*;

    /// The ranges that cover the true places of `model`.
    pub(in super::super) fn ranges_of(model: &[bool]) -> StdVec<Range<u64>> {
        let mut ranges: StdVec<Range<u64>> = StdVec::new();
        for (number, _) in model.iter().enumerate().filter(|(_, covered)| **covered) {
            let number = number as u64;
            match ranges.last_mut() {
                Some(last) if last.end == number => last.end += 1,
                _ => ranges.push(number..number + 1),
            }
        }
        ranges
    }

    fn agrees_with_bits<const N: usize>(seed: u64) -> usize {
        let mut random = Random::new(seed);
        let mut set = RangeSet::<N>::new();
        let mut model = [false; 64];
        let mut refused = 0;
        for _ in 0..3000 {
            let start = random.below(60);
            let range = start..(start + random.below(4 + 8 * (seed & 1))).min(64);
            let is_insert = random.below(3) < 2;
            let before = (set.clone(), model);
            let places = &mut model[range.start as usize..range.end as usize];
            let fresh = places.iter().filter(|covered| !**covered).count() as u64;
            places.fill(is_insert);
            let expected = ranges_of(&model);
            let answer =
                if is_insert { set.insert(range) } else { set.remove(range).map(|()| fresh) };
            if expected.len() > N {
                assert_eq!(answer, Err(Full));
                assert_eq!(set, before.0);
                model = before.1;
                refused += 1;
            } else {
                assert_eq!(answer, Ok(fresh));
            }
            agrees(&set, &model);
            if random.below(50) == 0 {
                let first = ranges_of(&model).first().cloned();
                assert_eq!(set.pop_first(), first);
                first.into_iter().flatten().for_each(|number| model[number as usize] = false);
            }
        }
        refused
    }

    fn agrees<const N: usize>(set: &RangeSet<N>, model: &[bool; 64]) {
        let expected = ranges_of(model);
        assert!(set.iter().eq(expected.iter().cloned()));
        assert!(set.iter().rev().eq(expected.iter().rev().cloned()));
        assert_eq!(
            (set.first(), set.last()),
            (expected.first().cloned(), expected.last().cloned())
        );
        assert_eq!((set.len(), set.is_empty()), (expected.len(), expected.is_empty()));
        assert_eq!(set.total() as usize, model.iter().filter(|covered| **covered).count());
        for start in 0..64 {
            assert_eq!(set.contains(start), model[start as usize]);
            for end in [start, start + 1, start + 3, 64] {
                let covered = model.iter().take(end as usize).skip(start as usize).all(|c| *c);
                assert_eq!(set.covers(start..end.min(64)), covered);
            }
        }
    }

    #[test]
    fn agrees_with_a_bitmap() {
        for seed in 0..8 {
            assert!(agrees_with_bits::<4>(seed) > 100, "some inserts must have met the limit");
            agrees_with_bits::<1>(seed);
            assert_eq!(agrees_with_bits::<32>(seed), 0);
        }
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn empty_and_extreme_ranges() {
        let mut set = RangeSet::<2>::new();
        assert_eq!((set.insert(5..5), set.insert(9..3), set.remove(9..3)), (Ok(0), Ok(0), Ok(())));
        assert!(set.is_empty() && set.covers(9..3) && set.pop_first().is_none());
        assert_eq!(set.insert(0..u64::MAX), Ok(u64::MAX));
        assert!(set.contains(u64::MAX - 1) && !set.contains(u64::MAX));
        assert_eq!((set.total(), set.insert(3..9)), (u64::MAX, Ok(0)));
        set.clear();
        assert!(set.is_empty());
    }
}
