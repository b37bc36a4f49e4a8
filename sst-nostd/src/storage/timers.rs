//! Which table row is due next: one deadline per row, soonest first.

use super::{Backing, Full, MAX_ROWS};
use crate::time::Instant;

/// At most one deadline for each key, a dense number such as a table index.
///
/// A binary heap that knows where each key stands: setting, moving, clearing and popping a
/// deadline take `O(log n)` for `n` deadlines set, asking constant time. Keys without a deadline
/// cost nothing but room.
pub struct Timers<'s> {
    /// Two arrays in one: `deadline` and `key` of the first `len` slots are the heap; `place` of
    /// slot `k` says where key `k` stands in it. There are as many as the highest key set needs.
    slots: Backing<'s, TimerSlot>,
    len: u32,
}

/// Room for one key of [`Timers`]: 16 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct TimerSlot {
    deadline: Instant,
    key: u32,
    /// Where in the heap the key of this slot's number stands, counted from 1; 0 if nowhere.
    place: u32,
}

impl TimerSlot {
    /// A slot for a caller to lend.
    #[must_use]
    pub const fn empty() -> Self {
        Self { deadline: Instant::ZERO, key: 0, place: 0 }
    }
}

impl<'s> Timers<'s> {
    /// Timers for keys below the number of slots lent.
    #[must_use]
    pub const fn lent(slots: &'s mut [TimerSlot]) -> Self {
        Self { slots: Backing::lent(slots), len: 0 }
    }

