//! What is replayed, repeated, spoilt or made up never passes, and failing changes nothing.

use std::vec;
use std::vec::Vec;

use super::super::*;
use super::pair::{CLEAN, Pair, Random};
use super::{ROUGH, assert_all_arrived};

/// One side's first packets, unsent.
fn packets(pair: &mut Pair, count: u64) -> Vec<Vec<u8>> {
    pair.enqueue(0, 0..count);
    let now = pair.now;
    let side = &mut pair.sides[0];
    core::iter::from_fn(|| side.transmit(&pair.crypto, now)).map(|(_, bytes)| bytes).collect()
}

// Spec: R-6.4-1, R-13.12-1.
#[test]
fn every_recorded_packet_is_refused_when_replayed() {
    for seed in 0..10 {
        let mut pair = Pair::new(seed, ROUGH);
        pair.log = Some(Vec::new());
        pair.enqueue(0, 0..150);
        pair.enqueue(1, 0..150);
        pair.run_until(300, Pair::is_done);
        assert_all_arrived(&pair, [150, 150], seed);
        let log = pair.log.take().unwrap();
        let before: Vec<_> = pair.sides.iter().map(|side| side.arrived.clone()).collect();
        for (to, bytes) in &log {
            let channel = &mut pair.sides[*to].channel;
            // Those lost on the way are new to the receiver; the second time none is.
            let _ = channel.open(&pair.crypto, pair.now, &mut bytes.clone());
            let again = channel.open(&pair.crypto, pair.now, &mut bytes.clone());
            assert!(again.is_err(), "seed {seed}");
            let other =
                pair.sides[1 - *to].channel.open(&pair.crypto, pair.now, &mut bytes.clone());
            assert_eq!(other, Err(Dropped::WrongChannel), "reflected");
        }
        let after: Vec<_> = pair.sides.iter().map(|side| side.arrived.clone()).collect();
        assert_eq!(before, after);
    }
}

// Spec: R-4.3-2, R-6.3-4.
#[test]
fn any_flipped_bit_is_noticed() {
    let mut pair = Pair::new(1, CLEAN);
    pair.sides[0].item_len = 20;
    let good = packets(&mut pair, 1).remove(0);
    let receiver = &mut pair.sides[1].channel;
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let error = receiver.open(&pair.crypto, pair.now, &mut bad).unwrap_err();
        let expected: &[Dropped] = match bit / 8 {
            0 => &[Dropped::Malformed, Dropped::Unauthentic],
            1..=4 => &[Dropped::WrongChannel],
            5 => &[Dropped::Unauthentic, Dropped::Duplicate],
            _ => &[Dropped::Unauthentic],
        };
        assert!(expected.contains(&error), "bit {bit}: {error:?}");
    }
    for len in 0..good.len() {
        assert!(receiver.open(&pair.crypto, pair.now, &mut good[..len].to_vec()).is_err());
    }
    let opened = receiver.open(&pair.crypto, pair.now, &mut good.clone()).unwrap();
    assert_eq!((opened.number, opened.is_highest), (1, true));
    let again = receiver.open(&pair.crypto, pair.now, &mut good.clone());
    assert_eq!(again, Err(Dropped::Duplicate));
}

// Spec: R-6.3-4, R-6.4-2, R-13.12-1.
#[test]
fn a_flood_of_garbage_moves_nothing() {
    let mut pair = Pair::new(2, CLEAN);
    let good = packets(&mut pair, 8);
    let mut random = Random::new(2);
    let receiver = &mut pair.sides[1].channel;
    receiver.open(&pair.crypto, pair.now, &mut good[3].clone()).unwrap();
    let (id, before) = (receiver.local_id().to_bytes(), receiver.stats());
    let (highest, deadline) = (receiver.replay.highest(), receiver.deadline());
    for round in 0..1 << 14 {
        let len = 22 + random.below(100) as usize;
        let mut junk: Vec<u8> = (0..len).map(|_| random.below(256) as u8).collect();
        // Four bytes of number, in either phase.
        junk[0] = if round % 2 == 0 { 0x03 } else { 0x43 };
        junk[1..5].copy_from_slice(&id);
        assert!(receiver.open(&pair.crypto, pair.now, &mut junk).is_err());
    }
    let after = receiver.stats();
    assert_eq!((after.totals, receiver.deadline()), (before.totals, deadline));
    assert_eq!((receiver.replay.highest(), after.dropped.total()), (highest, 1 << 14));
    for index in [0, 1, 2, 4, 5, 6, 7] {
        let opened = receiver.open(&pair.crypto, pair.now, &mut good[index].clone()).unwrap();
        assert_eq!(opened.is_highest, index > 3);
    }
}

