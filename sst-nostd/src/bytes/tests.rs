//! Values at their limits, and what a failed call leaves behind.

use super::*;

fn encoded(value: u64) -> std::vec::Vec<u8> {
    let mut space = [0; 16];
    let mut writer = Writer::new(&mut space);
    writer.put_varint(value).unwrap();
    writer.written().to_vec()
}

// Spec: R-2.2-1, R-2.3-1.
#[test]
fn varints_change_length_where_the_table_says() {
    for (len, bits) in [7, 14, 21, 28, 35, 42, 49, 56].into_iter().enumerate() {
        assert_eq!(encoded((1 << bits) - 1).len(), len + 1);
        assert_eq!(encoded(1 << bits).len(), len + 2);
        assert_eq!(varint_len(1 << bits), len + 2);
    }
    assert_eq!(encoded(MAX_VARINT).len(), 9);
    assert_eq!(encoded(0), [0]);
    assert_eq!(encoded(0x1234), [0x92, 0x34]);
    assert_eq!(encoded(1 << 55), [0xfe, 0x80, 0, 0, 0, 0, 0, 0]);
    assert_eq!(encoded(1 << 56), [0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
}

// Spec: R-2.3-1.
#[test]
fn varints_round_trip_at_every_bit_and_truncation_is_named() {
    for bit in 0..62 {
        for value in [1 << bit, (1 << bit) - 1, (1 << bit) | 1] {
            let bytes = encoded(value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.varint(), Ok(value));
            assert!(reader.is_empty());
            for len in 0..bytes.len() {
                let mut reader = Reader::new(&bytes[..len]);
                assert_eq!(reader.varint(), Err(VarintError::Truncated));
                assert_eq!(reader.position(), 0);
            }
        }
    }
}

// Spec: R-2.3-2, R-2.3-3.
#[test]
fn longer_forms_of_a_value_and_values_above_the_limit_are_refused() {
    for bytes in [&[0x80, 0x7f][..], &[0xc0, 0x3f, 0xff], &[0xfe, 1, 0, 0, 0, 0, 0, 0]] {
        assert_eq!(Reader::new(bytes).varint(), Err(VarintError::NotMinimal), "{bytes:x?}");
    }
    let low = [0xff, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(Reader::new(&low).varint(), Err(VarintError::NotMinimal));
    let high = [0xff, 0x40, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(Reader::new(&high).varint(), Err(VarintError::TooLarge));
    assert_eq!(Reader::new(&[0xff; 9]).varint(), Err(VarintError::TooLarge));
    let mut space = [0; 16];
    assert_eq!(Writer::new(&mut space).put_varint(MAX_VARINT + 1), Err(Full));
}

// Spec: R-2.2-1.
#[test]
fn a_failed_read_takes_nothing() {
    let mut reader = Reader::new(&[1, 2, 3]);
    assert_eq!(reader.u32(), Err(Truncated));
    assert_eq!(reader.u64(), Err(Truncated));
    assert_eq!(reader.bytes(4), Err(Truncated));
    assert_eq!(Reader::new(&[4, 1, 2]).varint_bytes(), Err(VarintError::Truncated));
    assert_eq!(reader.u16(), Ok(0x0102));
    assert_eq!((reader.position(), reader.remaining()), (2, 1));
    assert_eq!(reader.rest(), [3]);
    assert_eq!(reader.u8(), Err(Truncated));
}

#[test]
fn a_failed_write_puts_nothing() {
    let mut space = [9; 3];
    let mut writer = Writer::new(&mut space);
    writer.put_u8(1).unwrap();
    assert_eq!(writer.put_u32(7), Err(Full));
    assert_eq!(writer.put_varint(1 << 14), Err(Full));
    assert_eq!(writer.put_varint_bytes(&[1, 2]), Err(Full));
    assert_eq!(writer.take_mut(usize::MAX), Err(Full));
    assert_eq!((writer.position(), writer.remaining_len()), (1, 2));
    writer.put_u16(0x0203).unwrap();
    assert_eq!(writer.put_u8(4), Err(Full));
    assert_eq!(writer.written(), [1, 2, 3]);
}

#[test]
fn patch_and_truncate_reach_only_what_was_put() {
    let mut space = [0; 8];
    let mut writer = Writer::new(&mut space);
    writer.put_bytes(&[1, 2, 3, 4]).unwrap();
    assert_eq!(writer.patch(3, &[9, 9]), Err(Full));
    writer.patch(1, &[8, 8]).unwrap();
    assert_eq!(writer.split_at(3), (&mut [1, 8, 8][..], &mut [4][..]));
    assert!(writer.split_at(99).1.is_empty());
    writer.truncate(6);
    assert_eq!(writer.position(), 4);
    writer.truncate(2);
    assert_eq!(writer.into_written(), [1, 8]);
}
