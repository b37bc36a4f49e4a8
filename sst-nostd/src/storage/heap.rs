//! A priority queue threaded through the rows of a table: a pairing heap with no memory of its
//! own. The scheduler's choice of what goes next.

use core::cmp::Reverse;

use super::{NONE, Table};

/// A priority queue of rows, joined by the [`Node`] numbered `HEAP` of each row. First comes the
/// highest level and, within a level, the lowest tick; rows equal in both come in no particular
/// order.
///
/// Every method takes the rows; they must be the same ones each time. A row is in at most one
/// heap per `HEAP`, and must be taken out of it before it is removed from its table. Pushing
/// takes constant time, popping and removing `O(log n)` amortised (one pop after `n` pushes takes
/// `n` steps, which those pushes saved). Nothing here recurses.
#[derive(Debug)]
pub struct Heap<const HEAP: usize> {
    root: u32,
}

/// A [`Heap`] that most rows are pushed to in order: a row goes below the one pushed before it, if
/// it comes after that one. Rows pushed so form a chain, which is popped without a comparison.
#[derive(Debug)]
pub struct OrderlyHeap<const HEAP: usize> {
    heap: Heap<HEAP>,
    /// The row pushed last, while it is here.
    last: u32,
}

/// A row's place and priority in a [`Heap`].
#[derive(Clone, Copy, Debug)]
pub struct Node {
    tick: u64,
    level: i32,
    /// The first of the rows below this one, which `next` joins.
    child: u32,
    /// The next row below the same one.
    next: u32,
    /// The row before this below the same one; for the first of them, the one above.
    prev: u32,
}

/// Rows that can be in a heap, by index. Any [`Table`] of rows with [`HasNode`] is.
pub trait Heaped<const HEAP: usize> {
    /// The node of row `index`, if there is such a row.
    fn node(&self, index: u32) -> Option<Node>;
    /// The node of row `index`, if there is such a row.
    fn node_mut(&mut self, index: u32) -> Option<&mut Node>;
}

/// A row with a node for heap `HEAP`.
pub trait HasNode<const HEAP: usize> {
    /// The node.
    fn node(&self) -> &Node;
    /// The node.
    fn node_mut(&mut self) -> &mut Node;
}

/// In `prev` of a node in no heap. Not a valid index: see [`MAX_ROWS`](super::MAX_ROWS).
const UNLINKED: u32 = NONE - 1;

impl<const HEAP: usize> Heap<HEAP> {
    /// The empty heap.
    #[must_use]
    pub const fn new() -> Self {
        Self { root: NONE }
    }

    /// Puts in row `index` with this priority. `false` if there is no such row or it is in a
    /// heap already.
    #[inline]
    pub fn push<R>(&mut self, rows: &mut R, index: u32, level: i32, tick: u64) -> bool
    where
        R: Heaped<HEAP> + ?Sized,
    {
        let is_new = Self::put(rows, index, level, tick);
        if is_new {
            self.root = Self::meld(rows, self.root, index);
        }
        is_new
    }

    /// Makes the node of row `index` a heap of its own. `false` if there is no such row or it is
    /// in a heap already.
    #[inline]
    fn put<R>(rows: &mut R, index: u32, level: i32, tick: u64) -> bool
    where
        R: Heaped<HEAP> + ?Sized,
    {
        match rows.node_mut(index) {
            Some(node) if !node.is_member() => {
                *node = Node { tick, level, prev: NONE, ..Node::new() };
                true
            }
            _ => false,
        }
    }

    /// Takes out the row that comes first.
    pub fn pop<R: Heaped<HEAP> + ?Sized>(&mut self, rows: &mut R) -> Option<u32> {
        let index = self.peek()?;
        self.remove(rows, index).then_some(index)
    }

    /// Takes out row `index`. `false` if it is not in this heap.
    ///
    /// Of rows below another heap of the same `HEAP` it cannot tell that they are not in this
    /// one; so give each heap its own number.
    pub fn remove<R: Heaped<HEAP> + ?Sized>(&mut self, rows: &mut R, index: u32) -> bool {
        let Some(place) = rows.node_mut(index).filter(|node| node.is_member()) else {
            return false;
        };
        let node = *place;
        if (node.prev == NONE) != (self.root == index) {
            return false;
        }
        *place = Node::new();
        if let Some(prev) = rows.node_mut(node.prev) {
            if prev.child == index {
                prev.child = node.next;
            } else {
                prev.next = node.next;
            }
        }
        change(rows, node.next, |next| next.prev = node.prev);
        let below = Self::meld_all(rows, node.child);
        self.root = if self.root == index { below } else { Self::meld(rows, self.root, below) };
        true
    }

