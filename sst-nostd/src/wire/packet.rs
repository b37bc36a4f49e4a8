//! The outside of packets: which kind a packet is, and the header of sealed ones.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, MAX_VARINT, Reader, Truncated, Writer};
use crate::id::ChannelId;

/// Every host accepts packets of this size, in bytes. No packet is larger until the peer said so
/// and the path was tried.
pub const BASE_PACKET_BYTES: usize = 1200;
/// The tag at the end of a sealed packet, in bytes.
pub const SEALED_TAG_LEN: usize = 16;

const KEY_PHASE: u8 = 0b0100_0000;
const NUMBER_LEN: u8 = 0b0000_0011;

/// What a packet is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// Frames under the keys of a channel: any first byte that fits [`SealedHeader`].
    Sealed,
    /// 0xC1: an initiator's first message.
    Init,
    /// 0xC2: the responder's answer to it.
    Reply,
    /// 0xC3: the initiator's proof of identity, with its first frames.
    Finish,
    /// 0xC4: a busy responder's request to prove the address.
    Cookie,
    /// 0xC5: the versions that a responder speaks.
    Version,
    /// 0xC6: a host has no channel of that number (any more).
    Lost,
}

impl PacketKind {
    /// The kind of packet that begins with `first`; `None` for bytes that begin no packet.
    #[must_use]
    pub const fn of(first: u8) -> Option<Self> {
        match first {
            0xc1 => Some(Self::Init),
            0xc2 => Some(Self::Reply),
            0xc3 => Some(Self::Finish),
            0xc4 => Some(Self::Cookie),
            0xc5 => Some(Self::Version),
            0xc6 => Some(Self::Lost),
            _ if first & !(KEY_PHASE | NUMBER_LEN) == 0 => Some(Self::Sealed),
            _ => None,
        }
    }

    /// The byte that begins such packets. For sealed ones it says more: see [`SealedHeader`].
    #[must_use]
    pub const fn first_byte(self) -> u8 {
        match self {
            Self::Sealed => 0,
            Self::Init => 0xc1,
            Self::Reply => 0xc2,
            Self::Finish => 0xc3,
            Self::Cookie => 0xc4,
            Self::Version => 0xc5,
            Self::Lost => 0xc6,
        }
    }
}

/// Why a packet does not parse. It is the network's or a stranger's fault: drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PacketError {
    /// The channel id is 0.
    Channel,
    /// The first byte begins no packet, or one of another kind.
    Kind,
    /// Shorter or longer than such packets are.
    Length,
    /// Padding that is not zero.
    Padding,
    /// An unknown handshake pattern.
    Pattern,
    /// A reserved field is not zero.
    Reserved,
    /// A version that we do not speak.
    Version(u8),
}

impl From<Truncated> for PacketError {
    fn from(_: Truncated) -> Self {
        Self::Length
    }
}

/// The clear header of a sealed packet.
///
/// ```text
///   0        1        2        3        4        5 .. 8
/// +--------+--------+--------+--------+--------+------------------+
/// |0K0000LL| channel id                        | packet number    |
/// +--------+--------+--------+--------+--------+------------------+
/// ```
///
/// K is the key phase; LL is the length of the packet number in bytes, less one. The header is the
/// associated data of the seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedHeader {
    /// The lowest bit of the number of the keys in use.
    pub key_phase: bool,
    /// The channel, named by the receiver.
    pub channel: ChannelId,
    /// The low bytes of the packet number. See [`widen`].
    pub number: u32,
    /// How many bytes of the number are there: 1 to 4.
    pub number_len: usize,
}

impl SealedHeader {
    /// The longest header, in bytes.
    pub const MAX_LEN: usize = 9;

