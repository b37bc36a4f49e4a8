//! The demo for boards: what the application does, apart from any board.
//!
//! So far it only keeps a beat by the core's clock arithmetic. The transport, its link to a
//! network and the wiring of boards join it when the core can carry packets.
#![no_std]
#![forbid(unsafe_code)]

mod beat;

pub use beat::Beat;