    /// Moves everything from `other` into this heap, in constant time. A row moved this way
    /// can be taken out of this heap, whatever heap it was pushed to.
    pub fn append<R: Heaped<HEAP> + ?Sized>(&mut self, rows: &mut R, other: &mut Self) {
        self.root = Self::meld(rows, self.root, other.root);
        other.root = NONE;
    }

    /// The row that comes first.
    #[inline]
    #[must_use]
    pub const fn peek(&self) -> Option<u32> {
        if self.root == NONE { None } else { Some(self.root) }
    }

    /// Whether row `index` is in a heap with this number.
    #[inline]
    #[must_use]
    pub fn is_member<R: Heaped<HEAP> + ?Sized>(&self, rows: &R, index: u32) -> bool {
        rows.node(index).is_some_and(|node| node.is_member())
    }

    /// Whether there is no row in it.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.root == NONE
    }

    /// Puts the later of two tops below the earlier, which is returned with `next` as it was.
    #[inline]
    fn meld<R: Heaped<HEAP> + ?Sized>(rows: &mut R, one: u32, two: u32) -> u32 {
        let Some(first) = rows.node(one) else { return two };
        let Some(second) = rows.node(two) else { return one };
        let (top, below, child) = if second.key() < first.key() {
            (two, one, second.child)
        } else {
            (one, two, first.child)
        };
        change(rows, below, |node| {
            node.next = child;
            node.prev = top;
        });
        change(rows, child, |node| node.prev = below);
        change(rows, top, |node| node.child = below);
        top
    }

    /// Melds `first` and all after it into one: in pairs from left to right, then those from
    /// right to left, which is what keeps popping logarithmic (Fredman, Sedgewick, Sleator and
    /// Tarjan, "The pairing heap", 1986). The pairs wait in a stack threaded through `next`.
    fn meld_all<R: Heaped<HEAP> + ?Sized>(rows: &mut R, first: u32) -> u32 {
        let (mut rest, mut pairs) = (first, NONE);
        if let Some(only) = rows.node_mut(first).filter(|only| only.next == NONE) {
            only.prev = NONE;
            return first;
        }
        while rest != NONE {
            let one = rest;
            let two = next(rows, one);
            rest = next(rows, two);
            let pair = Self::meld(rows, one, two);
            change(rows, pair, |node| node.next = pairs);
            pairs = pair;
        }
        let mut top = NONE;
        while pairs != NONE {
            let after = next(rows, pairs);
            top = Self::meld(rows, top, pairs);
            pairs = after;
        }
        change(rows, top, |node| {
            node.next = NONE;
            node.prev = NONE;
        });
        top
    }
}

impl<const HEAP: usize> OrderlyHeap<HEAP> {
    /// The empty heap.
    #[must_use]
    pub const fn new() -> Self {
        Self { heap: Heap::new(), last: NONE }
    }

    /// As [`Heap::push`].
    #[inline]
    pub fn push<R>(&mut self, rows: &mut R, index: u32, level: i32, tick: u64) -> bool
    where
        R: Heaped<HEAP> + ?Sized,
    {
        if !Heap::put(rows, index, level, tick) {
            return false;
        }
        let key = (Reverse(level), tick);
        if rows.node(self.last).is_some_and(|last| last.key() <= key) {
            Heap::meld(rows, self.last, index);
        } else {
            self.heap.root = Heap::meld(rows, self.heap.root, index);
        }
        self.last = index;
        true
    }

    /// As [`Heap::pop`].
    pub fn pop<R: Heaped<HEAP> + ?Sized>(&mut self, rows: &mut R) -> Option<u32> {
        let index = self.peek()?;
        self.remove(rows, index).then_some(index)
    }

    /// As [`Heap::remove`]. A row of this heap is taken out by no other.
    pub fn remove<R: Heaped<HEAP> + ?Sized>(&mut self, rows: &mut R, index: u32) -> bool {
        if self.last == index {
            self.last = NONE;
        }
        self.heap.remove(rows, index)
    }

