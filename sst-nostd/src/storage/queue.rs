//! First-in-first-out queues threaded through the rows of a table: no memory of their own.

use super::{NONE, Table};

/// A queue of rows, joined by the [`Link`] numbered `LIST` of each row.
///
/// Every method takes the rows; they must be the same ones each time. A row is in at most one
/// queue per `LIST`, and must be taken out of it before it is removed from its table. All
/// methods take constant time.
#[derive(Debug)]
pub struct Queue<const LIST: usize> {
    head: u32,
    tail: u32,
}

/// A row's place in a [`Queue`]: the rows before and after it, or "unlinked".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    prev: u32,
    next: u32,
}

/// Rows that can be queued, by index. Any [`Table`] of rows with [`HasLink`] is.
pub trait Linked<const LIST: usize> {
    /// The link of row `index`, if there is such a row.
    fn link(&self, index: u32) -> Option<Link>;
    /// The link of row `index`, if there is such a row.
    fn link_mut(&mut self, index: u32) -> Option<&mut Link>;
}

/// A row with a link for list `LIST`.
pub trait HasLink<const LIST: usize> {
    /// The link.
    fn link(&self) -> &Link;
    /// The link.
    fn link_mut(&mut self) -> &mut Link;
}

/// In `prev` of a link in no queue. Not a valid index: see [`MAX_ROWS`](super::MAX_ROWS).
const UNLINKED: u32 = NONE - 1;

impl<const LIST: usize> Queue<LIST> {
    /// The empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { head: NONE, tail: NONE }
    }

    /// Puts row `index` last. `false` if there is no such row or it is in a queue already.
    #[inline]
    pub fn push_back<R: Linked<LIST> + ?Sized>(&mut self, rows: &mut R, index: u32) -> bool {
        let link = Link { prev: self.tail, next: NONE };
        if !join(rows, index, link) {
            return false;
        }
        match rows.link_mut(self.tail) {
            Some(last) => last.next = index,
            None => self.head = index,
        }
        self.tail = index;
        true
    }

    /// Puts row `index` first. `false` if there is no such row or it is in a queue already.
    #[inline]
    pub fn push_front<R: Linked<LIST> + ?Sized>(&mut self, rows: &mut R, index: u32) -> bool {
        let link = Link { prev: NONE, next: self.head };
        if !join(rows, index, link) {
            return false;
        }
        match rows.link_mut(self.head) {
            Some(first) => first.prev = index,
            None => self.tail = index,
        }
        self.head = index;
        true
    }

    /// Takes out the first row.
    #[inline]
    pub fn pop_front<R: Linked<LIST> + ?Sized>(&mut self, rows: &mut R) -> Option<u32> {
        let index = self.front()?;
        self.remove(rows, index).then_some(index)
    }

    /// Takes out row `index`. `false` if it is not in this queue.
    ///
    /// Of rows in the middle of another queue of the same `LIST` it cannot tell that they are
    /// not in this one, and takes them out of that.
    #[inline]
    pub fn remove<R: Linked<LIST> + ?Sized>(&mut self, rows: &mut R, index: u32) -> bool {
        let Some(place) = rows.link_mut(index).filter(|link| link.is_linked()) else {
            return false;
        };
        let link = *place;
        let (is_first, is_last) = (link.prev == NONE, link.next == NONE);
        if is_first != (self.head == index) || is_last != (self.tail == index) {
            return false;
        }
        *place = Link::new();
        match rows.link_mut(link.prev) {
            Some(prev) => prev.next = link.next,
            None => self.head = link.next,
        }
        match rows.link_mut(link.next) {
            Some(next) => next.prev = link.prev,
            None => self.tail = link.prev,
        }
        true
    }

    /// Moves all rows of `other` behind those of this queue, in constant time.
    pub fn append<R: Linked<LIST> + ?Sized>(&mut self, rows: &mut R, other: &mut Self) {
        if other.is_empty() {
            return;
        }
        match rows.link_mut(self.tail) {
            Some(last) => last.next = other.head,
            None => self.head = other.head,
        }
        if let Some(first) = rows.link_mut(other.head) {
            first.prev = self.tail;
        }
        self.tail = other.tail;
        *other = Self::new();
    }

    /// The first row.
    #[inline]
    #[must_use]
    pub const fn front(&self) -> Option<u32> {
        if self.head == NONE { None } else { Some(self.head) }
    }

    /// The row after row `index`, to look through a queue without taking rows out.
    #[inline]
    #[must_use]
    pub fn after<R: Linked<LIST> + ?Sized>(&self, rows: &R, index: u32) -> Option<u32> {
        rows.link(index).filter(|link| link.is_linked() && link.next != NONE).map(|link| link.next)
    }

    /// Whether no row is queued.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.head == NONE
    }
}

impl<const LIST: usize> Default for Queue<LIST> {
    fn default() -> Self {
        Self::new()
    }
}

impl Link {
    /// A link in no queue.
    #[must_use]
    pub const fn new() -> Self {
        Self { prev: UNLINKED, next: NONE }
    }

