//! [`Frame`]: one item inside a sealed packet.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, Reader, Writer};
use crate::id::{Priority, StreamId};
use crate::wire::ack::AckFrame;
use crate::wire::close::CloseFrame;
use crate::wire::codes::StreamCode;
use crate::wire::datagram::DatagramFrame;
use crate::wire::frame_error::{FrameError, parent_id, stream_id};
use crate::wire::kind;
use crate::wire::reset::ResetFrame;
use crate::wire::stream_frame::StreamFrame;

/// The most frames of a packet ([`Frames`] says what counts as one). What a packet costs its
/// receiver is mostly in proportion to its frames, of which over five hundred would fit
/// (docs/PROTOCOL.md, R-10.1-8).
pub const MAX_FRAMES: usize = 16;

/// One item inside a sealed packet. Text and data are borrowed from the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// Nothing. A run of padding parses as one frame and is encoded as one byte.
    Padding,
    /// Nothing, to be acknowledged. A run of them parses as one, as of padding.
    Ping,
    /// Packets that arrived.
    Ack(AckFrame<'a>),
    /// The end of the session.
    Close(CloseFrame<'a>),
    /// A question whether this path works.
    PathChallenge([u8; 8]),
    /// The answer, with the same bytes.
    PathResponse([u8; 8]),
    /// The sender of a stream gave it up.
    Reset(ResetFrame),
    /// The receiver of a stream wants no more of it.
    Stop {
        /// The stream.
        id: StreamId,
        /// Why.
        code: StreamCode,
    },
    /// The peer may send this stream up to a position.
    StreamLimit {
        /// The stream.
        id: StreamId,
        /// The first position that is not allowed.
        limit: u64,
    },
    /// The sender of a stream has more to send than its window allows.
    StreamBlocked {
        /// The stream.
        id: StreamId,
        /// The limit in the way.
        at: u64,
    },
    /// The peer may open that many children of a stream, all told.
    ChildLimit {
        /// The parent.
        id: StreamId,
        /// How many.
        limit: u64,
    },
    /// A host wants to open more children of a stream than it may.
    ChildBlocked {
        /// The parent.
        id: StreamId,
        /// The limit in the way.
        at: u64,
    },
    /// The peer may send that much on all streams together.
    SessionLimit {
        /// The sum of positions that is allowed.
        limit: u64,
    },
    /// A host has more to send than the session's window allows.
    SessionBlocked {
        /// The limit in the way.
        at: u64,
    },
    /// The receiver of a stream asks its sender to make it more or less urgent.
    Priority {
        /// The stream.
        id: StreamId,
        /// How urgent.
        priority: Priority,
    },
    /// A datagram that fits this packet.
    Datagram(DatagramFrame<'a>),
    /// Bytes of a stream.
    Stream(StreamFrame<'a>),
}

impl<'a> Frame<'a> {
    /// The next frame. Takes at least one byte, or fails.
    ///
    /// # Errors
    /// [`FrameError`]; at the end of the packet it is [`FrameError::Truncated`].
    pub fn parse(reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let first = reader.u8()?;
        Ok(match first {
            kind::PADDING => {
                reader.skip_all(kind::PADDING);
                Self::Padding
            }
            kind::PING => {
                reader.skip_all(kind::PING);
                Self::Ping
            }
            kind::ACK | kind::ACK_ECN => {
                Self::Ack(AckFrame::parse(reader, first == kind::ACK_ECN)?)
            }
            kind::CLOSE_TRANSPORT | kind::CLOSE_APPLICATION => {
                Self::Close(CloseFrame::parse(first, reader)?)
            }
            kind::PATH_CHALLENGE => Self::PathChallenge(reader.array()?),
            kind::PATH_RESPONSE => Self::PathResponse(reader.array()?),
            kind::DATAGRAM | kind::DATAGRAM_LEN => {
                Self::Datagram(DatagramFrame::parse(first, reader)?)
            }
            kind::STREAM..=kind::STREAM_LAST => Self::Stream(StreamFrame::parse(first, reader)?),
            _ => Self::parse_control(first, reader)?,
        })
    }

    fn parse_control(first: u8, reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        Ok(match first {
            kind::RESET | kind::RESET_OPEN => Self::Reset(ResetFrame::parse(first, reader)?),
            kind::STOP => {
                Self::Stop { id: stream_id(reader)?, code: StreamCode::new(reader.varint()?) }
            }
            kind::STREAM_LIMIT => {
                Self::StreamLimit { id: stream_id(reader)?, limit: reader.varint()? }
            }
            kind::STREAM_BLOCKED => {
                Self::StreamBlocked { id: stream_id(reader)?, at: reader.varint()? }
            }
            kind::CHILD_LIMIT => {
                Self::ChildLimit { id: parent_id(reader)?, limit: reader.varint()? }
            }
            kind::CHILD_BLOCKED => {
                Self::ChildBlocked { id: parent_id(reader)?, at: reader.varint()? }
            }
            kind::SESSION_LIMIT => Self::SessionLimit { limit: reader.varint()? },
            kind::SESSION_BLOCKED => Self::SessionBlocked { at: reader.varint()? },
            kind::PRIORITY => {
                Self::Priority { id: stream_id(reader)?, priority: reader.u8()?.cast_signed() }
            }
            _ => return Err(FrameError::Type(first)),
        })
    }

    /// Puts the frame, in a form after which others may follow.
    ///
    /// # Errors
    /// [`Full`] if there is no space, or a value that no frame can hold; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let start = writer.position();
        self.put(writer).inspect_err(|_| writer.truncate(start))
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::Padding => writer.put_u8(kind::PADDING),
            Self::Ping => writer.put_u8(kind::PING),
            Self::Ack(ack) => ack.encode(writer),
            Self::Close(close) => close.encode(writer),
            Self::PathChallenge(bytes) => {
                writer.put_u8(kind::PATH_CHALLENGE)?;
                writer.put_bytes(&bytes)
            }
            Self::PathResponse(bytes) => {
                writer.put_u8(kind::PATH_RESPONSE)?;
                writer.put_bytes(&bytes)
            }
            Self::Reset(reset) => reset.encode(writer),
            Self::Stop { id, code } => put_two(writer, kind::STOP, id, code.as_u64()),
            Self::StreamLimit { id, limit } => put_two(writer, kind::STREAM_LIMIT, id, limit),
            Self::StreamBlocked { id, at } => put_two(writer, kind::STREAM_BLOCKED, id, at),
            Self::ChildLimit { id, limit } => put_two(writer, kind::CHILD_LIMIT, id, limit),
            Self::ChildBlocked { id, at } => put_two(writer, kind::CHILD_BLOCKED, id, at),
            Self::SessionLimit { limit } => {
                writer.put_u8(kind::SESSION_LIMIT)?;
                writer.put_varint(limit)
            }
            Self::SessionBlocked { at } => {
                writer.put_u8(kind::SESSION_BLOCKED)?;
                writer.put_varint(at)
            }
            Self::Priority { id, priority } => {
                writer.put_u8(kind::PRIORITY)?;
                writer.put_varint(id.as_u64())?;
                writer.put_u8(priority.cast_unsigned())
            }
            Self::Datagram(datagram) => datagram.encode(writer),
            Self::Stream(stream) => stream.encode(writer),
        }
    }

    /// True if a packet with this frame is to be acknowledged.
    #[must_use]
    pub const fn is_ack_eliciting(&self) -> bool {
        !matches!(self, Self::Padding | Self::Ack(_) | Self::Close(_))
    }

    /// True if FINISH may carry it: nothing can have been received yet to acknowledge or answer.
    #[must_use]
    pub const fn is_for_finish(&self) -> bool {
        !matches!(self, Self::Ack(_) | Self::PathResponse(_))
    }
}

/// The frames of a packet, in order. Ends after the first error; a frame beyond [`MAX_FRAMES`] and
/// a second ACK are errors. A run of padding or of PING is one frame.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    reader: Reader<'a>,
    /// How many more there may be.
    room: usize,
    has_ack: bool,
}

impl<'a> Frames<'a> {
    /// The frames of this opened payload.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self { reader: Reader::new(payload), room: MAX_FRAMES, has_ack: false }
    }

    fn parse_next(&mut self) -> Result<Frame<'a>, FrameError> {
        self.room = self.room.checked_sub(1).ok_or(FrameError::TooMany)?;
        let frame = Frame::parse(&mut self.reader)?;
        if matches!(frame, Frame::Ack(_)) && core::mem::replace(&mut self.has_ack, true) {
            return Err(FrameError::SecondAck);
        }
        Ok(frame)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<Frame<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.is_empty() {
            return None;
        }
        let frame = self.parse_next();
        if frame.is_err() {
            self.reader = Reader::new(&[]);
        }
        Some(frame)
    }
}

fn put_two(writer: &mut Writer<'_>, first: u8, id: StreamId, value: u64) -> Result<(), Full> {
    writer.put_u8(first)?;
    writer.put_varint(id.as_u64())?;
    writer.put_varint(value)
}
