//! When to send, how much, and what is lost: numbers in, decisions out.
//!
//! Nothing here knows packets, keys or tables. A channel keeps its own record of what it sent and
//! asks these machines what that record means. Each file is one idea and can be read alone.

pub mod congestion;
pub mod ecn;
pub mod loss;
pub mod mtu;
pub mod pacer;
pub mod received;
pub mod rtt;
