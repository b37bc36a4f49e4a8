//! STREAM frames: bytes of a stream, and the opening of one.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, MAX_VARINT, Reader, Writer, varint_len};
use crate::id::{Priority, StreamId};
use crate::wire::frame_error::{FrameError, parent_id, stream_id};
use crate::wire::kind;

const FIN: u8 = 0x01;
const LEN: u8 = 0x02;
const MARK: u8 = 0x04;
const OPEN: u8 = 0x08;
const OFFSET: u8 = 0x10;
/// All the bits of a type byte that are flags.
const FLAGS: u8 = 0x1f;

const ATTRIBUTE_DATAGRAM: u8 = 0x01;
const ATTRIBUTE_PRIORITY: u8 = 0x02;
const ATTRIBUTE_SERVICE: u8 = 0x04;

/// What a stream is from its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The whole stream is one datagram, too large for a packet.
    pub datagram: bool,
    /// Its first record names the service and the protocol that it is for.
    pub service: bool,
}

/// How a stream was opened. Every frame of a stream says so until the peer acknowledges one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// The stream it was opened from.
    pub parent: StreamId,
    /// What it is.
    pub attributes: Attributes,
    /// How urgent its opener says it is; `None` is 0.
    pub priority: Option<Priority>,
}

impl Open {
    pub(super) fn parse(reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let parent = parent_id(reader)?;
        let bits = reader.u8()?;
        if bits & !(ATTRIBUTE_DATAGRAM | ATTRIBUTE_PRIORITY | ATTRIBUTE_SERVICE) != 0 {
            return Err(FrameError::Attributes);
        }
        let attributes = Attributes {
            datagram: bits & ATTRIBUTE_DATAGRAM != 0,
            service: bits & ATTRIBUTE_SERVICE != 0,
        };
        let has_priority = bits & ATTRIBUTE_PRIORITY != 0;
        let priority = if has_priority { Some(reader.u8()?.cast_signed()) } else { None };
        Ok(Self { parent, attributes, priority })
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let bits = flag(ATTRIBUTE_DATAGRAM, self.attributes.datagram)
            | flag(ATTRIBUTE_SERVICE, self.attributes.service)
            | flag(ATTRIBUTE_PRIORITY, self.priority.is_some());
        writer.put_varint(self.parent.as_u64())?;
        writer.put_u8(bits)?;
        self.priority.map_or(Ok(()), |priority| writer.put_u8(priority.cast_unsigned()))
    }

    fn encoded_len(&self) -> usize {
        let fixed_len = if self.priority.is_some() { 2 } else { 1 };
        varint_len(self.parent.as_u64()).saturating_add(fixed_len)
    }
}

/// Everything of a STREAM frame but its data, which follows.
///
/// ```text
/// type 0x20 | flags   FIN 01, LEN 02, MARK 04, OPEN 08, OFFSET 10
/// stream id           varint
/// [offset]            varint; 0 if absent
/// [parent id]         varint
/// [attributes]        DATAGRAM 01, priority follows 02, SERVICE 04
/// [priority]          one signed byte
/// [length]            varint; the data goes to the end of the packet if absent
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamHeader {
    /// The stream.
    pub id: StreamId,
    /// The position of the first byte of the data.
    pub offset: u64,
    /// The length of the data, in bytes; `None` if it goes to the end of the packet.
    pub len: Option<usize>,
    /// A record ends after the data. The mark itself takes one position.
    pub mark: bool,
    /// The stream ends after the data, and after the mark if there is one.
    pub fin: bool,
    /// How the stream was opened.
    pub open: Option<Open>,
}

impl StreamHeader {
    /// Puts the header. The data is for the caller to put after it.
    ///
    /// # Errors
    /// [`Full`] if there is no space; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let start = writer.position();
        self.put(writer).inspect_err(|_| writer.truncate(start))
    }

    /// The length of this header, in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.fixed_len().saturating_add(self.len.map_or(0, |len| varint_len(len as u64)))
    }

    /// How much data fits into `space` bytes together with this header, if the header says its
    /// length. `None` if not even the header fits.
    #[must_use]
    pub fn data_room(&self, space: usize) -> Option<usize> {
        let room = space.checked_sub(self.fixed_len())?;
        // The length of the length depends on the length: at most one step longer than needed.
        let room_after = |len: usize| room.checked_sub(varint_len(len as u64));
        let len = room_after(room)?;
        let longer = len.saturating_add(1);
        Some(if room_after(longer).is_some_and(|fits| fits >= longer) { longer } else { len })
    }

    fn fixed_len(&self) -> usize {
        let offset_len = if self.offset == 0 { 0 } else { varint_len(self.offset) };
        let open_len = self.open.map_or(0, |open| open.encoded_len());
        let id_len = varint_len(self.id.as_u64());
        1_usize.saturating_add(id_len).saturating_add(offset_len).saturating_add(open_len)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let flags = flag(FIN, self.fin)
            | flag(LEN, self.len.is_some())
            | flag(MARK, self.mark)
            | flag(OPEN, self.open.is_some())
            | flag(OFFSET, self.offset != 0);
        writer.put_u8(kind::STREAM | flags)?;
        writer.put_varint(self.id.as_u64())?;
        if self.offset != 0 {
            writer.put_varint(self.offset)?;
        }
        self.open.map_or(Ok(()), |open| open.encode(writer))?;
        self.len.map_or(Ok(()), |len| writer.put_varint(len as u64))
    }

    fn parse(flags: u8, reader: &mut Reader<'_>) -> Result<Self, FrameError> {
        let id = stream_id(reader)?;
        let offset = if flags & OFFSET != 0 { reader.varint()? } else { 0 };
        let open = if flags & OPEN != 0 { Some(Open::parse(reader)?) } else { None };
        let len = if flags & LEN != 0 {
            Some(usize::try_from(reader.varint()?).map_err(|_| FrameError::Truncated)?)
        } else {
            None
        };
        Ok(Self { id, offset, len, mark: flags & MARK != 0, fin: flags & FIN != 0, open })
    }
}

