//! The deterministic simulator: hosts in one process, on links that delay, lose, reorder,
//! duplicate and corrupt, with one clock and one seed. The same seed replays exactly.
//!
//! It is a test tool: unlike the rest of this crate it needs std, and it panics when used wrongly.

mod link;
mod model;
mod nat;
mod network;
mod node;
mod random;
mod scenario;

pub use link::{Link, LinkConfig, LinkStats};
pub use nat::Nat;
pub use network::{Logged, Network, START};
pub use node::{Clock, Node, SimHost};
pub use random::Random;
pub use scenario::{Outcome, play};
