//! [`FrameError`]: why bytes are not a frame, and the numbers of streams, which most frames begin
//! with.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Reader, Truncated, VarintError};
use crate::id::StreamId;
use crate::wire::codes::TransportCode;

/// Why bytes are not a frame. The peer's fault: close with [`FrameError::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// An acknowledged range goes below 0, or there are too many of them.
    AckRange,
    /// Unknown attributes of a stream.
    Attributes,
    /// A position above 2^62 - 1.
    Offset,
    /// A reason that is too long or not UTF-8.
    Reason,
    /// The root, where only another stream can be meant.
    Root,
    /// The packet has an ACK already.
    SecondAck,
    /// A number that names no stream.
    StreamId,
    /// The packet has as many frames before it as a packet may have.
    TooMany,
    /// The packet ends before the frame does.
    Truncated,
    /// An unknown type byte.
    Type(u8),
    /// An integer that is not minimal, or too large.
    Varint,
}

impl FrameError {
    /// What to close with (`docs/PROTOCOL.md` section 10.1).
    #[must_use]
    pub const fn code(self) -> TransportCode {
        match self {
            Self::Root => TransportCode::STREAM_ID,
            Self::SecondAck | Self::TooMany => TransportCode::PROTOCOL,
            _ => TransportCode::FRAME_ENCODING,
        }
    }
}

impl From<Truncated> for FrameError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl From<VarintError> for FrameError {
    fn from(error: VarintError) -> Self {
        match error {
            VarintError::Truncated => Self::Truncated,
            VarintError::NotMinimal | VarintError::TooLarge => Self::Varint,
        }
    }
}

/// A stream that has bytes of its own: any but the root.
pub(super) fn stream_id(reader: &mut Reader<'_>) -> Result<StreamId, FrameError> {
    let id = parent_id(reader)?;
    if id.is_root() { Err(FrameError::Root) } else { Ok(id) }
}

/// A stream that has children: any.
pub(super) fn parent_id(reader: &mut Reader<'_>) -> Result<StreamId, FrameError> {
    StreamId::from_u64(reader.varint()?).ok_or(FrameError::StreamId)
}
