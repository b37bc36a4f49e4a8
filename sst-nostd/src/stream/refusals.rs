//! Streams that could not be taken in. Each is remembered until the peer has heard of it and has
//! told where the stream ends, so that the session's credit stays true.

use crate::id::StreamId;
use crate::limits::REFUSALS;
use crate::storage::Full;
use crate::wire::StreamCode;

use super::flags::Refused;
use super::receipt::Fate;

/// Why a stream is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// There is no room for it.
    NoCapacity,
    /// Its parent is not here any more.
    ParentGone,
    /// The session takes no more streams.
    SessionClosed,
}

/// What the peer is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) id: StreamId,
    pub(super) code: StreamCode,
    /// It was one datagram, which is refused by STOP alone.
    pub(super) is_datagram: bool,
}

/// The refused streams of one session. Nine bytes each: every session has room for some, and most
/// never refuse any.
#[derive(Debug)]
pub(super) struct Refusals {
    /// The root's id, which nobody refuses, where there is none.
    ids: [StreamId; REFUSALS],
    states: [Refused; REFUSALS],
    /// Some of them must be told.
    is_due: bool,
}

impl Refusals {
    pub(super) const fn new() -> Self {
        Self { ids: [StreamId::ROOT; REFUSALS], states: [Refused::NONE; REFUSALS], is_due: false }
    }

    /// Whether `id` was refused and is remembered.
    pub(super) fn contains(&self, id: StreamId) -> bool {
        !id.is_root() && self.ids.contains(&id)
    }

    /// Whether `id` was refused and the peer has not told where it ends.
    pub(super) fn is_open(&self, id: StreamId) -> bool {
        let mut refused = self.ids.iter().zip(&self.states);
        !id.is_root() && refused.any(|(other, state)| *other == id && !state.has(Refused::FINAL))
    }

    /// Whether some of them must be told to the peer.
    pub(super) const fn is_due(&self) -> bool {
        self.is_due
    }

    /// Refuses `id`, which the peer must be told.
    ///
    /// # Errors
    /// [`Full`]: the peer has to end others first.
    pub(super) fn add(&mut self, id: StreamId, is_datagram: bool, why: Why) -> Result<(), Full> {
        let (slot, state) = self.entry_mut(StreamId::ROOT).ok_or(Full)?;
        *slot = id;
        *state = Refused::DUE.with(why.state());
        if is_datagram {
            state.set(Refused::DATAGRAM);
        }
        self.is_due = true;
        Ok(())
    }

    /// The peer has told where `id` ends.
    pub(super) fn end(&mut self, id: StreamId) {
        let Some((slot, state)) = self.entry_mut(id) else { return };
        state.set(Refused::FINAL);
        if state.has(Refused::ACKED) {
            *slot = StreamId::ROOT;
            self.count_due();
        }
    }

    /// What the peer was told of `id` arrived, or must be told again.
    pub(super) fn on_fate(&mut self, id: StreamId, fate: Fate) {
        let Some((slot, state)) = self.entry_mut(id) else { return };
        match fate {
            Fate::Lost if state.has(Refused::ACKED) => {}
            Fate::Lost => state.set(Refused::DUE),
            Fate::Acked if state.has(Refused::FINAL) => *slot = StreamId::ROOT,
            Fate::Acked => {
                state.set(Refused::ACKED);
                // A copy that was to be said again need not be.
                state.clear(Refused::DUE);
            }
        }
        self.count_due();
    }

    /// The next one to be told.
    pub(super) fn next_due(&self) -> Option<Refusal> {
        let refused = self
            .ids
            .iter()
            .zip(&self.states)
            .find(|(id, state)| !id.is_root() && state.has(Refused::DUE));
        let (id, state) = refused?;
        let is_datagram = state.has(Refused::DATAGRAM);
        Some(Refusal { id: *id, code: code(*state), is_datagram })
    }

