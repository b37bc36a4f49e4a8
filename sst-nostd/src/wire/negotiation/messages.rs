//! [`Reply`] and [`Finish`]: the packets that carry the second and third handshake message.

use super::{CHECK_LEN, REPLY_OVERHEAD, channel, expect_kind, split_check};
use crate::bytes::{Full, Reader, Writer};
use crate::id::ChannelId;
use crate::wire::packet::{BASE_PACKET_BYTES, PacketError, PacketKind};

const EPHEMERAL_LEN: usize = 32;

const TAG_LEN: usize = 16;

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
