//! [`Tasks`]: which sessions the tasks for streams serve.

use face::{Account, Full, Shares};

use crate::sizes::{SESSIONS, STREAM_TASKS};

/// The tasks that serve streams, shared by the sessions: one is kept for each, so that no peer
/// that holds all it can get keeps another from being served.
pub(crate) struct Tasks {
    shares: Shares,
    accounts: [Account; SESSIONS],
}

impl Tasks {
    /// All are free.
    pub(crate) const fn new() -> Self {
        let shares = Shares::new(STREAM_TASKS as u32, SESSIONS as u32);
        Self { shares, accounts: [const { Account::new() }; SESSIONS] }
    }

    /// Counts one more for the session of this index.
    ///
    /// # Errors
    /// [`Full`]: it holds its share.
    pub(crate) fn take(&mut self, session: usize) -> Result<(), Full> {
        let account = self.accounts.get_mut(session).ok_or(Full)?;
        self.shares.take(account, 1)
    }

    /// One of that session's has ended.
    pub(crate) fn give_back(&mut self, session: usize) {
        if let Some(account) = self.accounts.get_mut(session) {
            self.shares.give_back(account, 1);
        }
    }
}
