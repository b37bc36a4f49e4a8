//! A small set of numbers as ranges, newest kept.

use core::ops::RangeInclusive;

pub use crate::limits::RECEIVED_RANGES as MAX_RANGES;

/// First and last number of a range, both included.
type Range = (u64, u64);

/// Up to [`MAX_RANGES`] ranges of numbers, in descending order, never touching.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeSet {
    ranges: [Range; MAX_RANGES],
    len: usize,
}

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { ranges: [(0, 0); MAX_RANGES], len: 0 }
    }

    /// Adds a number. When that needs a range too many the lowest range is forgotten, which may
    /// be the number itself. Returns whether the number is new and was kept.
    pub fn insert(&mut self, number: u64) -> bool {
        // The first range that the number is not wholly below-and-apart from.
        let place = self.live().iter().position(|&(first, _)| number >= first.saturating_sub(1));
        let place = place.unwrap_or(self.len);
        match self.ranges.get_mut(place) {
            Some(range) if place < self.len && number <= range.1.saturating_add(1) => {
                if (range.0..=range.1).contains(&number) {
                    return false;
                }
                *range = (range.0.min(number), range.1.max(number));
                self.join(place);
                true
            }
            Some(_) => self.insert_at(place, (number, number)),
            None => false,
        }
    }

    /// Removes every number below `bound`.
    pub fn remove_below(&mut self, bound: u64) {
        let kept = self.live().iter().take_while(|&&(_, last)| last >= bound).count();
        self.len = kept;
        if let Some(lowest) = kept.checked_sub(1).and_then(|at| self.ranges.get_mut(at)) {
            lowest.0 = lowest.0.max(bound);
        }
    }

    /// The ranges, highest first.
    pub fn iter(&self) -> impl Iterator<Item = RangeInclusive<u64>> + Clone + '_ {
        self.live().iter().map(|&(first, last)| first..=last)
    }

    /// The number of ranges.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the set is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether `number` is in the set.
    #[must_use]
    pub fn contains(&self, number: u64) -> bool {
        self.iter().any(|range| range.contains(&number))
    }

    /// The largest number.
    #[must_use]
    pub fn largest(&self) -> Option<u64> {
        self.live().first().map(|&(_, last)| last)
    }

    fn live(&self) -> &[Range] {
        self.ranges.get(..self.len).unwrap_or(&[])
    }

    fn insert_at(&mut self, place: usize, range: Range) -> bool {
        self.len = self.len.saturating_add(1).min(MAX_RANGES);
        let Some(tail) = self.ranges.get_mut(place..self.len) else { return false };
        let mut carried = range;
        for slot in tail {
            core::mem::swap(slot, &mut carried);
        }
        true
    }

    /// Joins the range at `place` with the next lower one if they now touch. A range grown upward
    /// never reaches the one above: the place found would have been that one.
    fn join(&mut self, place: usize) {
        let Some(tail) = self.ranges.get_mut(place..self.len) else { return };
        let Some((upper, rest)) = tail.split_first_mut() else { return };
        match rest.first() {
            Some(&(first, last)) if last.saturating_add(1) >= upper.0 => upper.0 = first,
            _ => return,
        }
        let mut carried = (0, 0);
        for slot in rest.iter_mut().rev() {
            core::mem::swap(slot, &mut carried);
        }
        self.len = self.len.saturating_sub(1);
    }
}

impl Default for RangeSet {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::vec::Vec;

    fn set_of(numbers: &[u64]) -> RangeSet {
        let mut set = RangeSet::new();
        for &number in numbers {
            set.insert(number);
        }
        set
    }

    /// The ranges of a model set, highest first, at most [`MAX_RANGES`].
    fn model_ranges(model: &BTreeSet<u64>) -> Vec<RangeInclusive<u64>> {
        let mut ranges: Vec<RangeInclusive<u64>> = Vec::new();
        for &number in model.iter().rev() {
            match ranges.last_mut() {
                Some(range) if *range.start() == number + 1 => *range = number..=*range.end(),
                _ => ranges.push(number..=number),
            }
        }
        ranges.truncate(MAX_RANGES);
        ranges
    }

    #[test]
    fn neighbours_join_and_duplicates_are_told() {
        let mut set = set_of(&[5, 7]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [7..=7, 5..=5]);
        assert!(!set.insert(5));
        assert!(set.insert(6));
        assert_eq!(set.iter().collect::<Vec<_>>(), [5..=7]);
        assert!(set.insert(4) && set.insert(8));
        assert_eq!(set.iter().collect::<Vec<_>>(), [4..=8]);
    }

    // Spec: R-6.5-5.
    #[test]
    fn the_oldest_range_is_forgotten_when_full() {
        let mut set = set_of(&(0..MAX_RANGES as u64).map(|n| 10 + n * 2).collect::<Vec<_>>());
        assert!(!set.insert(2), "older than all that is kept");
        assert!(set.insert(1000));
        assert_eq!(set.len(), MAX_RANGES);
        assert!(!set.contains(10) && set.contains(12) && set.contains(1000));
    }

    #[test]
    fn the_ends_of_the_number_space_are_numbers_like_others() {
        let set = set_of(&[u64::MAX, 0, u64::MAX - 1, 1]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [u64::MAX - 1..=u64::MAX, 0..=1]);
    }

    #[test]
    fn random_play_agrees_with_a_tree_of_numbers() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = move |bound: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % bound
        };
        for _ in 0..200 {
            let mut set = RangeSet::new();
            let mut model = BTreeSet::new();
            let mut newest = 0;
            for _ in 0..400 {
                newest += random(3);
                let number = newest.saturating_sub(random(40));
                if random(50) == 0 {
                    set.remove_below(number);
                    model = model.split_off(&number);
                } else {
                    let fresh = set.insert(number);
                    let was_new = model.insert(number);
                    // Forgotten ranges are gone from the model too, or they would come back.
                    let ranges = model_ranges(&model);
                    model.retain(|n| ranges.iter().any(|range| range.contains(n)));
                    assert_eq!(fresh, was_new && model.contains(&number));
                }
                assert_eq!(set.iter().collect::<Vec<_>>(), model_ranges(&model));
                assert_eq!(set.largest(), model.last().copied());
            }
        }
    }
}
