//! How many rows of a table each of the parties that draw on it may hold, so that none of them
//! can keep the others out.

use super::Full;

/// The shares of one table of `limit` rows, drawn on by at most `parties` parties.
///
/// Each party has a *least*, which is set aside for it: a quarter of the table, divided. What is
/// not set aside is *shared*, and of that a party may take a row while it holds less than α times
/// what nobody holds. This is the dynamic threshold of shared-memory switches (Choudhury and Hahne,
/// "Dynamic queue length thresholds for shared-memory packet switches", 1998). It needs no count of
/// who is active: `n` parties that take all they can get hold α / (1 + αn) of what is shared each,
/// and 1 / (1 + αn) of it stays free for the next.
///
/// α is 1 where there are many parties: one that takes all it can gets half, and a crowd of a
/// hundred identities cannot leave a newcomer less than a two-hundredth. With at most
/// [`FEW_PARTIES`] α is 3: a board's one busy session gets three quarters, and four of them still
/// leave a thirteenth.
///
/// What holds at every moment, whoever took what in which order (see the tests):
/// * a party that holds less than its least can take the rest of it, as the free rows are never
///   fewer than all that parties lack to their leasts;
/// * before each row taken above the least, what the party holds of the shared rows is less than α
///   times the free ones.
///
/// Both hold only while no more accounts draw than the shares were made for, one for each party
/// or ([`in_halves`](Shares::in_halves)) two, and every row is taken and given back on the account
/// that it is held for. With two accounts each, twice as many draw, and that much less stays free.
#[derive(Debug)]
pub struct Shares {
    limit: u32,
    least: u32,
    /// Rows set aside for nobody.
    shared: u32,
    /// How many of those are taken.
    shared_used: u32,
    /// Rows taken in all.
    used: u32,
    /// The logarithm of 1 + α.
    shift: u8,
}

/// What one party holds of one table.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Account {
    held: u32,
}

/// Up to this many parties, one may hold three times what is free.
pub const FEW_PARTIES: u32 = 4;

impl Shares {
    /// Shares of a table of `limit` rows for up to `parties` parties. One party alone may take
    /// the whole table.
    ///
    /// The least is one row where a quarter of the table is fewer rows than there are parties, and
    /// none where that would leave less than half of the table to be shared.
    #[must_use]
    pub const fn new(limit: u32, parties: u32) -> Self {
        let parties = if parties == 0 { 1 } else { parties };
        let least = match (limit / 4).checked_div(parties) {
            _ if parties == 1 => limit,
            Some(0) | None if parties <= limit / 2 => 1,
            Some(quarter) => quarter,
            None => 0,
        };
        Self::with_least(limit, least, parties, parties)
    }

    /// Shares of a table that each of up to `parties` parties draws on for two purposes, with an
    /// account for each: whatever is held for the one, the other has its least, and a party that
    /// waits for the one to go on with the other does not wait for ever.
    ///
    /// The least of an account is half of a party's; or `needed` rows, what it takes to go on at
    /// all, where that is more and leaves half of the table to be shared; or else one row, where
    /// there is one for each account.
    #[must_use]
    pub const fn in_halves(limit: u32, parties: u32, needed: u32) -> Self {
        let parties = if parties == 0 { 1 } else { parties };
        let accounts = parties.saturating_mul(2);
        let quarter = (limit / 4) / accounts;
        let fits = accounts.saturating_mul(needed) <= limit / 2;
        let least = match quarter {
            _ if quarter < needed && fits => needed,
            0 if accounts <= limit => 1,
            _ => quarter,
        };
        Self::with_least(limit, least, accounts, parties)
    }

    const fn with_least(limit: u32, least: u32, accounts: u32, parties: u32) -> Self {
        let shared = limit.saturating_sub(least.saturating_mul(accounts));
        let shift = if parties <= FEW_PARTIES { 2 } else { 1 };
        Self { limit, least, shared, shared_used: 0, used: 0, shift }
    }

    /// How many more rows the party of `account` may take now.
    #[inline]
    #[must_use]
    pub const fn room(&self, account: &Account) -> u32 {
        let excess = account.held.saturating_sub(self.least) as u64;
        let free = self.shared.saturating_sub(self.shared_used) as u64;
        // One more, as often as `excess + taken < alpha * (free - taken)` holds.
        let threshold = (free << self.shift).saturating_sub(free);
        let round_up = (1_u64 << self.shift).saturating_sub(1);
        let more = threshold.saturating_sub(excess).saturating_add(round_up) >> self.shift;
        // No more than `free`, which is of 32 bits.
        self.least.saturating_sub(account.held).saturating_add(more as u32)
    }

