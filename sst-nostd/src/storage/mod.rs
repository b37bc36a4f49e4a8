//! The containers everything else is built from: bounded, panic-free, and either lent by the
//! caller (a board's statics) or, with feature `alloc`, owned and grown up to a fixed limit.
//!
//! Every container here has a limit chosen when it is made. Reaching it is an answer,
//! [`Full`], and leaves the container as it was.

mod backing;
mod blocks;
mod hash;
mod heap;
mod index;
mod queue;
#[cfg(test)]
mod random;
mod range_chains;
mod ranges;
mod rope;
mod rope_bits;
mod shared_table;
mod shares;
mod sliding;
mod table;
mod tally;
mod timers;

pub use backing::{Backing, MAX_ROWS};
pub use blocks::BlockPool;
pub use hash::KeyedHash;
pub use heap::{HasNode, Heap, Heaped, Node, OrderlyHeap};
pub use index::HashIndex;
pub use queue::{HasLink, Link, Linked, Queue};
pub(crate) use range_chains::RangeChains;
pub use range_chains::RangeRow;
pub use ranges::RangeSet;
pub use rope::Rope;
pub use shared_table::SharedTable;
pub use shares::{Account, FEW_PARTIES, Shares};
pub use sliding::{Sighting, SlidingBits};
pub use table::{Handle, Row, Table};
pub use tally::{Tally, may_join};
pub use timers::{TimerSlot, Timers};

/// A container has reached its limit. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// "No row" wherever a row index is stored. Never a valid index: see [`MAX_ROWS`].
pub(crate) const NONE: u32 = u32::MAX;

/// A row that must be there by what the tables promise each other, which `invariant` says. Where it
/// is not, a debug build stops, so that tests, simulations and fuzzing hear of it; a release build
/// goes on without the row.
#[inline]
#[track_caller]
pub(crate) fn present<T>(row: Option<T>, invariant: &str) -> Option<T> {
    debug_assert!(row.is_some(), "broken: {invariant}");
    row
}
