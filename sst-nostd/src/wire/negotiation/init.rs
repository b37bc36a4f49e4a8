//! [`Init`]: the first packet of a negotiation.

use super::{CHECK_LEN, COOKIE_LEN, INIT_OVERHEAD, MAX_INIT_BYTES, MIN_INIT_BYTES, PROLOGUE_LEN};
use super::{VERSION, channel, expect_kind, split_check};
use crate::bytes::{Full, Reader, Writer};
use crate::id::ChannelId;
use crate::wire::packet::{PacketError, PacketKind};

/// How the two hosts prove their identities, by its number in an INIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PatternNumber {
    /// The initiator knows whom it calls, and hides who it is.
    Xk = 1,
    /// The initiator calls whoever answers.
    Xx = 2,
    /// The initiator knows whom it calls, and says who it is at once.
    Ik = 3,
}

impl PatternNumber {
    const fn parse(number: u8) -> Result<Self, PacketError> {
        match number {
            1 => Ok(Self::Xk),
            2 => Ok(Self::Xx),
            3 => Ok(Self::Ik),
            _ => Err(PacketError::Pattern),
        }
    }

    /// The length of the first handshake message with nothing in it, in bytes: keys and tags.
    #[must_use]
    pub const fn min_noise_len(self) -> usize {
        match self {
            Self::Xk => 48,
            Self::Xx => 32,
            Self::Ik => 96,
        }
    }
}

/// What an INIT of any version has in common with ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InitOutline<'a> {
    /// The version that the initiator wants.
    pub version: u8,
    /// The byte that tells the pattern. Of other versions only this is known: that
    /// [`PatternNumber::Xx`] goes with a check that anyone can make.
    pub pattern: u8,
    /// The initiator's channel.
    pub channel: ChannelId,
    /// Everything before the check.
    pub covered: &'a [u8],
    /// The check.
    pub check: &'a [u8; CHECK_LEN],
}

impl<'a> InitOutline<'a> {
    /// The outline of an INIT of any version.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        if packet.len() < MIN_INIT_BYTES || packet.len() > MAX_INIT_BYTES {
            return Err(PacketError::Length);
        }
        let (covered, check) = split_check(packet)?;
        let mut reader = Reader::new(covered);
        expect_kind(&mut reader, PacketKind::Init)?;
        let [version, pattern, reserved] = reader.array()?;
        if reserved != 0 {
            return Err(PacketError::Reserved);
        }
        let channel = channel(&mut reader)?;
        Ok(Self { version, pattern, channel, covered, check })
    }
}

/// An initiator's first message.
///
/// ```text
///   0        1        2        3        4 .. 8      8 .. 10
/// +--------+--------+--------+--------+-----------+--------------+
/// | 0xC1   | version| pattern| 0      | channel   | noise length |
/// +--------+--------+--------+--------+-----------+--------------+
/// | noise message 1 | zeros, to 512 bytes or more | cookie 16 | check 16 |
/// +-----------------+-----------------------------+-----------+----------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Init<'a> {
    /// How identities are proved.
    pub pattern: PatternNumber,
    /// The initiator's channel.
    pub channel: ChannelId,
    /// The first handshake message.
    pub noise: &'a [u8],
    /// The responder's cookie, or zeros.
    pub cookie: [u8; COOKIE_LEN],
    /// The check.
    pub check: [u8; CHECK_LEN],
}

impl<'a> Init<'a> {
    /// An INIT of our version.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet, or if it is [`PacketError::Version`], say what we speak.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        let outline = InitOutline::parse(packet)?;
        let InitOutline { version, pattern, channel, covered, check } = outline;
        if version != VERSION {
            return Err(PacketError::Version(version));
        }
        let mut reader = Reader::new(covered);
        reader.bytes(PROLOGUE_LEN.saturating_sub(2))?;
        let pattern = PatternNumber::parse(pattern)?;
        let noise_len = usize::from(reader.u16()?);
        let noise = reader.bytes(noise_len)?;
        let padding_len = reader.remaining().checked_sub(COOKIE_LEN).ok_or(PacketError::Length)?;
        if noise_len < pattern.min_noise_len() {
            return Err(PacketError::Length);
        }
        // Nothing else vouches for the padding: two packets must not mean the same.
        if reader.bytes(padding_len)?.iter().any(|byte| *byte != 0) {
            return Err(PacketError::Padding);
        }
        let cookie = reader.array()?;
        Ok(Self { pattern, channel, noise, cookie, check: *check })
    }

    /// Puts the packet, padded to `packet_bytes`, or to [`MIN_INIT_BYTES`] if that is more.
    ///
    /// # Errors
    /// [`Full`] if there is no space, or the message is too long for an INIT; nothing was put.
    pub fn encode(&self, packet_bytes: usize, writer: &mut Writer<'_>) -> Result<(), Full> {
        let used = self.noise.len().checked_add(INIT_OVERHEAD).ok_or(Full)?;
        let total = packet_bytes.max(MIN_INIT_BYTES).max(used);
        if total > MAX_INIT_BYTES || total > writer.remaining_len() {
            return Err(Full);
        }
        writer.put_bytes(&self.prologue())?;
        writer.put_bytes(self.noise)?;
        writer.put_zeros(total.saturating_sub(used))?;
        writer.put_bytes(&self.cookie)?;
        writer.put_bytes(&self.check)
    }

    /// The first bytes of the packet, which the handshake repeats as its prologue.
    #[must_use]
    pub fn prologue(&self) -> [u8; PROLOGUE_LEN] {
        init_prologue(self.pattern, self.channel, self.noise.len())
    }

    /// The initiator's ephemeral public key, with which its handshake message begins.
    #[must_use]
    pub fn ephemeral(&self) -> [u8; 32] {
        self.noise.first_chunk().copied().unwrap_or_default()
    }
}

/// The first bytes of an INIT whose handshake message has `noise_len` bytes (at most 65535).
#[must_use]
pub fn init_prologue(
    pattern: PatternNumber,
    channel: ChannelId,
    noise_len: usize,
) -> [u8; PROLOGUE_LEN] {
    let [c0, c1, c2, c3] = channel.to_bytes();
    let [l0, l1] = u16::try_from(noise_len).unwrap_or(u16::MAX).to_be_bytes();
    [PacketKind::Init.first_byte(), VERSION, pattern as u8, 0, c0, c1, c2, c3, l0, l1]
}
