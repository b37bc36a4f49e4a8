//! One pool of equal blocks of bytes that many [`Rope`](super::Rope)s share.

use super::{Account, Backing, Full, MAX_ROWS, NONE, Shares};

/// Equal blocks of bytes and a link for each. Shared by every buffer of a host, so that an idle
/// stream holds no memory and a busy one takes what is free, within the share of its party.
pub struct BlockPool<'s> {
    bytes: Backing<'s, u8>,
    /// For each block brought into use, the one after it in its chain or in the free list.
    next: Backing<'s, u32>,
    first_free: u32,
    shares: Shares,
    block_shift: u32,
}

impl<'s> BlockPool<'s> {
    /// The shortest block.
    pub const BLOCK_BYTES_MIN: usize = 64;
    /// The longest block.
    pub const BLOCK_BYTES_MAX: usize = 1 << 20;

    /// A pool in memory lent by the caller: `block_bytes` of `bytes` and one of `links` for each
    /// block. `block_bytes` is raised to a power of two within the limits above.
    #[must_use]
    pub fn lent(bytes: &'s mut [u8], links: &'s mut [u32], block_bytes: usize) -> Self {
        Self::new(Backing::lent(bytes), Backing::lent(links), block_bytes)
    }

    /// A pool of at most `limit_blocks` blocks, reserved now and resident when first used; of
    /// none if the memory cannot be had. `block_bytes` is as for [`lent`](Self::lent).
    #[cfg(feature = "alloc")]
    #[must_use]
    pub fn owned(limit_blocks: u32, block_bytes: usize) -> Self {
        let limit = limit_blocks.min(MAX_ROWS) as usize;
        let bytes = limit.saturating_mul(Self::whole_block(block_bytes));
        Self::new(Backing::owned(bytes), Backing::owned(limit), block_bytes)
    }

    fn new(bytes: Backing<'s, u8>, next: Backing<'s, u32>, block_bytes: usize) -> Self {
        let block_shift = Self::whole_block(block_bytes).trailing_zeros();
        let limit = (bytes.limit() >> block_shift).min(next.limit()).min(MAX_ROWS as usize);
        let shares = Shares::new(limit as u32, 1);
        Self { bytes, next, first_free: NONE, shares, block_shift }
    }

    /// The same pool, of which nothing is taken yet, for up to `parties` parties with two accounts
    /// each: for what arrives, and for what is written. A record needs two blocks, one for its
    /// bytes and one for its mark.
    #[must_use]
    pub const fn shared_by(mut self, parties: u32) -> Self {
        self.shares = Shares::in_halves(self.shares.limit(), parties, 2);
        self
    }

    fn whole_block(block_bytes: usize) -> usize {
        block_bytes.clamp(Self::BLOCK_BYTES_MIN, Self::BLOCK_BYTES_MAX).next_power_of_two()
    }

    /// The length of every block in bytes, a power of two.
    #[inline]
    #[must_use]
    pub const fn block_len(&self) -> usize {
        1 << self.block_shift
    }

    /// The most blocks that can be in use.
    #[inline]
    #[must_use]
    pub const fn limit_blocks(&self) -> u32 {
        self.shares.limit()
    }

    /// How many blocks are in use.
    #[inline]
    #[must_use]
    pub const fn used_blocks(&self) -> u32 {
        self.shares.used()
    }

    /// How many more blocks the party of `account` may take now.
    #[inline]
    #[must_use]
    pub const fn room(&self, account: &Account) -> u32 {
        self.shares.room(account)
    }

    /// How many blocks one account would have if nobody held any.
    #[must_use]
    pub const fn most(&self) -> u32 {
        self.shares.most()
    }

    /// How many blocks the party of `account` may have in use now: its own and its room.
    #[inline]
    #[must_use]
    pub const fn share(&self, account: &Account) -> u32 {
        self.shares.share(account)
    }

    /// The base-two logarithm of the block length.
    #[inline]
    pub(super) const fn block_shift(&self) -> u32 {
        self.block_shift
    }

    /// Takes `count` blocks on `account`, one after the other, and hands each to `link`; nothing
    /// comes after it yet, and its bytes are zero if `is_zeroed`, else whatever they were.
    ///
    /// # Errors
    /// [`Full`] if the party may not take so many: none is taken.
    #[inline]
    pub(super) fn take(
        &mut self,
        account: &mut Account,
        count: u32,
        is_zeroed: bool,
        mut link: impl FnMut(&mut Self, u32),
    ) -> Result<(), Full> {
        self.shares.take(account, count)?;
        for taken in 0..count {
            let Ok(block) = self.bring_into_use(is_zeroed) else {
                self.shares.give_back(account, count.saturating_sub(taken));
                return Err(Full);
            };
            link(self, block);
        }
        Ok(())
    }

