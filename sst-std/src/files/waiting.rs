//! [`Waiting`]: files that wait for their turn to be fetched, so that small ones need not wait for
//! large ones to end.

use std::collections::VecDeque;

/// Small and large ones, in the order in which they were found.
pub(super) struct Waiting<T> {
    small: VecDeque<(u64, T)>,
    large: VecDeque<(u64, T)>,
    found: u64,
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { small: VecDeque::new(), large: VecDeque::new(), found: 0 }
    }
}

impl<T> Waiting<T> {
    pub(super) fn add(&mut self, one: T, is_large: bool) {
        let queue = if is_large { &mut self.large } else { &mut self.small };
        queue.push_back((self.found, one));
        self.found += 1;
    }

    /// The one found first, and whether it is large; a small one if large ones have no place now.
    pub(super) fn take(&mut self, has_place_for_large: bool) -> Option<(T, bool)> {
        let first =
            |queue: &VecDeque<(u64, T)>| queue.front().map_or(u64::MAX, |(found, _)| *found);
        let is_large = has_place_for_large && first(&self.large) < first(&self.small);
        let queue = if is_large { &mut self.large } else { &mut self.small };
        queue.pop_front().map(|(_, one)| (one, is_large))
    }

    pub(super) fn len(&self) -> usize {
        self.small.len() + self.large.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_kept_but_for_large_ones_without_a_place() {
        let mut waiting = Waiting::default();
        for (name, is_large) in [("a", true), ("b", false), ("c", true), ("d", false)] {
            waiting.add(name, is_large);
        }
        assert_eq!(waiting.len(), 4);
        assert_eq!(waiting.take(true), Some(("a", true)));
        assert_eq!(waiting.take(false), Some(("b", false)));
        assert_eq!(waiting.take(false), Some(("d", false)));
        assert_eq!(waiting.take(false), None);
        assert_eq!(waiting.take(true), Some(("c", true)));
        assert_eq!(waiting.take(true), None);
    }
}
