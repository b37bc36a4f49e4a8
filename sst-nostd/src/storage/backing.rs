//! Where rows live: in a slice the caller lends, or in memory reserved once and owned.

#[cfg(feature = "alloc")]
use alloc::{vec, vec::Vec};

use super::Full;

/// The most rows that can be addressed: the two highest `u32` values mean "none" and "unlinked"
/// where an index is stored.
pub const MAX_ROWS: u32 = u32::MAX - 2;

/// An append-only run of rows with a fixed limit. Its first [`len`](Self::len) rows are in use.
///
/// Lent rows all exist from the start and are overwritten when they come into use. Owned rows
/// are reserved once, never moved, and cost resident memory only from their first use.
pub struct Backing<'s, T> {
    store: Store<'s, T>,
}

enum Store<'s, T> {
    Lent {
        rows: &'s mut [T],
        used: usize,
    },
    #[cfg(feature = "alloc")]
    Owned {
        rows: Vec<T>,
        limit: usize,
    },
}

impl<'s, T> Backing<'s, T> {
    /// Rows lent by the caller, none of them in use yet.
    #[must_use]
    pub const fn lent(rows: &'s mut [T]) -> Self {
        Self { store: Store::Lent { rows, used: 0 } }
    }

    /// Room for `limit` rows, reserved now. If the memory cannot be had the limit is 0.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limit: usize) -> Self {
        let mut rows = Vec::new();
        let limit = if rows.try_reserve_exact(limit).is_ok() { limit } else { 0 };
        Self { store: Store::Owned { rows, limit } }
    }

    /// Brings one more row into use, holding `value`, and tells its index.
    ///
    /// # Errors
    /// [`Full`] at the limit or at [`MAX_ROWS`]; `value` is dropped.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<u32, Full> {
        let index = u32::try_from(self.len()).ok().filter(|i| *i < MAX_ROWS).ok_or(Full)?;
        match &mut self.store {
            Store::Lent { rows, used } => {
                *rows.get_mut(*used).ok_or(Full)? = value;
                *used = used.saturating_add(1);
            }
            #[cfg(feature = "alloc")]
            Store::Owned { rows, limit } => {
                if rows.len() >= *limit {
                    return Err(Full);
                }
                rows.push(value);
            }
        }
        Ok(index)
    }

    /// Brings one more row into use and tells its index: a lent one is made empty by `clear` where
    /// it is, an owned one made by `make`. For rows that are too large to pass by value.
    ///
    /// # Errors
    /// [`Full`] at the limit or at [`MAX_ROWS`].
    #[inline]
    #[cfg_attr(not(feature = "alloc"), expect(unused_variables, reason = "no row is made"))]
    pub fn grow(&mut self, clear: impl FnOnce(&mut T), make: fn() -> T) -> Result<u32, Full> {
        match &mut self.store {
            Store::Lent { rows, used } => {
                let index = u32::try_from(*used).ok().filter(|i| *i < MAX_ROWS).ok_or(Full)?;
                clear(rows.get_mut(*used).ok_or(Full)?);
                *used = used.saturating_add(1);
                Ok(index)
            }
            #[cfg(feature = "alloc")]
            Store::Owned { .. } => self.push(make()),
        }
    }

    /// The most rows that can be in use.
    #[inline]
    #[must_use]
    pub fn limit(&self) -> usize {
        match &self.store {
            Store::Lent { rows, .. } => rows.len(),
            #[cfg(feature = "alloc")]
            Store::Owned { limit, .. } => *limit,
        }
    }

    /// How many rows have been brought into use. Never shrinks.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.store {
            Store::Lent { used, .. } => *used,
            #[cfg(feature = "alloc")]
            Store::Owned { rows, .. } => rows.len(),
        }
    }

    /// Whether no row has been brought into use.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row at `index`, if it is in use.
    #[inline]
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.as_slice().get(index as usize)
    }

    /// The row at `index`, if it is in use.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.as_mut_slice().get_mut(index as usize)
    }

    /// The rows in use.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match &self.store {
            Store::Lent { rows, used } => rows.get(..*used).unwrap_or_default(),
            #[cfg(feature = "alloc")]
            Store::Owned { rows, .. } => rows,
        }
    }

    /// The rows in use.
    #[inline]
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        match &mut self.store {
            Store::Lent { rows, used } => rows.get_mut(..*used).unwrap_or_default(),
            #[cfg(feature = "alloc")]
            Store::Owned { rows, .. } => rows,
        }
    }
}