    #[inline]
    fn bring_into_use(&mut self, is_zeroed: bool) -> Result<u32, Full> {
        let block = self.first_free;
        if let Some(next) = self.next.get_mut(block) {
            self.first_free = core::mem::replace(next, NONE);
            if is_zeroed {
                self.block_mut(block).fill(0);
            }
            return Ok(block);
        }
        if self.next.len() >= self.shares.limit() as usize {
            return Err(Full);
        }
        self.bytes.extend_zeroed(self.block_len())?;
        self.next.push(NONE)
    }

    /// Gives back the chain of `count` blocks from `first` to `last`, taken on `account`, in
    /// constant time.
    #[inline]
    pub(super) fn give_back(&mut self, account: &mut Account, first: u32, last: u32, count: u32) {
        if let Some(next) = self.next.get_mut(last) {
            *next = self.first_free;
            self.first_free = first;
            self.shares.give_back(account, count);
        }
    }

    /// The block after `block` in its chain.
    #[inline]
    pub(super) fn after(&self, block: u32) -> u32 {
        self.next.get(block).copied().unwrap_or(NONE)
    }

    /// Chains `next` after `block`.
    #[inline]
    pub(super) fn link(&mut self, block: u32, next: u32) {
        if let Some(link) = self.next.get_mut(block) {
            *link = next;
        }
    }

    /// The bytes of `block`; empty if there is no such block.
    #[inline]
    pub(super) fn block(&self, block: u32) -> &[u8] {
        self.start(block)
            .and_then(|start| self.bytes.as_slice().get(start..)?.get(..self.block_len()))
            .unwrap_or_default()
    }

    /// The bytes of `block`; empty if there is no such block.
    #[inline]
    pub(super) fn block_mut(&mut self, block: u32) -> &mut [u8] {
        let len = self.block_len();
        self.start(block)
            .and_then(|start| self.bytes.as_mut_slice().get_mut(start..)?.get_mut(..len))
            .unwrap_or_default()
    }

    #[inline]
    fn start(&self, block: u32) -> Option<usize> {
        (block as usize).checked_mul(self.block_len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(pool: &BlockPool<'_>, account: &Account) -> (u32, u32) {
        assert_eq!(pool.used_blocks(), account.held());
        (pool.used_blocks(), pool.room(account))
    }

    fn take(pool: &mut BlockPool<'_>, account: &mut Account) -> Result<u32, Full> {
        let mut taken = NONE;
        pool.take(account, 1, true, |_, block| taken = block).map(|()| taken)
    }

    fn takes_and_gives_back(mut pool: BlockPool<'_>) {
        let account = &mut Account::new();
        assert_eq!(
            (pool.block_len(), pool.limit_blocks(), counts(&pool, account)),
            (64, 3, (0, 3))
        );
        let blocks = [(); 3].map(|()| take(&mut pool, account).unwrap());
        assert_eq!((take(&mut pool, account), counts(&pool, account)), (Err(Full), (3, 0)));
        pool.block_mut(blocks[1]).fill(7);
        assert!(pool.block(blocks[0]).iter().chain(pool.block(blocks[2])).all(|b| *b == 0));
        pool.link(blocks[1], blocks[0]);
        assert_eq!(pool.after(blocks[1]), blocks[0]);
        pool.give_back(account, blocks[1], blocks[0], 2);
        assert_eq!(counts(&pool, account), (1, 2));
        let block = take(&mut pool, account).unwrap();
        assert_eq!((block, pool.after(block)), (blocks[1], NONE));
        assert_eq!(pool.block(block), &[0; 64]);
        assert_eq!(
            (take(&mut pool, account), take(&mut pool, account)),
            (Ok(blocks[0]), Err(Full))
        );
        assert_eq!((pool.block(NONE), pool.after(3)), (&[][..], NONE));
        // More than there are: none.
        pool.give_back(account, blocks[2], blocks[2], 1);
        assert_eq!(pool.take(account, 2, true, |_, _| panic!("none")), Err(Full));
        assert_eq!(counts(&pool, account), (2, 1));
    }

    #[test]
    fn lent_pool_hands_out_zeroed_blocks() {
        takes_and_gives_back(BlockPool::lent(&mut [9; 192 + 63], &mut [9; 9], 50));
        takes_and_gives_back(BlockPool::lent(&mut [9; 300], &mut [9; 3], 64));
    }

    #[cfg(feature = "alloc")]
    #[test]
    fn owned_pool_hands_out_zeroed_blocks() {
        takes_and_gives_back(BlockPool::owned(3, 1));
        assert_eq!(BlockPool::owned(3, usize::MAX).block_len(), BlockPool::BLOCK_BYTES_MAX);
        assert_eq!(BlockPool::owned(9, 300).block_len(), 512);
    }
}
