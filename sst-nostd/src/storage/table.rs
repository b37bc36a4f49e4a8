//! A table of rows addressed by handles that go stale when their row is removed.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::mem;

use super::{Backing, Full, MAX_ROWS, NONE};

/// A bounded table: constant-time insert, look-up and removal, rows never move.
pub struct Table<'s, T> {
    rows: Backing<'s, Row<T>>,
    first_free: u32,
    len: u32,
    /// How often a row was looked up, for tests that bound it.
    #[cfg(test)]
    look_ups: core::cell::Cell<u32>,
}

/// The place of one value in a [`Table`]: at most eight bytes more than the value.
pub struct Row<T>(State<T>);

enum State<T> {
    Vacant { generation: u32, next_free: u32 },
    Present { generation: u32, value: T },
}

/// Names one value in a [`Table`]. Stale once that value is removed, even if the row is used
/// again (until the same row has been reused 2^32 times).
pub struct Handle<T> {
    index: u32,
    generation: u32,
    row: PhantomData<fn() -> T>,
}

impl<T> Row<T> {
    /// A row for a caller to lend.
    #[must_use]
    pub const fn empty() -> Self {
        Self(State::Vacant { generation: 0, next_free: NONE })
    }

    fn clear(&mut self) {
        self.0 = State::Vacant { generation: 0, next_free: NONE };
    }
}

impl<'s, T> Table<'s, T> {
    /// A table in rows lent by the caller; what they held is dropped as they come into use.
    #[must_use]
    pub const fn lent(rows: &'s mut [Row<T>]) -> Self {
        Self::new(Backing::lent(rows))
    }

