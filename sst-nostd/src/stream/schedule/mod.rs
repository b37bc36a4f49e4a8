//! Who sends next: heaps by priority and turn, and writers that wait for memory.

mod heaps;
mod priority;
pub(super) mod starved;
pub(super) mod work;
