//! [`Writer`]: values into a slice.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;

use super::{Full, MAX_VARINT, MAX_VARINT_LEN, varint_len};

/// Puts values into a slice, front to back.
///
/// A failed call puts nothing.
pub struct Writer<'a> {
    bytes: &'a mut [u8],
    position: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// Puts one byte.
    ///
    /// # Errors
    /// [`Full`] if there is no space.
    #[inline]
    pub fn put_u8(&mut self, value: u8) -> Result<(), Full> {
        *self.bytes.get_mut(self.position).ok_or(Full)? = value;
        self.position = self.position.saturating_add(1);
        Ok(())
    }

    /// Puts a number of 2 bytes.
    ///
    /// # Errors
    /// [`Full`] if there is no space.
    pub fn put_u16(&mut self, value: u16) -> Result<(), Full> {
        self.put_bytes(&value.to_be_bytes())
    }

    /// Puts a number of 4 bytes.
    ///
    /// # Errors
    /// [`Full`] if there is no space.
    pub fn put_u32(&mut self, value: u32) -> Result<(), Full> {
        self.put_bytes(&value.to_be_bytes())
    }

    /// Puts `bytes`.
    ///
    /// # Errors
    /// [`Full`] if there is no space for all of them.
    #[inline]
    pub fn put_bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.take_mut(bytes.len())?.copy_from_slice(bytes);
        Ok(())
    }

    /// Puts `value` as a varint.
    ///
    /// # Errors
    /// [`Full`] if there is no space, or `value` is above [`MAX_VARINT`].
    #[inline]
    pub fn put_varint(&mut self, value: u64) -> Result<(), Full> {
        if value < 0x80 {
            return self.put_u8(value as u8);
        }
        self.put_long_varint(value)
    }

    /// Puts the length of `bytes` as a varint, and `bytes`.
    ///
    /// # Errors
    /// [`Full`] if there is no space for all of it.
    pub fn put_varint_bytes(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let start = self.position;
        self.put_varint(bytes.len() as u64)?;
        self.put_bytes(bytes).inspect_err(|_| self.position = start)
    }

    /// Puts `count` zero bytes.
    ///
    /// # Errors
    /// [`Full`] if there is no space for all of them.
    pub fn put_zeros(&mut self, count: usize) -> Result<(), Full> {
        self.take_mut(count)?.fill(0);
        Ok(())
    }

    /// The next `count` bytes, for the caller to fill. They count as put, whatever they hold.
    ///
    /// # Errors
    /// [`Full`] if there are fewer.
    #[inline]
    pub fn take_mut(&mut self, count: usize) -> Result<&mut [u8], Full> {
        let end = self.position.checked_add(count).ok_or(Full)?;
        let space = self.bytes.get_mut(self.position..end).ok_or(Full)?;
        self.position = end;
        Ok(space)
    }

    /// Puts `bytes` over some that were put before, at `position`.
    ///
    /// # Errors
    /// [`Full`] if not all of those places have been put.
    pub fn patch(&mut self, position: usize, bytes: &[u8]) -> Result<(), Full> {
        let end = position.checked_add(bytes.len()).ok_or(Full)?;
        let written = self.bytes.get_mut(..self.position).ok_or(Full)?;
        written.get_mut(position..end).ok_or(Full)?.copy_from_slice(bytes);
        Ok(())
    }

    /// Takes back everything put at and after `position`.
    pub const fn truncate(&mut self, position: usize) {
        if position < self.position {
            self.position = position;
        }
    }

    /// What was put before `position`, and what was put from there on. `position` beyond the end is
    /// the end.
    pub fn split_at(&mut self, position: usize) -> (&mut [u8], &mut [u8]) {
        let end = self.position.min(self.bytes.len());
        let (written, _) = self.bytes.split_at_mut(end);
        written.split_at_mut(position.min(end))
    }

    /// How many bytes can still be put.
    #[must_use]
    pub const fn remaining_len(&self) -> usize {
        self.bytes.len().saturating_sub(self.position)
    }

    /// How many bytes have been put.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The bytes put so far.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        self.bytes.get(..self.position).unwrap_or_default()
    }

    /// The bytes put, for as long as the slice itself lives.
    #[must_use]
    pub fn into_written(self) -> &'a mut [u8] {
        self.bytes.get_mut(..self.position).unwrap_or_default()
    }

    fn put_long_varint(&mut self, value: u64) -> Result<(), Full> {
        if value > MAX_VARINT {
            return Err(Full);
        }
        let len = varint_len(value);
        let bytes = value.to_be_bytes();
        let low = bytes.get(bytes.len().saturating_sub(len)..).unwrap_or(&bytes);
        let space = self.take_mut(len)?;
        // Nine bytes: 0xff and all eight bytes of the value. Fewer: the ones share the first byte.
        if let Some((first, rest)) = space.split_first_mut()
            && len == MAX_VARINT_LEN
        {
            *first = 0xff;
            copy(low, rest);
            return Ok(());
        }
        copy(low, space);
        if let Some(first) = space.first_mut() {
            *first |= !(0xff_u8.checked_shr(len.saturating_sub(1) as u32).unwrap_or(0));
        }
        Ok(())
    }
}

/// Copies bytes to a place as long as they are: unlike `copy_from_slice`, nothing that could panic
/// is left where the compiler does not see that.
fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Writer({} of {})", self.position, self.bytes.len())
    }
}
