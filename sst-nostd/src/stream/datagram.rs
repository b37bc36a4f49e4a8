//! Datagrams: one unit of any size, in one of two forms the receiver need not tell apart.
//!
//! What fits a packet goes as one DATAGRAM frame, without state and without being sent again.
//! What does not, or would too likely be lost, goes as an ephemeral substream.
//! Source: docs/PROTOCOL.md section 8.

use crate::time::Duration;

use super::tracked::DatagramTicket;

/// Above this smoothed loss rate (in 65,536ths) even a small datagram goes as a substream: at
/// one in sixteen, one datagram in sixteen would vanish.
pub const MAX_STATELESS_LOSS: u32 = 65_536 / 16;

/// How a datagram travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramForm {
    /// In one packet, sent once.
    Stateless,
    /// As an ephemeral substream, sent again until it arrives or its lifetime ends.
    Substream,
}

/// How a datagram is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramOptions {
    /// What is not sent, or not delivered, after this long is abandoned.
    pub lifetime: Option<Duration>,
    /// It must arrive: always a substream.
    pub reliable: bool,
}

/// A datagram that was taken, and whose outcome was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramSent {
    /// How it travels.
    pub form: DatagramForm,
    /// What its [`DatagramOutcome`](super::DatagramOutcome) will be told with. `None`: it is sent
    /// all the same, but too many others are tracked
    /// ([`StreamLimits::tracked_datagrams`](super::StreamLimits::tracked_datagrams)).
    pub ticket: Option<DatagramTicket>,
}

/// Why a datagram was not taken. Nothing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatagramError {
    /// No room in the queue, or no credit for a substream, now: wait for
    /// [`StreamEvent::DatagramSpace`](super::StreamEvent::DatagramSpace) or
    /// [`StreamEvent::ChildCredit`](super::StreamEvent::ChildCredit).
    Blocked,
    /// This host's tables are full.
    NoCapacity,
    /// The session is not ready, closing or closed.
    SessionClosed,
    /// The peer takes datagrams of at most this many bytes (0: none), or this host can hold no
    /// more at once.
    TooLarge(u64),
    /// There is no such stream (any more).
    UnknownStream,
}

/// What the path is like, as the session knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathQuality {
    /// Frame bytes that fit one packet now.
    pub payload_bytes: usize,
    /// Smoothed loss rate, in 65,536ths.
    pub loss_rate: u32,
}
