//! What is in flight: one table of packets for all channels of a host, and what each carried.
//!
//! Each channel threads its packets through the table in two lists: those in flight, in order of
//! number, and those whose fate is known but not yet told to the layer above. Each has its share of
//! the table: a peer that acknowledges nothing keeps its own channel from sending, and no other.

use crate::storage::{Account, NONE, Row, Shares, Table};
use crate::time::Instant;

/// How many packets are looked at for what a probe could say again: those of a long outage have
/// nothing to say.
const MAX_LOOKED_AT: u32 = 32;

/// What the layer above remembers of a frame that it put into a packet.
///
/// Opaque here, and handed back once the packet was acknowledged or lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What the frame was.
    pub tag: u8,
    /// More about it.
    pub flags: u8,
    /// How much it carried.
    pub len: u32,
    /// Whose it was.
    pub owner: u64,
    /// Where it began.
    pub start: u64,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The peer has it.
    Acked,
    /// It did not arrive, as far as can be told. It may still: what is sent again must be harmless
    /// to receive twice.
    Lost,
}

/// The table's record of one packet. Callers only lend room for it.
#[derive(Clone, Copy, Debug)]
pub struct SentPacket {
    pub(super) number: u64,
    pub(super) sent_at: Instant,
    /// The largest number that an acknowledgement in this packet told, if it held one.
    pub(super) told: Option<u64>,
    pub(super) len: u16,
    pub(super) flags: u8,
    next: u32,
    first_receipt: u32,
}

impl SentPacket {
    /// Marked ECT(0).
    pub(super) const ECT0: u8 = 1;
    /// The packet recorded before it was acknowledged: losses on both sides are not one run.
    pub(super) const AFTER_ACKED: u8 = 2;
    /// Tests a larger packet size; its loss is no sign of congestion.
    pub(super) const MTU_PROBE: u8 = 4;
    /// Sent to an address that is not (yet) the channel's: no part of congestion control.
    pub(super) const ELSEWHERE: u8 = 8;
    /// Declared lost. Without it a settled packet was acknowledged.
    const LOST: u8 = 16;

    pub(super) const fn new(number: u64, sent_at: Instant, len: u16, flags: u8) -> Self {
        Self { number, sent_at, told: None, len, flags, next: NONE, first_receipt: NONE }
    }

    pub(super) const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// The table's record of one receipt. Callers only lend room for it.
#[derive(Clone, Copy, Debug)]
pub struct SentReceipt {
    receipt: Receipt,
    next: u32,
}

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
    pub(super) fn drop_chain(&mut self, chain: Chain) {
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
            self.drop_chain(chain);
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
        let row = self.receipts.remove_at(packet.first_receipt)?;
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
        self.packets.discard_at(index);
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

/// Receipts of a packet that is still being built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    head: u32,
    tail: u32,
    len: u32,
}

impl Chain {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0 };

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.head == NONE
    }
}

/// Packets of one channel, first to last.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    head: u32,
    tail: u32,
    len: u32,
    /// The last packet ever in the list was acknowledged.
    ends_acked: bool,
}

impl List {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE, len: 0, ends_acked: false };

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) const fn start(&self) -> Place {
        Place { index: self.head, before: NONE }
    }
}

