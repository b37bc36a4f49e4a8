//! Early data: what a dial brings along in its first packet, before anything is agreed.
//!
//! Whoever recorded that packet can send it again, for as long as the host has its identity. So
//! early data never mix with what a session carries: they have a type and a call of their own,
//! and the application must have asked for them.

use crate::channel::Path;
use crate::id::HostId;
use crate::negotiation::limits::MAX_EARLY_LEN;

/// Data that may be a replay: from the peer, but perhaps not now, and perhaps not for the first
/// time. Answer with what anyone may hear as often as they like, and change nothing for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayable {
    /// Who said so, once.
    pub peer: HostId,
    /// Where the packet came from now: perhaps somebody else.
    pub path: Path,
    bytes: heapless::Vec<u8, MAX_EARLY_LEN>,
}

impl Replayable {
    /// What `peer` said on `path`; `None` if it is too long.
    pub(super) fn new(peer: HostId, path: Path, bytes: &[u8]) -> Option<Self> {
        Some(Self { peer, path, bytes: heapless::Vec::from_slice(bytes).ok()? })
    }

    /// What it said.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
