//! Streams that cannot be taken in. Each keeps a small record until the peer has heard of it
//! and has told where the stream ends, so that the session's credit stays true.

use crate::id::StreamId;
use crate::time::Instant;
use crate::wire::StreamCode;

use crate::stream::flags::State;
use crate::stream::half::receive::Fault;
use crate::stream::receipt::Fate;
use crate::stream::row::NOBODY;
use crate::stream::tree::{Refusal, Tree};
use crate::stream::tree_mut::TreeMut;

impl Tree {
    fn refusal_mut(&mut self, id: StreamId) -> Option<&mut Option<Refusal>> {
        self.refusals.iter_mut().find(|slot| slot.is_some_and(|refusal| refusal.id == id))
    }

    /// Whether `id` was refused and the peer has not ended it yet.
    pub(in crate::stream) fn is_refused(&self, id: StreamId) -> bool {
        self.refusals.iter().flatten().any(|refusal| refusal.id == id)
    }

    /// The end of a refused stream is known: its positions count as received and thrown away.
    /// Answers how many, or a fault.
    pub(in crate::stream) fn on_refused_end(
        &mut self,
        id: StreamId,
        end: u64,
    ) -> Result<u64, Fault> {
        let room = self.receive_limit.saturating_sub(self.received);
        let Some(slot) = self.refusal_mut(id) else { return Ok(0) };
        let Some(refusal) = slot else { return Ok(0) };
        if refusal.is_final {
            return Ok(0);
        }
        if end > room {
            return Err(Fault::FlowControl);
        }
        refusal.is_final = true;
        if refusal.is_acked {
            *slot = None;
        }
        self.received = self.received.saturating_add(end);
        Ok(end)
    }

    /// A refusal arrived or must be repeated.
    pub(in crate::stream) fn on_refusal(&mut self, id: StreamId, fate: Fate) {
        let Some(slot) = self.refusal_mut(id) else { return };
        let Some(refusal) = slot else { return };
        match fate {
            Fate::Lost => {
                refusal.is_due = !refusal.is_acked;
                self.owes_refusals = true;
            }
            Fate::Acked if refusal.is_final => *slot = None,
            Fate::Acked => refusal.is_acked = true,
        }
    }
}

impl TreeMut<'_, '_> {
    /// Records that the stream `id`, which `is_datagram` or not, is refused with `code`, and
    /// refuses what waited for it.
    pub(super) fn refuse(
        &mut self,
        now: Instant,
        id: StreamId,
        is_datagram: bool,
        code: StreamCode,
    ) -> Result<(), Fault> {
        let slot = self.tree.refusals.iter_mut().find(|slot| slot.is_none());
        let slot = slot.ok_or(Fault::NoCapacity)?;
        *slot =
            Some(Refusal { id, code, is_datagram, is_due: true, is_acked: false, is_final: false });
        self.tree.owes_refusals = true;
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
