//! Structured Stream Transport: the protocol core.
//!
//! No std, no allocator, no clock, no sockets, no unsafe. The caller owns time, randomness and
//! packets; the core owns the protocol.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::unreachable
    )
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(any(test, feature = "sim"))]
extern crate std;

pub mod bytes;
pub mod channel;
pub mod crypto;
pub mod host;
pub mod id;
mod limits;
pub mod negotiation;
pub mod noise;
pub mod path;
pub mod recovery;
pub mod session;
#[cfg(feature = "sim")]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    reason = "a test tool"
)]
pub mod sim;
pub mod storage;
pub mod stream;
pub mod time;
pub mod transcript;
pub mod wire;
