//! Why a packet was ignored, and the counters of it.

/// Why a packet was dropped. Each reason has a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dropped {
    /// So many packets failed to open that the keys may no longer be trusted.
    AeadLimit,
    /// The packet number was already accepted.
    Duplicate,
    /// Too short for its kind, or a reserved bit is set.
    Malformed,
    /// Sealed under an epoch whose key is gone.
    OldKey,
    /// The packet number is below the replay window.
    TooOld,
    /// The tag is wrong under every key that it could have been sealed with.
    Unauthentic,
    /// The header names another channel.
    WrongChannel,
}

impl Dropped {
    /// How many reasons there are.
    pub const COUNT: usize = 7;

    /// The place of this reason's counter, below [`Dropped::COUNT`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// One counter for each reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DropCounts([u32; Dropped::COUNT]);

impl DropCounts {
    /// Counts one packet.
    pub fn add(&mut self, reason: Dropped) {
        if let Some(count) = self.0.get_mut(reason.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// Packets dropped for `reason`; stops at `u32::MAX`.
    #[must_use]
    pub fn of(&self, reason: Dropped) -> u32 {
        self.0.get(reason.index()).copied().unwrap_or(0)
    }

    /// Packets dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reason_has_the_last_counter() {
        assert_eq!(Dropped::WrongChannel.index() + 1, Dropped::COUNT);
        let mut counts = DropCounts::default();
        counts.add(Dropped::WrongChannel);
        counts.add(Dropped::AeadLimit);
        counts.add(Dropped::AeadLimit);
        assert_eq!((counts.of(Dropped::AeadLimit), counts.total()), (2, 3));
    }
}