    /// A table with room for `limit` rows, reserved now and resident when first used.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limit: u32) -> Self {
        Self::new(Backing::owned(limit.min(MAX_ROWS) as usize))
    }

    const fn new(rows: Backing<'s, Row<T>>) -> Self {
        Self {
            rows,
            first_free: NONE,
            len: 0,
            #[cfg(test)]
            look_ups: core::cell::Cell::new(0),
        }
    }

    /// Puts `value` in the row freed last, or in one never used.
    ///
    /// # Errors
    /// [`Full`] at the limit; the value is gone. It does not come back, because rows are large, and
    /// on a board its way would double the stack.
    #[inline]
    pub fn insert(&mut self, value: T) -> Result<Handle<T>, Full> {
        let index = self.claim()?;
        let row = self.rows.get_mut(index).ok_or(Full)?;
        let State::Vacant { generation, .. } = row.0 else { return Err(Full) };
        row.0 = State::Present { generation, value };
        self.len = self.len.saturating_add(1);
        Ok(Handle::from_parts(index, generation))
    }

    /// A vacant row, no longer on the list of those. Found before the value is touched, which then
    /// moves once.
    fn claim(&mut self) -> Result<u32, Full> {
        if let Some(row) = self.rows.get_mut(self.first_free) {
            let State::Vacant { next_free, .. } = row.0 else { return Err(Full) };
            return Ok(mem::replace(&mut self.first_free, next_free));
        }
        if self.is_full() { Err(Full) } else { self.rows.grow(Row::clear, Row::empty) }
    }

    /// Takes out the value that `handle` names; `None` if it is stale.
    #[inline]
    pub fn remove(&mut self, handle: Handle<T>) -> Option<T> {
        if self.handle_at(handle.index)? == handle { self.remove_at(handle.index) } else { None }
    }

    /// Takes out the value in row `index`; `None` if there is none.
    #[inline]
    pub fn remove_at(&mut self, index: u32) -> Option<T> {
        let row = self.rows.get_mut(index)?;
        let State::Present { generation, .. } = row.0 else { return None };
        let generation = generation.wrapping_add(1);
        let vacant = State::Vacant { generation, next_free: self.first_free };
        let State::Present { value, .. } = mem::replace(&mut row.0, vacant) else { return None };
        self.first_free = index;
        self.len = self.len.saturating_sub(1);
        Some(value)
    }

    /// Frees row `index` where it is. False if nothing was in it.
    #[inline]
    pub fn discard_at(&mut self, index: u32) -> bool {
        let Some(row) = self.rows.get_mut(index) else { return false };
        let State::Present { generation, .. } = row.0 else { return false };
        let generation = generation.wrapping_add(1);
        row.0 = State::Vacant { generation, next_free: self.first_free };
        self.first_free = index;
        self.len = self.len.saturating_sub(1);
        true
    }

    /// The value that `handle` names; `None` if it is stale.
    #[inline]
    #[must_use]
    pub fn get(&self, handle: Handle<T>) -> Option<&T> {
        match &self.row(handle.index)?.0 {
            State::Present { generation, value } if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The value that `handle` names; `None` if it is stale.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, handle: Handle<T>) -> Option<&mut T> {
        match &mut self.row_mut(handle.index)?.0 {
            State::Present { generation, value } if *generation == handle.generation => Some(value),
            _ => None,
        }
    }

    /// The value in row `index`, whatever its generation.
    #[inline]
    #[must_use]
    pub fn at(&self, index: u32) -> Option<&T> {
        match &self.row(index)?.0 {
            State::Present { value, .. } => Some(value),
            State::Vacant { .. } => None,
        }
    }

    /// The value in row `index`, whatever its generation.
    #[inline]
    #[must_use]
    pub fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        match &mut self.row_mut(index)?.0 {
            State::Present { value, .. } => Some(value),
            State::Vacant { .. } => None,
        }
    }

    /// The handle of the value now in row `index`.
    #[inline]
    #[must_use]
    pub fn handle_at(&self, index: u32) -> Option<Handle<T>> {
        match self.row(index)?.0 {
            State::Present { generation, .. } => Some(Handle::from_parts(index, generation)),
            State::Vacant { .. } => None,
        }
    }

    /// The value now in row `index`, and its handle.
    #[inline]
    #[must_use]
    pub fn entry_at(&self, index: u32) -> Option<(Handle<T>, &T)> {
        match &self.row(index)?.0 {
            State::Present { generation, value } => {
                Some((Handle::from_parts(index, *generation), value))
            }
            State::Vacant { .. } => None,
        }
    }

    /// The value now in row `index`, and its handle.
    #[inline]
    #[must_use]
    pub fn entry_at_mut(&mut self, index: u32) -> Option<(Handle<T>, &mut T)> {
        match &mut self.row_mut(index)?.0 {
            State::Present { generation, value } => {
                Some((Handle::from_parts(index, *generation), value))
            }
            State::Vacant { .. } => None,
        }
    }

    #[inline]
    fn row(&self, index: u32) -> Option<&Row<T>> {
        let row = self.rows.get(index);
        #[cfg(test)]
        self.look_ups.set(self.look_ups.get() + u32::from(row.is_some()));
        row
    }

    #[inline]
    fn row_mut(&mut self, index: u32) -> Option<&mut Row<T>> {
        let row = self.rows.get_mut(index);
        #[cfg(test)]
        self.look_ups.set(self.look_ups.get() + u32::from(row.is_some()));
        row
    }

    /// How often a row was looked up since this was asked last: by its handle or its index, or for
    /// its place in a queue or a heap.
    #[cfg(test)]
    pub(crate) fn take_look_ups(&self) -> u32 {
        self.look_ups.replace(0)
    }

    /// How many values it holds.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// Whether it holds no value.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The most values it can hold. Row indices are below this.
    #[inline]
    #[must_use]
    pub fn limit(&self) -> u32 {
        u32::try_from(self.rows.limit()).unwrap_or(MAX_ROWS).min(MAX_ROWS)
    }

    /// One past the highest row that ever held a value.
    #[inline]
    #[must_use]
    pub fn used(&self) -> u32 {
        u32::try_from(self.rows.len()).unwrap_or(MAX_ROWS)
    }

    /// Whether the next insert would be refused.
    #[inline]
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len >= self.limit()
    }
}

