//! [`Hosts`]: the units of work, which two hosts of any kind can do for one another.

/// Requests that are under way at once in [`Hosts::requests`].
pub const AT_ONCE: usize = 100;
/// Bytes of a request.
pub const REQUEST_LEN: usize = 100;
/// Bytes of a reply.
pub const REPLY_LEN: usize = 1_024;
/// Bytes of a datagram.
pub const DATAGRAM_LEN: usize = 1_000;
/// Bytes of a ping-pong, each way.
pub const PING_LEN: usize = 64;
/// What a bulk sender writes at once.
pub const CHUNK_LEN: usize = 128 * 1024;
/// What a UDP send carries at most.
pub const BATCH_LEN: usize = 65_487;
/// After so many turns without an end, work has failed.
pub const MAX_TURNS: usize = 64;

/// What was carried so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Carried {
    /// Packets, of both hosts.
    pub packets: u64,
    /// Bytes that a bulk stream brought.
    pub bytes: u64,
}

/// Two hosts in one thread, the second of which answers. `None`: the work could not be done.
pub trait Hosts {
    /// A session, and a stream in it.
    fn meet(&mut self) -> Option<()>;
    /// Sends until `packets` more have gone over.
    fn bulk(&mut self, packets: u64) -> Option<()>;
    /// A stream of its own for a request and its reply.
    fn request(&mut self) -> Option<()>;
    /// [`AT_ONCE`] of them at once, each read to its end.
    fn requests(&mut self) -> Option<()>;
    /// A datagram.
    fn datagram(&mut self) -> Option<()>;
    /// A few bytes there and back on the open stream.
    fn ping_pong(&mut self) -> Option<()>;
    /// What was carried so far.
    fn carried(&self) -> Carried;
}
