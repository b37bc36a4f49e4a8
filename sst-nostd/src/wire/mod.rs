//! What packets look like: parse and encode, no state, no cryptography.
//!
//! Parsing borrows from the packet and checks everything that one frame alone can show to be wrong.
//! Encoding puts all of a value or nothing. Source: `docs/PROTOCOL.md`.

pub mod ack;
pub mod codes;
pub mod frame;
pub mod negotiation;
pub mod packet;
pub mod parameters;
pub mod stream_frame;

pub use ack::{AckEncoder, AckFrame, AckRanges, EcnCounts};
pub use codes::{StreamCode, TransportCode};
pub use frame::{
    CloseCause, CloseFrame, DatagramFrame, DatagramHeader, Frame, FrameError, Frames, ResetFrame,
};
pub use packet::{PacketError, PacketKind, SealedHeader};
pub use parameters::{Parameters, ParametersError, Refusal};
pub use stream_frame::{Attributes, Open, StreamFrame, StreamHeader};

#[cfg(test)]
mod tests;
