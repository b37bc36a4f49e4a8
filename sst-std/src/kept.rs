//! [`Budget`]: how much memory readers may fill with records whose end has not come.
//!
//! A peer that never ends its records must not fill the host with them, nor may one reader keep
//! another from what it needs. Each reader may have half of what is free of its session's share,
//! and each session half of what is free of the endpoint's: who has much leaves room for others.
//! Beyond that a reader waits, and its peer with it; but one reader of each session may go on up to
//! its caller's limit, so that records which are too many at a time come one after the other.

use sst_nostd::StreamHandle;

/// What is kept by all readers of an endpoint.
#[derive(Debug)]
pub(crate) struct Budget {
    /// Nobody keeps more than this together.
    max_bytes: u64,
    /// By readers within their share.
    bytes: u64,
    /// By readers that go on beyond it.
    beyond_bytes: u64,
}

/// What is kept by the readers of one session.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// By those within their share.
    bytes: u64,
    /// The stream whose reader goes on beyond it, and what that keeps.
    beyond: Option<StreamHandle>,
    beyond_bytes: u64,
}

/// Why a reader gets no more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It has its share, and another reader of the session goes on: it has to wait for that.
    Share,
    /// The endpoint keeps as much as it may.
    Full,
}

impl Budget {
    /// The endpoint keeps at most `max_bytes`: an eighth of it by readers within their share.
    pub(crate) const fn new(max_bytes: u64) -> Self {
        Self { max_bytes, bytes: 0, beyond_bytes: 0 }
    }

    #[cfg(test)]
    pub(crate) const fn bytes(&self) -> u64 {
        self.bytes + self.beyond_bytes
    }

    /// Whether a reader that keeps `from` bytes may keep `to`.
    pub(crate) fn allow(
        &mut self,
        session: &mut Kept,
        stream: StreamHandle,
        from: u64,
        to: u64,
    ) -> Result<(), Refusal> {
        let is_beyond = session.beyond == Some(stream);
        if !is_beyond && to <= self.share(session, from) {
            return Ok(());
        }
        let others = self.beyond_bytes.saturating_sub(if is_beyond { from } else { 0 });
        if others.saturating_add(to) > self.max_bytes - self.max_bytes / 8 {
            return Err(Refusal::Full);
        }
        match session.beyond {
            None => {
                self.note(session, stream, from, 0);
                session.beyond = Some(stream);
                self.note(session, stream, 0, from);
                Ok(())
            }
            Some(_) if is_beyond => Ok(()),
            Some(_) => Err(Refusal::Share),
        }
    }

    /// A reader that kept `from` bytes keeps `to`. True if that made room for others.
    pub(crate) fn keep(
        &mut self,
        session: &mut Kept,
        stream: StreamHandle,
        from: u64,
        to: u64,
    ) -> bool {
        self.note(session, stream, from, to);
        if to == 0 && session.beyond == Some(stream) {
            session.beyond = None;
        }
        to < from
    }

    /// The reader of `stream` was given up. True if another may now go on beyond its share.
    pub(crate) fn give_up(&mut self, session: &mut Kept, stream: StreamHandle) -> bool {
        if session.beyond != Some(stream) {
            return false;
        }
        let bytes = session.beyond_bytes;
        self.note(session, stream, bytes, 0);
        session.beyond = None;
        self.note(session, stream, 0, bytes);
        true
    }

    /// The most that a reader may keep, of which it has `own`, if it leaves others their share.
    const fn share(&self, session: &Kept, own: u64) -> u64 {
        let free = (self.max_bytes / 8).saturating_sub(self.bytes.saturating_sub(session.bytes));
        (free / 2).saturating_sub(session.bytes.saturating_sub(own)) / 2
    }

    fn note(&mut self, session: &mut Kept, stream: StreamHandle, from: u64, to: u64) {
        let counts = if session.beyond == Some(stream) {
            [&mut self.beyond_bytes, &mut session.beyond_bytes]
        } else {
            [&mut self.bytes, &mut session.bytes]
        };
        for count in counts {
            *count = count.saturating_sub(from).saturating_add(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: u64 = 256 << 20;

    fn stream(index: u32) -> StreamHandle {
        StreamHandle::from_parts(index, 0)
    }

    /// Lets a reader have as much as it may, up to `limit`; how much that is.
    fn fill(budget: &mut Budget, session: &mut Kept, index: u32, limit: u64) -> u64 {
        let mut bytes = 0;
        while bytes < limit && budget.allow(session, stream(index), bytes, bytes + 4_096).is_ok() {
            budget.keep(session, stream(index), bytes, bytes + 4_096);
            bytes += 4_096;
        }
        bytes
    }

    #[test]
    fn records_without_an_end_are_bounded_and_leave_room() {
        let (mut budget, mut hostile) = (Budget::new(MAX), Kept::default());
        let one = 1 << 20;
        let kept: u64 = (0..10_000).map(|index| fill(&mut budget, &mut hostile, index, one)).sum();
        assert_eq!(kept, budget.bytes + budget.beyond_bytes);
        assert!(kept <= MAX / 16 + one, "{kept}");
        // Others have theirs as before, and so has a small record of the same session.
        let (mut honest, mut other) = (Kept::default(), Kept::default());
        assert_eq!(fill(&mut budget, &mut honest, 20_000, one), one);
        assert_eq!(fill(&mut budget, &mut other, 20_001, one), one);
        // Sessions without end have no more than what there is in all.
        let mut sessions: Vec<_> = (0..5_000).map(|_| Kept::default()).collect();
        for (index, session) in (30_000..).zip(&mut sessions) {
            fill(&mut budget, session, index, 16 << 20);
        }
        assert!(budget.bytes + budget.beyond_bytes <= MAX);
        assert_eq!(budget.allow(&mut sessions[4_999], stream(40_000), 0, MAX), Err(Refusal::Full));
    }

    #[test]
    fn one_record_after_the_other_goes_on_beyond_the_share() {
        let (mut budget, mut session) = (Budget::new(MAX), Kept::default());
        let most = 200 << 20;
        assert_eq!(fill(&mut budget, &mut session, 1, most), most);
        // The next long one waits, and a short one does not.
        let second = fill(&mut budget, &mut session, 2, most);
        assert_eq!(second, MAX / 32);
        let refused = budget.allow(&mut session, stream(2), second, second + 4_096);
        assert_eq!(refused, Err(Refusal::Share));
        assert_eq!(fill(&mut budget, &mut session, 3, 1 << 20), 1 << 20);
        assert!(budget.keep(&mut session, stream(1), most, 0));
        assert_eq!(budget.allow(&mut session, stream(2), second, most), Ok(()));
        // Its reader gives up: what it keeps stays, and another goes on.
        budget.keep(&mut session, stream(2), second, most / 2);
        assert!(budget.give_up(&mut session, stream(2)));
        assert!(!budget.give_up(&mut session, stream(3)));
        assert_eq!(budget.allow(&mut session, stream(3), 1 << 20, 2 << 20), Ok(()));
        assert_eq!(session.beyond, Some(stream(3)));
        budget.keep(&mut session, stream(3), 1 << 20, 0);
        budget.keep(&mut session, stream(2), most / 2, 0);
        assert_eq!((budget.bytes, budget.beyond_bytes, session.bytes), (0, 0, 0));
    }
}