    /// Whether its row is in a queue.
    #[inline]
    #[must_use]
    pub const fn is_linked(&self) -> bool {
        self.prev != UNLINKED
    }
}

impl Default for Link {
    fn default() -> Self {
        Self::new()
    }
}

impl<const LIST: usize, T: HasLink<LIST>> Linked<LIST> for Table<'_, T> {
    #[inline]
    fn link(&self, index: u32) -> Option<Link> {
        self.at(index).map(|row| *row.link())
    }

    #[inline]
    fn link_mut(&mut self, index: u32) -> Option<&mut Link> {
        self.at_mut(index).map(HasLink::link_mut)
    }
}

/// Gives the unlinked row `index` this link; tells whether it could.
#[inline]
fn join<const LIST: usize, R: Linked<LIST> + ?Sized>(rows: &mut R, index: u32, link: Link) -> bool {
    match rows.link_mut(index) {
        Some(place) if !place.is_linked() => {
            *place = link;
            true
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::vec::Vec;

    use super::super::Row;
    use super::super::random::{Random, on_a_small_stack};
    use super::*;

    #[derive(Default)]
    struct Item {
        ready: Link,
        late: Link,
    }

    const READY: usize = 0;
    const LATE: usize = 1;

    impl HasLink<READY> for Item {
        fn link(&self) -> &Link {
            &self.ready
        }
        fn link_mut(&mut self) -> &mut Link {
            &mut self.ready
        }
    }

    impl HasLink<LATE> for Item {
        fn link(&self) -> &Link {
            &self.late
        }
        fn link_mut(&mut self) -> &mut Link {
            &mut self.late
        }
    }

    fn rows(count: u32) -> Vec<Row<Item>> {
        (0..count).map(|_| Row::empty()).collect()
    }

    fn filled(rows: &mut [Row<Item>]) -> Table<'_, Item> {
        let mut table = Table::lent(rows);
        while table.insert(Item::default()).is_ok() {}
        table
    }

    fn contents<const LIST: usize>(queue: &Queue<LIST>, table: &Table<'_, Item>) -> VecDeque<u32>
    where
        Item: HasLink<LIST>,
    {
        std::iter::successors(queue.front(), |index| queue.after(table, *index)).collect()
    }

    fn change<const LIST: usize>(
        random: &mut Random,
        queue: &mut Queue<LIST>,
        model: &mut VecDeque<u32>,
        table: &mut Table<'_, Item>,
    ) where
        Item: HasLink<LIST>,
    {
        let index = random.below(14) as u32;
        let is_free = index < 12 && !model.contains(&index);
        match random.below(5) {
            0 | 1 => {
                assert_eq!(queue.push_back(table, index), is_free);
                model.extend(is_free.then_some(index));
            }
            2 => {
                assert_eq!(queue.push_front(table, index), is_free);
                if is_free {
                    model.push_front(index);
                }
            }
            3 => assert_eq!(queue.pop_front(table), model.pop_front()),
            _ => {
                assert_eq!(queue.remove(table, index), model.contains(&index));
                model.retain(|i| *i != index);
            }
        }
        assert_eq!(contents(queue, table), *model);
        assert_eq!((queue.front(), queue.is_empty()), (model.front().copied(), model.is_empty()));
        for index in 0..12 {
            let link = Linked::<LIST>::link(table, index).unwrap();
            assert_eq!(link.is_linked(), model.contains(&index));
        }
    }

    #[test]
    fn two_lists_over_the_same_rows_agree_with_deques() {
        for seed in 0..10 {
            let mut random = Random::new(seed);
            let mut rows = rows(12);
            let mut table = filled(&mut rows);
            let mut ready = (Queue::<READY>::new(), VecDeque::new());
            let mut late = (Queue::<LATE>::new(), VecDeque::new());
            for _ in 0..2000 {
                change(&mut random, &mut ready.0, &mut ready.1, &mut table);
                change(&mut random, &mut late.0, &mut late.1, &mut table);
            }
        }
    }

    #[test]
    fn ends_of_another_queue_are_not_taken_out() {
        let mut rows = rows(4);
        let mut table = filled(&mut rows);
        let (mut one, mut two) = (Queue::<READY>::new(), Queue::<READY>::new());
        assert!(one.push_back(&mut table, 0) && one.push_back(&mut table, 1));
        assert!(two.push_back(&mut table, 2));
        assert!(!two.push_back(&mut table, 0) && !two.push_front(&mut table, 1));
        for index in [0, 1, 3, 4, NONE] {
            assert!(!two.remove(&mut table, index));
        }
        assert_eq!((contents(&one, &table).len(), two.front()), (2, Some(2)));
    }

    // Spec: R-7.1-3.
    #[test]
    fn a_hundred_thousand_rows_on_a_small_stack() {
        on_a_small_stack(|| {
            let mut rows = rows(100_000);
            let mut table = filled(&mut rows);
            let mut queue = Queue::<READY>::new();
            for index in 0..100_000 {
                assert!(queue.push_back(&mut table, index));
            }
            for index in 0..100_000 {
                assert_eq!(queue.pop_front(&mut table), Some(index));
            }
            assert!(queue.is_empty());
        });
    }
}
