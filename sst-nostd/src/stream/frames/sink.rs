//! Where frames and their receipts go.

use crate::bytes::Writer;
use crate::wire::Frame;

use crate::stream::receipt::Receipt;
#[cfg(doc)]
use crate::stream::tree_mut::TreeMut;

/// What [`TreeMut::fill`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// At least one frame was written.
    pub any: bool,
    /// The last frame runs to the end of the packet: nothing may follow it.
    pub is_closed: bool,
}

/// What became of one attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::stream) enum Progress {
    /// Nothing more to write from here.
    Done,
    /// The packet has no room for the next frame.
    NoRoom,
    /// The packet ends here.
    Closed,
    /// Only session credit is missing.
    NeedsCredit,
}

/// Where frames and their receipts go. A receipt that is refused means that the packet holds no
/// more frames, or that no more can be remembered: what it stands for is not sent, what was noted
/// before goes.
pub(in crate::stream) struct Sink<'a, 'b, F: FnMut(Receipt) -> bool> {
    pub(in crate::stream) out: &'a mut Writer<'b>,
    pub(in crate::stream) note: F,
    pub(in crate::stream) filled: Filled,
    /// The packet had no frame when filling began.
    pub(in crate::stream) is_empty: bool,
}

impl<F: FnMut(Receipt) -> bool> Sink<'_, '_, F> {
    /// Writes a small frame whole or not at all.
    pub(in crate::stream) fn frame(
        &mut self,
        frame: &Frame<'_>,
        receipt: Receipt,
    ) -> Result<(), Progress> {
        self.frames(&[frame], receipt)
    }

    /// Writes small frames that share one fate, all of them or none.
    pub(in crate::stream) fn frames(
        &mut self,
        frames: &[&Frame<'_>],
        receipt: Receipt,
    ) -> Result<(), Progress> {
        let start = self.out.position();
        let is_written = frames.iter().all(|frame| frame.encode(self.out).is_ok());
        if !is_written || !(self.note)(receipt) {
            self.out.truncate(start);
            return Err(Progress::NoRoom);
        }
        self.filled.any = true;
        Ok(())
    }
}
