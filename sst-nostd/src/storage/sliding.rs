//! Which of a run of numbers have been seen, remembering only the most recent stretch.

/// A window of `WORDS * 64` numbers ending at the highest seen. For replay protection (packet
/// numbers) and for telling used ids from unused ones.
///
/// `WORDS` should be a power of two: then no division is needed.
#[derive(Clone, Debug)]
pub struct SlidingBits<const WORDS: usize> {
    /// A ring: number `n` is bit `n % 64` of word `n / 64 % WORDS`. Bits of numbers above the
    /// highest are those of the window's oldest.
    words: [u64; WORDS],
    highest: Option<u64>,
    /// The lowest number that is fresh. Kept, because it is asked for with every stream, and moves
    /// by steps over words that are full: never twice over one.
    lowest: u64,
}

/// What a [`SlidingBits`] knows about a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// It has not been seen.
    Fresh,
    /// It has been seen.
    Seen,
    /// It lies below the window: whether it has been seen is forgotten.
    TooOld,
}

impl<const WORDS: usize> SlidingBits<WORDS> {
    /// How many numbers the window spans.
    pub const SPAN: u64 = {
        assert!(WORDS > 0, "a window needs a word");
        (WORDS as u64).saturating_mul(64)
    };

    /// Nothing seen yet.
    #[must_use]
    pub const fn new() -> Self {
        let _ = Self::SPAN;
        Self { words: [0; WORDS], highest: None, lowest: 0 }
    }

    /// Notes `number` as seen, moving the window up if it is the highest; tells what was known
    /// before. Numbers that are too old are ignored. Constant time for the next number, at most
    /// `WORDS` steps for a jump of any size.
    #[inline]
    pub fn set(&mut self, number: u64) -> Sighting {
        let before = self.state(number);
        if before != Sighting::Fresh {
            return before;
        }
        if self.highest.is_none_or(|highest| number > highest) {
            self.forget_up_to(number);
            self.highest = Some(number);
        }
        if let Some(word) = self.words.get_mut(Self::place(number / 64)) {
            *word |= 1 << (number % 64);
        }
        self.raise_lowest();
        before
    }

    /// Whether `number` has been seen.
    #[inline]
    #[must_use]
    pub fn state(&self, number: u64) -> Sighting {
        match self.highest {
            Some(highest) if number <= highest => {
                if highest.saturating_sub(number) >= Self::SPAN {
                    Sighting::TooOld
                } else if self.word(number / 64) >> (number % 64) & 1 == 1 {
                    Sighting::Seen
                } else {
                    Sighting::Fresh
                }
            }
            _ => Sighting::Fresh,
        }
    }

    /// The highest number seen.
    #[inline]
    #[must_use]
    pub const fn highest(&self) -> Option<u64> {
        self.highest
    }

    /// The lowest number that is fresh: all below are seen or too old.
    ///
    /// `u64::MAX` also when that one too has been seen and nothing is fresh.
    #[inline]
    #[must_use]
    pub const fn lowest_unset(&self) -> u64 {
        self.lowest
    }

    /// Moves `lowest` over all that are seen or too old by now.
    #[inline]
    fn raise_lowest(&mut self) {
        let Some(highest) = self.highest else { return };
        let start = highest.saturating_sub(Self::SPAN.saturating_sub(1)).max(self.lowest);
        if start == self.lowest && self.state(start) == Sighting::Fresh {
            return;
        }
        for word in start / 64..=highest / 64 {
            let mut fresh = !self.word(word);
            if word == start / 64 {
                fresh &= u64::MAX << (start % 64);
            }
            let number = word.saturating_mul(64).saturating_add(u64::from(fresh.trailing_zeros()));
            if fresh != 0 && number <= highest {
                self.lowest = number;
                return;
            }
        }
        self.lowest = highest.saturating_add(1);
    }

    /// Clears the bits of the numbers above the highest, up to `number`.
    #[inline]
    fn forget_up_to(&mut self, number: u64) {
        // Before the first number, as before a jump past the window, there is nothing to keep.
        let Some(highest) = self.highest else { return };
        if number.saturating_sub(highest) >= Self::SPAN {
            self.words = [0; WORDS];
            return;
        }
        for word in highest / 64..=number / 64 {
            let mut keep = 0;
            if word == highest / 64 {
                keep |= u64::MAX >> (63 - highest % 64);
            }
            if word == number / 64 {
                keep |= (u64::MAX << (number % 64)) << 1;
            }
            if let Some(bits) = self.words.get_mut(Self::place(word)) {
                *bits &= keep;
            }
        }
    }

