//! A stretch of a byte sequence, held in blocks of a shared pool.

use super::{Account, BlockPool, Full, NONE};

/// The bytes at positions from [`base`](Self::base) up of a sequence with absolute `u64`
/// positions, in a chain of blocks. 28 bytes, and no block, until written to.
///
/// Every method takes the pool, and those that take or give back blocks the account of the party
/// that they are for; both must be the same each time. Before a rope is dropped its
/// blocks must be given back with [`clear_to`](Self::clear_to), else they stay taken.
///
/// Bytes covered but never written are whatever the block held before. A cursor remembers the
/// block last read, so that going through the sequence costs constant time per block, as does
/// writing at its end; going back before the cursor walks the chain from its head.
#[derive(Debug)]
pub struct Rope {
    /// The position of the first byte of the first block, a multiple of the block length, as its
    /// high and low halves: a whole `u64` would make every rope 4 bytes longer.
    base: [u32; 2],
    head: u32,
    tail: u32,
    blocks: u32,
    /// The block last read, and its number in the chain, which starts at 0.
    cursor: u32,
    cursor_number: u32,
}

impl Rope {
    /// A rope based at position 0 that holds no block.
    #[must_use]
    pub const fn new() -> Self {
        Self { base: [0; 2], head: NONE, tail: NONE, blocks: 0, cursor: NONE, cursor_number: 0 }
    }

