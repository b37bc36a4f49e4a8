//! What is in flight: one table of packets for all channels of a host, and what each carried.
//!
//! Each channel threads its packets through the table in two lists: those in flight, in order of
//! number, and those whose fate is known but not yet told to the layer above. Each has its share of
//! the table: a peer that acknowledges nothing keeps its own channel from sending, and no other.

mod lists;
mod packet;
#[cfg(test)]
mod tests;

pub(super) use lists::{Chain, List, Place};
pub use packet::{Fate, Receipt, SentPacket, SentReceipt};

use crate::storage::{Account, NONE, Row, Shares, Table, present};

/// How many packets are looked at for what a probe could say again: those of a long outage have
/// nothing to say.
const MAX_LOOKED_AT: u32 = 32;

/// All packets in flight, of all channels of a host.
///
/// A used-up share is not an error: the channel sends no more packets that must be recorded until
/// some of its own in flight are settled.
pub struct SentPackets<'s> {
    packets: Table<'s, SentPacket>,
    receipts: Table<'s, SentReceipt>,
    packet_shares: Shares,
    receipt_shares: Shares,
}

/// What one channel has on record.
#[derive(Debug, Default)]
pub(super) struct OnRecord {
    packets: Account,
    receipts: Account,
}

impl<'s> SentPackets<'s> {
    /// Keeps the records of up to `channels` channels in rows lent by the caller.
    #[must_use]
    pub fn lent(
        packets: &'s mut [Row<SentPacket>],
        receipts: &'s mut [Row<SentReceipt>],
        channels: u32,
    ) -> Self {
        Self::shared(Table::lent(packets), Table::lent(receipts), channels)
    }

    /// Keeps at most `packets` records of packets and `receipts` records of receipts, of up to
    /// `channels` channels.
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(packets: u32, receipts: u32, channels: u32) -> Self {
        Self::shared(Table::owned(packets), Table::owned(receipts), channels)
    }

    fn shared(
        packets: Table<'s, SentPacket>,
        receipts: Table<'s, SentReceipt>,
        channels: u32,
    ) -> Self {
        let packet_shares = Shares::new(packets.limit(), channels);
        let receipt_shares = Shares::new(receipts.limit(), channels);
        Self { packets, receipts, packet_shares, receipt_shares }
    }

    /// Packets that can be on record.
    #[must_use]
    pub fn limit_packets(&self) -> u32 {
        self.packets.limit()
    }

    /// Frames that can be on record in them.
    #[must_use]
    pub fn limit_receipts(&self) -> u32 {
        self.receipts.limit()
    }

    /// Packets on record.
    #[must_use]
    pub const fn packet_count(&self) -> u32 {
        self.packets.len()
    }

    /// Receipts on record.
    #[must_use]
    pub const fn receipt_count(&self) -> u32 {
        self.receipts.len()
    }

    /// Whether the channel may have one more packet on record.
    pub(super) const fn has_room(&self, channel: &OnRecord) -> bool {
        self.packet_shares.room(&channel.packets) > 0
    }

    /// How many receipts the channel's next packet may have; none if it must not be recorded.
    pub(super) const fn receipt_room(&self, channel: &OnRecord) -> u32 {
        if self.has_room(channel) { self.receipt_shares.room(&channel.receipts) } else { 0 }
    }

    /// Adds a receipt to the end of `chain`. Returns false, unchanged, if the table is full.
    pub(super) fn push_receipt(&mut self, chain: &mut Chain, receipt: Receipt) -> bool {
        let Ok(handle) = self.receipts.insert(SentReceipt { receipt, next: NONE }) else {
            return false;
        };
        let index = handle.index();
        match self.receipts.at_mut(chain.tail) {
            Some(tail) => tail.next = index,
            None => chain.head = index,
        }
        chain.tail = index;
        chain.len = chain.len.saturating_add(1);
        true
    }

    /// Frees the receipts of `chain`.
    pub(super) fn free_chain(&mut self, chain: Chain) {
        let mut next = chain.head;
        while let Some(row) = self.receipts.remove_at(next) {
            next = row.next;
        }
    }

    /// Puts `packet` with its receipts at the end of `list`. If the channel has no room for it, or
    /// for its receipts, those are freed and false is returned.
    pub(super) fn push(
        &mut self,
        channel: &mut OnRecord,
        list: &mut List,
        mut packet: SentPacket,
        chain: Chain,
    ) -> bool {
        packet.first_receipt = chain.head;
        packet.next = NONE;
        if list.ends_acked {
            packet.flags |= SentPacket::AFTER_ACKED;
        }
        let has_room = self.has_room(channel) && self.receipt_room(channel) >= chain.len;
        let Some(handle) = has_room.then(|| self.packets.insert(packet).ok()).flatten() else {
            self.free_chain(chain);
            return false;
        };
        // There is room for both, as was just seen.
        let _ = self.packet_shares.take(&mut channel.packets, 1);
        let _ = self.receipt_shares.take(&mut channel.receipts, chain.len);
        self.link(list, handle.index());
        list.ends_acked = false;
        true
    }

