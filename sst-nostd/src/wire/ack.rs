//! ACK frames: which packets arrived, as descending ranges of packet numbers.
//!
//! The numbers are those of RFC 9000 section 19.3: the largest; how many are below it in its range;
//! then, for each further range, a gap (the packets missing, less one) and its length, less one.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use core::ops::RangeInclusive;

use crate::bytes::{Full, MAX_VARINT_LEN, Reader, Writer, varint_len};
use crate::wire::frame_error::FrameError;
use crate::wire::kind;

/// How many ranges a frame may have after the first. Also keeps their count one byte long.
pub const MAX_MORE_RANGES: usize = 31;

/// How many packets arrived with each mark of congestion notification (RFC 3168), ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EcnCounts {
    /// With ECT(0).
    pub ect0: u64,
    /// With ECT(1).
    pub ect1: u64,
    /// With CE: congestion was experienced.
    pub ce: u64,
}

impl EcnCounts {
    fn parse(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        Ok(Self { ect0: reader.varint()?, ect1: reader.varint()?, ce: reader.varint()? })
    }

    fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.put_varint(self.ect0)?;
        writer.put_varint(self.ect1)?;
        writer.put_varint(self.ce)
    }

    fn encoded_len(&self) -> usize {
        [self.ect0, self.ect1, self.ce].map(varint_len).iter().sum()
    }
}

/// The peer's acknowledgement. Its ranges were all checked when it was parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckFrame<'a> {
    /// The largest packet number acknowledged.
    pub largest: u64,
    /// How long the peer held the acknowledgement of `largest` back, in microseconds.
    pub delay_micros: u64,
    /// Counts of congestion marks, if the peer can see them.
    pub ecn: Option<EcnCounts>,
    first_len: u64,
    more_count: u64,
    more: &'a [u8],
}

impl<'a> AckFrame<'a> {
    /// The frame that follows its type byte.
    ///
    /// # Errors
    /// [`FrameError`] if the bytes end early, or a range goes below 0.
    pub(super) fn parse(reader: &mut Reader<'a>, has_ecn: bool) -> Result<Self, FrameError> {
        let largest = reader.varint()?;
        let delay_micros = reader.varint()?;
        let more_count = reader.varint()?;
        if more_count > MAX_MORE_RANGES as u64 {
            return Err(FrameError::AckRange);
        }
        let first_len = reader.varint()?;
        let mut smallest = largest.checked_sub(first_len).ok_or(FrameError::AckRange)?;
        let mut more = *reader;
        for _ in 0..more_count {
            smallest = *next_range(reader, smallest)?.start();
        }
        let more = more.bytes(reader.position().saturating_sub(more.position()))?;
        let ecn = if has_ecn { Some(EcnCounts::parse(reader)?) } else { None };
        Ok(Self { largest, delay_micros, ecn, first_len, more_count, more })
    }

    /// The acknowledged packet numbers, largest first. Neighbouring ranges do not touch.
    #[must_use]
    pub const fn ranges(&self) -> AckRanges<'a> {
        let smallest = self.largest.saturating_sub(self.first_len);
        AckRanges { first: Some(smallest..=self.largest), smallest, more: Reader::new(self.more) }
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        writer.put_u8(if self.ecn.is_some() { kind::ACK_ECN } else { kind::ACK })?;
        writer.put_varint(self.largest)?;
        writer.put_varint(self.delay_micros)?;
        writer.put_varint(self.more_count)?;
        writer.put_varint(self.first_len)?;
        writer.put_bytes(self.more)?;
        self.ecn.map_or(Ok(()), |ecn| ecn.encode(writer))
    }
}

/// The ranges of an [`AckFrame`], largest first.
#[derive(Clone, Debug)]
pub struct AckRanges<'a> {
    first: Option<RangeInclusive<u64>>,
    smallest: u64,
    more: Reader<'a>,
}

impl Iterator for AckRanges<'_> {
    type Item = RangeInclusive<u64>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let range = next_range(&mut self.more, self.smallest).ok()?;
        self.smallest = *range.start();
        Some(range)
    }
}

/// An acknowledgement to be sent, but for its ranges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AckEncoder {
    /// How long the acknowledgement of the largest packet was held back, in microseconds.
    pub delay_micros: u64,
    /// Counts of congestion marks, if we can see them.
    pub ecn: Option<EcnCounts>,
}

impl AckEncoder {
    /// Puts an ACK frame with as many of `ranges` as there is space for, and at most 32. Says how
    /// many it took; with no ranges it puts nothing.
    ///
    /// `ranges` come largest first, as [`AckFrame::ranges`] gives them back; a range that touches
    /// or is above the one before it ends the frame.
    ///
    /// # Errors
    /// [`Full`] if there is not even space for the first range.
    pub fn encode(
        &self,
        ranges: impl IntoIterator<Item = RangeInclusive<u64>>,
        writer: &mut Writer<'_>,
    ) -> Result<usize, Full> {
        let mut ranges = ranges.into_iter();
        let Some(first) = ranges.next() else {
            return Ok(0);
        };
        let start = writer.position();
        self.put(&first, ranges, writer).inspect_err(|_| writer.truncate(start))
    }