    /// The header of packet `number` when the peer has acknowledged up to `largest_acked` (0 if
    /// nothing).
    #[must_use]
    pub const fn new(key_phase: bool, channel: ChannelId, number: u64, largest_acked: u64) -> Self {
        let number_len = truncated_len(number, largest_acked);
        let mask = (1_u64 << number_bits(number_len)).wrapping_sub(1);
        Self { key_phase, channel, number: (number & mask) as u32, number_len }
    }

    /// The header of a sealed packet. The rest of the packet, from [`SealedHeader::encoded_len`]
    /// on, has at least the length of a tag.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet.
    pub fn parse(packet: &[u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new(packet);
        let first = reader.u8()?;
        if PacketKind::of(first) != Some(PacketKind::Sealed) {
            return Err(PacketError::Kind);
        }
        let channel = ChannelId::new(reader.u32()?).ok_or(PacketError::Channel)?;
        let number_len = usize::from(first & NUMBER_LEN).saturating_add(1);
        let bytes = reader.bytes(number_len)?;
        let number = bytes.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
        if reader.remaining() < SEALED_TAG_LEN {
            return Err(PacketError::Length);
        }
        Ok(Self { key_phase: first & KEY_PHASE != 0, channel, number, number_len })
    }

    /// Puts the header.
    ///
    /// # Errors
    /// [`Full`] if there is no space, or `number_len` is not 1 to 4.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let bytes = self.number.to_be_bytes();
        let skipped = bytes.len().checked_sub(self.number_len).ok_or(Full)?;
        let length_bits = u8::try_from(self.number_len.checked_sub(1).ok_or(Full)?);
        let low = bytes.get(skipped..).ok_or(Full)?;
        if writer.remaining_len() < self.encoded_len() {
            return Err(Full);
        }
        let phase = if self.key_phase { KEY_PHASE } else { 0 };
        writer.put_u8(phase | length_bits.map_err(|_| Full)?)?;
        writer.put_u32(self.channel.as_u32())?;
        writer.put_bytes(low)
    }

    /// The length of this header, in bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        self.number_len.saturating_add(5)
    }

    /// The whole packet number, if `highest` is the highest one opened so far.
    #[must_use]
    pub const fn widen(&self, highest: u64) -> u64 {
        widen(self.number, self.number_len, highest)
    }
}

/// How many bytes of `number` to send, so that the peer can widen it although it may have seen
/// nothing after `largest_acked` (0 if nothing was acknowledged): twice the distance must fit.
///
/// A sender keeps the distance below 2^31; from there on the answer is 4, which is too little.
#[must_use]
pub const fn truncated_len(number: u64, largest_acked: u64) -> usize {
    match number.saturating_sub(largest_acked).saturating_mul(2) {
        0..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x100_0000 => 3,
        _ => 4,
    }
}

/// The packet number nearest to `highest + 1` that ends in the `len` bytes of `truncated`.
///
/// `highest` is the highest number opened so far, 0 if none was. Source: RFC 9000 appendix A.3.
#[must_use]
pub const fn widen(truncated: u32, len: usize, highest: u64) -> u64 {
    let window = 1_u64 << number_bits(len);
    let half = window >> 1;
    let expected = highest.saturating_add(1);
    let low = truncated as u64 & window.wrapping_sub(1);
    let candidate = expected & !window.wrapping_sub(1) | low;
    if candidate.saturating_add(half) <= expected
        && candidate < (MAX_VARINT.saturating_add(1)).saturating_sub(window)
    {
        return candidate.saturating_add(window);
    }
    if candidate > expected.saturating_add(half) && candidate >= window {
        return candidate.saturating_sub(window);
    }
    candidate
}