    /// Notes that the party of `account` takes `count` rows.
    ///
    /// # Errors
    /// [`Full`] if they are more than its [`room`](Self::room). Nothing has changed.
    #[inline]
    pub const fn take(&mut self, account: &mut Account, count: u32) -> Result<(), Full> {
        if count > self.room(account) {
            return Err(Full);
        }
        let before = account.held.saturating_sub(self.least);
        account.held = account.held.saturating_add(count);
        let more = account.held.saturating_sub(self.least).saturating_sub(before);
        self.shared_used = self.shared_used.saturating_add(more);
        self.used = self.used.saturating_add(count);
        Ok(())
    }

    /// Notes that the party of `account` gives back `count` of the rows that it holds.
    #[inline]
    pub const fn give_back(&mut self, account: &mut Account, count: u32) {
        debug_assert!(count <= account.held, "a party gives back what it holds");
        let before = account.held.saturating_sub(self.least);
        account.held = account.held.saturating_sub(count);
        let fewer = before.saturating_sub(account.held.saturating_sub(self.least));
        self.shared_used = self.shared_used.saturating_sub(fewer);
        self.used = self.used.saturating_sub(count);
    }

    /// How many rows the party of `account` has a share in now: those it holds and its
    /// [`room`](Self::room). Never less than the least, nor than what it holds.
    #[inline]
    #[must_use]
    pub const fn share(&self, account: &Account) -> u32 {
        account.held.saturating_add(self.room(account))
    }

    /// How many rows one account would have if nobody held any.
    #[must_use]
    pub const fn most(&self) -> u32 {
        Self { shared_used: 0, used: 0, ..*self }.room(&Account::new())
    }

    /// How many rows are set aside for each account.
    #[inline]
    #[must_use]
    pub const fn least(&self) -> u32 {
        self.least
    }

    /// How many rows the table has.
    #[inline]
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// How many rows are taken.
    #[inline]
    #[must_use]
    pub const fn used(&self) -> u32 {
        self.used
    }
}

