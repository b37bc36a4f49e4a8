//! Fills a packet: session frames first, then the streams in order of priority.

use crate::bytes::Writer;
use crate::storage::present;
use crate::time::Instant;
use crate::wire::Frame;

use crate::stream::flags::After;
use crate::stream::receipt::Receipt;
use crate::stream::row::StreamHandle;
use crate::stream::schedule::work::Work;
use crate::stream::tree::Tree;
use crate::stream::tree_mut::TreeMut;

use super::sink::{Filled, Progress, Sink};

impl Tree {
    /// Whether [`fill`](TreeMut::fill) would write anything, given room.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.owes_session_limit
            || self.owes_session_blocked
            || self.refusals.is_due()
            || !self.ready.is_empty()
    }
}

impl TreeMut<'_, '_> {
    /// Writes as many frames of this session as fit into `out`, calling `note` with a receipt
    /// before each. Stops early when `note` answers false.
    ///
    /// `is_empty`: the packet has no other frame so far. A datagram that does not fit into such a
    /// packet fits none any more, and is dropped.
    pub fn fill(
        &mut self,
        now: Instant,
        out: &mut Writer<'_>,
        is_empty: bool,
        note: impl FnMut(Receipt) -> bool,
    ) -> Filled {
        let is_empty = is_empty && out.position() == 0;
        let mut sink = Sink { out, note, filled: Filled::default(), is_empty };
        if write_session_frames(self.tree, &mut sink).is_err() {
            return sink.filled;
        }
        self.tree.settle_priorities(&mut self.streams.rows, &self.streams.stores);
        while let Some((stream, row)) =
            self.tree.ready.peek().and_then(|index| self.streams.rows.entry_at(index))
        {
            let is_urgent = row.is_urgent();
            // The peer knows the root.
            let has_parent = !row.parent_id.is_root();
            let before = core::mem::take(&mut sink.filled.any);
            let first = (stream, is_urgent, has_parent);
            let (progress, is_idle) = self.write_first(now, first, &mut sink);
            let has_written = sink.filled.any;
            sink.filled.any |= before;
            match progress {
                Progress::Done if is_urgent => {
                    self.tree.calm(&mut self.streams.rows, &self.streams.stores, stream)
                }
                Progress::Done | Progress::NeedsCredit => {
                    self.tree.ready.pop(&mut self.streams.rows);
                    if !is_idle {
                        self.tree.move_to_place(
                            &mut self.streams.rows,
                            &self.streams.stores,
                            stream,
                        );
                    }
                }
                Progress::NoRoom | Progress::Closed => {
                    if has_written && !is_urgent && self.streams.stores.config.takes_turns {
                        self.tree.pass_turn(&mut self.streams.rows, &self.streams.stores, stream);
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
        now: Instant,
        (stream, is_urgent, has_parent): (StreamHandle, bool, bool),
        sink: &mut Sink<'_, '_, F>,
    ) -> (Progress, bool) {
        if has_parent && let Err(progress) = self.announce_parents(stream, sink) {
            return (progress, false);
        }
        let one = self.look_up(stream);
        let Some(mut one) = present(one, "a stream that is ready is here") else {
            return (Progress::Done, false);
        };
        if is_urgent {
            return (one.write_owed(sink).err().unwrap_or(Progress::Done), false);
        }
        let progress = one.write_all(now, sink);
        let is_idle = one.stores.work(one.row, one.tree) == Work::Idle;
        let mut after = one.finish();
        // It is first of those ready, and its next place is given to it by the caller.
        after.clear(After::SCHEDULE);
        self.see_to(stream, after);
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
