//! What the stream layer remembers of each frame it put in a packet: enough to know what an
//! acknowledgement confirms and what a loss must send again.

use crate::id::StreamId;

use super::row::StreamHandle;
use super::tracked::DatagramTicket;

/// What became of the packet that carried a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The peer has it.
    Acked,
    /// It must be assumed lost.
    Lost,
}

/// One frame in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Positions `start .. start + len` of a stream.
    Stream {
        /// The stream.
        stream: StreamHandle,
        /// First position.
        start: u64,
        /// Positions carried, marks included.
        len: u32,
        /// The frame carried the FIN.
        fin: bool,
        /// The frame carried the OPEN.
        open: bool,
    },
    /// RESET of a stream; `open` where it carried the OPEN.
    Reset {
        /// The stream.
        stream: StreamHandle,
        /// The frame carried the OPEN.
        open: bool,
    },
    /// STOP of a stream.
    Stop(StreamHandle),
    /// STREAM_LIMIT of a stream.
    StreamLimit(StreamHandle),
    /// STREAM_BLOCKED of a stream.
    StreamBlocked(StreamHandle),
    /// CHILD_LIMIT of a stream.
    ChildLimit(StreamHandle),
    /// CHILD_BLOCKED of a stream.
    ChildBlocked(StreamHandle),
    /// PRIORITY request for a stream.
    Priority(StreamHandle),
    /// RESET and STOP of a stream that was refused.
    Refusal(StreamId),
    /// SESSION_LIMIT.
    SessionLimit,
    /// SESSION_BLOCKED.
    SessionBlocked,
    /// A stateless datagram of a stream, `len` bytes long.
    Datagram {
        /// The parent stream.
        parent: StreamHandle,
        /// Its length in bytes.
        len: u32,
    },
    /// A stateless datagram whose outcome was asked for.
    TrackedDatagram(DatagramTicket),
}

impl Receipt {
    /// The most frames that it stands for.
    #[must_use]
    pub const fn frames(&self) -> usize {
        if matches!(self, Self::Refusal(_)) { 2 } else { 1 }
    }
}
