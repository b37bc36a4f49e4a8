//! Negotiation packets: INIT, REPLY, FINISH, COOKIE, VERSION and LOST, as views of a packet.
//!
//! INIT, REPLY, COOKIE and VERSION end in a check of 16 bytes over everything before it. These
//! files only carry it: see `crate::negotiation`.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

use crate::bytes::{Full, Reader, Writer};
use crate::id::ChannelId;
use crate::wire::packet::{BASE_PACKET_BYTES, PacketError, PacketKind};

/// The version of the protocol that this crate speaks.
pub const VERSION: u8 = 1;
/// The smallest INIT, in bytes: every answer to one is smaller.
pub const MIN_INIT_BYTES: usize = 512;
/// The largest INIT, in bytes.
pub const MAX_INIT_BYTES: usize = BASE_PACKET_BYTES;
/// How many bytes at the front of an INIT the handshake's prologue repeats.
pub const PROLOGUE_LEN: usize = 10;
/// The length of a cookie, in bytes.
pub const COOKIE_LEN: usize = 16;
/// The length of a check, in bytes.
pub const CHECK_LEN: usize = 16;
/// The length of a reset token, in bytes.
pub const RESET_TOKEN_LEN: usize = 16;
/// What an INIT needs beside its handshake message, in bytes.
pub const INIT_OVERHEAD: usize = PROLOGUE_LEN + COOKIE_LEN + CHECK_LEN;
/// What goes before the handshake message of a REPLY or a FINISH, in bytes.
pub const REPLY_OVERHEAD: usize = 5;
/// The length of a COOKIE packet, in bytes.
pub const COOKIE_PACKET_LEN: usize = 37;
/// The length of a LOST packet, in bytes.
pub const LOST_PACKET_LEN: usize = 21;
/// The most versions that a VERSION packet lists.
pub const MAX_VERSIONS: usize = 8;
/// The shortest packet that is answered with LOST, in bytes: so that the answer is smaller.
pub const MIN_LOST_CAUSE_BYTES: usize = 40;

const EPHEMERAL_LEN: usize = 32;
const TAG_LEN: usize = 16;

const _: () = assert!(COOKIE_PACKET_LEN < MIN_INIT_BYTES);
const _: () = assert!(LOST_PACKET_LEN < MIN_LOST_CAUSE_BYTES);

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

/// A responder's answer: `0xC2`, the initiator's channel, handshake message 2, a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// The initiator's channel.
    pub channel: ChannelId,
    /// The second handshake message.
    pub noise: &'a [u8],
    /// The check.
    pub check: [u8; CHECK_LEN],
}

impl<'a> Reply<'a> {
    /// A REPLY.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        let (covered, check) = split_check(packet)?;
        let (channel, noise) = parse_message(covered, PacketKind::Reply, EPHEMERAL_LEN)?;
        if packet.len() > BASE_PACKET_BYTES {
            return Err(PacketError::Length);
        }
        Ok(Self { channel, noise, check: *check })
    }

    /// Puts the packet.
    ///
    /// # Errors
    /// [`Full`] if there is no space; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if writer.remaining_len() < self.noise.len().saturating_add(REPLY_OVERHEAD + CHECK_LEN) {
            return Err(Full);
        }
        put_message(writer, PacketKind::Reply, self.channel, self.noise)?;
        writer.put_bytes(&self.check)
    }
}

/// The initiator's last message: `0xC3`, the responder's channel, handshake message 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish<'a> {
    /// The responder's channel.
    pub channel: ChannelId,
    /// The third handshake message.
    pub noise: &'a [u8],
}

impl<'a> Finish<'a> {
    /// A FINISH.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        let static_len = EPHEMERAL_LEN.saturating_add(TAG_LEN);
        let (channel, noise) = parse_message(packet, PacketKind::Finish, static_len)?;
        Ok(Self { channel, noise })
    }

    /// Puts the packet.
    ///
    /// # Errors
    /// [`Full`] if there is no space; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        put_message(writer, PacketKind::Finish, self.channel, self.noise)
    }
}

/// A busy responder's request to prove the address: `0xC4`, the initiator's channel, a cookie to
/// send back, a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The initiator's channel.
    pub channel: ChannelId,
    /// What the next INIT is to carry.
    pub cookie: [u8; COOKIE_LEN],
    /// The check.
    pub check: [u8; CHECK_LEN],
}

impl Cookie {
    /// A COOKIE.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet.
    pub fn parse(packet: &[u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new(packet);
        expect_kind(&mut reader, PacketKind::Cookie)?;
        let channel = channel(&mut reader)?;
        let (cookie, check) = (reader.array()?, reader.array()?);
        expect_end(&reader)?;
        Ok(Self { channel, cookie, check })
    }

    /// Puts the packet.
    ///
    /// # Errors
    /// [`Full`] if there is no space; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if writer.remaining_len() < COOKIE_PACKET_LEN {
            return Err(Full);
        }
        writer.put_u8(PacketKind::Cookie.first_byte())?;
        writer.put_u32(self.channel.as_u32())?;
        writer.put_bytes(&self.cookie)?;
        writer.put_bytes(&self.check)
    }
}

