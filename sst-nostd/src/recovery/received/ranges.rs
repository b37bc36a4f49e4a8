//! A small set of numbers as ranges, newest kept.

use core::ops::RangeInclusive;

pub use crate::limits::RECEIVED_RANGES as MAX_RANGES;

/// First and last number of a range, both included.
type Range = (u64, u64);

/// Ranges written out, the newest first, and how many there are.
type Spread = ([Range; MAX_RANGES], usize);

/// Up to [`MAX_RANGES`] ranges of numbers, in descending order, never touching. The newest stands
/// in full, and grows where it stands; the others, which an idle channel has none of, each as how
/// far it ends below the one before and how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeSet {
    newest: Range,
    /// The numbers missing between a range and the one before it, and its numbers but one.
    older: [(u32, u32); MAX_RANGES - 1],
    /// Of all ranges.
    len: u8,
}

const _: () = assert!(MAX_RANGES <= u8::MAX as usize);

impl RangeSet {
    /// The empty set.
    #[must_use]
    pub const fn new() -> Self {
        Self { newest: (0, 0), older: [(0, 0); MAX_RANGES - 1], len: 0 }
    }

    /// Adds a number. When that needs a range too many the lowest range is forgotten, which may
    /// be the number itself. Returns whether the number is new and was kept.
    #[inline]
    pub fn insert(&mut self, number: u64) -> bool {
        if self.len > 0 && self.newest.1.checked_add(1) == Some(number) {
            self.newest.1 = number;
            return true;
        }
        self.insert_apart(number)
    }

    /// Adds a number that is not the next one after the largest.
    #[inline(never)]
    fn insert_apart(&mut self, number: u64) -> bool {
        let (mut ranges, len) = self.spread();
        // The first range that the number is not wholly below-and-apart from.
        let live = ranges.get(..len).unwrap_or_default();
        let place = live.iter().position(|&(first, _)| number >= first.saturating_sub(1));
        let place = place.unwrap_or(len);
        let (len, is_new) = match ranges.get_mut(place) {
            Some(range) if place < len && number <= range.1.saturating_add(1) => {
                if (range.0..=range.1).contains(&number) {
                    return false;
                }
                *range = (range.0.min(number), range.1.max(number));
                (join(&mut ranges, len, place), true)
            }
            Some(_) => (insert_at(&mut ranges, len, place, (number, number)), true),
            None => (len, false),
        };
        self.gather(&ranges, len);
        is_new && self.contains(number)
    }

    /// Removes every number below `bound`.
    pub fn remove_below(&mut self, bound: u64) {
        if self.len == 1 && self.newest.1 >= bound {
            self.newest.0 = self.newest.0.max(bound);
            return;
        }
        let (mut ranges, len) = self.spread();
        let live = ranges.get(..len).unwrap_or_default();
        let kept = live.iter().take_while(|&&(_, last)| last >= bound).count();
        if let Some(lowest) = kept.checked_sub(1).and_then(|at| ranges.get_mut(at)) {
            lowest.0 = lowest.0.max(bound);
        }
        self.gather(&ranges, kept);
    }

    /// The ranges, highest first.
    pub fn iter(&self) -> impl Iterator<Item = RangeInclusive<u64>> + Clone + '_ {
        let newest = (self.len > 0).then_some(self.newest);
        let older = self.older.get(..usize::from(self.len).saturating_sub(1)).unwrap_or_default();
        let below = older.iter().scan(self.newest.0, |above, &(gap, more)| {
            let last = above.saturating_sub(1).saturating_sub(u64::from(gap));
            *above = last.saturating_sub(u64::from(more));
            Some((*above, last))
        });
        newest.into_iter().chain(below).map(|(first, last)| first..=last)
    }

    /// The number of ranges.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.len)
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
        (self.len > 0).then_some(self.newest.1)
    }

    fn spread(&self) -> Spread {
        let mut ranges = [(0, 0); MAX_RANGES];
        for (slot, range) in ranges.iter_mut().zip(self.iter()) {
            *slot = (*range.start(), *range.end());
        }
        (ranges, self.len())
    }

    /// Takes the first `len` of `ranges`, as far as they lie within 2^32 of each other: what is
    /// further below was received too long ago to be told.
    fn gather(&mut self, ranges: &[Range; MAX_RANGES], len: usize) {
        self.len = 0;
        let live = ranges.get(..len).unwrap_or_default();
        let Some((newest, older)) = live.split_first() else { return };
        (self.newest, self.len) = (*newest, 1);
        let mut above = newest.0;
        for (slot, &(first, last)) in self.older.iter_mut().zip(older) {
            let gap = u32::try_from(above.saturating_sub(1).saturating_sub(last));
            let Ok(gap) = gap else { return };
            // Of a range that is too long the lower end is forgotten.
            let more = u32::try_from(last.saturating_sub(first)).unwrap_or(u32::MAX);
            *slot = (gap, more);
            above = last.saturating_sub(u64::from(more));
            self.len = self.len.saturating_add(1);
        }
    }
}

/// Puts `range` at `place`; the lowest range makes room if need be. Returns how many there are.
fn insert_at(ranges: &mut [Range; MAX_RANGES], len: usize, place: usize, range: Range) -> usize {
    let len = len.saturating_add(1).min(MAX_RANGES);
    let mut carried = range;
    for slot in ranges.get_mut(place..len).unwrap_or_default() {
        core::mem::swap(slot, &mut carried);
    }
    len
}

/// Joins the range at `place` with the next lower one if they now touch. A range grown upward never
/// reaches the one above: the place found would have been that one. Returns how many there are.
fn join(ranges: &mut [Range; MAX_RANGES], len: usize, place: usize) -> usize {
    let Some(tail) = ranges.get_mut(place..len) else { return len };
    let Some((upper, rest)) = tail.split_first_mut() else { return len };
    match rest.first() {
        Some(&(first, last)) if last.saturating_add(1) >= upper.0 => upper.0 = first,
        _ => return len,
    }
    let mut carried = (0, 0);
    for slot in rest.iter_mut().rev() {
        core::mem::swap(slot, &mut carried);
    }
    len.saturating_sub(1)
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
        let set = set_of(&[u64::MAX, u64::MAX - 1]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [u64::MAX - 1..=u64::MAX]);
        assert_eq!(set_of(&[0, 1, 3]).iter().collect::<Vec<_>>(), [3..=3, 0..=1]);
    }

    #[test]
    fn what_is_four_billion_numbers_below_is_forgotten() {
        let far = 9 + (1 << 32);
        assert_eq!(set_of(&[9, far]).iter().collect::<Vec<_>>(), [far..=far, 9..=9]);
        assert_eq!(set_of(&[9, far + 1]).iter().collect::<Vec<_>>(), [far + 1..=far + 1]);
        assert!(!set_of(&[far + 1]).insert(9));
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
