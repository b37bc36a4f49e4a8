//! [`Reader`] and [`Writer`] over slices: the only place that counts bytes.
//!
//! Integers are big-endian. A *varint* has as many leading one bits in its first byte as bytes that
//! follow (0 to 8), and its value in the remaining bits. Source: `docs/PROTOCOL.md`, "Integers".
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::fmt;

/// The largest value that a varint may hold: 2^62 - 1.
pub const MAX_VARINT: u64 = (1 << 62) - 1;
/// The longest varint, in bytes.
pub const MAX_VARINT_LEN: usize = 9;

/// The bytes ended before the value did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Truncated;

/// The value does not fit into the space left, or is above [`MAX_VARINT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// Why bytes are not a varint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VarintError {
    /// A shorter encoding of the same value exists.
    NotMinimal,
    /// The value is above [`MAX_VARINT`].
    TooLarge,
    /// The bytes ended before the value did.
    Truncated,
}

impl From<Truncated> for VarintError {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

/// Takes values from the front of a slice.
///
/// A failed call takes nothing.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
    len: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, len: bytes.len() }
    }

    /// The next byte.
    ///
    /// # Errors
    /// [`Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        let (first, rest) = self.rest.split_first().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next 2 bytes as a number.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next 4 bytes as a number.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next 8 bytes as a number.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn u64(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_be_bytes)
    }

    /// The next `N` bytes, copied.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (first, rest) = self.rest.split_first_chunk::<N>().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (first, rest) = self.rest.split_at_checked(count).ok_or(Truncated)?;
        self.rest = rest;
        Ok(first)
    }

    /// Everything that is left.
    pub const fn rest(&mut self) -> &'a [u8] {
        let rest = self.rest;
        self.rest = &[];
        rest
    }

    /// The next varint.
    ///
    /// # Errors
    /// [`VarintError`], saying why the bytes are not one.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, VarintError> {
        let (first, rest) = self.rest.split_first().ok_or(VarintError::Truncated)?;
        if *first < 0x80 {
            self.rest = rest;
            return Ok(u64::from(*first));
        }
        self.long_varint(*first, rest)
    }

    /// The next varint as a length, and that many bytes.
    ///
    /// # Errors
    /// [`VarintError`], saying why the bytes are not that.
    pub fn varint_bytes(&mut self) -> Result<&'a [u8], VarintError> {
        let mut ahead = *self;
        let len = usize::try_from(ahead.varint()?).map_err(|_| VarintError::Truncated)?;
        let bytes = ahead.bytes(len)?;
        *self = ahead;
        Ok(bytes)
    }

    /// Steps over the next bytes as long as they are `byte`.
    pub fn skip_all(&mut self, byte: u8) {
        while let Some((first, rest)) = self.rest.split_first()
            && *first == byte
        {
            self.rest = rest;
        }
    }

    /// How many bytes are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// True if no bytes are left.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes have been taken.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.len.saturating_sub(self.rest.len())
    }

    fn long_varint(&mut self, first: u8, rest: &'a [u8]) -> Result<u64, VarintError> {
        let follow = first.leading_ones() as usize;
        let (low, rest) = rest.split_at_checked(follow).ok_or(VarintError::Truncated)?;
        let high = 0x7f_u8.checked_shr(first.leading_ones()).unwrap_or(0) & first;
        let value = low.iter().fold(u64::from(high), |value, byte| value << 8 | u64::from(*byte));
        if value > MAX_VARINT {
            return Err(VarintError::TooLarge);
        }
        if varint_len(value) != follow.saturating_add(1) {
            return Err(VarintError::NotMinimal);
        }
        self.rest = rest;
        Ok(value)
    }
}

impl fmt::Debug for Reader<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Reader({} of {})", self.position(), self.len)
    }
}

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

    /// Puts a number of 8 bytes.
    ///
    /// # Errors
    /// [`Full`] if there is no space.
    pub fn put_u64(&mut self, value: u64) -> Result<(), Full> {
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
            rest.copy_from_slice(low);
            return Ok(());
        }
        space.copy_from_slice(low);
        if let Some(first) = space.first_mut() {
            *first |= !(0xff_u8.checked_shr(len.saturating_sub(1) as u32).unwrap_or(0));
        }
        Ok(())
    }
}

impl fmt::Debug for Writer<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Writer({} of {})", self.position, self.bytes.len())
    }
}

