//! Negotiation packets: INIT, REPLY, FINISH, COOKIE, VERSION and LOST, as views of a packet.
//!
//! INIT, REPLY, COOKIE and VERSION end in a check of 16 bytes over everything before it. These
//! files only carry it: see `crate::negotiation`.
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod init;
mod messages;
mod notices;
#[cfg(test)]
#[path = "../negotiation_tests.rs"]
mod tests;

pub use init::{Init, InitOutline, PatternNumber, init_prologue};
pub use messages::{Finish, Reply};
pub use notices::{Cookie, Lost, Version};

use crate::bytes::Reader;
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

const _: () = assert!(COOKIE_PACKET_LEN < MIN_INIT_BYTES);
const _: () = assert!(LOST_PACKET_LEN < MIN_LOST_CAUSE_BYTES);

/// A packet that ends in a check: what the check covers, and the check.
///
/// # Errors
/// [`PacketError::Length`] if it is shorter than a check.
pub fn split_check(packet: &[u8]) -> Result<(&[u8], &[u8; CHECK_LEN]), PacketError> {
    packet.split_last_chunk().ok_or(PacketError::Length)
}

fn expect_kind(reader: &mut Reader<'_>, kind: PacketKind) -> Result<(), PacketError> {
    if reader.u8()? == kind.first_byte() { Ok(()) } else { Err(PacketError::Kind) }
}

fn channel(reader: &mut Reader<'_>) -> Result<ChannelId, PacketError> {
    ChannelId::new(reader.u32()?).ok_or(PacketError::Channel)
}
