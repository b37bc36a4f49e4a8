//! The table of packets in flight: what is put in comes out once.

use std::vec::Vec;

use super::*;
use crate::time::Instant;

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
            sent.free_chain(chain);
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
    let (mut packets, mut receipts) = ([const { Row::empty() }; 4], [const { Row::empty() }; 8]);
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
    assert_eq!((numbers(&sent, &list), numbers(&sent, &settled)), ([0, 2].into(), [1, 3].into()));
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
    let (mut packets, mut receipts) = ([const { Row::empty() }; 4], [const { Row::empty() }; 2]);
    let mut sent = SentPackets::lent(&mut packets, &mut receipts, 1);
    let mut channel = OnRecord::default();
    let mut list = List::EMPTY;
    assert!(!push(&mut sent, &mut channel, &mut list, 0, 3));
    assert_eq!((sent.packet_count(), sent.receipt_count()), (0, 0));
    assert_eq!(sent.receipt_room(&channel), 2);
}

#[test]
fn a_packet_without_receipts_is_freed_when_it_settles() {
    let (mut packets, mut receipts) = ([const { Row::empty() }; 1], [const { Row::empty() }; 1]);
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