/// The length of `value` as a varint, in bytes. Above [`MAX_VARINT`] it says 9, but no writer puts
/// such a value.
#[must_use]
pub const fn varint_len(value: u64) -> usize {
    let bits = 64_u32.saturating_sub((value | 1).leading_zeros());
    if bits > 56 { MAX_VARINT_LEN } else { bits.div_ceil(7) as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: u64) -> std::vec::Vec<u8> {
        let mut space = [0; 16];
        let mut writer = Writer::new(&mut space);
        writer.put_varint(value).unwrap();
        writer.written().to_vec()
    }

    #[test]
    fn varints_change_length_where_the_table_says() {
        for (len, bits) in [7, 14, 21, 28, 35, 42, 49, 56].into_iter().enumerate() {
            assert_eq!(encoded((1 << bits) - 1).len(), len + 1);
            assert_eq!(encoded(1 << bits).len(), len + 2);
            assert_eq!(varint_len(1 << bits), len + 2);
        }
        assert_eq!(encoded(MAX_VARINT).len(), 9);
        assert_eq!(encoded(0), [0]);
        assert_eq!(encoded(0x1234), [0x92, 0x34]);
        assert_eq!(encoded(1 << 55), [0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encoded(1 << 56), [0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn varints_round_trip_at_every_bit_and_truncation_is_named() {
        for bit in 0..62 {
            for value in [1 << bit, (1 << bit) - 1, (1 << bit) | 1] {
                let bytes = encoded(value);
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.varint(), Ok(value));
                assert!(reader.is_empty());
                for len in 0..bytes.len() {
                    let mut reader = Reader::new(&bytes[..len]);
                    assert_eq!(reader.varint(), Err(VarintError::Truncated));
                    assert_eq!(reader.position(), 0);
                }
            }
        }
    }

    #[test]
    fn longer_forms_of_a_value_and_values_above_the_limit_are_refused() {
        for bytes in [&[0x80, 0x7f][..], &[0xc0, 0x3f, 0xff], &[0xfe, 1, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Reader::new(bytes).varint(), Err(VarintError::NotMinimal), "{bytes:x?}");
        }
        let low = [0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Reader::new(&low).varint(), Err(VarintError::NotMinimal));
        let high = [0xff, 0x40, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Reader::new(&high).varint(), Err(VarintError::TooLarge));
        assert_eq!(Reader::new(&[0xff; 9]).varint(), Err(VarintError::TooLarge));
        let mut space = [0; 16];
        assert_eq!(Writer::new(&mut space).put_varint(MAX_VARINT + 1), Err(Full));
    }

    #[test]
    fn a_failed_read_takes_nothing() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u32(), Err(Truncated));
        assert_eq!(reader.u64(), Err(Truncated));
        assert_eq!(reader.bytes(4), Err(Truncated));
        assert_eq!(Reader::new(&[4, 1, 2]).varint_bytes(), Err(VarintError::Truncated));
        assert_eq!(reader.u16(), Ok(0x0102));
        assert_eq!((reader.position(), reader.remaining()), (2, 1));
        assert_eq!(reader.rest(), [3]);
        assert_eq!(reader.u8(), Err(Truncated));
    }

    #[test]
    fn a_failed_write_puts_nothing() {
        let mut space = [9; 3];
        let mut writer = Writer::new(&mut space);
        writer.put_u8(1).unwrap();
        assert_eq!(writer.put_u32(7), Err(Full));
        assert_eq!(writer.put_varint(1 << 14), Err(Full));
        assert_eq!(writer.put_varint_bytes(&[1, 2]), Err(Full));
        assert_eq!(writer.take_mut(usize::MAX), Err(Full));
        assert_eq!((writer.position(), writer.remaining_len()), (1, 2));
        writer.put_u16(0x0203).unwrap();
        assert_eq!(writer.put_u8(4), Err(Full));
        assert_eq!(writer.written(), [1, 2, 3]);
    }

    #[test]
    fn patch_and_truncate_reach_only_what_was_put() {
        let mut space = [0; 8];
        let mut writer = Writer::new(&mut space);
        writer.put_bytes(&[1, 2, 3, 4]).unwrap();
        assert_eq!(writer.patch(3, &[9, 9]), Err(Full));
        writer.patch(1, &[8, 8]).unwrap();
        assert_eq!(writer.split_at(3), (&mut [1, 8, 8][..], &mut [4][..]));
        assert_eq!(writer.split_at(99).1, []);
        writer.truncate(6);
        assert_eq!(writer.position(), 4);
        writer.truncate(2);
        assert_eq!(writer.into_written(), [1, 8]);
    }
}
