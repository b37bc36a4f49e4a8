//! Packets in: opened, never twice, and taken note of.

use core::ops::Range;

use super::Channel;
use super::dropped::Dropped;
use super::finish::Finish;
use super::keys::SealedParts;
use crate::crypto::{Crypto, TAG_LEN};
use crate::path::Path;
use crate::recovery::ecn::Codepoint;
use crate::storage::Sighting;
use crate::time::Instant;
use crate::wire::SealedHeader;

/// A packet that opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Its number.
    pub number: u64,
    /// Where its frames are, within the packet.
    pub payload: Range<usize>,
    /// Whether no packet with a higher number had been opened.
    pub is_highest: bool,
}

/// What is to be noted of a packet once its frames were applied.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// Its number.
    pub number: u64,
    /// As [`Opened`] said.
    pub is_highest: bool,
    /// Whether a frame in it asks for an acknowledgement.
    pub is_ack_eliciting: bool,
    /// Whether it brought data of streams, or datagrams.
    pub has_data: bool,
    /// The codepoint of its IP header.
    pub codepoint: Codepoint,
    /// Where it came from and to.
    pub path: Path,
    /// Its length, in bytes.
    pub len: usize,
}

impl<C: Crypto> Channel<C> {
    /// Opens a sealed packet in place.
    ///
    /// # Errors
    /// [`Dropped`], which is also counted; nothing else has changed then. See
    /// [`Channel::is_exhausted`] for the one that ends the channel.
    pub fn open(&mut self, crypto: &C, now: Instant, packet: &mut [u8]) -> Result<Opened, Dropped> {
        self.try_open(crypto, now, packet).inspect_err(|reason| self.dropped.add(*reason))
    }

    /// Takes note of a packet whose frames were applied: it may be acknowledged now.
    pub fn on_received(&mut self, now: Instant, arrival: &Arrival) {
        self.received.on_packet(now, arrival.number, arrival.is_ack_eliciting, arrival.codepoint);
        if arrival.has_data {
            self.idle.on_data();
        }
    }

    fn try_open(&mut self, crypto: &C, now: Instant, packet: &mut [u8]) -> Result<Opened, Dropped> {
        let len = packet.len();
        if self.is_first_held() {
            // A peer that guesses who calls could have the keys before it has FINISH.
            return Err(Dropped::Unauthentic);
        }
        let header = SealedHeader::parse(packet).map_err(|_| Dropped::Malformed)?;
        if header.channel != self.local_id {
            return Err(Dropped::WrongChannel);
        }
        let highest = self.replay.highest();
        let number = header.widen(highest.unwrap_or(0));
        match self.replay.state(number) {
            Sighting::Fresh => {}
            Sighting::Seen => return Err(Dropped::Duplicate),
            Sighting::TooOld => return Err(Dropped::TooOld),
        }
        let header_len = header.encoded_len();
        let (head, sealed) = packet.split_at_mut_checked(header_len).ok_or(Dropped::Malformed)?;
        let (body, tag) = sealed.split_last_chunk_mut::<TAG_LEN>().ok_or(Dropped::Malformed)?;
        let payload = header_len..header_len.saturating_add(body.len());
        let parts = SealedParts { number, phase: header.key_phase, header: head, tag: *tag };
        self.receive_keys.on_timeout(now);
        let limits = self.key_limits();
        if self.receive_keys.open(crypto, &parts, body, &limits)? {
            self.receive_keys.set_discard_at(now.after(self.pto_base().saturating_mul(3)));
            self.totals.key_updates = self.totals.key_updates.saturating_add(1);
        }
        // Only now that the tag was right may anything be believed.
        let is_highest = highest.is_none_or(|highest| number > highest);
        self.on_opened(now, number, len);
        Ok(Opened { number, payload, is_highest })
    }

    /// Packet `number`, of `len` bytes in all, was opened; by this channel, or by one made alike
    /// that was thrown away.
    pub fn on_opened(&mut self, now: Instant, number: u64, len: usize) {
        self.replay.set(number);
        self.finish = Finish::Confirmed;
        if self.flight.pto.count() > 1 && !self.is_heard {
            // The path carries packets again: the probe need not wait for its timer.
            self.probes_owed = self.probes_owed.max(1);
        }
        self.is_heard = true;
        self.idle.on_received(now);
        self.totals.received_packets = self.totals.received_packets.saturating_add(1);
        self.totals.received_bytes = self.totals.received_bytes.saturating_add(len as u64);
    }
}
