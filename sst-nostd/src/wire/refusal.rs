//! [`Refusal`]: a responder's answer that it does not want the session.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::str;

use crate::bytes::{Full, Reader, Writer, varint_len};
use crate::wire::codes::TransportCode;
use crate::wire::parameters_error::ParametersError;

/// The longest reason of a refusal, in bytes, so that a REPLY stays below its INIT.
pub const MAX_REFUSAL_LEN: usize = 64;

pub(super) const REFUSAL: u64 = 0x17;

/// The responder's answer that it does not want the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal<'a> {
    /// Why.
    pub code: TransportCode,
    /// Why, for a human to read. At most [`MAX_REFUSAL_LEN`] bytes.
    pub reason: &'a str,
}

impl<'a> Refusal<'a> {
    /// Puts a list that says this and nothing else.
    ///
    /// # Errors
    /// [`Full`] if there is no space, or the reason is too long; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let start = writer.position();
        self.put(writer).inspect_err(|_| writer.truncate(start))
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if self.reason.len() > MAX_REFUSAL_LEN {
            return Err(Full);
        }
        let code = self.code.as_u64();
        let len = varint_len(code).saturating_add(self.reason.len());
        writer.put_varint(REFUSAL)?;
        writer.put_varint(len as u64)?;
        writer.put_varint(code)?;
        writer.put_bytes(self.reason.as_bytes())
    }

    pub(super) fn parse(value: &'a [u8]) -> Result<Self, ParametersError> {
        let mut reader = Reader::new(value);
        let code = TransportCode::new(reader.varint()?);
        let reason = reader.rest();
        if reason.len() > MAX_REFUSAL_LEN {
            return Err(ParametersError::Illegal);
        }
        let reason = str::from_utf8(reason).map_err(|_| ParametersError::Illegal)?;
        Ok(Self { code, reason })
    }
}