/// The versions that a responder speaks: `0xC5`, the initiator's channel, their count and they, a
/// check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version<'a> {
    /// The initiator's channel.
    pub channel: ChannelId,
    /// The versions, 1 to [`MAX_VERSIONS`] of them.
    pub versions: &'a [u8],
    /// The check.
    pub check: [u8; CHECK_LEN],
}

impl<'a> Version<'a> {
    /// A VERSION.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet.
    pub fn parse(packet: &'a [u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new(packet);
        expect_kind(&mut reader, PacketKind::Version)?;
        let channel = channel(&mut reader)?;
        let count = usize::from(reader.u8()?);
        if count == 0 || count > MAX_VERSIONS {
            return Err(PacketError::Length);
        }
        let versions = reader.bytes(count)?;
        let check = reader.array()?;
        expect_end(&reader)?;
        Ok(Self { channel, versions, check })
    }

    /// Puts the packet.
    ///
    /// # Errors
    /// [`Full`] if there is no space, or too many versions or none; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        let count = self.versions.len();
        let total = count.saturating_add(6).saturating_add(CHECK_LEN);
        if count == 0 || count > MAX_VERSIONS || writer.remaining_len() < total {
            return Err(Full);
        }
        writer.put_u8(PacketKind::Version.first_byte())?;
        writer.put_u32(self.channel.as_u32())?;
        writer.put_varint_bytes(self.versions)?;
        writer.put_bytes(&self.check)
    }
}

/// A host has no such channel (any more): `0xC6`, the channel, the token that proves who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The channel that the receiver of this sent to.
    pub channel: ChannelId,
    /// The token that the host once gave for it.
    pub token: [u8; RESET_TOKEN_LEN],
}

impl Lost {
    /// A LOST.
    ///
    /// # Errors
    /// [`PacketError`]: drop the packet.
    pub fn parse(packet: &[u8]) -> Result<Self, PacketError> {
        let mut reader = Reader::new(packet);
        expect_kind(&mut reader, PacketKind::Lost)?;
        let channel = channel(&mut reader)?;
        let token = reader.array()?;
        expect_end(&reader)?;
        Ok(Self { channel, token })
    }

    /// Puts the packet.
    ///
    /// # Errors
    /// [`Full`] if there is no space; nothing was put.
    pub fn encode(&self, writer: &mut Writer<'_>) -> Result<(), Full> {
        if writer.remaining_len() < LOST_PACKET_LEN {
            return Err(Full);
        }
        writer.put_u8(PacketKind::Lost.first_byte())?;
        writer.put_u32(self.channel.as_u32())?;
        writer.put_bytes(&self.token)
    }
}

/// A packet that ends in a check: what the check covers, and the check.
///
/// # Errors
/// [`PacketError::Length`] if it is shorter than a check.
pub fn split_check(packet: &[u8]) -> Result<(&[u8], &[u8; CHECK_LEN]), PacketError> {
    packet.split_last_chunk().ok_or(PacketError::Length)
}

fn parse_message(
    packet: &[u8],
    kind: PacketKind,
    keys_len: usize,
) -> Result<(ChannelId, &[u8]), PacketError> {
    let mut reader = Reader::new(packet);
    expect_kind(&mut reader, kind)?;
    let channel = channel(&mut reader)?;
    let noise = reader.rest();
    if noise.len() < keys_len.saturating_add(TAG_LEN) || packet.len() > BASE_PACKET_BYTES {
        return Err(PacketError::Length);
    }
    Ok((channel, noise))
}

fn put_message(
    writer: &mut Writer<'_>,
    kind: PacketKind,
    channel: ChannelId,
    noise: &[u8],
) -> Result<(), Full> {
    if writer.remaining_len() < noise.len().saturating_add(REPLY_OVERHEAD) {
        return Err(Full);
    }
    writer.put_u8(kind.first_byte())?;
    writer.put_u32(channel.as_u32())?;
    writer.put_bytes(noise)
}

fn expect_kind(reader: &mut Reader<'_>, kind: PacketKind) -> Result<(), PacketError> {
    if reader.u8()? == kind.first_byte() { Ok(()) } else { Err(PacketError::Kind) }
}

fn expect_end(reader: &Reader<'_>) -> Result<(), PacketError> {
    if reader.is_empty() { Ok(()) } else { Err(PacketError::Length) }
}

fn channel(reader: &mut Reader<'_>) -> Result<ChannelId, PacketError> {
    ChannelId::new(reader.u32()?).ok_or(PacketError::Channel)
}

#[cfg(test)]
#[path = "negotiation_tests.rs"]
mod tests;
