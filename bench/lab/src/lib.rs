//! A laboratory: hosts on this machine with a network of their own each, and a bad wire between
//! them, so that the kernel's TCP and SST meet at the same bottleneck. Root only.
//!
//! Every host is a network namespace, in the shape of a thread that is in it, with a TUN device;
//! one thread for each direction carries the packets from device to device, late, marked, damaged,
//! twice, or not at all. The near hosts share both directions with each other: what they get from
//! the far host comes through one queue. Namespaces and devices have no names outside and end with
//! the processes in them: there is nothing to clean up, and nothing else is touched.
//!
//! The devices have no offloads: what one read takes from them is one packet on the wire.

mod capture;
mod carried;
mod carrier;
mod damage;
mod enclosure;
mod host;
mod laboratory;
mod link;
mod loss;
mod nature;
mod profile;
mod tun;

pub use capture::{Captured, read_capture};
pub use carried::Carried;
pub use enclosure::enclose;
pub use host::{FAR, Host, near_address};
pub use laboratory::{Done, Errand, Laboratory, Report, Setup};
pub use nature::{Nature, NatureError, Queue};
pub use profile::{PROFILES, Profile};

/// Whether this process may do it at all.
#[must_use]
pub fn is_permitted() -> bool {
    rustix::process::geteuid().is_root()
}
