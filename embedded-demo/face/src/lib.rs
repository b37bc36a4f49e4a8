//! SST on a board, as futures: an [`Endpoint`] has [`Session`]s, a session has [`Stream`]s.
//!
//! The protocol is `sst-nostd`'s; here is only what waits. Nothing allocates: the rows are lent by
//! a [`Memory`], futures are written by hand and wait in rows of their own, two wakers a stream.
//! Nothing knows a network or an executor: whoever carries the packets implements [`Carrier`] and
//! runs [`Endpoint::carry`] in a task.
//!
//! One task may wait for the same thing of a stream at a time, and everything happens on one
//! executor: handles are not `Send`.
#![no_std]
// One function, in `memory`, makes arrays in place.
#![deny(unsafe_code)]

// The core copies bytes to and from any address.
use bulk_memory as _;

mod branch;
mod carrier;
mod endpoint;
mod entropy;
mod inner;
mod memory;
mod session;
mod stream;
mod waiters;

pub use branch::{Branch, OpenOptions};
pub use carrier::Carrier;
pub use endpoint::{Endpoint, Room};
pub use entropy::{Entropy, NoEntropy};
pub use memory::Memory;
pub use provider::Provider;
pub use session::Session;
pub use stream::{Record, RecordEnd, Stream};

/// The core's own words, for those who use this crate.
pub use sst_nostd::{
    Account, CloseReason, Config, ConfigError, ConnectError, DatagramError, DatagramForm, Duration,
    Full, HostId, Instant, OpenError, ReadError, ServiceRequest, Shares, Stats, StreamCode,
    WriteError,
};