    #[inline]
    fn word(&self, word: u64) -> u64 {
        self.words.get(Self::place(word)).copied().unwrap_or(0)
    }

    #[inline]
    const fn place(word: u64) -> usize {
        (word % WORDS as u64) as usize
    }
}

impl<const WORDS: usize> Default for SlidingBits<WORDS> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::random::Random;
    use super::Sighting::{Fresh, Seen, TooOld};
    use super::*;

    fn model_state(model: &BTreeSet<u64>, span: u64, number: u64) -> Sighting {
        if model.contains(&number) && model.last().unwrap() - number < span {
            Seen
        } else if model.last().is_some_and(|top| *top > number && top - number >= span) {
            TooOld
        } else {
            Fresh
        }
    }

    /// Random numbers around the highest, with jumps, from `start` up.
    fn agrees_with_a_set<const WORDS: usize>(seed: u64, start: u64) {
        let span = SlidingBits::<WORDS>::SPAN;
        let mut random = Random::new(seed);
        let mut bits = SlidingBits::<WORDS>::new();
        let mut model = BTreeSet::new();
        let mut top = start;
        for _ in 0..600 {
            let number = match random.below(40) {
                0 => top.saturating_add(random.below(1 << 40)),
                1 => top.saturating_add(random.below(3 * span)),
                2..10 => top.saturating_sub(random.below(span + 10)),
                10..20 => bits.lowest_unset(),
                _ => top.saturating_add(random.below(4)),
            };
            let before = model_state(&model, span, number);
            assert_eq!((bits.state(number), bits.set(number)), (before, before));
            if before == Fresh {
                model.insert(number);
            }
            top = top.max(number);
            assert_eq!(bits.highest(), model.last().copied());
            let highest = *model.last().unwrap();
            let low = highest.saturating_sub(span + 70);
            let high = highest.saturating_add(span + 70);
            for number in low..=high {
                assert_eq!(bits.state(number), model_state(&model, span, number), "{number}");
            }
            let fresh = (low..=high).find(|n| model_state(&model, span, *n) == Fresh);
            assert_eq!(bits.lowest_unset(), fresh.unwrap_or(u64::MAX));
        }
    }

    #[test]
    fn agrees_with_a_set_under_random_jumps() {
        for seed in 0..3 {
            agrees_with_a_set::<1>(seed, 0);
            agrees_with_a_set::<2>(seed, 1000);
            agrees_with_a_set::<3>(seed, 0);
            agrees_with_a_set::<4>(seed, u64::MAX - (1 << 12));
        }
    }

    #[test]
    fn the_last_numbers_do_not_overflow() {
        let mut bits = SlidingBits::<2>::new();
        assert_eq!((bits.lowest_unset(), bits.highest()), (0, None));
        assert_eq!(bits.set(0), Fresh);
        assert_eq!(bits.set(u64::MAX), Fresh);
        assert_eq!(bits.set(u64::MAX), Seen);
        assert_eq!(bits.state(0), TooOld);
        assert_eq!(bits.lowest_unset(), u64::MAX - 127);
        for number in (u64::MAX - 127)..u64::MAX {
            assert_eq!(bits.set(number), Fresh);
        }
        assert_eq!((bits.lowest_unset(), bits.state(u64::MAX)), (u64::MAX, Seen));
    }

    // Spec: R-6.4-1.
    #[test]
    fn window_ends_at_the_highest_and_spans_exactly_its_bits() {
        let mut bits = SlidingBits::<2>::new();
        bits.set(1000);
        assert_eq!((bits.state(1000 - 127), bits.state(1000 - 128)), (Fresh, TooOld));
        assert_eq!((bits.set(1000 - 127), bits.set(1000 - 128)), (Fresh, TooOld));
        bits.set(1001);
        assert_eq!(bits.state(1000 - 127), TooOld);
        assert_eq!(bits.highest(), Some(1001));
    }
}
