//! How much of everything there is. Most of the board's memory is decided here.

use face::{Memory, Room};

/// Peers at one time. One more is told that there is no room.
pub(crate) const SESSIONS: usize = 4;
/// Streams at one time, of all peers together.
const STREAMS: usize = 16;
/// Streams served at one time, of all peers together: seven of one alone, as one task is kept for
/// each session (`tasks`). What is opened beyond is refused.
pub(crate) const STREAM_TASKS: usize = 12;
/// The pool for all that is written and not acknowledged, or arrived and not read: 4 KiB.
const BLOCKS: usize = 32;
/// Packets in flight, to all peers together.
const PACKETS: usize = 16;
/// The largest packet sent or accepted, in bytes of UDP payload: what every path carries.
pub(crate) const MAX_PACKET_BYTES: usize = 1200;
/// The largest datagram accepted, in bytes: it fits a packet.
pub(crate) const MAX_DATAGRAM_BYTES: usize = 1024;

/// The host.
pub(crate) static ENDPOINT: Room = Room::new();
/// Its rows.
pub(crate) static MEMORY: Memory<SESSIONS, { STREAMS + SESSIONS }, BLOCKS, PACKETS> = Memory::new();