    /// As [`Heap::append`].
    pub fn append<R: Heaped<HEAP> + ?Sized>(&mut self, rows: &mut R, other: &mut Heap<HEAP>) {
        self.heap.append(rows, other);
    }

    /// The row that comes first.
    #[inline]
    #[must_use]
    pub const fn peek(&self) -> Option<u32> {
        self.heap.peek()
    }

    /// Whether row `index` is in a heap with this number.
    #[inline]
    #[must_use]
    pub fn is_member<R: Heaped<HEAP> + ?Sized>(&self, rows: &R, index: u32) -> bool {
        self.heap.is_member(rows, index)
    }

    /// Whether there is no row in it.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

impl<const HEAP: usize> Default for OrderlyHeap<HEAP> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const HEAP: usize> Default for Heap<HEAP> {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// A node in no heap.
    #[must_use]
    pub const fn new() -> Self {
        Self { tick: 0, level: 0, child: NONE, next: NONE, prev: UNLINKED }
    }

    /// Whether its row is in a heap.
    #[inline]
    #[must_use]
    pub const fn is_member(&self) -> bool {
        self.prev != UNLINKED
    }

    /// The level it was pushed with; 0 in no heap.
    #[inline]
    #[must_use]
    pub const fn level(&self) -> i32 {
        self.level
    }

    /// The tick it was pushed with; 0 in no heap.
    #[inline]
    #[must_use]
    pub const fn tick(&self) -> u64 {
        self.tick
    }

    #[inline]
    const fn key(&self) -> (Reverse<i32>, u64) {
        (Reverse(self.level), self.tick)
    }
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl<const HEAP: usize, T: HasNode<HEAP>> Heaped<HEAP> for Table<'_, T> {
    #[inline]
    fn node(&self, index: u32) -> Option<Node> {
        self.at(index).map(|row| *row.node())
    }

