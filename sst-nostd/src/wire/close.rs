//! CLOSE frames: the end of a session.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::str;

use crate::bytes::{Full, Reader, Writer};
use crate::wire::codes::TransportCode;
use crate::wire::frame::{FrameError, kind};

/// The longest reason in a CLOSE frame, in bytes: a line for a log, whatever the packet's size.
pub const MAX_REASON_LEN: usize = 128;

/// Why a session ends, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseCause {
    /// The peer's transport.
    Transport(TransportCode),
    /// The peer's application, with a number of its own.
    Application(u64),
}

/// The end of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Why.
    pub cause: CloseCause,
    /// Why, for a human to read. At most [`MAX_REASON_LEN`] bytes.
    pub reason: &'a str,
}

impl<'a> CloseFrame<'a> {
    pub(super) fn parse(first: u8, reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let code = reader.varint()?;
        let reason = reader.varint_bytes()?;
        if reason.len() > MAX_REASON_LEN {
            return Err(FrameError::Reason);
        }
        let reason = str::from_utf8(reason).map_err(|_| FrameError::Reason)?;
        let cause = if first == kind::CLOSE_TRANSPORT {
            CloseCause::Transport(TransportCode::new(code))
        } else {
            CloseCause::Application(code)
        };
        Ok(Self { cause, reason })
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if self.reason.len() > MAX_REASON_LEN {
            return Err(Full);
        }
        let (first, code) = match self.cause {
            CloseCause::Transport(code) => (kind::CLOSE_TRANSPORT, code.as_u64()),
            CloseCause::Application(code) => (kind::CLOSE_APPLICATION, code),
        };
        writer.put_u8(first)?;
        writer.put_varint(code)?;
        writer.put_varint_bytes(self.reason.as_bytes())
    }
}
