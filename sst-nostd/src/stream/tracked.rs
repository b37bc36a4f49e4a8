//! The record of a datagram whose sender asked what becomes of it, and the ticket that names it.
//! Source: docs/PROTOCOL.md section 8.4.

use crate::storage::{Handle, HasLink, Link};

/// Names one datagram whose outcome was asked for; stale once the outcome was told.
pub type DatagramTicket = Handle<TrackedDatagram>;

/// What became of a datagram. Each is final: told once, and never revised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DatagramOutcome {
    /// The peer's host has it. Whether its application takes it is another matter: a receiver
    /// whose queue is full drops a stateless datagram, and so does one whose stream is gone.
    Acknowledged,
    /// This host threw it away before it was sent: the stream it belongs to ended, or no packet
    /// of the path is large enough for it any more.
    Discarded,
    /// Its lifetime ended first. A stateless one never left; of a substream, something may have.
    Expired,
    /// The packet it was in must be assumed lost, and it is not sent again. It may have arrived
    /// all the same: an acknowledgement that comes later changes nothing here.
    Lost,
    /// The peer wanted none of it: it stopped the substream.
    Refused,
    /// The session ended before it was known.
    Unknown,
}

impl DatagramOutcome {
    /// Its name, the same for applications in every language.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Discarded => "discarded",
            Self::Expired => "expired",
            Self::Lost => "lost",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// The list a row is in: its session's while the outcome is open, then that of outcomes to tell.
pub(super) const TRACKED: usize = 0;

/// The record of one tracked datagram. Callers only lend room for it.
#[derive(Debug)]
pub struct TrackedDatagram {
    /// Index of the session.
    pub(super) session: u32,
    pub(super) link: Link,
    pub(super) outcome: Option<DatagramOutcome>,
}

impl HasLink<TRACKED> for TrackedDatagram {
    fn link(&self) -> &Link {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link {
        &mut self.link
    }
}

/// A ticket in eight bytes.
pub(super) fn pack(ticket: DatagramTicket) -> u64 {
    u64::from(ticket.index()) << 32 | u64::from(ticket.generation())
}

/// The ticket that [`pack`] made the bytes of.
pub(super) fn unpack(packed: u64) -> DatagramTicket {
    DatagramTicket::from_parts((packed >> 32) as u32, packed as u32)
}
