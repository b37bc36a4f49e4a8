//! RESET frames: the sender's end of a stream, before its time.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, Reader, Writer};
use crate::id::StreamId;
use crate::wire::codes::StreamCode;
use crate::wire::frame::{FrameError, kind, stream_id};
use crate::wire::stream_frame::Open;

/// The sender of a stream gave it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResetFrame {
    /// The stream.
    pub id: StreamId,
    /// Why.
    pub code: StreamCode,
    /// The position after the last one ever sent: what the stream took of the windows.
    pub final_position: u64,
    /// How the stream was opened.
    pub open: Option<Open>,
}

impl ResetFrame {
    pub(super) fn parse(first: u8, reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let id = stream_id(reader)?;
        let code = StreamCode::new(reader.varint()?);
        let final_position = reader.varint()?;
        let is_open = first == kind::RESET_OPEN;
        let open = if is_open { Some(Open::parse(reader)?) } else { None };
        Ok(Self { id, code, final_position, open })
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.put_u8(if self.open.is_some() { kind::RESET_OPEN } else { kind::RESET })?;
        writer.put_varint(self.id.as_u64())?;
        writer.put_varint(self.code.as_u64())?;
        writer.put_varint(self.final_position)?;
        self.open.map_or(Ok(()), |open| open.encode(writer))
    }
}
