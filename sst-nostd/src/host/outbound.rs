//! Packets out: answers without state first, then negotiations, then channels in turn.

use crate::channel::SentInfo;
use crate::crypto::Crypto;
use crate::path::Path;
use crate::session::Transmitted;
use crate::time::Instant;

use super::Host;
use super::negotiator::Due;
use super::transmit::Transmit;

impl<C: Crypto> Host<'_, C> {
    /// The next packets to send, at most `max_packets` of one length to one address, written to
    /// `buffer`, which should hold at least one packet of the configured size. Call until
    /// `None`.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        max_packets: usize,
    ) -> Option<Transmit> {
        let transmit = self.next_transmit(now, buffer, max_packets);
        self.means.wiping.wipe_after_verb();
        transmit
    }

    #[inline(never)]
    fn next_transmit(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        max_packets: usize,
    ) -> Option<Transmit> {
        let now = self.advance(now);
        loop {
            let transmit = self.take_turn(now, buffer, max_packets);
            let has_touched = self.look_after_touched();
            // What ended on the way may have a last word to send.
            if transmit.is_some() || !has_touched {
                return transmit.inspect(|transmit| self.stats.on_sent(transmit));
            }
        }
    }

    fn take_turn(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        max_packets: usize,
    ) -> Option<Transmit> {
        self.door
            .outbox
            .pop(buffer)
            .or_else(|| self.transmit_negotiations(now, buffer))
            .or_else(|| self.transmit_channels(now, buffer, max_packets.max(1)))
            // A channel may have found that its FINISH must go again.
            .or_else(|| self.transmit_negotiations(now, buffer))
    }

    /// What negotiations have to send.
    fn transmit_negotiations(&mut self, now: Instant, buffer: &mut [u8]) -> Option<Transmit> {
        while self.negotiations.has_due() {
            let sent = match self.split().0.transmit(now, buffer)? {
                Due::Packet(transmit) => Some(transmit),
                Due::Finish { negotiation, channel } => {
                    self.write_finish(now, negotiation, channel, buffer)
                }
                Due::FinishAgain { channel, transmit } => {
                    self.bonds.on_finish_resent(now, channel);
                    self.bonds.touch_session_of(channel);
                    transmit
                }
            };
            if sent.is_some() {
                return sent;
            }
        }
        None
    }

    fn transmit_channels(
        &mut self,
        now: Instant,
        buffer: &mut [u8],
        max_packets: usize,
    ) -> Option<Transmit> {
        while let Some(index) = self.bonds.channels.next_ready() {
            let transmit = self.transmit_channel(now, index, buffer, max_packets);
            self.bonds.channels.end_turn(transmit.is_some());
            if transmit.is_some() {
                return transmit;
            }
            self.bonds.renew_channel_timer(index);
        }
        None
    }

    /// Packets of one channel, one after the other, as long as they are equal.
    fn transmit_channel(
        &mut self,
        now: Instant,
        index: u32,
        buffer: &mut [u8],
        max_packets: usize,
    ) -> Option<Transmit> {
        let mut batch: Option<(SentInfo, usize, usize)> = None;
        loop {
            let (first_len, used, count) =
                batch.as_ref().map_or((0, 0, 0), |(first, used, count)| (first.len, *used, *count));
            if count >= max_packets {
                break;
            }
            // Packets after the first may be as long as it, no longer.
            let room = buffer.get_mut(used..).unwrap_or_default();
            let room =
                if count == 0 { room } else { room.get_mut(..first_len).unwrap_or_default() };
            if room.is_empty() {
                break;
            }
            let Some(info) = self.transmit_one(now, index, room) else { break };
            let (len, path) = (info.len, info.path);
            let used = used.saturating_add(len);
            let first = batch.map_or(info, |(first, _, _)| first);
            batch = Some((first, used, count.saturating_add(1)));
            if len < first.len || !self.goes_on(index, path, len) {
                break;
            }
        }
        let (first, used, count) = batch?;
        let segment_len = (count > 1).then_some(first.len);
        Some(Transmit { path: first.path, len: used, segment_len, ecn: first.codepoint })
    }

    /// Whether the channel's next packet would go the same way as its last, of `len` bytes, and may
    /// be cut to that length. After a short one (a probe, an acknowledgement) it may not: what
    /// waits would leave in as many crumbs as the batch has places.
    fn goes_on(&self, index: u32, path: Path, len: usize) -> bool {
        self.bonds.channels.at(index).is_some_and(|row| {
            let is_long = len.saturating_mul(2) > row.channel.mtu_bytes();
            is_long && row.channel.path() == path && row.channel.tested_path().is_none()
        })
    }

    fn transmit_one(&mut self, now: Instant, index: u32, room: &mut [u8]) -> Option<SentInfo> {
        match self.bonds.transmit(now, &self.means.crypto, index, room) {
            Transmitted::Packet(info) => {
                if self.means.config.exports_keys {
                    self.bonds.touch_session_of(index);
                }
                Some(info)
            }
            Transmitted::Nothing => None,
            Transmitted::Finish => {
                self.owe_finish(index);
                None
            }
            Transmitted::KeysSpent => {
                self.stats.breaches = self.stats.breaches.saturating_add(1);
                self.bonds.touch_session_of(index);
                None
            }
        }
    }
}
