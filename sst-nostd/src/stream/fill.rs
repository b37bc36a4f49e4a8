//! Fills a packet: session frames first, then the streams in order of priority.

use crate::bytes::Writer;
use crate::time::Instant;
use crate::wire::Frame;

use super::Streams;
use super::flags::After;
use super::receipt::Receipt;
use super::row::StreamHandle;
use super::schedule::Work;
use super::tree::Tree;

/// What [`Streams::fill`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// At least one frame was written.
    pub any: bool,
    /// The last frame runs to the end of the packet: nothing may follow it.
    pub is_closed: bool,
}

/// What became of one attempt to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
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
pub(super) struct Sink<'a, 'b, F: FnMut(Receipt) -> bool> {
    pub(super) out: &'a mut Writer<'b>,
    pub(super) note: F,
    pub(super) filled: Filled,
    /// The packet had no frame when filling began.
    pub(super) is_empty: bool,
}

impl<F: FnMut(Receipt) -> bool> Sink<'_, '_, F> {
    /// Writes a small frame whole or not at all.
    pub(super) fn frame(&mut self, frame: &Frame<'_>, receipt: Receipt) -> Result<(), Progress> {
        self.frames(&[frame], receipt)
    }

    /// Writes small frames that share one fate, all of them or none.
    pub(super) fn frames(
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

impl Streams<'_> {
    /// Whether [`fill`](Self::fill) would write anything, given room.
    #[must_use]
    pub fn has_work(&self, tree: &Tree) -> bool {
        tree.owes_session_limit
            || tree.owes_session_blocked
            || tree.owes_refusals
            || !tree.ready.is_empty()
    }

    /// Writes as many frames of this session as fit into `out`, calling `note` with a receipt
    /// before each. Stops early when `note` answers false.
    ///
    /// `is_empty`: the packet has no other frame so far. A datagram that does not fit into such a
    /// packet fits none any more, and is dropped.
    pub fn fill(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        out: &mut Writer<'_>,
        is_empty: bool,
        note: impl FnMut(Receipt) -> bool,
    ) -> Filled {
        let is_empty = is_empty && out.position() == 0;
        let mut sink = Sink { out, note, filled: Filled::default(), is_empty };
        if write_session_frames(tree, &mut sink).is_err() {
            return sink.filled;
        }
        self.settle_priorities(tree);
        while let Some((stream, row)) =
            tree.ready.peek().and_then(|index| self.rows.entry_at(index))
        {
            let is_urgent = row.is_urgent();
            // The peer knows the root.
            let has_parent = !row.parent_id.is_root();
            let before = core::mem::take(&mut sink.filled.any);
            let first = (stream, is_urgent, has_parent);
            let (progress, is_idle) = self.write_first(tree, now, first, &mut sink);
            let has_written = sink.filled.any;
            sink.filled.any |= before;
            match progress {
                Progress::Done if is_urgent => self.calm(tree, stream),
                Progress::Done | Progress::NeedsCredit => {
                    tree.ready.pop(&mut self.rows);
                    if !is_idle {
                        self.move_to_place(tree, stream);
                    }
                }
                Progress::NoRoom | Progress::Closed => {
                    if has_written && !is_urgent && self.stores.config.takes_turns {
                        self.pass_turn(tree, stream);
                    }
                    sink.filled.is_closed = progress == Progress::Closed;
                    break;
                }
            }
        }
        sink.filled
    }

    /// Writes what the first of those ready has to send: only its small frames, if they are urgent.
    /// Tells also whether it is known to have nothing left.
    fn write_first<F: FnMut(Receipt) -> bool>(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        (stream, is_urgent, has_parent): (StreamHandle, bool, bool),
        sink: &mut Sink<'_, '_, F>,
    ) -> (Progress, bool) {
        if has_parent && let Err(progress) = self.announce_parents(tree, stream, sink) {
            return (progress, false);
        }
        let Some(mut one) = self.look_up(tree, stream) else { return (Progress::Done, false) };
        if is_urgent {
            return (one.write_owed(sink).err().unwrap_or(Progress::Done), false);
        }
        let progress = one.write_all(now, sink);
        let is_idle = one.stores.work(one.row, one.tree) == Work::Idle;
        let mut after = one.finish();
        // It is first of those ready, and its next place is given to it by the caller.
        after.clear(After::SCHEDULE);
        self.see_to(tree, stream, after);
        (progress, is_idle)
    }
}

/// Frames that belong to no stream.
fn write_session_frames<F: FnMut(Receipt) -> bool>(
    tree: &mut Tree,
    sink: &mut Sink<'_, '_, F>,
) -> Result<(), Progress> {
    if tree.owes_session_limit {
        sink.frame(&Frame::SessionLimit { limit: tree.receive_limit }, Receipt::SessionLimit)?;
        tree.owes_session_limit = false;
    }
    if tree.owes_session_blocked {
        sink.frame(&Frame::SessionBlocked { at: tree.send_limit }, Receipt::SessionBlocked)?;
        tree.owes_session_blocked = false;
    }
    tree.write_refusals(sink)
}