    /// `id` was told.
    pub(super) fn on_told(&mut self, id: StreamId) {
        if let Some((_, state)) = self.entry_mut(id) {
            state.clear(Refused::DUE);
        }
        self.count_due();
    }

    /// Some of them may be due no more, or again.
    fn count_due(&mut self) {
        self.is_due = self.next_due().is_some();
    }

    /// How many there are, for tests.
    #[cfg(all(test, feature = "alloc"))]
    pub(super) fn len(&self) -> usize {
        self.ids.iter().filter(|id| !id.is_root()).count()
    }

    fn entry_mut(&mut self, id: StreamId) -> Option<(&mut StreamId, &mut Refused)> {
        self.ids.iter_mut().zip(&mut self.states).find(|(other, _)| **other == id)
    }
}

impl Why {
    const fn state(self) -> Refused {
        match self {
            Self::NoCapacity => Refused::NONE,
            Self::ParentGone => Refused::PARENT_GONE,
            Self::SessionClosed => Refused::SESSION_CLOSED,
        }
    }
}

const fn code(state: Refused) -> StreamCode {
    if state.has(Refused::PARENT_GONE) {
        StreamCode::PARENT_GONE
    } else if state.has(Refused::SESSION_CLOSED) {
        StreamCode::SESSION_CLOSED
    } else {
        StreamCode::NO_CAPACITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Side;

    fn id(counter: u64) -> StreamId {
        StreamId::new(counter, Side::Small).unwrap()
    }

    #[test]
    fn one_is_told_until_it_arrives_and_remembered_until_it_ends() {
        let mut all = Refusals::new();
        all.add(id(1), true, Why::ParentGone).unwrap();
        all.add(id(2), false, Why::NoCapacity).unwrap();
        let first = Refusal { id: id(1), code: StreamCode::PARENT_GONE, is_datagram: true };
        assert_eq!(all.next_due(), Some(first));
        all.on_told(id(1));
        let second = Refusal { id: id(2), code: StreamCode::NO_CAPACITY, is_datagram: false };
        assert_eq!((all.next_due(), all.is_due()), (Some(second), true));
        all.on_told(id(2));
        assert_eq!((all.next_due(), all.is_due()), (None, false));
        all.on_fate(id(1), Fate::Lost);
        assert_eq!((all.next_due(), all.is_due()), (Some(first), true));
        all.on_told(id(1));
        // Either order of what arrives and where it ends.
        all.on_fate(id(1), Fate::Acked);
        all.on_fate(id(1), Fate::Lost);
        assert!(!all.is_due() && all.contains(id(1)) && all.is_open(id(1)));
        all.end(id(1));
        all.end(id(2));
        assert!(!all.contains(id(1)) && all.contains(id(2)) && !all.is_open(id(2)));
        all.on_fate(id(2), Fate::Acked);
        assert!(!all.contains(id(2)));
    }

    #[test]
    fn one_that_is_over_is_not_due() {
        for ends_first in [false, true] {
            let mut all = Refusals::new();
            all.add(id(1), false, Why::NoCapacity).unwrap();
            all.on_told(id(1));
            // A probe says it again; before that is sent, the first copy is acknowledged.
            all.on_fate(id(1), Fate::Lost);
            if ends_first {
                all.end(id(1));
            }
            all.on_fate(id(1), Fate::Acked);
            assert!(!all.is_due() && all.next_due().is_none());
            assert_eq!(all.contains(id(1)), !ends_first);
            all.end(id(1));
            assert!(!all.is_due() && !all.contains(id(1)));
        }
    }

    #[test]
    fn so_many_and_no_more() {
        let mut all = Refusals::new();
        for counter in 1..=REFUSALS as u64 {
            all.add(id(counter), false, Why::SessionClosed).unwrap();
        }
        assert_eq!(all.add(id(99), false, Why::NoCapacity), Err(Full));
        assert!(!all.contains(id(99)) && !all.contains(StreamId::ROOT));
    }
}