impl Account {
    /// The account of a party that holds nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { held: 0 }
    }

    /// How many rows the party holds.
    #[inline]
    #[must_use]
    pub const fn held(&self) -> u32 {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::super::random::Random;
    use super::*;

    const SIZES: [(u32, u32); 12] = [
        (0, 1),
        (0, 3),
        (1, 1),
        (1, 2),
        (4, 4),
        (16, 2),
        (17, 3),
        (64, 4),
        (100, 5),
        (1000, 40),
        (2000, 600),
        (131_072, 4096),
    ];

    fn accounts(count: u32) -> Vec<Account> {
        (0..count).map(|_| Account::new()).collect()
    }

    /// Recounts everything, and asks of everybody whether the guarantees hold.
    fn audit(shares: &Shares, accounts: &[Account]) {
        let held: u32 = accounts.iter().map(Account::held).sum();
        let excess = accounts.iter().map(|a| a.held.saturating_sub(shares.least));
        assert_eq!((shares.used, shares.shared_used), (held, excess.sum::<u32>()));
        assert!(shares.shared_used <= shares.shared);
        let lacking = accounts.iter().map(|a| shares.least.saturating_sub(a.held));
        assert!(shares.limit - held >= lacking.sum::<u32>(), "what is set aside is there");
        for account in accounts {
            assert!(shares.room(account) >= shares.least.saturating_sub(account.held));
            assert!(shares.room(account) <= shares.limit - held);
        }
    }

    #[test]
    fn nobody_is_kept_from_its_least_whatever_the_others_do() {
        for (limit, parties) in SIZES {
            let mut random = Random::new(u64::from(limit));
            let mut shares = Shares::new(limit, parties);
            let mut accounts = accounts(parties);
            let alpha = (1 << shares.shift) - 1;
            for step in 0..4000 {
                let who = random.below(u64::from(parties)) as usize;
                let account = &mut accounts[who];
                let room = shares.room(account);
                let count = random.below(u64::from(room) + 2) as u32;
                if random.below(3) > 0 {
                    let held = account.held;
                    assert_eq!(shares.take(account, count).is_ok(), count <= room);
                    if account.held > held.max(shares.least) {
                        let free = shares.shared - shares.shared_used;
                        assert!(account.held - shares.least <= alpha * (free + 1));
                    }
                } else {
                    let count = random.below(u64::from(account.held) + 1) as u32;
                    shares.give_back(account, count);
                }
                if step % 64 == 0 || parties < 10 {
                    audit(&shares, &accounts);
                }
            }
            for account in &mut accounts {
                shares.give_back(account, account.held);
            }
            audit(&shares, &accounts);
            assert_eq!((shares.used, shares.shared_used), (0, 0));
        }
    }

    #[test]
    fn each_half_of_a_party_has_what_it_needs_to_go_on() {
        let least = |limit, parties| Shares::in_halves(limit, parties, 2).least();
        assert_eq!((least(65_536, 4096), least(32, 4), least(31, 4)), (2, 2, 1));
        assert_eq!((least(16_384, 4096), least(8, 4), least(7, 4)), (1, 1, 0));
        assert_eq!((least(64, 1), least(8, 1), least(7, 1), least(0, 0)), (8, 2, 1, 0));
        let mut shares = Shares::in_halves(32, 4, 2);
        let most = shares.most();
        assert_eq!(most, shares.room(&Account::new()));
        let mut accounts = accounts(8);
        take_all(&mut shares, &mut accounts[..4]);
        audit(&shares, &accounts);
        assert_eq!(shares.most(), most, "whatever is held");
        assert!(accounts[..4].iter().all(|account| account.held >= 2 + 3));
        assert!(accounts[4..].iter().all(|account| shares.room(account) >= 2));
    }

    /// Everybody takes one row after the other, in turn, until nobody gets any.
    fn take_all(shares: &mut Shares, accounts: &mut [Account]) {
        loop {
            let mut any = false;
            for account in &mut *accounts {
                any |= shares.take(account, 1).is_ok();
            }
            if !any {
                return;
            }
        }
    }

    #[test]
    fn the_greedy_get_equal_shares_and_one_more_share_stays_free() {
        for (parties, alpha) in [(4, 3), (100, 1)] {
            for greedy in [1, 2, 3, 4, 50].into_iter().filter(|greedy| *greedy <= parties) {
                let mut shares = Shares::new(100_000, parties);
                let mut accounts = accounts(parties);
                take_all(&mut shares, &mut accounts[..greedy as usize]);
                audit(&shares, &accounts);
                let fair = shares.shared * alpha / (1 + alpha * greedy);
                for account in &accounts[..greedy as usize] {
                    let excess = account.held - shares.least;
                    assert!(excess.abs_diff(fair) <= alpha, "{excess} of {fair}");
                }
                let free = shares.shared - shares.shared_used;
                assert!(free.abs_diff(fair / alpha) <= greedy * alpha + 1, "{free}");
            }
        }
    }

    #[test]
    fn one_that_took_early_gives_way_to_those_who_come_later() {
        let mut shares = Shares::new(64_000, 100);
        let mut accounts = accounts(2);
        let (early, late) = accounts.split_at_mut(1);
        take_all(&mut shares, early);
        take_all(&mut shares, late);
        let before = (early[0].held, late[0].held);
        assert!(before.1 * 2 > before.0 && before.1 < before.0, "{before:?}");
        // What the early one gives back is the late one's until they hold the same.
        while early[0].held > late[0].held + 1 {
            shares.give_back(&mut early[0], 1);
            take_all(&mut shares, late);
            assert_eq!(shares.room(&early[0]), 0);
        }
        audit(&shares, &accounts);
        let (early, late) = accounts.split_at(1);
        assert!(late[0].held.abs_diff(early[0].held) <= 1);
    }

    #[test]
    fn a_party_alone_has_the_whole_table() {
        let mut shares = Shares::new(7, 1);
        let mut account = Account::new();
        assert_eq!((shares.room(&account), shares.share(&account), shares.least()), (7, 7, 7));
        assert_eq!(
            (shares.take(&mut account, 8), shares.take(&mut account, 7)),
            (Err(Full), Ok(()))
        );
        assert_eq!(
            (shares.take(&mut account, 1), shares.used(), shares.limit()),
            (Err(Full), 7, 7)
        );
        assert_eq!((shares.share(&account), account.held()), (7, 7));
    }

    #[test]
    fn the_least_is_a_quarter_of_the_table_divided_or_one_where_that_fits() {
        let least = |limit, parties| Shares::new(limit, parties).least();
        assert_eq!((least(131_072, 4096), least(294_912, 4096)), (8, 18));
        assert_eq!((least(100, 40), least(100, 50), least(100, 51)), (1, 1, 0));
        assert_eq!(
            (least(0, 2), least(3, 2), least(4, 2), least(u32::MAX, 0)),
            (0, 0, 1, u32::MAX)
        );
        assert_eq!(Shares::new(u32::MAX, 2).room(&Account::new()), 2_952_790_016);
    }
}