impl<T> Handle<T> {
    /// The handle with these parts, for callers that carry handles as plain numbers. Parts that
    /// no table gave out name nothing.
    #[inline]
    #[must_use]
    pub const fn from_parts(index: u32, generation: u32) -> Self {
        Self { index, generation, row: PhantomData }
    }

    /// The row it points at.
    #[inline]
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// How often its row, modulo 2^32, had been freed before.
    #[inline]
    #[must_use]
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

// Written out rather than derived: a handle is a plain number whatever `T` is.
impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Handle<T> {}

impl<T> PartialEq for Handle<T> {
    fn eq(&self, other: &Self) -> bool {
        (self.index, self.generation) == (other.index, other.generation)
    }
}

impl<T> Eq for Handle<T> {}

impl<T> PartialOrd for Handle<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Handle<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.index, self.generation).cmp(&(other.index, other.generation))
    }
}

impl<T> Hash for Handle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.index, self.generation).hash(state);
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use super::super::random::Random;
    use super::*;

    /// Random inserts and removals against a map; every handle ever given out is asked about.
    fn agrees_with_a_map(mut table: Table<'_, u64>, seed: u64) {
        let mut random = Random::new(seed);
        let mut model = BTreeMap::new();
        let mut given = Vec::new();
        for step in 0..2000 {
            if given.is_empty() || random.below(2) == 0 {
                match table.insert(step) {
                    Ok(handle) => {
                        assert_eq!(model.insert(handle, step), None);
                        given.push(handle);
                    }
                    Err(Full) => assert_eq!(model.len(), 20),
                }
            } else {
                let handle = given[random.below(given.len() as u64) as usize];
                if step % 3 == 0 && table.get(handle).is_some() {
                    assert!(table.discard_at(handle.index()) && model.remove(&handle).is_some());
                }
                assert_eq!(table.remove(handle), model.remove(&handle));
            }
            assert_eq!(table.len() as usize, model.len());
            assert_eq!(table.is_full(), model.len() == 20);
            let handle = given[random.below(given.len() as u64) as usize];
            assert_eq!(table.get(handle), model.get(&handle));
            assert_eq!(table.get_mut(handle), model.get_mut(&handle));
        }
        for index in 0..21 {
            let handle = table.handle_at(index);
            assert_eq!(table.at(index).copied(), handle.and_then(|h| model.get(&h).copied()));
            assert_eq!(table.remove_at(index), handle.and_then(|h| model.remove(&h)));
        }
        assert!(model.is_empty() && table.is_empty());
    }

    #[test]
    fn lent_table_agrees_with_a_map() {
        for seed in 0..20 {
            agrees_with_a_map(Table::lent(&mut [const { Row::empty() }; 20]), seed);
        }
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn owned_table_agrees_with_a_map() {
        for seed in 0..20 {
            agrees_with_a_map(Table::owned(20), seed);
        }
    }

    #[test]
    fn stale_handle_does_not_name_the_rows_next_value() {
        let mut rows = [const { Row::empty() }; 1];
        let mut table = Table::lent(&mut rows);
        let first = table.insert('a').unwrap();
        assert_eq!(table.insert('b'), Err(Full));
        assert_eq!(table.remove(first), Some('a'));
        let second = table.insert('c').unwrap();
        assert_eq!(first.index(), second.index());
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!(table.get(second), Some(&'c'));
        assert_eq!(table.get(Handle::from_parts(NONE, 0)), None);
    }

    #[test]
    fn row_costs_at_most_eight_bytes() {
        assert_eq!(size_of::<Row<[u64; 4]>>(), 40);
        assert_eq!(size_of::<Row<u32>>(), 12);
        assert_eq!(size_of::<Handle<[u64; 4]>>(), 8);
    }
}
