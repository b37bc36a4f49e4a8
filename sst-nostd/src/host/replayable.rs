//! Early data: what a dial brings along in its first packet, before anything is agreed.
//!
//! Whoever recorded that packet can send it again, for as long as the host has its identity. So
//! early data never mix with what a session carries: they have a type and a call of their own,
//! and the application must have asked for them.

use crate::channel::Path;
use crate::crypto::Crypto;
use crate::id::{ChannelId, HostId};
use crate::negotiation::limits::MAX_EARLY_LEN;

use super::Host;
use super::tables::Kind;

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
    /// What it said.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<C: Crypto> Host<'_, C> {
    /// Data that came with a dial, if [`Config::takes_replayable`](super::Config) asks for them.
    /// Ask after each packet: one waits at most, and a negotiation that ends takes its own along.
    pub fn poll_replayable(&mut self) -> Option<Replayable> {
        let (index, channel) = self.negotiations.take_replayable()?;
        let row = self.negotiations.at(index)?;
        let Kind::Answer(responder) = &row.kind else { return None };
        let peer = responder.offer().ok()?.peer.filter(|_| responder.channel() == channel)?;
        let bytes = heapless::Vec::from_slice(responder.early()).ok()?;
        Some(Replayable { peer, path: row.path, bytes })
    }

    /// A dial was answered for the first time: its data wait for the application.
    pub(super) fn note_replayable(&mut self, index: u32, channel: ChannelId) {
        let Some(row) = self.negotiations.at(index) else { return };
        let has_early =
            matches!(&row.kind, Kind::Answer(responder) if !responder.early().is_empty());
        if has_early && self.means.config.takes_replayable {
            self.negotiations.note_replayable(index, channel);
        }
    }
}