    fn put(
        &self,
        first: &RangeInclusive<u64>,
        ranges: impl Iterator<Item = RangeInclusive<u64>>,
        writer: &mut Writer<'_>,
    ) -> Result<usize, Full> {
        writer.put_u8(if self.ecn.is_some() { kind::ACK_ECN } else { kind::ACK })?;
        writer.put_varint(*first.end())?;
        writer.put_varint(self.delay_micros)?;
        let count_at = writer.position();
        writer.put_u8(0)?;
        writer.put_varint(first.end().checked_sub(*first.start()).ok_or(Full)?)?;
        let reserved_len = self.ecn.map_or(0, |ecn| ecn.encoded_len());
        let mut smallest = *first.start();
        let mut more_count = 0_u8;
        for range in ranges.take(MAX_MORE_RANGES) {
            let Some((gap, len)) = gap_and_len(smallest, &range) else { break };
            let needed = varint_len(gap).saturating_add(varint_len(len));
            if writer.remaining_len() < needed.saturating_add(reserved_len) {
                break;
            }
            writer.put_varint(gap)?;
            writer.put_varint(len)?;
            smallest = *range.start();
            more_count = more_count.saturating_add(1);
        }
        writer.patch(count_at, &[more_count])?;
        self.ecn.map_or(Ok(()), |ecn| ecn.encode(writer))?;
        Ok(usize::from(more_count).saturating_add(1))
    }
}

/// The longest ACK frame with one range and no counts, in bytes.
pub const MAX_SHORT_ACK_LEN: usize = 2 + 3 * MAX_VARINT_LEN;

fn next_range(reader: &mut Reader<'_>, smallest: u64) -> Result<RangeInclusive<u64>, FrameError> {
    let (gap, len) = (reader.varint()?, reader.varint()?);
    let largest = smallest.checked_sub(gap).and_then(|at| at.checked_sub(2));
    let largest = largest.ok_or(FrameError::AckRange)?;
    let smallest = largest.checked_sub(len).ok_or(FrameError::AckRange)?;
    Ok(smallest..=largest)
}

fn gap_and_len(smallest: u64, range: &RangeInclusive<u64>) -> Option<(u64, u64)> {
    let gap = smallest.checked_sub(*range.end())?.checked_sub(2)?;
    Some((gap, range.end().checked_sub(*range.start())?))
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;
    use crate::bytes::MAX_VARINT;
    use crate::wire::Frame;

    fn parse(bytes: &[u8]) -> Result<AckFrame<'_>, FrameError> {
        let mut reader = Reader::new(bytes);
        match Frame::parse(&mut reader)? {
            Frame::Ack(ack) => Ok(ack),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ranges_survive_the_wire_in_order() {
        let ranges = [90..=100, 88..=88, 10..=86, 3..=7, 0..=1];
        let ecn = Some(EcnCounts { ect0: 1, ect1: 200, ce: MAX_VARINT });
        for ecn in [None, ecn] {
            let mut space = [0; 64];
            let mut writer = Writer::new(&mut space);
            let encoder = AckEncoder { delay_micros: 25_000, ecn };
            assert_eq!(encoder.encode(ranges.clone(), &mut writer), Ok(5));
            let ack = parse(writer.written()).unwrap();
            assert_eq!((ack.largest, ack.delay_micros, ack.ecn), (100, 25_000, ecn));
            assert!(ack.ranges().eq(ranges.clone()));
        }
    }

    // Spec: R-6.5-5.
    #[test]
    fn as_many_ranges_are_put_as_fit() {
        let ranges: Vec<_> = (0..40_u64).rev().map(|n| 1000 * n..=1000 * n + 500).collect();
        let ecn = Some(EcnCounts { ect0: 1 << 20, ect1: 0, ce: 0 });
        let mut most = 0;
        for len in 0..300 {
            let mut space = std::vec![0; len];
            let mut writer = Writer::new(&mut space);
            match (AckEncoder { delay_micros: 7, ecn }).encode(ranges.clone(), &mut writer) {
                Err(Full) => assert_eq!((most, writer.position()), (0, 0)),
                Ok(count) => {
                    assert!(count == most || count == most + 1);
                    most = count;
                    let ack = parse(writer.written()).unwrap();
                    assert!(ack.ranges().eq(ranges[..count].iter().cloned()));
                    assert_eq!(ack.ecn, ecn);
                }
            }
        }
        assert_eq!(most, 32);
    }

    #[test]
    fn nothing_is_put_for_nothing_and_disorder_ends_the_frame() {
        let mut space = [0; 64];
        let mut writer = Writer::new(&mut space);
        let encoder = AckEncoder::default();
        assert_eq!(encoder.encode([], &mut writer), Ok(0));
        assert_eq!(writer.position(), 0);
        assert_eq!(encoder.encode([5..=9, 3..=4, 0..=1], &mut writer), Ok(1));
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is tried")]
        let backwards = 9..=5;
        assert_eq!(encoder.encode([backwards], &mut writer), Err(Full));
    }

    // Spec: R-10.6-1.
    #[test]
    fn ranges_below_zero_are_refused() {
        let ack = |bytes: &[u8]| parse(bytes).map(|ack| ack.ranges().last().unwrap());
        assert_eq!(ack(&[2, 10, 0, 0, 10]), Ok(0..=10));
        assert_eq!(ack(&[2, 10, 0, 0, 11]), Err(FrameError::AckRange));
        assert_eq!(ack(&[2, 10, 0, 1, 0, 0, 8]), Ok(0..=8));
        assert_eq!(ack(&[2, 10, 0, 1, 0, 0, 9]), Err(FrameError::AckRange));
        assert_eq!(ack(&[2, 10, 0, 1, 0, 8, 0]), Ok(0..=0));
        assert_eq!(ack(&[2, 10, 0, 1, 0, 9, 0]), Err(FrameError::AckRange));
        assert_eq!(ack(&[2, 10, 0, 32, 0]), Err(FrameError::AckRange));
    }
}
