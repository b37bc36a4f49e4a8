//! Packets in: by its first byte each goes to the negotiation or to its channel, and what opens
//! goes to the session.

use crate::channel::{Dropped, Path};
use crate::crypto::Crypto;
use crate::negotiation::is_lost;
use crate::negotiation::limits::LOST_SOURCE_INTERVAL;
use crate::recovery::ecn::Codepoint;
use crate::session::{ClosedBy, Ending, KEYS_SPENT, Packet, Visit};
use crate::storage::present;
use crate::time::Instant;
use crate::wire::negotiation::MIN_LOST_CAUSE_BYTES;
use crate::wire::{PacketKind, SealedHeader, TransportCode};

use super::Host;
use super::finish::Origin;
use super::ignored::Ignored;

/// What must be so of the row that an index of channels leads to.
const FOUND: &str = "a channel that was found is here";

impl<C: Crypto> Host<'_, C> {
    /// Takes in a packet that arrived on `path`. It is opened in place: the buffer's contents
    /// are of no use afterwards.
    ///
    /// # Errors
    /// [`Ignored`] tells why the packet was ignored, for those who want to know.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        packet: &mut [u8],
    ) -> Result<(), Ignored> {
        let result = self.take_packet(now, path, ecn, packet);
        self.means.wiping.wipe_after_verb();
        result
    }

    #[inline(never)]
    fn take_packet(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        packet: &mut [u8],
    ) -> Result<(), Ignored> {
        let now = self.advance(now);
        self.stats.on_received(packet.len());
        let from = Origin { path, codepoint: ecn };
        // What belongs to negotiations is never inlined: it has large values on the stack, and most
        // packets do not need them.
        let result = match packet.first().and_then(|first| PacketKind::of(*first)) {
            Some(PacketKind::Sealed) => self.on_sealed(now, path, ecn, packet),
            Some(PacketKind::Init) => self.on_init(now, path, packet),
            Some(PacketKind::Reply) => self.on_reply(now, path, packet),
            Some(PacketKind::Finish) => self.on_finish(now, from, packet),
            Some(PacketKind::Cookie) => self.split().0.on_cookie(path, packet),
            Some(PacketKind::Version) => self.split().0.on_version(path, packet),
            Some(PacketKind::Lost) => self.on_lost(now, path, packet),
            None => Err(Ignored::Kind),
        };
        self.look_after_touched();
        result.inspect_err(|reason| self.stats.on_ignored(*reason))
    }

    /// An INIT: answered, once it is worth the work.
    fn on_init(&mut self, now: Instant, path: Path, packet: &[u8]) -> Result<(), Ignored> {
        let (mut negotiator, bonds) = self.split();
        negotiator.on_init(now, path, packet, |id| bonds.channels.find(id).is_some())
    }

    fn on_sealed(
        &mut self,
        now: Instant,
        path: Path,
        ecn: Codepoint,
        packet: &mut [u8],
    ) -> Result<(), Ignored> {
        let malformed = Ignored::Channel(Dropped::Malformed);
        let header = SealedHeader::parse(packet).map_err(|_| malformed)?;
        let Some(index) = self.bonds.channels.find(header.channel) else {
            if let Some(negotiation) = self.negotiations.find(header.channel) {
                let from = Origin { path, codepoint: ecn };
                return self.on_first_sealed(now, from, negotiation, packet);
            }
            self.answer_unknown(now, path, packet);
            return Err(Ignored::UnknownChannel);
        };
        let row = present(self.bonds.channels.at_mut(index), FOUND);
        let row = row.ok_or(Ignored::UnknownChannel)?;
        let (session, was_confirmed) = (row.session, row.channel.is_confirmed());
        let opened = row.channel.open(&self.means.crypto, now, packet);
        if row.channel.is_exhausted() {
            let is_breach = self.bonds.sessions.close_for(session, &KEYS_SPENT);
            self.stats.on_visit(&Visit { is_breach, ..Visit::default() });
        }
        let opened = opened.map_err(Ignored::Channel)?;
        if !was_confirmed {
            self.on_confirmed(index);
        }
        let packet = Packet {
            number: opened.number,
            is_highest: opened.is_highest,
            codepoint: ecn,
            path,
            len: packet.len(),
            proves_finish: !was_confirmed,
            payload: present(packet.get(opened.payload), "frames are within their packet")
                .unwrap_or_default(),
        };
        let visit = self.bonds.receive(now, index, &packet);
        self.stats.on_visit(&visit);
        Ok(())
    }

    /// A sealed packet for a channel that is not here: tell its sender, in a packet smaller than
    /// its own that only the holder of this identity's key can make.
    #[inline(never)]
    fn answer_unknown(&mut self, now: Instant, path: Path, packet: &[u8]) {
        let is_answered = packet.len() >= MIN_LOST_CAUSE_BYTES
            && self.door.lost_sources.is_allowed(now, path.peer.ip(), 1, LOST_SOURCE_INTERVAL);
        if !is_answered {
            return;
        }
        let mut answer = [0; 64];
        if let Some(len) = self.means.identity.reset_key.write_lost(now, packet, &mut answer) {
            self.door.outbox.push_from(path, &answer, len);
        }
    }

    /// The peer says that it does not know a channel any more. Believed only with its token.
    #[inline(never)]
    fn on_lost(&mut self, now: Instant, path: Path, packet: &[u8]) -> Result<(), Ignored> {
        let id = crate::wire::negotiation::Lost::parse(packet).map_err(|_| Ignored::FalseLost)?;
        let index =
            self.bonds.channels.find_by_remote(path, id.channel).ok_or(Ignored::FalseLost)?;
        let row = present(self.bonds.channels.at(index), FOUND).ok_or(Ignored::FalseLost)?;
        let token = row.peer_token.as_ref().ok_or(Ignored::FalseLost)?;
        if !is_lost(packet, id.channel, token) {
            return Err(Ignored::FalseLost);
        }
        let session = row.session;
        let code = TransportCode::STATE_LOST;
        let reason =
            Ending::transport(ClosedBy::Peer, code, "it does not know the session any more");
        if let Some(row) = self.bonds.sessions.at_mut(session) {
            row.on_channel_over(index, reason);
        }
        self.remove_channel(now, index);
        Ok(())
    }
}
