//! Streams that cannot be taken in. Each keeps a small record until the peer has heard of it
//! and has told where the stream ends, so that the session's credit stays true.

use crate::id::StreamId;
use crate::storage::{Sighting, SlidingBits};
use crate::time::Instant;
use crate::wire::{Frame, Open, ResetFrame, StreamCode};

use super::Streams;
use super::children::Opened;
use super::fill::{Progress, Sink};
use super::receipt::{Fate, Receipt};
use super::receive::Fault;
use super::tree::{Refusal, Tree};

impl Tree {
    fn refusal_mut(&mut self, id: StreamId) -> Option<&mut Option<Refusal>> {
        self.refusals.iter_mut().find(|slot| slot.is_some_and(|refusal| refusal.id == id))
    }

    /// Whether `id` was refused and the peer has not ended it yet.
    pub(super) fn is_refused(&self, id: StreamId) -> bool {
        self.refusals.iter().flatten().any(|refusal| refusal.id == id)
    }

    /// The end of a refused stream is known: its positions count as received and thrown away.
    /// Answers how many, or a fault.
    pub(super) fn on_refused_end(&mut self, id: StreamId, end: u64) -> Result<u64, Fault> {
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
    pub(super) fn on_refusal(&mut self, id: StreamId, fate: Fate) {
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

    /// Sends what refused streams are owed.
    pub(super) fn write_refusals<F: FnMut(Receipt) -> bool>(
        &mut self,
        sink: &mut Sink<'_, '_, F>,
    ) -> Result<(), Progress> {
        if !self.owes_refusals {
            return Ok(());
        }
        for refusal in self.refusals.iter_mut().flatten().filter(|refusal| refusal.is_due) {
            let Refusal { id, code, .. } = *refusal;
            let reset = ResetFrame { id, code, final_position: 0, open: None };
            let (reset, stop) = (Frame::Reset(reset), Frame::Stop { id, code });
            let frames: &[&Frame<'_>] =
                if refusal.is_datagram { &[&stop] } else { &[&reset, &stop] };
            sink.frames(frames, Receipt::Refusal(id))?;
            refusal.is_due = false;
        }
        self.owes_refusals = false;
        Ok(())
    }
}

impl Streams<'_> {
    /// Records that the stream `id` is refused with `code`, and refuses what waited for it.
    pub(super) fn refuse(
        &mut self,
        tree: &mut Tree,
        now: Instant,
        id: StreamId,
        open: &Open,
        code: StreamCode,
    ) -> Result<Opened, Fault> {
        let slot = tree.refusals.iter_mut().find(|slot| slot.is_none());
        let slot = slot.ok_or(Fault::NoCapacity)?;
        let is_datagram = open.attributes.datagram;
        *slot =
            Some(Refusal { id, code, is_datagram, is_due: true, is_acked: false, is_final: false });
        tree.owes_refusals = true;
        tree.ids_in.set(id.counter());
        self.turn_away_waiting(tree, now, id);
        Ok(Opened::Refused)
    }
}

/// Whether a counter has been used.
pub(super) fn is_seen<const WORDS: usize>(ids: &SlidingBits<WORDS>, counter: u64) -> bool {
    ids.state(counter) != Sighting::Fresh
}
