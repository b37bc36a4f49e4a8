//! [`CheckKey`]: the check at the end of INIT, COOKIE and VERSION packets; [`ReplyKey`]: that of
//! REPLY.
//!
//! The first one's key follows from the responder's public key, so it proves no identity. It keeps
//! out those who scan addresses without knowing who lives there, and those who cannot see what we
//! send. The other's key follows from what message 1 agreed on: where that named the responder,
//! nobody else can make the check, and false REPLYs cost a hash instead of an agreement.

use zeroize::Zeroize;

use crate::bytes::{Full, Writer};
use crate::crypto::kdf;
use crate::id::HostId;
use crate::noise::Handshake;
use crate::wire::negotiation::{CHECK_LEN, split_check};

/// The key of the checks in a call to one responder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckKey([u8; 32]);

impl CheckKey {
    /// The key for calls to `responder`; `None` is for calls to whoever answers.
    #[must_use]
    pub fn new(responder: Option<&HostId>) -> Self {
        let key = responder.map_or(&[0; 32], HostId::as_bytes);
        Self(kdf::hash(&[b"SST1 check", key]))
    }

    /// The check of an INIT, over everything before it.
    #[must_use]
    pub fn init(&self, covered: &[u8]) -> [u8; CHECK_LEN] {
        kdf::mac16(&self.0, &[covered])
    }

    /// The check of a COOKIE, over everything before it and the check of the INIT it answers.
    #[must_use]
    pub fn cookie(&self, covered: &[u8], init_check: &[u8; CHECK_LEN]) -> [u8; CHECK_LEN] {
        kdf::mac16(&self.0, &[b"cookie", covered, init_check])
    }

    /// The check of a VERSION, over everything before it and the check of the INIT it answers.
    #[must_use]
    pub fn version(&self, covered: &[u8], init_check: &[u8; CHECK_LEN]) -> [u8; CHECK_LEN] {
        kdf::mac16(&self.0, &[b"version", covered, init_check])
    }

    pub(super) fn is_init(&self, covered: &[u8], check: &[u8; CHECK_LEN]) -> bool {
        kdf::equal(&self.init(covered), check)
    }

    pub(super) fn is_cookie(&self, packet: &[u8], init_check: &[u8; CHECK_LEN]) -> bool {
        split_check(packet)
            .is_ok_and(|(covered, check)| kdf::equal(&self.cookie(covered, init_check), check))
    }

    pub(super) fn is_version(&self, packet: &[u8], init_check: &[u8; CHECK_LEN]) -> bool {
        split_check(packet)
            .is_ok_and(|(covered, check)| kdf::equal(&self.version(covered, init_check), check))
    }
}

/// The key of the check of one call's REPLY. Erased when dropped.
pub(super) struct ReplyKey([u8; 32]);

impl ReplyKey {
    /// The key of a handshake that has its first message, and not its second.
    pub(super) fn of<S: Clone + Zeroize>(handshake: &Handshake<S>) -> Self {
        Self(handshake.side_key(b"SST1 reply"))
    }

    /// The check of a REPLY, over everything before it.
    pub(super) fn check(&self, covered: &[u8]) -> [u8; CHECK_LEN] {
        kdf::mac16(&self.0, &[covered])
    }

    pub(super) fn is_reply(&self, packet: &[u8]) -> bool {
        split_check(packet).is_ok_and(|(covered, check)| kdf::equal(&self.check(covered), check))
    }
}

impl Drop for ReplyKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl core::fmt::Debug for ReplyKey {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str("ReplyKey(..)")
    }
}

/// Puts a packet that ends in a check to the front of `out`, with zeros in place of the check, and
/// then the check. Says how long the packet is and what the check is.
pub(super) fn write_checked(
    out: &mut [u8],
    encode: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>,
    check: impl FnOnce(&[u8]) -> [u8; CHECK_LEN],
) -> Result<(usize, [u8; CHECK_LEN]), Full> {
    let mut writer = Writer::new(out);
    encode(&mut writer)?;
    let covered_len = writer.position().checked_sub(CHECK_LEN).ok_or(Full)?;
    let (covered, _) = writer.split_at(covered_len);
    let check = check(covered);
    writer.patch(covered_len, &check)?;
    Ok((writer.position(), check))
}