    #[inline]
    fn node_mut(&mut self, index: u32) -> Option<&mut Node> {
        self.at_mut(index).map(HasNode::node_mut)
    }
}

#[inline]
fn next<const HEAP: usize, R: Heaped<HEAP> + ?Sized>(rows: &R, index: u32) -> u32 {
    rows.node(index).map_or(NONE, |node| node.next)
}

/// Applies `to` to the node of row `index`, if there is one.
#[inline]
fn change<const HEAP: usize, R>(rows: &mut R, index: u32, to: impl FnOnce(&mut Node))
where
    R: Heaped<HEAP> + ?Sized,
{
    if let Some(node) = rows.node_mut(index) {
        to(node);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::vec::Vec;

    use super::super::Row;
    use super::super::random::{Random, on_a_small_stack};
    use super::*;

    impl HasNode<0> for Node {
        fn node(&self) -> &Node {
            self
        }
        fn node_mut(&mut self) -> &mut Node {
            self
        }
    }

    fn rows(count: u32) -> Vec<Row<Node>> {
        (0..count).map(|_| Row::empty()).collect()
    }

    fn filled(rows: &mut [Row<Node>]) -> Table<'_, Node> {
        let mut table = Table::lent(rows);
        while table.insert(Node::new()).is_ok() {}
        table
    }

    #[test]
    fn agrees_with_a_sorted_set() {
        agrees(
            Heap::new,
            |heap, rows, index, level, tick| heap.push(rows, index, level, tick),
            |heap, rows| heap.pop(rows),
            |heap, rows, index| heap.remove(rows, index),
            Heap::peek,
        );
    }

    #[test]
    fn an_orderly_heap_agrees_with_a_sorted_set() {
        agrees(
            OrderlyHeap::new,
            |heap, rows, index, level, tick| heap.push(rows, index, level, tick),
            |heap, rows| heap.pop(rows),
            |heap, rows, index| heap.remove(rows, index),
            OrderlyHeap::peek,
        );
    }

    fn agrees<H>(
        new: fn() -> H,
        push: fn(&mut H, &mut Table<'_, Node>, u32, i32, u64) -> bool,
        pop: fn(&mut H, &mut Table<'_, Node>) -> Option<u32>,
        remove: fn(&mut H, &mut Table<'_, Node>, u32) -> bool,
        peek: fn(&H) -> Option<u32>,
    ) {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut rows = rows(40);
            let mut table = filled(&mut rows);
            let mut heap = new();
            let mut model = BTreeSet::new();
            for step in 0..4000_u64 {
                let index = random.below(42) as u32;
                let member = model.iter().find(|(_, _, row)| *row == index).copied();
                match random.below(if step / 500 % 2 == 0 { 5 } else { 3 }) {
                    0 => {
                        assert_eq!(pop(&mut heap, &mut table), model.pop_first().map(|key| key.2));
                    }
                    1 => {
                        assert_eq!(remove(&mut heap, &mut table, index), member.is_some());
                        member.iter().for_each(|key| assert!(model.remove(key)));
                    }
                    _ => {
                        // A level of few values and a tick of its own, so that order is total.
                        let level = random.below(5) as i32 - 2;
                        let is_late = random.below(2) == 0;
                        let tick = if is_late { step } else { random.next() << 16 | step };
                        let is_new = push(&mut heap, &mut table, index, level, tick);
                        assert_eq!(is_new, index < 40 && member.is_none());
                        if is_new {
                            model.insert((Reverse(level), tick, index));
                        }
                    }
                }
                assert_eq!(peek(&heap), model.first().map(|key| key.2));
                let member = model.iter().find(|(_, _, row)| *row == index);
                let key = table.at(index).filter(|node| node.is_member());
                let key = key.map(|node| (Reverse(node.level()), node.tick(), index));
                assert_eq!(key.as_ref(), member);
            }
            while let Some(key) = model.pop_first() {
                assert_eq!(pop(&mut heap, &mut table), Some(key.2));
            }
            assert_eq!(pop(&mut heap, &mut table), None);
        }
    }

    #[test]
    fn root_of_another_heap_is_not_taken_out() {
        let mut rows = rows(3);
        let mut table = filled(&mut rows);
        let (mut one, mut two) = (Heap::<0>::new(), Heap::<0>::new());
        assert!(one.push(&mut table, 0, 1, 1) && two.push(&mut table, 1, 1, 1));
        assert!(!two.remove(&mut table, 0) && !two.push(&mut table, 0, 1, 1));
        assert!(!one.remove(&mut table, 2) && !one.remove(&mut table, NONE));
        assert_eq!((one.peek(), two.peek()), (Some(0), Some(1)));
    }

    #[test]
    fn node_is_small() {
        assert_eq!(size_of::<Node>(), 24);
    }

    /// Ascending, descending and scattered pushes make the widest and the deepest heaps.
    // Spec: R-7.1-3.
    #[test]
    fn a_hundred_thousand_rows_on_a_small_stack() {
        on_a_small_stack(|| {
            many(
                Heap::new,
                |heap, rows, index, tick| heap.push(rows, index, 0, tick),
                |heap, rows| heap.pop(rows),
                |heap, rows, index| heap.remove(rows, index),
            );
        });
    }

    /// Where all come in order, each is below the other.
    // Spec: R-7.1-3.
    #[test]
    fn a_chain_of_a_hundred_thousand_rows_on_a_small_stack() {
        on_a_small_stack(|| {
            many(
                OrderlyHeap::new,
                |heap, rows, index, tick| heap.push(rows, index, 0, tick),
                |heap, rows| heap.pop(rows),
                |heap, rows, index| heap.remove(rows, index),
            );
        });
    }

    fn many<H>(
        new: fn() -> H,
        push: fn(&mut H, &mut Table<'_, Node>, u32, u64) -> bool,
        pop: fn(&mut H, &mut Table<'_, Node>) -> Option<u32>,
        remove: fn(&mut H, &mut Table<'_, Node>, u32) -> bool,
    ) {
        const COUNT: u32 = 100_000;
        let mut rows = rows(COUNT);
        let mut table = filled(&mut rows);
        let ticks: [fn(u64) -> u64; 3] = [|i| i, |i| u64::MAX - i, |i| i * 7919 % 100_003];
        for tick in ticks {
            let mut heap = new();
            for index in 0..COUNT {
                assert!(push(&mut heap, &mut table, index, tick(index.into())));
            }
            for index in (0..COUNT).step_by(10) {
                assert!(remove(&mut heap, &mut table, index));
            }
            let mut last = 0;
            for _ in 0..COUNT - COUNT / 10 {
                let next = tick(pop(&mut heap, &mut table).unwrap().into());
                assert!(next >= last);
                last = next;
            }
            assert_eq!(pop(&mut heap, &mut table), None);
        }
    }
}
