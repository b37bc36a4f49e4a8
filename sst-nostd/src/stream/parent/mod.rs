//! One stream as a parent: how many children each side may open, and its queues of datagrams.

mod children;
mod datagrams_in;
pub(super) mod datagrams_out;
