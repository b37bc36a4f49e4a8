//! How streams begin, join their parents and end, and what follows from each event for others
//! than its stream.

mod after;
mod ends;
mod leave;
pub(super) mod open;
mod openers;
pub(super) mod opens;
mod refuse;
mod whole;