const fn number_bits(len: usize) -> u32 {
    match len {
        0 | 1 => 8,
        2 => 16,
        3 => 24,
        _ => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel() -> ChannelId {
        ChannelId::new(0x0102_0304).unwrap()
    }

    // Spec: R-4.1-1, R-4.3-1.
    #[test]
    fn every_first_byte_is_sealed_or_named_or_nothing() {
        for first in 0..=255_u8 {
            let expected = match first {
                0..=3 | 0x40..=0x43 => Some(PacketKind::Sealed),
                0xc1..=0xc6 => Some(PacketKind::of(first).unwrap()),
                _ => None,
            };
            assert_eq!(PacketKind::of(first), expected, "{first:#x}");
            if let Some(kind) = expected.filter(|kind| *kind != PacketKind::Sealed) {
                assert_eq!(kind.first_byte(), first);
            }
        }
    }

    // Spec: R-4.1-1, R-4.3-3.
    #[test]
    fn headers_round_trip_and_refuse_every_shorter_packet() {
        for (number, acked) in [(1, 0), (127, 0), (128, 0), (40_000, 1), (1 << 31, 3)] {
            for key_phase in [false, true] {
                let header = SealedHeader::new(key_phase, channel(), number, acked);
                let mut packet = [0; 9 + 16];
                let mut writer = Writer::new(&mut packet);
                header.encode(&mut writer).unwrap();
                assert_eq!(writer.position(), header.encoded_len());
                let whole = header.encoded_len() + SEALED_TAG_LEN;
                assert_eq!(SealedHeader::parse(&packet[..whole]), Ok(header));
                assert_eq!(header.widen(acked), number);
                for len in 0..whole {
                    assert_eq!(SealedHeader::parse(&packet[..len]), Err(PacketError::Length));
                }
            }
        }
    }

    // Spec: R-4.3-1.
    #[test]
    fn channel_zero_and_other_kinds_are_refused() {
        assert_eq!(SealedHeader::parse(&[0; 40]), Err(PacketError::Channel));
        assert_eq!(SealedHeader::parse(&[0xc1; 40]), Err(PacketError::Kind));
        assert_eq!(SealedHeader::parse(&[0x04; 40]), Err(PacketError::Kind));
        let header =
            SealedHeader { key_phase: false, channel: channel(), number: 0, number_len: 5 };
        assert_eq!(header.encode(&mut Writer::new(&mut [0; 40])), Err(Full));
        let header = SealedHeader { number_len: 4, ..header };
        assert_eq!(header.encode(&mut Writer::new(&mut [0; 8])), Err(Full));
    }

    // Spec: R-4.3-5.
    #[test]
    fn widening_finds_every_number_within_half_a_window() {
        // RFC 9000 appendix A.3's own example.
        assert_eq!(widen(0x9b32, 2, 0xa82f_30ea), 0xa82f_9b32);
        for len in 1..=4 {
            let half = 1_u64 << (8 * len - 1);
            for highest in [0, 1, half, 3 * half - 1, 1 << 40, MAX_VARINT - 3 * half] {
                let expected = highest + 1;
                for number in [
                    expected.saturating_sub(half - 1),
                    expected.saturating_sub(1),
                    expected,
                    expected + half / 2,
                    expected + half,
                ] {
                    let low = (number & (2 * half - 1)) as u32;
                    assert_eq!(widen(low, len, highest), number, "{len} {highest}");
                }
            }
        }
        assert_eq!(widen(0xff, 1, MAX_VARINT - 1), MAX_VARINT);
        for (truncated, len) in [(0, 0), (u32::MAX, 4), (7, usize::MAX)] {
            assert!(widen(truncated, len, u64::MAX) > 0);
        }
    }

    // Spec: R-4.3-4.
    #[test]
    fn enough_bytes_are_sent_for_a_peer_that_saw_only_what_it_acknowledged() {
        let mut number = 1;
        while number < 1 << 31 {
            let len = truncated_len(number, 0);
            let low = (number & ((1 << (8 * len)) - 1)) as u32;
            assert_eq!(widen(low, len, 0), number);
            number += 1 + number / 3;
        }
        assert_eq!([127, 128, 32_767, 32_768].map(|n| truncated_len(n, 0)), [1, 2, 2, 3]);
        assert_eq!(truncated_len(5, 9), 1);
    }
}
