//! Frames come in and go out, and their receipts come back.

mod datagrams;
mod fill;
mod incoming;
mod outgoing;
mod receipts;
mod refusals;
pub(super) mod sink;
