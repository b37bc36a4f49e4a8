//! [`Lists`]: any number of lists whose rows lie in one slab. To add a row, and to take one out
//! from wherever it is, costs the same however many there are.

use std::num::NonZeroU32;

use slab::Slab;

/// The rows of many lists. A row is in one of them, or in none.
pub(crate) struct Lists<T> {
    rows: Slab<Row<T>>,
}

/// One list: a ring, of which this is the beginning.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct List {
    first: Option<usize>,
}

struct Row<T> {
    value: T,
    /// `None` while the row is in no list.
    beside: Option<Beside>,
}

/// Neighbours in the ring; a row that is alone is its own.
#[derive(Clone, Copy)]
struct Beside {
    previous: usize,
    next: usize,
}

/// A key in four bytes, for those who keep many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SmallKey(NonZeroU32);

impl SmallKey {
    /// `None` after four thousand million rows.
    pub(crate) fn new(key: usize) -> Option<Self> {
        let one_more = u32::try_from(key).ok()?.checked_add(1)?;
        NonZeroU32::new(one_more).map(Self)
    }

    pub(crate) const fn key(self) -> usize {
        self.0.get() as usize - 1
    }
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self { rows: Slab::new() }
    }
}

impl List {
    pub(crate) const fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// The key of the first row.
    pub(crate) const fn first(&self) -> Option<usize> {
        self.first
    }
}

impl<T> Lists<T> {
    /// A new row, in no list; its key.
    pub(crate) fn add(&mut self, value: T) -> usize {
        self.rows.insert(Row { value, beside: None })
    }

    /// Forgets a row, which is in no list any more.
    pub(crate) fn remove(&mut self, key: usize) -> Option<T> {
        self.rows.try_remove(key).map(|row| row.value)
    }

    pub(crate) fn value(&mut self, key: usize) -> Option<&mut T> {
        self.rows.get_mut(key).map(|row| &mut row.value)
    }

    /// Puts a row that is in no list at the end of `list`.
    pub(crate) fn push(&mut self, list: &mut List, key: usize) {
        let first = *list.first.get_or_insert(key);
        let last = self.beside(first).map_or(key, |beside| beside.previous);
        if let Some(row) = self.rows.get_mut(key) {
            row.beside = Some(Beside { previous: last, next: first });
        }
        self.join(last, key);
        self.join(key, first);
    }

    /// Takes a row out of `list`, wherever it is in it; nothing if it is in none.
    pub(crate) fn unlink(&mut self, list: &mut List, key: usize) {
        let Some(row) = self.rows.get_mut(key) else { return };
        let Some(Beside { previous, next }) = row.beside.take() else { return };
        self.join(previous, next);
        if list.first == Some(key) {
            list.first = (next != key).then_some(next);
        }
    }

    /// Takes the first row out of `list`; its key.
    pub(crate) fn pop(&mut self, list: &mut List) -> Option<usize> {
        let key = list.first?;
        self.unlink(list, key);
        Some(key)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    fn beside(&self, key: usize) -> Option<Beside> {
        self.rows.get(key)?.beside
    }

    /// Makes `next` follow `previous`, where these are in a list.
    fn join(&mut self, previous: usize, next: usize) {
        if let Some(beside) = self.rows.get_mut(previous).and_then(|row| row.beside.as_mut()) {
            beside.next = next;
        }
        if let Some(beside) = self.rows.get_mut(next).and_then(|row| row.beside.as_mut()) {
            beside.previous = previous;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(lists: &mut Lists<u32>, list: &mut List) -> Vec<u32> {
        std::iter::from_fn(|| lists.pop(list).and_then(|key| lists.remove(key))).collect()
    }

    #[test]
    fn rows_leave_in_order_and_from_anywhere() {
        for leaving in 0..4 {
            let (mut lists, mut one, mut two) =
                (Lists::default(), List::default(), List::default());
            let keys: Vec<_> = (0..4).map(|value| lists.add(value)).collect();
            let other = lists.add(9);
            lists.push(&mut two, other);
            for &key in &keys {
                lists.push(&mut one, key);
            }
            lists.unlink(&mut one, keys[leaving]);
            lists.unlink(&mut one, keys[leaving]);
            assert_eq!(lists.remove(keys[leaving]), Some(leaving as u32));
            let left: Vec<_> = (0..4).filter(|&value| value != leaving as u32).collect();
            assert_eq!(drained(&mut lists, &mut one), left);
            assert_eq!(drained(&mut lists, &mut two), [9]);
            assert!(one.is_empty() && two.is_empty() && lists.len() == 0);
        }
    }
}
