//! A stream cannot be taken in, and neither can those that wait for it.

use crate::id::StreamId;
use crate::time::Instant;
use crate::wire::StreamCode;

use crate::stream::flags::State;
use crate::stream::half::receive::Fault;
use crate::stream::refusals::Why;
use crate::stream::row::NOBODY;
use crate::stream::tree::Tree;
use crate::stream::tree_mut::TreeMut;

impl Tree {
    /// The end of a refused stream is known: its positions count as received and thrown away.
    /// Answers how many, or a fault.
    pub(in crate::stream) fn on_refused_end(
        &mut self,
        id: StreamId,
        end: u64,
    ) -> Result<u64, Fault> {
        if !self.refusals.is_open(id) {
            return Ok(0);
        }
        if end > self.receive_limit.saturating_sub(self.received) {
            return Err(Fault::FlowControl);
        }
        self.refusals.end(id);
        self.received = self.received.saturating_add(end);
        Ok(end)
    }
}

impl TreeMut<'_, '_> {
    /// Records that the stream `id`, which `is_datagram` or not, is refused, and
    /// refuses what waited for it.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        id: StreamId,
        is_datagram: bool,
        why: Why,
    ) -> Result<(), Fault> {
        let added = self.tree.refusals.add(id, is_datagram, why);
        added.map_err(|_| Fault::NoCapacity)?;
        self.tree.ids_in.set(id.counter());
        self.turn_away_waiting(now, id);
        Ok(())
    }

    /// Children that waited for a stream that was refused are refused too.
    fn turn_away_waiting(&mut self, now: Instant, parent_id: StreamId) {
        for slot in 0..self.tree.awaiting.len() {
            let Some(slot) = self.tree.awaiting.get_mut(slot) else { return };
            let child = *slot;
            if child == NOBODY {
                continue;
            }
            if self.streams.rows.get(child).is_none_or(|row| row.parent_id == parent_id) {
                *slot = NOBODY;
                if let Some(row) = self.streams.rows.get_mut(child) {
                    row.state.clear(State::AWAITS_PARENT);
                }
                self.turn_away(now, child, StreamCode::PARENT_GONE);
            }
        }
    }
}