    /// Writes `bytes` at `pos`, taking blocks until the chain covers them (gap included).
    /// What lies below the base has been released: that part of `bytes` is ignored.
    ///
    /// # Errors
    /// [`Full`] if the party may take too few blocks or the positions pass `u64::MAX`.
    pub fn write_at(
        &mut self,
        pool: &mut BlockPool<'_>,
        account: &mut Account,
        pos: u64,
        bytes: &[u8],
    ) -> Result<(), Full> {
        let released = usize::try_from(self.base().saturating_sub(pos)).unwrap_or(usize::MAX);
        let mut rest = bytes.get(released..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        let pos = pos.max(self.base());
        let end = pos.checked_add(rest.len() as u64).ok_or(Full)?;
        let (tail, blocks) = (self.tail, self.blocks);
        self.extend_to(pool, account, end, false)?;
        let mut block = self.block_to_write(pool, pos, tail, blocks);
        let mut offset = self.offset(pool, pos);
        while !rest.is_empty() {
            let room = pool.block_mut(block).get_mut(offset..).unwrap_or_default();
            let count = room.len().min(rest.len());
            let (Some(room), Some((now, later))) =
                (room.get_mut(..count), rest.split_at_checked(count))
            else {
                break;
            };
            if count == 0 {
                break;
            }
            room.copy_from_slice(now);
            rest = later;
            offset = 0;
            block = pool.after(block);
        }
        Ok(())
    }

    /// Frees every block that lies wholly below `pos`. The base moves up to the block of `pos`;
    /// it never moves down.
    pub fn release_before(&mut self, pool: &mut BlockPool<'_>, account: &mut Account, pos: u64) {
        let Some(below) = pos.checked_sub(self.base()) else { return };
        let count = below >> pool.block_shift();
        if count >= u64::from(self.blocks) {
            return self.clear_to(pool, account, pos);
        }
        let count = count as u32;
        let Some(last) = count.checked_sub(1) else { return };
        let last = self.seek(pool, last).unwrap_or(NONE);
        let head = pool.after(last);
        pool.give_back(account, self.head, last, count);
        self.head = head;
        self.cursor = head;
        self.cursor_number = 0;
        self.blocks = self.blocks.saturating_sub(count);
        let base = self.base().saturating_add(u64::from(count) << pool.block_shift());
        self.set_base(base);
    }

    /// Frees all blocks; the base becomes the start of the block of `pos`, wherever that is.
    /// Constant time.
    pub fn clear_to(&mut self, pool: &mut BlockPool<'_>, account: &mut Account, pos: u64) {
        pool.give_back(account, self.head, self.tail, self.blocks);
        let base = pos >> pool.block_shift() << pool.block_shift();
        *self = Self::new();
        self.set_base(base);
    }

    /// Copies the bytes at `pos` into all of `to`. `false`, and `to` untouched, if they are not
    /// all covered.
    #[must_use]
    pub fn read_at(&mut self, pool: &BlockPool<'_>, pos: u64, to: &mut [u8]) -> bool {
        let Some(end) = pos.checked_add(to.len() as u64) else { return false };
        if pos < self.base() || end > self.end(pool) {
            return false;
        }
        let (mut pos, mut to) = (pos, to);
        while !to.is_empty() {
            let chunk = self.chunk_at(pool, pos);
            let count = chunk.len().min(to.len());
            let (Some(chunk), Some((now, later))) =
                (chunk.get(..count), to.split_at_mut_checked(count))
            else {
                return false;
            };
            if count == 0 {
                return false;
            }
            now.copy_from_slice(chunk);
            to = later;
            pos = pos.saturating_add(count as u64);
        }
        true
    }

    /// The bytes from `pos` to the end of its block; empty if `pos` is not covered.
    #[inline]
    #[must_use]
    pub fn chunk_at<'p>(&mut self, pool: &'p BlockPool<'_>, pos: u64) -> &'p [u8] {
        let block = self.number(pool, pos).and_then(|number| self.seek(pool, number));
        let bytes = block.map(|block| pool.block(block)).unwrap_or_default();
        bytes.get(self.offset(pool, pos)..).unwrap_or_default()
    }

    /// The bytes from `pos` to the end of its block; empty if `pos` is not covered.
    #[inline]
    #[must_use]
    pub fn chunk_at_mut<'p>(&mut self, pool: &'p mut BlockPool<'_>, pos: u64) -> &'p mut [u8] {
        let block = self.number(pool, pos).and_then(|number| self.seek(pool, number));
        let offset = self.offset(pool, pos);
        let bytes = block.map(|block| pool.block_mut(block)).unwrap_or_default();
        bytes.get_mut(offset..).unwrap_or_default()
    }

    /// How many blocks a write that ends before `end_pos` would take from the pool.
    #[inline]
    #[must_use]
    pub fn blocks_needed(&self, pool: &BlockPool<'_>, end_pos: u64) -> u32 {
        let blocks = end_pos.saturating_sub(self.base()).div_ceil(1 << pool.block_shift());
        u32::try_from(blocks).unwrap_or(u32::MAX).saturating_sub(self.blocks)
    }

    /// The lowest position it can hold.
    #[inline]
    #[must_use]
    pub const fn base(&self) -> u64 {
        let [high, low] = self.base;
        (high as u64) << 32 | low as u64
    }

    /// The first position after those covered.
    #[inline]
    #[must_use]
    pub fn end(&self, pool: &BlockPool<'_>) -> u64 {
        self.base().saturating_add(u64::from(self.blocks) << pool.block_shift())
    }

    /// How many blocks it holds.
    #[inline]
    #[must_use]
    pub const fn len_blocks(&self) -> u32 {
        self.blocks
    }

    #[inline]
    const fn set_base(&mut self, base: u64) {
        self.base = [(base >> 32) as u32, base as u32];
    }

    /// Takes blocks until the chain covers everything below `end`; all or none.
    pub(super) fn extend_to(
        &mut self,
        pool: &mut BlockPool<'_>,
        account: &mut Account,
        end: u64,
        is_zeroed: bool,
    ) -> Result<(), Full> {
        let count = self.blocks_needed(pool, end);
        if count == 0 {
            return Ok(());
        }
        pool.take(account, count, is_zeroed, |pool, block| {
            if self.blocks == 0 {
                self.head = block;
            } else {
                pool.link(self.tail, block);
            }
            self.tail = block;
            self.blocks = self.blocks.saturating_add(1);
        })
    }

    /// Takes blocks for all positions below `end`, whose bytes are then whatever they were.
    ///
    /// # Errors
    /// [`Full`] if the party may take too few blocks.
    pub fn cover(
        &mut self,
        pool: &mut BlockPool<'_>,
        account: &mut Account,
        end: u64,
    ) -> Result<(), Full> {
        self.extend_to(pool, account, end, false)
    }

    /// The block of `pos`, found from what was the tail when there were `blocks` blocks if that
    /// is not past it. Writing at the end then leaves a reader's cursor alone.
    #[inline]
    fn block_to_write(&mut self, pool: &BlockPool<'_>, pos: u64, tail: u32, blocks: u32) -> u32 {
        let Some(number) = self.number(pool, pos) else { return NONE };
        match blocks.checked_sub(1).and_then(|last| number.checked_sub(last)) {
            Some(steps) => walk(pool, tail, steps),
            None => self.seek(pool, number).unwrap_or(NONE),
        }
    }

    /// The block with this number in the chain, which becomes the cursor.
    #[inline]
    fn seek(&mut self, pool: &BlockPool<'_>, number: u32) -> Option<u32> {
        if number >= self.blocks {
            return None;
        }
        self.cursor = if number == self.blocks.saturating_sub(1) {
            self.tail
        } else if let Some(steps) = number.checked_sub(self.cursor_number)
            && self.cursor != NONE
        {
            walk(pool, self.cursor, steps)
        } else {
            walk(pool, self.head, number)
        };
        self.cursor_number = number;
        Some(self.cursor)
    }

    /// The number in the chain of the block of `pos`, if `pos` is covered.
    #[inline]
    fn number(&self, pool: &BlockPool<'_>, pos: u64) -> Option<u32> {
        let number = pos.checked_sub(self.base())? >> pool.block_shift();
        u32::try_from(number).ok().filter(|number| *number < self.blocks)
    }

    /// Where in its block `pos` lies.
    #[inline]
    fn offset(&self, pool: &BlockPool<'_>, pos: u64) -> usize {
        pos as usize & pool.block_len().wrapping_sub(1)
    }
}

impl Default for Rope {
    fn default() -> Self {
        Self::new()
    }
}

#[inline]
fn walk(pool: &BlockPool<'_>, mut block: u32, steps: u32) -> u32 {
    for _ in 0..steps {
        block = pool.after(block);
    }
    block
}

#[cfg(test)]
#[path = "rope_tests.rs"]
mod tests;
