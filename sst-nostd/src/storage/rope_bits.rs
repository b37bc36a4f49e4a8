//! A [`Rope`] used as a bitmap: position `p` is bit `p % 8` of byte `p / 8`.

use super::{Account, BlockPool, Full, Rope};

impl Rope {
    /// Sets the bit at `pos`, covering it if need be. Below the base it is ignored.
    ///
    /// # Errors
    /// [`Full`] if the party may take too few blocks.
    pub fn set_bit(
        &mut self,
        pool: &mut BlockPool<'_>,
        account: &mut Account,
        pos: u64,
    ) -> Result<(), Full> {
        let byte = pos / 8;
        // No overflow: `byte` is at most an eighth of the highest position.
        self.extend_to(pool, account, byte.saturating_add(1), true)?;
        if let Some(first) = self.chunk_at_mut(pool, byte).first_mut() {
            *first |= 1 << (pos % 8);
        }
        Ok(())
    }

    /// Whether the bit at `pos` is covered and set.
    #[inline]
    #[must_use]
    pub fn bit(&mut self, pool: &BlockPool<'_>, pos: u64) -> bool {
        self.chunk_at(pool, pos / 8).first().is_some_and(|byte| byte >> (pos % 8) & 1 == 1)
    }

    /// The first set bit at or after `from` and before `to`. Looks at 64 covered positions per
    /// step and at none that are not covered.
    #[must_use]
    pub fn next_bit(&mut self, pool: &BlockPool<'_>, from: u64, to: u64) -> Option<u64> {
        let from = from.max(self.base().saturating_mul(8));
        let to = to.min(self.end(pool).saturating_mul(8));
        let mut byte = from / 8;
        if !from.is_multiple_of(8) {
            let first = *self.chunk_at(pool, byte).first()?;
            if let Some(bit) = lowest_bit(u64::from(first) & u64::MAX << (from % 8)) {
                return at(byte, bit).filter(|pos| *pos < to);
            }
            byte = byte.saturating_add(1);
        }
        while byte.saturating_mul(8) < to {
            let chunk = self.chunk_at(pool, byte);
            if chunk.is_empty() {
                return None;
            }
            let bytes = usize::try_from(to.div_ceil(8).saturating_sub(byte)).unwrap_or(usize::MAX);
            let chunk = chunk.get(..bytes).unwrap_or(chunk);
            if let Some(bit) = first_bit(chunk) {
                return at(byte, bit).filter(|pos| *pos < to);
            }
            byte = byte.saturating_add(chunk.len() as u64);
        }
        None
    }
}

/// The lowest set bit of `bytes`, counted from their start.
fn first_bit(bytes: &[u8]) -> Option<u64> {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut start: u64 = 0;
    for word in words {
        if let Some(bit) = lowest_bit(u64::from_le_bytes(*word)) {
            return start.checked_add(bit);
        }
        start = start.saturating_add(64);
    }
    for byte in rest {
        if let Some(bit) = lowest_bit(u64::from(*byte)) {
            return start.checked_add(bit);
        }
        start = start.saturating_add(8);
    }
    None
}

#[inline]
fn lowest_bit(bits: u64) -> Option<u64> {
    if bits == 0 { None } else { Some(u64::from(bits.trailing_zeros())) }
}

#[inline]
fn at(byte: u64, bit: u64) -> Option<u64> {
    byte.checked_mul(8)?.checked_add(bit)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::random::Random;
    use super::*;

    #[test]
    fn bitmap_agrees_with_a_set() {
        for seed in 0..10 {
            let mut random = Random::new(seed);
            let (mut bytes, mut links) = ([9; 64 * 8], [0; 8]);
            let mut pool = BlockPool::lent(&mut bytes, &mut links, 64);
            let (mut rope, account) = (Rope::new(), &mut Account::new());
            let start = random.below(1 << 50);
            rope.clear_to(&mut pool, account, start / 8);
            let origin = rope.base() * 8;
            let mut set = BTreeSet::new();
            for _ in 0..1500 {
                let pos = (origin + random.below(5000)).saturating_sub(100);
                if random.below(12) == 0 {
                    match rope.set_bit(&mut pool, account, pos) {
                        Ok(()) if pos / 8 >= rope.base() => _ = set.insert(pos),
                        Ok(()) => {}
                        Err(Full) => assert!(pos / 8 >= rope.base() + 8 * 64),
                    }
                }
                if random.below(100) == 0 {
                    rope.release_before(&mut pool, account, (origin + random.below(2000)) / 8);
                    set.retain(|pos| pos / 8 >= rope.base());
                }
                assert_eq!(rope.bit(&pool, pos), set.contains(&pos));
                let to = pos + random.below(2000);
                assert_eq!(rope.next_bit(&pool, pos, to), set.range(pos..to).next().copied());
            }
            assert!(set.len() > 20);
            assert_eq!(rope.next_bit(&pool, 0, u64::MAX), set.first().copied());
        }
    }

    #[test]
    fn empty_bitmap_and_the_highest_position() {
        let (mut bytes, mut links) = ([9; 64], [0; 1]);
        let mut pool = BlockPool::lent(&mut bytes, &mut links, 64);
        let (mut rope, account) = (Rope::new(), &mut Account::new());
        assert_eq!(rope.next_bit(&pool, 0, u64::MAX), None);
        assert!(!rope.bit(&pool, 0));
        assert_eq!(rope.set_bit(&mut pool, account, u64::MAX), Err(Full));
        rope.clear_to(&mut pool, account, u64::MAX / 8);
        assert_eq!(rope.set_bit(&mut pool, account, u64::MAX), Ok(()));
        assert!(rope.bit(&pool, u64::MAX));
        assert_eq!(rope.next_bit(&pool, 3, u64::MAX), None);
        assert_eq!(rope.set_bit(&mut pool, account, u64::MAX - 1), Ok(()));
        assert_eq!(rope.next_bit(&pool, 3, u64::MAX), Some(u64::MAX - 1));
        assert_eq!(rope.next_bit(&pool, 9, 3), None);
    }
}