// Spec: R-6.4-1.
#[test]
fn packets_below_the_window_are_too_old() {
    let mut pair = Pair::new(3, CLEAN);
    let now = pair.now;
    let mut buffer = [0; 100];
    let mut made = vec![];
    for _ in 0..2100 {
        let side = &mut pair.sides[0];
        let permit = Permit::AckOnly;
        let begun = side.channel.begin_packet(&pair.crypto, now, permit, &mut buffer, &side.sent);
        let info = side.channel.seal_packet(now, begun.unwrap(), &mut side.sent).unwrap();
        made.push((info.number, buffer[..info.len].to_vec()));
    }
    let receiver = &mut pair.sides[1].channel;
    let (last, mut newest) = made.pop().unwrap();
    // Half of a two-byte number's reach lies between.
    let (_, mut middle) = made[1000].clone();
    receiver.open(&pair.crypto, now, &mut middle).unwrap();
    receiver.open(&pair.crypto, now, &mut newest).unwrap();
    for (number, bytes) in &mut made {
        let result = receiver.open(&pair.crypto, now, bytes).map(|opened| opened.number);
        match last - *number {
            2048.. => assert!(result.is_err(), "{number}: {result:?}"),
            _ if *number == made_number(&middle, last) => assert!(result.is_err()),
            _ => assert_eq!(result, Ok(*number)),
        }
    }
}

/// The number of a packet near `near`, from its header.
fn made_number(packet: &[u8], near: u64) -> u64 {
    SealedHeader::parse(packet).unwrap().widen(near)
}

// Spec: R-6.3-2, R-6.4-3.
#[test]
fn the_negotiations_packet_number_is_never_sealed() {
    let mut pair = Pair::new(4, CLEAN);
    let good = packets(&mut pair, 1).remove(0);
    let mut zero = good.clone();
    zero[5] = 0;
    let receiver = &mut pair.sides[1].channel;
    assert_eq!(receiver.open(&pair.crypto, pair.now, &mut zero), Err(Dropped::Duplicate));
}

/// Seals a packet that only acknowledges, with the next number.
fn next_packet(pair: &mut Pair) -> Result<(u64, Vec<u8>), BeginError> {
    let (mut buffer, now) = ([0; 100], pair.now);
    let side = &mut pair.sides[0];
    let permit = Permit::AckOnly;
    let builder = side.channel.begin_packet(&pair.crypto, now, permit, &mut buffer, &side.sent)?;
    let info = side.channel.seal_packet(now, builder, &mut side.sent).unwrap();
    Ok((info.number, buffer[..info.len].to_vec()))
}

// Spec: R-6.3-1, R-6.3-2.
#[test]
fn numbers_begin_at_one_and_only_rise() {
    let mut pair = Pair::new(5, CLEAN);
    let numbers: Vec<u64> = (0..500).map(|_| next_packet(&mut pair).unwrap().0).collect();
    assert_eq!(numbers[0], 1);
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
}

// Spec: R-4.3-4, R-6.3-3.
#[test]
fn what_four_bytes_cannot_tell_is_not_sent() {
    let mut pair = Pair::new(6, CLEAN);
    pair.sides[0].channel.next_number = (1 << 31) - 1;
    assert_eq!(next_packet(&mut pair).unwrap().0, (1 << 31) - 1);
    pair.sides[0].channel.next_number = 1 << 31;
    assert_eq!(next_packet(&mut pair), Err(BeginError::NotPermitted));
    pair.sides[0].channel.largest_acked = Some(MAX_VARINT - 5);
    pair.sides[0].channel.next_number = MAX_VARINT;
    assert_eq!(next_packet(&mut pair).unwrap().0, MAX_VARINT);
    assert!(pair.sides[0].channel.is_exhausted());
    assert_eq!(next_packet(&mut pair), Err(BeginError::NotPermitted));
}