/// A place in a list: a row and the row before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    index: u32,
    before: u32,
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn receipt(start: u64) -> Receipt {
        Receipt { start, ..Receipt::default() }
    }

    fn push(
        sent: &mut SentPackets<'_>,
        channel: &mut OnRecord,
        list: &mut List,
        number: u64,
        receipts: u64,
    ) -> bool {
        let mut chain = Chain::EMPTY;
        for i in 0..receipts {
            if !sent.push_receipt(&mut chain, receipt(number * 10 + i)) {
                sent.drop_chain(chain);
                return false;
            }
        }
        sent.push(channel, list, SentPacket::new(number, Instant::ZERO, 100, 0), chain)
    }

    fn numbers(sent: &SentPackets<'_>, list: &List) -> Vec<u64> {
        let mut numbers = Vec::new();
        let mut place = list.start();
        while let Some(packet) = sent.at(place) {
            numbers.push(packet.number);
            place = sent.after(place);
        }
        numbers
    }

    #[test]
    fn packets_settle_from_any_place_and_give_their_receipts_back_once() {
        let (mut packets, mut receipts) =
            ([const { Row::empty() }; 4], [const { Row::empty() }; 8]);
        let mut sent = SentPackets::lent(&mut packets, &mut receipts, 1);
        let mut channel = OnRecord::default();
        let (mut list, mut settled) = (List::EMPTY, List::EMPTY);
        for number in 0..4 {
            assert!(push(&mut sent, &mut channel, &mut list, number, 2));
        }
        assert!(!push(&mut sent, &mut channel, &mut list, 4, 0));
        let second = sent.after(list.start());
        let (packet, third) =
            sent.settle(&mut channel, &mut list, second, &mut settled, Fate::Lost).unwrap();
        assert_eq!((packet.number, sent.at(third).unwrap().number), (1, 2));
        let last = sent.after(third);
        sent.settle(&mut channel, &mut list, last, &mut settled, Fate::Acked).unwrap();
        assert_eq!(
            (numbers(&sent, &list), numbers(&sent, &settled)),
            ([0, 2].into(), [1, 3].into())
        );
        let told: Vec<_> =
            core::iter::from_fn(|| sent.take_receipt(&mut channel, &mut settled)).collect();
        let (lost, acked) = (Fate::Lost, Fate::Acked);
        let expected = [(10, lost), (11, lost), (30, acked), (31, acked)];
        assert_eq!(told, expected.map(|(start, fate)| (receipt(start), fate)));
        assert!(push(&mut sent, &mut channel, &mut list, 5, 1));
        assert_eq!(numbers(&sent, &list), [0, 2, 5]);
        assert_eq!((sent.packet_count(), sent.receipt_count()), (3, 5));
        assert_eq!(sent.receipts_of(&list, 1).map(|r| r.start).collect::<Vec<_>>(), [20, 21]);
        assert_eq!(sent.receipts_of(&list, 3).map(|r| r.start).collect::<Vec<_>>(), [50]);
    }

    #[test]
    fn full_receipts_leave_nothing_behind() {
        let (mut packets, mut receipts) =
            ([const { Row::empty() }; 4], [const { Row::empty() }; 2]);
        let mut sent = SentPackets::lent(&mut packets, &mut receipts, 1);
        let mut channel = OnRecord::default();
        let mut list = List::EMPTY;
        assert!(!push(&mut sent, &mut channel, &mut list, 0, 3));
        assert_eq!((sent.packet_count(), sent.receipt_count()), (0, 0));
        assert_eq!(sent.receipt_room(&channel), 2);
    }

    #[test]
    fn a_packet_without_receipts_is_freed_when_it_settles() {
        let (mut packets, mut receipts) =
            ([const { Row::empty() }; 1], [const { Row::empty() }; 1]);
        let mut sent = SentPackets::lent(&mut packets, &mut receipts, 1);
        let mut channel = OnRecord::default();
        let (mut list, mut settled) = (List::EMPTY, List::EMPTY);
        for number in 0..3 {
            assert!(push(&mut sent, &mut channel, &mut list, number, 0));
            let start = list.start();
            sent.settle(&mut channel, &mut list, start, &mut settled, Fate::Acked).unwrap();
            assert!(list.is_empty() && settled.is_empty() && sent.packet_count() == 0);
        }
    }

    // Spec: R-13.7-5.
    #[test]
    fn a_channel_that_is_never_acknowledged_leaves_room_for_the_others() {
        let mut packets = (0..400).map(|_| Row::empty()).collect::<Vec<_>>();
        let mut receipts = (0..800).map(|_| Row::empty()).collect::<Vec<_>>();
        let mut sent = SentPackets::lent(&mut packets, &mut receipts, 10);
        let (mut silent, mut other) = (OnRecord::default(), OnRecord::default());
        let (mut list, mut others, mut settled) = (List::EMPTY, List::EMPTY, List::EMPTY);
        let mut number = 0;
        while push(&mut sent, &mut silent, &mut list, number, 2) {
            number += 1;
        }
        // Its least of ten, and half of the three hundred that are set aside for nobody.
        assert_eq!((number, list.len()), (160, 160));
        assert_eq!((sent.has_room(&silent), sent.receipt_room(&silent)), (false, 0));
        for number in 0..80 {
            assert!(push(&mut sent, &mut other, &mut others, number, 2));
        }
        let start = list.start();
        sent.settle(&mut silent, &mut list, start, &mut settled, Fate::Acked).unwrap();
        assert!(!push(&mut sent, &mut silent, &mut list, number, 1), "its receipts are not taken");
        while sent.take_receipt(&mut silent, &mut settled).is_some() {}
        assert_eq!((sent.packet_count(), sent.receipt_count()), (239, 478));
    }
}