    /// The packet at a place in a list.
    pub(super) fn at(&self, place: Place) -> Option<&SentPacket> {
        self.packets.at(place.index)
    }

    /// The first packet of `list`.
    pub(super) fn first(&self, list: &List) -> Option<&SentPacket> {
        self.packets.at(list.head)
    }

    /// Changes the first packet of `list`.
    pub(super) fn first_mut(&mut self, list: &List) -> Option<&mut SentPacket> {
        self.packets.at_mut(list.head)
    }

    /// The place after `place`.
    pub(super) fn after(&self, place: Place) -> Place {
        let next = self.packets.at(place.index).map_or(NONE, |packet| packet.next);
        Place { index: next, before: place.index }
    }

    /// Moves the packet at `place` of `from` to the end of `to` as settled. Returns the packet and
    /// the place of the one that followed it.
    pub(super) fn settle(
        &mut self,
        channel: &mut OnRecord,
        from: &mut List,
        place: Place,
        to: &mut List,
        fate: Fate,
    ) -> Option<(SentPacket, Place)> {
        let packet = self.packets.at_mut(place.index)?;
        if fate == Fate::Lost {
            packet.flags |= SentPacket::LOST;
        }
        let copy = *packet;
        packet.next = NONE;
        match self.packets.at_mut(place.before) {
            Some(before) => before.next = copy.next,
            None => from.head = copy.next,
        }
        if from.tail == place.index {
            from.tail = place.before;
        }
        from.len = from.len.saturating_sub(1);
        if fate == Fate::Acked {
            match self.packets.at_mut(copy.next) {
                Some(next) => next.flags |= SentPacket::AFTER_ACKED,
                None => from.ends_acked = true,
            }
        }
        if copy.first_receipt == NONE {
            self.discard(channel, place.index);
        } else {
            self.link(to, place.index);
        }
        Some((copy, Place { index: copy.next, before: place.before }))
    }

    /// Takes one receipt off the first packet of `settled`, and the packet with its last one.
    pub(super) fn take_receipt(
        &mut self,
        channel: &mut OnRecord,
        settled: &mut List,
    ) -> Option<(Receipt, Fate)> {
        let index = settled.head;
        let packet = self.packets.at_mut(index)?;
        let fate = if packet.has(SentPacket::LOST) { Fate::Lost } else { Fate::Acked };
        let row = self.receipts.remove_at(packet.first_receipt);
        let row = present(row, "what is settled has receipts to hand out")?;
        packet.first_receipt = row.next;
        self.receipt_shares.give_back(&mut channel.receipts, 1);
        if row.next == NONE {
            settled.head = packet.next;
            if settled.head == NONE {
                settled.tail = NONE;
            }
            settled.len = settled.len.saturating_sub(1);
            self.discard(channel, index);
        }
        Some((row.receipt, fate))
    }

    fn discard(&mut self, channel: &mut OnRecord, index: u32) {
        let was_here = self.packets.discard_at(index);
        debug_assert!(was_here, "broken: a packet's row is freed once");
        self.packet_shares.give_back(&mut channel.packets, 1);
    }

    /// The receipts of the packet that is `nth` among those in `list` that have any, or of the last
    /// such: what has none, like an MTU probe, says nothing that could be said again.
    pub(super) fn receipts_of(&self, list: &List, nth: u32) -> Receipts<'_, 's> {
        let (mut index, mut found, mut left) = (list.head, NONE, nth);
        for _ in 0..MAX_LOOKED_AT {
            let Some(packet) = self.packets.at(index) else { break };
            index = packet.next;
            if packet.first_receipt == NONE {
                continue;
            }
            found = packet.first_receipt;
            if left == 0 {
                break;
            }
            left = left.saturating_sub(1);
        }
        Receipts { sent: self, next: found }
    }

    fn link(&mut self, list: &mut List, index: u32) {
        match self.packets.at_mut(list.tail) {
            Some(tail) => tail.next = index,
            None => list.head = index,
        }
        list.tail = index;
        list.len = list.len.saturating_add(1);
    }
}

/// Copies of the receipts of one packet.
pub struct Receipts<'a, 's> {
    sent: &'a SentPackets<'s>,
    next: u32,
}

impl Iterator for Receipts<'_, '_> {
    type Item = Receipt;

    fn next(&mut self) -> Option<Receipt> {
        let row = self.sent.receipts.at(self.next)?;
        self.next = row.next;
        Some(row.receipt)
    }
}
