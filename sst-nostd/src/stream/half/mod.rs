//! One stream's two halves, on its row and what its session draws on.

mod credit;
mod delivery;
mod ends;
mod ranges;
pub(super) mod read;
pub(super) mod receive;
pub(super) mod send;
mod store;
