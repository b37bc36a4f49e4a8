//! What packets look like: parse and encode, no state, no cryptography.
//!
//! Parsing borrows from the packet and checks everything that one frame alone can show to be wrong.
//! Encoding puts all of a value or nothing. Source: `docs/PROTOCOL.md`.

pub mod ack;
pub mod close;
pub mod codes;
pub mod datagram;
pub mod frame;
mod frame_error;
mod kind;
pub mod negotiation;
pub mod packet;
pub mod parameters;
mod parameters_error;
mod refusal;
pub mod reset;
pub mod stream_frame;
mod suites;

pub use ack::{AckEncoder, AckFrame, AckRanges, EcnCounts};
pub use close::{CloseCause, CloseFrame};
pub use codes::{StreamCode, TransportCode};
pub use datagram::{DatagramFrame, DatagramHeader};
pub use frame::{Frame, Frames, MAX_FRAMES};
pub use frame_error::FrameError;
pub use packet::{PacketError, PacketKind, SealedHeader};
pub use parameters::Parameters;
pub use parameters_error::ParametersError;
pub use refusal::{MAX_REFUSAL_LEN, Refusal};
pub use reset::ResetFrame;
pub use stream_frame::{Attributes, Open, StreamFrame, StreamHeader};
pub use suites::{MAX_SUITES, Suites};

#[cfg(test)]
mod tests;
