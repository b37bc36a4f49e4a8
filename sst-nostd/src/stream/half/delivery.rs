//! Receipts come back: what was delivered is let go, what was lost is owed again.

use crate::stream::flags::{After, Events, Pending, State};
use crate::stream::gaps::Kind;
use crate::stream::stream_mut::StreamMut;
use crate::stream::tracked::DatagramOutcome;

impl StreamMut<'_, '_> {
    /// Positions, and perhaps the end and the OPEN, are acknowledged.
    pub(in crate::stream) fn on_acked(&mut self, start: u64, len: u64, fin: bool, open: bool) {
        self.on_opened(open);
        self.on_delivered(start, len, fin);
        self.after_delivery();
    }

    /// The peer has seen the OPEN, if that is what was `open`: frames that waited for that may go.
    pub(in crate::stream) fn on_opened(&mut self, open: bool) {
        if !open || self.row.state.has(State::OPENED) {
            return;
        }
        self.row.state.set(State::OPENED);
        self.row.pending.clear(Pending::OPEN);
        self.tree.ids_out.set(self.row.id.counter());
        // The window of ids moves with the lowest one not acknowledged, whoever's it was.
        self.after.set(After::WAKE_OPENERS);
    }

    /// Positions, and perhaps the end, are acknowledged.
    fn on_delivered(&mut self, start: u64, len: u64, fin: bool) {
        if self.row.state.has(State::SEND_RESET) {
            return;
        }
        if fin {
            self.row.state.set(State::FIN_ACKED);
            self.row.pending.clear(Pending::FIN);
        }
        let end = start.saturating_add(len).min(self.row.sending.sent_end);
        if len == 0 || end <= self.row.sending.acked {
            return;
        }
        self.forget_lost(start..end);
        if start > self.row.sending.acked {
            if !self.add_range(Kind::Acked, start..end) {
                // No room to remember it: send it again, which is only waste.
                let owed = self.owe_positions(start..end);
                self.forget_acked_of_lost(owed);
            }
            return;
        }
        self.row.sending.acked = end;
        self.absorb_acked();
    }

    /// Moves `acked` over ranges acknowledged before, and frees what lies below it.
    fn absorb_acked(&mut self) {
        let Self { row, party, stores, .. } = self;
        let mut gaps = stores.gaps.at_mut(row.gaps);
        if let Some(gaps) = &mut gaps {
            let acked = gaps.set_mut(Kind::Acked);
            while let Some(first) =
                stores.ranges.first(*acked).filter(|first| first.start <= row.sending.acked)
            {
                row.sending.acked = row.sending.acked.max(first.end);
                stores.ranges.pop_first(&mut party.ranges, acked);
            }
            // What was owed for want of room may be acknowledged by now, and is let go below. From
            // the beginning on, nothing is split.
            let lost = gaps.set_mut(Kind::Lost);
            let _ = stores.ranges.remove(&mut party.ranges, lost, 0..row.sending.acked);
        }
        let acked = row.sending.acked;
        row.sending.next = row.sending.next.max(acked);
        let (pool, account) = (&mut stores.pool, &mut party.outgoing);
        if acked == row.sending.written {
            row.sending_rope.clear_to(pool, account, acked);
        } else {
            row.sending_rope.release_before(pool, account, acked);
        }
        if let Some(gaps) = gaps {
            if acked == row.sending.written {
                gaps.sent_marks.clear_to(pool, account, acked / 8);
            } else {
                gaps.sent_marks.release_before(pool, account, acked / 8);
            }
        }
        self.after.set(After::FEED);
    }

    /// Tells the application what a delivery means to it.
    fn after_delivery(&mut self) {
        let is_whole = self.row.sending.acked == self.row.sending.written;
        let over = State::SEND_RESET.with(State::SEND_DONE);
        if is_whole && self.row.state.has(State::FIN_ACKED) && !self.row.state.has_any(over) {
            self.row.state.set(State::SEND_DONE);
            self.tell(Events::FINISHED);
            self.settle_ticket(DatagramOutcome::Acknowledged);
        }
        self.wake_writer();
    }

    /// Positions, the end or the OPEN must be sent again.
    pub(in crate::stream) fn on_lost(&mut self, start: u64, len: u64, fin: bool, open: bool) {
        let row = &mut *self.row;
        if row.state.has_any(State::SEND_RESET.with(State::SEND_DONE)) {
            return;
        }
        if fin && !row.state.has(State::FIN_ACKED) {
            row.pending.set(Pending::FIN);
        }
        if open && !row.state.has(State::OPENED) {
            row.pending.set(Pending::OPEN);
        }
        let lost = start.max(row.sending.acked)..start.saturating_add(len);
        if lost.start < lost.end {
            let owed = self.owe_positions(lost);
            self.forget_acked_of_lost(owed);
        }
    }

    /// Owes a small frame again if it still says something.
    pub(in crate::stream) fn owe_unless_moot(&mut self, frame: Pending) {
        let row = &*self.row;
        let is_moot = match frame {
            Pending::RESET => row.state.has(State::SEND_DONE),
            Pending::STOP => row.state.has(State::FINAL_KNOWN),
            Pending::STREAM_LIMIT => row.state.has_any(State::FINAL_KNOWN.with(State::STOPPED)),
            Pending::STREAM_BLOCKED => {
                row.state.has(State::SEND_RESET)
                    || row.sending.next < row.sending.bound.reach()
                    || row.sending.written <= row.sending.bound.reach()
            }
            Pending::CHILD_BLOCKED => !row.state.has(State::WANTS_CHILD_CREDIT),
            _ => false,
        };
        if !is_moot {
            self.owe(frame);
        }
    }
}
