//! As much of the Thumb-2 instruction set as tells how a function uses the stack (ARMv7-M
//! Architecture Reference Manual, A7.7).

use std::collections::BTreeMap;

/// What the code of one function does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Code {
    /// All bytes that it ever takes from the stack pointer: its frame, or more.
    pub(crate) frame_bytes: u64,
    /// It calls, or jumps to, what a register names.
    pub(crate) calls_pointers: bool,
}

/// Reads a function at `address`; `mapping` tells where constants lie among the code.
pub(crate) fn read(code: &[u8], address: u64, mapping: &BTreeMap<u64, bool>) -> Code {
    let mut told = Code::default();
    let (halves, _) = code.as_chunks::<2>();
    let mut halves =
        halves.iter().map(|half| u16::from_le_bytes(*half)).zip((address..).step_by(2));
    while let Some((first, place)) = halves.next() {
        let is_code = mapping.range(..=place).next_back().is_none_or(|(_, is_code)| *is_code);
        if !is_code {
            continue;
        }
        // These begin instructions of two halves.
        if first >> 11 < 0b11101 {
            told.frame_bytes += taken_by_short(first);
            told.calls_pointers |= is_call_of_register(first);
        } else if let Some((second, _)) = halves.next() {
            told.frame_bytes += taken_by_long(first, second);
        }
    }
    told
}

/// PUSH, and SUB of the stack pointer.
fn taken_by_short(half: u16) -> u64 {
    match half {
        0xb400..=0xb5ff => 4 * u64::from((half & 0x1ff).count_ones()),
        0xb080..=0xb0ff => 4 * u64::from(half & 0x7f),
        _ => 0,
    }
}

/// BLX of a register; BX of one that is not the return address.
fn is_call_of_register(half: u16) -> bool {
    let register = half >> 3 & 0xf;
    half & 0xff87 == 0x4780 || (half & 0xff87 == 0x4700 && register != 14)
}

/// STMDB and VPUSH, STR with write-back, SUB with either kind of constant.
fn taken_by_long(first: u16, second: u16) -> u64 {
    let is_to_stack_pointer = second & 0x0f00 == 0x0d00;
    let constant = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xff;
    match first {
        0xe92d => 4 * u64::from(second.count_ones()),
        0xf84d if second & 0xfff == 0xd04 => 4,
        0xed2d | 0xed6d => 4 * u64::from(second & 0xff),
        0xf1ad | 0xf5ad if is_to_stack_pointer => expanded(constant),
        0xf2ad | 0xf6ad if is_to_stack_pointer => u64::from(constant),
        _ => 0,
    }
}

/// A "modified immediate constant" (A5.3.2).
fn expanded(constant: u16) -> u64 {
    let byte = u32::from(constant & 0xff);
    let value = match constant >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        _ => (byte | 0x80).rotate_right(u32::from(constant >> 7)),
    };
    u64::from(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(halves: &[u16]) -> Code {
        let code: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
        read(&code, 0, &BTreeMap::from([(0, true)]))
    }

    fn frame(halves: &[u16]) -> u64 {
        told(halves).frame_bytes
    }

    #[test]
    fn every_way_to_take_from_the_stack_is_counted() {
        // push {r4-r7, lr}; sub sp, #8
        assert_eq!(frame(&[0xb5f0, 0xb082]), 20 + 8);
        // push.w {r4-r11, lr}; vpush {d8, d9}
        assert_eq!(frame(&[0xe92d, 0x4ff0, 0xed2d, 0x8b04]), 36 + 16);
        // str r7, [sp, #-4]!
        assert_eq!(frame(&[0xf84d, 0x7d04]), 4);
        // sub.w sp, sp, #4352 (0x88 turned right by 27); subw sp, sp, #1156
        assert_eq!(frame(&[0xf5ad, 0x5d88, 0xf2ad, 0x4d84]), 4352 + 1156);
        // sub.w r3, sp, #16 takes nothing
        assert_eq!(frame(&[0xf1ad, 0x0310]), 0);
    }

    #[test]
    fn calls_of_pointers_are_seen_and_returns_are_none() {
        assert!(told(&[0x4798]).calls_pointers, "blx r3");
        assert!(told(&[0x4718]).calls_pointers, "bx r3");
        assert!(!told(&[0x4770]).calls_pointers, "bx lr");
        assert!(!told(&[0xf000, 0x4798]).calls_pointers, "the second half of another");
    }

    #[test]
    fn constants_are_no_code() {
        let code: Vec<u8> =
            [0xb5f0_u16, 0xb5f0].iter().flat_map(|half| half.to_le_bytes()).collect();
        assert_eq!(read(&code, 0, &BTreeMap::from([(0, true), (2, false)])).frame_bytes, 20);
    }
}
