//! What each fuzz target does with its bytes. `sst-nostd/tests/corpus.rs` includes this too, and
//! replays what was found.

pub mod application;
pub mod frames;
pub mod input;
pub mod neighbour;
pub mod ops;
pub mod packet;
pub mod parsers;
pub mod streams;
pub mod world;
