//! What a stream needs only while it has marks or gaps.

use crate::limits::RANGES_PER_ROW;
use crate::storage::{NONE, RangeRow, Rope};

/// What a row of gaps is wanted for. The last quarter of a session's share is for what arrives: two
/// hosts whose writers took all could not hear each other's acknowledgement of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To take in what the peer sent.
    Needed,
    /// To send, or to send less again.
    Optional,
}

/// Ranges of positions: a row of them.
pub type Ranges = RangeRow<RANGES_PER_ROW>;

/// In place of the first gap's position: there is none.
pub(super) const NO_GAP: u64 = u64::MAX;

/// Which of a stream's sets of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Received above the first gap.
    Received,
    /// Acknowledged above the first position that is not.
    Acked,
    /// To send again.
    Lost,
    /// Taken by the application out of order.
    Taken,
}

/// The rarely needed part of a stream. The ropes hold one bit per position.
#[derive(Debug)]
pub struct Gaps {
    /// Which positions not yet acknowledged are marks.
    pub(super) sent_marks: Rope,
    /// Which positions not yet taken are marks.
    pub(super) received_marks: Rope,
    /// Everything below has been received, and not what comes next; or [`NO_GAP`].
    pub(super) contiguous: u64,
    /// Sets of ranges, by [`Kind`].
    sets: [u32; 4],
}

impl Gaps {
    /// No marks, and no gap.
    pub(super) const fn new() -> Self {
        Self {
            sent_marks: Rope::new(),
            received_marks: Rope::new(),
            contiguous: NO_GAP,
            sets: [NONE; 4],
        }
    }

    /// Whether something is missing below the highest position received.
    pub(super) const fn has_gap(&self) -> bool {
        self.contiguous != NO_GAP
    }

    /// Whether nothing is noted here.
    pub(super) fn is_empty(&self) -> bool {
        let has_marks = self.sent_marks.len_blocks() > 0 || self.received_marks.len_blocks() > 0;
        !has_marks && !self.has_gap() && self.sets == [NONE; 4]
    }

    /// The set of this kind.
    pub(super) const fn set(&self, kind: Kind) -> u32 {
        let [received, acked, lost, taken] = self.sets;
        match kind {
            Kind::Received => received,
            Kind::Acked => acked,
            Kind::Lost => lost,
            Kind::Taken => taken,
        }
    }

    /// All sets.
    pub(super) const fn sets_mut(&mut self) -> &mut [u32; 4] {
        &mut self.sets
    }

    pub(super) const fn set_mut(&mut self, kind: Kind) -> &mut u32 {
        let [received, acked, lost, taken] = &mut self.sets;
        match kind {
            Kind::Received => received,
            Kind::Acked => acked,
            Kind::Lost => lost,
            Kind::Taken => taken,
        }
    }
}
