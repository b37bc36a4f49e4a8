//! DATAGRAM frames: datagrams that need no stream of their own.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, Reader, Writer, varint_len};
use crate::id::StreamId;
use crate::wire::frame::{FrameError, kind, parent_id};

/// A datagram that fits one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramFrame<'a> {
    /// The stream that it belongs to.
    pub parent: StreamId,
    /// The bytes.
    pub data: &'a [u8],
}

impl<'a> DatagramFrame<'a> {
    /// The length of the frame, in bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        let len = self.data.len();
        let header_len = 1_usize.saturating_add(varint_len(self.parent.as_u64()));
        header_len.saturating_add(varint_len(len as u64)).saturating_add(len)
    }

    pub(super) fn parse(first: u8, reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let parent = parent_id(reader)?;
        let has_len = first == kind::DATAGRAM_LEN;
        let data = if has_len { reader.varint_bytes()? } else { reader.rest() };
        Ok(Self { parent, data })
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.put_u8(kind::DATAGRAM_LEN)?;
        writer.put_varint(self.parent.as_u64())?;
        writer.put_varint_bytes(self.data)
    }

    /// Puts the frame in the form that ends the packet: one or two bytes shorter.
    ///
    /// # Errors
    /// [`Full`] if there is no space; nothing was put.
    pub fn encode_last(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let header_len = 1_usize.saturating_add(varint_len(self.parent.as_u64()));
        if writer.remaining_len() < header_len.saturating_add(self.data.len()) {
            return Err(Full);
        }
        writer.put_u8(kind::DATAGRAM)?;
        writer.put_varint(self.parent.as_u64())?;
        writer.put_bytes(self.data)
    }
}

/// Everything of a DATAGRAM frame but its data, which follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatagramHeader {
    /// The stream that it belongs to.
    pub parent: StreamId,
    /// The length of the data, in bytes; `None` if it goes to the end of the packet.
    pub len: Option<usize>,
}

impl DatagramHeader {
    /// The length of this header, in bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        let fixed_len = 1_usize.saturating_add(varint_len(self.parent.as_u64()));
        match self.len {
            Some(len) => fixed_len.saturating_add(varint_len(len as u64)),
            None => fixed_len,
        }
    }

    /// Puts the header. The data is for the caller to put after it.
    ///
    /// # Errors
    /// [`Full`] if there is no space; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if writer.remaining_len() < self.encoded_len() {
            return Err(Full);
        }
        writer.put_u8(if self.len.is_some() { kind::DATAGRAM_LEN } else { kind::DATAGRAM })?;
        writer.put_varint(self.parent.as_u64())?;
        self.len.map_or(Ok(()), |len| writer.put_varint(len as u64))
    }
}