impl<'s, T: Copy + Default> Backing<'s, T> {
    /// Rows lent by the caller, all in use and holding the default (zero for numbers).
    #[must_use]
    pub fn lent_zeroed(rows: &'s mut [T]) -> Self {
        rows.fill(T::default());
        let used = rows.len();
        Self { store: Store::Lent { rows, used } }
    }

    /// `limit` rows, all in use and holding the default.
    ///
    /// For integers the memory comes zeroed from the allocator, so that a row costs resident
    /// memory only once it is written.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned_zeroed(limit: usize) -> Self {
        Self { store: Store::Owned { rows: vec![T::default(); limit], limit } }
    }

    /// Brings `count` more rows into use, holding the default, and tells where they start.
    ///
    /// # Errors
    /// [`Full`] if fewer than `count` rows are left.
    #[inline]
    pub fn extend_zeroed(&mut self, count: usize) -> Result<usize, Full> {
        let start = self.len();
        let end = start.checked_add(count).filter(|end| *end <= self.limit()).ok_or(Full)?;
        match &mut self.store {
            Store::Lent { rows, used } => {
                rows.get_mut(start..end).ok_or(Full)?.fill(T::default());
                *used = end;
            }
            #[cfg(feature = "alloc")]
            Store::Owned { rows, .. } => rows.resize(end, T::default()),
        }
        Ok(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fills_to_three(mut rows: Backing<'_, u16>) {
        assert_eq!((rows.limit(), rows.len(), rows.is_empty()), (3, 0, true));
        assert_eq!(rows.get(0), None);
        for index in 0..3 {
            assert_eq!(rows.push(10 + index), Ok(u32::from(index)));
        }
        assert_eq!(rows.push(99), Err(Full));
        *rows.get_mut(1).unwrap() += 100;
        assert_eq!(rows.as_slice(), &[10, 111, 12]);
        assert_eq!((rows.get(2), rows.get(3), rows.get(u32::MAX)), (Some(&12), None, None));
        assert_eq!((rows.limit(), rows.len()), (3, 3));
    }

    fn extends_zeroed(mut rows: Backing<'_, u8>) {
        assert_eq!(rows.extend_zeroed(2), Ok(0));
        assert_eq!(rows.extend_zeroed(4), Err(Full));
        assert_eq!(rows.extend_zeroed(usize::MAX), Err(Full));
        assert_eq!(rows.extend_zeroed(3), Ok(2));
        assert_eq!(rows.as_slice(), &[0; 5]);
        rows.as_mut_slice().fill(1);
        assert_eq!(rows.extend_zeroed(0), Ok(5));
    }

    #[test]
    fn lent_rows_come_into_use_one_by_one() {
        fills_to_three(Backing::lent(&mut [7; 3]));
        extends_zeroed(Backing::lent(&mut [7; 5]));
        assert_eq!(Backing::lent_zeroed(&mut [7_u64; 4]).as_slice(), &[0; 4]);
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn owned_rows_stop_at_the_limit_and_never_move() {
        fills_to_three(Backing::owned(3));
        extends_zeroed(Backing::owned(5));
        assert_eq!(Backing::<u64>::owned_zeroed(4).as_slice(), &[0; 4]);
        let mut rows = Backing::owned(1000);
        rows.push(0).unwrap();
        let first = rows.as_slice().as_ptr();
        while rows.push(1).is_ok() {}
        assert_eq!((rows.len(), rows.as_slice().as_ptr()), (1000, first));
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn memory_that_cannot_be_had_is_a_limit_of_zero() {
        let mut rows = Backing::<u64>::owned(usize::MAX);
        assert_eq!((rows.limit(), rows.push(1)), (0, Err(Full)));
    }
}