    /// Timers for keys below `limit`, with room reserved now and resident up to the highest key
    /// ever set.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limit: u32) -> Self {
        Self { slots: Backing::owned(limit.min(MAX_ROWS) as usize), len: 0 }
    }

    /// Sets, moves or (with `None`) clears the deadline of `key`.
    ///
    /// # Errors
    /// [`Full`] if `key` is not below the limit; clearing is always fine.
    #[inline]
    pub fn set(&mut self, key: u32, deadline: Option<Instant>) -> Result<(), Full> {
        match (self.place(key), deadline) {
            (None, None) => {}
            (Some(at), None) => self.remove_at(at),
            (Some(at), Some(deadline)) => self.sift(at, key, deadline),
            (None, Some(deadline)) => {
                if key >= self.limit() {
                    return Err(Full);
                }
                let wanted = (key as usize).saturating_add(1);
                self.slots.extend_zeroed(wanted.saturating_sub(self.slots.len()))?;
                let at = self.len;
                self.len = self.len.saturating_add(1);
                self.sift(at, key, deadline);
            }
        }
        Ok(())
    }

    /// Takes out the soonest deadline if it is at or before `now`, and tells its key.
    #[inline]
    pub fn pop_due(&mut self, now: Instant) -> Option<u32> {
        let (deadline, key) = self.entry(0)?;
        if deadline > now {
            return None;
        }
        self.remove_at(0);
        Some(key)
    }

    /// The soonest deadline.
    #[inline]
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.entry(0).map(|(deadline, _)| deadline)
    }

    /// The deadline of `key`.
    #[inline]
    #[must_use]
    pub fn deadline(&self, key: u32) -> Option<Instant> {
        self.entry(self.place(key)?).map(|(deadline, _)| deadline)
    }

    /// How many deadlines are set.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether no deadline is set.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keys must be below this.
    #[inline]
    #[must_use]
    pub fn limit(&self) -> u32 {
        u32::try_from(self.slots.limit()).unwrap_or(MAX_ROWS).min(MAX_ROWS)
    }

    /// Takes out the entry at heap place `at`; the last one fills the gap.
    fn remove_at(&mut self, at: u32) {
        let last = self.len.saturating_sub(1);
        let (Some((_, key)), Some((moved_deadline, moved))) = (self.entry(at), self.entry(last))
        else {
            return;
        };
        self.len = last;
        if let Some(slot) = self.slots.get_mut(key) {
            slot.place = 0;
        }
        if at != last {
            self.sift(at, moved, moved_deadline);
        }
    }

    /// Puts `key` in at the gap `at`, or above or below if order asks for it.
    #[inline]
    fn sift(&mut self, mut at: u32, key: u32, deadline: Instant) {
        while let Some(parent) = at.checked_sub(1).map(|below| below / 2)
            && let Some((above, parent_key)) = self.entry(parent)
            && deadline < above
        {
            self.put(at, parent_key, above);
            at = parent;
        }
        while let Some((child, child_deadline, child_key)) = self.sooner_child(at)
            && child_deadline < deadline
        {
            self.put(at, child_key, child_deadline);
            at = child;
        }
        self.put(at, key, deadline);
    }

    #[inline]
    fn sooner_child(&self, at: u32) -> Option<(u32, Instant, u32)> {
        let left = at.checked_mul(2)?.checked_add(1)?;
        let right = left.checked_add(1)?;
        let (deadline, key) = self.entry(left)?;
        match self.entry(right) {
            Some((sooner, key)) if sooner < deadline => Some((right, sooner, key)),
            _ => Some((left, deadline, key)),
        }
    }

    /// Deadline and key at heap place `at`.
    #[inline]
    fn entry(&self, at: u32) -> Option<(Instant, u32)> {
        if at >= self.len {
            return None;
        }
        self.slots.get(at).map(|slot| (slot.deadline, slot.key))
    }

    /// Where in the heap `key` stands.
    #[inline]
    fn place(&self, key: u32) -> Option<u32> {
        self.slots.get(key)?.place.checked_sub(1)
    }

    #[inline]
    fn put(&mut self, at: u32, key: u32, deadline: Instant) {
        if let Some(slot) = self.slots.get_mut(at) {
            slot.deadline = deadline;
            slot.key = key;
        }
        if let Some(slot) = self.slots.get_mut(key) {
            slot.place = at.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::random::Random;
    use super::*;

    fn agrees_with_a_map(mut timers: Timers<'_>, seed: u64) {
        const LIMIT: u32 = 30;
        let mut random = Random::new(seed);
        let mut model: BTreeMap<u32, Instant> = BTreeMap::new();
        let mut now = 0;
        assert_eq!(timers.limit(), LIMIT);
        for _ in 0..4000 {
            let key = random.below(32) as u32;
            let deadline = Instant::from_micros(now + random.below(60));
            match random.below(6) {
                0 => {
                    assert_eq!(timers.set(key, None), Ok(()));
                    model.remove(&key);
                }
                1 => {
                    now += random.below(20);
                    let at = Instant::from_micros(now);
                    while let Some(key) = timers.pop_due(at) {
                        let deadline = model.remove(&key).unwrap();
                        assert!(deadline <= at && model.values().all(|other| *other >= deadline));
                    }
                    assert!(model.values().all(|deadline| *deadline > at));
                }
                _ if key < LIMIT => {
                    assert_eq!(timers.set(key, Some(deadline)), Ok(()));
                    model.insert(key, deadline);
                }
                _ => assert_eq!(timers.set(key, Some(deadline)), Err(Full)),
            }
            assert_eq!(timers.next(), model.values().min().copied());
            assert_eq!((timers.len() as usize, timers.is_empty()), (model.len(), model.is_empty()));
            for key in 0..32 {
                assert_eq!(timers.deadline(key), model.get(&key).copied());
            }
        }
    }

    #[test]
    fn lent_timers_agree_with_a_map() {
        for seed in 0..20 {
            let mut dirty = [TimerSlot { deadline: Instant::ZERO, key: 3, place: 5 }; 30];
            agrees_with_a_map(Timers::lent(&mut dirty), seed);
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn owned_timers_agree_with_a_map() {
        for seed in 0..20 {
            agrees_with_a_map(Timers::owned(30), seed);
        }
    }

    #[test]
    fn timers_without_slots_answer() {
        let mut timers = Timers::lent(&mut []);
        assert_eq!(timers.set(0, Some(Instant::ZERO)), Err(Full));
        assert_eq!((timers.next(), timers.pop_due(Instant::ZERO)), (None, None));
        assert_eq!((timers.set(u32::MAX, None), size_of::<TimerSlot>()), (Ok(()), 16));
    }
}
