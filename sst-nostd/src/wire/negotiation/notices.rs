//! [`Cookie`], [`Version`] and [`Lost`]: what a host answers without keys and without a handshake.

use super::{CHECK_LEN, COOKIE_LEN, COOKIE_PACKET_LEN, LOST_PACKET_LEN, MAX_VERSIONS};
use super::{RESET_TOKEN_LEN, channel, expect_kind};
use crate::bytes::{Full, Reader, Writer};
use crate::id::ChannelId;
use crate::wire::packet::{PacketError, PacketKind};

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

fn expect_end(reader: &Reader<'_>) -> Result<(), PacketError> {
    if reader.is_empty() { Ok(()) } else { Err(PacketError::Length) }
}