/// Bytes of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFrame<'a> {
    /// The stream.
    pub id: StreamId,
    /// The position of the first byte of `data`.
    pub offset: u64,
    /// The bytes.
    pub data: &'a [u8],
    /// A record ends after the data. The mark itself takes one position.
    pub mark: bool,
    /// The stream ends after the data, and after the mark if there is one.
    pub fin: bool,
    /// How the stream was opened.
    pub open: Option<Open>,
}

impl<'a> StreamFrame<'a> {
    /// The position after the data and the mark. A parsed frame's is at most 2^62 - 1.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.data.len() as u64).saturating_add(u64::from(self.mark))
    }

    /// The frame that follows its type byte.
    pub(super) fn parse(first: u8, reader: &mut Reader<'a>) -> Result<Self, FrameError> {
        let header = StreamHeader::parse(first & FLAGS, reader)?;
        let data = match header.len {
            Some(len) => reader.bytes(len)?,
            None => reader.rest(),
        };
        let StreamHeader { id, offset, mark, fin, open, .. } = header;
        let frame = Self { id, offset, data, mark, fin, open };
        if frame.end() > MAX_VARINT {
            return Err(FrameError::Offset);
        }
        Ok(frame)
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let Self { id, offset, data, mark, fin, open } = *self;
        StreamHeader { id, offset, len: Some(data.len()), mark, fin, open }.put(writer)?;
        writer.put_bytes(data)
    }
}

const fn flag(bit: u8, is_set: bool) -> u8 {
    if is_set { bit } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Side;
    use crate::wire::Frame;

    fn header() -> StreamHeader {
        let id = StreamId::new(8000, Side::Small).unwrap();
        StreamHeader { id, offset: 1 << 34, len: None, mark: false, fin: false, open: None }
    }

    #[test]
    fn a_far_offset_of_an_early_stream_costs_eight_bytes() {
        assert_eq!(header().encoded_len(), 1 + 2 + 5);
        let open =
            Open { parent: StreamId::ROOT, attributes: Attributes::default(), priority: Some(-1) };
        let header = StreamHeader { open: Some(open), len: Some(200), ..header() };
        assert_eq!(header.encoded_len(), 8 + 3 + 2);
    }

    // Spec: R-10.16-3.
    #[test]
    fn encoded_len_is_what_encode_puts() {
        let open = Open {
            parent: StreamId::ROOT,
            attributes: Attributes { datagram: true, service: true },
            priority: None,
        };
        for open in [None, Some(open), Some(Open { priority: Some(1), ..open })] {
            for offset in [0, 1, 1 << 20, MAX_VARINT] {
                for len in [None, Some(0), Some(127), Some(128), Some(1 << 14)] {
                    let header = StreamHeader { open, offset, len, ..header() };
                    let mut space = [0; 64];
                    let mut writer = Writer::new(&mut space);
                    header.encode(&mut writer).unwrap();
                    assert_eq!(writer.position(), header.encoded_len());
                    let mut writer = Writer::new(&mut space[..header.encoded_len() - 1]);
                    assert_eq!(header.encode(&mut writer), Err(Full));
                    assert_eq!(writer.position(), 0);
                }
            }
        }
    }

    #[test]
    fn data_room_is_the_most_that_fits() {
        for space in 0..40_000_usize {
            let fits = |len: usize| {
                let header = StreamHeader { len: Some(len), ..header() };
                header.encoded_len() + len <= space
            };
            match header().data_room(space) {
                Some(len) => assert!(fits(len) && !fits(len + 1), "{space} {len}"),
                None => assert!(!fits(0), "{space}"),
            }
        }
    }

    // Spec: R-10.16-1.
    #[test]
    fn a_frame_may_reach_the_last_position_but_not_pass_it() {
        let id = header().id;
        for (below, mark, passes) in [(3, false, true), (2, false, false), (3, true, false)] {
            let offset = MAX_VARINT - below;
            let header = StreamHeader { id, offset, len: None, mark, fin: true, open: None };
            let mut space = [0; 64];
            let mut writer = Writer::new(&mut space);
            header.encode(&mut writer).unwrap();
            writer.put_bytes(b"abc").unwrap();
            let parsed = Frame::parse(&mut Reader::new(writer.written()));
            match parsed {
                Ok(Frame::Stream(frame)) if passes => assert_eq!(frame.end(), MAX_VARINT),
                parsed => assert_eq!((parsed, passes), (Err(FrameError::Offset), false)),
            }
        }
    }
}
